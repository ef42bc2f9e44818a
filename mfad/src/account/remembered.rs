//! Proofs that count again for a time, each bound to where it was given and by what.
//!
//! All of an account's rest on the factors that it has: with any change of these they are gone, whoever made it.
//! One that ended otherwise stays in the list without its time: it tells with which key, and from where, its user has
//! come before.

use std::fmt;

use mfa_proto::identity::{UnixTime, UserName};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Factor, FactorId, Network, State};
use crate::{
    policy::{Bind, Factors, Fingerprint, Remember},
    world::HostId,
};

/// The most that an account has; the oldest makes room.
pub const MEMORIES: usize = 16;
/// For how long a key or a network was seen before, in seconds.
const SEEN: u64 = 90 * 86_400;

/// The remembered proofs of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Of what the account had when they were made.
    basis: [u8; 16],
    /// Oldest first.
    list: Vec<Memory>,
}

/// One proof of a second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// For its user, to name it by.
    pub id: MemoryId,
    /// `PAM_USER`: an account may have several names.
    pub user: UserName,
    /// Where it was given.
    pub place: Place,
    /// Which of the place must be the same again, at sshd.
    pub bind: Vec<Bind>,
    /// On which host.
    pub host: HostId,
    /// By which factor; none where it never was to count again.
    pub factor: Option<FactorId>,
    /// When, by the wall clock ...
    pub made: UnixTime,
    /// ... and by how long machines of this store had run, in milliseconds.
    pub made_ran_ms: u64,
    /// For how long it counts, in seconds; 0: not any more.
    pub seconds: u64,
}

/// Names a memory: random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryId(pub [u8; 8]);

impl fmt::Display for MemoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// A class of services, with what is known of a login there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// sshd.
    Ssh {
        /// The key that passed before; none where sshd told of none.
        key: Option<Fingerprint>,
        /// The peer.
        network: Option<Network>,
    },
    /// sudo and sudo-i: all of it must be the same again.
    Sudo {
        /// Who calls, whoever's factor is asked.
        caller: u32,
        /// The terminal.
        tty: String,
        /// The session: a terminal of the same name may be another's by now.
        session: Session,
    },
}

impl Place {
    /// The services of its class.
    pub fn services(&self) -> &'static [&'static str] {
        match self {
            Self::Ssh { .. } => &["sshd"],
            Self::Sudo { .. } => &["sudo", "sudo-i"],
        }
    }

    /// Whether that much is known of it, and is the same of `other`.
    fn agrees(&self, other: &Self, bind: &[Bind]) -> bool {
        match (self, other) {
            (Self::Ssh { key, network }, Self::Ssh { key: other_key, network: other_network }) => {
                bind.iter().all(|bind| match bind {
                    Bind::Key => key.is_some() && key == other_key,
                    Bind::Address => network.is_some() && network == other_network,
                })
            }
            (Self::Sudo { .. }, Self::Sudo { .. }) => self == other,
            (Self::Ssh { .. }, Self::Sudo { .. }) | (Self::Sudo { .. }, Self::Ssh { .. }) => false,
        }
    }

    /// Whether all of that is known of it.
    pub fn tells(&self, bind: &[Bind]) -> bool {
        self.agrees(self, bind)
    }
}

/// For people.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssh { key, network } => {
                f.write_str("sshd")?;
                key.map_or(Ok(()), |key| write!(f, ", key {key}"))?;
                network.map_or(Ok(()), |network| write!(f, ", from {network}"))
            }
            Self::Sudo { caller, tty, session } => {
                write!(f, "sudo, uid {caller}, {tty}, session {}", session.leader)
            }
        }
    }
}

/// A session of the kernel's, which no other ever is: its leader's number alone comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The process id of its leader.
    pub leader: u32,
    /// When that process began, in ticks since the machine started.
    pub started: u64,
    /// Which start of the machine that was.
    pub boot: [u8; 16],
}

/// What of a login is for memories alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The login host; none where it has no identity of its own.
    pub host: Option<HostId>,
    /// At sudo.
    pub session: Option<Session>,
}

/// Who comes, in a login that may be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coming<'a> {
    /// `PAM_USER`.
    pub user: &'a UserName,
    /// What is known of where.
    pub place: Place,
    /// To which host.
    pub host: HostId,
}

/// A moment by two clocks: the wall's, and how long machines of the store ran, in milliseconds.
pub type Times = (UnixTime, u64);

impl Memory {
    /// Whether its time, and `most` seconds, are not over by either clock.
    fn lasts(&self, most: u64, (now, ran_ms): Times) -> bool {
        let seconds = self.seconds.min(most);
        let ran = ran_ms.saturating_sub(self.made_ran_ms);
        now >= self.made && now.since(self.made) < seconds && ran < seconds.saturating_mul(1000)
    }

    /// Up to when it counts.
    pub fn ends(&self, terms: &Remember) -> UnixTime {
        self.made.plus(self.seconds.min(terms.seconds))
    }

    fn is_of(&self, coming: &Coming<'_>) -> bool {
        self.user == *coming.user && self.host == coming.host
    }

    fn is_listed(&self, terms: &Remember) -> bool {
        terms.service.iter().any(|name| self.place.services().contains(&name.as_str()))
    }
}

impl Remembered {
    /// Whether there never was one since the factors last changed.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl State {
    /// Of all that a memory rests on.
    fn basis(&self) -> [u8; 16] {
        let factors: Vec<_> = self.factors.iter().map(|factor| factor.id).collect();
        let codes = self.backup.as_ref().map(|codes| (codes.hashes, codes.made));
        let voucher = self.voucher.as_ref().map(|voucher| voucher.hash);
        // To memory: cannot fail. If it could, one basis would be all: no shorter one may stand for it.
        let bytes = postcard::to_allocvec(&(factors, codes, voucher, self.locked.is_some()));
        let mut basis = [0; 16];
        basis.copy_from_slice(&Sha256::digest(bytes.unwrap_or_default())[..16]);
        basis
    }

    /// Drops every memory where the factors are not those that it was made by, and where the account is locked.
    pub fn drop_unfounded(&mut self) {
        let founded = self.locked.is_none() && self.later.remembered.basis == self.basis();
        if self.later.remembered.is_empty() || !founded {
            self.later.remembered = Remembered::default();
        }
    }

    /// Those that count on `host` now, by the settings: `factors` are those that count.
    pub fn remembered<'a>(
        &'a self,
        host: HostId,
        (terms, factors): (&'a Remember, &'a Factors),
        times: Times,
    ) -> impl Iterator<Item = &'a Memory> {
        let founded = self.locked.is_none() && self.later.remembered.basis == self.basis();
        let counts = |factor: &Factor| !factor.is_disabled() && factors.allow(factor.kind.word());
        let usable = move |id| self.factors.iter().any(|factor| factor.id == id && counts(factor));
        self.later.remembered.list.iter().filter(move |memory| {
            let stands = founded && memory.host == host && memory.factor.is_some_and(usable);
            stands && memory.is_listed(terms) && memory.lasts(terms.seconds, times)
        })
    }

    /// Whether an earlier proof stands for one of who comes now: what it was bound to, and what the settings bind
    /// now, is known and the same.
    pub fn remembers(
        &self,
        coming: &Coming<'_>,
        (terms, factors): (&Remember, &Factors),
        times: Times,
    ) -> bool {
        self.remembered(coming.host, (terms, factors), times).any(|memory| {
            let same = |bind: &[Bind]| memory.place.agrees(&coming.place, bind);
            memory.is_of(coming) && same(&memory.bind) && same(&terms.bind)
        })
    }

    /// Whether a settled login of that user came to this host with the key that `coming` shows; of sshd.
    pub fn saw_key(&self, coming: &Coming<'_>, now: UnixTime) -> bool {
        let Place::Ssh { key, .. } = &coming.place else { return true };
        self.saw(coming, now, |place| matches!(place, Place::Ssh { key: before, .. } if before == key))
    }

    /// The same of the network, which must be known.
    pub fn saw_network(&self, coming: &Coming<'_>, now: UnixTime) -> bool {
        let Place::Ssh { network, .. } = &coming.place else { return true };
        let same = |place: &Place| matches!(place, Place::Ssh { network: before, .. } if before == network);
        network.is_some() && self.saw(coming, now, same)
    }

    fn saw(&self, coming: &Coming<'_>, now: UnixTime, same: impl Fn(&Place) -> bool) -> bool {
        let lately = |memory: &Memory| now >= memory.made && now.since(memory.made) <= SEEN;
        let all = &self.later.remembered.list;
        all.iter().any(|memory| memory.is_of(coming) && lately(memory) && same(&memory.place))
    }

    /// Keeps a memory in place of an earlier one of the same place. One that does not count leaves one that does.
    pub fn remember(&mut self, memory: Memory) {
        self.drop_unfounded();
        self.later.remembered.basis = self.basis();
        let list = &mut self.later.remembered.list;
        let same =
            |old: &Memory| (&old.user, old.host, &old.place) == (&memory.user, memory.host, &memory.place);
        if memory.seconds == 0 && list.iter().any(|old| same(old) && old.seconds > 0) {
            return;
        }
        list.retain(|old| !same(old));
        list.push(memory);
        while list.len() > MEMORIES {
            let ended = list.iter().position(|old| old.seconds == 0);
            list.remove(ended.unwrap_or(0));
        }
    }

    /// Ends the one of that id, or all; how many had time left.
    pub fn forget(&mut self, id: Option<MemoryId>, times: Times) -> u32 {
        let mut ended = 0;
        for memory in &mut self.later.remembered.list {
            if id.is_none_or(|id| id == memory.id) {
                ended += u32::from(memory.lasts(u64::MAX, times));
                memory.seconds = 0;
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests;
