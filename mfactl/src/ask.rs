//! Reads one line: from the terminal after a prompt, or from standard input without one.
//!
//! Prompts go to standard error, so that standard output holds the answer only. What is read is
//! wiped when dropped, and no buffer of ours keeps a copy. Without a terminal the line has to be
//! there: an input that stays open and says nothing holds nobody up.

use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The longest line that is kept, in bytes; the rest is read and dropped.
const LONGEST: usize = 256;

/// How long a program's line may take to come, in milliseconds.
const PATIENCE: u16 = 10_000;

/// What was typed, without its line break.
pub(crate) type Line = Zeroizing<Vec<u8>>;

/// Who types: a person at the terminal, or a program that has left lines on standard input.
pub(crate) trait Typist {
    /// Whether it is a person, who can be asked again.
    fn is_person(&self) -> bool;
    /// The next line; `None`: there is none.
    fn line(&mut self, prompt: &str, echo: bool) -> Result<Option<Line>, Failure>;
}

/// Standard input.
pub(crate) struct Stdin;

impl Typist for Stdin {
    fn is_person(&self) -> bool {
        is_terminal()
    }

    fn line(&mut self, prompt: &str, echo: bool) -> Result<Option<Line>, Failure> {
        line(prompt, echo)
    }
}

/// Whether somebody sits at standard input.
pub(crate) fn is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// The next line, or `None` at the end of the input, or where no line comes. A terminal is shown
/// `prompt` first, and what is typed only if `echo`.
pub(crate) fn line(prompt: &str, echo: bool) -> Result<Option<Line>, Failure> {
    let stdin = io::stdin();
    ask(stdin.as_fd(), stdin.is_terminal(), prompt, echo).map_err(Failure::Input)
}

fn ask(from: BorrowedFd<'_>, terminal: bool, prompt: &str, echo: bool) -> io::Result<Option<Line>> {
    if !terminal {
        return read_line(from, PollTimeout::from(PATIENCE));
    }
    loop {
        // The echo is off before anybody is asked: who types at once is not shown either.
        let hidden = if echo { None } else { Some(Hidden::hide(from)?) };
        let mut stderr = io::stderr();
        stderr.write_all(prompt.as_bytes())?;
        stderr.flush()?;
        let Some(hidden) = hidden else { return read_line(from, PollTimeout::NONE) };
        if hidden.wait_for_input()? {
            return read_line(from, PollTimeout::NONE);
        }
        // A signal is pending: it takes effect when `hidden` goes, with the echo on again. If the
        // person comes back from it (Ctrl-Z and fg), the question is asked anew.
        drop(hidden);
        stderr.write_all(b"\n")?;
    }
}

/// Byte by byte, so that what follows the line is left for the next reader. Whatever has not ended
/// when nothing more came for `patience` is no line.
fn read_line(from: BorrowedFd<'_>, patience: PollTimeout) -> io::Result<Option<Line>> {
    let mut line = Line::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0u8; 1]);
    loop {
        match poll(&mut [PollFd::new(from, PollFlags::POLLIN)], patience) {
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
            Ok(0) => return Ok(None),
            Ok(_) => {}
        }
        match nix::unistd::read(from, &mut *byte) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(0) if line.is_empty() => return Ok(None),
            Ok(0) => return Ok(Some(line)),
            Ok(_) if byte[0] == b'\n' => return Ok(Some(line)),
            Ok(_) if line.len() < LONGEST => line.push(byte[0]),
            Ok(_) => {}
        }
    }
}

/// A terminal with its echo off, and the signals that would leave it so held back.
struct Hidden<'tty> {
    tty: BorrowedFd<'tty>,
    before: Termios,
    held: SigSet,
}

impl<'tty> Hidden<'tty> {
    fn hide(tty: BorrowedFd<'tty>) -> io::Result<Self> {
        let before = tcgetattr(tty)?;
        let held: SigSet =
            [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP]
                .into_iter()
                .collect();
        held.thread_block()?;
        let hidden = Self { tty, before, held };
        let mut silent = hidden.before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        silent.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(tty, SetArg::TCSADRAIN, &silent)?;
        Ok(hidden)
    }

    /// Waits for a line; `false` when a held signal came first.
    fn wait_for_input(&self) -> io::Result<bool> {
        let signals = SignalFd::with_flags(&self.held, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        loop {
            let mut ready =
                [PollFd::new(self.tty, PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(!ready[1].any().unwrap_or(true)),
            }
        }
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // Nothing more can be done for a terminal that is gone.
        let _ = tcsetattr(self.tty, SetArg::TCSADRAIN, &self.before);
        let _ = self.held.thread_unblock();
    }
}

/// A typist whose lines were written beforehand.
#[cfg(test)]
pub(crate) struct Script {
    person: bool,
    lines: std::collections::VecDeque<&'static str>,
    /// What it was asked.
    pub(crate) prompts: Vec<String>,
}

#[cfg(test)]
impl Script {
    pub(crate) fn of_person(lines: &[&'static str]) -> Self {
        Self { person: true, lines: lines.iter().copied().collect(), prompts: Vec::new() }
    }

    pub(crate) fn of_program(lines: &[&'static str]) -> Self {
        Self { person: false, ..Self::of_person(lines) }
    }

    /// How many lines were not read.
    pub(crate) fn left(&self) -> usize {
        self.lines.len()
    }
}

#[cfg(test)]
impl Typist for Script {
    fn is_person(&self) -> bool {
        self.person
    }

    fn line(&mut self, prompt: &str, _echo: bool) -> Result<Option<Line>, Failure> {
        self.prompts.push(prompt.to_owned());
        Ok(self.lines.pop_front().map(|line| Line::new(line.as_bytes().to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;

    use nix::pty::openpty;

    use super::*;

    #[test]
    fn a_line_ends_at_its_break_and_leaves_the_next() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        File::from(writer).write_all(b"123 456\n\nrest").unwrap();
        let next = || read_line(reader.as_fd(), PollTimeout::NONE).unwrap().map(|line| line.to_vec());
        assert_eq!(next().as_deref(), Some(&b"123 456"[..]));
        assert_eq!(next().as_deref(), Some(&b""[..]));
        assert_eq!(next().as_deref(), Some(&b"rest"[..]));
        assert_eq!(next(), None);
    }

    #[test]
    fn an_input_that_says_nothing_holds_nobody_up() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let next = || read_line(reader.as_fd(), PollTimeout::from(20u8)).unwrap();
        assert!(next().is_none());
        let mut writer = File::from(writer);
        writer.write_all(b"1234").unwrap();
        assert!(next().is_none(), "half a line is no answer");
    }

    #[test]
    fn a_flood_is_cut() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        File::from(writer).write_all(&[b'1'; 5000]).unwrap();
        assert_eq!(read_line(reader.as_fd(), PollTimeout::NONE).unwrap().unwrap().len(), LONGEST);
    }

    #[test]
    fn a_hidden_answer_is_not_echoed_and_the_echo_comes_back() {
        let pty = openpty(None, None).unwrap();
        let echoes =
            |tty: &std::os::fd::OwnedFd| tcgetattr(tty).unwrap().local_flags.contains(LocalFlags::ECHO);
        assert!(echoes(&pty.slave));
        let hidden = Hidden::hide(pty.slave.as_fd()).unwrap();
        assert!(!echoes(&pty.slave));
        let mut master = File::from(pty.master);
        master.write_all(b"654321\n").unwrap();
        assert!(hidden.wait_for_input().unwrap());
        assert_eq!(*read_line(pty.slave.as_fd(), PollTimeout::NONE).unwrap().unwrap(), b"654321");
        drop(hidden);
        assert!(echoes(&pty.slave));
        drop(pty.slave);
        let mut screen = [0u8; 64];
        let seen = master.read(&mut screen).unwrap();
        assert_eq!(&screen[..seen], b"\r\n");
    }

    #[test]
    fn a_signal_gives_the_echo_back_before_it_takes_effect() {
        let pty = openpty(None, None).unwrap();
        let hidden = Hidden::hide(pty.slave.as_fd()).unwrap();
        // SIGINT to this thread alone: held back, seen, and taken away before it is let through.
        nix::sys::pthread::pthread_kill(nix::sys::pthread::pthread_self(), Signal::SIGINT).unwrap();
        assert!(!hidden.wait_for_input().unwrap());
        let taken = SignalFd::new(&hidden.held).unwrap();
        assert_eq!(taken.read_signal().unwrap().unwrap().ssi_signo, Signal::SIGINT as u32);
    }
}
