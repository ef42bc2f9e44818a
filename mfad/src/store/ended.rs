//! What demanded a factor once and does not now, with its date. Where it comes again it goes on from that day: an
//! evening of another mode, or a file that was lost, would give everybody a second grace otherwise, and one to those
//! who came after the first. (S19)

use std::collections::BTreeMap;

use mfa_proto::identity::UnixTime;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Since when a part of the rules demands a factor, on the wall clock and in [`Head::ran_ms`](super::Head::ran_ms).
pub(super) type Since = (UnixTime, u64);

/// So many are known; the head, which has them, is written with every commit.
const KEPT: usize = 256;

/// See the module. The release before does not know of it, and drops it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    /// By 128 bits of the SHA-256 of the name, which may be of any length.
    since: BTreeMap<[u8; 16], Since>,
    /// The earliest of those that were too many. From then on a name that is not known may be one of them, and counts
    /// as that: it is the stricter side.
    forgotten: Option<Since>,
    /// The date of the settings from which modes demand, as it was when something last demanded by them.
    pub(super) from: Option<UnixTime>,
}

impl Ended {
    pub(super) fn put(&mut self, name: &str, since: Since) {
        self.since.insert(key(name), since);
        if self.since.len() > KEPT
            && let Some((first, since)) = self.since.iter().min_by_key(|(_, since)| **since)
        {
            let (first, since) = (*first, *since);
            self.since.remove(&first);
            self.forgotten = Some(self.forgotten.map_or(since, |before| before.min(since)));
        }
    }

    /// The date of one that comes again.
    pub(super) fn take(&mut self, name: &str) -> Option<Since> {
        self.since.remove(&key(name)).or(self.forgotten)
    }
}

fn key(name: &str) -> [u8; 16] {
    let hash: [u8; 32] = Sha256::digest(name).into();
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_the_earliest_are_forgotten_and_what_is_not_known_is_as_early() {
        let mut ended = Ended::default();
        assert_eq!(ended.take("rule new"), None);
        for n in 0..256 {
            ended.put(&format!("rule {n}"), (UnixTime(100 + n), n));
        }
        assert_eq!(ended.take("rule new"), None, "none is forgotten");
        ended.put("rule last", (UnixTime(999), 9));
        assert_eq!(ended.since.len(), 256);
        assert_eq!(ended.take("rule 7"), Some((UnixTime(107), 7)));
        assert_eq!(ended.take("rule 0"), Some((UnixTime(100), 0)));
        assert_eq!(ended.take("rule new"), Some((UnixTime(100), 0)), "it may be one of those");
        let bytes = postcard::to_allocvec(&ended).unwrap().len();
        assert!(bytes < 8192, "{bytes}");
    }
}
