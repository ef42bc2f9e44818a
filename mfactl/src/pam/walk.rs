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
//! answer is known ([`answers`]): what is proven here holds whatever the modules do. Ways that have come
//! to the same point with the same standing are one way, so even a stack of jumps is walked in no time.

use std::collections::HashMap;

use super::control::{Action, Control, IGNORE, MODULE_UNKNOWN, RENEW, SUCCESS};
use super::root::Root;
use super::stack::{Act, Step};

/// What a module answers, as far as a stack can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// `PAM_SUCCESS`.
    Success,
    /// `PAM_IGNORE`.
    Ignore,
    /// `PAM_NEW_AUTHTOK_REQD`: in the account phase hosts have the password changed, and let in.
    Renew,
    /// Anything else, with the action that the line has for it.
    Failure,
}

/// What the stack has come to: libpam's `impression`, and the `status` that it would answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Standing {
    impression: Impression,
    /// The answer that counted first, but a success makes way for others.
    status: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Impression {
    /// Nothing has counted.
    Undecided,
    /// Something was `ok`.
    Positive,
    /// Something has failed.
    Negative,
}

impl Standing {
    const START: Self = Self { impression: Impression::Undecided, status: Answer::Failure };
    const FAILED: Self = Self { impression: Impression::Negative, status: Answer::Failure };

    /// After an `ok`. A positive stack with another status than success stays what it is.
    fn ok(self, answer: Answer) -> Self {
        if self.impression == Impression::Undecided || self.grants() {
            return Self { impression: Impression::Positive, status: answer };
        }
        self
    }

    /// After a `bad`.
    fn bad(self, answer: Answer) -> Self {
        if self.impression == Impression::Negative {
            return self;
        }
        Self { impression: Impression::Negative, status: answer }
    }

    fn grants(self) -> bool {
        self.impression == Impression::Positive && self.status == Answer::Success
    }
}

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

/// Modules that know a password, a ticket or a device: their success says who it is.
const FIRST_FACTORS: [&str; 14] = [
    "pam_unix",
    "pam_sss",
    "pam_krb5",
    "pam_ldap",
    "pam_winbind",
    "pam_systemd_home",
    "pam_himmelblau",
    "pam_authd",
    "pam_userdb",
    "pam_pwdfile",
    "pam_tcb",
    "pam_unix_auth",
    "pam_ssh_agent_auth",
    "pam_radius_auth",
];

/// Our module.
pub(crate) const OURS: &str = "pam_mfa";

/// Whether a step is our line that asks.
pub(crate) fn asks_for_factor(step: &Step) -> bool {
    step.asks(OURS) && !step.has_argument("key-passed")
}

/// Whether a module can say who it is.
pub(crate) fn knows_first_factor(module: &str) -> bool {
    FIRST_FACTORS.contains(&module)
}

/// What a module may answer, and what is done then.
fn anything(control: &Control, module: &str, _arguments: &[String]) -> Vec<(Answer, Action)> {
    let success = (Answer::Success, control.on(SUCCESS));
    let ignore = (Answer::Ignore, control.on(IGNORE));
    let renew = (Answer::Renew, control.on(RENEW));
    let failures = control.others().into_iter().map(|action| (Answer::Failure, action));
    let others: &[(Answer, Action)] = match module {
        "pam_permit" => return vec![success],
        "pam_deny" => &[],
        "pam_unix" => &[success, renew],
        OURS | "pam_succeed_if" => &[success, ignore],
        _ => &[success, ignore, renew],
    };
    others.iter().copied().chain(failures).collect()
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

#[cfg(test)]
mod tests {
    use super::super::line::Facility;
    use super::super::stack::tests::host;
    use super::*;

    const DEBIAN: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n\
                          auth required pam_permit.so\nauth optional pam_cap.so\n";

    fn walk(text: &str) -> Walk {
        let host = host(&[("x", text), ("common-auth", DEBIAN), ("system-auth", RHEL)]);
        Walk::through(&host.stack("x", Facility::Auth).unwrap())
    }

    const RHEL: &str = "auth required pam_env.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n";
    const ASKS: &str = "auth required pam_mfa.so\n";

    /// What our line has said where the stack grants.
    fn granted(walk: &Walk) -> Vec<Ours> {
        let mut ours: Vec<Ours> =
            walk.ends.iter().filter(|end| end.granted).map(|end| end.seen.ours).collect();
        ours.sort_by_key(|ours| *ours as u8);
        ours.dedup();
        ours
    }

    #[test]
    fn after_debians_include_nobody_passes_without_us_and_the_password_was_right() {
        let walk = walk(&format!("@include common-auth\n{ASKS}"));
        assert_eq!(granted(&walk), [Ours::Passed, Ours::NotRequired]);
        assert!(walk.arrivals.iter().all(|arrival| arrival.unhurt && arrival.seen.first));
    }

    #[test]
    fn what_is_appended_to_an_included_sufficient_never_runs() {
        assert!(granted(&walk(&format!("auth include system-auth\n{ASKS}"))).contains(&Ours::Unasked));
        let substack = walk(&format!("auth substack system-auth\n{ASKS}"));
        assert_eq!(granted(&substack), [Ours::Passed, Ours::NotRequired]);
        assert!(substack.arrivals.iter().any(|arrival| !arrival.unhurt), "asked after a wrong password too");
    }

    #[test]
    fn a_line_that_minds_no_refusal_lets_in_who_is_refused() {
        for line in ["auth optional pam_mfa.so\n", "auth [default=ignore] pam_mfa.so\n"] {
            let walk = walk(&format!("@include common-auth\n{line}"));
            assert!(granted(&walk).contains(&Ours::Refused), "{line}");
        }
    }

    #[test]
    fn a_jump_leaves_out_a_whole_substack_but_one_line_of_an_include() {
        let jump = "auth [success=1 default=ignore] pam_mfa.so key-passed\n";
        let substack = walk(&format!("{jump}auth substack common-auth\n{ASKS}"));
        let by_key = |walk: &Walk| walk.ends.iter().any(|end| end.granted && end.seen.key && !end.seen.first);
        assert!(by_key(&substack));
        let include = walk(&format!("{jump}auth include common-auth\n{ASKS}"));
        assert!(!by_key(&include), "the jump lands on pam_deny");
    }

    #[test]
    fn a_jump_beyond_the_end_fails() {
        let walk = walk("auth required pam_permit.so\nauth [success=3 default=ignore] pam_unix.so\n");
        assert!(walk.ends.iter().all(|end| !(end.granted && end.seen.first)));
    }

    #[test]
    fn a_stack_that_only_ignores_does_not_grant() {
        let walk = walk(ASKS);
        assert_eq!(granted(&walk), [Ours::Passed]);
    }

    #[test]
    fn root_passes_where_the_stack_says_so() {
        let walk = walk(&format!("auth sufficient pam_rootok.so\n@include common-auth\n{ASKS}"));
        let unasked: Vec<_> =
            walk.ends.iter().filter(|end| end.granted && end.seen.ours == Ours::Unasked).collect();
        assert!(!unasked.is_empty() && unasked.iter().all(|end| end.seen.root == Root::Asks));
        assert_eq!(unasked[0].way, [(0, Answer::Success)]);
    }

    #[test]
    fn reset_forgets_a_failure() {
        let walk =
            walk("auth required pam_deny.so\nauth [default=reset] pam_x.so\nauth required pam_permit.so\n");
        assert_eq!(granted(&walk), [Ours::Unasked]);
    }

    #[test]
    fn a_stack_of_many_jumps_is_walked_in_no_time() {
        let text: String =
            (0..60).map(|n| format!("auth [success={} default=ignore] pam_{n}.so\n", n % 3 + 1)).collect();
        assert!(!walk(&text).ends.is_empty());
    }
}
