//! The state of one account: who it is, its factors and their replay marks, its doors and their
//! counts. One value, one version, one authentication code: it is read whole, decided upon and
//! written whole, so no part of it can be older than another.
//!
//! Unknown names have a state too, one of 4,096 shared ones without factors, so that they run out
//! of tries as real accounts do.

use mfa_proto::identity::{ServiceName, UnixTime, UserName};
use serde::{Deserialize, Serialize};

use crate::{
    factor::{FactorKind, Matched, TimeStep},
    limits::{ATTESTED_FAILURES, Counter, DOOR, Limited, Reserved, STRANGERS},
};

/// The most doors an account is known to use.
pub const KNOWN_DOORS: usize = 8;
/// The most other doors that are counted one by one.
pub const OTHER_DOORS: usize = 16;
/// How long a door stays known without use, in seconds.
pub const DOOR_KEPT: u64 = 90 * 86_400;
/// The most guesses one answer is compared with, over all factors.
pub const CANDIDATES: usize = 24;

/// Names one generation of an account: random, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountId(pub [u8; 16]);

/// Names a factor: random, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FactorId(pub [u8; 16]);

/// A keyed fingerprint of a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedPrint(pub [u8; 16]);

impl FactorId {
    /// 32 hexadecimal digits.
    pub fn hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// Reads [`FactorId::hex`].
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

/// Where a try comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Door {
    /// sshd after a key: SHA-256 of the key's type and text.
    Key([u8; 32]),
    /// sshd: an IPv4 address, or the first 64 bits of an IPv6 one.
    Address(Network),
    /// sudo, polkit, su: this machine, called by that uid.
    Local(u32),
    /// login.
    Console,
    /// A screen locker.
    Locker,
    /// Another service.
    Service(ServiceName),
}

/// A /32 or a /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Network {
    /// One address.
    V4([u8; 4]),
    /// A customer's network.
    V6([u8; 8]),
}

impl From<std::net::IpAddr> for Network {
    fn from(address: std::net::IpAddr) -> Self {
        match address.to_canonical() {
            std::net::IpAddr::V4(v4) => Self::V4(v4.octets()),
            std::net::IpAddr::V6(v6) => {
                let mut prefix = [0; 8];
                prefix.copy_from_slice(&v6.octets()[..8]);
                Self::V6(prefix)
            }
        }
    }
}

/// For people: what the audit and `user show` print.
impl std::fmt::Display for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(hash) => write!(f, "key {}", data_encoding::HEXLOWER.encode(&hash[..8])),
            Self::Address(Network::V4(v4)) => write!(f, "address {}", std::net::Ipv4Addr::from(*v4)),
            Self::Address(Network::V6(v6)) => {
                let mut octets = [0; 16];
                octets[..8].copy_from_slice(v6);
                write!(f, "network {}/64", std::net::Ipv6Addr::from(octets))
            }
            Self::Local(uid) => write!(f, "local uid {uid}"),
            Self::Console => f.write_str("console"),
            Self::Locker => f.write_str("locker"),
            Self::Service(name) => write!(f, "service {name}"),
        }
    }
}

/// One door's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorState {
    /// Which.
    pub door: Door,
    /// Whether a settled login came through it.
    pub known: bool,
    /// Wrong numeric codes.
    pub numeric: Counter,
    /// The last try or login.
    pub last_used: UnixTime,
    /// The last time a limited try was audited, and how many were not, since.
    pub collapsed: (UnixTime, u32),
}

/// A factor, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// Names its sealed row.
    pub id: FactorId,
    /// Counts the writes of its sealed row.
    pub version: u32,
    /// What it is.
    pub kind: FactorKind,
    /// What its user calls it.
    pub label: String,
    /// When it was confirmed.
    pub created: UnixTime,
    /// When it was last accepted.
    pub last_used: Option<UnixTime>,
    /// Whose mark counts.
    pub seed: SeedPrint,
    /// Failures in a row that were known to come after a right first factor.
    pub attested_failures: u32,
}

impl Factor {
    /// Whether attested failures switched it off.
    pub fn is_disabled(&self) -> bool {
        self.attested_failures >= ATTESTED_FAILURES
    }
}

/// The replay mark of a seed. Outlives the factor, so that the same seed enrolled again revives
/// no code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedMark {
    /// Which seed.
    pub seed: SeedPrint,
    /// The highest step that was accepted.
    pub mark: TimeStep,
}

/// An enrolment that waits for its confirming code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Becomes the factor's id.
    pub id: FactorId,
    /// Becomes the factor's kind.
    pub kind: FactorKind,
    /// Becomes the factor's label.
    pub label: String,
    /// Which seed.
    pub seed: SeedPrint,
    /// When it began, on the wall clock; it ends 15 minutes later.
    pub began: UnixTime,
    /// Wrong confirmations.
    pub failures: u32,
}

/// Everything about an account but its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The uid, for a real account.
    pub uid: Option<u32>,
    /// The names it is found by, the one it was enrolled under first.
    pub names: Vec<UserName>,
    /// When it was made.
    pub created: UnixTime,
    /// Oldest first.
    pub factors: Vec<Factor>,
    /// Of every seed that ever was one of this account's.
    pub seeds: Vec<SeedMark>,
    /// Known and other doors.
    pub doors: Vec<DoorState>,
    /// Failures from doors that were not known, together.
    pub strangers: Counter,
    /// At most one at a time.
    pub pending: Option<Pending>,
}

/// Leave to judge, from the door and, for a stranger, from all strangers' counter.
#[must_use]
#[derive(Debug)]
pub struct Admitted {
    door: Reserved,
    strangers: Option<Reserved>,
}

impl State {
    /// An account that nothing happened to yet.
    pub fn new(uid: Option<u32>, names: Vec<UserName>, now: UnixTime) -> Self {
        Self {
            uid,
            names,
            created: now,
            factors: Vec::new(),
            seeds: Vec::new(),
            doors: Vec::new(),
            strangers: Counter::default(),
            pending: None,
        }
    }

    /// Whether it has a factor, disabled ones included: a disabled factor is still required.
    pub fn is_enrolled(&self) -> bool {
        !self.factors.is_empty()
    }

    /// The factors a guess is compared with: as many as the candidate budget allows.
    pub fn usable(&self) -> impl Iterator<Item = &Factor> {
        let mut left = CANDIDATES;
        self.factors.iter().filter(|factor| !factor.is_disabled()).take_while(move |factor| {
            let fits = factor.kind.candidates() <= left;
            left = left.saturating_sub(factor.kind.candidates());
            fits
        })
    }

    /// The replay mark of `seed`.
    pub fn mark(&self, seed: SeedPrint) -> Option<TimeStep> {
        self.seeds.iter().find(|known| known.seed == seed).map(|known| known.mark)
    }

    /// Raises the mark of `seed`; never lowers it.
    pub fn spend(&mut self, seed: SeedPrint, matched: Matched) {
        match self.seeds.iter_mut().find(|known| known.seed == seed) {
            Some(known) => known.mark = known.mark.max(matched.step()),
            None => self.seeds.push(SeedMark { seed, mark: matched.step() }),
        }
    }

    /// The record of `door`, made if there is none. The least used other door makes room.
    pub fn door(&mut self, door: &Door, now: UnixTime) -> &mut DoorState {
        if let Some(at) = self.doors.iter().position(|state| state.door == *door) {
            let state = &mut self.doors[at];
            if state.known && now.since(state.last_used) > DOOR_KEPT {
                state.known = false;
            }
            return &mut self.doors[at];
        }
        let others = self.doors.iter().enumerate().filter(|(_, state)| !state.known);
        if others.clone().count() >= OTHER_DOORS
            && let Some((oldest, _)) = others.min_by_key(|(_, state)| state.last_used)
        {
            self.doors.remove(oldest);
        }
        let collapsed = (UnixTime(0), 0);
        self.doors.push(DoorState {
            door: door.clone(),
            known: false,
            numeric: Counter::default(),
            last_used: now,
            collapsed,
        });
        let last = self.doors.len() - 1;
        &mut self.doors[last]
    }

    /// Asks for leave to judge one guess from `door`.
    pub fn admit(&mut self, door: &Door, now: UnixTime) -> Result<Admitted, Limited> {
        let state = self.door(door, now);
        state.last_used = state.last_used.max(now);
        let known = state.known;
        let door = state.numeric.admit(DOOR, now)?;
        let strangers = if known { None } else { Some(self.strangers.admit(STRANGERS, now)?) };
        Ok(Admitted { door, strangers })
    }

    /// Counts a wrong guess from `door`: for the door, for the strangers if it is one, and for
    /// every usable factor when the first factor was known to be right.
    pub fn fail(&mut self, admitted: Admitted, door: &Door, attested: bool, now: UnixTime) {
        self.door(door, now).numeric.fail(admitted.door, DOOR, now);
        if let Some(reserved) = admitted.strangers {
            self.strangers.fail(reserved, STRANGERS, now);
        }
        if attested {
            for factor in &mut self.factors {
                factor.attested_failures = factor.attested_failures.saturating_add(1);
            }
        }
    }

    /// What a settled proof changes: the door is known and its count is gone. Keeps the eight
    /// doors used last.
    pub fn settle(&mut self, door: &Door, now: UnixTime) {
        let state = self.door(door, now);
        (state.known, state.last_used, state.numeric) = (true, now, Counter::default());
        for factor in &mut self.factors {
            factor.attested_failures = 0;
        }
        self.doors.retain(|state| !state.known || now.since(state.last_used) <= DOOR_KEPT);
        while self.doors.iter().filter(|state| state.known).count() > KNOWN_DOORS {
            let known = self.doors.iter().enumerate().filter(|(_, state)| state.known);
            if let Some((oldest, _)) = known.min_by_key(|(_, state)| state.last_used) {
                self.doors.remove(oldest);
            }
        }
    }

    /// Whether settling a proof from `door` would change anything worth a transaction: the door
    /// is new, counts failures, or was last seen over a day ago.
    pub fn settling_matters(&self, door: &Door, now: UnixTime) -> bool {
        let failed = self.factors.iter().any(|factor| factor.attested_failures > 0);
        failed
            || self.doors.iter().find(|state| state.door == *door).is_none_or(|state| {
                !state.known || state.numeric != Counter::default() || now.since(state.last_used) > 86_400
            })
    }

    /// Opens every door and forgets every failure. Gives how many doors were closed or waiting.
    pub fn unlock(&mut self, now: UnixTime) -> u32 {
        let limited = self.limited(now);
        for state in &mut self.doors {
            state.numeric = Counter::default();
        }
        self.strangers = Counter::default();
        for factor in &mut self.factors {
            factor.attested_failures = 0;
        }
        limited
    }

    /// How many doors are closed or waiting, all strangers counted as one.
    pub fn limited(&self, now: UnixTime) -> u32 {
        let doors = self.doors.iter().filter(|state| state.numeric.admit(DOOR, now).is_err()).count();
        u32::try_from(doors).unwrap_or(u32::MAX) + u32::from(self.strangers.wait_left(now) > 0)
    }

    /// When a factor was last accepted.
    pub fn last_used(&self) -> Option<UnixTime> {
        self.factors.iter().filter_map(|factor| factor.last_used).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> Door {
        Door::Address(Network::V4([192, 0, 2, n]))
    }

    fn guess(state: &mut State, door: &Door, now: u64) -> bool {
        match state.admit(door, UnixTime(now)) {
            Ok(admitted) => {
                state.fail(admitted, door, false, UnixTime(now));
                true
            }
            Err(_) => false,
        }
    }

    fn state() -> State {
        State::new(Some(1000), vec!["alice".into()], UnixTime(0))
    }

    // S11
    #[test]
    fn strangers_run_out_together_and_a_known_door_does_not() {
        let (mut state, home) = (state(), Door::Key([7; 32]));
        state.settle(&home, UnixTime(10));
        let judged: usize =
            (0..255).map(|n| (0..9).filter(|_| guess(&mut state, &address(n), 20)).count()).sum();
        assert_eq!(judged, 20);
        assert!(state.admit(&home, UnixTime(20)).is_ok());
        assert!(state.admit(&Door::Console, UnixTime(20)).is_err());
        assert!(state.doors.len() <= KNOWN_DOORS + OTHER_DOORS + 1);
    }

    #[test]
    fn one_door_has_five_tries_and_another_its_own() {
        let mut state = state();
        assert_eq!((0..9).filter(|_| guess(&mut state, &address(1), 20)).count(), 5);
        assert_eq!((0..9).filter(|_| guess(&mut state, &address(2), 20)).count(), 5);
    }

    #[test]
    fn eight_doors_are_known_the_latest_ones_and_not_for_ever() {
        let mut state = state();
        for n in 0..12 {
            state.settle(&address(n), UnixTime(u64::from(n)));
        }
        let known: Vec<_> = state.doors.iter().filter(|s| s.known).map(|s| s.door.clone()).collect();
        assert_eq!(known, (4..12).map(address).collect::<Vec<_>>());
        assert!(!state.door(&address(11), UnixTime(DOOR_KEPT + 100)).known);
    }

    // S10: only attested failures disable.
    #[test]
    fn a_factor_is_disabled_by_a_hundred_attested_failures_only() {
        for (attested, disabled) in [(false, false), (true, true)] {
            let mut state = state();
            state.factors.push(Factor {
                id: FactorId([1; 16]),
                version: 1,
                kind: FactorKind::Totp(crate::factor::Totp::default()),
                label: "phone".into(),
                created: UnixTime(0),
                last_used: None,
                seed: SeedPrint([1; 16]),
                attested_failures: 0,
            });
            let mut judged = 0;
            for n in 0..400u64 {
                let door = address((n % 250) as u8);
                if let Ok(admitted) = state.admit(&door, UnixTime(n * 86_500)) {
                    state.fail(admitted, &door, attested, UnixTime(n * 86_500));
                    judged += 1;
                }
            }
            assert!(judged >= 100);
            assert_eq!(state.factors[0].is_disabled(), disabled);
            assert!(state.is_enrolled(), "a disabled factor is still required");
        }
    }

    #[test]
    fn candidates_stay_within_their_budget() {
        let mut state = state();
        for n in 0..20 {
            state.factors.push(Factor {
                id: FactorId([n; 16]),
                version: 1,
                kind: FactorKind::Totp(crate::factor::Totp::default()),
                label: String::new(),
                created: UnixTime(0),
                last_used: None,
                seed: SeedPrint([n; 16]),
                attested_failures: 0,
            });
        }
        assert_eq!(state.usable().map(|f| f.kind.candidates()).sum::<usize>(), CANDIDATES);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_the_same_door() {
        let mapped: std::net::IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(Door::Address(mapped.into()).to_string(), "address 192.0.2.7");
        let v6: std::net::IpAddr = "2001:db8:1:2:3::9".parse().unwrap();
        assert_eq!(Door::Address(v6.into()).to_string(), "network 2001:db8:1:2::/64");
    }
}
