//! How many logins may wait for an answer at one time: so many from each door, and never so many for one user.
//!
//! A question costs who is asked nothing, and keeps a connection for as long as nobody answers. One user who lets a
//! thousand `su` stand at the prompt must be refused one more, and nobody else. So each door has seats of its own, and
//! all doors of a kind together have no more than their share: whoever has any number of addresses leaves the local
//! doors and the console theirs. Where the first factor is known to be right, logins have seats apart from those of
//! strangers at the same door: who has no password takes none of them.
//!
//! Nothing is ended to make room: a login that is open stays so.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use mfa_proto::fault::Fault;

use crate::{
    account::Door,
    auth::{Failure, login::Whence},
};

/// Doors that share one bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// sshd, by address or key.
    Remote,
    /// A service that says nothing of where its users are, or who calls it: one door for all of them.
    Service,
    /// A user of this machine, at sudo, su and polkit.
    Local,
    /// login.
    Console,
}

impl Kind {
    fn of(door: &Door) -> Self {
        match door {
            Door::Key(_) | Door::Address(_) => Self::Remote,
            Door::Service(_) => Self::Service,
            Door::Local(_) | Door::Locker | Door::Change => Self::Local,
            Door::Console => Self::Console,
        }
    }

    /// The seats of one door. An address may be that of a whole office, or of a bastion that everybody comes
    /// through: more than the hundred logins that sshd itself lets wait (`MaxStartups`). A uid is one user.
    fn of_one(self) -> usize {
        match self {
            Self::Remote => 128,
            Self::Service => 64,
            Self::Local | Self::Console => 32,
        }
    }

    /// Whence all of the kind come.
    fn words(self) -> &'static str {
        match self {
            Self::Remote => "over ssh",
            Self::Service => "at services that do not say whence",
            Self::Local => "by users of this machine",
            Self::Console => "at the console",
        }
    }

    /// The seats of all doors of the kind.
    fn of_all(self) -> usize {
        match self {
            Self::Remote => 256,
            Self::Service => 128,
            Self::Local => 96,
            Self::Console => 32,
        }
    }
}

/// All seats there are: of strangers, and of those whose first factor was right.
pub(super) const SEATS: usize = 2 * (256 + 128 + 96 + 32);

/// Who sits where.
#[derive(Clone, Default)]
pub(super) struct Seats(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    doors: HashMap<Whence, usize>,
    kinds: HashMap<(Kind, bool), usize>,
}

/// One login that waits for an answer; free again when dropped.
#[must_use]
pub(super) struct Seat {
    seats: Seats,
    from: Whence,
}

impl Seats {
    /// Takes a seat for a login that came from there.
    pub(super) fn take(&self, from: Whence) -> Result<Seat, Failure> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = Kind::of(&from.door);
        let of_kind = taken.kinds.get(&(kind, from.attested)).copied().unwrap_or(0);
        let of_door = taken.doors.get(&from).copied().unwrap_or(0);
        let full = |whence: &str| {
            let said = format!("too many logins {whence} wait for an answer");
            Err(Failure::new(Fault::Limited, said))
        };
        if of_door >= kind.of_one() {
            return full(&format!("from {}", from.door));
        }
        if of_kind >= kind.of_all() {
            return full(kind.words());
        }
        taken.kinds.insert((kind, from.attested), of_kind + 1);
        taken.doors.insert(from.clone(), of_door + 1);
        Ok(Seat { seats: self.clone(), from })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = (Kind::of(&self.from.door), self.from.attested);
        if let Some(of_kind) = taken.kinds.get_mut(&kind) {
            *of_kind -= 1;
        }
        if let Some(of_door) = taken.doors.get_mut(&self.from) {
            *of_door -= 1;
            if *of_door == 0 {
                taken.doors.remove(&self.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(door: Door, attested: bool) -> Whence {
        Whence { door, attested }
    }

    fn address(n: u8) -> Door {
        Door::Address(std::net::IpAddr::from([192, 0, 2, n]).into())
    }

    fn fill(seats: &Seats, door: &Door, attested: bool) -> Vec<Seat> {
        std::iter::from_fn(|| seats.take(from(door.clone(), attested)).ok()).collect()
    }

    // S28, S11
    #[test]
    fn a_door_that_is_full_is_refused_and_no_other() {
        let seats = Seats::default();
        let mallory = fill(&seats, &Door::Local(1001), false);
        assert_eq!(mallory.len(), 32);
        assert!(seats.take(from(Door::Local(1001), true)).is_ok(), "who has the password has other seats");
        for other in [Door::Local(1000), Door::Local(0), Door::Console, address(7), Door::Key([1; 32])] {
            assert!(seats.take(from(other.clone(), false)).is_ok(), "{other}");
        }
        drop(mallory);
        assert_eq!(fill(&seats, &Door::Local(1001), false).len(), 32, "who is gone has left a seat");
    }

    #[test]
    fn any_number_of_addresses_leaves_the_local_doors_and_the_console_theirs() {
        let seats = Seats::default();
        let strangers: Vec<Seat> = (0..9).flat_map(|n| fill(&seats, &address(n), false)).collect();
        assert_eq!(strangers.len(), 256);
        let services = ["doas", "ftp", "vpn"].map(|name| fill(&seats, &Door::Service(name.into()), false));
        assert_eq!(services.map(|seats| seats.len()), [64, 64, 0]);
        let users: Vec<Seat> = (0..9).flat_map(|n| fill(&seats, &Door::Local(n), false)).collect();
        assert_eq!(users.len(), 96);
        let said = |door| seats.take(from(door, false)).err().map(|failure| failure.said);
        // Whose they are is told where it is one who has too many, and nobody is accused of what others hold.
        assert_eq!(
            said(Door::Local(0)).as_deref(),
            Some("too many logins from local uid 0 wait for an answer")
        );
        let all = Some("too many logins by users of this machine wait for an answer");
        assert_eq!(said(Door::Local(8)).as_deref(), all);
        assert!(seats.take(from(Door::Console, false)).is_ok());
        assert!(seats.take(from(address(1), true)).is_ok());
    }

    #[test]
    fn an_office_behind_one_address_has_room() {
        assert!(fill(&Seats::default(), &address(1), false).len() > 100, "as many as sshd lets wait");
    }

    #[test]
    fn all_seats_are_counted() {
        let kinds = [Kind::Remote, Kind::Service, Kind::Local, Kind::Console];
        assert_eq!(SEATS, 2 * kinds.iter().map(|kind| kind.of_all()).sum::<usize>());
    }
}
