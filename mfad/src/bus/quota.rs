//! How much one caller may ask at a time: per caller, never per target, so that nobody is kept
//! out by what others do.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use mfa_proto::fault::Fault;

use super::CallerUid;
use crate::{auth::Failure, world::Clock};

/// Calls that a user may make at once; one more comes back each second.
const BURST: u64 = 30;
/// Calls of one user that may be in flight.
const IN_FLIGHT: u32 = 4;
/// Users that are remembered; those that are idle longest are forgotten.
const USERS: usize = 4096;

struct Usage {
    /// Milliseconds of the boot clock at which the bucket is full again.
    full_at_ms: u64,
    in_flight: u32,
}

/// The quotas of all callers. Root has none: it could end the daemon anyway.
#[derive(Clone)]
pub struct Quotas {
    clock: Arc<dyn Clock>,
    usage: Arc<Mutex<HashMap<CallerUid, Usage>>>,
}

/// A call in flight; over when dropped.
#[must_use]
pub struct InFlight(Option<(Quotas, CallerUid)>);

impl Quotas {
    /// Full buckets for all.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, usage: Arc::default() }
    }

    /// Takes one call from the caller's quota.
    pub fn admit(&self, caller: CallerUid) -> Result<InFlight, Failure> {
        if caller.is_root() {
            return Ok(InFlight(None));
        }
        let now = self.clock.now().boot_ms;
        let mut all = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= USERS && !all.contains_key(&caller) {
            all.retain(|_, usage| usage.in_flight > 0 || usage.full_at_ms > now);
        }
        let usage = all.entry(caller).or_insert(Usage { full_at_ms: now, in_flight: 0 });
        let full_at = usage.full_at_ms.max(now) + 1000;
        if usage.in_flight >= IN_FLIGHT || full_at - now > BURST * 1000 {
            return Err(Failure::new(Fault::Limited, "too many calls: wait a little"));
        }
        (usage.full_at_ms, usage.in_flight) = (full_at, usage.in_flight + 1);
        Ok(InFlight(Some((self.clone(), caller))))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Some((quotas, caller)) = self.0.take() else { return };
        let mut all = quotas.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(usage) = all.get_mut(&caller) {
            usage.in_flight = usage.in_flight.saturating_sub(1);
        }
    }
}
