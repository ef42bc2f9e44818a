//! Commands of sudo, and the patterns that rules have for them. No boundary: who may run an editor, an
//! interpreter or a copy of a program under another name has every command. They say when a code is
//! asked, not what may be run.
//!
//! A pattern may mean a command that it does not spell: on most hosts `/bin` is `/usr/bin`, and sudo reports the name
//! by which it found the program; and `su *` is read as any su, the plain one too, as sudoers has it. Whether that is
//! so nobody can tell from names alone. So it is unknown, which every rule takes to its stricter side.

use super::Truth;

/// Folders that are one on most hosts, as they are called besides.
const FOLDERS: [(&str, &str); 2] = [("/bin/", "/usr/bin/"), ("/sbin/", "/usr/sbin/")];

/// A command, and how patterns may spell it that mean it.
#[derive(Clone, Debug)]
pub struct Command<'a> {
    pub(super) told: &'a str,
    others: Vec<String>,
}

impl<'a> Command<'a> {
    /// The command as sudo tells it: the program by its path, and the arguments.
    pub fn new(told: &'a str) -> Self {
        let elsewhere = elsewhere(told);
        // Without arguments, it is the program with arguments that are empty.
        let plain = |line: &str| (!line.contains(' ')).then(|| format!("{line} "));
        let others = [plain(told), elsewhere.as_deref().and_then(plain)].into_iter().flatten();
        Self { told, others: others.chain(elsewhere.clone()).collect() }
    }
}

/// The same command by the other name of its folder.
fn elsewhere(command: &str) -> Option<String> {
    let other = |from: &str, to: &str| command.strip_prefix(from).map(|rest| format!("{to}{rest}"));
    FOLDERS.iter().find_map(|(bin, usr)| other(bin, usr).or_else(|| other(usr, bin)))
}

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

    /// Whether the command is one of those that are meant; unknown where only another spelling of it is.
    pub fn matches(&self, command: &Command<'_>) -> Truth {
        if self.spells(command.told) {
            Truth::Yes
        } else if command.others.iter().any(|other| self.spells(other)) {
            Truth::Unknown
        } else {
            Truth::No
        }
    }

    fn spells(&self, command: &str) -> bool {
        let program = command.split(' ').next().unwrap_or_default();
        matches(self.0.as_bytes(), if self.has_arguments() { command } else { program }.as_bytes())
    }

    /// Whether a command of that program is one of those that are meant, with whatever arguments.
    pub fn may_match(&self, program: &str) -> Truth {
        match self.may_spell(program) {
            Truth::No if elsewhere(program).is_some_and(|other| self.may_spell(&other) != Truth::No) => {
                Truth::Unknown
            }
            truth => truth,
        }
    }

    fn may_spell(&self, program: &str) -> Truth {
        let Some((head, _)) = self.0.split_once(' ') else { return Truth::of(Some(self.spells(program))) };
        // The first star may stand for the end of the program and arguments with it.
        let head = head.find('*').map_or(head, |star| &head[..=star]);
        if matches(head.as_bytes(), program.as_bytes()) { Truth::Unknown } else { Truth::No }
    }

    /// Whether it asks for the arguments of that program.
    pub fn asks_arguments_of(&self, program: &str) -> bool {
        self.has_arguments() && self.may_match(program) != Truth::No
    }

    fn has_arguments(&self) -> bool {
        self.0.contains(' ')
    }

    /// Whether every command that this one means is meant by the other; where that takes more than a look, no.
    pub fn is_within(&self, other: &Self) -> bool {
        let program = self.0.split(' ').next().unwrap_or_default();
        let is_one = !program.contains(['*', '?']);
        self == other
            || other.0 == "*"
            || is_one && !other.has_arguments() && matches(other.0.as_bytes(), program.as_bytes())
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

    fn of(pattern: &str, command: &str) -> Truth {
        Pattern::new(pattern).unwrap().matches(&Command::new(command))
    }

    #[test]
    fn a_program_is_meant_with_all_its_arguments_and_a_line_as_it_is() {
        let is = |pattern: &str, command: &str| of(pattern, command) == Truth::Yes;
        assert!(is("/bin/bash", "/bin/bash") && is("/bin/bash", "/bin/bash -c id"));
        assert!(!is("/bin/bash", "/bin/bashful") && !is("/usr/bin/su *", "/bin/true"));
        assert!(is("/usr/bin/su *", "/usr/bin/su -"));
        assert!(is("*/vi*", "/usr/bin/vim.basic /etc/passwd") && is("*", "/x y") && is("/a?c*", "/abcd"));
        assert!(
            is("/usr/bin/apt * -y", "/usr/bin/apt install x -y -y")
                && !is("/usr/bin/apt update", "/usr/bin/apt upgrade")
        );
        assert!(is("sudoedit", "sudoedit /etc/hosts"));
    }

    #[test]
    fn what_only_another_spelling_of_the_command_matches_may_be_meant() {
        for (pattern, command) in [
            ("/bin/bash", "/usr/bin/bash"),
            ("/bin/bash", "/usr/bin/bash -c id"),
            ("/usr/sbin/reboot", "/sbin/reboot -f"),
            ("/bin/b*", "/usr/bin/bash"),
            ("/usr/*/bash", "/bin/bash"),
            ("/usr/bin/su *", "/usr/bin/su"),
            ("/usr/bin/su *", "/bin/su"),
            ("/usr/bin/su *", "/bin/su -"),
            ("/usr/bin/s* *", "/usr/bin/su"),
        ] {
            assert_eq!(of(pattern, command), Truth::Unknown, "{pattern} {command}");
        }
        for (pattern, command) in [
            ("/bin/bash", "/usr/bin/bashful"),
            ("/bin/bash", "/usr/local/bin/bash"),
            ("/bin/bash", "/opt/bin/bash"),
            ("/bin/bash", "/usr/sbin/bash"),
            ("/bin/bash", "/x /bin/bash"),
            ("/usr/bin/su ?*", "/usr/bin/su"),
            ("/usr/bin/su -*", "/usr/bin/su"),
            ("/usr/bin/su * *", "/usr/bin/su"),
            ("/usr/bin/su *", "/usr/bin/sudo"),
            ("sudoedit /usr/bin/x", "sudoedit /bin/x"),
        ] {
            assert_eq!(of(pattern, command), Truth::No, "{pattern} {command}");
        }
    }

    #[test]
    fn of_a_program_alone_arguments_are_not_known() {
        let may = |pattern: &str| Pattern::new(pattern).unwrap().may_match("/usr/bin/su");
        let asks = |pattern: &str| Pattern::new(pattern).unwrap().asks_arguments_of("/usr/bin/su");
        assert_eq!(may("/usr/bin/su"), Truth::Yes);
        for with_arguments in ["/usr/bin/su *", "/usr/bin/* -l", "/usr/bin/s? root", "*su -l", "/bin/su -l"] {
            assert_eq!(may(with_arguments), Truth::Unknown, "{with_arguments}");
            assert!(asks(with_arguments), "{with_arguments}");
        }
        assert_eq!(may("/bin/su"), Truth::Unknown);
        assert!(!asks("/bin/su"), "whatever they are");
        for other in ["/bin/bash -c *", "/bin/bash", "/usr/bin/sudo *", "/sbin/su"] {
            assert_eq!(may(other), Truth::No, "{other}");
            assert!(!asks(other), "{other}");
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
        assert_eq!(of(&format!("{} b", "*a".repeat(200)), &"a".repeat(4096)), Truth::No);
    }

    #[test]
    fn a_program_without_its_path_is_an_error() {
        for bad in ["bash", "", "~/x", " /bin/sh", "sudoeditor"] {
            assert!(Pattern::new(bad).is_err(), "{bad}");
        }
    }
}
