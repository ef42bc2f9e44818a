//! The policy in force, and where it comes from.

use std::sync::{Arc, PoisonError, RwLock};

use mfa_proto::identity::UnixTime;
use sha2::{Digest, Sha256};

use crate::policy::Rules;

/// Reads a text as if it were the settings file, called by the second; with warnings. Or says what is wrong with it.
pub type Reader = Arc<dyn Fn(&str, &str) -> Result<(Rules, Vec<String>), String> + Send + Sync>;

/// The policy in force, or none: a host that never had good settings refuses all.
#[derive(Clone, Default)]
pub struct Policy {
    held: Arc<RwLock<Held>>,
    reader: Option<Reader>,
}

#[derive(Clone, Default)]
struct Held {
    rules: Option<Arc<Rules>>,
    source: Source,
}

/// Where the rules in force come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// What they were read from; none where they are the last good ones, which were kept.
    pub files: Vec<File>,
    /// SHA-256 of all of it, merged.
    pub digest: [u8; 32],
    /// When they were put in force.
    pub taken: UnixTime,
    /// Why newer ones were not; empty where there are none.
    pub fault: String,
}

/// A file of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is.
    pub path: String,
    /// What `sha256sum` said of it.
    pub sha256: [u8; 32],
}

impl Source {
    /// The digest of that text.
    pub fn digest_of(text: &str) -> [u8; 32] {
        Sha256::digest(text.as_bytes()).into()
    }
}

impl Policy {
    /// A policy in force from the start, or none.
    pub fn new(rules: Option<Rules>) -> Self {
        let policy = Self::default();
        policy.set(rules);
        policy
    }

    /// The same, which also reads texts that are not in force.
    #[must_use]
    pub fn read_by(self, reader: Reader) -> Self {
        Self { reader: Some(reader), ..self }
    }

    /// Puts other rules in force, whole.
    pub fn set(&self, rules: Option<Rules>) {
        self.take(rules, Source::default());
    }

    /// The same, from there.
    pub fn take(&self, rules: Option<Rules>, source: Source) {
        let rules = rules.map(Rules::indexed).map(Arc::new);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Held { rules, source };
    }

    /// Those in force stay: there are newer ones, which are broken.
    pub fn stay(&self, fault: &str) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        fault.clone_into(&mut held.source.fault);
    }

    /// The rules in force.
    pub fn get(&self) -> Option<Arc<Rules>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).rules.clone()
    }

    /// SHA-256 of the text that says them.
    pub fn digest(&self) -> Option<[u8; 32]> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.rules.is_some().then_some(held.source.digest)
    }

    /// Where they come from.
    pub fn source(&self) -> Source {
        self.held.read().unwrap_or_else(PoisonError::into_inner).source.clone()
    }

    /// Reads a text as if it were the settings file; with warnings.
    pub(super) fn read(&self, text: &str, path: &str) -> Result<(Rules, Vec<String>), String> {
        match &self.reader {
            Some(reader) => reader(text, path).map(|(rules, warnings)| (rules.indexed(), warnings)),
            None => Err("this mfad reads no settings".to_owned()),
        }
    }
}
