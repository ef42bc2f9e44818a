//! What a stack has come to on the way.

use super::modules::Answer;

/// What the stack has come to: libpam's `impression`, and the `status` that it would answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Standing {
    pub(super) impression: Impression,
    /// The answer that counted first, but a success makes way for others.
    pub(super) status: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Impression {
    /// Nothing has counted.
    Undecided,
    /// Something was `ok`.
    Positive,
    /// Something has failed.
    Negative,
}

impl Standing {
    pub(super) const START: Self = Self { impression: Impression::Undecided, status: Answer::Failure };
    pub(super) const FAILED: Self = Self { impression: Impression::Negative, status: Answer::Failure };

    /// After an `ok`. A positive stack with another status than success stays what it is.
    pub(super) fn ok(self, answer: Answer) -> Self {
        if self.impression == Impression::Undecided || self.grants() {
            return Self { impression: Impression::Positive, status: answer };
        }
        self
    }

    /// After a `bad`.
    pub(super) fn bad(self, answer: Answer) -> Self {
        if self.impression == Impression::Negative {
            return self;
        }
        Self { impression: Impression::Negative, status: answer }
    }

    pub(super) fn grants(self) -> bool {
        self.impression == Impression::Positive && self.status == Answer::Success
    }
}
