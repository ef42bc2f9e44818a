//! Every word that a person reads in a login.
//!
//! Until the first factor is attested, all refusals read alike. What must be read is in the
//! prompt, the question last; a first line is left to the client, which writes before it.

use mfa_proto::step::Reason;

/// The ordinary question.
pub const QUESTION: &str = "Verification code: ";

/// The next prompt after `reason`. `attested`: whether more may be told than that it was not
/// accepted; `seconds`: until the app shows another code, or until another try is judged.
pub fn prompt(reason: Reason, attested: bool, seconds: u32) -> String {
    let said = match (reason, attested) {
        (Reason::Plain, _) => return QUESTION.to_owned(),
        (Reason::Help, _) => {
            "Type the digits that your authenticator app shows now for this machine.\n\
             Spaces and dashes do not matter. Type b to see what you type.\n\
             No app at hand? Ask your administrator."
        }
        (Reason::Visible, _) => "What you type now can be seen.",
        (_, false) => NOT_ACCEPTED,
        (Reason::Spent, true) => {
            return format!(
                "\nThat code was used already. Your app shows a new one in {seconds} s.\n{QUESTION}"
            );
        }
        (Reason::NoCode, true) => "That cannot be a code: a code has 6 to 8 digits.",
        (Reason::Expired, true) => "That question had expired.",
        (Reason::NotEnrolled, true) => {
            "This account has no second factor, and one is required here.\n\
             Ask your administrator."
        }
        (Reason::Limited | Reason::DoorClosed | Reason::Disabled, true) => {
            return format!("\n{}\n{QUESTION}", farewell(reason, attested, seconds));
        }
        (_, true) => "That code is not right. Is the time on your phone right?",
    };
    format!("\n{said}\n{QUESTION}")
}

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
            "Too many wrong codes from here. Ask your administrator to open the way (mfactl user unlock)."
                .into()
        }
        (Reason::Disabled, true) => {
            "Too many wrong codes. Ask your administrator to check and unlock your account.".into()
        }
        (Reason::NotEnrolled, true) => {
            "This account has no second factor, and one is required here. Ask your administrator.".into()
        }
        (Reason::Altered | Reason::Ambiguous | Reason::Clock | Reason::NoCaller, true) => {
            "This account cannot be checked now. Ask your administrator: mfad's log says why.".into()
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

    // S21
    #[test]
    fn strangers_read_one_thing_whatever_happened() {
        let asks_back = [Reason::Plain, Reason::Help, Reason::Visible];
        for &reason in Reason::ALL.iter().filter(|reason| !asks_back.contains(reason)) {
            assert_eq!(prompt(reason, false, 7), "\nNot accepted.\nVerification code: ");
            assert_eq!(farewell(reason, false, 300), "Not accepted.");
        }
    }

    #[test]
    fn prompts_hold_only_what_every_terminal_shows_and_end_in_the_question() {
        for &reason in Reason::ALL {
            for attested in [false, true] {
                let text = prompt(reason, attested, 30);
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
