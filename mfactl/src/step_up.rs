//! A change needs a fresh code of who asks for it, given in the same connection.
//!
//! ```text
//! call ──NeedsProof──▶ StepUpBegin, StepUpAnswer … ──proven──▶ the same call, once more
//!   └─ anything else: that is the answer
//! ```
//!
//! Whether a proof is needed, and whether one is fresh enough, mfad decides: nothing is asked, and
//! no line of standard input is read, before it says so. A session alone, a hijacked one, cannot
//! change an account.

use mfa_proto::admin::Why;
use mfa_proto::fault::Fault;
use mfa_proto::identity::escaped;
use mfa_proto::step::{Kind, Step};

use crate::acting::Acting;
use crate::ask::{Stdin, Typist};
use crate::bus::Bus;
use crate::dialogue::{self, Examiner};
use crate::failure::Failure;
use crate::print::escape::shown_lines;

/// Makes `call`, for the caller's own account.
pub(crate) async fn own<T>(bus: &Bus, call: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let whose = "This needs a code of your own factor, as at a login.";
    when_needed(call, &Own(bus), &mut Stdin, whose).await
}

/// Makes `call`, an administrator's, with the reason for it: by a code of the administrator who
/// acts, or with the glass broken.
pub(crate) async fn administrator<T>(
    bus: &Bus,
    acting: &Acting,
    reason: &str,
    call: impl AsyncFn(&Why) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let why = acting.why(reason);
    match acting {
        Acting::GlassBroken(_) => call(&why).await,
        Acting::Named(name) => {
            let whose = format!("This needs a code of the factor of {}, who acts.", escaped(name));
            when_needed(async || call(&why).await, &Administrator(bus, name), &mut Stdin, &whose).await
        }
    }
}

async fn when_needed<T>(
    call: impl AsyncFn() -> Result<T, Failure>,
    examiner: &impl Examiner,
    typist: &mut impl Typist,
    whose: &str,
) -> Result<T, Failure> {
    match call().await {
        Err(failure) if failure.is(Fault::NeedsProof) => {}
        answer => return answer,
    }
    if typist.is_person() {
        tell(whose);
    }
    match dialogue::hold(examiner, typist).await? {
        Some(step) => proven(&step)?,
        None if typist.is_person() => {
            return Err(Failure::GivenUp("no code was given: nothing was done".to_owned()));
        }
        None => {
            return Err(Failure::Usage(format!(
                "{whose} There is no terminal to ask at: run it at one, or give the code as a line of standard \
                 input. Nothing was done"
            )));
        }
    }
    call().await
}

/// Whether the dialogue's last step lets the call be repeated. Where mfad waives the question the
/// call itself is the judge.
fn proven(step: &Step) -> Result<(), Failure> {
    match step.kind() {
        Kind::Proven | Kind::Waived => {
            if !step.text.is_empty() {
                tell(shown_lines(&step.text).trim()); // how many backup codes are left
            }
            Ok(())
        }
        Kind::Refused => Err(Failure::NotProven(step.reason(), step.seconds)),
        Kind::Ask => Err(Failure::NotProven(step.reason(), 0)),
    }
}

/// Beside the answer, which alone goes to standard output.
fn tell(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}"); // who reads nothing there is asked all the same
}

/// The caller's own factor.
struct Own<'bus>(&'bus Bus);

impl Examiner for Own<'_> {
    async fn begin(&self) -> Result<Step, Failure> {
        self.0.step_up_begin().await
    }

    async fn answer(&self, token: &[u8], answer: &[u8]) -> Result<Step, Failure> {
        self.0.step_up_answer(token, answer).await
    }
}

/// The factor of the administrator of that name.
struct Administrator<'a>(&'a Bus, &'a [u8]);

impl Examiner for Administrator<'_> {
    async fn begin(&self) -> Result<Step, Failure> {
        let begun = self.0.admin_step_up_begin(self.1).await;
        begun.map_err(|failure| {
            failure
                .explained(Fault::NotEnrolled, || nobody_to_ask(self.1, "has no factor"))
                .explained(Fault::NotFound, || nobody_to_ask(self.1, "is not known to mfad"))
        })
    }

    async fn answer(&self, token: &[u8], answer: &[u8]) -> Result<Step, Failure> {
        self.0.admin_step_up_answer(token, answer).await
    }
}

fn nobody_to_ask(name: &[u8], what: &str) -> String {
    format!(
        "{} {what}, and so cannot act here: name an administrator who has a factor with `--as NAME`, or do \
         without, which raises an alarm: `--break-glass REASON`",
        escaped(name)
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use mfa_proto::step::Reason;

    use super::*;
    use crate::ask::Script;
    use crate::dialogue::Rehearsed;
    use crate::exit::Exit;

    fn asks() -> Step {
        Step::ask(Reason::Plain, false, 100, vec![1], "Verification code: ".into())
    }

    fn needs_proof() -> Failure {
        Failure::Fault(Fault::NeedsProof, String::new())
    }

    /// What comes of a call that needs a proof until `after` calls were made; how often it was made.
    fn outcome(after: u32, mfad: &Rehearsed, typist: &mut Script) -> (Result<u32, Failure>, u32) {
        let calls = Cell::new(0);
        let call = async || {
            calls.set(calls.get() + 1);
            if calls.get() > after { Ok(7) } else { Err(needs_proof()) }
        };
        (zbus::block_on(when_needed(call, mfad, typist, "Whose?")), calls.get())
    }

    // S18
    #[test]
    fn a_call_that_needs_no_proof_asks_nothing_and_reads_nothing() {
        let mut program = Script::of_program(&["123456"]);
        let (answer, calls) = outcome(0, &Rehearsed::of([]), &mut program);
        assert_eq!((answer.unwrap(), calls, program.left()), (7, 1, 1));
    }

    #[test]
    fn a_proof_repeats_the_call_once() {
        let mfad = Rehearsed::of([asks(), Step::proven(Vec::new())]);
        let (answer, calls) = outcome(1, &mfad, &mut Script::of_program(&["123 456"]));
        assert_eq!((answer.unwrap(), calls), (7, 2));
        assert_eq!(*mfad.answers.borrow(), [b"123456"]);

        let mfad = Rehearsed::of([asks(), Step::proven(Vec::new())]);
        let (answer, calls) = outcome(9, &mfad, &mut Script::of_person(&["123456", "234567"]));
        assert!(answer.unwrap_err().is(Fault::NeedsProof));
        assert_eq!(calls, 2);
    }

    #[test]
    fn a_refused_proof_repeats_nothing() {
        let last = Step::refused(Reason::Limited, 240, String::new());
        let (answer, calls) =
            outcome(1, &Rehearsed::of([asks(), last]), &mut Script::of_program(&["123456"]));
        assert_eq!((answer.unwrap_err().exit(), calls), (Exit::Limited, 1));

        let again = Step { reason: Reason::WrongCode.number(), ..asks() };
        let (answer, calls) =
            outcome(1, &Rehearsed::of([asks(), again]), &mut Script::of_program(&["123456"]));
        assert_eq!((answer.unwrap_err().exit(), calls), (Exit::Refused, 1));
    }

    #[test]
    fn without_a_terminal_and_without_a_line_the_usage_is_told() {
        let (answer, calls) = outcome(1, &Rehearsed::of([asks()]), &mut Script::of_program(&[]));
        let failure = answer.unwrap_err();
        assert_eq!((failure.exit(), calls), (Exit::Usage, 1));
        assert!(failure.to_string().contains("line of standard input"), "{failure}");
        let (answer, _) = outcome(1, &Rehearsed::of([asks()]), &mut Script::of_person(&[]));
        assert_eq!(answer.unwrap_err().exit(), Exit::Refused);
    }
}
