//! Somebody waits for logins: while a stack is on trial, every proof is settled.
//!
//! Where nothing waits to be bound, a proof ends with its verdict and the account phase makes no call. Who
//! tries a new stack must see logins that came through the whole of it, so for as long as that lasts
//! each of them calls, and leaves a `settled` row in the audit.
//!
//! A login that began before is none of those: libpam has read the old stack for it. It leaves a row too,
//! and another one. What counts is the boot clock, which nobody sets.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Auth, Failure};
use crate::store::Head;

/// The longest that one call lasts, in seconds: who waits calls again.
const LONGEST: u32 = 60;

/// While somebody waits. A restart forgets it: who waits then waits from there on.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch(Arc<Mutex<Span>>);

/// In milliseconds since boot.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    since: u64,
    until: u64,
}

impl Watch {
    /// So many seconds more, from now on; without a gap it is one span. None: nobody waits any more.
    fn extend(&self, now_ms: u64, seconds: u32) {
        let mut span = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seconds == 0 {
            *span = Span::default();
            return;
        }
        if now_ms >= span.until {
            span.since = now_ms;
        }
        span.until = span.until.max(now_ms + u64::from(seconds) * 1000);
    }

    fn at(&self, now_ms: u64) -> Option<Span> {
        let span = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (now_ms < span.until).then_some(span)
    }
}

impl Auth {
    /// Has every proof settled for so many seconds, at most 60; none ends that. The number of the last
    /// audit row before.
    pub async fn watch(&self, seconds: u32) -> Result<u64, Failure> {
        self.watch.extend(self.world().clock.now().boot_ms, seconds.min(LONGEST));
        let store = self.store.clone();
        let head = self.store.read(move |sound| Head::read(sound.rows(), store.keys())).await?;
        Ok(head.audit_seq)
    }

    /// Whether somebody waits now.
    pub(super) fn is_watched(&self) -> bool {
        self.watch.at(self.world().clock.now().boot_ms).is_some()
    }

    /// Whether somebody waits now, and did when that login began: later, by the clock's smallest step.
    pub(super) fn began_watched(&self, began_ms: u64) -> bool {
        self.watch.at(self.world().clock.now().boot_ms).is_some_and(|span| began_ms > span.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_without_a_gap_are_one_span_and_an_end_is_an_end() {
        let watch = Watch::default();
        let since = |now| watch.at(now).map(|span| span.since);
        assert_eq!(since(1), None);
        watch.extend(1000, 20);
        watch.extend(15_000, 20);
        assert_eq!(since(34_999), Some(1000));
        assert_eq!(since(35_000), None);
        watch.extend(40_000, 20);
        assert_eq!(since(41_000), Some(40_000));
        watch.extend(42_000, 1); // shorter than what is left
        assert_eq!(since(59_999), Some(40_000));
        watch.extend(50_000, 0);
        assert_eq!(since(50_000), None);
        watch.extend(50_001, 20);
        assert_eq!(since(50_002), Some(50_001));
    }
}
