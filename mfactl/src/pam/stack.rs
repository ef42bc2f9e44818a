//! A service's stack with all that it includes, as the list that libpam goes through.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::control::{Action, Control};
use super::line::{Facility, Line, Rule, module_name, parse};

/// The folders of PAM files, the first one first: what an administrator keeps wins over what is shipped.
const FOLDERS: [&str; 3] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"];
/// How deep files may include each other. libpam fails at about this depth, or, by `@include`, never comes back.
const DEPTH: usize = 16;
/// The most lines that a stack comes to: files that include each other twice would have no end.
const MOST: usize = 4096;
/// A PAM file is never longer.
const LONGEST: u64 = 1 << 20;

/// Files that no service has the name of: what editors and package managers leave. The package looks past the same.
const LEFT_BEHIND: [&str; 7] = [".*", "*~", "*.dpkg-*", "*.ucf-*", "*.rpmsave", "*.rpmnew", "*.rpmorig"];

fn is_left_behind(name: &str) -> bool {
    LEFT_BEHIND.iter().any(|left| glob::Pattern::new(left).is_ok_and(|left| left.matches(name)))
}

/// What Debian's libpam does where an `@include` fails in a file that is read for one facility: it takes
/// the actions of the line before, or what is in memory.
pub(super) const UNDEFINED: &str = ", and what libpam does then is not defined";

/// Where a line stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: PathBuf,
    /// Its line, from 1.
    pub(crate) line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// What libpam does at one point of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Asks a module.
    Ask {
        /// What its answers do.
        control: Control,
        /// Without folder and ending.
        module: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// Begins a substack: the lines after it with a higher level.
    Enter,
    /// Fails whoever comes here: a line that cannot be read, a file that is missing.
    Fail {
        /// What is wrong.
        why: String,
        /// What is done on that failure.
        action: Action,
    },
}

/// One point of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Where it is written.
    pub(crate) place: Place,
    /// How deep in substacks, from 0.
    pub(crate) level: usize,
    /// What happens.
    pub(crate) act: Act,
}

impl Step {
    /// Whether it asks that module.
    pub(crate) fn asks(&self, name: &str) -> bool {
        matches!(&self.act, Act::Ask { module, .. } if module == name)
    }

    /// Why it fails whoever comes here, if it does.
    pub(crate) fn broken(&self) -> Option<&str> {
        match &self.act {
            Act::Fail { why, .. } => Some(why),
            _ => None,
        }
    }

    /// Whether it has that argument.
    pub(crate) fn has_argument(&self, word: &str) -> bool {
        matches!(&self.act, Act::Ask { arguments, .. } if arguments.iter().any(|argument| argument == word))
    }
}

/// The PAM files of this host, with what a plan would make of some of them.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    root: PathBuf,
    planned: HashMap<PathBuf, Option<Vec<u8>>>,
}

impl Files {
    /// Those of this host.
    pub(crate) fn of_this_host() -> Self {
        Self::below(Path::new("/"))
    }

    /// Those below another root.
    pub(crate) fn below(root: &Path) -> Self {
        Self { root: root.to_owned(), planned: HashMap::new() }
    }

    /// The same, with this file as it would be; none: gone.
    pub(crate) fn with(mut self, file: &Path, text: Option<Vec<u8>>) -> Self {
        self.planned.insert(file.to_owned(), text);
        self
    }

    /// What a file holds, or would; none: there is none.
    pub(crate) fn read(&self, file: &Path) -> io::Result<Option<Vec<u8>>> {
        if let Some(planned) = self.planned.get(file) {
            return Ok(planned.clone());
        }
        let path = self.root.join(file.strip_prefix("/").unwrap_or(file));
        match std::fs::metadata(&path) {
            Ok(about) if !about.is_file() || about.len() > LONGEST => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "it is no file, or longer than one of PAM is"))
            }
            Ok(_) => std::fs::read(&path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where a file leads, if it is a link.
    pub(crate) fn link(&self, file: &Path) -> Option<PathBuf> {
        std::fs::read_link(self.root.join(file.strip_prefix("/").unwrap_or(file))).ok()
    }

    /// The file of a service, where it has one.
    pub(crate) fn of_service(&self, service: &str) -> io::Result<Option<(PathBuf, Vec<u8>)>> {
        if service.is_empty() || service.contains('/') {
            return Ok(None);
        }
        self.named(service)
    }

    /// The file that an `include` names: a path may be absolute, or lead below the folders.
    fn named(&self, name: &str) -> io::Result<Option<(PathBuf, Vec<u8>)>> {
        for folder in FOLDERS {
            let file = Path::new(folder).join(name);
            if let Some(text) = self.read(&file)? {
                return Ok(Some((file, text)));
            }
        }
        Ok(None)
    }

    /// The services that have a file, by name.
    pub(crate) fn services(&self) -> Vec<String> {
        let mut names: Vec<String> = FOLDERS
            .iter()
            .filter_map(|folder| std::fs::read_dir(self.root.join(&folder[1..])).ok())
            .flatten()
            .flatten()
            .filter(|entry| entry.path().is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !is_left_behind(name))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The list that libpam goes through for a service; that of `other` where it has no line of its own.
    ///
    /// A file that cannot be read to its end, that of `other` included, refuses everyone. An error also where
    /// the files include each other so often that there is no end.
    pub(crate) fn stack(&self, service: &str, facility: Facility) -> io::Result<Vec<Step>> {
        let mut lists = [Vec::new(), Vec::new()];
        for (service, list) in [service, "other"].into_iter().zip(&mut lists) {
            let Some((file, text)) = self.of_service(service)? else { continue };
            let top = At { facility, alone: false, level: 0, depth: 0 };
            if let Err(given_up) = self.flatten(&file, &text, top, list)? {
                return Ok(vec![given_up]);
            }
        }
        let [own, other] = lists;
        Ok(if own.is_empty() { other } else { own })
    }

    /// Adds what a file comes to. `Err`: libpam gives it up there; what it has read stays.
    fn flatten(
        &self,
        file: &Path,
        text: &[u8],
        at: At,
        steps: &mut Vec<Step>,
    ) -> io::Result<Result<(), Step>> {
        for line in parse(text) {
            let is_for = if at.alone { Line::is_for_alone } else { Line::is_for };
            if is_for(&line, at.facility)
                && let Err(given_up) = self.append(&line, file, at, steps)?
            {
                return Ok(Err(given_up));
            }
        }
        Ok(Ok(()))
    }

    /// Adds what one line of `file` comes to.
    fn append(
        &self,
        line: &Line,
        file: &Path,
        at: At,
        steps: &mut Vec<Step>,
    ) -> io::Result<Result<(), Step>> {
        if steps.len() >= MOST || at.depth >= DEPTH {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "files that include each other without end",
            ));
        }
        let place = Place { file: file.to_owned(), line: line.number };
        let step = |act| Step { place: place.clone(), level: at.level, act };
        let fail = |why: &str, action| step(Act::Fail { why: why.to_owned(), action });
        let mut inner = At { alone: true, depth: at.depth + 1, ..at };
        let other = match &line.rule {
            Rule::Module { control, module, arguments } => {
                let (control, module) = (*control, module_name(module).to_owned());
                steps.push(step(Act::Ask { control, module, arguments: arguments.clone() }));
                return Ok(Ok(()));
            }
            Rule::Broken { why, action } => {
                steps.push(fail(why, *action));
                return Ok(Ok(()));
            }
            Rule::Unreadable(why) => return Ok(Err(fail(why, Action::Die))),
            Rule::Include(other) => other,
            Rule::IncludeAll(other) => {
                inner.alone = at.alone;
                other
            }
            Rule::Substack(other) => {
                steps.push(step(Act::Enter));
                inner.level += 1;
                other
            }
        };
        let read = match &self.named(other)? {
            Some((file, text)) => self.flatten(file, text, inner, steps)?,
            None => {
                Err(fail(&format!("it includes {}, which is not there", other.escape_debug()), Action::Bad))
            }
        };
        let Err(given_up) = read else { return Ok(Ok(())) };
        if !inner.alone {
            return Ok(Err(given_up)); // a line for every facility has none to fail in
        }
        // In a file that is read for one facility it is this line that fails.
        let mut why = given_up.broken().unwrap_or_default().to_owned();
        if matches!(line.rule, Rule::IncludeAll(_)) {
            why.push_str(UNDEFINED);
        }
        let act = Act::Fail { why, action: Action::Bad };
        steps.push(Step { level: at.level, act, ..given_up });
        Ok(Ok(()))
    }

    /// The steps that one line of a service's own file comes to.
    pub(crate) fn steps_of(&self, line: &Line, file: &Path, facility: Facility) -> io::Result<Vec<Step>> {
        let mut steps = Vec::new();
        let top = At { facility, alone: false, level: 0, depth: 0 };
        if line.is_for(facility)
            && let Err(given_up) = self.append(line, file, top, &mut steps)?
        {
            steps.push(given_up);
        }
        Ok(steps)
    }
}

/// Where in the reading of a stack a file stands.
#[derive(Clone, Copy, Debug)]
struct At {
    facility: Facility,
    /// Whether the file is read for that facility alone.
    alone: bool,
    /// How deep in substacks.
    level: usize,
    /// How deep in included files.
    depth: usize,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A host with these files in `/etc/pam.d`.
    pub(crate) fn host(files: &[(&str, &str)]) -> Files {
        files.iter().fold(Files::below(Path::new("/nonexistent")), |host, (name, text)| {
            host.with(&Path::new("/etc/pam.d").join(name), Some(text.as_bytes().to_vec()))
        })
    }

    fn modules(steps: &[Step]) -> Vec<(usize, &str)> {
        let name = |step: &Step| match &step.act {
            Act::Ask { .. } => "",
            Act::Enter => "(enter)",
            Act::Fail { .. } => "(fail)",
        };
        steps
            .iter()
            .map(|step| match &step.act {
                Act::Ask { module, .. } => (step.level, module.as_str()),
                _ => (step.level, name(step)),
            })
            .collect()
    }

    #[test]
    fn the_package_looks_past_the_same_files() {
        let steps = include_str!("../../../packaging/files/steps");
        let named = steps.split("! -name '").skip(1).filter_map(|rest| rest.split('\'').next());
        assert_eq!(named.collect::<Vec<_>>(), LEFT_BEHIND);
        for name in [".sshd.swp", "sshd~", "sshd.dpkg-old", "sshd.ucf-dist", "sshd.rpmsave"] {
            assert!(is_left_behind(name), "{name}");
        }
        assert!(!is_left_behind("sshd") && !is_left_behind("polkit-1"));
    }

    #[test]
    fn includes_stand_where_they_are_named_and_substacks_deeper() {
        let host = host(&[
            ("sshd", "auth required pam_a.so\n@include common\nauth substack deep\nauth include common\n"),
            ("common", "auth required pam_b.so\naccount required pam_c.so\n"),
            ("deep", "auth required pam_d.so\n"),
        ]);
        let auth = host.stack("sshd", Facility::Auth).unwrap();
        assert_eq!(modules(&auth), [(0, "pam_a"), (0, "pam_b"), (0, "(enter)"), (1, "pam_d"), (0, "pam_b")]);
        assert_eq!(auth[1].place.to_string(), "/etc/pam.d/common:1");
        assert_eq!(modules(&host.stack("sshd", Facility::Account).unwrap()), [(0, "pam_c")]);
    }

    #[test]
    fn a_service_without_a_line_of_its_own_has_those_of_other() {
        let host =
            host(&[("other", "auth required pam_deny.so\n"), ("x", "account required pam_permit.so\n")]);
        assert_eq!(modules(&host.stack("x", Facility::Auth).unwrap()), [(0, "pam_deny")]);
        assert_eq!(modules(&host.stack("none", Facility::Auth).unwrap()), [(0, "pam_deny")]);
    }

    #[test]
    fn what_is_missing_or_includes_itself_fails_who_comes_there() {
        let host =
            host(&[("x", "@include gone\n"), ("y", "auth include y\nauth include y\n"), ("z", "@include z")]);
        assert_eq!(modules(&host.stack("x", Facility::Auth).unwrap()), [(0, "(fail)")]);
        for own in ["y", "z"] {
            assert!(host.stack(own, Facility::Auth).is_err(), "{own}");
        }
    }
}
