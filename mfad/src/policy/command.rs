//! Commands of sudo, and the patterns that rules have for them. No boundary: who may run an editor, an
//! interpreter or a copy of a program under another name has every command. They say when a code is
//! asked, not what may be run.

use super::Truth;

/// A pattern for commands, in which `*` stands for any text and `?` for one byte. Without a space it means
/// the program alone, with whatever arguments; with one, the whole line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// That pattern. A program must be named by its whole path, or begin with a star.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.starts_with(['/', '*']) || text == "sudoedit" || text.starts_with("sudoedit ") {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("command {text:?}: begin with the whole path, as in \"/bin/bash\" or \"/usr/bin/su *\""))
    }

    /// Whether the command is one of those that are meant.
    pub fn matches(&self, command: &str) -> bool {
        let pattern = self.0.as_bytes();
        let program = command.split(' ').next().unwrap_or_default();
        matches(pattern, if self.0.contains(' ') { command } else { program }.as_bytes())
    }

    /// Whether a command of that program is one of those that are meant, with whatever arguments.
    pub fn may_match(&self, program: &str) -> Truth {
        let Some((head, _)) = self.0.split_once(' ') else { return Truth::of(Some(self.matches(program))) };
        // The first star may stand for the end of the program and arguments with it.
        let head = head.find('*').map_or(head, |star| &head[..=star]);
        if matches(head.as_bytes(), program.as_bytes()) { Truth::Unknown } else { Truth::No }
    }

    /// Whether every command that this one means is meant by the other; where that takes more than a look, no.
    pub fn is_within(&self, other: &Self) -> bool {
        let program = self.0.split(' ').next().unwrap_or_default();
        let is_one = !program.contains(['*', '?']);
        self == other
            || other.0 == "*"
            || is_one && !other.0.contains(' ') && matches(other.0.as_bytes(), program.as_bytes())
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Goes back to the last star only, so the time is at most the product of both lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, began)) => {
                    star = Some((at, began + 1));
                    (p, t) = (at + 1, began + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_meant_with_all_its_arguments_and_a_line_as_it_is() {
        let is = |pattern: &str, command: &str| Pattern::new(pattern).unwrap().matches(command);
        assert!(is("/bin/bash", "/bin/bash") && is("/bin/bash", "/bin/bash -c id"));
        assert!(!is("/bin/bash", "/bin/bashful") && !is("/bin/bash", "/usr/bin/bash"));
        assert!(is("/usr/bin/su *", "/usr/bin/su -") && !is("/usr/bin/su *", "/usr/bin/su"));
        assert!(is("*/vi*", "/usr/bin/vim.basic /etc/passwd") && is("*", "/x y") && is("/a?c*", "/abcd"));
        assert!(
            is("/usr/bin/apt * -y", "/usr/bin/apt install x -y -y")
                && !is("/usr/bin/apt update", "/usr/bin/apt upgrade")
        );
        assert!(is("sudoedit", "sudoedit /etc/hosts"));
    }

    #[test]
    fn of_a_program_alone_arguments_are_not_known() {
        let may = |pattern: &str| Pattern::new(pattern).unwrap().may_match("/usr/bin/su");
        assert_eq!(may("/usr/bin/su"), Truth::Yes);
        assert_eq!(may("/usr/bin/su *"), Truth::Unknown);
        assert_eq!(may("/usr/bin/* -l"), Truth::Unknown);
        assert_eq!(may("/usr/bin/s? root"), Truth::Unknown);
        assert_eq!(may("*su -l"), Truth::Unknown);
        for other in ["/bin/bash -c *", "/bin/bash", "/bin/* -c", "/usr/bin/sudo *"] {
            assert_eq!(may(other), Truth::No, "{other}");
        }
    }

    #[test]
    fn a_line_is_within_its_program() {
        let is = |one: &str, other: &str| Pattern::new(one).unwrap().is_within(&Pattern::new(other).unwrap());
        assert!(
            is("/bin/bash", "/bin/bash") && is("/bin/bash -c *", "/bin/bash") && is("/bin/bash", "/bin/*")
        );
        assert!(is("/a b*", "*") && is("/a*", "/a*"));
        assert!(!is("/bin/bash", "/bin/bash *") && !is("/bin/*", "/bin/bash") && !is("/a", "/b"));
    }

    #[test]
    fn a_pattern_of_many_stars_ends_in_time() {
        let pattern = Pattern::new(&format!("{} b", "*a".repeat(200))).unwrap();
        assert!(!pattern.matches(&"a".repeat(4096)));
    }

    #[test]
    fn a_program_without_its_path_is_an_error() {
        for bad in ["bash", "", "~/x", " /bin/sh", "sudoeditor"] {
            assert!(Pattern::new(bad).is_err(), "{bad}");
        }
    }
}
