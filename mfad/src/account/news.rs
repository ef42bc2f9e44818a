//! What is kept for an account's user to read at the next login.

use mfa_proto::identity::UnixTime;
use serde::{Deserialize, Serialize};

use super::{Door, FactorId};

/// A failure that its user is told of at the next login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worry {
    /// Which of the news.
    pub number: u64,
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
    /// How many there ever were: the number of the next one.
    pub next: u64,
    /// Wrong codes since the last settled login.
    pub wrong: u32,
    /// The worst and then the latest of them.
    pub worry: Option<Worry>,
    /// Uses of backup codes that were not announced yet: at most as many as a set has.
    pub backup_used: Vec<Used>,
    /// What else happened to the account: for its user, the latest last.
    pub changes: Vec<Change>,
}

/// The use of a backup code, which its user is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Which of the news.
    pub number: u64,
    /// When.
    pub time: UnixTime,
}

/// Something that was done to an account, and that its user is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which of the news.
    pub number: u64,
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

impl ChangeKind {
    /// Whether that factor came to the account.
    pub fn adds(&self, factor: FactorId) -> bool {
        matches!(self, Self::Added(_, id) if *id == factor)
    }
}

/// Changes that are kept for the user; earlier ones are in the audit.
const CHANGES: usize = 5;

impl News {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Keeps the use of a backup code for the user.
    pub fn used(&mut self, time: UnixTime) {
        let number = self.number();
        self.backup_used.push(Used { number, time });
    }

    /// Keeps a wrong guess for the user: the latest of the worst, but that an own slip in a dialogue
    /// which has read what comes before number `heard` hides nothing that came since.
    pub fn worry(&mut self, time: UnixTime, door: &Door, attested: bool, heard: u64) {
        let number = self.number();
        self.wrong = self.wrong.saturating_add(1);
        let shown = self.worry.as_ref().is_none_or(|worry| match (worry.attested, attested) {
            (true, true) => worry.number < heard,
            (known, _) => !known,
        });
        if shown {
            self.worry = Some(Worry { number, time, door: door.clone(), attested });
        }
    }

    /// Keeps a change for the user.
    pub fn add(&mut self, time: UnixTime, what: ChangeKind) {
        if self.changes.len() >= CHANGES {
            self.changes.remove(0);
        }
        let number = self.number();
        self.changes.push(Change { number, time, what });
    }
}
