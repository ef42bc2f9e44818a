//! A service's stack with all that it includes, as the list that libpam goes through.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::line::{Control, Facility, Line, Rule, module_name, parse};

/// The folders of PAM files, the first one first: what an administrator keeps wins over what is shipped.
const FOLDERS: [&str; 3] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"];
/// How deep files may include each other; libpam's own limit.
const DEPTH: usize = 32;
/// The most lines that a stack comes to: files that include each other twice would have no end.
const MOST: usize = 4096;
/// A PAM file is never longer.
const LONGEST: u64 = 1 << 20;

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
    Fail(String),
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
                Err(io::Error::new(io::ErrorKind::InvalidData, "no PAM file"))
            }
            Ok(_) => std::fs::read(&path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The file of a service, where it has one.
    pub(crate) fn of_service(&self, service: &str) -> io::Result<Option<(PathBuf, Vec<u8>)>> {
        if service.is_empty() || service.contains('/') {
            return Ok(None);
        }
        for folder in FOLDERS {
            let file = Path::new(folder).join(service);
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
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.') && !name.ends_with('~') && !name.contains(".dpkg-"))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The list that libpam goes through for a service; that of `other` where it has no line of its own.
    pub(crate) fn stack(&self, service: &str, facility: Facility) -> io::Result<Vec<Step>> {
        let mut steps = Vec::new();
        self.flatten(service, facility, 0, 0, &mut steps)?;
        if steps.is_empty() && service != "other" {
            self.flatten("other", facility, 0, 0, &mut steps)?;
        }
        Ok(steps)
    }

    fn flatten(
        &self,
        service: &str,
        facility: Facility,
        level: usize,
        depth: usize,
        steps: &mut Vec<Step>,
    ) -> io::Result<()> {
        let Some((file, text)) = self.of_service(service)? else { return Ok(()) };
        for line in parse(&text).iter().filter(|line| line.is_for(facility)) {
            self.append(line, &file, facility, level, depth, steps)?;
        }
        Ok(())
    }

    /// Adds what one line of `file` comes to.
    fn append(
        &self,
        line: &Line,
        file: &Path,
        facility: Facility,
        level: usize,
        depth: usize,
        steps: &mut Vec<Step>,
    ) -> io::Result<()> {
        if steps.len() >= MOST {
            return Ok(());
        }
        let place = Place { file: file.to_owned(), line: line.number };
        let (other, inner) = match &line.rule {
            Rule::Module { control, module, arguments } => {
                let (control, module) = (control.clone(), module_name(module).to_owned());
                let act = Act::Ask { control, module, arguments: arguments.clone() };
                steps.push(Step { place, level, act });
                return Ok(());
            }
            Rule::Broken(what) => {
                steps.push(Step { place, level, act: Act::Fail((*what).into()) });
                return Ok(());
            }
            Rule::Include(other) | Rule::IncludeAll(other) => (other, level),
            Rule::Substack(other) => {
                steps.push(Step { place: place.clone(), level, act: Act::Enter });
                (other, level + 1)
            }
        };
        let other = other.rsplit('/').next().unwrap_or(other);
        let missing = depth >= DEPTH || self.of_service(other)?.is_none();
        if missing {
            let why = format!("it includes {other}, which is not there");
            steps.push(Step { place, level: inner, act: Act::Fail(why) });
            return Ok(());
        }
        self.flatten(other, facility, inner, depth + 1, steps)
    }

    /// The steps that one line of a service's own file comes to.
    pub(crate) fn steps_of(&self, line: &Line, file: &Path, facility: Facility) -> io::Result<Vec<Step>> {
        let mut steps = Vec::new();
        if line.is_for(facility) {
            self.append(line, file, facility, 0, 0, &mut steps)?;
        }
        Ok(steps)
    }
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
            Act::Fail(_) => "(fail)",
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
        let host = host(&[("x", "@include gone\n"), ("y", "auth include y\nauth include y\n")]);
        assert_eq!(modules(&host.stack("x", Facility::Auth).unwrap()), [(0, "(fail)")]);
        let own = host.stack("y", Facility::Auth).unwrap();
        assert!(own.iter().any(|step| matches!(step.act, Act::Fail(_))));
    }
}
