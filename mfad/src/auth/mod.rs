//! The use cases: logins, enrolment, administration. The only code that opens a transaction.
//!
//! A login is a dialogue of questions and answers ([`login`], judged in `judge`); what goes between two calls is in
//! the sealed token ([`question`]), so nothing is stored for a question and a restart forgets
//! nothing. What a person reads is in [`words`], and nowhere else.

pub mod administer;
mod codes;
mod coverage;
mod decided;
pub mod enrol;
mod enrolling;
pub mod exempt;
mod explain;
mod factors;
pub mod grace;
pub mod identify;
mod import;
mod in_force;
mod judge;
pub mod last_good;
pub mod login;
mod news;
mod one_time;
mod own;
mod passed_key;
mod path;
mod pending;
pub mod question;
mod remembered;
mod remembering;
mod settle;
mod show;
mod simulate;
mod ssh_keys;
pub mod start;
pub mod step_up;
#[cfg(test)]
pub(crate) mod tests;
mod unasked;
mod uri;
pub mod verdict;
mod vouchers;
mod watch;
mod wish;
pub mod words;

use std::sync::Arc;

use mfa_proto::fault::Fault;

pub use self::in_force::{File, Policy, Reader, Source};

use self::watch::Watch;
use crate::{
    places::Places,
    policy::Rules,
    store::{Store, StoreError},
    world::{NamesError, NoEntropy, TooBusy, World},
};

/// Why a use case has no answer. The first part is for the caller, the second for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct Failure {
    /// What kind of failure.
    pub fault: Fault,
    /// One sentence that the caller may read.
    pub said: String,
    /// What the operator should know, if that is more.
    pub logged: Option<String>,
}

impl Failure {
    /// A failure that the caller may know whole.
    pub fn new(fault: Fault, said: impl Into<String>) -> Self {
        Self { fault, said: said.into(), logged: None }
    }

    fn unavailable(cause: &dyn std::error::Error) -> Self {
        let said = "mfad cannot judge now; its log says why".to_owned();
        Self { fault: Fault::Unavailable, said, logged: Some(cause.to_string()) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<NamesError> for Failure {
    fn from(error: NamesError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<TooBusy> for Failure {
    fn from(error: TooBusy) -> Self {
        Self { fault: Fault::Limited, ..Self::unavailable(&error) }
    }
}

impl From<NoEntropy> for Failure {
    fn from(error: NoEntropy) -> Self {
        Self::unavailable(&error)
    }
}

/// The use cases, over one store and one policy. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    store: Store,
    policy: Policy,
    watch: Watch,
    places: Places,
    comparing: one_time::Comparing,
}

impl Auth {
    /// Over that store and policy.
    pub fn new(store: Store, policy: Policy) -> Self {
        let (watch, places, comparing) =
            (Watch::default(), Places::default(), one_time::Comparing::default());
        Self { store, policy, watch, places, comparing }
    }

    /// With these databases of places.
    #[must_use]
    pub fn with_places(self, places: Places) -> Self {
        Self { places, ..self }
    }

    fn world(&self) -> &World {
        self.store.world()
    }

    fn rules(&self) -> Result<Arc<Rules>, Failure> {
        self.policy.get().ok_or_else(|| Failure {
            fault: Fault::Unavailable,
            said: "mfad has no settings that it can use".into(),
            logged: Some(
                "a login was refused: there never were settings that can be used (mfad --check)".into(),
            ),
        })
    }
}
