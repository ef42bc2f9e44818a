//! The decision table: what comes out is what the second evaluator says, line by line.

use std::{cell::RefCell, collections::BTreeMap};

use mfad::policy::decide;
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use crate::{
    judge::{ALREADY, STANDINGS, asked, demanding, grace, in_words, over, rules},
    naive,
    world::{login, written},
};

/// Settings, with some logins each: 6,000 cases, of each of which the table has a line for every standing and
/// whatever it has already.
const SETTINGS: u32 = 750;
const LOGINS: usize = 8;

#[test]
fn decisions_are_those_of_a_second_evaluator() {
    let config = ProptestConfig { cases: SETTINGS, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRunner::deterministic().rng().clone());
    let seen: RefCell<BTreeMap<String, u32>> = RefCell::default();
    let table = runner.run(&(written(), vec(login(), LOGINS), any::<u64>()), |(written, logins, seed)| {
        let (rules, over) = (rules(&written), over(seed));
        for login in &logins {
            let asked = asked(&rules, login, &[]);
            let grace = grace(&rules, &asked, &over);
            for (standing_word, standing) in STANDINGS {
                for (already_word, already) in ALREADY {
                    let expected = naive::answer(&written, login, standing_word, already_word, &over);
                    let decision = in_words(decide(&asked, standing, grace, already));
                    prop_assert_eq!(&decision, &expected.decision, "{} {}", standing_word, already_word);
                    prop_assert_eq!(demanding(&rules, &asked), expected.demanding);
                    let cause = rules.name(asked.by);
                    prop_assert!(
                        expected.causes.contains(&cause),
                        "{} is none of {:?}",
                        cause,
                        expected.causes
                    );
                    *seen.borrow_mut().entry(decision).or_default() += 1;
                }
            }
        }
        Ok(())
    });
    table.unwrap_or_else(|error| panic!("{error}"));
    // Every outcome that there is, often enough to mean something.
    let seen = seen.into_inner();
    for word in [
        "ask",
        "refuse",
        "deny",
        "let in: policy_off",
        "let in: observed",
        "let in: optional",
        "let in: exempt",
        "let in: service_account",
        "let in: grace",
        "let in: remembered",
        "let in: security_key",
    ] {
        assert!(seen.get(word).is_some_and(|times| *times >= 50), "{word}: {seen:?}");
    }
}
