//! A terminal inside a machine, with somebody reading and typing.
//!
//! `script` gives the program a real one, so it turns the echo off and flushes what was typed too early, as it
//! does for people. What it shows is read as a person reads it: text that stops at a question is a prompt.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::inside::Inside;
use crate::wait;

/// What a person would press to give up.
const INTERRUPT: u8 = 3;

/// How long a program may take to end once its terminal was interrupted.
const FAREWELL: Duration = Duration::from_secs(3);

/// What a program did next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It asks: everything it showed since the last answer, the question last.
    Prompt(String),
    /// It ended, with this exit code (none: by a signal).
    Ended(Option<i32>),
    /// It did neither before the deadline.
    Silent,
}

/// A program at a terminal of its own.
#[derive(Debug)]
pub struct Terminal {
    process: Child,
    keyboard: ChildStdin,
    screen: Receiver<Vec<u8>>,
    shown: Vec<u8>,
    answered: usize,
    last_answer: Vec<u8>,
}

impl Terminal {
    /// Starts a shell command line as `user`.
    pub fn open(inside: &Inside, user: &str, command: &str) -> Self {
        Self::of(inside.command(user, &["script", "-q", "-e", "-c", command, "/dev/null"]))
    }

    /// That of a `script` that is not started yet.
    pub(crate) fn of(mut script: Command) -> Self {
        let mut process = script
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("script starts");
        let keyboard = process.stdin.take().expect("piped");
        let mut output = process.stdout.take().expect("piped");
        let (sender, screen) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { process, keyboard, screen, shown: Vec::new(), answered: 0, last_answer: Vec::new() }
    }

    /// Reads until the program asks or ends.
    pub fn next(&mut self, deadline: Instant) -> Next {
        loop {
            let since = String::from_utf8_lossy(&self.shown[self.answered..]).replace('\r', "");
            if is_question(&since) {
                return Next::Prompt(self.without_echo(&since).to_owned());
            }
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.shown.extend(bytes),
                Err(RecvTimeoutError::Timeout) => return Next::Silent,
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.process.wait().expect("a child can be waited for");
                    return Next::Ended(status.code());
                }
            }
        }
    }

    /// Reads until the program asks or ends, for that long.
    pub fn next_within(&mut self, patience: Duration) -> Next {
        self.next(Instant::now() + patience)
    }

    /// Reads until the program has shown `text`, a shell's prompt say, since the last answer; panics where it does not.
    pub fn shows(&mut self, text: &str, patience: Duration) {
        let deadline = Instant::now() + patience;
        while !String::from_utf8_lossy(&self.shown[self.answered..]).contains(text) {
            let Ok(bytes) = self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            else {
                panic!("{text:?} was not shown:\n{}", self.transcript());
            };
            self.shown.extend(bytes);
        }
    }

    /// What the program showed, without the Enter that ended the last answer and without that answer's echo.
    fn without_echo<'a>(&self, since: &'a str) -> &'a str {
        let typed = String::from_utf8_lossy(&self.last_answer);
        let rest = since.strip_prefix(&*typed).unwrap_or(since);
        if self.answered > 0 { rest.strip_prefix('\n').unwrap_or(rest) } else { rest }
    }

    /// Types an answer and presses Enter.
    pub fn answer(&mut self, answer: &[u8]) {
        self.answered = self.shown.len();
        self.last_answer = answer.to_vec();
        // A program that ended in the meantime is seen by the next read.
        let _ = self.keyboard.write_all(&[answer, b"\n"].concat()).and_then(|()| self.keyboard.flush());
    }

    /// Gives up as a person would, and by force where that is not heard.
    pub fn give_up(&mut self) {
        self.answered = self.shown.len();
        let _ = self.keyboard.write_all(&[INTERRUPT]).and_then(|()| self.keyboard.flush());
        if wait::until(FAREWELL, || self.process.try_wait().transpose()).is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        while let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(100)) {
            self.shown.extend(bytes);
        }
    }

    /// Everything shown so far.
    pub fn transcript(&self) -> String {
        String::from_utf8_lossy(&self.shown).replace('\r', "")
    }
}

/// Whether text ends in a question: a last line that names what is wanted and stops after a colon.
fn is_question(text: &str) -> bool {
    let last = text.rsplit('\n').next().unwrap_or_default();
    let asks = last.ends_with(": ") || last.ends_with("? ");
    let wanted =
        ["assword", "ode", "oken", "login", "press Enter to go on", "invitation", "Control-D", "Type yes"];
    asks && wanted.iter().any(|word| last.contains(word)) || last.ends_with("Press Enter to go on. ")
}

#[cfg(test)]
mod tests {
    use super::is_question;

    #[test]
    fn prompts_of_the_programs_are_questions() {
        for prompt in ["Password: ", "[sudo] password for alice: ", "(a@b) \r\nWrong.\r\nVerification code: "]
        {
            assert!(is_question(prompt), "{prompt:?}");
        }
    }

    #[test]
    fn half_a_prompt_and_other_output_are_none() {
        for text in ["", "Verification co", "su: ", "Password: \r\n", "su: Authentication failure\r\n"] {
            assert!(!is_question(text), "{text:?}");
        }
    }
}
