//! How users stand to the policy, and what auditors read: what a rollout is led by.

use data_encoding::HEXLOWER;
use mfa_proto::{
    fault::Fault,
    identity::UserName,
    rollout::{ASKED_AT_ONCE, AuditEntry, InForce, Person as Standing},
};

use super::{
    Auth, Failure,
    administer::audit_row,
    decided::{account_demands, grants},
    grace, own,
};
use crate::{
    account::Factor,
    audit::{Act, Event, Record},
    factor::ssh_sk::Signed,
    policy::{Case, Effect, Exemption, Factors, Grant, Groups, History, Rule, Rules, Signals, Truth},
    store::{Account, Found, Sound, StoreError},
    world::{Moment, Person},
};

impl Auth {
    /// How these users stand to the policy. Who is no user of the host is left out.
    pub async fn coverage(&self, users: Vec<Vec<u8>>) -> Result<Vec<Standing>, Failure> {
        if users.len() > ASKED_AT_ONCE {
            let said = format!("{ASKED_AT_ONCE} users at most");
            return Err(Failure::new(Fault::InvalidArgument, said));
        }
        let (rules, now) = (self.rules()?, self.world().clock.now());
        let mut people = Vec::new();
        for user in users {
            if let Some(person) = self.world().names.by_name(&UserName::new(user.clone())).await? {
                people.push((user, self.groups(&rules, &person).await, person));
            }
        }
        let look = move |sound: &mut Sound<'_>| {
            people.into_iter().map(|person| standing(sound, &rules, person, now)).collect()
        };
        Ok(self.store.read(look).await?)
    }

    /// A page of the audit, each row with what programs ask of it.
    pub async fn audit_entries(&self, after: u64, most: u32) -> Result<Vec<AuditEntry>, Failure> {
        let most = most.clamp(1, mfa_proto::admin::PAGE);
        let records = self.store.read(move |sound| sound.audit(after, most)).await?;
        Ok(records.into_iter().map(entry).collect())
    }

    /// What is decided by.
    pub fn in_force(&self) -> InForce {
        InForce {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settings: self.policy.digest().map_or_else(String::new, |digest| HEXLOWER.encode(&digest)),
            mode: self.policy.get().map_or_else(String::new, |rules| rules.mode.word().to_owned()),
            time: self.world().clock.now().wall.0,
        }
    }
}

/// Somebody, by the policy and the store.
fn standing(
    sound: &mut Sound<'_>,
    rules: &Rules,
    (name, groups, person): (Vec<u8>, Option<Groups>, Person),
    now: Moment,
) -> Result<Standing, StoreError> {
    let subject = &person.name;
    let demands =
        account_demands(rules, subject, Some(person.uid), groups.clone(), now, sound.time_for_dates(&now)?);
    let mut told = Standing {
        name,
        uid: person.uid,
        mode: demands.mode.word().to_owned(),
        standing: "unclear".into(),
        ..Standing::default()
    };
    let account = match sound.find(person.uid, &[subject])? {
        Found::One(id) => match sound.account_of(id, person.uid, &[subject])? {
            Some(account) => Some(account),
            None => return Ok(told),
        },
        Found::Nobody => None,
        Found::Ambiguous | Found::Unproven => return Ok(told),
    };
    let mut has_app = false;
    if let Some(Account { state, .. }) = &account {
        let counting = state.factors.iter().filter(|factor| counts(&rules.factors, factor)).count();
        told.factors = u32::try_from(counting).unwrap_or(u32::MAX);
        let codes = state.backup.as_ref().filter(|_| rules.factors.allow("backup"));
        told.codes = own::codes(codes).left;
        told.locked = state.locked.is_some();
        // A security key opens ssh alone: who has nothing else is refused everywhere else.
        has_app = state.usable().any(|factor| counts(&rules.factors, factor));
    }
    let signals = Signals { groups, ..Signals::default() };
    let history = History::default();
    let uid = Some(person.uid);
    let (service, target, for_dates) = (None, None, sound.time_for_dates(&now)?);
    let case = Case { subject, uid, service, target, now: now.wall, for_dates, signals: &signals, history };
    let sight = rules.sight_at_any_time(case);
    // Of a login of which nothing is known but whose it is: what is surely about it is about all of them.
    let granted: Vec<Exemption> =
        grants(sound, now, subject, Some(person.uid))?.iter().map(Grant::exemption).collect();
    let exemptions = rules.exemptions.iter().chain(&granted).map(|exemption| exemption.holds(&sight));
    let skips = rules.rules.iter().filter(|rule| rule.then == Effect::Skip).map(|rule| rule.holds(&sight));
    let mut holds: Vec<Truth> = exemptions.chain(skips).collect();
    holds.retain(|truth| *truth != Truth::No);
    // A rule that asks wins over whatever exempts; where the mode only observes, it will.
    let asks = |rule: &Rule| matches!(rule.then, Effect::Ask | Effect::AskFresh);
    let asked_by_rule = rules.rules.iter().any(|rule| asks(rule) && rule.then.is_taken(rule.holds(&sight)));
    let is_service = rules.service_accounts.holds(&sight) == Truth::Yes;
    told.exempt_somewhere = !holds.is_empty() || is_service && asked_by_rule;
    told.standing = if has_app {
        "enrolled"
    } else if holds.contains(&Truth::Yes) && !asked_by_rule {
        "exempt"
    } else if account.is_some_and(|account| account.state.is_enrolled()) {
        "unusable" // asked for what is not taken, a service account too
    } else if is_service && !asked_by_rule {
        "service_account"
    } else {
        told.grace_ends = grace::ends(sound, rules, &demands.demanding, uid, now)?.map_or(0, |ends| ends.0);
        "not_enrolled"
    }
    .into();
    Ok(told)
}

/// Whether that factor opens anything here, as far as it can be told before it is used.
fn counts(factors: &Factors, factor: &Factor) -> bool {
    let has_pin = |key: &Signed| key.pin || !factors.ssh_key_pin;
    let key = factor.kind.ssh_sk().map(|key| key.signed().is_some_and(has_pin));
    factors.allow(factor.kind.word()) && !factor.is_disabled() && key.unwrap_or(true)
}

fn entry(record: Record) -> AuditEntry {
    let event = &record.event;
    let act = event.act().cloned().unwrap_or(Act {
        by: String::new(),
        reason: String::new(),
        break_glass: String::new(),
    });
    let refusals = match event {
        Event::Refused { collapsed, .. } => collapsed.saturating_add(1),
        _ => 0,
    };
    let (verified_by, ticket) = match event {
        Event::RecoveryGiven { verified_by, ticket, .. } => (verified_by.clone(), ticket.clone()),
        _ => Default::default(),
    };
    let (what, only, until) = match event {
        Event::Exempted { id, only, until, .. } => (id.clone(), only.clone(), until.0),
        Event::ExemptionEnded { id, .. } => (id.clone(), String::new(), 0),
        Event::Redeemed { what } => (what.clone(), String::new(), 0),
        _ => Default::default(),
    };
    let Act { by, reason, break_glass } = act;
    let alarm = event.alarms();
    let plain = super::administer::printable;
    AuditEntry {
        row: audit_row(record),
        alarm,
        refusals,
        by: plain(&by),
        reason: plain(&reason),
        break_glass: plain(&break_glass),
        verified_by: plain(&verified_by),
        ticket: plain(&ticket),
        what: plain(&what),
        only: plain(&only),
        until,
    }
}
