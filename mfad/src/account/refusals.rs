//! Refusals that cost no try: of each kind, one a minute from each door is recorded, with the count of those before it
//! that were not; of denials a few, since each may be of another command. So what anybody may have refused for ever fills
//! no audit, and the first of a kind is always seen.

use mfa_proto::{identity::UnixTime, step::Reason};
use serde::{Deserialize, Serialize};

use super::Door;

/// Refusals of one door and kind are recorded once in so many seconds.
const COLLAPSE: u64 = 60;
/// Denials of one door that are recorded in that time.
const DENIALS: u32 = 16;
/// Kinds and doors that are kept apart; beyond them the oldest are forgotten, and seen again.
const KEPT: usize = 16;

/// What an account had refused lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals(Vec<Refused>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Refused {
    door: Door,
    /// The reason's number on the wire.
    reason: u32,
    run: Run,
    /// How many are recorded since the run began.
    recorded: u32,
}

/// A run of like refusals: when one was last recorded, and how many were not, since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run(pub UnixTime, pub u32);

impl Run {
    /// One more. How many went unrecorded before it, where it is to be recorded; a clock that is set back has it recorded.
    pub fn one_more(&mut self, now: UnixTime) -> Option<u32> {
        let Self(recorded, more) = *self;
        if now >= recorded && now.since(recorded) < COLLAPSE {
            self.1 = more.saturating_add(1);
            return None;
        }
        *self = Self(now, 0);
        Some(more)
    }
}

impl Refusals {
    /// One more, as [`Run::one_more`].
    pub fn one_more(&mut self, door: &Door, reason: Reason, now: UnixTime) -> Option<u32> {
        let number = reason.number();
        if let Some(known) = self.0.iter_mut().find(|known| known.reason == number && known.door == *door) {
            let Run(began, _) = known.run;
            if reason == Reason::Denied
                && known.recorded < DENIALS
                && now >= began
                && now.since(began) < COLLAPSE
            {
                known.recorded += 1;
                return Some(0);
            }
            let told = known.run.one_more(now);
            known.recorded = told.map_or(known.recorded, |_| 1);
            return told;
        }
        self.0.retain(|known| known.run.1 > 0 || now < known.run.0 || now.since(known.run.0) < COLLAPSE);
        if self.0.len() >= KEPT
            && let Some(oldest) = (0..self.0.len()).min_by_key(|at| self.0[*at].run.0)
        {
            self.0.remove(oldest);
        }
        self.0.push(Refused { door: door.clone(), reason: number, run: Run(now, 0), recorded: 1 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_kind_and_door_is_told_and_the_rest_is_counted() {
        let mut refusals = Refusals::default();
        let mut at = |door: &Door, reason, now| refusals.one_more(door, reason, UnixTime(now));
        assert_eq!(at(&Door::Console, Reason::NoCode, 1000), Some(0));
        for second in 0..50 {
            assert_eq!(at(&Door::Console, Reason::NoCode, 1000 + second), None);
        }
        assert_eq!(at(&Door::Console, Reason::Spent, 1010), Some(0), "another kind");
        assert_eq!(at(&Door::Local(7), Reason::NoCode, 1010), Some(0), "another door");
        assert_eq!(at(&Door::Console, Reason::NoCode, 1060), Some(50));
        assert_eq!(at(&Door::Console, Reason::NoCode, 500), Some(0), "a clock that was set back");
        for minute in [2000, 2060, 2120] {
            let told =
                (0..20).filter_map(|_| at(&Door::Local(7), Reason::Denied, minute)).collect::<Vec<_>>();
            assert_eq!(
                (told.len(), told[0]),
                (16, if minute == 2000 { 0 } else { 4 }),
                "each of a few is seen"
            );
        }
    }

    #[test]
    fn any_number_of_doors_takes_no_room() {
        let mut refusals = Refusals::default();
        for n in 0..5000 {
            assert_eq!(refusals.one_more(&Door::Local(n), Reason::NoCode, UnixTime(1000)), Some(0));
        }
        assert_eq!(refusals.0.len(), KEPT);
        assert_eq!(refusals.one_more(&Door::Local(1), Reason::NoCode, UnixTime(1100)), Some(0));
        assert_eq!(refusals.0.len(), 1, "what is over is forgotten");
    }
}
