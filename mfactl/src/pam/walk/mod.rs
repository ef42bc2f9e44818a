//! Every way through a stack: what libpam makes of each answer that each module may give.
//!
//! ```text
//!               ok, done                   bad, die, a jump too far
//! undecided ─────────────────▶ positive ──────────────────▶ negative       it grants where it ends
//!     └───────────────────────────────────────────────────────▶┘           positive, with a success,
//! ```
//!
//! and `reset` alone leads back. What is `ok` but no success is what the stack answers, whatever comes after.
//!
//! Source: `_pam_dispatch_aux` of Linux-PAM. A module is taken to answer anything, but for those whose
//! answer is known ([`modules`]): what is proven here holds whatever the modules do. Ways that have come
//! to the same point with the same standing are one way, so even a stack of jumps is walked in no time.

mod modules;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub(crate) use self::modules::{Answer, OURS, asks_for_factor, knows_first_factor};

use self::modules::anything;
use self::standing::{Impression, Standing};
use super::control::{Action, Control, MODULE_UNKNOWN};
use super::root::Root;
use super::stack::{Act, Step};

/// What our own line that asks has said on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ours {
    /// It was not asked.
    Unasked,
    /// A factor was proven, or policy waived it.
    Passed,
    /// Policy does not ask this user.
    NotRequired,
    /// It refused.
    Refused,
}

/// What happened on the way, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    /// Our line that asks.
    pub(crate) ours: Ours,
    /// Our line that looks for a key has found one.
    pub(crate) key: bool,
    /// A module that knows a first factor has found it right.
    pub(crate) first: bool,
    /// What lines have found of root.
    pub(crate) root: Root,
}

/// How far a way has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct At {
    next: usize,
    standing: Standing,
    /// The standing at the beginning of each substack that is open.
    before: Vec<Standing>,
    seen: Seen,
}

/// An end of a stack that some way comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Whether it grants.
    pub(crate) granted: bool,
    /// Whether it answers `PAM_NEW_AUTHTOK_REQD`.
    pub(crate) renews: bool,
    /// What happened on the way.
    pub(crate) seen: Seen,
    /// One of the ways: which steps were taken, by number, and what they answered.
    pub(crate) way: Vec<(usize, Answer)>,
}

/// An arrival at our line that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Whether nothing has failed before.
    pub(crate) unhurt: bool,
    /// What happened before.
    pub(crate) seen: Seen,
}

/// All that a stack can come to.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// The ends, each kind once.
    pub(crate) ends: Vec<End>,
    /// How our line that asks is come to, each kind once.
    pub(crate) arrivals: Vec<Arrival>,
}

impl Walk {
    /// Goes every way.
    pub(crate) fn through(steps: &[Step]) -> Self {
        Self::answering(steps, anything)
    }

    /// Goes the ways that are open where our module's file is gone.
    pub(crate) fn without_us(steps: &[Step]) -> Self {
        Self::answering(steps, |control, module, arguments| match module {
            OURS => vec![(Answer::Failure, control.on(MODULE_UNKNOWN))],
            _ => anything(control, module, arguments),
        })
    }

    /// Goes the ways that are open where modules answer so.
    pub(super) fn answering(
        steps: &[Step],
        answers: impl Fn(&Control, &str, &[String]) -> Vec<(Answer, Action)>,
    ) -> Self {
        let seen = Seen { ours: Ours::Unasked, key: false, first: false, root: Root::Unsaid };
        let start = At { next: 0, standing: Standing::START, before: Vec::new(), seen };
        let mut from: HashMap<At, Option<(At, Answer)>> = HashMap::from([(start.clone(), None)]);
        let mut open = vec![start];
        let mut walk = Self { ends: Vec::new(), arrivals: Vec::new() };
        while let Some(at) = open.pop() {
            let Some(step) = steps.get(at.next) else {
                walk.end(&at, &from);
                continue;
            };
            if asks_for_factor(step) {
                walk.arrive(&at);
            }
            for (answer, to) in onward(steps, &at, step, &answers) {
                if !from.contains_key(&to) {
                    from.insert(to.clone(), Some((at.clone(), answer)));
                    open.push(to);
                }
            }
        }
        walk
    }

    fn end(&mut self, at: &At, from: &HashMap<At, Option<(At, Answer)>>) {
        let (granted, renews) = (at.standing.grants(), at.standing.status == Answer::Renew);
        if self.ends.iter().any(|end| (end.granted, end.renews, end.seen) == (granted, renews, at.seen)) {
            return;
        }
        let mut way = Vec::new();
        let mut back = at;
        while let Some(Some((before, answer))) = from.get(back) {
            way.push((before.next, *answer));
            back = before;
        }
        way.reverse();
        self.ends.push(End { granted, renews, seen: at.seen, way });
    }

    fn arrive(&mut self, at: &At) {
        let arrival = Arrival { unhurt: at.standing.impression != Impression::Negative, seen: at.seen };
        if !self.arrivals.contains(&arrival) {
            self.arrivals.push(arrival);
        }
    }
}

/// Where a way can go from `at`, by what the step there answers.
fn onward(
    steps: &[Step],
    at: &At,
    step: &Step,
    answers: impl Fn(&Control, &str, &[String]) -> Vec<(Answer, Action)>,
) -> Vec<(Answer, At)> {
    let mut before = at.before.clone();
    before.truncate(step.level);
    let here = At { before, ..at.clone() };
    let answers = match &step.act {
        Act::Enter => {
            let mut inside = At { next: at.next + 1, ..here };
            inside.before.push(at.standing);
            return vec![(Answer::Ignore, inside)];
        }
        Act::Fail { action, .. } => vec![(Answer::Failure, *action)],
        Act::Ask { control, module, arguments } => answers(control, module, arguments),
    };
    answers.into_iter().map(|(answer, action)| (answer, after(steps, &here, step, answer, action))).collect()
}

/// Where a way is after one answer.
fn after(steps: &[Step], at: &At, step: &Step, answer: Answer, action: Action) -> At {
    let mut to = at.clone();
    to.seen = seen(at.seen, step, answer);
    to.next = at.next + 1;
    match action {
        Action::Ignore => {}
        Action::Ok => to.standing = at.standing.ok(answer),
        Action::Bad => to.standing = at.standing.bad(answer),
        Action::Reset => to.standing = at.before.last().copied().unwrap_or(Standing::START),
        Action::Done => {
            to.standing = at.standing.ok(answer);
            // Where something has failed it ends nothing.
            if to.standing.impression == Impression::Positive {
                to.next = end_of_level(steps, at.next, step.level);
            }
        }
        Action::Die => {
            to.standing = at.standing.bad(answer);
            to.next = end_of_level(steps, at.next, step.level);
        }
        Action::Jump(lines) => {
            if let Some(next) = landing(steps, at.next, step.level, lines.into()) {
                to.next = next;
            } else {
                (to.standing, to.next) = (Standing::FAILED, end_of_level(steps, at.next, step.level));
            }
        }
    }
    to
}

/// What is known after a step's answer.
fn seen(mut seen: Seen, step: &Step, answer: Answer) -> Seen {
    let Act::Ask { module, .. } = &step.act else { return seen };
    let success = answer == Answer::Success;
    if asks_for_factor(step) {
        seen.ours = match answer {
            Answer::Success => Ours::Passed,
            Answer::Ignore => Ours::NotRequired,
            Answer::Renew | Answer::Failure => Ours::Refused,
        };
    } else if module == OURS {
        seen.key |= success;
    } else if let Some(root) = Root::found_by(step) {
        if success {
            seen.root = seen.root.max(root);
        }
    } else if knows_first_factor(module) {
        seen.first |= success;
    }
    seen
}

/// The step behind the substack that the step at `at` is in; that behind the last one, outside of any.
fn end_of_level(steps: &[Step], at: usize, level: usize) -> usize {
    let rest = steps.iter().enumerate().skip(at + 1);
    if level == 0 {
        return steps.len();
    }
    rest.into_iter().find(|(_, step)| step.level < level).map_or(steps.len(), |(next, _)| next)
}

/// Where a jump over so many lines lands: a substack is one line, from outside. None: beyond the end.
fn landing(steps: &[Step], at: usize, level: usize, lines: usize) -> Option<usize> {
    let mut left = lines;
    let mut next = at + 1;
    while left > 0 {
        let jumped = steps.get(next).filter(|step| step.level >= level)?;
        let inner = |step: &Step| step.level > jumped.level;
        next += 1;
        while steps.get(next).is_some_and(inner) {
            next += 1;
        }
        left -= 1;
    }
    Some(next)
}
