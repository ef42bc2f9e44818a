//! What must hold of all settings and all logins, whoever logs in and whatever is remembered: nothing loosens that
//! must not.

use mfad::policy::{Asked, By, Demand, Effect, Rules};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::{
    judge::{asked, demanding, hardness, is_no_looser, over, rules, with_case},
    world::{Conditions, DATES, Exempt, Login, MODES, NOWS, Rule, Written, exempt, login, rule, written},
};

/// A signal, and what takes it away.
type Signal = (&'static str, fn(&mut Login));

/// Every one of them.
const SIGNALS: [Signal; 14] = [
    ("uid", |login| login.uid = None),
    ("service", |login| login.service = None),
    ("target", |login| login.target = None),
    ("address", |login| login.address = None),
    ("key", |login| login.key = None),
    ("command", |login| login.command = None),
    ("tty", |login| login.tty = None),
    ("groups", |login| login.groups = None),
    ("asn", |login| login.asn = None),
    ("country", |login| login.country = None),
    ("device", |login| login.device = None),
    ("location", |login| login.location = None),
    ("travel", |login| login.travel = None),
    ("place", |login| (login.asn, login.country) = (None, None)),
];

/// How hard it is to get in under those settings, for each login.
fn hard(written: &Written, logins: &[Login], seed: u64) -> Vec<u8> {
    let rules = rules(written);
    let hard = |login: &Login| hardness(&rules, &asked(&rules, login, &[]), &over(seed));
    logins.iter().flat_map(hard).collect()
}

/// Logins under the same settings: those take longer to read than to decide by.
fn logins() -> impl Strategy<Value = Vec<Login>> {
    vec(login(), 8)
}

/// Takes entries off one list of the conditions, where it has more than one; whether it could.
fn take_an_entry(conditions: &mut Conditions, which: &Index) -> bool {
    let mut lists: Vec<_> = conditions.iter_mut().filter(|(_, entries)| entries.len() > 1).collect();
    if lists.is_empty() {
        return false;
    }
    let at = which.index(lists.len());
    lists[at].1.pop();
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_added_rule_that_asks_or_denies_loosens(
        written in written(),
        more in rule(&["ask", "ask_fresh", "deny"]),
        logins in logins(),
        seed: u64,
        at: Index,
    ) {
        let before = hard(&written, &logins, seed);
        let mut with = written.clone();
        // Its grace is its own: the others keep their names.
        with.rules.insert(at.index(with.rules.len() + 1), Rule { name: "more".into(), ..more });
        prop_assert!(is_no_looser(&before, &hard(&with, &logins, seed)), "{}", with.text());
    }

    // S22: a name service that does not answer, a host that does not say, a database that is not there.
    #[test]
    fn no_missing_signal_loosens(written in written(), logins in logins(), seed: u64, sets: [u16; 6]) {
        let rules = rules(&written);
        let hard = |login: &Login| hardness(&rules, &asked(&rules, login, &[]), &over(seed));
        for login in &logins {
            let before = hard(login);
            let singly = (0..SIGNALS.len()).map(|at| 1 << at);
            for missing in singly.chain(sets) {
                let mut without = login.clone();
                let taken = SIGNALS.iter().enumerate().filter(|(at, _)| missing & (1 << at) != 0);
                for (_, (_, take)) in taken.clone() {
                    take(&mut without);
                }
                let names: Vec<&str> = taken.map(|(_, (name, _))| *name).collect();
                prop_assert!(
                    is_no_looser(&before, &hard(&without)),
                    "without {names:?}: {login:?}\n{}",
                    written.text()
                );
            }
        }
    }

    // S19: what is known of an account, whatever it logs in to and when, is at least what any login of it asks.
    #[test]
    fn no_login_asks_what_is_not_asked_of_its_account(written in written(), logins in logins(), at: Index) {
        let rules = rules(&Written { required_from: None, ..written });
        for login in &logins {
            let mut bare = login.clone();
            bare.now = NOWS[at.index(NOWS.len())];
            for (name, take) in SIGNALS {
                if !["uid", "groups"].contains(&name) {
                    take(&mut bare);
                }
            }
            let of_account = with_case(&rules, &bare, |case| rules.demand_at_any_time(case));
            let of_login = asked(&rules, login, &[]);
            let (of_account, of_login) = (demanding(&rules, &of_account), demanding(&rules, &of_login));
            prop_assert!(of_login.is_subset(&of_account), "{of_login:?} {of_account:?}");
        }
    }

    #[test]
    fn no_added_skip_or_exemption_takes_back_what_a_rule_asks(
        written in written(),
        skip in rule(&["skip"]),
        exempt in exempt(),
        logins in logins(),
        seed: u64,
    ) {
        let exempt = Exempt { reason: "more".into(), ..exempt };
        let mut with = written.clone();
        with.exempts.push(exempt.clone());
        let with_exemption = rules(&with);
        with.rules.push(Rule { name: "more".into(), ..skip });
        let (before, after) = (rules(&written), rules(&with));
        let granted = rules(&Written { exempts: vec![exempt], ..written.clone() }).exemptions;
        for login in &logins {
            let (was, is) = (asked(&before, login, &[]), asked(&after, login, &[]));
            let hard = |rules: &Rules, asked: &Asked| hardness(rules, asked, &over(seed));
            prop_assert!(is_no_looser(&hard(&after, &is), &hard(&before, &was)), "nor makes it harder");
            let by_a_rule = matches!(was.by, By::Rule(at) if before.rules[at].then > Effect::Skip);
            if by_a_rule || was.demand == Demand::Off {
                prop_assert_eq!((was.demand, hard(&before, &was)), (is.demand, hard(&after, &is)), "{}", with.text());
            }
            // One that is granted meanwhile is as one that is written. Of groups that only it names nothing was
            // looked up.
            if granted[0].when.group.is_empty() {
                let (by_grant, by_file) = (asked(&before, login, &granted), asked(&with_exemption, login, &[]));
                prop_assert_eq!(hard(&before, &by_grant), hard(&with_exemption, &by_file));
            }
        }
    }

    // What skips less, or asks more, is no looser.
    #[test]
    fn a_skip_that_is_about_less_and_a_rule_that_is_about_more_never_loosen(
        written in written(),
        logins in logins(),
        seed: u64,
        which: Index,
        date: Index,
        other in rule(&["ask"]),
    ) {
        let before = hard(&written, &logins, seed);
        let mut changed: Vec<Written> = Vec::new();
        for at in 0..written.rules.len() {
            let mut with = written.clone();
            let rule = &mut with.rules[at];
            if rule.then == "skip" {
                let sooner = DATES[date.index(DATES.len())];
                rule.until = rule.until.map(|until| if sooner < until { sooner } else { until });
                take_an_entry(&mut rule.when, &which);
                let kept = with.clone();
                // An exception to what has none yet, or a further condition.
                let rule = &mut with.rules[at];
                if rule.unless.is_empty() {
                    rule.unless = other.unless.iter().filter(|(key, _)| *key != "travel").cloned().collect();
                }
                changed.extend([kept, with]);
            } else {
                rule.when.pop();
                let kept = with.clone();
                let rule = &mut with.rules[at];
                if rule.unless.len() > 1 || !take_an_entry(&mut rule.unless, &which) {
                    rule.unless.clear();
                }
                changed.extend([kept, with]);
            }
        }
        for at in 0..written.exempts.len() {
            let mut with = written.clone();
            take_an_entry(&mut with.exempts[at].when, &which);
            changed.push(with.clone());
            with.exempts.remove(at);
            changed.push(with);
        }
        for with in changed {
            prop_assert!(is_no_looser(&before, &hard(&with, &logins, seed)), "{}", with.text());
        }
    }

    #[test]
    fn no_stricter_mode_loosens(written in written(), logins in logins(), seed: u64, of: Index, to: Index) {
        let mut with = written.clone();
        let mode = match with.group_modes.get_mut(of.index(4)) {
            Some((_, mode)) => mode,
            None => &mut with.mode,
        };
        let at = MODES.iter().position(|word| word == mode).unwrap();
        *mode = MODES[at + to.index(MODES.len() - at)];
        // When it is required from does not soften a mode that is not.
        prop_assert!(
            is_no_looser(&hard(&written, &logins, seed), &hard(&with, &logins, seed)),
            "{}\n{}",
            written.text(),
            with.text()
        );
    }

    #[test]
    fn the_order_of_rules_and_exemptions_does_not_matter(
        (written, mixed) in written().prop_flat_map(|written| {
            let mixed = (Just(written.rules.clone()).prop_shuffle(), Just(written.exempts.clone()).prop_shuffle());
            (Just(written), mixed)
        }),
        logins in logins(),
        seed: u64,
    ) {
        let with = Written { rules: mixed.0, exempts: mixed.1, ..written.clone() };
        let (one, other) = (rules(&written), rules(&with));
        for login in &logins {
            let (asked_one, asked_other) = (asked(&one, login, &[]), asked(&other, login, &[]));
            prop_assert_eq!(asked_one.demand, asked_other.demand);
            prop_assert_eq!(demanding(&one, &asked_one), demanding(&other, &asked_other));
            prop_assert_eq!(hardness(&one, &asked_one, &over(seed)), hardness(&other, &asked_other, &over(seed)));
        }
    }

    // S25
    #[test]
    fn whatever_skips_has_a_reason_and_an_end(written in written(), which: Index) {
        let rules = rules(&written);
        for rule in rules.rules.iter().filter(|rule| rule.then == Effect::Skip) {
            prop_assert!(!rule.reason.is_empty() && rule.until.is_some() && !rule.when.is_empty());
        }
        for exemption in &rules.exemptions {
            prop_assert!(!exemption.reason.is_empty() && exemption.until.0 > 0 && !exemption.when.is_empty());
        }
        let text = written.text();
        let lines: Vec<&str> = text.lines().collect();
        let ends: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with("until")).collect();
        if !ends.is_empty() {
            let lost = ends[which.index(ends.len())];
            let rest: String =
                lines.iter().enumerate().filter(|(at, _)| *at != lost).map(|(_, line)| format!("{line}\n")).collect();
            prop_assert!(mfad::settings::Settings::of_text(&rest, "", "host").is_err(), "{}", rest);
        }
    }
}
