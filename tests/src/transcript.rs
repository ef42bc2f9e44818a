//! A session as a document shows it, done for real and compared.
//!
//! Where a document shows nothing after a command, what it prints is not compared, only how it ends. `…` stands for
//! anything: within a line for some of it, alone for any number of lines. Codes, secrets, ids and times are other
//! ones in each run, and are masked; empty lines do not count.

use std::time::Duration;

use crate::attempt::quoted;
use crate::document::Block;
use crate::machine::Machine;
use crate::terminal::{Next, Terminal};
use crate::window::masked;

/// How long a command may take to ask or to end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A command, and what it shows.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) user: &'static str,
    pub(crate) command: String,
    pub(crate) shown: Vec<String>,
}

/// The steps of a session.
pub(crate) fn steps(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in &block.lines {
        let command = [("# ", "root"), ("$ ", "alice")]
            .into_iter()
            .find_map(|(prompt, user)| Some((user, line.strip_prefix(prompt)?)));
        match (command, steps.last_mut()) {
            (Some((user, command)), _) => {
                steps.push(Step { user, command: command.into(), shown: Vec::new() });
            }
            (None, Some(last)) if last.command.ends_with('\\') => {
                last.command.push('\n');
                last.command.push_str(line);
            }
            (None, Some(last)) => last.shown.push(line.clone()),
            (None, None) => panic!("{}: a session begins with a command: `# …` or `$ …`", block.at),
        }
    }
    steps
}

/// Where a session is played.
pub trait Stage {
    /// Starts a command line of bash as `user`, in a terminal.
    fn terminal(&self, user: &str, command: &str) -> Terminal;
    /// What was logged, for messages.
    fn log(&self) -> Vec<String>;
}

impl Stage for Machine {
    fn terminal(&self, user: &str, command: &str) -> Terminal {
        Terminal::open(self.inside(), user, &format!("cd; exec bash -c {}", quoted(command)))
    }

    fn log(&self) -> Vec<String> {
        self.inside().log().lines()
    }
}

/// Does what the block shows; panics where it ends or shows otherwise.
pub(crate) fn play(stage: &dyn Stage, block: &Block, fails: bool, person: &mut dyn FnMut(&str) -> String) {
    for Step { user, command, shown } in steps(block) {
        let mut terminal = stage.terminal(user, &command);
        let exit = loop {
            match terminal.next_within(PATIENCE) {
                Next::Prompt(prompt) => terminal.answer(person(&prompt).as_bytes()),
                Next::Ended(exit) => break exit,
                Next::Silent => {
                    terminal.give_up();
                    break None;
                }
            }
        };
        let seen = terminal.transcript();
        let ended = exit.is_some_and(|code| (code != 0) == fails);
        let how = if fails { "fails" } else { "succeeds" };
        let log = stage.log();
        let log = log[log.len().saturating_sub(10)..].join("\n");
        let at = &block.at;
        assert!(ended, "{at}: `{command}` {how}, but ended with {exit:?}:\n{seen}\n--- log\n{log}");
        let expected = shown.join("\n");
        assert!(
            shown.is_empty() || matches(&lines(&expected), &lines(&seen)),
            "{at}: `{command}` shows\n{expected}\n--- but showed\n{seen}\n--- log\n{log}"
        );
    }
}

/// What counts of a text: neither colours nor empty lines.
fn lines(text: &str) -> Vec<String> {
    let masked = masked(&plain(text));
    masked.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Without sequences that move the cursor or set a colour: ESC `[`, parameters, a letter.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        all + part.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).get(1..).unwrap_or_default()
    })
}

fn matches(expected: &[String], seen: &[String]) -> bool {
    match (expected, seen) {
        ([], []) => true,
        ([any, rest @ ..], _) if any == "…" => {
            (0..=seen.len()).any(|skipped| matches(rest, &seen[skipped..]))
        }
        ([first, expected @ ..], [line, seen @ ..]) => matches_line(first, line) && matches(expected, seen),
        _ => false,
    }
}

fn matches_line(expected: &str, line: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{lines, matches};

    fn as_shown(expected: &str, seen: &str) -> bool {
        matches(&lines(expected), &lines(seen))
    }

    #[test]
    fn what_is_shown_is_what_is_there() {
        assert!(as_shown("a b\n\nc", "a b\nc\n"));
        assert!(as_shown("a … d\n…", "a b c d"));
        assert!(as_shown("…\nlast", "one\ntwo\nlast"));
        assert!(as_shown("code 123456", "code 654321"));
        assert!(as_shown("red", "\x1b[1;31mred\x1b[0m\x1b[K"));
    }

    #[test]
    fn what_is_missing_added_or_otherwise_is_seen() {
        for (expected, seen) in [
            ("a", ""),
            ("a", "a\nb"),
            ("a", "ab"),
            ("a…", "ba"),
            ("a … d", "a d e"),
            ("…\nlast", "last\nmore"),
        ] {
            assert!(!as_shown(expected, seen), "{expected:?} {seen:?}");
        }
    }
}
