//! Times as they are typed.

use mfa_proto::time::days_to;

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
}
