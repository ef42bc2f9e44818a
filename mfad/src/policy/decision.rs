//! Decisions: what is done with a login, by what is asked and by what its account is.

use mfa_proto::{identity::UnixTime, step::Reason};

use super::{Asked, Demand, Effect};

/// What is known of an account when policy decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has a factor.
    Enrolled,
    /// It exists and was proven to have none.
    NotEnrolled,
    /// Nobody has that name: proven by every source of names.
    Unknown,
    /// An administrator or the user locked it.
    Locked,
    /// It cannot be told: an altered record, two accounts, no caller.
    Unclear,
}

/// What stands for a code that is not asked any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Already {
    /// Nothing.
    Nothing,
    /// A proof of an earlier login that is remembered.
    Remembered,
    /// An enrolled security key, which opened this login.
    SecurityKey,
}

/// Proof that policy allowed an outcome. Only [`decide`] and [`may_enrol`](super::may_enrol) make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permitted(());

impl Permitted {
    pub(super) fn by_policy() -> Self {
        Self(())
    }
}

/// What to do with a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Ask for a factor; a proof is permitted to let in.
    Ask(Permitted),
    /// Ask all the same, so that nothing is told, and refuse whatever is answered.
    AskAndRefuse,
    /// The same, by a rule: what is answered is not judged.
    Deny,
    /// Do not ask.
    Waive(Permitted, Reason),
}

/// Decides for one login. `grace`: until when an account without a factor is not hindered, while
/// that time has not come. What is locked or unclear is never waived, except where nobody is asked.
pub fn decide(asked: &Asked, standing: Standing, grace: Option<UnixTime>, already: Already) -> Decision {
    let waive = |reason| Decision::Waive(Permitted(()), reason);
    match asked.demand {
        Demand::Off => return waive(Reason::PolicyOff),
        _ if asked.observed => return waive(Reason::Observed),
        Demand::Deny => return Decision::Deny,
        Demand::Nothing | Demand::IfEnrolled(_) | Demand::Factor { .. } => {}
    }
    match (standing, asked.demand) {
        (Standing::Locked | Standing::Unclear, _) => Decision::AskAndRefuse,
        (_, Demand::Nothing) => waive(Reason::Exempt),
        (Standing::Enrolled, demand) => match already {
            Already::SecurityKey => waive(Reason::SecurityKey),
            Already::Remembered if demand != (Demand::Factor { fresh: true }) => waive(Reason::Remembered),
            Already::Remembered | Already::Nothing => Decision::Ask(Permitted(())),
        },
        (Standing::NotEnrolled | Standing::Unknown, Demand::IfEnrolled(why)) => waive(why),
        (Standing::NotEnrolled, _) if grace.is_some() => waive(Reason::Grace),
        (Standing::NotEnrolled | Standing::Unknown, _) => Decision::AskAndRefuse,
    }
}

/// What would be done with a login that is only observed.
pub fn decide_unobserved(
    asked: &Asked,
    standing: Standing,
    grace: Option<UnixTime>,
    already: Already,
) -> Decision {
    decide(&Asked { observed: false, ..asked.clone() }, standing, grace, already)
}

impl Decision {
    /// For people and for the audit: what it is, in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ask(_) => Effect::Ask.word(),
            Self::AskAndRefuse => "refuse",
            Self::Deny => Effect::Deny.word(),
            Self::Waive(..) => "let_in",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::By;

    const STANDINGS: [Standing; 5] =
        [Standing::Enrolled, Standing::NotEnrolled, Standing::Unknown, Standing::Locked, Standing::Unclear];
    const ALREADY: [Already; 3] = [Already::Nothing, Already::Remembered, Already::SecurityKey];

    fn asked(demand: Demand) -> Asked {
        Asked { demand, observed: false, by: By::Policy, demanding: Vec::new() }
    }

    fn is_let_in(decision: Decision) -> bool {
        matches!(decision, Decision::Waive(..))
    }

    #[test]
    fn what_is_locked_or_unclear_is_let_through_only_where_nobody_is_asked() {
        let demands = [
            Demand::Nothing,
            Demand::IfEnrolled(Reason::Optional),
            Demand::Factor { fresh: false },
            Demand::Factor { fresh: true },
            Demand::Deny,
        ];
        for standing in [Standing::Locked, Standing::Unclear] {
            for already in ALREADY {
                for demand in demands {
                    assert!(!is_let_in(decide(&asked(demand), standing, Some(UnixTime(9)), already)));
                }
                assert!(is_let_in(decide(&asked(Demand::Off), standing, None, already)));
                let observed = Asked { observed: true, ..asked(Demand::Deny) };
                assert!(is_let_in(decide(&observed, standing, None, already)));
                assert_eq!(decide_unobserved(&observed, standing, None, already), Decision::Deny);
            }
        }
    }

    #[test]
    fn where_a_factor_is_asked_nobody_comes_through_without_one() {
        let factor = asked(Demand::Factor { fresh: false });
        for standing in STANDINGS {
            let decision = decide(&factor, standing, None, Already::Nothing);
            assert_eq!(decision == Decision::Ask(Permitted(())), standing == Standing::Enrolled);
            assert!(!is_let_in(decision));
        }
    }

    // S19
    #[test]
    fn grace_is_for_known_accounts_without_a_factor_and_for_nobody_else() {
        let grace = Some(UnixTime(9));
        for standing in STANDINGS {
            let decision = decide(&asked(Demand::Factor { fresh: true }), standing, grace, Already::Nothing);
            assert_eq!(is_let_in(decision), standing == Standing::NotEnrolled, "{standing:?}");
        }
    }

    #[test]
    fn what_is_remembered_is_not_fresh_and_a_key_touched_now_is() {
        let decide =
            |fresh, already| decide(&asked(Demand::Factor { fresh }), Standing::Enrolled, None, already);
        assert_eq!(decide(false, Already::Remembered), Decision::Waive(Permitted(()), Reason::Remembered));
        assert!(matches!(decide(true, Already::Remembered), Decision::Ask(_)));
        for fresh in [false, true] {
            let waived = Decision::Waive(Permitted(()), Reason::SecurityKey);
            assert_eq!(decide(fresh, Already::SecurityKey), waived);
        }
        for standing in [Standing::NotEnrolled, Standing::Unknown] {
            for already in ALREADY {
                let factor = asked(Demand::Factor { fresh: false });
                assert!(!is_let_in(super::decide(&factor, standing, None, already)), "whose would it be?");
            }
        }
    }
}
