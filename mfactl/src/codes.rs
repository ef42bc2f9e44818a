//! `mfactl codes`: the caller's own backup codes.

use mfa_proto::fault::Fault;
use mfa_proto::secret::Secret;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::bus::Bus;
use crate::cli::{Codes, CodesVerb, Shape};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::answer;
use crate::print::escape::shown;
use crate::print::json::CodesView;
use crate::status::codes_words;
use crate::step_up;

/// Does what `verb` asks.
pub(crate) async fn codes(verb: Codes) -> Result<Exit, Failure> {
    let bus = Bus::connect().await?;
    match verb.verb {
        None => show(&bus, verb.shape).await,
        Some(CodesVerb::Renew(shape)) => renew(&bus, shape).await,
    }
}

async fn show(bus: &Bus, shape: Shape) -> Result<Exit, Failure> {
    let status = bus.status().await?;
    let words = format!("Backup codes: {}", codes_words(&status.codes, &status.allowed));
    answer(shape, &CodesView::from(&status.codes), &words)?;
    Ok(if status.factors.is_empty() { Exit::NotEnrolled } else { Exit::Done })
}

/// `mfactl codes renew --json`.
#[derive(Serialize)]
struct Renewed<'a> {
    backup_codes: &'a [String],
}

async fn renew(bus: &Bus, shape: Shape) -> Result<Exit, Failure> {
    let renewed = step_up::own(bus, async || bus.codes_renew().await).await.map_err(|failure| {
        failure.explained(Fault::NotEnrolled, || {
            "backup codes stand in for a factor, and you have none; enrol one with `mfactl enroll`".to_owned()
        })
    })?;
    let codes = Secret::new(renewed);
    answer(shape, &Renewed { backup_codes: codes.expose() }, &words(codes.expose()))?;
    Ok(Exit::Done)
}

fn words(codes: &[String]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2048));
    list(&mut text, codes);
    text.push_str("\nCodes that you had before are void: keep these in their place.");
    text
}

/// The codes of a set, each on its line, with what they are.
pub(crate) fn list(text: &mut String, codes: &[String]) {
    text.push_str("Backup codes, each for one login without the app. They are shown this once:\n\n");
    for code in codes {
        text.push_str("  ");
        text.push_str(&Zeroizing::new(shown(code)));
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    // S14, S15
    #[test]
    fn a_new_set_is_listed_and_says_that_the_old_one_is_void() {
        let codes = ["3-7KQ2M-X4TPD-H9WC".to_owned(), "4\x1b".to_owned()];
        let text = words(&codes);
        assert!(text.contains("\n  3-7KQ2M-X4TPD-H9WC\n  4\\x1b\n"), "{}", *text);
        assert!(text.contains("shown this once") && text.contains("are void"), "{}", *text);
        schema::holds("codes-renew", &Renewed { backup_codes: &codes });
        assert_eq!(
            serde_json::to_string(&Renewed { backup_codes: &codes[..1] }).unwrap(),
            r#"{"backup_codes":["3-7KQ2M-X4TPD-H9WC"]}"#
        );
    }
}
