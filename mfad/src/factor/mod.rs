//! Factors: what can be proven, and how a guess is matched. Pure: seeds and time are handed in.
//!
//! A new method is one file here and one variant of [`FactorKind`], which is matched exhaustively:
//! the compiler lists what it owes.

pub mod totp;

use mfa_proto::answer::Code;
use serde::{Deserialize, Serialize};

pub use totp::{Algorithm, TimeStep, Totp};

use mfa_proto::identity::UnixTime;

/// What a factor is, with its parameters, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FactorKind {
    /// A time-based one-time password (RFC 6238).
    Totp(Totp),
}

impl FactorKind {
    /// The word for people and interfaces.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
        }
    }

    /// How many codes one guess is compared with.
    pub fn candidates(&self) -> usize {
        match self {
            Self::Totp(_) => totp::WINDOW.len(),
        }
    }

    /// Compares `code` with what `seed` shows around `now`. `mark` is the highest step that was
    /// ever accepted for this seed: at or below it a right code is spent (RFC 6238, 5.2).
    pub fn matches(&self, seed: &[u8], code: &Code, now: UnixTime, mark: Option<TimeStep>) -> Match {
        match self {
            Self::Totp(totp) => totp.matches(seed, code, now, mark),
        }
    }
}

/// What became of one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// Not a code of this factor now.
    No,
    /// Right, but used, or older than one that was.
    Spent,
    /// Right and new.
    Fresh(Matched),
}

/// Proof that a code was compared and was right and new. Only a factor makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched {
    step: TimeStep,
}

impl Matched {
    /// The step to be marked as spent.
    pub fn step(self) -> TimeStep {
        self.step
    }
}
