//! What did not go as it was told.

use std::fmt;

/// Why the demo ends early: what was to be seen, and what was seen in its place.
#[derive(Debug)]
pub(crate) struct Failure {
    expected: String,
    seen: String,
}

impl Failure {
    /// `expected` did not come.
    pub(crate) fn of(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { expected: expected.into(), seen: seen.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected: {}\nbut got:  {}", self.expected, self.seen)
    }
}

/// Fails where `output` does not hold `text`.
pub(crate) fn holds(output: &str, text: &str) -> Result<(), Failure> {
    if output.contains(text) {
        Ok(())
    } else {
        Err(Failure::of(format!("{text:?} in the output"), output.trim_end()))
    }
}
