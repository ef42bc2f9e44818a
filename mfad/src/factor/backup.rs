//! Backup codes: ten at most, for paper, each good once.
//!
//! What a code is compared with is slow to compute (bcrypt over a keyed hash), so a guess is
//! compared with one hash only, that of the slot it names, and outside any transaction: the try is
//! counted first, and what came of it is settled in a second transaction. Codes that another
//! system made are short and name no slot; a keyed hash alone guards those, and they end with the
//! next renewal.

use mfa_proto::{identity::UnixTime, one_time::SLOTS};
use serde::{Deserialize, Serialize};

use super::{Match, Matched};
use crate::crypto::SlowlyEqual;

/// The set of an account. Its hashes lie sealed in a row of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupCodes {
    /// Names the sealed row; absent where only foreign codes are there.
    pub hashes: Option<[u8; 16]>,
    /// When the set was made.
    pub made: UnixTime,
    /// When each was used.
    used: [Option<UnixTime>; SLOTS as usize],
    /// Codes of another system.
    foreign: Vec<Foreign>,
}

/// A code of another system: eight digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Foreign {
    tag: ForeignTag,
    used: Option<UnixTime>,
}

/// A keyed hash of a foreign code, bound to its account.
pub type ForeignTag = [u8; 16];

/// Which code of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// One of ours, by its slot.
    Slot(u8),
    /// One of another system's, by its place in the list.
    Foreign(usize),
}

impl BackupCodes {
    /// A new set of so many, none used. Slots that have no code count as used from the beginning.
    pub fn new(hashes: [u8; 16], size: u8, made: UnixTime) -> Self {
        let used = std::array::from_fn(|slot| (slot >= usize::from(size)).then_some(made));
        Self { hashes: Some(hashes), made, used, foreign: Vec::new() }
    }

    /// Codes of another system, by their keyed hashes.
    pub fn foreign(tags: impl IntoIterator<Item = ForeignTag>, made: UnixTime) -> Self {
        let foreign = tags.into_iter().map(|tag| Foreign { tag, used: None }).collect();
        Self { hashes: None, made, used: [None; SLOTS as usize], foreign }
    }

    /// How many are not used yet, those of another system included.
    pub fn left(&self) -> u32 {
        let own =
            if self.hashes.is_some() { self.used.iter().filter(|used| used.is_none()).count() } else { 0 };
        u32::try_from(own).unwrap_or(u32::MAX).saturating_add(self.weak())
    }

    /// How many of another system's are not used yet.
    pub fn weak(&self) -> u32 {
        u32::try_from(self.foreign.iter().filter(|code| code.used.is_none()).count()).unwrap_or(u32::MAX)
    }

    /// Whether any came from another system, used or not.
    pub fn has_foreign(&self) -> bool {
        !self.foreign.is_empty()
    }

    /// Whether the code of `slot` can still be used.
    pub fn is_open(&self, slot: u8) -> bool {
        self.hashes.is_some() && self.used.get(usize::from(slot)).is_some_and(Option::is_none)
    }

    /// What a guess at `slot` comes to, once the slow comparison was made outside.
    pub fn judge(&self, slot: u8, equal: SlowlyEqual) -> Match {
        match (equal.is_equal(), self.is_open(slot)) {
            (false, _) => Match::No,
            (true, false) => Match::Spent,
            (true, true) => Match::Fresh(Matched::backup(Place::Slot(slot))),
        }
    }

    /// What a guess at the codes of another system comes to; every one is compared.
    pub fn judge_foreign(&self, tag: &ForeignTag) -> Match {
        use subtle::ConstantTimeEq;
        let mut found = Match::No;
        for (at, code) in self.foreign.iter().enumerate() {
            let equal: bool = code.tag.ct_eq(tag).into();
            let this = match (equal, code.used) {
                (false, _) => Match::No,
                (true, Some(_)) => Match::Spent,
                (true, None) => Match::Fresh(Matched::backup(Place::Foreign(at))),
            };
            found = found.better(this);
        }
        found
    }

    /// Marks a code as used; false when it was already.
    pub fn spend(&mut self, at: Place, now: UnixTime) -> bool {
        let used = match at {
            Place::Slot(slot) => self.used.get_mut(usize::from(slot)),
            Place::Foreign(at) => self.foreign.get_mut(at).map(|code| &mut code.used),
        };
        match used {
            Some(used) if used.is_none() => {
                *used = Some(now);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> BackupCodes {
        BackupCodes::new([1; 16], 10, UnixTime(0))
    }

    // S14
    #[test]
    fn each_code_is_good_once() {
        let mut set = set();
        assert_eq!(set.left(), 10);
        let found = set.judge(3, SlowlyEqual::for_tests(true));
        assert_eq!(found, Match::Fresh(Matched::backup(Place::Slot(3))));
        assert!(set.spend(Place::Slot(3), UnixTime(1)));
        assert!(!set.spend(Place::Slot(3), UnixTime(2)));
        assert_eq!(set.judge(3, SlowlyEqual::for_tests(true)), Match::Spent);
        assert_eq!(set.judge(4, SlowlyEqual::for_tests(false)), Match::No);
        assert_eq!(set.left(), 9);
        assert!(!set.is_open(10) && !set.spend(Place::Slot(10), UnixTime(1)));
    }

    #[test]
    fn codes_of_another_system_are_counted_as_weak_and_are_good_once() {
        let mut set = BackupCodes::foreign([[1; 16], [2; 16]], UnixTime(0));
        assert_eq!((set.left(), set.weak()), (2, 2));
        assert_eq!(set.judge_foreign(&[3; 16]), Match::No);
        assert_eq!(set.judge_foreign(&[2; 16]), Match::Fresh(Matched::backup(Place::Foreign(1))));
        assert!(set.spend(Place::Foreign(1), UnixTime(1)));
        assert_eq!(set.judge_foreign(&[2; 16]), Match::Spent);
        assert_eq!((set.left(), set.weak()), (1, 1));
        assert_eq!(set.judge(0, SlowlyEqual::for_tests(true)), Match::Spent, "no slot of ours is open");
    }
}
