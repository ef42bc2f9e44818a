//! The login's dialogue at the terminal: mfad asks, somebody types, until mfad has decided.
//!
//! Two verbs have it: `test` rehearses a login, and a step-up proves who asks for a change.

use mfa_proto::answer::Answer;
use mfa_proto::names::TRIES;
use mfa_proto::step::{Kind, Step};

use crate::ask::Typist;
use crate::failure::Failure;
use crate::print::escape::shown_lines;

/// How many questions are answered at most, those about help and visibility included.
const ROUNDS: u32 = 10;

/// The two calls of a dialogue with mfad.
pub(crate) trait Examiner {
    /// The first question, or a decision without one.
    async fn begin(&self) -> Result<Step, Failure>;
    /// What follows the answer to the question of `token`.
    async fn answer(&self, token: &[u8], answer: &[u8]) -> Result<Step, Failure>;
}

/// Asks until it is decided, and gives the last step: one that asks again is a refusal for the
/// reason it gives. `None`: there was a question, and nothing to read for it.
///
/// A person may try as often as in a login, a program once.
pub(crate) async fn hold(
    examiner: &impl Examiner,
    typist: &mut impl Typist,
) -> Result<Option<Step>, Failure> {
    let mut step = examiner.begin().await?;
    let person = typist.is_person();
    let tries_allowed = if person { TRIES } else { 1 };
    let (mut tries, mut rounds) = (0, 0);
    while step.kind() == Kind::Ask && tries < tries_allowed && rounds < ROUNDS {
        let Some(typed) = typist.line(&shown_lines(&step.text), step.echo)? else { return Ok(None) };
        let answer = Answer::parse(&typed);
        rounds += 1;
        tries += u32::from(!person || matches!(answer, Answer::Code(_) | Answer::OneTime(_)));
        step = examiner.answer(&step.token, answer.to_wire()).await?;
    }
    Ok(Some(step))
}

/// An mfad that answers as it was told beforehand, and remembers what it was sent.
#[cfg(test)]
pub(crate) struct Rehearsed {
    steps: std::cell::RefCell<std::collections::VecDeque<Step>>,
    /// The answers, in order.
    pub(crate) answers: std::cell::RefCell<Vec<Vec<u8>>>,
}

#[cfg(test)]
impl Rehearsed {
    pub(crate) fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: std::cell::RefCell::new(steps.into_iter().collect()),
            answers: std::cell::RefCell::default(),
        }
    }

    fn next(&self) -> Step {
        self.steps.borrow_mut().pop_front().expect("no more calls than that")
    }
}

#[cfg(test)]
impl Examiner for Rehearsed {
    async fn begin(&self) -> Result<Step, Failure> {
        Ok(self.next())
    }

    async fn answer(&self, _token: &[u8], answer: &[u8]) -> Result<Step, Failure> {
        self.answers.borrow_mut().push(answer.to_vec());
        Ok(self.next())
    }
}

#[cfg(test)]
mod tests {
    use mfa_proto::step::Reason;

    use super::*;
    use crate::ask::Script;

    fn asks(reason: Reason) -> Step {
        Step::ask(reason, false, 100, vec![1], "Verification code: ".into())
    }

    fn held(examiner: &Rehearsed, typist: &mut Script) -> Option<Step> {
        zbus::block_on(hold(examiner, typist)).unwrap()
    }

    #[test]
    fn a_person_may_ask_for_help_and_try_again() {
        let mfad = Rehearsed::of([
            asks(Reason::Plain),
            asks(Reason::Help),
            asks(Reason::WrongCode),
            Step::proven(Vec::new()),
        ]);
        let mut person = Script::of_person(&["?", "123 456", "3-7kq2m-x4tpd-h9wc"]);
        assert_eq!(held(&mfad, &mut person).unwrap().kind(), Kind::Proven);
        assert_eq!(*mfad.answers.borrow(), [&b"?"[..], b"123456", b"37KQ2MX4TPDH9WC"]);
        assert_eq!(person.prompts, ["Verification code: "; 3]);
    }

    #[test]
    fn a_person_has_three_tries_whatever_kind_of_code_is_typed() {
        let mfad = Rehearsed::of((0..4).map(|_| asks(Reason::WrongCode)));
        let mut person = Script::of_person(&["123456", "3-7kq2m-x4tpd-h9wc", "123456", "123456"]);
        assert_eq!(held(&mfad, &mut person).unwrap().kind(), Kind::Ask);
        assert_eq!(person.left(), 1);
    }

    #[test]
    fn a_program_has_one_line_and_one_try() {
        let mfad = Rehearsed::of([asks(Reason::Plain), asks(Reason::WrongCode)]);
        let mut program = Script::of_program(&["123456", "234567"]);
        assert_eq!(held(&mfad, &mut program).unwrap().reason(), Some(Reason::WrongCode));
        assert_eq!(program.left(), 1);
    }

    #[test]
    fn without_a_line_nothing_is_sent() {
        let mfad = Rehearsed::of([asks(Reason::Plain)]);
        assert!(held(&mfad, &mut Script::of_program(&[])).is_none());
        assert!(mfad.answers.borrow().is_empty());
    }

    #[test]
    fn where_nobody_is_asked_no_line_is_read() {
        let mfad = Rehearsed::of([Step::waived(Reason::PolicyOff)]);
        let mut program = Script::of_program(&["123456"]);
        assert_eq!(held(&mfad, &mut program).unwrap().kind(), Kind::Waived);
        assert_eq!(program.left(), 1);
    }
}
