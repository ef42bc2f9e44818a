//! Unix seconds as UTC, for people. The proleptic Gregorian calendar, no leap seconds.

const DAY: u64 = 86_400;

/// `2026-11-23 09:05:00 UTC`.
pub fn utc(seconds: u64) -> String {
    format!("{} {} UTC", day(seconds), clock(seconds))
}

/// `2026-11-23`, the day in UTC.
pub fn day(seconds: u64) -> String {
    let (year, month, day) = date(seconds / DAY);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `6 days`, `1 day`: from `now` until `then`, a day that has begun counted as one; 0 when over.
pub fn days_until(then: u64, now: u64) -> String {
    match then.saturating_sub(now).div_ceil(DAY) {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// `09:05:00`, the time of day in UTC.
pub fn clock(seconds: u64) -> String {
    let of_day = seconds % DAY;
    format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// The date that `days` after 1970-01-01 is. Counts in eras of 400 years from 0000-03-01, so that
/// the leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, of_era) = (days / ERA, days % ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The days from 1970-01-01 to that date, or `None` where there is no such date or it is earlier. The inverse of
/// what [`day`] prints.
pub fn days_to(year: u64, month: u64, day: u64) -> Option<u64> {
    let guess =
        (year.checked_sub(1970)? * 365 + year.saturating_sub(1969) / 4).saturating_sub(60) + month * 28;
    (guess.saturating_sub(60)..guess + 90).find(|days| date(*days) == (year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_right_at_its_corners() {
        let known = [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (1_795_424_700, "2026-11-23 09:05:00 UTC"),
            (2_147_483_648, "2038-01-19 03:14:08 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (20_000_000_000, "2603-10-11 11:33:20 UTC"),
        ];
        for (seconds, text) in known {
            assert_eq!(utc(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn days_that_are_left_are_counted_with_the_one_that_runs() {
        let left = |seconds| days_until(1_000_000 + seconds, 1_000_000);
        assert_eq!(
            [0, 1, DAY, DAY + 1, 14 * DAY].map(left),
            ["0 days", "1 day", "1 day", "2 days", "14 days"]
        );
        assert_eq!(days_until(5, 10), "0 days");
    }

    #[test]
    fn no_time_is_too_late_to_print() {
        assert!(utc(u64::MAX).ends_with(" UTC"));
    }
}
