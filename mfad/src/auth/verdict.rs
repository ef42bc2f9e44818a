//! Verdicts. A ruling is worked out inside a transaction and becomes an outcome only by being
//! committed; a proof carries that its code matched, that the match is spent on disk, and that
//! policy permits it.

use mfa_proto::step::Reason;
use serde::{Deserialize, Serialize};

use super::enrolling::Showing;
use crate::{
    account::{FactorId, Shape, Used},
    factor::Matched,
    policy::{ForgetOn, Permitted},
    store::Committed,
};

/// What a transaction decided. Not yet true.
#[derive(Clone, Debug)]
pub(super) enum Ruling {
    /// The code was right and is marked as accepted.
    Proven {
        /// By a factor.
        matched: Matched,
        /// By policy.
        permitted: Permitted,
        /// Whether an account phase has something to settle.
        pending: bool,
        /// What settling it binds.
        binds: Binds,
    },
    /// Policy does not ask.
    Waived(Permitted, Reason),
    /// An enrolment is to be shown: no verdict yet.
    Enrolling(Showing),
    /// No, for this answer.
    Refused(Refusal),
}

/// What an account phase binds of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binds {
    /// Whose count it sets back.
    pub shape: Shape,
    /// The enrolment that becomes a factor.
    pub enrols: Option<FactorId>,
    /// The use of a backup code that this proof was.
    pub backup_used: Option<Used>,
    /// Which news its user has not read: from this number on.
    pub heard: u64,
    /// The factor that it was proven with.
    pub factor: Option<FactorId>,
    /// What of it ends all that is remembered: worked out before anything was learnt of it.
    pub forgets: Option<ForgetOn>,
}

/// A no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Seconds to wait, for [`Reason::Limited`].
    pub seconds: u32,
    /// Whether it is the only one of the news since its question was put: who reads it has heard all.
    pub heard: bool,
}

impl Refusal {
    /// A no without a wait.
    pub fn new(reason: Reason) -> Self {
        Self { reason, seconds: 0, heard: false }
    }
}

/// Proof that a match was spent in a transaction that is on disk. Only a commit makes one.
#[derive(Debug)]
pub struct Spent(());

/// A proven factor.
#[derive(Debug)]
pub struct Proof {
    /// By a factor.
    pub matched: Matched,
    /// By the store.
    pub spent: Spent,
    /// By policy.
    pub permitted: Permitted,
    /// Whether an account phase has something to settle.
    pub pending: bool,
    /// What settling it binds.
    pub binds: Binds,
}

/// The verdict on a login.
#[must_use]
#[derive(Debug)]
pub(super) enum Outcome {
    /// Let in, as far as we are asked.
    Proven(Proof),
    /// Not asked.
    Waived(Permitted, Reason),
    /// Asked for the code of an enrolment.
    Enrolling(Showing),
    /// Not let in.
    Refused(Refusal),
}

impl From<Committed<Ruling>> for Outcome {
    fn from(ruling: Committed<Ruling>) -> Self {
        match ruling.into_inner() {
            Ruling::Proven { matched, permitted, pending, binds } => {
                Self::Proven(Proof { matched, spent: Spent(()), permitted, pending, binds })
            }
            Ruling::Waived(permitted, why) => Self::Waived(permitted, why),
            Ruling::Enrolling(showing) => Self::Enrolling(showing),
            Ruling::Refused(refusal) => Self::Refused(refusal),
        }
    }
}
