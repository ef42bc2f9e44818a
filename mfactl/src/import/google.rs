//! The state file of `pam_google_authenticator`, read as that module reads it.
//!
//! ```text
//! GEZDGNBVGY3TQOJQ…          the seed, in a lenient base 32
//! " TOTP_AUTH                options; the first of a name counts
//! " DISALLOW_REUSE 57841600
//! 12345678                   unused scratch codes
//! ```
//!
//! What the module would not log in with is an error here too, so that nobody is told that a factor
//! came over which never worked. An error names the option, and quotes nothing.

use mfa_proto::one_time::SLOTS;
use mfa_proto::secret::Secret;

use super::token::{LONGEST_SEED, Moving, Note, Token};

/// The largest state file, in bytes: what the module reads.
pub(crate) const LONGEST: usize = 64 * 1024;
/// Codes accepted by the module where the file says nothing.
const USUAL_WINDOW: u64 = 3;
/// Seconds of a step where the file says nothing.
const USUAL_PERIOD: u64 = 30;

/// Why a state file is none that could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than 64 KiB")]
    TooLong,
    #[error("it is not plain text")]
    NotText,
    #[error("its first line is not a seed in base 32")]
    Seed,
    #[error("its seed is longer than any app can hold")]
    LongSeed,
    #[error("its option {0} is not what it should be")]
    Option(&'static str),
    #[error("it says neither TOTP_AUTH nor HOTP_COUNTER")]
    NoKind,
}

/// Reads a state file. Total over any bytes.
pub(crate) fn parse(file: &[u8]) -> Result<Token, Broken> {
    if file.len() > LONGEST {
        return Err(Broken::TooLong);
    }
    if file.is_empty() {
        return Err(Broken::Empty);
    }
    if file.contains(&0) || !file.is_ascii() {
        return Err(Broken::NotText);
    }
    let (first, rest) = match file.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&file[..end], &file[end..]),
        None => (file, &file[..0]),
    };
    let seed = seed(first)?;
    let mut notes = Vec::new();
    let counter = number(rest, "HOTP_COUNTER", 0, u64::from(u32::MAX))?.unwrap_or(0);
    let (moving, next) = if counter > 0 {
        (Moving::Event, counter)
    } else if option(rest, "TOTP_AUTH").is_some() {
        let period = number(rest, "STEP_SIZE", 1, 60)?.unwrap_or(USUAL_PERIOD);
        let period = u32::try_from(period).map_err(|_| Broken::Option("STEP_SIZE"))?;
        notes.extend(skew(rest).map(|steps| Note::Skewed { steps }));
        (Moving::Time { period }, after_the_used(rest)?)
    } else {
        return Err(Broken::NoKind);
    };
    let codes = number(rest, "WINDOW_SIZE", 1, 100)?.unwrap_or(USUAL_WINDOW);
    if codes > USUAL_WINDOW {
        notes.push(Note::WideWindow { codes });
    }
    let scratch_codes = scratch_codes(rest, &mut notes);
    let mut token = Token { moving, digits: 6, seed, next, scratch_codes, notes };
    if token.is_weak() {
        token.notes.insert(0, Note::Weak { bits: token.bits() });
    }
    Ok(token)
}

/// The module's base 32: blanks and dashes are skipped, case does not matter, three digits stand for
/// the letters that they look like, there is no padding, and bits that fill no byte are dropped.
fn seed(line: &[u8]) -> Result<Secret<Vec<u8>>, Broken> {
    let mut bytes = Vec::with_capacity(line.len() * 5 / 8 + 1); // never moves, so leaves no copy
    let decoded = decode(line, &mut bytes);
    let seed = Secret::new(bytes);
    decoded?;
    match seed.expose().len() {
        0 => Err(Broken::Seed),
        length if length > LONGEST_SEED => Err(Broken::LongSeed),
        _ => Ok(seed),
    }
}

fn decode(line: &[u8], bytes: &mut Vec<u8>) -> Result<(), Broken> {
    let (mut held, mut bits) = (0u32, 0u32);
    for byte in line {
        let value = match byte.to_ascii_uppercase() {
            b' ' | b'\t' | b'\r' | b'\n' | b'-' => continue,
            b'0' => b'O' - b'A',
            b'1' => b'L' - b'A',
            b'8' => b'B' - b'A',
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return Err(Broken::Seed),
        };
        held = (held << 5 | u32::from(value)) & 0xfff; // at most 7 bits wait for the next 5
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    Ok(())
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| matches!(byte, b'\n' | b'\r'))
}

/// The value of the first option line of that name.
fn option<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    lines(text).find_map(|line| {
        let value = line.strip_prefix(b"\" ")?.strip_prefix(name.as_bytes())?;
        matches!(value.first(), None | Some(b' ' | b'\t')).then_some(value)
    })
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty())
}

fn decimal(word: &[u8]) -> Option<u64> {
    if !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// The option's one number, where there is the option.
fn number(text: &[u8], name: &'static str, least: u64, most: u64) -> Result<Option<u64>, Broken> {
    let Some(value) = option(text, name) else { return Ok(None) };
    let mut words = words(value);
    match (words.next().and_then(decimal), words.next()) {
        (Some(number), None) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => Err(Broken::Option(name)),
    }
}

/// One above the highest used step; 0 where none is recorded. The module writes the step that the code
/// was of, its skew included, as an `int`.
fn after_the_used(text: &[u8]) -> Result<u64, Broken> {
    const NAME: &str = "DISALLOW_REUSE";
    let mut next = 0;
    for word in words(option(text, NAME).unwrap_or_default()) {
        let step = decimal(word).filter(|step| u32::try_from(*step).is_ok()).ok_or(Broken::Option(NAME))?;
        next = next.max(step + 1);
    }
    Ok(next)
}

/// The learnt skew in steps, where it is more than mfad's own window bears. The module takes what is no
/// number for none.
fn skew(text: &[u8]) -> Option<i64> {
    let word = words(option(text, "TIME_SKEW")?).next()?;
    let steps: i64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    (steps.unsigned_abs() > 1 && i32::try_from(steps).is_ok()).then_some(steps)
}

/// Eight digits a line, up to the first line that is something else, each once.
fn scratch_codes(text: &[u8], notes: &mut Vec<Note>) -> Vec<Secret<Vec<u8>>> {
    let mut codes: Vec<Secret<Vec<u8>>> = Vec::new();
    for line in lines(text).filter(|line| !line.is_empty() && line[0] != b'"') {
        if line.len() != 8 || line[0] == b'0' || decimal(line).is_none() {
            notes.push(Note::LinesUnread);
            break;
        }
        if codes.iter().any(|code| code.expose() == line) {
            continue;
        }
        if codes.len() == usize::from(SLOTS) {
            notes.push(Note::ScratchCodesCut);
            break;
        }
        codes.push(Secret::new(line.to_vec()));
    }
    codes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn with(rest: &str) -> Result<Token, Broken> {
        parse(format!("{SEED}\n{rest}").as_bytes())
    }

    fn totp(rest: &str) -> Token {
        with(&format!("\" TOTP_AUTH\n{rest}")).unwrap()
    }

    fn codes(token: &Token) -> Vec<&[u8]> {
        token.scratch_codes.iter().map(|code| code.expose().as_slice()).collect()
    }

    #[test]
    fn a_file_as_the_program_makes_it_comes_over_whole() {
        let token = totp(
            "\" RATE_LIMIT 3 30 1700000000\n\" WINDOW_SIZE 3\n\" DISALLOW_REUSE 56666665 56666667 56666666\n\
             \" LAST0 5\n\" RESETTING_TIME_SKEW 1+1 2+1\n12345678\n87654321\n",
        );
        assert_eq!(token.moving, Moving::Time { period: 30 });
        assert_eq!(token.digits, 6);
        assert_eq!(token.seed.expose(), b"12345678901234567890");
        assert_eq!(token.next, 56_666_668);
        assert_eq!(codes(&token), [b"12345678", b"87654321"]);
        assert_eq!(token.notes, []);
    }

    #[test]
    fn the_seed_is_read_as_leniently_as_by_the_original() {
        for spelling in [
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
            "GEZD-GNBV-GY3T-Q0JQ-GEZD-GNBV-GY3T-QOJQ",
            "\tGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ \r",
        ] {
            let token = parse(format!("{spelling}\n\" TOTP_AUTH\n").as_bytes()).unwrap();
            assert_eq!(token.seed.expose(), b"12345678901234567890", "{spelling}");
        }
        let read = |line: &[u8]| seed(line).map(|seed| seed.expose().clone());
        assert_eq!(read(b"018"), read(b"OLB"));
        assert_eq!(read(b"AB"), Ok(vec![0]));
        assert_eq!(read(b"7777777777777"), Ok(vec![0xff; 8]));
        for wrong in [&b"GEZDGNBV="[..], b"GEZD9", b"GEZD_", b"A", b"", b" - ", b"\"GEZD"] {
            assert_eq!(read(wrong), Err(Broken::Seed), "{wrong:?}");
        }
        assert_eq!(read(&[b'A'; LONGEST_SEED * 8 / 5 + 1]).map(|seed| seed.len()), Ok(LONGEST_SEED));
        assert_eq!(read(&[b'A'; LONGEST_SEED * 8 / 5 + 3]), Err(Broken::LongSeed));
    }

    // S1
    #[test]
    fn a_short_seed_is_read_and_warned_of() {
        for (seed, bits) in [("AE", Some(8)), ("GEZDGNBVGY3TQOJQ", Some(80)), (&SEED[..26], None)] {
            let token = parse(format!("{seed}\n\" TOTP_AUTH\n").as_bytes()).unwrap();
            assert_eq!(token.notes, Vec::from_iter(bits.map(|bits| Note::Weak { bits })), "{seed}");
        }
    }

    #[test]
    fn a_counter_makes_it_hotp_whatever_else_is_there() {
        let token = with("\" HOTP_COUNTER 7\n\" TOTP_AUTH\n\" DISALLOW_REUSE 99\n").unwrap();
        assert_eq!((token.moving, token.next), (Moving::Event, 7));
        let token = with("\" HOTP_COUNTER 0\n\" TOTP_AUTH\n").unwrap();
        assert_eq!(token.moving, Moving::Time { period: 30 });
        assert_eq!(with("\" HOTP_COUNTER 0\n").unwrap_err(), Broken::NoKind);
        assert_eq!(with("").unwrap_err(), Broken::NoKind);
        assert_eq!(parse(SEED.as_bytes()).unwrap_err(), Broken::NoKind);
    }

    #[test]
    fn the_first_option_of_a_name_counts_and_only_whole_names() {
        assert_eq!(totp("\" STEP_SIZE 60\n\" STEP_SIZE 1\n").moving, Moving::Time { period: 60 });
        assert_eq!(totp("\" STEP_SIZES 60\n\"STEP_SIZE 50\n STEP_SIZE 40\n").moving.period(), 30);
        assert_eq!(with("\" TOTP_AUTHX\n").unwrap_err(), Broken::NoKind);
        assert_eq!(with("\" totp_auth\n").unwrap_err(), Broken::NoKind);
        assert_eq!(with("\" TOTP_AUTH").unwrap().moving.period(), 30);
        assert_eq!(with("\" TOTP_AUTH\r\n\" STEP_SIZE\t 15 \r\n").unwrap().moving.period(), 15);
    }

    #[test]
    fn an_option_that_is_broken_is_named_and_not_quoted() {
        for (rest, name) in [
            ("\" STEP_SIZE 0", "STEP_SIZE"),
            ("\" STEP_SIZE 61", "STEP_SIZE"),
            ("\" STEP_SIZE", "STEP_SIZE"),
            ("\" STEP_SIZE 30 30", "STEP_SIZE"),
            ("\" WINDOW_SIZE 0", "WINDOW_SIZE"),
            ("\" WINDOW_SIZE 101", "WINDOW_SIZE"),
            ("\" WINDOW_SIZE marker", "WINDOW_SIZE"),
            ("\" HOTP_COUNTER -1", "HOTP_COUNTER"),
            ("\" HOTP_COUNTER 99999999999999999999", "HOTP_COUNTER"),
            ("\" DISALLOW_REUSE 1 marker", "DISALLOW_REUSE"),
            ("\" DISALLOW_REUSE -1", "DISALLOW_REUSE"),
            ("\" DISALLOW_REUSE 4294967296", "DISALLOW_REUSE"),
        ] {
            let broken = with(&format!("\" TOTP_AUTH\n{rest}\n")).unwrap_err();
            assert_eq!(broken, Broken::Option(name), "{rest}");
            assert!(!broken.to_string().contains("marker"));
        }
    }

    // S3
    #[test]
    fn the_highest_used_step_is_the_mark() {
        assert_eq!(totp("").next, 0);
        assert_eq!(totp("\" DISALLOW_REUSE\n").next, 0);
        assert_eq!(totp("\" DISALLOW_REUSE 3 9 4\n").next, 10);
        assert_eq!(totp("\" TIME_SKEW 40\n\" DISALLOW_REUSE 9\n").next, 10);
    }

    #[test]
    fn what_mfad_does_otherwise_is_said() {
        assert_eq!(totp("\" WINDOW_SIZE 17\n").notes, [Note::WideWindow { codes: 17 }]);
        assert_eq!(totp("\" WINDOW_SIZE 1\n").notes, []);
        assert_eq!(totp("\" TIME_SKEW -4\n").notes, [Note::Skewed { steps: -4 }]);
        for borne in ["1", "0", "-1", "marker", ""] {
            assert_eq!(totp(&format!("\" TIME_SKEW {borne}\n")).notes, [], "{borne}");
        }
    }

    // S14
    #[test]
    fn scratch_codes_are_eight_digits_and_end_at_the_first_other_line() {
        let token = totp("10000000\r\n\r\n\" LAST0 1\n99999999\n10000000\n");
        assert_eq!(codes(&token), [b"10000000", b"99999999"]);
        for other in ["09999999", "1000000", "100000000", " 10000000", "1000000x", "-1000000", "+1000000"] {
            let token = totp(&format!("11111111\n{other}\n22222222\n"));
            assert_eq!(codes(&token), [b"11111111"], "{other}");
            assert_eq!(token.notes, [Note::LinesUnread], "{other}");
        }
        let many: String = (0..11).map(|n| format!("{}\n", 10_000_000 + n)).collect();
        assert_eq!(totp(&many).scratch_codes.len(), 10);
        assert_eq!(totp(&many).notes, [Note::ScratchCodesCut]);
    }

    #[test]
    fn what_is_no_text_is_refused_whole() {
        let file = |rest: &[u8]| [SEED.as_bytes(), b"\n\" TOTP_AUTH\n", rest].concat();
        assert_eq!(parse(b"").unwrap_err(), Broken::Empty);
        assert_eq!(parse(&file(b"\0")).unwrap_err(), Broken::NotText);
        assert_eq!(parse(&file(b"\xff")).unwrap_err(), Broken::NotText);
        assert_eq!(parse(&vec![b'\n'; LONGEST]).unwrap_err(), Broken::Seed);
        assert_eq!(parse(&vec![b'\n'; LONGEST + 1]).unwrap_err(), Broken::TooLong);
        assert_eq!(parse(b"root:x:0:0:root:/root:/bin/bash\n").unwrap_err(), Broken::Seed);
    }

    // S8
    #[test]
    fn a_token_shows_no_secret() {
        let shown = format!("{:?}", totp("12345678\n"));
        assert!(!shown.contains("12345678") && !shown.contains("49, 50, 51"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(file in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = parse(&file);
        }

        #[test]
        fn no_text_that_looks_right_makes_it_panic(
            seed in "[A-Za-z0-9 -]{0,60}",
            rest in "((\" (TOTP_AUTH|HOTP_COUNTER|STEP_SIZE|WINDOW_SIZE|DISALLOW_REUSE|TIME_SKEW)[ 0-9-]{0,24}|[0-9]{0,9})\r?\n){0,12}",
        ) {
            if let Ok(token) = parse(format!("{seed}\n{rest}").as_bytes()) {
                prop_assert!(!token.seed.expose().is_empty());
                prop_assert!(token.scratch_codes.len() <= 10);
                prop_assert!(token.moving.period() <= 60);
            }
        }
    }
}
