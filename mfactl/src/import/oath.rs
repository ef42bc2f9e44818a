//! The users file of `pam_oath`, read as liboath reads it.
//!
//! ```text
//! TYPE USER PASSWORD HEXKEY [COUNTER [LAST_OTP [TIMESTAMP]]]
//! HOTP/T30/6 alice - 3132…3930 0 123456 2026-11-23T09:05:00L
//! ```
//!
//! liboath writes the counter of the code that was accepted, and the code: where a last code stands,
//! the next counter is one higher. Lines of any other first word are comments.
//!
//! The timestamp is local time, and no zone is recorded. The earliest time that it can mean is taken,
//! which is that of a place 14 hours ahead of UTC: a used step too early costs nothing, since mfad's mark
//! begins above the present step in any case, and one too late would shut a user out for hours.

use mfa_proto::secret::Secret;

use super::token::{LONGEST_SEED, Moving, Note, Token};

/// The largest users file, in bytes.
pub(crate) const LONGEST: usize = 16 * 1024 * 1024;
/// How far any place is ahead of UTC, in seconds.
const FURTHEST_AHEAD: u64 = 14 * 3600;

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error(
        "it has a password in clear text, which does not come along; let pam_unix check the user's password, \
         and put `+` in its place"
    )]
    Password,
    #[error("it has no seed")]
    NoSeed,
    #[error("its seed is not hexadecimal")]
    Seed,
    #[error("its seed is longer than any token can hold")]
    LongSeed,
    #[error("its counter is not a number")]
    Counter,
    #[error("its timestamp is not what liboath writes")]
    Timestamp,
}

/// Why the file is no users file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotText {
    #[error("it is longer than 16 MiB")]
    TooLong,
    #[error("it is not plain text")]
    Binary,
}

/// A line that names a token of a user's.
#[derive(Debug)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) user: Vec<u8>,
    pub(crate) token: Result<Token, Broken>,
}

/// Whether this may be a key in hexadecimal.
fn is_key(word: &[u8]) -> bool {
    word.len() >= 16 && word.iter().all(u8::is_ascii_hexdigit)
}

/// Reads a users file. Total over any bytes; a broken line is its user's trouble and nobody else's.
/// Lines of one user with the same token become the first of them.
pub(crate) fn parse(file: &[u8]) -> Result<Vec<Line>, NotText> {
    if file.len() > LONGEST {
        return Err(NotText::TooLong);
    }
    if file.contains(&0) {
        return Err(NotText::Binary);
    }
    let mut lines: Vec<Line> = Vec::new();
    for (at, text) in file.split(|&byte| byte == b'\n').enumerate() {
        let mut words =
            text.split(|byte| matches!(byte, b' ' | b'\t' | b'\r')).filter(|word| !word.is_empty());
        let Some((moving, digits)) = words.next().and_then(token_type) else { continue };
        // A line whose columns are shifted may have its key here, which is never shown.
        let Some(user) = words.next().filter(|user| !is_key(user)) else { continue };
        lines.push(Line { number: at + 1, user: user.to_vec(), token: token(moving, digits, words) });
    }
    Ok(lines)
}

/// Makes one token of those of a user that are the same: else a code that one has spent would be new to
/// the other.
pub(crate) fn merge(tokens: Vec<(usize, Result<Token, Broken>)>) -> Vec<(usize, Result<Token, Broken>)> {
    let mut merged: Vec<(usize, Result<Token, Broken>)> = Vec::new();
    for (number, token) in tokens {
        if let Ok(token) = &token {
            let twin = merged
                .iter_mut()
                .find_map(|(_, other)| other.as_mut().ok().filter(|other| other.is_twin_of(token)));
            if let Some(twin) = twin {
                twin.next = twin.next.max(token.next);
                if !twin.notes.contains(&Note::Repeated) {
                    twin.notes.push(Note::Repeated);
                }
                continue;
            }
        }
        merged.push((number, token));
    }
    merged
}

/// `HOTP`, `HOTP/E`, `HOTP/T30`, `HOTP/T60`, the latter three with `/6`, `/7` or `/8`.
fn token_type(word: &[u8]) -> Option<(Moving, u32)> {
    if word == b"HOTP" {
        return Some((Moving::Event, 6));
    }
    let rest = word.strip_prefix(b"HOTP/")?;
    let (moving, digits) = if let Some(digits) = rest.strip_prefix(b"E") {
        (Moving::Event, digits)
    } else if let Some(digits) = rest.strip_prefix(b"T30") {
        (Moving::Time { period: 30 }, digits)
    } else {
        (Moving::Time { period: 60 }, rest.strip_prefix(b"T60")?)
    };
    let digits = match digits {
        b"" | b"/6" => 6,
        b"/7" => 7,
        b"/8" => 8,
        _ => return None,
    };
    Some((moving, digits))
}

fn token<'a>(
    moving: Moving,
    digits: u32,
    mut words: impl Iterator<Item = &'a [u8]>,
) -> Result<Token, Broken> {
    match words.next() {
        None => return Err(Broken::NoSeed),
        Some(b"-" | b"+") => {}
        Some(_) => return Err(Broken::Password),
    }
    let seed = seed(words.next().ok_or(Broken::NoSeed)?)?;
    let counter = words.next().map_or(Ok(0), |word| decimal(word).ok_or(Broken::Counter))?;
    let used = words.next().is_some();
    let used_at = words.next().map(|word| earliest(word).ok_or(Broken::Timestamp)).transpose()?;
    let next = match moving {
        Moving::Event => counter.checked_add(u64::from(used)).ok_or(Broken::Counter)?,
        Moving::Time { period } => used_at.map_or(0, |time| time / u64::from(period) + 1),
    };
    let mut token = Token { moving, digits, seed, next, scratch_codes: Vec::new(), notes: Vec::new() };
    if token.is_weak() {
        token.notes.push(Note::Weak { bits: token.bits() });
    }
    Ok(token)
}

fn seed(hex: &[u8]) -> Result<Secret<Vec<u8>>, Broken> {
    let (pairs, odd) = hex.as_chunks::<2>();
    if pairs.len() > LONGEST_SEED {
        return Err(Broken::LongSeed);
    }
    let mut bytes = Vec::with_capacity(pairs.len()); // never moves, so leaves no copy
    let whole = pairs.iter().all(|[high, low]| {
        let byte = digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low);
        bytes.extend(byte);
        byte.is_some()
    });
    let seed = Secret::new(bytes);
    if whole && odd.is_empty() && !pairs.is_empty() { Ok(seed) } else { Err(Broken::Seed) }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn decimal(word: &[u8]) -> Option<u64> {
    if !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// The earliest Unix time that `YYYY-MM-DDThh:mm:ssL` can mean, whatever the zone it was written in.
fn earliest(word: &[u8]) -> Option<u64> {
    let word: &[u8; 20] = word.try_into().ok()?;
    if [word[4], word[7], word[10], word[13], word[16], word[19]] != *b"--T::L" {
        return None;
    }
    let [year, month, day] = [&word[..4], &word[5..7], &word[8..10]].map(decimal);
    let [hour, minute, second] = [&word[11..13], &word[14..16], &word[17..19]].map(decimal);
    let days = days_before(year?)? + day_of_year(year?, month?, day?)?;
    let (hour, minute, second) = (hour?, minute?, second?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(local.saturating_sub(FURTHEST_AHEAD))
}

fn leaps_before(year: u64) -> u64 {
    let past = year - 1;
    past / 4 - past / 100 + past / 400
}

/// Days from 1970 to the first day of `year`.
fn days_before(year: u64) -> Option<u64> {
    let years = year.checked_sub(1970)?;
    Some(years * 365 + leaps_before(year) - leaps_before(1970))
}

/// Days from the first day of `year`.
fn day_of_year(year: u64, month: u64, day: u64) -> Option<u64> {
    let february = 28 + leaps_before(year + 1) - leaps_before(year);
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = usize::try_from(month.checked_sub(1)?).ok()?;
    (1..=*lengths.get(month)?).contains(&day).then(|| lengths[..month].iter().sum::<u64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "3132333435363738393031323334353637383930";

    fn one(line: &str) -> Result<Token, Broken> {
        let mut lines = parse(line.as_bytes()).unwrap();
        assert_eq!(lines.len(), 1, "{line}");
        lines.remove(0).token
    }

    #[test]
    fn every_type_that_liboath_knows_is_read() {
        for (word, moving, digits) in [
            ("HOTP", Moving::Event, 6),
            ("HOTP/E", Moving::Event, 6),
            ("HOTP/E/6", Moving::Event, 6),
            ("HOTP/E/7", Moving::Event, 7),
            ("HOTP/E/8", Moving::Event, 8),
            ("HOTP/T30", Moving::Time { period: 30 }, 6),
            ("HOTP/T30/6", Moving::Time { period: 30 }, 6),
            ("HOTP/T30/7", Moving::Time { period: 30 }, 7),
            ("HOTP/T30/8", Moving::Time { period: 30 }, 8),
            ("HOTP/T60", Moving::Time { period: 60 }, 6),
            ("HOTP/T60/7", Moving::Time { period: 60 }, 7),
        ] {
            let token = one(&format!("{word} alice - {KEY}")).unwrap();
            assert_eq!((token.moving, token.digits, token.next), (moving, digits, 0), "{word}");
            assert_eq!(token.seed.expose(), b"12345678901234567890");
        }
    }

    #[test]
    fn lines_of_any_other_first_word_are_skipped() {
        for line in [
            "",
            "   ",
            "#",
            "# HOTP alice - 00",
            "#HOTP alice - 00",
            "hotp alice - 00",
            "HOTP/T45 alice - 00",
            "HOTP/ alice - 00",
            "HOTP/6 alice - 00",
            "HOTP/E/5 alice - 00",
            "HOTP/E/ alice - 00",
            "HOTPX alice - 00",
            "TOTP alice - 00",
            "HOTP",
        ] {
            assert!(parse(line.as_bytes()).unwrap().is_empty(), "{line}");
        }
    }

    #[test]
    fn lines_are_numbered_and_a_broken_one_hinders_no_other() {
        let file = format!("# users\r\nHOTP/T30\talice\t-\t{KEY}\r\n\nHOTP bob - zz\nHOTP carol + {KEY} 4");
        let lines = parse(file.as_bytes()).unwrap();
        let read: Vec<_> =
            lines.iter().map(|line| (line.number, line.user.as_slice(), line.token.as_ref().err())).collect();
        assert_eq!(
            read,
            [(2, &b"alice"[..], None), (4, &b"bob"[..], Some(&Broken::Seed)), (5, &b"carol"[..], None)]
        );
    }

    #[test]
    fn a_password_in_clear_text_is_refused_with_advice() {
        let broken = one(&format!("HOTP alice hunter2 {KEY}")).unwrap_err();
        assert_eq!(broken, Broken::Password);
        assert!(broken.to_string().contains("pam_unix"));
        assert!(!broken.to_string().contains("hunter2"));
    }

    #[test]
    fn what_is_broken_is_named_and_not_quoted() {
        let long = "00".repeat(LONGEST_SEED + 1);
        for (rest, broken) in [
            ("", Broken::NoSeed),
            ("-", Broken::NoSeed),
            ("- 0", Broken::Seed),
            ("- 000", Broken::Seed),
            ("- 0g", Broken::Seed),
            ("- 0x00", Broken::Seed),
            (&format!("- {long}"), Broken::LongSeed),
            ("- 00 marker", Broken::Counter),
            ("- 00 -1", Broken::Counter),
            ("- 00 18446744073709551616", Broken::Counter),
            ("- 00 18446744073709551615 1", Broken::Counter),
            ("- 00 1 123456 marker", Broken::Timestamp),
            ("- 00 1 123456 2026-02-29T00:00:00L", Broken::Timestamp),
            ("- 00 1 123456 2026-11-23T24:00:00L", Broken::Timestamp),
            ("- 00 1 123456 2026-11-23T09:05:00Z", Broken::Timestamp),
            ("- 00 1 123456 1969-12-31T23:59:59L", Broken::Timestamp),
        ] {
            assert_eq!(one(&format!("HOTP alice {rest}")).unwrap_err(), broken, "{rest:.60}");
            assert!(!broken.to_string().contains("marker"));
        }
    }

    // S3
    #[test]
    fn the_counter_of_a_code_that_was_used_is_not_used_again() {
        assert_eq!(one(&format!("HOTP alice - {KEY} 7")).unwrap().next, 7);
        assert_eq!(one(&format!("HOTP alice - {KEY} 7 162583")).unwrap().next, 8);
        assert_eq!(one(&format!("HOTP alice - {KEY} 7 162583 2026-11-23T09:05:00L more")).unwrap().next, 8);
    }

    // S3
    #[test]
    fn the_time_of_a_used_code_is_its_earliest_meaning() {
        let next = |line: &str| one(&format!("{line} 2026-11-23T09:05:00L")).unwrap().next;
        let utc = 1_795_424_700;
        assert_eq!(next(&format!("HOTP/T30 alice - {KEY} 0 1")), (utc - FURTHEST_AHEAD) / 30 + 1);
        assert_eq!(next(&format!("HOTP/T60 alice - {KEY} 0 1")), (utc - FURTHEST_AHEAD) / 60 + 1);
        assert_eq!(one(&format!("HOTP/T30 alice - {KEY} 0 1")).unwrap().next, 0);
    }

    #[test]
    fn dates_are_counted_as_calendars_do() {
        for (text, utc) in [
            ("1970-01-01T14:00:00L", FURTHEST_AHEAD),
            ("1970-01-01T00:00:00L", FURTHEST_AHEAD),
            ("2000-02-29T12:00:00L", 951_825_600),
            ("2024-12-31T23:59:60L", 1_735_689_600),
            ("2100-03-01T00:00:00L", 4_107_542_400),
        ] {
            assert_eq!(earliest(text.as_bytes()), Some(utc - FURTHEST_AHEAD), "{text}");
        }
    }

    // CVE-2013-7322
    #[test]
    fn lines_with_the_same_token_are_one_with_the_highest_mark() {
        let file = format!(
            "HOTP a - {KEY} 3\nHOTP/E/6 a - {KEY} 9\nHOTP a - {KEY} 1\nHOTP/E/8 a - {KEY}\nHOTP a x {KEY}"
        );
        let lines = parse(file.as_bytes()).unwrap();
        let merged = merge(lines.into_iter().map(|line| (line.number, line.token)).collect());
        let shape: Vec<_> = merged
            .iter()
            .map(|(number, token)| (*number, token.as_ref().map(|token| (token.digits, token.next)).ok()))
            .collect();
        assert_eq!(shape, [(1, Some((6, 9))), (4, Some((8, 0))), (5, None)]);
        assert_eq!(merged[0].1.as_ref().unwrap().notes, [Note::Repeated]);
    }

    #[test]
    fn what_is_no_text_is_refused_whole() {
        assert_eq!(parse(b"HOTP a - 00\0").unwrap_err(), NotText::Binary);
        assert_eq!(parse(&vec![b'\n'; LONGEST + 1]).unwrap_err(), NotText::TooLong);
        assert!(parse(b"").unwrap().is_empty());
    }

    // S29
    #[test]
    fn a_name_may_be_any_bytes() {
        assert_eq!(parse(b"HOTP a\xff\x1b - 00").unwrap()[0].user, b"a\xff\x1b");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(file in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = parse(&file);
        }

        #[test]
        fn no_line_that_looks_right_makes_it_panic(
            line in "HOTP(/(E|T30|T60)(/[678])?)? [a-z]{1,4} [-+] ([0-9a-f]{2}){1,24} [0-9]{0,21} ([0-9]{6})? [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}L",
        ) {
            let lines = parse(line.as_bytes()).unwrap();
            prop_assert_eq!(lines.len(), 1);
        }
    }
}
