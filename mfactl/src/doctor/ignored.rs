//! What an administrator has decided to live with: `/etc/mfad/doctor.toml`, a table an entry.
//!
//! ```toml
//! [[ignore]]
//! id = "sudoers-nopasswd:backup"   # an id, or one with what it is about
//! reason = "runs from a timer"
//! ```

use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::finding::Finding;

/// Where it is kept.
pub(super) const FILE: &str = "/etc/mfad/doctor.toml";

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// `ID`, or `ID:SUBJECT`.
    pub(super) id: String,
    /// Why.
    pub(super) reason: String,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ignored {
    #[serde(default)]
    pub(super) ignore: Vec<Entry>,
}

impl Ignored {
    /// Reads them; nothing is ignored where others than root could have written it.
    pub(super) fn read() -> Result<Self, String> {
        let said = |error: &dyn std::fmt::Display| format!("{FILE}: {error}");
        let about = match std::fs::metadata(FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            about => about.map_err(|error| said(&error))?,
        };
        if about.uid() != 0 || about.mode() & 0o022 != 0 {
            return Err(said(&"may be written by others than root: nothing is ignored"));
        }
        let text = std::fs::read_to_string(FILE).map_err(|error| said(&error))?;
        toml::from_str(&text).map_err(|error| said(&error))
    }

    /// Writes them, whole or not at all.
    pub(super) fn write(&self) -> io::Result<()> {
        let head =
            "# What mfactl doctor leaves out: written by `mfactl doctor --ignore`, and may be edited.\n\n";
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let part = format!("{FILE}.part");
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&part)?;
        file.write_all(head.as_bytes())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, FILE)?;
        std::fs::File::open(Path::new(FILE).parent().unwrap_or(Path::new("/")))?.sync_all()
    }

    /// The same, with this one.
    pub(super) fn with(mut self, id: &str, reason: &str) -> Self {
        self.ignore.retain(|entry| entry.id != id);
        self.ignore.push(Entry { id: id.to_owned(), reason: reason.to_owned() });
        self
    }

    /// Takes one out; whether it was there.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let before = self.ignore.len();
        self.ignore.retain(|entry| entry.id != id);
        self.ignore.len() < before
    }

    /// Why a finding is ignored, where it is.
    pub(super) fn reason(&self, finding: &Finding) -> Option<&str> {
        let (id, subject) = (finding.kind.id(), &finding.subject);
        let is_it = |entry: &&Entry| match entry.id.split_once(':') {
            Some((of, about)) => of == id && about == subject,
            None => entry.id == id,
        };
        self.ignore.iter().find(is_it).map(|entry| entry.reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::Kind;
    use super::super::mend::Mend;
    use super::*;

    fn finding(subject: &str) -> Finding {
        let (kind, mend) = (Kind::WithoutFactor, Mend::Run(String::new()));
        Finding { kind, subject: subject.into(), spot: None, detail: String::new(), mend }
    }

    #[test]
    fn an_id_is_for_all_and_one_with_a_subject_for_that_alone() {
        let one = Ignored::default().with("without-factor:al", "a robot");
        assert_eq!(one.reason(&finding("al")), Some("a robot"));
        assert_eq!(one.reason(&finding("bo")), None);
        let all = one.clone().with("without-factor", "not yet");
        assert_eq!(all.reason(&finding("bo")), Some("not yet"));
        assert_eq!(Ignored::default().with("way-round", "x").reason(&finding("al")), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let ignored = Ignored::default().with("way-round:x", "a \"reason\"\n").with("use-dns", "b");
        let text = toml::to_string(&ignored).unwrap();
        assert_eq!(toml::from_str::<Ignored>(&text).unwrap(), ignored);
        assert!(toml::from_str::<Ignored>("[[ignore]]\nid = \"a\"\n").is_err(), "no reason");
    }
}
