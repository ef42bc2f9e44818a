//! One thing that was found, and all of them.

use std::path::PathBuf;

use super::kind::{Kind, Severity};
use super::mend::Mend;
use crate::pam::stack::Place;

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The file.
    pub(super) file: PathBuf,
    /// Its line, from 1; none: the file as such, or a line that is not there.
    pub(super) line: Option<usize>,
}

impl From<&Place> for Spot {
    fn from(place: &Place) -> Self {
        Self { file: place.file.clone(), line: Some(place.line) }
    }
}

impl Spot {
    /// A file as such.
    pub(super) fn file(path: impl Into<PathBuf>) -> Self {
        Self { file: path.into(), line: None }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What.
    pub(super) kind: Kind,
    /// What it is about: a service, a user, a file's name. With the id it names the finding.
    pub(super) subject: String,
    /// Where, as far as that is known.
    pub(super) spot: Option<Spot>,
    /// What was seen, for people; may be empty.
    pub(super) detail: String,
    /// What mends it.
    pub(super) mend: Mend,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// In the order of looking, each once.
    pub(super) findings: Vec<Finding>,
}

impl Report {
    /// Adds what was found, unless it was before.
    pub(super) fn found(&mut self, finding: Finding) {
        let same = |other: &Finding| {
            (other.kind, &other.subject, &other.spot) == (finding.kind, &finding.subject, &finding.spot)
        };
        if !self.findings.iter().any(same) {
            self.findings.push(finding);
        }
    }

    /// Adds that `what` could not be looked at.
    pub(super) fn cannot_look(&mut self, what: &str, why: impl std::fmt::Display, mend: Mend) {
        self.found(Finding {
            kind: Kind::CannotLook,
            subject: what.to_owned(),
            spot: None,
            detail: why.to_string(),
            mend,
        });
    }

    /// The worst first; what is as bad, in the order of looking.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.kind.severity()));
        self.findings
    }
}

/// What a run ends with: that of monitoring plugins, where what is known to be bad comes before what is not
/// known.
pub(super) fn worst<'a>(findings: impl Iterator<Item = &'a Finding>) -> Severity {
    findings.map(|finding| finding.kind.severity()).max().unwrap_or(Severity::Info)
}
