//! Times for people.

pub(crate) use mfa_proto::time::{clock, day, days_until, utc};

/// [`utc`], or `never` for 0.
pub(crate) fn utc_or_never(seconds: u64) -> String {
    if seconds == 0 { "never".to_owned() } else { utc(seconds) }
}
