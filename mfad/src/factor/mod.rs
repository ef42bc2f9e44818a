//! Factors: what can be proven, and how a guess is matched. Pure: seeds and time are handed in.
//!
//! A new method is one file here and one variant of [`FactorKind`], which is matched exhaustively:
//! the compiler lists what it owes.

pub mod backup;
pub mod hotp;
pub mod oath;
pub mod ssh_sk;
pub mod totp;

use mfa_proto::{answer::Code, identity::UnixTime};
use serde::{Deserialize, Serialize};

pub use backup::BackupCodes;
pub use hotp::Hotp;
pub use oath::{Algorithm, BadParameters, MovingFactor, Oath};
pub use ssh_sk::SshSk;
pub use totp::Totp;

/// What a factor is, with its parameters, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FactorKind {
    /// A time-based one-time password (RFC 6238).
    Totp(Totp),
    /// A counter-based one-time password (RFC 4226).
    Hotp(Hotp),
    /// A security key that opens logins over ssh. It has no secret, and no code is one of it.
    SshSk(SshSk),
}

/// What is known of a seed's past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The highest moving factor that was ever accepted: at or below it a right code is spent
    /// (RFC 6238, 5.2; RFC 4226, 7.2).
    pub mark: Option<MovingFactor>,
    /// The counter of the last code that was right and too far ahead.
    pub ahead: Option<MovingFactor>,
}

impl FactorKind {
    /// The word for people and interfaces.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::Hotp(_) => "hotp",
            Self::SshSk(_) => "ssh_sk",
        }
    }

    /// How a code is made, where there is one.
    pub fn oath(&self) -> Option<Oath> {
        match self {
            Self::Totp(totp) => Some(totp.oath()),
            Self::Hotp(hotp) => Some(hotp.oath()),
            Self::SshSk(_) => None,
        }
    }

    /// Whether it is an app or a token: what gives a code, which every service takes.
    pub fn gives_codes(&self) -> bool {
        self.oath().is_some()
    }

    /// The security key that it is.
    pub fn ssh_sk(&self) -> Option<&SshSk> {
        match self {
            Self::SshSk(key) => Some(key),
            Self::Totp(_) | Self::Hotp(_) => None,
        }
    }

    /// Seconds of a step; 0 where time does not matter.
    pub fn period(&self) -> u16 {
        match self {
            Self::Totp(totp) => totp.period(),
            Self::Hotp(_) | Self::SshSk(_) => 0,
        }
    }

    /// How many codes one guess is compared with and would be accepted.
    pub fn candidates(&self) -> usize {
        match self {
            Self::Totp(_) => totp::WINDOW.len(),
            Self::Hotp(_) => usize::from(hotp::LOOK_AHEAD),
            Self::SshSk(_) => 0,
        }
    }

    /// The highest moving factor that is accepted at `now`, given the mark: what a mark must be at
    /// for nothing that was shown before to be accepted.
    pub fn highest(&self, now: UnixTime, mark: Option<MovingFactor>) -> Option<MovingFactor> {
        match self {
            Self::Totp(totp) => Some(MovingFactor(totp.step(now).0 + totp::AHEAD)),
            Self::Hotp(_) | Self::SshSk(_) => mark,
        }
    }

    /// The second in which the code of `moving` is first shown, where time matters.
    pub fn begins(&self, moving: MovingFactor) -> Option<UnixTime> {
        match self {
            Self::Totp(totp) => Some(totp.begins(moving)),
            Self::Hotp(_) | Self::SshSk(_) => None,
        }
    }

    /// Seconds until the app shows another code; 0 where that is the user's to do.
    pub fn seconds_left(&self, now: UnixTime) -> u32 {
        match self {
            Self::Totp(totp) => u32::try_from(totp.seconds_left(now)).unwrap_or(u32::MAX),
            Self::Hotp(_) | Self::SshSk(_) => 0,
        }
    }

    /// Compares `code` with what `seed` shows at `now`, or after its last counter.
    pub fn matches(&self, seed: &[u8], code: &Code, now: UnixTime, history: History) -> Match {
        match self {
            Self::Totp(totp) => totp.matches(seed, code, now, history.mark),
            Self::Hotp(hotp) => hotp.matches(seed, code, history),
            Self::SshSk(_) => Match::No,
        }
    }
}

/// What became of one comparison, from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// Not a code of this factor now.
    No,
    /// A code of a counter too far ahead: accepted only when the next one follows.
    Ahead(MovingFactor),
    /// Right, but used, or older than one that was.
    Spent,
    /// Right and new.
    Fresh(Matched),
}

impl Match {
    /// The better of two; the first of two alike.
    #[must_use]
    pub fn better(self, other: Self) -> Self {
        let rank = |found: &Self| match found {
            Self::No => 0,
            Self::Ahead(_) => 1,
            Self::Spent => 2,
            Self::Fresh(_) => 3,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

/// Proof that a code was compared and was right and new. Only a factor makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Matched(What);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Moving(MovingFactor),
    Backup(backup::Place),
}

impl Matched {
    fn moving(at: MovingFactor) -> Self {
        Self(What::Moving(at))
    }

    fn backup(at: backup::Place) -> Self {
        Self(What::Backup(at))
    }

    /// What is to be marked as accepted, for a code that moves.
    pub fn moving_factor(self) -> Option<MovingFactor> {
        match self.0 {
            What::Moving(at) => Some(at),
            What::Backup(_) => None,
        }
    }

    /// What is to be marked as used, for a backup code.
    pub fn backup_place(self) -> Option<backup::Place> {
        match self.0 {
            What::Moving(_) => None,
            What::Backup(at) => Some(at),
        }
    }
}
