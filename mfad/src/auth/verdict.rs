//! Verdicts. A ruling is worked out inside a transaction and becomes an outcome only by being
//! committed; a proof carries that its code matched, that the match is spent on disk, and that
//! policy permits it.

use mfa_proto::step::Reason;

use crate::{factor::Matched, policy::Permitted, store::Committed};

/// What a transaction decided. Not yet true.
#[derive(Clone, Debug)]
pub(super) enum Ruling {
    /// The code was right and its step is marked.
    Proven {
        /// By a factor.
        matched: Matched,
        /// By policy.
        permitted: Permitted,
        /// Whether an account phase has something to settle.
        pending: bool,
    },
    /// Policy does not ask.
    Waived(Permitted, Reason),
    /// No, for this answer.
    Refused(Refusal),
}

/// A no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Seconds to wait, for [`Reason::Limited`].
    pub seconds: u32,
}

impl Refusal {
    /// A no without a wait.
    pub fn new(reason: Reason) -> Self {
        Self { reason, seconds: 0 }
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
}

/// The verdict on a login.
#[must_use]
#[derive(Debug)]
pub enum Outcome {
    /// Let in, as far as we are asked.
    Proven(Proof),
    /// Not asked.
    Waived(Permitted, Reason),
    /// Not let in.
    Refused(Refusal),
}

impl From<Committed<Ruling>> for Outcome {
    fn from(ruling: Committed<Ruling>) -> Self {
        match ruling.into_inner() {
            Ruling::Proven { matched, permitted, pending } => {
                Self::Proven(Proof { matched, spent: Spent(()), permitted, pending })
            }
            Ruling::Waived(permitted, why) => Self::Waived(permitted, why),
            Ruling::Refused(refusal) => Self::Refused(refusal),
        }
    }
}
