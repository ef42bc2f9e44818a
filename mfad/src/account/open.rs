//! What is open for an account: an enrolment that waits for its code, and what an administrator has
//! handed out.

use mfa_proto::{identity::UnixTime, one_time::Purpose};
use serde::{Deserialize, Serialize};

use super::{FactorId, SeedPrint};
use crate::factor::FactorKind;

/// Who showed the secret of an enrolment, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// The user, in an own session.
    Session,
    /// A login whose first factor had passed; bound only when that login is settled.
    Login,
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
    /// The factor that ends with the confirmation.
    pub replaces: Option<FactorId>,
    /// Where it began.
    pub origin: Origin,
    /// What allowed it, where it took more than the user's wish: ends with the confirmation.
    pub by: Option<Voucher>,
    /// Whether a factor of the account was proven for it.
    pub proven: bool,
}

/// What an administrator handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Voucher {
    /// To enrol for the first time.
    Invitation,
    /// To enrol again: the old factors end.
    Recovery,
}

impl Voucher {
    /// What a code of that purpose is; none for a backup code.
    pub fn of(purpose: Purpose) -> Option<Self> {
        match purpose {
            Purpose::Invitation => Some(Self::Invitation),
            Purpose::Recovery => Some(Self::Recovery),
            Purpose::Backup(_) => None,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Recovery => "recovery",
        }
    }
}

/// An invitation or a recovery code that can still be used. Its hash lies sealed in a row of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenVoucher {
    /// Names its sealed row.
    pub hash: [u8; 16],
    /// Which.
    pub what: Voucher,
    /// When it was made, and until when it is good: by the wall clock ...
    pub made: UnixTime,
    /// ... up to and without this second.
    pub ends: UnixTime,
    /// ... and by the time that machines ran, in milliseconds, whatever the wall clock was set to.
    pub ends_ran_ms: u64,
}

impl OpenVoucher {
    /// Whether it is still good. `ran_ms`: how long machines of this store ran, all boots together.
    pub fn is_good(&self, now: UnixTime, ran_ms: u64) -> bool {
        now < self.ends && ran_ms < self.ends_ran_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // S16: the earlier of both clocks ends it.
    #[test]
    fn a_ticket_ends_by_the_wall_clock_and_by_the_time_that_machines_ran() {
        let voucher = OpenVoucher {
            hash: [0; 16],
            what: Voucher::Recovery,
            made: UnixTime(1000),
            ends: UnixTime(2000),
            ends_ran_ms: 1_000_000,
        };
        assert!(voucher.is_good(UnixTime(1999), 999_999));
        assert!(!voucher.is_good(UnixTime(2000), 0));
        assert!(!voucher.is_good(UnixTime(5), 1_000_000), "a clock set back revives nothing");
    }
}
