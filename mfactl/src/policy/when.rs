//! Times as they are typed.

use mfa_proto::time::days_to;

use crate::pam::clock::now;

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// So many seconds before now.
    Ago(u64),
    /// That Unix time.
    At(u64),
}

impl Since {
    /// In Unix seconds.
    pub(crate) fn unix(self) -> u64 {
        match self {
            Self::Ago(seconds) => now().saturating_sub(seconds),
            Self::At(time) => time,
        }
    }
}

/// `7d`, `12h`, `30m`, or a time.
pub(crate) fn since(text: &str) -> Result<Since, String> {
    let ago = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit = match unit {
            "d" => 86_400,
            "h" => 3600,
            "m" => 60,
            _ => return None,
        };
        number.parse::<u32>().ok().map(|number| Since::Ago(u64::from(number) * unit))
    };
    let neither = |_| "write 7d, 12h, 30m, 2026-12-01 or '2026-12-01 08:00' (UTC)".to_owned();
    ago().map_or_else(|| time(text).map(Since::At).map_err(neither), Ok)
}

/// `2026-12-01`, `2026-12-01 08:00`, `2026-12-01T08:00:00Z`: in UTC, as Unix seconds.
pub(crate) fn time(text: &str) -> Result<u64, String> {
    read(text).ok_or_else(|| "write 2026-12-01 or '2026-12-01 08:00' (UTC)".to_owned())
}

fn read(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix(" UTC")).unwrap_or(text);
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut date = date.split('-').map(|part| number(part, if part.len() == 4 { 4 } else { 2 }));
    let days = days_to(date.next()??, date.next()??, date.next()??).filter(|_| date.next().is_none())?;
    let mut clock = clock.split(':').map(|part| number(part, 2));
    let (hour, minute) = (clock.next()??, clock.next()??);
    let second = clock.next().unwrap_or(Some(0))?;
    let rest = clock.next().is_some() || hour > 23 || minute > 59 || second > 59;
    (!rest).then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_to_the_second_or_coarser() {
        assert_eq!(time("2026-11-23"), Ok(1_795_392_000));
        for text in ["2026-11-23 09:05", "2026-11-23T09:05:00Z", "2026-11-23 09:05:00 UTC"] {
            assert_eq!(time(text), Ok(1_795_424_700), "{text}");
        }
        for bad in
            ["", "now", "2026-02-30", "26-11-23", "2026-11-23 24:00", "2026-11-23 9:05", "2026-11-23-1"]
        {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_length_of_time_is_counted_back_from_now() {
        assert_eq!(since("7d"), Ok(Since::Ago(604_800)));
        assert_eq!(since("12h"), Ok(Since::Ago(43_200)));
        assert_eq!(since("2026-11-23"), Ok(Since::At(1_795_392_000)));
        for bad in ["", "d", "7", "7w", "-1d", "week"] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }
}
