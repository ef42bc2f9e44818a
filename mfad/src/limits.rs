//! How many tries a door has. Pure: the counts live in the account's state, time is handed in.
//!
//! ```text
//!            5 wrong tries within 5 minutes
//!   open ───────────────────────────────────▶ waiting (5 min, then 10, 20 … 24 h)
//!    ▲ ▲                                          │ the wait is over
//!    │ └──────────────────────────────────────────┘
//!    │ proven, settled          100 failures in a row: closed, until an administrator opens it
//! ```
//!
//! All doors that the account is not known to use share one more counter, [`STRANGERS`], so that
//! many addresses do not multiply the guesses. It never closes, and no known door waits for it:
//! a stranger cannot keep a user out from where the user usually comes.

use mfa_proto::identity::UnixTime;
use serde::{Deserialize, Serialize};

/// How one kind of counter counts.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Failures within `window` that start a wait.
    pub tries: u32,
    /// In seconds.
    pub window: u64,
    /// The first wait, in seconds; each further one is twice as long.
    pub wait: u32,
    /// The longest wait, in seconds.
    pub longest: u32,
    /// Failures in a row that close the door.
    pub closes: Option<u32>,
}

/// One door and one shape of answer.
pub const DOOR: Budget = Budget { tries: 5, window: 300, wait: 300, longest: 86_400, closes: Some(100) };
/// All unknown doors of an account together.
pub const STRANGERS: Budget = Budget { tries: 20, window: 3600, wait: 300, longest: 86_400, closes: None };
/// Attested failures in a row that disable a factor (NIST SP 800-63B-4, 3.2.2).
pub const ATTESTED_FAILURES: u32 = 100;

/// The failures of one door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// In a row; only a settled proof or an administrator sets it back.
    consecutive: u32,
    in_window: u32,
    window_from: u64,
    /// How often a wait was started: the exponent of the next.
    waits: u32,
    wait: u32,
    wait_from: u64,
}

/// Leave to judge one guess, taken before anything is compared. Spent by [`Counter::fail`] or by
/// a proof; there is no judging without one.
#[must_use]
#[derive(Debug)]
pub struct Reserved(());

/// Why a guess is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// So many seconds to wait.
    Wait(u32),
    /// Until an administrator opens it.
    Closed,
}

impl Counter {
    /// Whether a guess may be judged at `now`.
    pub fn admit(&self, budget: Budget, now: UnixTime) -> Result<Reserved, Limited> {
        if budget.closes.is_some_and(|most| self.consecutive >= most) {
            return Err(Limited::Closed);
        }
        match self.wait_left(now) {
            0 => Ok(Reserved(())),
            left => Err(Limited::Wait(left)),
        }
    }

    /// A wait that began later than `now`, by a clock that was ahead, begins now. For a clock that is known to be right: one
    /// that is behind for a minute would have the wait over once it is set right.
    pub fn has_begun_by(&mut self, now: UnixTime) {
        self.wait_from = self.wait_from.min(now.0);
    }

    /// Counts a failure; spends the leave to judge.
    #[expect(clippy::needless_pass_by_value, reason = "a leave is spent by being handed in")]
    pub fn fail(&mut self, reserved: Reserved, budget: Budget, now: UnixTime) {
        let Reserved(()) = reserved;
        self.consecutive = self.consecutive.saturating_add(1);
        let age = now.0.checked_sub(self.window_from);
        if age.is_none_or(|age| age >= budget.window) {
            (self.in_window, self.window_from) = (0, now.0);
        }
        self.in_window += 1;
        if self.in_window >= budget.tries {
            self.wait = budget.wait.saturating_mul(1 << self.waits.min(16)).min(budget.longest);
            self.wait_from = now.0;
            self.waits = self.waits.saturating_add(1);
            self.in_window = 0;
        }
    }

    /// Takes back one failure: the guess was counted before it was judged, and was right. Where that
    /// failure was one of those that began the wait of this moment, they are one too few for it.
    pub fn take_back(&mut self, budget: Budget, now: UnixTime) {
        self.consecutive = self.consecutive.saturating_sub(1);
        // Nothing is counted while a door waits, so what is taken back was counted before.
        if self.in_window == 0 && self.wait_left(now) > 0 {
            (self.wait, self.wait_from, self.in_window) = (0, 0, budget.tries);
            self.waits = self.waits.saturating_sub(1);
        }
        self.in_window = self.in_window.saturating_sub(1);
    }

    /// Seconds to wait at `now`; all of them where the clock was set back to before the wait began.
    pub fn wait_left(&self, now: UnixTime) -> u32 {
        match now.0.checked_sub(self.wait_from) {
            Some(gone) => self.wait.saturating_sub(u32::try_from(gone).unwrap_or(u32::MAX)),
            None => self.wait,
        }
    }

    /// Failures in a row.
    pub fn consecutive(&self) -> u32 {
        self.consecutive
    }

    /// Whether the door is closed.
    pub fn is_closed(&self, budget: Budget) -> bool {
        budget.closes.is_some_and(|most| self.consecutive >= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail_at(counter: &mut Counter, budget: Budget, now: u64) -> bool {
        match counter.admit(budget, UnixTime(now)) {
            Ok(reserved) => {
                counter.fail(reserved, budget, UnixTime(now));
                true
            }
            Err(_) => false,
        }
    }

    // S9, S10
    #[test]
    fn five_tries_then_a_wait_that_doubles() {
        let (mut counter, mut now) = (Counter::default(), 1_000_000);
        for wait in [300, 600, 1200, 2400] {
            for _ in 0..5 {
                assert!(fail_at(&mut counter, DOOR, now));
            }
            assert_eq!(counter.admit(DOOR, UnixTime(now)).unwrap_err(), Limited::Wait(wait));
            assert!(!fail_at(&mut counter, DOOR, now + u64::from(wait) - 1));
            now += u64::from(wait);
            assert!(counter.admit(DOOR, UnixTime(now)).is_ok());
        }
    }

    #[test]
    fn slow_failures_do_not_wait_but_close_the_door_at_a_hundred() {
        let mut counter = Counter::default();
        for n in 0..100 {
            assert!(fail_at(&mut counter, DOOR, n * 301), "try {n}");
        }
        assert_eq!(counter.admit(DOOR, UnixTime(1 << 40)).unwrap_err(), Limited::Closed);
    }

    #[test]
    fn strangers_together_wait_and_never_close() {
        let (mut counter, mut judged, day) = (Counter::default(), 0u32, 86_400);
        for second in 0..30 * day {
            judged += u32::from(fail_at(&mut counter, STRANGERS, second));
        }
        assert!((20..=800).contains(&judged), "{judged} guesses in a month");
        assert!(!counter.is_closed(STRANGERS));
    }

    // S10: five at one moment, of which some were right.
    #[test]
    fn a_guess_that_was_right_begins_no_wait_and_gives_no_further_try() {
        let (mut counter, now) = (Counter::default(), 1_000_000);
        for _ in 0..5 {
            assert!(fail_at(&mut counter, DOOR, now));
        }
        assert!(counter.admit(DOOR, UnixTime(now)).is_err(), "more are not judged at one moment");
        for _ in 0..2 {
            counter.take_back(DOOR, UnixTime(now));
        }
        for _ in 0..2 {
            assert!(fail_at(&mut counter, DOOR, now), "three were wrong");
        }
        assert_eq!(counter.admit(DOOR, UnixTime(now)).unwrap_err(), Limited::Wait(300), "the first wait");
        assert_eq!(counter.consecutive(), 5);
    }

    // S6
    #[test]
    fn a_clock_set_back_neither_ends_a_wait_nor_makes_it_longer() {
        let mut counter = Counter::default();
        for _ in 0..5 {
            fail_at(&mut counter, DOOR, 1_000_000);
        }
        assert_eq!(counter.wait_left(UnixTime(1_000_100)), 200);
        assert_eq!(counter.wait_left(UnixTime(10)), 300);
        assert_eq!(counter.admit(DOOR, UnixTime(10)).unwrap_err(), Limited::Wait(300));
        assert_eq!(
            counter.admit(DOOR, UnixTime(1_000_001)).unwrap_err(),
            Limited::Wait(299),
            "set right again"
        );
        counter.has_begun_by(UnixTime(10));
        assert_eq!(counter.admit(DOOR, UnixTime(309)).unwrap_err(), Limited::Wait(1));
        assert!(counter.admit(DOOR, UnixTime(310)).is_ok(), "not when the clock has caught up");
    }
}
