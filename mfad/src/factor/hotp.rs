//! Counter-based one-time passwords: RFC 4226.
//!
//! The server knows the last counter that it accepted, the token its own, which runs ahead at each
//! press that nobody sent. So a few further counters are looked at (RFC 4226, 7.2); a token that
//! ran on beyond them proves itself by two codes in a row (7.4):
//!
//! ```text
//!   ... accepted │ LOOK_AHEAD │ .......... RESYNC ..........│ nothing
//!       spent    │ accepted   │ remembered; accepted when the next one follows
//! ```

use mfa_proto::answer::Code;
use serde::{Deserialize, Serialize};

use super::{
    History, Match, Matched,
    oath::{MovingFactor, Oath},
};

/// How many counters above the last accepted one are accepted.
pub const LOOK_AHEAD: u8 = 8;
/// How many are looked at for a token that ran ahead.
pub const RESYNC: u64 = 100;
/// How many accepted counters are told apart from wrong codes, so that a code typed twice says so.
const BEHIND: u64 = 3;

/// The parameters of a factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hotp(Oath);

impl Hotp {
    /// With these.
    pub fn new(oath: Oath) -> Self {
        Self(oath)
    }

    /// How a code is made.
    pub fn oath(&self) -> Oath {
        self.0
    }

    /// See [`FactorKind::matches`](super::FactorKind::matches). Every counter is compared, in constant
    /// time, whatever the earlier ones gave.
    pub(super) fn matches(&self, seed: &[u8], code: &Code, history: History) -> Match {
        let next = history.mark.map_or(0, |mark| mark.0.saturating_add(1));
        let expected = history.ahead.and_then(|ahead| ahead.offset(1)).filter(|c| c.0 >= next);
        let first = next.saturating_sub(BEHIND);
        let mut found = Match::No;
        for counter in first..next.saturating_add(RESYNC) {
            let moving = MovingFactor(counter);
            if !self.0.is(seed, moving, code) {
                continue;
            }
            let this = if counter < next {
                Match::Spent
            } else if counter < next.saturating_add(u64::from(LOOK_AHEAD)) || expected == Some(moving) {
                Match::Fresh(Matched::moving(moving))
            } else {
                Match::Ahead(moving)
            };
            found = found.better(this);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{super::oath::tests::shown, *};

    const SEED: &[u8] = b"12345678901234567890";

    fn judge(counter: u64, mark: Option<u64>, ahead: Option<u64>) -> Match {
        let code = Code::parse(shown(Oath::default(), SEED, counter).as_bytes()).unwrap();
        let history = History { mark: mark.map(MovingFactor), ahead: ahead.map(MovingFactor) };
        Hotp::default().matches(SEED, &code, history)
    }

    fn fresh(counter: u64) -> Match {
        Match::Fresh(Matched::moving(MovingFactor(counter)))
    }

    // S5
    #[test]
    fn the_counter_only_goes_forward_and_not_far() {
        assert_eq!(judge(0, None, None), fresh(0));
        assert_eq!(judge(7, None, None), fresh(7));
        assert_eq!(judge(8, None, None), Match::Ahead(MovingFactor(8)));
        for spent in [8, 9, 10] {
            assert_eq!(judge(spent, Some(10), None), Match::Spent);
        }
        assert_eq!(judge(5, Some(10), None), Match::No);
        assert_eq!(judge(11, Some(10), None), fresh(11));
        assert_eq!(judge(18, Some(10), None), fresh(18));
        assert_eq!(judge(19, Some(10), None), Match::Ahead(MovingFactor(19)));
        assert_eq!(judge(111, Some(10), None), Match::No);
    }

    // S5: two in a row, and only in a row.
    #[test]
    fn a_token_that_ran_ahead_proves_itself_by_two_codes_in_a_row() {
        assert_eq!(judge(60, Some(10), Some(59)), fresh(60));
        assert_eq!(judge(61, Some(10), Some(59)), Match::Ahead(MovingFactor(61)));
        assert_eq!(judge(59, Some(10), Some(59)), Match::Ahead(MovingFactor(59)));
        // What was ahead of an older mark is nothing once the mark has passed it.
        assert_eq!(judge(60, Some(60), Some(59)), Match::Spent);
    }

    #[test]
    fn counters_at_the_end_do_not_panic() {
        let code = Code::parse(b"000000").unwrap();
        for mark in [u64::MAX, u64::MAX - 1] {
            let history = History { mark: Some(MovingFactor(mark)), ahead: Some(MovingFactor(u64::MAX)) };
            let _ = Hotp::default().matches(SEED, &code, history);
        }
    }
}
