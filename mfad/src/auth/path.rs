//! The path of a decision, in words: what was looked at, where it is written, and what came of it.

use mfa_proto::{
    identity::{UnixTime, UserName, escaped},
    policy::{Condition, Verdict, Weighed as WeighedRow},
    step::Reason,
    time,
};

use super::decided::{Decided, Grounds};
use crate::policy::{
    Already, By, Conditions, Decision, Demand, Effect, Mode, Rules, Sight, Standing, Truth, Weighed,
    decide_unobserved,
};

/// What is done, and by what, for programs.
pub(super) fn verdict(rules: &Rules, standing: Standing, decided: &Decided) -> Verdict {
    let asked = &decided.grounds.asked;
    let why = match decided.decision {
        Decision::Ask(_) if asked.demand == (Demand::Factor { fresh: true }) => "fresh",
        Decision::Ask(_) | Decision::Deny => "",
        Decision::AskAndRefuse => standing_word(standing),
        Decision::Waive(_, reason) => reason.word(),
    };
    Verdict {
        decision: decided.decision.word().to_owned(),
        why: why.to_owned(),
        by: decided.grounds.name(rules, asked.by),
        at: rules.place(asked.by).to_owned(),
    }
}

/// What is done with `user`, for people: one sentence without its full stop.
pub(super) fn sentence(
    rules: &Rules,
    (user, service): (&UserName, &str),
    (mode, standing): (Mode, Standing),
    decided: &Decided,
    now: UnixTime,
) -> String {
    let Grounds { asked, grace, already, .. } = &decided.grounds;
    let by = by(rules, &decided.grounds, mode);
    if let Decision::Waive(_, Reason::Observed) = decided.decision {
        let would = decide_unobserved(asked, standing, *grace, *already);
        let would = match would {
            Decision::Ask(_) => "would be asked for a code",
            Decision::AskAndRefuse | Decision::Deny => "would be refused",
            Decision::Waive(..) => "would be let in all the same",
        };
        let why =
            refused_for(standing).filter(|_| would == "would be refused" && asked.demand != Demand::Deny);
        let why = why.map_or(String::new(), |why| format!(", since {why}"));
        return format!("{user} is let in at {service}, where it is only observed, and {would}{why}: {by}");
    }
    match decided.decision {
        Decision::Ask(_) => {
            let fresh = asked.demand == (Demand::Factor { fresh: true });
            format!("{user} is asked for a {}code at {service}: {by}", if fresh { "fresh " } else { "" })
        }
        Decision::AskAndRefuse => {
            let why = refused_for(standing).unwrap_or("nothing that is answered can be right");
            format!("{user} is refused at {service}, since {why}: {by}")
        }
        Decision::Deny => format!("{user} is refused at {service}, whatever is answered: {by}"),
        Decision::Waive(_, reason) => {
            let why = match reason {
                Reason::Optional => ", having no factor".to_owned(),
                Reason::ServiceAccount => ", as an account of a program without a factor".to_owned(),
                Reason::Grace => {
                    let left = grace.map(|ends| time::days_until(ends.0, now.0)).unwrap_or_default();
                    format!(", having no factor yet, with {left} of grace left")
                }
                Reason::Remembered => ", since an earlier proof is remembered".to_owned(),
                Reason::SecurityKey => ", since the security key counts as the second factor".to_owned(),
                _ => String::new(),
            };
            format!("{user} is let in at {service} without a code{why}: {by}")
        }
    }
}

/// Why somebody is refused who is asked, where the account is why.
fn refused_for(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::Enrolled => None,
        Standing::NotEnrolled => Some("the account has no factor, and no grace"),
        Standing::Unknown => Some("nobody has that name"),
        Standing::Locked => Some("the account is locked"),
        Standing::Unclear => Some("it is not clear whose account it is"),
    }
}

/// A part of the settings and its place, for people.
fn by(rules: &Rules, grounds: &Grounds, mode: Mode) -> String {
    let (mode, by) = (mode.word(), grounds.asked.by);
    let what = match by {
        By::Policy => format!("mode {mode} of the host"),
        By::Group(at) => format!("mode {mode} of group {}", escaped(rules.group_modes[at].0.as_bytes())),
        By::ServiceAccounts => "policy.service_accounts".to_owned(),
        By::Rule(at) => format!("rule \"{}\"", rules.rules[at].name),
        By::Exempt(at) => format!("exemption \"{}\"", rules.exemptions[at].reason),
        By::Granted(_) => grounds.name(rules, by),
    };
    match rules.place(by) {
        "" => what,
        place => format!("{what} ({place})"),
    }
}

/// One of the parts that were looked at.
pub(super) fn weighed(rules: &Rules, grounds: &Grounds, sight: &Sight<'_>, weighed: Weighed) -> WeighedRow {
    let (effect, conditions) = match weighed.what {
        By::Policy => (rules.mode.word(), Vec::new()),
        By::Group(at) => (rules.group_modes[at].1.word(), Vec::new()),
        By::ServiceAccounts => (Effect::Skip.word(), Vec::new()),
        By::Rule(at) => {
            let rule = &rules.rules[at];
            let mut conditions = ended(rule.until, sight);
            conditions.extend(each(&rule.when, sight, false));
            conditions.extend(each(&rule.unless, sight, true));
            (rule.then.word(), conditions)
        }
        By::Exempt(at) => {
            let exemption = &rules.exemptions[at];
            let mut conditions = ended(Some(exemption.until), sight);
            conditions.extend(each(&exemption.when, sight, false));
            (Effect::Skip.word(), conditions)
        }
        By::Granted(at) => {
            let when = grounds.granted[at].when();
            (Effect::Skip.word(), each(&when, sight, false).collect())
        }
    };
    WeighedRow {
        what: grounds.name(rules, weighed.what),
        at: rules.place(weighed.what).to_owned(),
        effect: effect.to_owned(),
        holds: weighed.holds.word().to_owned(),
        taken: weighed.taken,
        conditions,
    }
}

fn each<'a>(
    conditions: &'a Conditions,
    sight: &'a Sight<'_>,
    unless: bool,
) -> impl Iterator<Item = Condition> + 'a {
    conditions.each(sight).map(move |(what, holds)| condition(what, unless, holds))
}

fn ended(until: Option<UnixTime>, sight: &Sight<'_>) -> Vec<Condition> {
    let over = until.is_some_and(|until| sight.case.now >= until);
    over.then(|| condition("until", false, Truth::No)).into_iter().collect()
}

fn condition(what: &str, unless: bool, holds: Truth) -> Condition {
    Condition { what: what.to_owned(), unless, holds: holds.word().to_owned() }
}

/// What is asked, in a word.
pub(super) fn asked_word(demand: Demand) -> &'static str {
    match demand {
        Demand::Off => "off",
        Demand::Nothing => "nothing",
        Demand::IfEnrolled(_) => "if_enrolled",
        Demand::Factor { fresh: false } => "factor",
        Demand::Factor { fresh: true } => "fresh_factor",
        Demand::Deny => "deny",
    }
}

/// What an account is, in a word.
pub(super) fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Enrolled => "enrolled",
        Standing::NotEnrolled => "not_enrolled",
        Standing::Unknown => "unknown",
        Standing::Locked => "locked",
        Standing::Unclear => "unclear",
    }
}

/// What stands for a code, in a word.
pub(super) fn already_word(already: Already) -> &'static str {
    match already {
        Already::Nothing => "nothing",
        Already::Remembered => Reason::Remembered.word(),
        Already::SecurityKey => Reason::SecurityKey.word(),
    }
}
