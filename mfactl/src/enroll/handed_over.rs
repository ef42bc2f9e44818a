//! The invitation or the recovery code that an administrator gave the user: asked for at the
//! terminal, or one line of standard input, and never an argument.

use mfa_proto::one_time::{OneTimeCode, Purpose};

use crate::ask::Typist;
use crate::cli::HandedOver;
use crate::failure::Failure;

/// How often a person may mistype it.
const TRIES: u32 = 3;

/// The code, if one was to be asked for. What has not the shape of one is never sent.
pub(super) fn ask(wanted: HandedOver, typist: &mut impl Typist) -> Result<Option<OneTimeCode>, Failure> {
    let (purpose, name, first) = match (wanted.invitation, wanted.recovery) {
        (true, _) => (Purpose::Invitation, "invitation", 'I'),
        (_, true) => (Purpose::Recovery, "recovery code", 'R'),
        _ => return Ok(None),
    };
    let shape = format!("{first}-XXXXX-XXXXX-XXXX");
    let mut prompt = format!("The {name} that you were given ({shape}): ");
    for _ in 0..TRIES {
        let Some(typed) = typist.line(&prompt, true)? else { break };
        match OneTimeCode::parse(&typed) {
            Some(code) if code.purpose() == purpose => return Ok(Some(code)),
            _ if typist.is_person() => {
                prompt = format!("That is no {name}, which looks like {shape}. Again: ");
            }
            _ => {
                return Err(Failure::Usage(format!(
                    "the line of standard input is no {name}, which looks like {shape}; nothing was sent"
                )));
            }
        }
    }
    Err(if typist.is_person() {
        Failure::GivenUp(format!("no {name} was given: nothing was enrolled"))
    } else {
        Failure::Usage(format!(
            "there is no terminal to ask for the {name} at: run it at one, or give it as a line of standard input"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Script;
    use crate::exit::Exit;

    const INVITATION: HandedOver = HandedOver { invitation: true, recovery: false };
    const RECOVERY: HandedOver = HandedOver { invitation: false, recovery: true };

    #[test]
    fn nothing_is_read_where_nothing_was_handed_over() {
        let mut program = Script::of_program(&["123456"]);
        assert!(ask(HandedOver::default(), &mut program).unwrap().is_none());
        assert_eq!(program.left(), 1);
    }

    #[test]
    fn the_first_line_is_the_code_and_the_next_is_left_for_the_proof() {
        let mut program = Script::of_program(&["i-7kq2m-x4tpd-h9wc", "123456"]);
        let code = ask(INVITATION, &mut program).unwrap().unwrap();
        assert_eq!(code.canonical(), b"I7KQ2MX4TPDH9WC");
        assert_eq!(program.left(), 1);
        let mut program = Script::of_program(&["R-7KQ2M-X4TPD-H9WC"]);
        assert_eq!(ask(RECOVERY, &mut program).unwrap().unwrap().purpose(), Purpose::Recovery);
    }

    #[test]
    fn another_kind_of_code_is_not_sent() {
        for other in ["R-7KQ2M-X4TPD-H9WC", "3-7KQ2M-X4TPD-H9WC", "123456", ""] {
            let failure = ask(INVITATION, &mut Script::of_program(&[other])).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage, "{other}");
        }
        assert_eq!(ask(INVITATION, &mut Script::of_program(&[])).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn a_person_may_mistype_it_twice() {
        let mut person = Script::of_person(&["x", "I-7KQ2M", "I-7KQ2M-X4TPD-H9WC"]);
        assert!(ask(INVITATION, &mut person).unwrap().is_some());
        assert!(
            person.prompts[1].starts_with("That is no invitation, which looks like I-"),
            "{:?}",
            person.prompts
        );
        let mut person = Script::of_person(&["x", "x", "x", "I-7KQ2M-X4TPD-H9WC"]);
        assert_eq!(ask(INVITATION, &mut person).unwrap_err().exit(), Exit::Refused);
        assert_eq!(person.left(), 1);
    }
}
