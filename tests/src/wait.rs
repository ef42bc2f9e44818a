//! Waiting for conditions, under deadlines.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(2);

/// Looks until `found` has something, and returns it; `None` after `deadline`.
pub fn until<T>(deadline: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = found() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(POLL);
    }
}

/// Looks until `holds`, and panics naming `what` after `deadline`.
pub fn for_condition(what: &str, deadline: Duration, mut holds: impl FnMut() -> bool) {
    let held = until(deadline, || holds().then_some(()));
    assert!(held.is_some(), "waited {deadline:?} in vain: {what}");
}

/// Raises a flag when it is dropped, so that those who work until then end, whether a test goes well or panics.
#[derive(Debug)]
pub struct Raises<'a>(pub &'a AtomicBool);

impl Drop for Raises<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
