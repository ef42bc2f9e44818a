//! Somebody at a terminal: a real shell in a machine, with what it shows written down as it comes.
//!
//! The last line, where it is not finished, is held back until something is typed at it, so that narration
//! never stands behind a prompt.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use mfa_tests::{Machine, wait};

use crate::escapes::Escapes;
use crate::failure::Failure;
use crate::paper::Paper;

/// How long a program may take to show what is expected of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the echo of a last keystroke may take before the next.
const ECHO: Duration = Duration::from_millis(5);

/// Ctrl-D, for each of the shells that may be open in one another.
const LEAVE: [u8; 4] = [4; 4];

/// How long leaving may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// A terminal of 80 columns with a shell in it.
#[derive(Debug)]
pub(crate) struct Session {
    process: Child,
    keyboard: ChildStdin,
    screen: Receiver<Vec<u8>>,
    paper: Paper,
    escapes: Escapes,
    /// What came since something was typed.
    since: Vec<u8>,
    /// The unfinished line that is not written down yet.
    held: Vec<u8>,
    /// Whether the line is being typed at, so that every character is shown at once.
    typing: bool,
}

impl Session {
    /// Sits down as `user`, and waits for the prompt of the shell.
    pub(crate) fn open(machine: &Machine, user: &str, prompt: &str, paper: &Paper) -> Result<Self, Failure> {
        let shell = format!("stty cols 80 rows 50; cd; TERM={} exec bash -i", paper.term());
        let mut process = machine
            .command(user, &["script", "-q", "-c", &shell, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Failure::of("a terminal", error.to_string()))?;
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
        let (escapes, paper) = (Escapes::default(), paper.clone());
        let (since, held) = (Vec::new(), Vec::new());
        let mut session = Self { process, keyboard, screen, paper, escapes, since, held, typing: false };
        session.until(prompt)?;
        Ok(session)
    }

    /// Waits until the terminal asks `question`, and returns all that came before it since the last answer.
    pub(crate) fn until(&mut self, question: &str) -> Result<String, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = String::from_utf8_lossy(&self.since).into_owned();
            if let Some(before) = shown.strip_suffix(question) {
                return Ok(before.to_owned());
            }
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.show(&bytes),
                Err(silence) => {
                    self.paper.put(&self.held);
                    let last = shown.lines().last().unwrap_or_default();
                    let then = match silence {
                        RecvTimeoutError::Timeout => format!("and nothing more in {} s", PATIENCE.as_secs()),
                        RecvTimeoutError::Disconnected => "and then the end".to_owned(),
                    };
                    return Err(Failure::of(
                        format!("the question {question:?}"),
                        format!("{last:?}, {then}"),
                    ));
                }
            }
        }
    }

    /// Types an answer, or a command, and presses Enter.
    pub(crate) fn answer(&mut self, answer: &str) -> Result<(), Failure> {
        self.paper.put(&std::mem::take(&mut self.held));
        self.typing = true;
        self.since.clear();
        for character in answer.chars() {
            self.press(character.to_string().as_bytes())?;
            while let Ok(bytes) = self.screen.recv_timeout(ECHO) {
                self.show(&bytes);
            }
            self.paper.keystroke();
        }
        self.press(b"\n")
    }

    /// Types what must not be seen, waits until the terminal asks `question`, and returns what came before it.
    pub(crate) fn answer_unseen(&mut self, answer: &str, question: &str) -> Result<String, Failure> {
        self.answer(answer)?;
        let shown = self.until(question)?;
        if shown.contains(answer) {
            return Err(Failure::of("no echo of what is typed", shown));
        }
        Ok(shown)
    }

    /// Runs a command that asks nothing, and returns what it printed.
    pub(crate) fn run(&mut self, command: &str, prompt: &str) -> Result<String, Failure> {
        self.answer(command)?;
        let shown = self.until(prompt)?;
        self.paper.pause(Duration::from_secs(2));
        Ok(shown.strip_prefix(command).unwrap_or(&shown).trim_start().to_owned())
    }

    fn press(&mut self, keys: &[u8]) -> Result<(), Failure> {
        self.keyboard
            .write_all(keys)
            .and_then(|()| self.keyboard.flush())
            .map_err(|error| Failure::of("a keyboard that types", error.to_string()))
    }

    fn show(&mut self, bytes: &[u8]) {
        let text = self.escapes.strip(bytes, self.paper.is_terminal());
        self.since.extend_from_slice(&text);
        self.held.extend(text);
        if self.typing {
            let line = self.held.iter().position(|&byte| byte == b'\n').map(|end| end + 1);
            self.paper.put(&self.held.drain(..line.unwrap_or(self.held.len())).collect::<Vec<_>>());
            self.typing = line.is_none();
        }
        if !self.typing {
            let lines = self.held.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            self.paper.put(&self.held.drain(..lines).collect::<Vec<_>>());
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.press(&LEAVE);
        if wait::until(FAREWELL, || self.process.try_wait().transpose()).is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
