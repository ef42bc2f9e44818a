//! Times of the week, in UTC.

use std::str::FromStr;

use mfa_proto::identity::UnixTime;

/// Minutes of a day.
const DAY: u16 = 24 * 60;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Some hours of some days of the week. Hours that pass midnight belong to the day on which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// One flag a day, Monday first.
    days: [bool; 7],
    /// First minute of the day, and the minute after the last; the same twice: the whole day.
    from: u16,
    to: u16,
}

impl Times {
    /// Whether `now` is one of them.
    pub fn contains(&self, now: UnixTime) -> bool {
        let minute = u16::try_from(now.0 / 60 % u64::from(DAY)).unwrap_or(0);
        let today = usize::try_from((now.0 / 86_400 + 3) % 7).unwrap_or(0); // 1970-01-01 was a Thursday
        let yesterday = (today + 6) % 7;
        if self.from < self.to {
            return self.days[today] && (self.from..self.to).contains(&minute);
        }
        self.days[today] && minute >= self.from || self.days[yesterday] && minute < self.to
    }
}

/// A minute of the week, Monday's first is 0.
type Minute = u64;

impl Times {
    /// Whether every time that is in one of `narrow` is in one of `wide`.
    pub fn are_within(narrow: &[Self], wide: &[Self]) -> bool {
        let is_in = |times: &[Self], minute: Minute| {
            let now = UnixTime((minute + 4 * u64::from(DAY)) * 60); // 1970-01-05 was a Monday
            times.iter().any(|time| time.contains(now))
        };
        // Between two of these nothing changes.
        let changes = narrow.iter().chain(wide).flat_map(|time| [0, time.from, time.to % DAY]);
        let days = 0..7;
        let mut minutes = changes
            .flat_map(|minute| days.clone().map(move |day| Minute::from(minute) + day * Minute::from(DAY)));
        minutes.all(|minute| !is_in(narrow, minute) || is_in(wide, minute))
    }
}

impl FromStr for Times {
    type Err = String;

    /// `Mon-Fri 08:00-18:00`, `Sat,Sun`, `22:00-06:00`.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "{text:?} is no time: write \"Mon-Fri 08:00-18:00\", \"Sat,Sun\" or \"22:00-06:00\" (UTC)"
            )
        };
        let mut words = text.split(' ');
        let first = words.next().unwrap_or_default();
        let (days, hours) =
            if first.contains(':') { (None, Some(first)) } else { (Some(first), words.next()) };
        if words.next().is_some() {
            return Err(bad());
        }
        let days = days.map_or(Some([true; 7]), parse_days).ok_or_else(bad)?;
        let (from, to) = hours.map_or(Some((0, DAY)), parse_hours).ok_or_else(bad)?;
        Ok(Self { days, from, to })
    }
}

fn parse_days(text: &str) -> Option<[bool; 7]> {
    let number = |name: &str| DAYS.iter().position(|day| *day == name);
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (number(first)?, number(last)?);
        days[last] = true;
        while day != last {
            days[day] = true;
            day = (day + 1) % 7;
        }
    }
    Some(days)
}

fn parse_hours(text: &str) -> Option<(u16, u16)> {
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let two = |digits: &str| {
            (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
                .then(|| digits.parse::<u16>().ok())?
        };
        let (hour, minute) = (two(hour)?, two(minute)?);
        (minute < 60 && hour * 60 + minute <= DAY).then_some(hour * 60 + minute)
    };
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from < DAY && from != to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23 was a Monday.
    const MONDAY: u64 = 1_795_392_000;

    fn at(day: u64, hour: u64, minute: u64) -> UnixTime {
        UnixTime(MONDAY + day * 86_400 + hour * 3600 + minute * 60)
    }

    #[test]
    fn times_are_of_the_week_in_utc() {
        let times = |text: &str| text.parse::<Times>().unwrap();
        let work = times("Mon-Fri 08:00-18:00");
        assert!(work.contains(at(0, 8, 0)) && work.contains(at(4, 17, 59)));
        assert!(!work.contains(at(0, 7, 59)) && !work.contains(at(0, 18, 0)) && !work.contains(at(5, 12, 0)));
        let weekend = times("Sat,Sun");
        assert!(
            weekend.contains(at(5, 0, 0))
                && weekend.contains(at(6, 23, 59))
                && !weekend.contains(at(7, 0, 0))
        );
        let over = times("Fri-Mon 12:00-24:00");
        assert!(over.contains(at(0, 23, 0)) && over.contains(at(6, 12, 0)) && !over.contains(at(1, 12, 0)));
    }

    #[test]
    fn hours_past_midnight_belong_to_the_day_they_began_on() {
        let night: Times = "Fri 22:00-06:00".parse().unwrap();
        assert!(night.contains(at(4, 22, 0)) && night.contains(at(5, 5, 59)));
        assert!(
            !night.contains(at(5, 6, 0)) && !night.contains(at(4, 3, 0)) && !night.contains(at(5, 22, 0))
        );
    }

    #[test]
    fn times_are_within_others_where_no_minute_is_outside() {
        let are = |narrow: &[&str], wide: &[&str]| {
            let times = |all: &[&str]| all.iter().map(|text| text.parse().unwrap()).collect::<Vec<Times>>();
            let (narrow, wide) = (times(narrow), times(wide));
            let by_minute = (0..7 * u64::from(DAY))
                .map(|minute| UnixTime(MONDAY + minute * 60))
                .all(|now| !narrow.iter().any(|t| t.contains(now)) || wide.iter().any(|t| t.contains(now)));
            assert_eq!(Times::are_within(&narrow, &wide), by_minute, "{narrow:?} {wide:?}");
            by_minute
        };
        assert!(are(&["Mon 08:00-12:00"], &["Mon-Fri 08:00-18:00"]));
        assert!(!are(&["Mon-Fri 08:00-18:00"], &["Mon 08:00-12:00"]));
        assert!(are(&["Mon 08:00-18:00"], &["08:00-12:00", "12:00-18:00"]));
        assert!(!are(&["Mon 08:00-18:00"], &["08:00-12:00", "12:01-18:00"]));
        assert!(are(&["Sat 22:00-06:00"], &["Sat,Sun"]) && !are(&["Sun 22:00-06:00"], &["Sat,Sun"]));
        assert!(are(&["Mon", "Tue"], &["Mon-Tue 00:00-24:00"]));
        assert!(are(&["Fri 22:00-06:00"], &["Fri 22:00-24:00", "Sat 00:00-06:00"]));
    }

    #[test]
    fn what_is_no_time_is_an_error() {
        for bad in [
            "",
            "Mon-",
            "mon",
            "Mon 8:00-18:00",
            "Mon 08:00",
            "08:00-08:00",
            "24:00-01:00",
            "08:60-09:00",
            "Mon 08:00-18:00 UTC",
            "Mon  08:00-09:00",
            "25:00-26:00",
            "08:00-24:01",
        ] {
            assert!(bad.parse::<Times>().is_err(), "{bad}");
        }
    }
}
