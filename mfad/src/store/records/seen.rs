//! When users without a factor were there: what grace goes by.

use mfa_proto::identity::UnixTime;
use subtle::ConstantTimeEq;

use super::{Records, Sound};
use crate::{
    crypto::{Keys, Purpose, Tag},
    store::{SeenRow, StoreError},
};

/// When a user without a factor was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Last.
    pub time: UnixTime,
    /// Last offered to enrol; 0: never.
    pub offered: UnixTime,
}

impl Seen {
    fn tag(&self, keys: &Keys, uid: u32) -> Tag {
        let parts = [&uid.to_le_bytes()[..], &self.time.0.to_le_bytes(), &self.offered.0.to_le_bytes()];
        keys.tag(Purpose::Meta, &[b"seen", parts[0], parts[1], parts[2]])
    }
}

impl Sound<'_> {
    /// When that user was last seen without a factor, and when an enrolment was last offered; `None`
    /// where that is not on record.
    pub fn seen(&mut self, uid: u32) -> Result<Option<Seen>, StoreError> {
        let Some(row) = self.rows.seen(uid)? else { return Ok(None) };
        let seen = Seen { time: row.time, offered: row.offered };
        Ok(seen.tag(self.keys, uid).ct_eq(&row.tag[..]).into()).map(|genuine: bool| genuine.then_some(seen))
    }
}

impl Records<'_> {
    /// Records when this user, who has no factor, was there.
    pub fn see(&mut self, uid: u32, seen: Seen) -> Result<(), StoreError> {
        let tag = seen.tag(self.keys, uid).to_vec();
        self.txn.set_seen(uid, &SeenRow { time: seen.time, offered: seen.offered, tag })
    }

    /// Forgets when this user was there without a factor: there is one now.
    pub fn unsee(&mut self, uid: u32) -> Result<(), StoreError> {
        self.txn.forget_seen(uid)
    }
}
