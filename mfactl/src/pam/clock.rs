//! The time of this host: nothing is decided by it but when a trial ends.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Unix time, in seconds.
#[expect(clippy::disallowed_methods, reason = "mfad may be away when a stack is looked at or put back")]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// How long something takes, whatever is done to the wall clock.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// From now on.
    #[expect(clippy::disallowed_methods, reason = "a trial lasts as long as a person takes")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Since then.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
