//! Enrolment in the login itself: where the first factor is known to be right, and policy lets the
//! user enrol.
//!
//! ```text
//!  offered ──e──▶ shown ──right code──▶ proven ──account phase──▶ a factor, and backup codes
//!     │             │ ?  shown again, for terminals without block characters
//!   Enter           │ the login ends: the next one asks for the code alone, or shows it again (e)
//!     ▼             ▼
//!  let through    nothing is bound; 15 minutes later nothing is left
//! ```
//!
//! The secret lies in the store from when it is shown, so that an app that has scanned it is right
//! in the next login too. Only the account phase makes a factor of it: it is called only where the
//! whole stack has passed.

use std::sync::Arc;

use mfa_proto::{
    answer::{Answer, Code},
    secret::Secret,
    step::Reason,
};

use super::{
    enrol,
    grace::{self, is_to_be_offered},
    judge::{Ready, context, decide_now, ready, refuse},
    question::{Login, Question, Target, Via},
    verdict::{Refusal, Ruling},
};
use crate::{
    account::{AccountId, FactorId, Origin, Pending, Ticket},
    audit::{Event, RecordedReason},
    factor::{FactorKind, Match, Totp, oath::SEED_BYTES},
    policy::{Decision, Leave, Rules, Standing, may_enrol},
    store::{Account, Records, Sound, StoreError},
    world::{Entropy, Moment, NoEntropy, random},
};

/// What the app calls a factor that was enrolled in a login.
const LABEL: &str = "phone";

/// Randomness for an enrolment, made before the transaction, which may run twice.
#[derive(Clone)]
pub(super) struct Fresh {
    factor: FactorId,
    seed: Arc<Secret<Vec<u8>>>,
}

impl Fresh {
    pub(super) fn new(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let seed = random::<SEED_BYTES>(entropy)?;
        Ok(Self { factor: FactorId(random(entropy)?), seed: Arc::new(Secret::new(seed.to_vec())) })
    }
}

/// An enrolment that is to be shown.
#[derive(Clone, Debug)]
pub(super) struct Showing {
    /// Whose: an account that was made for this is not the one that was asked about.
    pub(super) account: AccountId,
    pub(super) factor: FactorId,
    pub(super) kind: FactorKind,
    /// Absent where only the code is asked for.
    pub(super) seed: Option<Arc<Secret<Vec<u8>>>>,
    /// In characters that every terminal has.
    pub(super) ascii: bool,
    /// What is to be said first.
    pub(super) reason: Reason,
}

/// How a login begins for somebody without a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// With the ordinary question.
    Plain,
    /// With the offer to enrol, or to go on until that time.
    Offer(mfa_proto::identity::UnixTime),
    /// With the code of an enrolment that an earlier login showed.
    Resume(FactorId),
}

/// See [`Opening`].
pub(super) fn opening(
    sound: &mut Sound<'_>,
    rules: &Rules,
    login: &Login,
    target: &Target,
    (standing, account): (Standing, Option<&Account>),
    now: Moment,
) -> Result<Opening, StoreError> {
    if standing != Standing::NotEnrolled || !login.attested || login.via != Via::Login {
        return Ok(Opening::Plain);
    }
    if let Some(pending) = account.and_then(|account| shown(account, now)) {
        return Ok(Opening::Resume(pending.id));
    }
    let Some(uid) = target.uid() else { return Ok(Opening::Plain) };
    Ok(match grace::ends(sound, rules, Some(uid), now.wall)? {
        Some(ends) if is_to_be_offered(sound, uid, now.wall)? => Opening::Offer(ends),
        _ => Opening::Plain,
    })
}

/// The enrolment that a login showed, while it lasts.
fn shown(account: &Account, now: Moment) -> Option<&Pending> {
    let pending = account.state.pending.as_ref()?;
    (pending.origin == Origin::Login && enrol::is_open(pending, now.wall)).then_some(pending)
}

/// Begins an enrolment in the login of `question`, or shows again the one that was begun on the same
/// grounds.
pub(super) fn begin(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    mut account: Account,
    question: &Question,
    by: Option<Ticket>,
    fresh: &Fresh,
) -> Result<Ruling, StoreError> {
    let login = &question.login;
    let grace = grace::ends(&mut records.read(), rules, question.target.uid(), now.wall)?;
    let leave = match by {
        None => Leave::Wish,
        Some(Ticket::Invitation) => Leave::Invitation,
        Some(Ticket::Recovery) => Leave::Recovery,
    };
    let enrolled = account.state.is_enrolled() && by != Some(Ticket::Recovery);
    if enrolled || !login.attested || may_enrol(rules, leave, grace).is_none() {
        records.keep(&mut account)?;
        return refuse(records, Some(&account), login, Refusal::new(Reason::MayNotEnrol), 0);
    }
    let again = shown(&account, now).filter(|pending| pending.by == by).cloned();
    let (pending, seed) = match again {
        Some(pending) => {
            let factor = enrol::confirmed(pending.clone(), now.wall);
            let Some(seed) = records.read().seed(&account, &factor)? else {
                return refuse(records, Some(&account), login, Refusal::new(Reason::Altered), 0);
            };
            (pending, Arc::new(seed))
        }
        None => {
            let pending = Pending {
                id: fresh.factor,
                kind: FactorKind::Totp(Totp::default()),
                label: LABEL.to_owned(),
                seed: records.fingerprint(fresh.seed.expose()),
                began: now.wall,
                failures: 0,
                replaces: None,
                origin: Origin::Login,
                by,
            };
            enrol::put_pending(records, &mut account, pending.clone(), fresh.seed.expose())?;
            records.keep(&mut account)?;
            records.audit(Some(&account), Event::EnrollmentBegun, context(login))?;
            (pending, Arc::clone(&fresh.seed))
        }
    };
    let (account, factor, kind) = (account.id(), pending.id, pending.kind);
    let reason = Reason::Enrolling;
    Ok(Ruling::Enrolling(Showing { account, factor, kind, seed: Some(seed), ascii: false, reason }))
}

/// An answer to the offer: `e` begins, everything else goes on as policy allows.
pub(super) fn rule_offer(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    question: &Question,
    answer: &Answer,
    fresh: &Fresh,
) -> Result<Ruling, StoreError> {
    let login = &question.login;
    let Ready { account, standing } = match ready(records, now, question)? {
        Ok(ready) => ready,
        Err(ruling) => return Ok(ruling),
    };
    let uid = question.target.uid();
    if matches!(answer, Answer::Enrol) && standing == Standing::NotEnrolled {
        let account = match (question.target, uid) {
            (Target::Dummy { .. }, Some(uid)) => {
                // The first that is known of this user: a record of their own.
                records.create(AccountId(fresh.factor.0), uid, &login.subject)?
            }
            _ => account,
        };
        return begin(records, now, rules, account, question, None, fresh);
    }
    match decide_now(records, now, rules, question, standing)? {
        Decision::Waive(permitted, why) => {
            if let Some(uid) = uid {
                grace::see(records, uid, now.wall, true)?;
            }
            records.audit(Some(&account), Event::Waived { reason: RecordedReason(why) }, context(login))?;
            Ok(Ruling::Waived(permitted, why))
        }
        Decision::Ask(_) | Decision::AskAndRefuse => {
            refuse(records, Some(&account), login, Refusal::new(Reason::Expired), 0)
        }
    }
}

/// An answer to an enrolment that was shown.
pub(super) fn rule_shown(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    question: &Question,
    id: FactorId,
    answer: &Answer,
) -> Result<Ruling, StoreError> {
    let login = &question.login;
    let Ready { account, standing } = match ready(records, now, question)? {
        Ok(ready) => ready,
        Err(ruling) => return Ok(ruling),
    };
    let open = shown(&account, now).filter(|pending| pending.id == id && account.state.locked.is_none());
    let Some(pending) = open.cloned() else {
        return refuse(records, Some(&account), login, Refusal::new(Reason::Expired), 0);
    };
    match answer {
        Answer::Code(code) => confirm(records, now, rules, account, question, pending, code),
        Answer::Help | Answer::Enrol => {
            let factor = enrol::confirmed(pending.clone(), now.wall);
            let seed = records.read().seed(&account, &factor)?.map(Arc::new);
            let (account, ascii) = (account.id(), matches!(answer, Answer::Help));
            let (factor, kind, reason) = (pending.id, pending.kind, Reason::Enrolling);
            Ok(Ruling::Enrolling(Showing { account, factor, kind, seed, ascii, reason }))
        }
        Answer::Nothing if pending.by.is_none() => {
            match decide_now(records, now, rules, question, standing)? {
                Decision::Waive(permitted, why) => {
                    let event = Event::Waived { reason: RecordedReason(why) };
                    records.audit(Some(&account), event, context(login))?;
                    Ok(Ruling::Waived(permitted, why))
                }
                _ => refuse(records, Some(&account), login, Refusal::new(Reason::NoCode), 0),
            }
        }
        Answer::Nothing | Answer::OneTime(_) | Answer::Visible | Answer::NoCode => {
            refuse(records, Some(&account), login, Refusal::new(Reason::NoCode), 0)
        }
    }
}

/// The confirming code: spent at once, and the factor is bound only when the login is settled.
fn confirm(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    mut account: Account,
    question: &Question,
    pending: Pending,
    code: &Code,
) -> Result<Ruling, StoreError> {
    let login = &question.login;
    let factor = enrol::confirmed(pending.clone(), now.wall);
    let Some(seed) = records.read().seed(&account, &factor)? else {
        return refuse(records, Some(&account), login, Refusal::new(Reason::Altered), 0);
    };
    let grace = grace::ends(&mut records.read(), rules, question.target.uid(), now.wall)?;
    let leave = match pending.by {
        None => Leave::Wish,
        Some(Ticket::Invitation) => Leave::Invitation,
        Some(Ticket::Recovery) => Leave::Recovery,
    };
    let found = factor.kind.matches(seed.expose(), code, now.wall, account.state.history(&factor));
    let matched = match (found, may_enrol(rules, leave, grace)) {
        (Match::Fresh(matched), Some(permitted)) => Some((matched, permitted)),
        _ => None,
    };
    let Some((matched, permitted)) = matched else {
        return match enrol::count_wrong(records, &mut account, pending)? {
            true => refuse(records, Some(&account), login, Refusal::new(Reason::WrongCode), 0),
            false => refuse(records, Some(&account), login, Refusal::new(Reason::Expired), 0),
        };
    };
    account.state.spend(Some(factor.seed), matched, now.wall);
    records.keep(&mut account)?;
    let with = format!("a factor being enrolled, label {}", factor.label);
    records.audit(Some(&account), Event::Granted { attested: login.attested, with }, context(login))?;
    Ok(Ruling::Proven { matched, permitted, pending: true, enrols: Some(factor.id) })
}
