//! Where the story is written: a terminal, where it takes its time, or a file, where it does not.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::process;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use mfa_tests::clock;

use crate::failure::Failure;

/// A reader's time for a character of narration.
const READING: Duration = Duration::from_millis(28);

/// A typist's time for a character.
const TYPING: Duration = Duration::from_millis(40);

/// The longest line of narration: with its indent, 80 columns.
const WIDTH: usize = 77;

const BOLD: &str = "\x1b[1m";
const CYAN: &str = "\x1b[36m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// Standard output, as the demo writes on it.
#[derive(Debug, Clone)]
pub(crate) struct Paper {
    terminal: bool,
    /// How many ends of line were written last: nothing needs two empty lines.
    ends: Rc<Cell<usize>>,
}

impl Paper {
    /// Colours and pauses where a person looks on.
    pub(crate) fn of_stdout() -> Self {
        Self { terminal: io::stdout().is_terminal(), ends: Rc::new(Cell::new(1)) }
    }

    /// Whether a person looks on.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// What `TERM` is for the programs: colours go to a terminal only.
    pub(crate) fn term(&self) -> &'static str {
        if self.terminal { "xterm-256color" } else { "dumb" }
    }

    /// Writes bytes as they are.
    pub(crate) fn put(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let ends = bytes.iter().rev().take_while(|&&byte| byte == b'\n').count();
        self.ends.set(if ends == bytes.len() { self.ends.get() + ends } else { ends });
        let mut out = io::stdout().lock();
        if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
            process::exit(1); // nobody reads on; the machines end with this process
        }
    }

    /// Begins a chapter.
    pub(crate) fn chapter(&self, title: &str) {
        self.empty_line();
        self.put(format!("{}\n", self.painted(BOLD, &format!("== {title}"))).as_bytes());
    }

    /// Tells what happens and why it matters, in lines of at most [`WIDTH`].
    pub(crate) fn tell(&self, narration: &str) {
        self.aside(CYAN, narration);
        self.pause(READING * u32::try_from(narration.len()).unwrap_or(0));
    }

    /// Shows what is in the hand of somebody.
    pub(crate) fn hand(&self, thing: &str) {
        self.aside(YELLOW, thing);
        self.pause(Duration::from_secs(1));
    }

    fn aside(&self, colour: &str, text: &str) {
        debug_assert!(text.lines().all(|line| line.len() <= WIDTH), "too wide: {text}");
        let lines: String = text.lines().map(|line| format!("   {}\n", self.painted(colour, line))).collect();
        self.empty_line();
        self.put(format!("{lines}\n").as_bytes());
    }

    /// Ends the line, and leaves one empty, where that is not so already.
    fn empty_line(&self) {
        while self.ends.get() < 2 {
            self.put(b"\n");
        }
    }

    /// Lets a person see what is there.
    pub(crate) fn pause(&self, time: Duration) {
        if self.terminal {
            thread::sleep(time);
        }
    }

    /// The pause after a typed character.
    pub(crate) fn keystroke(&self) {
        self.pause(TYPING);
    }

    /// Waits until the clock says `time`, and shows that it does.
    pub(crate) fn wait_until(&self, time: u64) {
        let left = || time.saturating_sub(clock::now());
        if left() == 0 {
            return;
        }
        let title = "   waiting for the next code";
        if !self.terminal {
            self.put(format!("{title} ({} s)\n", left()).as_bytes());
        }
        while left() > 0 {
            if self.terminal {
                self.put(
                    format!("\r{title} {:<30}", ".".repeat(usize::try_from(left()).unwrap_or(0))).as_bytes(),
                );
            }
            thread::sleep(Duration::from_millis(100));
        }
        if self.terminal {
            self.put(b"\r\x1b[K");
        }
    }

    /// Says what went wrong, with the end of the server's log.
    pub(crate) fn failure(&self, failure: &Failure, log: &[String]) {
        let told = self.painted(RED, "This did not go as told.");
        let log: String = log.iter().map(|line| format!("  {line}\n")).collect();
        self.put(b"\n");
        eprint!("\n{told}\n{failure}\n\nThe end of the server's log:\n{log}");
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.terminal { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
    }
}
