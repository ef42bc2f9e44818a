//! Exemptions from the command line: one row for all of them, and the head holds its code. So an older row, a row
//! of another store, one that was removed and one that was altered are seen; then none of them holds. (S30)
//!
//! The row is all of them, and then the uid of each. An mfad that knows of no uids writes none: whose those are that it
//! wrote is not known for sure, and so they are left out. They were for some days, and can be given again.

use subtle::ConstantTimeEq;

use super::{Context, Records, Sound};
use crate::{
    audit::Event,
    crypto::{Keys, Purpose, Tag},
    policy::Grant,
    store::{MetaKey, StoreError},
    world::Moment,
};

/// Where there is none.
const NONE: Tag = [0; 32];

/// What was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// As it was put there, what is over included.
    Intact(Vec<Grant>),
    /// The row is not the one that was written last, or cannot be read: nothing that was granted holds.
    Altered,
}

impl Granted {
    /// What holds, or would if its time were not over: nothing where the row was altered.
    pub fn all(self) -> Vec<Grant> {
        match self {
            Self::Intact(grants) => grants,
            Self::Altered => Vec::new(),
        }
    }

    fn of(row: Option<Vec<u8>>, expected: &Tag, keys: &Keys) -> Self {
        let row = row.unwrap_or_default();
        if !bool::from(tag(keys, &row).ct_eq(expected)) {
            return Self::Altered;
        }
        read(&row).map_or(Self::Altered, Self::Intact)
    }
}

fn read(row: &[u8]) -> Option<Vec<Grant>> {
    let (grants, rest) = postcard::take_from_bytes::<Vec<Grant>>(row).ok()?;
    let uids: Vec<u32> = if rest.is_empty() { Vec::new() } else { postcard::from_bytes(rest).ok()? };
    Some(grants.into_iter().zip(uids).map(|(grant, uid)| Grant { uid, ..grant }).collect())
}

fn write(grants: &[Grant]) -> Result<Vec<u8>, StoreError> {
    let uids: Vec<u32> = grants.iter().map(|grant| grant.uid).collect();
    let written = postcard::to_allocvec(grants).and_then(|row| postcard::to_extend(&uids, row));
    written.map_err(|_| StoreError::Malformed("meta"))
}

fn tag(keys: &Keys, row: &[u8]) -> Tag {
    keys.tag(Purpose::Meta, &[b"granted", row])
}

impl Sound<'_> {
    /// What was granted, and how long machines with this store ran up to `now`, in milliseconds. Where nothing was
    /// granted, which is nearly always, the head alone is read.
    pub fn granted(&mut self, now: &Moment) -> Result<(Granted, u64), StoreError> {
        let head = self.head()?;
        let granted = match head.later.granted {
            NONE => Granted::Intact(Vec::new()),
            expected => Granted::of(self.rows.meta(MetaKey::Granted)?, &expected, self.keys),
        };
        Ok((granted, head.ran_ms_at(now)))
    }
}

impl Records<'_> {
    /// Writes what is granted from now on.
    pub fn grant(&mut self, grants: &[Grant]) -> Result<(), StoreError> {
        let row = write(grants)?;
        self.head.later.granted = if grants.is_empty() { NONE } else { tag(self.keys, &row) };
        self.txn.set_meta(MetaKey::Granted, &row)
    }

    /// Where what was granted was altered, records it and ends all of it, so that it is alarmed about once.
    pub fn end_altered_grants(&mut self) -> Result<(), StoreError> {
        if self.head.later.granted == NONE {
            return Ok(());
        }
        let row = self.txn.meta(MetaKey::Granted)?;
        if Granted::of(row, &self.head.later.granted, self.keys) != Granted::Altered {
            return Ok(());
        }
        self.grant(&[])?;
        self.audit(None, Event::ExemptionsAltered, Context::none())
    }
}

#[cfg(test)]
mod tests {
    use mfa_proto::identity::UnixTime;

    use super::*;

    #[test]
    fn the_release_before_reads_what_is_written_and_what_it_writes_is_nobodys() {
        let grant = Grant {
            id: [1; 4],
            user: "alice".into(),
            service: vec!["sshd".into()],
            address: Vec::new(),
            key: None,
            reason: "CHG-7".into(),
            by: String::new(),
            break_glass: String::new(),
            given: UnixTime(1),
            until: UnixTime(2),
            until_ran_ms: 3,
            uid: 1000,
        };
        let all = [grant.clone(), Grant { id: [2; 4], uid: 1001, ..grant.clone() }];
        let row = write(&all).unwrap();
        assert_eq!(read(&row).as_deref(), Some(&all[..]));
        let before: Vec<Grant> = postcard::from_bytes(&row).unwrap();
        assert_eq!(before.iter().map(|grant| grant.id).collect::<Vec<_>>(), [[1; 4], [2; 4]]);
        assert_eq!(read(&postcard::to_allocvec(&before).unwrap()), Some(Vec::new()));
    }
}
