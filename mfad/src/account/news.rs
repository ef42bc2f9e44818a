//! What is kept for an account's user to read at the next login.

use mfa_proto::identity::UnixTime;
use serde::{Deserialize, Serialize};

use super::{Door, FactorId};

/// A failure that its user is told of at the next login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worry {
    /// When.
    pub time: UnixTime,
    /// From where.
    pub door: Door,
    /// Whether the first factor had been right.
    pub attested: bool,
}

/// What its user is to be told, and when that was last done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// When something was last told.
    pub told: Option<UnixTime>,
    /// Wrong codes since the last settled login.
    pub wrong: u32,
    /// The worst and then the latest of them.
    pub worry: Option<Worry>,
    /// When backup codes were used that were not announced yet.
    pub backup_used: Vec<UnixTime>,
    /// What else happened to the account: for its user, the latest last.
    pub changes: Vec<Change>,
}

/// Something that was done to an account, and that its user is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub time: UnixTime,
    /// What.
    pub what: ChangeKind,
}

/// See [`Change`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    /// A factor of that label came to it.
    Added(String, FactorId),
    /// A recovery code was given out.
    RecoveryGiven,
}

/// Changes that are kept for the user; earlier ones are in the audit.
const CHANGES: usize = 5;

impl News {
    /// Keeps a change for the user.
    pub fn add(&mut self, time: UnixTime, what: ChangeKind) {
        if self.changes.len() >= CHANGES {
            self.changes.remove(0);
        }
        self.changes.push(Change { time, what });
    }
}
