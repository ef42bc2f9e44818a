//! What came of an attempt.

use std::fmt;
use std::time::Duration;

/// How it ended for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The command ran, as the user it was to run as.
    Granted,
    /// The host asked or judged, and the command did not run.
    Refused,
    /// The host was not even reached, or did not answer in time: neither a grant nor a refusal.
    Unjudged,
}

/// A prompt, and what happened then.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What was shown since the answer before, the question last.
    pub prompt: String,
    /// What was typed; none where nothing was left to say.
    pub answer: Option<String>,
    /// The time from the answer to the next prompt, or to the end.
    pub then: Duration,
}

/// What came of an attempt, with all that was seen.
#[derive(Debug, Clone)]
#[must_use]
pub struct Outcome {
    /// What was tried, for messages.
    pub attempt: String,
    /// How it ended for the user.
    pub verdict: Verdict,
    /// Prompts and answers in their order.
    pub exchanges: Vec<Exchange>,
    /// Everything that the terminal showed.
    pub transcript: String,
    /// The exit code of the program.
    pub exit: Option<i32>,
    /// From the start to the end.
    pub took: Duration,
    /// The end of the machine's log, for messages.
    pub log: Vec<String>,
}

impl Outcome {
    /// Panics where the command did not run.
    pub fn assert_granted(self) -> Self {
        assert_eq!(self.verdict, Verdict::Granted, "{self}");
        self
    }

    /// Panics where the command ran, and where nobody was there to refuse it.
    pub fn assert_refused(self) -> Self {
        assert_eq!(self.verdict, Verdict::Refused, "{self}");
        self
    }

    /// Panics where the last answer was not judged within `limit`.
    pub fn assert_within(self, limit: Duration) -> Self {
        assert!(self.after_last_answer() <= limit, "{limit:?} passed: {self}");
        self
    }

    /// Panics where no prompt, and nothing else that was shown, holds `text`.
    pub fn assert_shown(self, text: &str) -> Self {
        assert!(self.transcript.contains(text), "{text:?} was not shown: {self}");
        self
    }

    /// Panics where `text` was shown.
    pub fn assert_not_shown(self, text: &str) -> Self {
        assert!(!self.transcript.contains(text), "{text:?} was shown: {self}");
        self
    }

    /// The prompts in their order.
    pub fn prompts(&self) -> Vec<&str> {
        self.exchanges.iter().map(|exchange| exchange.prompt.as_str()).collect()
    }

    /// The prompts for anything but a password.
    pub fn code_prompts(&self) -> Vec<&str> {
        self.prompts().into_iter().filter(|prompt| !asks_password(prompt)).collect()
    }

    /// The time from the last answer to what came of it; from the start where nothing was answered.
    pub fn after_last_answer(&self) -> Duration {
        self.exchanges
            .iter()
            .rfind(|exchange| exchange.answer.is_some())
            .map_or(self.took, |exchange| exchange.then)
    }
}

/// Whether a prompt wants a password; everything else wants a code.
pub(crate) fn asks_password(prompt: &str) -> bool {
    let question = prompt.rsplit('\n').next().unwrap_or_default();
    question.contains("assword") && !question.contains("One-time")
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {:?}, exit {:?}, {:?}", self.attempt, self.verdict, self.exit, self.took)?;
        for Exchange { prompt, answer, then } in &self.exchanges {
            writeln!(f, "  {prompt:?} <- {answer:?} ({then:?})")?;
        }
        writeln!(f, "--- terminal\n{}\n--- log", self.transcript.trim_end())?;
        self.log.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
