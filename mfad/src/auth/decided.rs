//! Policy, put to a login: what the store has of its account, and what is done by the rules in force.

use mfa_proto::identity::{UnixTime, UserName};

use super::{
    grace,
    question::{Login, Target, Via},
    remembering,
};
use crate::{
    account::{FactorId, Visit, Visits},
    policy::{
        Already, Asked, By, Case, Decision, Exemption, Grant, Groups, History, Mode, Rules, Signals,
        Standing, Weighed, decide, decide_unobserved,
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
    /// The time by which dates of the settings are over.
    pub(super) for_dates: UnixTime,
    /// What was granted to the user, by its place.
    pub(super) granted: Vec<Grant>,
}

impl Grounds {
    /// What a part of the rules, or something granted, is called.
    pub(super) fn name(&self, rules: &Rules, by: By) -> String {
        match by {
            By::Granted(at) => self.granted[at].name(),
            by => rules.name(by),
        }
    }
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
    pub(super) fn case(
        &self,
        uid: Option<u32>,
        now: Moment,
        for_dates: UnixTime,
        history: History,
    ) -> Case<'_> {
        let named = matches!(self.service.as_bytes(), b"su" | b"su-l" | b"sshd" | b"login");
        Case {
            subject: &self.subject,
            uid,
            service: Some(&self.service),
            target: named.then_some(&self.user), // sudo does not say whom one becomes
            now: now.wall,
            for_dates,
            signals: &self.signals,
            history,
        }
    }

    /// What it is remembered by once it is settled.
    pub(super) fn visit(&self, rules: &Rules) -> Visit {
        Visit::of(&self.signals, rules)
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
    let granted = match login.via {
        Via::Login | Via::Locker(_) => grants(sound, now, &login.subject, target.uid())?,
        Via::OwnChange(_) | Via::AdminChange => Vec::new(),
    };
    let exemptions: Vec<Exemption> = granted.iter().map(Grant::exemption).collect();
    let (history, for_dates) = (history(rules, account, login, now), sound.time_for_dates(&now)?);
    let asked = match login.via {
        Via::Login | Via::Locker(_) => {
            let sight = rules.sight(login.case(target.uid(), now, for_dates, history));
            let sight = if by_program { sight.by_program() } else { sight };
            rules.weigh_sight(&sight, &exemptions, tell)
        }
        Via::OwnChange(_) | Via::AdminChange => Asked::for_a_change(), // (S18)
    };
    let by = match asked.by {
        By::Granted(at) => granted[at].name(),
        by => rules.name(by),
    };
    let grace = match (standing, taken) {
        (Standing::NotEnrolled, None) => grace::ends(sound, rules, &asked.demanding, target.uid(), now)?,
        (Standing::NotEnrolled, Some(taking)) => {
            grace::would_end(sound, rules, &asked.demanding, target.uid(), now, taking)?
        }
        _ => None,
    };
    let already = already(sound, rules, account, login, now)?;
    let decision = decide(&asked, standing, grace, already);
    let because = if asked.observed {
        let would = decide_unobserved(&asked, standing, grace, already);
        format!("{by}: would {}", would.word())
    } else {
        by
    };
    Ok(Decided { decision, because, grounds: Grounds { asked, grace, already, history, for_dates, granted } })
}

/// What is asked of a login. `granted`: what its user was exempted from by the command line.
pub(super) fn asked(
    rules: &Rules,
    login: &Login,
    uid: Option<u32>,
    account: Option<&Account>,
    granted: &[Exemption],
    now: Moment,
) -> Asked {
    match login.via {
        Via::Login | Via::Locker(_) => {
            rules.demand(login.case(uid, now, now.wall, history(rules, account, login, now)), granted)
        }
        Via::OwnChange(_) | Via::AdminChange => Asked::for_a_change(), // (S18)
    }
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
    if matches!(login.via, Via::Login | Via::Locker(_)) {
        records.end_altered_grants()?;
    }
    let Decided { decision, because, .. } = decided(&mut records.read(), rules, login, target, of, now)?;
    records.because(because);
    Ok(decision)
}

/// What was granted to that user from the command line, and holds now.
pub(super) fn grants(
    sound: &mut Sound<'_>,
    now: Moment,
    user: &UserName,
    uid: Option<u32>,
) -> Result<Vec<Grant>, StoreError> {
    let (granted, ran_ms) = sound.granted(&now)?;
    let holds = |grant: &Grant| grant.is_of(user, uid) && !grant.is_over(now.wall, ran_ms);
    Ok(granted.all().into_iter().filter(holds).collect())
}

/// What the account's past says of this login.
pub(super) fn history(rules: &Rules, account: Option<&Account>, login: &Login, now: Moment) -> History {
    let none = Visits::default(); // who has no account was never seen
    let visits = account.map_or(&none, |account| &account.state.later.visits);
    visits.history(&login.visit(rules), rules.seen_within, now.wall)
}

/// What stands for a code.
fn already(
    sound: &mut Sound<'_>,
    rules: &Rules,
    account: Option<&Account>,
    login: &Login,
    now: Moment,
) -> Result<Already, StoreError> {
    let Some(account) = account else { return Ok(Already::Nothing) };
    if security_key(rules, account, login).is_some() {
        return Ok(Already::SecurityKey);
    }
    let stands = remembering::stands(sound, rules, account, login, now)?;
    Ok(if stands { Already::Remembered } else { Already::Nothing })
}

/// The enrolled security key that opened this login, where such keys count.
pub(super) fn security_key(rules: &Rules, account: &Account, login: &Login) -> Option<FactorId> {
    let allowed = rules.factors.allow("ssh_sk");
    account.state.ssh_key_among(&login.keys, rules.factors.ssh_key_pin).filter(|_| allowed)
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
    for_dates: UnixTime,
) -> AccountDemands {
    let signals = Signals { groups, ..Signals::default() };
    demands(rules, subject, uid, &signals, now, for_dates)
}

/// The same for the account of a login, whoever it is by what was typed and by what a source of names makes of it.
pub(super) fn demands_of(
    rules: &Rules,
    login: &Login,
    uid: Option<u32>,
    now: Moment,
    for_dates: UnixTime,
) -> AccountDemands {
    let Signals { groups, name, .. } = login.signals.clone();
    let signals = Signals { groups, name, ..Signals::default() };
    demands(rules, &login.subject, uid, &signals, now, for_dates)
}

fn demands(
    rules: &Rules,
    subject: &UserName,
    uid: Option<u32>,
    signals: &Signals,
    now: Moment,
    for_dates: UnixTime,
) -> AccountDemands {
    let (now, history) = (now.wall, History::default());
    let case = Case { subject, uid, service: None, target: None, now, for_dates, signals, history };
    // What was granted is over in some days, and lifts no demand: it only answers it for a while.
    let asked = rules.demand_at_any_time(case);
    let demanding = if asked.observed { Vec::new() } else { asked.demanding };
    AccountDemands { mode: rules.mode_of(case), demanding }
}
