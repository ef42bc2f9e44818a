//! Which connection has proven a factor lately. A proof belongs to the connection that answered:
//! the bus gives its name to no other, ever, so a proof is nobody else's. (S18)

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use zbus::message::Header;

use crate::{
    auth::step_up::FreshProof,
    world::{Clock, Moment},
};

/// How long a proof is fresh, in milliseconds of the boot clock.
const FRESH_MS: u64 = 5 * 60 * 1000;
/// Connections that are remembered; the oldest proof makes room.
const MOST: usize = 1024;

/// The proofs of all connections of one bus.
#[derive(Clone)]
pub struct Proofs {
    clock: Arc<dyn Clock>,
    proofs: Arc<Mutex<HashMap<String, (Moment, FreshProof)>>>,
}

impl Proofs {
    /// None yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, proofs: Arc::default() }
    }

    /// Remembers a proof that the sender of `call` has just given.
    pub(super) fn keep(&self, call: &Header<'_>, proof: FreshProof) {
        let (Some(sender), now) = (call.sender(), self.clock.now()) else { return };
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        proofs.retain(|_, (given, _)| is_fresh(given, &now));
        if proofs.len() >= MOST
            && let Some(oldest) =
                proofs.iter().min_by_key(|(_, (given, _))| given.boot_ms).map(|(name, _)| name.clone())
        {
            proofs.remove(&oldest);
        }
        proofs.insert(sender.to_string(), (now, proof));
    }

    /// The proof that the sender of `call` has given lately.
    pub(super) fn of(&self, call: &Header<'_>) -> Option<FreshProof> {
        let now = self.clock.now();
        let proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        proofs
            .get(call.sender()?.as_str())
            .filter(|(given, _)| is_fresh(given, &now))
            .map(|(_, proof)| proof.clone())
    }
}

fn is_fresh(given: &Moment, now: &Moment) -> bool {
    now.boot_ms_since(given).is_some_and(|gone| gone < FRESH_MS)
}
