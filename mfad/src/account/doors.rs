//! Where tries come from, and how often each place may try.
//!
//! A door that a settled login came through is known, and has its own count for each shape of answer;
//! all doors that are not known share one more, so that many addresses do not multiply the guesses.

use mfa_proto::identity::{ServiceName, UnixTime};
use serde::{Deserialize, Serialize};

use super::Run;
use crate::limits::{Counter, DOOR, Limited, Reserved, STRANGERS};

/// The most doors an account is known to use.
pub const KNOWN_DOORS: usize = 8;
/// The most other doors that are counted one by one.
pub const OTHER_DOORS: usize = 16;
/// How long a door stays known without use, in seconds.
pub const DOOR_KEPT: u64 = 90 * 86_400;

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
    /// A screen locker, or `mfactl test`.
    Locker,
    /// `mfactl`, before a change.
    Change,
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

/// `192.0.2.7`, `2001:db8:1:2::/64`.
impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::V4(v4) => write!(f, "{}", std::net::Ipv4Addr::from(*v4)),
            Self::V6(v6) => {
                let mut octets = [0; 16];
                octets[..8].copy_from_slice(v6);
                write!(f, "{}/64", std::net::Ipv6Addr::from(octets))
            }
        }
    }
}

/// For people: what the audit and `user show` print.
impl std::fmt::Display for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(hash) => write!(f, "key {}", data_encoding::HEXLOWER.encode(&hash[..8])),
            Self::Address(network @ Network::V4(_)) => write!(f, "address {network}"),
            Self::Address(network @ Network::V6(_)) => write!(f, "network {network}"),
            Self::Local(uid) => write!(f, "local uid {uid}"),
            Self::Console => f.write_str("console"),
            Self::Locker => f.write_str("locker"),
            Self::Change => f.write_str("mfactl"),
            Self::Service(name) => write!(f, "service {name}"),
        }
    }
}

/// What was typed, as far as counting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// Six to eight digits.
    Numeric,
    /// A backup code, an invitation or a recovery code.
    OneTime,
}

/// One counter a shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    numeric: Counter,
    one_time: Counter,
}

impl Counters {
    fn of(&mut self, shape: Shape) -> &mut Counter {
        match shape {
            Shape::Numeric => &mut self.numeric,
            Shape::OneTime => &mut self.one_time,
        }
    }

    fn both(&self) -> [&Counter; 2] {
        [&self.numeric, &self.one_time]
    }

    /// The longest wait of the two, in seconds.
    pub fn wait_left(&self, now: UnixTime) -> u32 {
        self.both().map(|counter| counter.wait_left(now)).into_iter().max().unwrap_or(0)
    }

    /// Failures in a row, of both.
    pub fn consecutive(&self) -> u32 {
        self.both().iter().map(|counter| counter.consecutive()).sum()
    }

    /// Whether either is closed until an administrator opens it.
    pub fn is_closed(&self) -> bool {
        self.both().iter().any(|counter| counter.is_closed(DOOR))
    }
}

impl Door {
    /// Whether only processes of the account's own user come through it: nobody else can use up its
    /// tries, so it waits for no stranger. (S11)
    fn is_own(&self) -> bool {
        matches!(self, Self::Locker | Self::Change)
    }
}

/// One door's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorState {
    /// Which.
    pub door: Door,
    /// Whether a settled login came through it.
    pub known: bool,
    /// Wrong answers.
    pub failures: Counters,
    /// The last try or login.
    pub last_used: UnixTime,
    /// Of tries that were limited.
    pub limited: Run,
}

/// Leave to judge one guess of one shape from one door. Spent by counting it as a failure, or by a
/// proof.
#[must_use]
#[derive(Debug)]
pub struct Admitted {
    shape: Shape,
    door: Reserved,
    strangers: Option<Reserved>,
}

/// All doors of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doors {
    list: Vec<DoorState>,
    strangers: Counters,
}

impl Doors {
    /// Every door on record.
    pub fn iter(&self) -> impl Iterator<Item = &DoorState> {
        self.list.iter()
    }

    /// The record of `door`, made if there is none. The least used other door makes room.
    pub fn at(&mut self, door: &Door, now: UnixTime) -> &mut DoorState {
        if let Some(at) = self.list.iter().position(|state| state.door == *door) {
            let state = &mut self.list[at];
            if state.known && now.since(state.last_used) > DOOR_KEPT {
                state.known = false;
            }
            return &mut self.list[at];
        }
        let others = self.list.iter().enumerate().filter(|(_, state)| !state.known && !state.door.is_own());
        if others.clone().count() >= OTHER_DOORS
            && let Some((oldest, _)) = others.min_by_key(|(_, state)| state.last_used)
        {
            self.list.remove(oldest);
        }
        self.list.push(DoorState {
            door: door.clone(),
            known: false,
            failures: Counters::default(),
            last_used: now,
            limited: Run::default(),
        });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// Asks for leave to judge one guess from `door`.
    pub fn admit(&mut self, door: &Door, shape: Shape, now: UnixTime) -> Result<Admitted, Limited> {
        let state = self.at(door, now);
        state.last_used = state.last_used.max(now);
        let known = state.known || state.door.is_own();
        let door = state.failures.of(shape).admit(DOOR, now);
        let strangers = if known { None } else { Some(self.strangers.of(shape).admit(STRANGERS, now)) };
        Ok(Admitted { shape, door: door?, strangers: strangers.transpose()? })
    }

    /// No wait began later than `now`, which is known to be right: see [`Counter::has_begun_by`].
    pub fn have_begun_by(&mut self, now: UnixTime) {
        let counters = self.list.iter_mut().map(|state| &mut state.failures).chain([&mut self.strangers]);
        for counters in counters {
            counters.numeric.has_begun_by(now);
            counters.one_time.has_begun_by(now);
        }
    }

    /// Counts a wrong guess from `door`: for the door, and for the strangers if it is one.
    pub fn fail(&mut self, admitted: Admitted, door: &Door, now: UnixTime) {
        let Admitted { shape, door: reserved, strangers } = admitted;
        self.at(door, now).failures.of(shape).fail(reserved, DOOR, now);
        if let Some(reserved) = strangers {
            self.strangers.of(shape).fail(reserved, STRANGERS, now);
        }
    }

    /// Takes one failure back that was counted before it was known that the guess was right.
    pub fn take_back(&mut self, door: &Door, shape: Shape, now: UnixTime) {
        let state = self.at(door, now);
        state.failures.of(shape).take_back(DOOR, now);
        if !state.known && !state.door.is_own() {
            self.strangers.of(shape).take_back(STRANGERS, now);
        }
    }

    /// What a proof from the caller's own process changes: its door's count of that shape is gone.
    pub fn reset(&mut self, door: &Door, shape: Shape, now: UnixTime) {
        let state = self.at(door, now);
        state.last_used = now;
        *state.failures.of(shape) = Counter::default();
    }

    /// What a settled proof changes: the door is known and its count of that shape is gone. Keeps the
    /// eight doors used last.
    pub fn settle(&mut self, door: &Door, shape: Shape, now: UnixTime) {
        self.reset(door, shape, now);
        self.at(door, now).known = true;
        self.list.retain(|state| !state.known || now.since(state.last_used) <= DOOR_KEPT);
        while self.list.iter().filter(|state| state.known).count() > KNOWN_DOORS {
            let known = self.list.iter().enumerate().filter(|(_, state)| state.known);
            if let Some((oldest, _)) = known.min_by_key(|(_, state)| state.last_used) {
                self.list.remove(oldest);
            }
        }
    }

    /// Whether settling a proof from `door` would change anything worth a transaction: the door
    /// is new, counts failures, or was last seen over a day ago.
    pub fn settling_matters(&self, door: &Door, now: UnixTime) -> bool {
        self.list.iter().find(|state| state.door == *door).is_none_or(|state| {
            !state.known || state.failures != Counters::default() || now.since(state.last_used) > 86_400
        })
    }

    /// Opens every door and forgets every failure. Gives how many doors were closed or waiting.
    pub fn unlock(&mut self, now: UnixTime) -> u32 {
        let limited = self.limited(now);
        for state in &mut self.list {
            state.failures = Counters::default();
        }
        self.strangers = Counters::default();
        limited
    }

    /// Forgets which doors are known.
    pub fn forget(&mut self) {
        for state in &mut self.list {
            state.known = false;
        }
    }

    /// How many doors are closed or waiting, all strangers counted as one.
    pub fn limited(&self, now: UnixTime) -> u32 {
        let is_limited = |state: &&DoorState| state.failures.is_closed() || state.failures.wait_left(now) > 0;
        let doors = self.list.iter().filter(is_limited).count();
        u32::try_from(doors).unwrap_or(u32::MAX) + u32::from(self.strangers.wait_left(now) > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> Door {
        Door::Address(Network::V4([192, 0, 2, n]))
    }

    fn guess(doors: &mut Doors, door: &Door, now: u64) -> bool {
        match doors.admit(door, Shape::Numeric, UnixTime(now)) {
            Ok(admitted) => {
                doors.fail(admitted, door, UnixTime(now));
                true
            }
            Err(_) => false,
        }
    }

    // S11
    #[test]
    fn strangers_run_out_together_and_a_known_door_does_not() {
        let (mut doors, home) = (Doors::default(), Door::Key([7; 32]));
        doors.settle(&home, Shape::Numeric, UnixTime(10));
        let judged: usize =
            (0..255).map(|n| (0..9).filter(|_| guess(&mut doors, &address(n), 20)).count()).sum();
        assert_eq!(judged, 20);
        assert!(doors.admit(&home, Shape::Numeric, UnixTime(20)).is_ok());
        assert!(doors.admit(&Door::Console, Shape::Numeric, UnixTime(20)).is_err());
        assert!(doors.list.len() <= KNOWN_DOORS + OTHER_DOORS + 1);
    }

    #[test]
    fn one_door_has_five_tries_of_each_shape_and_another_its_own() {
        let mut doors = Doors::default();
        assert_eq!((0..9).filter(|_| guess(&mut doors, &address(1), 20)).count(), 5);
        assert_eq!((0..9).filter(|_| guess(&mut doors, &address(2), 20)).count(), 5);
        assert!(doors.admit(&address(1), Shape::Numeric, UnixTime(20)).is_err());
        assert!(doors.admit(&address(1), Shape::OneTime, UnixTime(20)).is_ok());
    }

    #[test]
    fn eight_doors_are_known_the_latest_ones_and_not_for_ever() {
        let mut doors = Doors::default();
        for n in 0..12 {
            doors.settle(&address(n), Shape::Numeric, UnixTime(u64::from(n)));
        }
        let known: Vec<_> = doors.iter().filter(|s| s.known).map(|s| s.door.clone()).collect();
        assert_eq!(known, (4..12).map(address).collect::<Vec<_>>());
        assert!(!doors.at(&address(11), UnixTime(DOOR_KEPT + 100)).known);
    }

    // S11
    #[test]
    fn strangers_keep_nobody_from_the_own_locker_nor_from_mfactl() {
        let mut doors = Doors::default();
        for n in 0..255 {
            while guess(&mut doors, &address(n), 20) {}
        }
        assert!(doors.admit(&address(1), Shape::Numeric, UnixTime(20)).is_err());
        for own in [Door::Locker, Door::Change] {
            assert_eq!(
                (0..9).filter(|_| guess(&mut doors, &own, 20)).count(),
                5,
                "{own}: a budget of its own"
            );
        }
    }

    // S6, S11: guesses under a clock that was a year ahead.
    #[test]
    fn a_clock_that_was_ahead_keeps_nobody_out_for_longer_than_the_wait() {
        let (mut doors, year) = (Doors::default(), 365 * 86_400);
        for n in 0..4 {
            while guess(&mut doors, &address(n), year) {}
        }
        assert!(!guess(&mut doors, &address(1), 1000) && !guess(&mut doors, &Door::Console, 1000));
        doors.have_begun_by(UnixTime(1000));
        assert!(!guess(&mut doors, &address(1), 1299) && !guess(&mut doors, &Door::Console, 1299));
        assert!(guess(&mut doors, &address(1), 1300) && guess(&mut doors, &Door::Console, 1300));
    }

    // S9, S12: what is counted first and turns out right is no failure.
    #[test]
    fn a_guess_that_was_counted_and_was_right_is_taken_back() {
        let (mut doors, door) = (Doors::default(), address(1));
        for _ in 0..40 {
            let admitted = doors.admit(&door, Shape::OneTime, UnixTime(9)).unwrap();
            doors.fail(admitted, &door, UnixTime(9));
            doors.take_back(&door, Shape::OneTime, UnixTime(9));
        }
        assert_eq!(doors.at(&door, UnixTime(9)).failures.consecutive(), 0);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_the_same_door() {
        let mapped: std::net::IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(Door::Address(mapped.into()).to_string(), "address 192.0.2.7");
        let v6: std::net::IpAddr = "2001:db8:1:2:3::9".parse().unwrap();
        assert_eq!(Door::Address(v6.into()).to_string(), "network 2001:db8:1:2::/64");
    }
}
