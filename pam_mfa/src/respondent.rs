//! Who answers mfad's questions: the user at a prompt, or what an earlier module had the user type.
//!
//! ```text
//!                    first question             further questions
//!   (ordinary)       a prompt                   a prompt
//!   try_first_pass   PAM_AUTHTOK, or a prompt   a prompt
//!   use_first_pass   PAM_AUTHTOK                no answer
//!   forward_pass     as above                   no answer
//! ```
//!
//! With `forward_pass` there is one prompt: the hosts that need it (a VPN that asks its user once, the
//! `password` method of sshd) answer each further one by the same text, and one mistake would be
//! three. All this is about the ordinary question. Whatever else mfad wants to know is asked for at
//! a prompt, for what it is; or passed by, where nobody is to be prompted.

use mfa_proto::answer::Answer;
use mfa_proto::secret::Secret;
use mfa_proto::step::Step;

use crate::args::{Args, Field, Source};
use crate::dialogue::{Question, User};
use crate::failed::Failed;
use crate::split::{Password, Split};

/// The ordinary question where one field takes both.
pub(crate) const BOTH: &str = "Password & verification code: ";

/// The host, as far as something is typed there.
pub(crate) trait Host {
    /// Shows a prompt and reads what is typed, which is shown where `echo` says so.
    fn prompt(&self, prompt: &str, echo: bool) -> Result<Secret<Vec<u8>>, Failed>;
    /// `PAM_AUTHTOK`: what an earlier module had typed.
    fn first_pass(&self) -> Option<Secret<Vec<u8>>>;
    /// Takes note of a step.
    fn heard(&self, step: &Step);
}

/// Answers the questions of one login.
pub(crate) struct Respondent<H> {
    host: H,
    source: Source,
    field: Field,
    digits: usize,
    /// Whether the ordinary question was answered.
    answered: bool,
    password: Option<Password>,
}

impl<H: Host> Respondent<H> {
    /// One who answers as the module's line says.
    pub(crate) fn new(host: H, args: &Args) -> Self {
        let (source, field, digits) = (args.source, args.field, args.digits);
        Self { host, source, field, digits, answered: false, password: None }
    }

    /// The password that the last field held besides its code, for the modules that come after.
    /// `None`: they are to find what they would find without us.
    pub(crate) fn into_password(self) -> Option<Password> {
        self.password
    }

    /// The answer in what an earlier module had typed; `None`: there is nothing to be sent.
    fn first_pass(&mut self) -> Option<Answer> {
        if self.source == Source::Prompt || self.answered {
            return None;
        }
        let typed = self.host.first_pass();
        let typed = typed.as_ref().map_or(&[][..], |typed| typed.expose());
        let (answer, password) = match self.field {
            Field::Code => (code_alone(typed), None),
            Field::PasswordAndCode => {
                let Split { password, answer } = Split::of(typed, self.digits);
                (answer, Some(password))
            }
        };
        if self.source == Source::TryFirst && matches!(answer, Answer::NoCode) {
            return None;
        }
        self.password = password;
        Some(answer)
    }

    /// Whether an ordinary question is not to be put.
    fn is_over(&self, question: &Question) -> bool {
        match (self.source, self.field) {
            (Source::UseFirst, _) => true,
            // What was lost is asked for again, and says why.
            (_, Field::PasswordAndCode) => self.answered && !question.after_loss,
            (_, Field::Code) => false,
        }
    }
}

/// The code that a text is, in whatever spelling; what was typed at another module's prompt is no
/// request for help.
fn code_alone(typed: &[u8]) -> Answer {
    match Answer::parse(typed) {
        answer @ (Answer::Code(_) | Answer::OneTime(_)) => answer,
        _ => Answer::NoCode,
    }
}

impl<H: Host> User for Respondent<H> {
    fn ask(&mut self, question: &Question) -> Result<Option<Answer>, Failed> {
        let Question { prompt, echo, ordinary, .. } = question;
        if !ordinary && self.source == Source::UseFirst {
            // As somebody who only presses Enter: that goes on where it may, and proves nothing.
            let first = !std::mem::replace(&mut self.answered, true);
            return Ok(first.then_some(Answer::Nothing));
        }
        if !ordinary {
            return Ok(Some(Answer::parse(self.host.prompt(prompt.expose(), *echo)?.expose())));
        }
        let answer = match (self.first_pass(), self.field) {
            (Some(answer), _) => answer,
            (None, _) if self.is_over(question) => return Ok(None),
            (None, Field::Code) => Answer::parse(self.host.prompt(prompt.expose(), *echo)?.expose()),
            (None, Field::PasswordAndCode) => {
                // Never shown: there is a password in it.
                let Split { password, answer } =
                    Split::of(self.host.prompt(prompt.expose(), false)?.expose(), self.digits);
                self.password = Some(password);
                answer
            }
        };
        self.answered = true;
        Ok(Some(answer))
    }

    fn heard(&mut self, step: &Step) {
        self.host.heard(step);
    }
}

#[cfg(test)]
mod tests;
