//! Rules and exemptions: whom and what they are about, what they ask, and where they are written.

use mfa_proto::identity::UnixTime;

use super::{Conditions, Sight, Truth};

/// What a rule asks. From the loosest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// No factor. Loosens what the mode asks, and no other rule.
    Skip,
    /// A factor, whatever the mode asks: who has none is refused, once grace is over.
    Ask,
    /// The same, and what is remembered does not count.
    AskFresh,
    /// Nobody is let in.
    Deny,
}

impl Effect {
    /// As in the settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Ask => "ask",
            Self::AskFresh => "ask_fresh",
            Self::Deny => "deny",
        }
    }

    /// Whether a rule of this effect is taken: where it is not known, the stricter way.
    pub fn is_taken(self, truth: Truth) -> bool {
        match truth {
            Truth::Yes => true,
            Truth::No => false,
            Truth::Unknown => self != Self::Skip,
        }
    }
}

/// A rule of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is called.
    pub name: String,
    /// It is about logins of which all these hold,
    pub when: Conditions,
    /// and not all of these; empty: no exception.
    pub unless: Conditions,
    /// What it asks.
    pub then: Effect,
    /// Why it skips.
    pub reason: String,
    /// The time from which it is void; every rule that skips has one.
    pub until: Option<UnixTime>,
    /// File and line.
    pub defined_at: String,
}

impl Rule {
    /// Whether it is about that login.
    pub fn holds(&self, sight: &Sight<'_>) -> Truth {
        if self.until.is_some_and(|until| sight.case.for_dates >= until) {
            return Truth::No;
        }
        let when = self.when.hold(sight);
        if when == Truth::No || self.unless.is_empty() { when } else { when.and(!self.unless.hold(sight)) }
    }
}

/// Somebody who is not asked, somewhere, for a reason and a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// Who, by user or by group, where, and with what.
    pub when: Conditions,
    /// Why.
    pub reason: String,
    /// The time from which it is void.
    pub until: UnixTime,
    /// File and line, or who gave it.
    pub defined_at: String,
}

impl Exemption {
    /// Whether it is about that login.
    pub fn holds(&self, sight: &Sight<'_>) -> Truth {
        if sight.case.for_dates >= self.until { Truth::No } else { self.when.hold(sight) }
    }
}
