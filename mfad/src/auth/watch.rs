//! Somebody waits for logins: while a stack is on trial, every proof is settled.
//!
//! Where nothing waits to be bound, a proof ends with its verdict and the account phase makes no call. Who
//! tries a new stack must see logins that came through the whole of it, so for as long as that lasts
//! each of them calls, and leaves a `settled` row in the audit.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{Auth, Failure};
use crate::store::Head;

/// The longest that one call lasts, in seconds: who waits calls again.
const LONGEST: u32 = 60;

/// Until when somebody waits, in milliseconds since boot. A restart forgets it.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch(Arc<AtomicU64>);

impl Auth {
    /// Has every proof settled for so many seconds, at most 60; the number of the last audit row before.
    pub async fn watch(&self, seconds: u32) -> Result<u64, Failure> {
        let until = self.world().clock.now().boot_ms + u64::from(seconds.min(LONGEST)) * 1000;
        self.watch.0.fetch_max(until, Ordering::Relaxed);
        let store = self.store.clone();
        let head = self.store.read(move |sound| Head::read(sound.rows(), store.keys())).await?;
        Ok(head.audit_seq)
    }

    /// Whether somebody waits now.
    pub(super) fn is_watched(&self) -> bool {
        self.world().clock.now().boot_ms < self.watch.0.load(Ordering::Relaxed)
    }
}
