//! Enrolment in the login itself: where the first factor is known to be right, and policy lets the
//! user enrol.
//!
//! ```text
//!  offered ──e──▶ shown ──right code──▶ proven ──account phase──▶ a factor, and backup codes
//!     │             │ ?  shown again, for terminals without block characters
//!   Enter           │ the login ends
//!     ▼             ▼
//!  let through    resumed in the next one: asks for the code alone; e begins anew
//! ```
//!
//! The secret lies in the store from when it is shown, so that an app that has scanned it is right
//! in the next login too; but no other login shows it again, or who knows the password would read
//! what somebody else is about to confirm. Only the account phase makes a factor of it: it is called
//! only where the whole stack has passed.

use std::sync::Arc;

use mfa_proto::{
    answer::{Answer, Code},
    secret::Secret,
    step::Reason,
};

use super::{
    decided::{AccountDemands, decided_now, demands_of},
    grace::{self, is_to_be_offered},
    judge::{Ready, context, decide_now, ready, refuse, refuse_uncounted},
    news, pending,
    question::{Login, Question, Stage, Target, Via},
    verdict::{Binds, Refusal, Ruling},
};
use crate::{
    account::{AccountId, FactorId, Origin, Pending, Shape, Voucher},
    audit::{Event, RecordedReason},
    factor::{FactorKind, Match, Totp, oath::SEED_BYTES},
    policy::{Decision, Leave, Permitted, Rules, Standing, may_enrol},
    store::{Account, Records, Sound, StoreError},
    world::{Entropy, Moment, NoEntropy, random},
};

/// What the app calls a factor that was enrolled in a login.
const LABEL: &str = "phone";
/// The kind of it.
const KIND: &str = "totp";

/// Randomness for an enrolment, made before the transaction, which may run twice.
#[derive(Clone)]
pub(super) struct NewSeed {
    account: AccountId,
    factor: FactorId,
    seed: Arc<Secret<Vec<u8>>>,
}

impl NewSeed {
    pub(super) fn new(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let seed = random::<SEED_BYTES>(entropy)?;
        Ok(Self {
            account: AccountId(random(entropy)?),
            factor: FactorId(random(entropy)?),
            seed: Arc::new(Secret::new(seed.to_vec())),
        })
    }
}

/// An enrolment that is to be shown, in the dialogue that began it.
#[derive(Clone, Debug)]
pub(super) struct Showing {
    /// Whose: an account that was made for this is not the one that was asked about.
    pub(super) account: AccountId,
    pub(super) factor: FactorId,
    pub(super) kind: FactorKind,
    pub(super) seed: Arc<Secret<Vec<u8>>>,
    /// In characters that every terminal has.
    pub(super) ascii: bool,
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
    let person = target.uid().is_some_and(news::is_person);
    if standing != Standing::NotEnrolled || !login.attested || login.via != Via::Login || !person {
        return Ok(Opening::Plain);
    }
    if let Some(pending) = account.and_then(|account| shown(account, now)) {
        return Ok(Opening::Resume(pending.id));
    }
    let Some(uid) = target.uid() else { return Ok(Opening::Plain) };
    let demands = demands(sound, rules, login, target, now)?;
    Ok(match grace::ends(sound, rules, &demands.demanding, Some(uid), now)? {
        Some(ends) if rules.factors.allow(KIND) && is_to_be_offered(sound, uid, now.wall)? => {
            Opening::Offer(ends)
        }
        _ => Opening::Plain,
    })
}

/// What is asked of the account that a login is about.
pub(super) fn demands(
    sound: &mut Sound<'_>,
    rules: &Rules,
    login: &Login,
    target: &Target,
    now: Moment,
) -> Result<AccountDemands, StoreError> {
    Ok(demands_of(rules, login, target.uid(), now, sound.time_for_dates(&now)?))
}

/// The enrolment that a login showed, while it lasts.
fn shown(account: &Account, now: Moment) -> Option<&Pending> {
    let pending = account.state.pending.as_ref()?;
    (pending.origin == Origin::Login && pending::is_open(pending, now.wall)).then_some(pending)
}

/// On what an enrolment rests.
fn leave(by: Option<Voucher>) -> Leave {
    match by {
        None => Leave::Wish,
        Some(Voucher::Invitation) => Leave::Invitation,
        Some(Voucher::Recovery) => Leave::Recovery,
    }
}

/// Begins an enrolment in the login of `question`, in place of an earlier one.
pub(super) fn begin(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    mut account: Account,
    question: &Question,
    by: Option<Voucher>,
    new: &NewSeed,
) -> Result<Ruling, StoreError> {
    let login = &question.login;
    let permitted = permitted(records, now, rules, question, &account, by)?;
    let enrolled = account.state.is_enrolled() && by != Some(Voucher::Recovery);
    if enrolled || !login.attested || permitted.is_none() {
        return refuse_uncounted(records, now.wall, account, login, Refusal::new(Reason::MayNotEnrol));
    }
    let kind = FactorKind::Totp(Totp::default());
    let pending = Pending {
        id: new.factor,
        kind: kind.clone(),
        label: LABEL.to_owned(),
        seed: records.fingerprint(new.seed.expose()),
        began: now.wall,
        failures: 0,
        replaces: None,
        origin: Origin::Login,
        by,
        proven: false,
    };
    pending::put(records, &mut account, pending, new.seed.expose())?;
    records.keep(&mut account)?;
    records.audit(Some(&account), Event::EnrollmentBegun, context(login))?;
    let (account, factor, seed) = (account.id(), new.factor, Arc::clone(&new.seed));
    Ok(Ruling::Enrolling(Showing { account, factor, kind, seed, ascii: false }))
}

/// Whether a first factor may be enrolled in this login: not in one that a rule lets nobody in by.
fn permitted(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    question: &Question,
    account: &Account,
    by: Option<Voucher>,
) -> Result<Option<Permitted>, StoreError> {
    let Question { login, target, .. } = question;
    if !rules.factors.allow(KIND) {
        return Ok(None);
    }
    let of = (Standing::NotEnrolled, Some(account));
    if decided_now(records, rules, login, target, of, now)? == Decision::Deny {
        return Ok(None);
    }
    let demands = demands(&mut records.read(), rules, login, target, now)?;
    let grace = grace::ends(&mut records.read(), rules, &demands.demanding, target.uid(), now)?;
    Ok(may_enrol(rules, demands.is_any(), leave(by), grace))
}

/// An answer to the offer: `e` begins, everything else goes on as policy allows.
pub(super) fn rule_offer(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    question: &Question,
    answer: &Answer,
    new: &NewSeed,
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
                records.create(new.account, uid, &login.subject)?
            }
            _ => account,
        };
        return begin(records, now, rules, account, question, None, new);
    }
    let ready = Ready { account, standing };
    let decision = decide_now(records, now, rules, question, &ready)?;
    let account = ready.account;
    match decision {
        Decision::Waive(permitted, why) => {
            records.audit(Some(&account), Event::Waived { reason: RecordedReason(why) }, context(login))?;
            Ok(Ruling::Waived(permitted, why))
        }
        Decision::Ask(_) | Decision::AskAndRefuse | Decision::Deny => {
            refuse_uncounted(records, now.wall, account, login, Refusal::new(Reason::Expired))
        }
    }
}

/// An answer to an enrolment that was shown: in this dialogue, or in an earlier login.
pub(super) fn rule_shown(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    question: &Question,
    answer: &Answer,
    new: &NewSeed,
) -> Result<Ruling, StoreError> {
    let login = &question.login;
    let (id, here) = match question.stage {
        Stage::Shown(id) => (Some(id), true),
        Stage::Resumed(id) => (Some(id), false),
        Stage::Code | Stage::Offer => (None, false),
    };
    let Ready { account, standing } = match ready(records, now, question)? {
        Ok(ready) => ready,
        Err(ruling) => return Ok(ruling),
    };
    let open = shown(&account, now).filter(|pending| Some(pending.id) == id);
    let open = open.filter(|pending| pending::still_allowed(&account, pending));
    let Some(pending) = open.cloned() else {
        return refuse_uncounted(records, now.wall, account, login, Refusal::new(Reason::Expired));
    };
    match answer {
        Answer::Code(code) => confirm(records, now, rules, account, question, pending, code),
        Answer::Help | Answer::Enrol if here => {
            let factor = pending::confirmed(pending.clone(), now.wall);
            let Some(seed) = records.read().seed(&account, &factor)?.map(Arc::new) else {
                return refuse(records, Some(&account), login, Refusal::new(Reason::Altered), 0);
            };
            let (account, factor, kind) = (account.id(), pending.id, pending.kind);
            let ascii = matches!(answer, Answer::Help);
            Ok(Ruling::Enrolling(Showing { account, factor, kind, seed, ascii }))
        }
        Answer::Enrol if pending.by.is_none() => begin(records, now, rules, account, question, None, new),
        // Who wished to enrol need not: as far as policy lets them.
        Answer::Nothing | Answer::NoCode if pending.by.is_none() => {
            let ready = Ready { account, standing };
            let decision = decide_now(records, now, rules, question, &ready)?;
            let account = ready.account;
            match decision {
                Decision::Waive(permitted, why) => {
                    let event = Event::Waived { reason: RecordedReason(why) };
                    records.audit(Some(&account), event, context(login))?;
                    Ok(Ruling::Waived(permitted, why))
                }
                _ => refuse_uncounted(records, now.wall, account, login, Refusal::new(Reason::NoCode)),
            }
        }
        _ => refuse_uncounted(records, now.wall, account, login, Refusal::new(Reason::NoCode)),
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
    let factor = pending::confirmed(pending.clone(), now.wall);
    let Some(seed) = records.read().seed(&account, &factor)? else {
        return refuse(records, Some(&account), login, Refusal::new(Reason::Altered), 0);
    };
    let permitted = permitted(records, now, rules, question, &account, pending.by)?;
    let found = factor.kind.matches(seed.expose(), code, now.wall, account.state.history(&factor));
    let matched = match (found, permitted) {
        (Match::Fresh(matched), Some(permitted)) => Some((matched, permitted)),
        _ => None,
    };
    let Some((matched, permitted)) = matched else {
        let open = pending::count_wrong(records, &mut account, pending)?;
        let reason = if open { Reason::WrongCode } else { Reason::Expired };
        return refuse(records, Some(&account), login, Refusal::new(reason), 0);
    };
    account.state.spend(Some(factor.seed), matched, now.wall);
    records.keep(&mut account)?;
    let with = format!("a factor being enrolled, label {}", factor.label);
    records.audit(Some(&account), Event::Granted { attested: login.attested, with }, context(login))?;
    let binds = Binds {
        shape: Shape::Numeric,
        enrols: Some(factor.id),
        backup_used: None,
        heard: question.so_far.heard,
        factor: Some(factor.id),
        forgets: None, // with the factors all is forgotten anyhow
    };
    Ok(Ruling::Proven { matched, permitted, pending: true, binds })
}
