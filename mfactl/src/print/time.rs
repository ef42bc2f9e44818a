//! Times for people.

pub(crate) use mfa_proto::time::{clock, day, days_until, utc};

/// [`utc`], or `never` for 0.
pub(crate) fn utc_or_never(seconds: u64) -> String {
    if seconds == 0 { "never".to_owned() } else { utc(seconds) }
}

/// `2026-11-23T09:05:00Z` (RFC 3339), or nothing for 0: for what programs read.
pub(crate) fn iso(seconds: u64) -> String {
    if seconds == 0 { String::new() } else { format!("{}T{}Z", day(seconds), clock(seconds)) }
}
