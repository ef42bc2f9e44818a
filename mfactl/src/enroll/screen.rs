//! The words of an enrolment, for people. Whatever comes from elsewhere is escaped here.

use mfa_proto::secret::in_fours;
use zeroize::Zeroizing;

use super::uri::{Entry, Moves};
use crate::codes;
use crate::print::escape::shown;
use crate::print::time::clock;

/// The question for the confirming code.
pub(super) const QUESTION: &str = "Code that the app shows now: ";

/// What to add to the app, without the QR code. The secret is last, so that it stays on a small
/// screen with the code below it.
pub(super) fn invitation(entry: &Entry, secret: &str) -> Zeroizing<String> {
    let secret = in_fours(secret);
    let mut text = Zeroizing::new(String::with_capacity(1024 + secret.len()));
    text.push_str("Add this account to your authenticator app, by the QR code or by its secret.\n\n");
    text.push_str("  The app will show  ");
    text.push_str(&shown(&entry.name()));
    text.push_str("\n  Codes              ");
    text.push_str(&codes(entry));
    text.push_str("\n  Secret             ");
    text.push_str(&secret);
    text.push('\n');
    text
}

/// What kind of codes the app will show.
fn codes(entry: &Entry) -> String {
    let (algorithm, digits) = (shown(&entry.algorithm), entry.digits);
    match entry.moves {
        Moves::ByTime(period) => format!("by time, {algorithm}, {digits} digits, a new one every {period} s"),
        Moves::ByCounter => format!("by counter, {algorithm}, {digits} digits, a new one at each press"),
    }
}

/// Why there is no QR code on the screen, where one was wanted.
pub(super) fn no_room(columns: usize, rows: usize) -> String {
    format!(
        "The QR code needs {columns} columns and {rows} rows, more than this terminal has.\n\
         Type the secret, or enlarge the window and begin again; `--qr png=FILE` writes\n\
         a picture, `--qr utf8` prints the code anyway."
    )
}

/// What was typed has not the shape of a code.
pub(super) fn no_code(digits: u32) -> String {
    format!("That is no code: a code has {digits} digits. It was not sent.")
}

/// The code was wrong: the usual reason, for one by time the daemon's time of day if known, and what
/// is left.
pub(super) fn wrong(moves: Moves, time: Option<u64>, left: usize) -> String {
    let (reason, next) = match (moves, time) {
        (Moves::ByCounter, _) => ("Is it the last one that the app has shown?".to_owned(), "Press for"),
        (Moves::ByTime(_), Some(time)) => {
            (format!("The server's clock says {} UTC: does the phone's?", clock(time)), "Wait for")
        }
        (Moves::ByTime(_), None) => ("Does the phone's clock say the right time?".to_owned(), "Wait for"),
    };
    let left = match left {
        0 => "No try is left.".to_owned(),
        1 => format!("{next} the next code; one try is left."),
        _ => format!("{next} the next code, and try again."),
    };
    format!("That code is not right. {reason}\n{left}")
}

/// The factor is active, and these are its account's new backup codes, if any.
pub(super) fn enrolled(backup_codes: &[String]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2048));
    text.push_str("Enrolled. A login now asks for a code of the app.\n");
    if !backup_codes.is_empty() {
        text.push('\n');
        codes::list(&mut text, backup_codes);
    }
    text
}

/// The last words: what the user must not find out at the next login.
pub(super) const AFTERWARDS: &str = "The code that you typed to confirm is spent: the next login needs the next one.\n\
     Keep this session open, and try a login in another one before you close it.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stands_in_fours() {
        assert_eq!(*in_fours("JBSWY3DPEHPK3PXP"), "JBSW Y3DP EHPK 3PXP");
        assert_eq!(*in_fours("ABCDE"), "ABCD E");
        assert_eq!(*in_fours(""), "");
    }

    #[test]
    fn what_the_app_will_show_is_told_and_cannot_drive_the_terminal() {
        let entry = Entry::read("otpauth://totp/Org:al%1b%5b2J?secret=ABCD&digits=8").unwrap();
        let text = invitation(&entry, "ABCDEFGH");
        assert!(text.contains(r"The app will show  Org (al\x1b[2J)"), "{}", *text);
        assert!(text.contains("by time, SHA1, 8 digits, a new one every 30 s"), "{}", *text);
        assert!(text.ends_with("ABCD EFGH\n"), "{}", *text);
        let entry = Entry::read("otpauth://hotp/al?secret=ABCD&counter=0").unwrap();
        let text = invitation(&entry, "ABCDEFGH");
        assert!(text.contains("by counter, SHA1, 6 digits, a new one at each press"), "{}", *text);
    }

    // S7, S13
    #[test]
    fn a_wrong_code_shows_the_clock_and_an_enrolment_says_that_its_code_is_spent() {
        let by_time = Moves::ByTime(30);
        let text = wrong(by_time, Some(1_795_424_700), 3);
        assert!(text.contains("09:05:00 UTC") && text.contains("Wait for the next code, and try"), "{text}");
        assert!(!wrong(by_time, None, 0).contains("UTC"));
        assert!(AFTERWARDS.contains("is spent") && AFTERWARDS.contains("Keep this session open"));
    }

    #[test]
    fn a_wrong_code_by_counter_is_not_laid_to_the_clock() {
        let text = wrong(Moves::ByCounter, Some(1_795_424_700), 1);
        assert!(text.contains("Press for the next code; one try") && !text.contains("clock"), "{text}");
    }

    // S14
    #[test]
    fn backup_codes_are_shown_where_there_are_any() {
        let text = enrolled(&["3-7KQ2M".to_owned()]);
        assert!(text.contains("\n  3-7KQ2M\n") && text.contains("shown this once"), "{}", *text);
        assert!(!enrolled(&[]).contains("Backup"));
    }
}
