//! Policy, put to a login: what the store has of its account, and what is done by the rules in force.

use mfa_proto::identity::{UnixTime, UserName};

use super::{
    grace,
    question::{Login, Target, Via},
};
use crate::{
    policy::{
        Already, Asked, By, Case, Decision, Groups, History, Mode, Rules, Signals, Standing, Weighed, decide,
        decide_unobserved,
    },
    store::{Account, Records, Sound, StoreError},
    world::Moment,
};

/// What was decided, and by what.
pub(super) struct Decided {
    pub(super) decision: Decision,
    /// For the audit: what asked it, and what would be done where it is only observed.
    pub(super) because: String,
    /// All that it was decided by.
    pub(super) grounds: Grounds,
}

/// What a decision was made from.
pub(super) struct Grounds {
    pub(super) asked: Asked,
    pub(super) grace: Option<UnixTime>,
    pub(super) already: Already,
    pub(super) history: History,
}

/// How to look at a login that does not come now: one that is explained, or one of the audit.
pub(super) struct AsIf<'a> {
    /// The settings as if they were taken at that moment; `None`: they are in force.
    pub(super) taken: Option<&'a grace::Taking>,
    /// Whether of the command only its program is known.
    pub(super) by_program: bool,
    /// Told of all that is looked at.
    pub(super) tell: &'a mut dyn FnMut(Weighed),
}

impl Login {
    /// The login as policy sees it.
    pub(super) fn case(&self, uid: Option<u32>, now: Moment, history: History) -> Case<'_> {
        let named = matches!(self.service.as_bytes(), b"su" | b"su-l" | b"sshd" | b"login");
        Case {
            subject: &self.subject,
            uid,
            service: Some(&self.service),
            target: named.then_some(&self.user), // sudo does not say whom one becomes
            now: now.wall,
            signals: &self.signals,
            history,
        }
    }
}

/// Decides for a login, by what the store has.
pub(super) fn decided(
    sound: &mut Sound<'_>,
    rules: &Rules,
    login: &Login,
    target: &Target,
    of: (Standing, Option<&Account>),
    now: Moment,
) -> Result<Decided, StoreError> {
    let as_if = AsIf { taken: None, by_program: false, tell: &mut |_| {} };
    decided_as_if(sound, rules, login, target, of, now, as_if)
}

/// The same for a login that is not there.
pub(super) fn decided_as_if(
    sound: &mut Sound<'_>,
    rules: &Rules,
    login: &Login,
    target: &Target,
    (standing, account): (Standing, Option<&Account>),
    now: Moment,
    AsIf { taken, by_program, tell }: AsIf<'_>,
) -> Result<Decided, StoreError> {
    let history = history(account, login, now);
    let asked = match login.via {
        Via::Login | Via::Locker(_) => {
            let sight = rules.sight(login.case(target.uid(), now, history));
            let sight = if by_program { sight.by_program() } else { sight };
            rules.weigh_sight(&sight, &[], tell)
        }
        Via::OwnChange(_) | Via::AdminChange => Asked::for_a_change(), // (S18)
    };
    let grace = match (standing, taken) {
        (Standing::NotEnrolled, None) => grace::ends(sound, rules, &asked.demanding, target.uid(), now)?,
        (Standing::NotEnrolled, Some(taking)) => {
            grace::would_end(sound, rules, &asked.demanding, target.uid(), now, taking)?
        }
        _ => None,
    };
    let already = already(account, login, now);
    let decision = decide(&asked, standing, grace, already);
    let because = if asked.observed {
        let would = decide_unobserved(&asked, standing, grace, already);
        format!("{}: would {}", rules.name(asked.by), would.word())
    } else {
        rules.name(asked.by)
    };
    Ok(Decided { decision, because, grounds: Grounds { asked, grace, already, history } })
}

/// The same inside a transaction; what it records from now on says why.
pub(super) fn decided_now(
    records: &mut Records<'_>,
    rules: &Rules,
    login: &Login,
    target: &Target,
    of: (Standing, Option<&Account>),
    now: Moment,
) -> Result<Decision, StoreError> {
    let Decided { decision, because, .. } = decided(&mut records.read(), rules, login, target, of, now)?;
    records.because(because);
    Ok(decision)
}

/// What the account's past says of this login.
fn history(_: Option<&Account>, _: &Login, _: Moment) -> History {
    History::default()
}

/// What stands for a code.
fn already(_: Option<&Account>, _: &Login, _: Moment) -> Already {
    Already::Nothing
}

/// What is asked of an account, in whatever login.
pub(super) struct AccountDemands {
    /// The mode that it is in.
    pub(super) mode: Mode,
    /// All that demands a factor of it somewhere: while one of them does, a first factor by wish is none of the
    /// user's, once grace is over. (S19)
    pub(super) demanding: Vec<By>,
}

impl AccountDemands {
    /// Whether any login of it may need a factor.
    pub(super) fn is_any(&self) -> bool {
        !self.demanding.is_empty()
    }
}

/// See [`AccountDemands`].
pub(super) fn account_demands(
    rules: &Rules,
    subject: &UserName,
    uid: Option<u32>,
    groups: Option<Groups>,
    now: Moment,
) -> AccountDemands {
    let signals = Signals { groups, ..Signals::default() };
    let history = History::default();
    let case = Case { subject, uid, service: None, target: None, now: now.wall, signals: &signals, history };
    let asked = rules.demand_at_any_time(case);
    let demanding = if asked.observed { Vec::new() } else { asked.demanding };
    AccountDemands { mode: rules.mode_of(case), demanding }
}
