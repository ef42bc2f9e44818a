//! Whether the user has kept the backup codes: one of them is asked back. Codes that nobody wrote
//! down are noticed missing on the day that the phone is lost.
//!
//! Nothing of this goes to mfad, and nothing that is typed here is spent.

use std::io;

use mfa_proto::one_time::{OneTimeCode, Purpose};

use crate::ask::Typist;
use crate::failure::Failure;

/// How often it may be mistyped.
const TRIES: u32 = 3;
/// The slot whose code is asked back. Any does: who kept one has kept the list.
const SLOT: u8 = 3;

const KEPT: &str = "Right: you have kept them.\n";
const SKIPPED: &str = "Not checked. Without these codes a lost phone means asking an administrator. If they are not \
                       kept,\n`mfactl codes renew` makes new ones.\n";

/// Asks for one of `codes`, and says through `tell` what comes of it. The factor is enrolled
/// whatever is typed.
pub(super) fn ask_back(
    codes: &[String],
    typist: &mut impl Typist,
    mut tell: impl FnMut(&str) -> io::Result<()>,
) -> Result<(), Failure> {
    let Some((slot, code)) = chosen(codes) else { return Ok(()) };
    let prompt = format!("Type code {slot} to show that you kept them (Enter skips this): ");
    for left in (0..TRIES).rev() {
        // A terminal that went away keeps nothing from being enrolled.
        let typed = typist.line(&prompt, true).ok().flatten().unwrap_or_default();
        if typed.trim_ascii().is_empty() {
            break;
        }
        if OneTimeCode::parse(&typed).is_some_and(|typed| typed.canonical() == code.canonical()) {
            return Ok(tell(KEPT)?);
        }
        if left > 0 {
            tell(&format!("That is not code {slot}: it is the line above that begins with {slot}-"))?;
        }
    }
    Ok(tell(SKIPPED)?)
}

/// The code of [`SLOT`], or the last one there is, with its slot.
fn chosen(codes: &[String]) -> Option<(u8, OneTimeCode)> {
    let mut codes = codes.iter().filter_map(|code| {
        let code = OneTimeCode::parse(code.as_bytes())?;
        match code.purpose() {
            Purpose::Backup(slot) => Some((slot, code)),
            Purpose::Invitation | Purpose::Recovery => None,
        }
    });
    let mut last = None;
    codes
        .find_map(|(slot, code)| {
            if slot == SLOT {
                return Some((slot, code));
            }
            last = Some((slot, code));
            None
        })
        .or(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Script;

    fn set() -> Vec<String> {
        (0..10).map(|slot| format!("{slot}-7KQ2M-X4TPD-H9WC")).collect()
    }

    /// What is told when `lines` are typed, and how many of them were not read.
    fn told(codes: &[String], lines: &[&'static str]) -> (Vec<String>, usize) {
        let mut said = Vec::new();
        let mut person = Script::of_person(lines);
        let outcome = ask_back(codes, &mut person, |text| {
            said.push(text.to_owned());
            Ok(())
        });
        outcome.unwrap();
        assert!(person.prompts.iter().all(|prompt| prompt.starts_with("Type code ")), "{:?}", person.prompts);
        (said, person.left())
    }

    // S14
    #[test]
    fn the_code_that_was_kept_is_right_in_any_spelling() {
        assert_eq!(told(&set(), &["3 7kq2m x4tpd h9wc", ""]), (vec![KEPT.to_owned()], 1));
        assert_eq!(told(&set(), &["4-7KQ2M-X4TPD-H9WC", "3-7KQ2M-X4TPD-H9WC"]).0.last().unwrap(), KEPT);
    }

    #[test]
    fn enter_skips_with_a_warning() {
        assert_eq!(told(&set(), &["", "3-7KQ2M-X4TPD-H9WC"]), (vec![SKIPPED.to_owned()], 1));
        assert_eq!(told(&set(), &[]).0, [SKIPPED]);
    }

    #[test]
    fn three_tries_are_all() {
        let (said, left) = told(&set(), &["4-7KQ2M-X4TPD-H9WC", "123456", "?", "3-7KQ2M-X4TPD-H9WC"]);
        assert_eq!((said.len(), said[2].as_str(), left), (3, SKIPPED, 1));
    }

    #[test]
    fn only_a_code_that_is_there_is_asked_for() {
        assert_eq!(told(&[], &["x"]), (Vec::new(), 1));
        assert_eq!(chosen(&set()).unwrap().0, 3);
        assert_eq!(chosen(&set()[..2]).unwrap().0, 1);
        assert!(chosen(&["I-7KQ2M-X4TPD-H9WC".to_owned(), "x".to_owned()]).is_none());
    }
}
