//! Every word that a person reads in a login.
//!
//! Until the first factor is attested, all refusals read alike. What must be read is in the
//! prompt, the question last; a first line is left to the client, which writes before it.

use mfa_proto::{
    identity::UnixTime,
    step::Reason,
    time::{clock, day, days_until},
};
use zeroize::Zeroizing;

/// The ordinary question.
pub const QUESTION: &str = "Verification code: ";

/// The next prompt after `reason`, which ends in `question`. `attested`: whether more may be told than that it was not
/// accepted; `seconds`: until the app shows another code, or until another try is judged; `now`:
/// what is told of the server's clock, never the right code.
pub fn prompt(question: &str, reason: Reason, attested: bool, seconds: u32, now: UnixTime) -> String {
    let said = match (reason, attested) {
        (Reason::Plain, _) => return question.to_owned(),
        (Reason::Help, _) => {
            "Type the digits that your authenticator app shows now for this machine.\n\
             Spaces and dashes do not matter. Type b to see what you type.\n\
             No app at hand? Type one of your backup codes, or ask your administrator."
        }
        (Reason::Visible, _) => "What you type now can be seen.",
        (_, false) => NOT_ACCEPTED,
        (Reason::Spent, true) if seconds == 0 => "That code was used already. Type the next one.",
        (Reason::Spent, true) => {
            return format!(
                "\nThat code was used already. Your app shows a new one in {seconds} s.\n{question}"
            );
        }
        (Reason::NoCode, true) => "That cannot be a code: a code has 6 to 8 digits.",
        (Reason::Expired, true) => "That question had expired.",
        (Reason::NotEnrolled, true) => {
            "This account has no second factor, and one is required here.\n\
             Type the invitation that your administrator gave you (I-...), or ask for one."
        }
        (Reason::MayNotEnrol, true) => "Enrolling is not allowed here. Ask your administrator.",
        (Reason::Busy, true) => "Too many codes are being checked at this moment: type it again.",
        (Reason::Ahead, true) => "Your token has run ahead: type the next code that it shows.",
        (
            Reason::Limited
            | Reason::DoorClosed
            | Reason::Disabled
            | Reason::Locked
            | Reason::Denied
            | Reason::KindNotAllowed,
            true,
        ) => {
            return format!("\n{}\n{question}", farewell(reason, attested, seconds));
        }
        (_, true) => {
            return format!(
                "\nThat code is not right. The clock here says {} UTC: does your phone's?\n{question}",
                clock(now.0)
            );
        }
    };
    format!("\n{said}\n{question}")
}

/// The question for the code of an enrolment.
pub const CONFIRM: &str = "Code that the app shows now: ";

/// The offer to enrol, until `ends`.
pub fn offer(ends: UnixTime, now: UnixTime) -> String {
    format!(
        "\nA second factor is required here from {} on: {} left.\n\
         Type e to set one up now (you need an authenticator app),\n\
         or press Enter to go on: ",
        day(ends.0),
        days_until(ends.0, now.0)
    )
}

/// For who is let in without a factor. `from`: when one is required; `may_enrol`: whether by a wish alone.
pub fn reminder(from: Option<UnixTime>, now: UnixTime, may_enrol: bool) -> String {
    let how =
        if may_enrol { "Set one up: mfactl enroll" } else { "Ask your administrator for an invitation." };
    match from {
        Some(from) => format!(
            "A second factor is required here from {} on: {} left.\n{how}",
            day(from.0),
            days_until(from.0, now.0)
        ),
        None => format!("Your account has no second factor. {how}"),
    }
}

/// The code of an enrolment that an earlier login showed.
pub fn resume() -> String {
    format!(
        "\nYour new second factor waits for its first code.\nNo app has it? Type e to begin again.\n{CONFIRM}"
    )
}

/// What goes with the picture of an enrolment.
pub fn scan(secret: &str, ascii: bool) -> Zeroizing<String> {
    let other = if ascii { "" } else { "No picture? Type ? for plain characters. " };
    Zeroizing::new(format!(
        "Scan this with your authenticator app, or type its secret:\n  {secret}\n{other}Then confirm it.\n"
    ))
}

/// The ordinary question, after what there is to know.
pub fn with_news(news: &str) -> String {
    format!("\n{news}\n{QUESTION}")
}

/// After an enrolment in the login: shown in a prompt of its own. `codes`: none where the host takes none, and empty
/// where they could not be made in time.
pub fn enrolled(codes: Option<&[String]>) -> String {
    let mut text = String::from("\nYour second factor is set up. The code that you typed is spent.\n");
    let Some(codes) = codes else { return text + CONTINUE };
    if codes.is_empty() {
        text.push_str("Backup codes, for a day without the app: mfactl codes renew makes them.\n");
    } else {
        text.push_str("Backup codes, each for one login without the app. They are shown this once:\n\n");
        for pair in codes.chunks(2) {
            text.push_str("  ");
            text.push_str(&pair.join("    "));
            text.push('\n');
        }
        text.push('\n');
    }
    text.push_str(CONTINUE);
    text
}

/// News that the account phase tells.
pub fn told(news: &str) -> String {
    format!("\n{news}\n{CONTINUE}")
}

/// The end of what must be read.
const CONTINUE: &str = "Press Enter to go on. ";

/// All that a stranger reads.
const NOT_ACCEPTED: &str = "Not accepted.";

/// The last words of a refused login.
pub fn farewell(reason: Reason, attested: bool, seconds: u32) -> String {
    match (reason, attested) {
        (_, false) => NOT_ACCEPTED.to_owned(),
        (Reason::Limited, true) => {
            format!("Too many wrong codes from here. Try again in {}.", duration(seconds))
        }
        (Reason::DoorClosed, true) => {
            "Too many wrong codes from here.\nAsk your administrator to open the way (mfactl user unlock)."
                .into()
        }
        (Reason::Disabled, true) => {
            "Too many wrong codes. Ask your administrator to check and unlock your account.".into()
        }
        (Reason::NotEnrolled, true) => {
            "This account has no second factor, and one is required here.\nAsk your administrator.".into()
        }
        (Reason::KindNotAllowed, true) => {
            "This host does not take codes of that kind.\nUse another factor of yours, or ask your administrator."
                .into()
        }
        (Reason::Locked, true) => "This account is locked. Ask your administrator.".into(),
        (Reason::Denied, true) => {
            "The policy of this host lets nobody in here, with any code.\nAsk your administrator.".into()
        }
        (Reason::Clock, true) => {
            "This server's clock cannot be right: no code can be checked.\nTell your administrator.".into()
        }
        (Reason::Altered | Reason::Ambiguous | Reason::NoCaller, true) => {
            "This account cannot be checked now.\nAsk your administrator: mfad's log says why.".into()
        }
        (Reason::Spent, true) => "That code was used already. Try again with the next one.".into(),
        (Reason::WrongCode, true) => "That code is not right.".into(),
        (_, true) => NOT_ACCEPTED.to_owned(),
    }
}

fn duration(seconds: u32) -> String {
    match seconds {
        0..=90 => format!("{seconds} seconds"),
        91..=7200 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As narrow as the terminals that people have; a client of ssh writes before the first line.
    #[test]
    fn no_line_is_broken_by_a_terminal_of_80_columns() {
        let texts = Reason::ALL.iter().map(|&reason| prompt(QUESTION, reason, true, 86_400, UnixTime(9)));
        let (ends, now) = (UnixTime(1_900_000_000), UnixTime(1_800_000_000));
        for text in texts.chain([
            offer(ends, now),
            resume(),
            told(""),
            enrolled(Some(&["0-7KQ2M-X4TPD-H9WC".into()])),
            enrolled(None),
            reminder(Some(ends), now, true),
            reminder(None, now, false),
        ]) {
            for line in text.lines() {
                assert!(line.len() < 80, "{} columns: {line}", line.len());
            }
        }
    }

    // S21
    #[test]
    fn strangers_read_one_thing_whatever_happened() {
        let asks_back = [Reason::Plain, Reason::Help, Reason::Visible];
        for &reason in Reason::ALL.iter().filter(|reason| !asks_back.contains(reason)) {
            assert_eq!(
                prompt(QUESTION, reason, false, 7, UnixTime(9)),
                "\nNot accepted.\nVerification code: "
            );
            assert_eq!(farewell(reason, false, 300), "Not accepted.");
        }
    }

    #[test]
    fn prompts_hold_only_what_every_terminal_shows_and_end_in_the_question() {
        for &reason in Reason::ALL {
            for attested in [false, true] {
                let text = prompt(QUESTION, reason, attested, 30, UnixTime(9));
                assert!(text.ends_with(QUESTION), "{text}");
                assert!(text.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)), "{text}");
                assert!(text.len() < 1000);
            }
        }
    }

    #[test]
    fn a_wait_is_told_in_units_that_a_person_uses() {
        assert_eq!(
            farewell(Reason::Limited, true, 300),
            "Too many wrong codes from here. Try again in 5 minutes."
        );
        assert!(farewell(Reason::Limited, true, 86_400).ends_with("24 hours."));
    }
}
