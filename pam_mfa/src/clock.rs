//! The time that a login may take without its user.
//!
//! Between two prompts everything has one span in all: connecting, the handshake, having mfad
//! started, the call, and making a lost connection again. Typing takes none of it.

use std::thread;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::failed::Failed;

/// What is left of the time between two prompts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    end: Instant,
}

impl Clock {
    /// A clock, running for `span`.
    pub(crate) fn start(span: Duration) -> Self {
        Self { end: now() + span }
    }

    /// What is left; [`Failed::Silent`] when nothing is.
    pub(crate) fn left(self) -> Result<Duration, Failed> {
        let left = self.end.saturating_duration_since(now());
        if left.is_zero() { Err(Failed::Silent) } else { Ok(left) }
    }

    /// Waits for `pause`, or until the time is over.
    pub(crate) fn wait(self, pause: Duration) -> Result<(), Failed> {
        thread::sleep(pause.min(self.left()?));
        self.left().map(drop)
    }
}

/// A clock that nobody can set. It bounds waiting and decides nothing else.
#[expect(clippy::disallowed_methods, reason = "the login host's own patience, not the time of a code")]
fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since boot, suspended time included: mfad's own clock for the age of a login. 0 where there is none.
pub(crate) fn boot_ms() -> u64 {
    let since = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
    u64::try_from(since.as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_runs_out_and_waits_no_longer_than_that() {
        let clock = Clock::start(Duration::from_millis(30));
        assert!(clock.left().unwrap() <= Duration::from_millis(30));
        assert_eq!(clock.wait(Duration::from_millis(1)), Ok(()));
        assert_eq!(clock.wait(Duration::from_secs(60)), Err(Failed::Silent));
        assert_eq!(clock.left(), Err(Failed::Silent));
    }
}
