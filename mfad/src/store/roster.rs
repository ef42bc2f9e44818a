//! What holds while the roster is not as the head says.
//!
//! As long as it is, every state is the one that was written last. Where it is not, somebody wrote in the store, and
//! of what lies there nothing is believed but what has a code. The audit's chain has one: it is walked from the head
//! down, and shows of each account the version that its state had with its latest record. A state that is older was
//! set back. An account of which the walk shows nothing may have been: the rows that would tell are gone, or altered.
//! What lies beside the chain, such as the columns that rows are found by, tells nothing. (S30)

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use super::{AuditRow, Head, Rows, StoreError};
use crate::{
    account::AccountId,
    audit::{self, Record},
    crypto::Keys,
};

/// How the roster was when it was last compared with the head. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Roster {
    /// As the head says.
    Sound,
    /// Another: an account holds only where the audit shows that its state is not an older one.
    Altered(Arc<Shown>),
}

impl Roster {
    /// Compares it now.
    pub(super) fn compare(rows: &mut dyn Rows, keys: &Keys) -> Result<Self, StoreError> {
        if Head::roster_agrees(rows, keys)? {
            return Ok(Self::Sound);
        }
        Ok(Self::Altered(Arc::new(Shown::by_the_audit(rows, keys)?)))
    }

    /// Whether it was as the head says.
    pub fn is_sound(&self) -> bool {
        matches!(self, Self::Sound)
    }

    /// Whether a state of that version, whose code is in order, may be believed.
    pub fn allows(&self, id: AccountId, version: u64) -> bool {
        match self {
            Self::Sound => true,
            Self::Altered(shown) => shown.0.get(&id).is_some_and(|latest| version >= *latest),
        }
    }
}

/// The version that each account's state had with its latest record.
#[derive(Debug, Default)]
pub struct Shown(HashMap<AccountId, u64>);

impl Shown {
    /// From the head down to the first record, or to the first row that does not hold.
    fn by_the_audit(rows: &mut dyn Rows, keys: &Keys) -> Result<Self, StoreError> {
        let head = Head::read(rows, keys)?;
        let mut shown = Self::default();
        // Its own code is in order: the row above it was linked to it. What it tells is, once the row below gave its code.
        let mut above: Option<AuditRow> = None;
        rows.audit_down(head.audit_seq, &mut |row| {
            let follows = match &above {
                None => row.seq == head.audit_seq && row.tag == head.audit_tag,
                Some(above) => row.seq + 1 == above.seq && shown.take(above, &row.tag, keys),
            };
            above = follows.then_some(row);
            follows
        })?;
        if let Some(first) = above.filter(|row| row.seq == 1) {
            shown.take(&first, &audit::NOTHING, keys);
        }
        Ok(shown)
    }

    /// Whether the row holds after one of the code `before`; then what it tells is taken.
    fn take(&mut self, row: &AuditRow, before: &[u8], keys: &Keys) -> bool {
        if !audit::follows(keys, before, &row.body, &row.tag) {
            return false;
        }
        // One that a later release wrote may tell of anybody.
        let Some(record) = Record::decode(&row.body) else { return false };
        if let Some((id, version)) = record.account
            && let Entry::Vacant(latest) = self.0.entry(id)
        {
            latest.insert(version);
        }
        true
    }
}
