//! The loop between mfad and the user, the same for every factor there will ever be.
//!
//! ```text
//!   Begin ──► Ask ──► the user types ──► Answer ──┐
//!              ▲                                  │
//!              └───────────── Ask ◄───────────────┤
//!                                                 ├──► Proven · Waived · Refused
//!                                                 └──► out of tries
//! ```
//!
//! mfad decides; the loop only sees to it that it ends. A connection that is lost in the middle is
//! made again once, and the user is asked again: the token of the lost question is worth nothing.

use mfa_proto::answer::Answer;
use mfa_proto::names::TRIES;
use mfa_proto::secret::Secret;
use mfa_proto::step::{Kind, Reason, Step};

use crate::failed::Failed;

/// How many questions a login may have in all, those answered by `?` and `b` included.
const QUESTIONS: u32 = 8;
/// mfad's whole prompt at an ordinary login.
const ORDINARY: &str = "Verification code: ";
/// Said when mfad went away between a question and its verdict.
const AGAIN: &str = "\nThe connection to mfad was lost. Please answer once more.\n";

/// mfad, at the other end of a connection.
pub(crate) trait Peer {
    /// Opens a dialogue, on a new connection where the last one was lost.
    fn begin(&mut self) -> Result<Step, Failed>;
    /// Sends what the user answered, with the token of the question.
    fn answer(&mut self, token: &[u8], answer: &Answer) -> Result<Step, Failed>;
    /// Says that the user has just typed: what comes has its own time, and typing takes none of it.
    fn typed(&mut self);
}

/// The user, at the other end of the host's conversation.
pub(crate) trait User {
    /// The answer to a question. `None`: there is no further answer to be had, and nobody is asked.
    fn ask(&mut self, question: &Question) -> Result<Option<Answer>, Failed>;
    /// Takes note of a step, for whoever set `debug`.
    fn heard(&mut self, step: &Step);
}

/// A question, as it is to be put.
#[derive(Debug)]
pub(crate) struct Question {
    /// The whole prompt, what is to be asked last.
    pub(crate) prompt: Secret<String>,
    /// Whether what is typed is shown.
    pub(crate) echo: bool,
    /// Whether it is the ordinary question, for a code and nothing else.
    pub(crate) ordinary: bool,
    /// Whether the answer before was lost, and is not known to have been judged.
    pub(crate) after_loss: bool,
}

/// How the questions of a login are put.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner<'a> {
    /// Stands in for mfad's ordinary question.
    pub(crate) prompt: Option<&'a str>,
    /// Shows what is typed even where mfad does not ask for it.
    pub(crate) echo: bool,
    /// Takes `?` and `b` for what they are. Not for strangers at sshd: there, a name that is nobody's
    /// has its answers replaced by junk of the same length, and only a name that is somebody's
    /// would ever be helped. (S21)
    pub(crate) helpful: bool,
}

/// How a dialogue ended. The texts are for the user, and may be empty.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The factor is proven; the ticket is to be settled, if it is not empty.
    Proven(Vec<u8>),
    /// Policy does not ask here; the ticket is to be settled, if it is not empty.
    Waived {
        /// What of this login is learnt once it is settled.
        ticket: Vec<u8>,
        /// For the user.
        text: String,
    },
    /// mfad said no.
    Refused(String),
    /// The user may not try any more.
    OutOfTries(String),
}

/// A dialogue that came to its end, and what the log says of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// How it ended.
    pub(crate) ended: Ended,
    /// mfad's reason; `None` when its number is not known here.
    pub(crate) reason: Option<Reason>,
    /// How many answers were tries.
    pub(crate) tries: u32,
}

/// Runs a dialogue to its end.
pub(crate) fn run(peer: &mut impl Peer, user: &mut impl User, manner: Manner<'_>) -> Result<Verdict, Failed> {
    let (mut tries, mut questions, mut reconnected) = (0, 0, false);
    let mut step = match peer.begin() {
        Err(Failed::Lost) => {
            reconnected = true;
            peer.begin()?
        }
        first => first?,
    };
    let mut said = "";
    loop {
        user.heard(&step);
        let (kind, reason) = (step.kind(), step.reason());
        if kind != Kind::Ask || tries >= TRIES || questions >= QUESTIONS {
            let ended = match kind {
                Kind::Proven => Ended::Proven(step.token),
                Kind::Waived => Ended::Waived { ticket: step.token, text: step.text },
                Kind::Refused if tries < TRIES => Ended::Refused(step.text),
                Kind::Refused => Ended::OutOfTries(step.text),
                Kind::Ask => Ended::OutOfTries(String::new()),
            };
            return Ok(Verdict { ended, reason, tries });
        }
        questions += 1;
        // An enrolment's prompt holds its secret.
        let text = Secret::new(std::mem::take(&mut step.text));
        let question = manner.question(said, text.expose(), step.echo);
        let answer = match user.ask(&question)? {
            Some(answer) => manner.read(answer),
            None if question.after_loss => return Err(Failed::Lost),
            None => {
                let said = text.expose().strip_suffix(ORDINARY).unwrap_or_default().trim().to_owned();
                return Ok(Verdict { ended: Ended::Refused(said), reason, tries });
            }
        };
        peer.typed();
        (step, said) = match peer.answer(&step.token, &answer) {
            // Whether the lost answer was judged is not known: mfad's mark and count know it, and an
            // answer that was spent is not accepted again.
            Err(Failed::Lost) if !reconnected => {
                reconnected = true;
                (peer.begin()?, AGAIN)
            }
            next => {
                let next = next?;
                // What mfad had no time to look at is no try, where a stranger learns nothing by it.
                let looked_at = next.reason() != Some(Reason::Busy) || !manner.helpful;
                tries += u32::from(looked_at && is_a_try(&answer));
                (next, "")
            }
        };
    }
}

/// Whether an answer uses up a try. What cannot be a code does too: sshd replaces what strangers
/// type by junk, and they must run out of tries exactly as everybody else does. (S21)
fn is_a_try(answer: &Answer) -> bool {
    match answer {
        Answer::Code(_) | Answer::OneTime(_) | Answer::Nothing | Answer::NoCode => true,
        Answer::Visible | Answer::Help | Answer::Enrol => false,
    }
}

impl Manner<'_> {
    /// What the answer counts as.
    fn read(self, answer: Answer) -> Answer {
        match answer {
            Answer::Visible | Answer::Help | Answer::Enrol | Answer::Nothing if !self.helpful => {
                Answer::NoCode
            }
            answer => answer,
        }
    }

    /// The prompt: what is to be said first, then mfad's text, its ordinary question replaced where
    /// the module's line says so. Everything is in the prompt, since no host shows texts reliably.
    fn question(self, said: &str, text: &str, echo: bool) -> Question {
        let above = text.strip_suffix(ORDINARY);
        let above = above.filter(|above| above.is_empty() || above.ends_with('\n'));
        let prompt = match (above, self.prompt) {
            (Some(above), Some(prompt)) => [said, above, prompt].concat(),
            _ => [said, text].concat(),
        };
        Question {
            prompt: Secret::new(prompt),
            echo: echo || self.echo,
            ordinary: above.is_some(),
            after_loss: !said.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests;
