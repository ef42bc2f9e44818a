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
    /// For the first time; 0: before that was recorded.
    pub first: UnixTime,
    /// Last.
    pub time: UnixTime,
    /// Last offered to enrol; 0: never.
    pub offered: UnixTime,
}

impl Seen {
    fn tag(&self, keys: &Keys, uid: u32) -> Tag {
        let [first, time, offered] = [self.first, self.time, self.offered].map(|time| time.0.to_le_bytes());
        let uid = uid.to_le_bytes();
        if self.first == UnixTime(0) {
            return keys.tag(Purpose::Meta, &[b"seen", &uid, &time, &offered]); // as it was written then
        }
        keys.tag(Purpose::Meta, &[b"seen first", &uid, &first, &time, &offered])
    }
}

impl Sound<'_> {
    /// When that user was last seen without a factor, and when an enrolment was last offered; `None`
    /// where that is not on record.
    pub fn seen(&mut self, uid: u32) -> Result<Option<Seen>, StoreError> {
        let Some(row) = self.rows.seen(uid)? else { return Ok(None) };
        let seen = Seen { first: row.first, time: row.time, offered: row.offered };
        Ok(seen.tag(self.keys, uid).ct_eq(&row.tag[..]).into()).map(|genuine: bool| genuine.then_some(seen))
    }
}

impl Records<'_> {
    /// Records when this user, who has no factor, was there.
    pub fn see(&mut self, uid: u32, seen: Seen) -> Result<(), StoreError> {
        let tag = seen.tag(self.keys, uid).to_vec();
        let Seen { first, time, offered } = seen;
        self.txn.set_seen(uid, &SeenRow { first, time, offered, tag })
    }

    /// Forgets when this user was there without a factor: there is one now.
    pub fn unsee(&mut self, uid: u32) -> Result<(), StoreError> {
        self.txn.forget_seen(uid)
    }
}
