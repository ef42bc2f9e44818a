//! The host's clock, as the codes of a test count it. It is read here and nowhere set.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The length of a TOTP step in seconds, where a test says nothing else.
pub const PERIOD: u64 = 30;

/// Seconds since the Unix epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs()
}

/// The step that the present falls in.
pub fn step() -> u64 {
    now() / PERIOD
}

/// Returns when at least `seconds` of the current step are left: at once, or at the start of the next.
pub fn with_seconds_left(seconds: u64) {
    assert!(seconds < PERIOD, "a step has only {PERIOD} seconds");
    while PERIOD - now() % PERIOD <= seconds {
        thread::sleep(Duration::from_millis(50));
    }
}

/// Returns when the present falls in `step` or a later one.
pub fn reach(step: u64) {
    while self::step() < step {
        thread::sleep(Duration::from_millis(50));
    }
}
