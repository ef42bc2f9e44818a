//! One answer, judged in one transaction: the nonce first, then the limit, then the match. What it
//! decides is a ruling, and becomes a verdict by being committed.

use mfa_proto::{
    answer::{Answer, Code},
    identity::UnixTime,
    step::Reason,
};

use super::{
    question::{Login, NoAccount, Question, Target, Token, Via},
    verdict::{Refusal, Ruling},
};
use crate::{
    account::Factor,
    audit::{Event, RecordedReason},
    factor::{FactorKind, Match, Matched, TimeStep, Totp},
    limits::Limited,
    policy::{Decision, Mode, Permitted, Standing, decide},
    store::{Account, Context, Records, StoreError},
    world::Moment,
};

/// How far a code's time may be ahead of what the stored clocks allow, in seconds.
const CLOCK_SLACK: u64 = 86_400;
/// Refusals of a door that has no tries left are recorded once in so many seconds.
const COLLAPSE: u64 = 60;
/// Matched against where there is no factor, so that the work is the same.
const NO_SEED: [u8; 20] = [0; 20];

pub(super) fn standing(target: &Target, account: Option<&Account>) -> Standing {
    match (target, account) {
        (Target::Account { .. }, Some(account)) if account.state.is_enrolled() => Standing::Enrolled,
        (Target::Account { .. }, Some(_)) => Standing::NotEnrolled,
        (Target::Account { .. }, None) => Standing::Unclear,
        (Target::Dummy { why, .. }, _) => match why {
            NoAccount::Unknown => Standing::Unknown,
            NoAccount::NotEnrolled => Standing::NotEnrolled,
            NoAccount::Ambiguous | NoAccount::Unproven | NoAccount::NoCaller => Standing::Unclear,
        },
    }
}

pub(super) fn context(login: &Login) -> Context<'_> {
    Context {
        user: &login.user,
        subject: Some(&login.subject),
        service: Some(&login.service),
        door: Some(&login.door),
    }
}

/// Records a refusal and gives its ruling.
pub(super) fn refuse(
    records: &mut Records<'_>,
    account: Option<&Account>,
    login: &Login,
    refusal: Refusal,
    collapsed: u32,
) -> Result<Ruling, StoreError> {
    let (reason, attested) = (RecordedReason(refusal.reason), login.attested);
    records.audit(account, Event::Refused { reason, attested, collapsed }, context(login))?;
    Ok(Ruling::Refused(refusal))
}

/// One answer, judged in one transaction. The nonce first, then the limit, then the match.
pub(super) fn rule(
    records: &mut Records<'_>,
    now: Moment,
    mode: Mode,
    question: &Question,
    answer: &Answer,
) -> Result<Ruling, StoreError> {
    let login = &question.login;
    let fresh = records.txn().spend(&question.nonce, &question.asked.boot, question.until_ms())?;
    records.forget_spent_tokens()?;
    let account = match question.target {
        Target::Account { id, uid } => records.read().account_of(id, uid, &[&login.subject])?,
        Target::Dummy { id, .. } => Some(records.dummy(id)?),
    };
    if !fresh || !question.is_good(&now) {
        return refuse(records, account.as_ref(), login, Refusal::new(Reason::Expired), 0);
    }
    let standing = standing(&question.target, account.as_ref());
    let Some(account) = account else {
        return refuse(records, None, login, Refusal::new(Reason::Altered), 0);
    };
    let code = match answer {
        Answer::Code(code) => code,
        Answer::Help => return Ok(Ruling::Refused(Refusal::new(Reason::Help))),
        Answer::Visible => return Ok(Ruling::Refused(Refusal::new(Reason::Visible))),
        Answer::OneTime(_) | Answer::Enrol | Answer::Nothing | Answer::NoCode => {
            return refuse(records, Some(&account), login, Refusal::new(Reason::NoCode), 0);
        }
    };
    let permitted = match decide(mode, standing) {
        Decision::Ask(permitted) => Some(permitted),
        Decision::AskAndRefuse => None,
        Decision::Waive(permitted, why) => {
            let event = Event::Waived { reason: RecordedReason(why) };
            records.audit(Some(&account), event, context(login))?;
            return Ok(Ruling::Waived(permitted, why));
        }
    };
    judge(records, now, account, login, code, permitted, &question.target)
}

fn judge(
    records: &mut Records<'_>,
    now: Moment,
    mut account: Account,
    login: &Login,
    code: &Code,
    permitted: Option<Permitted>,
    target: &Target,
) -> Result<Ruling, StoreError> {
    let admitted = match account.state.admit(&login.door, now.wall) {
        Ok(admitted) => admitted,
        Err(limited) => return limit(records, now.wall, account, login, limited),
    };
    let Some(found) = matching(records, &account, code, now.wall)? else {
        records.keep(&mut account)?;
        return refuse(records, Some(&account), login, Refusal::new(Reason::Altered), 0);
    };
    let reason = match (found, permitted) {
        ((Match::Fresh(matched), Some(at)), Some(permitted)) => {
            if clock_allows(records, now, &account, at, matched.step()) {
                return grant(records, now, account, login, at, matched, permitted);
            }
            Reason::Clock // neither stored nor counted: the clock is at fault, not the user
        }
        ((Match::Spent, _), Some(_)) => Reason::Spent, // costs no try
        _ => {
            account.state.fail(admitted, &login.door, login.attested, now.wall);
            why_not(&account, target)
        }
    };
    records.keep(&mut account)?;
    refuse(records, Some(&account), login, Refusal::new(reason), 0)
}

/// The best match over the usable factors, with the factor's place; `None` when a seed does not
/// open. Every candidate is compared.
fn matching(
    records: &mut Records<'_>,
    account: &Account,
    code: &Code,
    now: UnixTime,
) -> Result<Option<(Match, Option<usize>)>, StoreError> {
    let mut best = (Match::No, None);
    if !account.state.is_enrolled() {
        let kind = FactorKind::Totp(Totp::default());
        std::hint::black_box(kind.matches(&NO_SEED, code, now, None));
    }
    for factor in account.state.usable() {
        let Some(seed) = records.read().seed(account, factor)? else { return Ok(None) };
        let found = factor.kind.matches(seed.expose(), code, now, account.state.mark(factor.seed));
        let at = account.state.factors.iter().position(|other| other.id == factor.id);
        best = match (best.0, found) {
            (Match::No, Match::Spent | Match::Fresh(_)) | (Match::Spent, Match::Fresh(_)) => (found, at),
            _ => best,
        };
    }
    Ok(Some(best))
}

/// Whether the step's time is at most a day ahead of what the stored clocks allow. Over a reboot
/// they allow anything.
fn clock_allows(records: &Records<'_>, now: Moment, account: &Account, at: usize, step: TimeStep) -> bool {
    let Some(before) = records.clock_before() else { return true };
    let Some(gone_ms) = now.boot_ms_since(&before) else { return true };
    let FactorKind::Totp(totp) = &account.state.factors[at].kind;
    totp.begins(step) <= before.wall.plus(gone_ms / 1000).plus(CLOCK_SLACK)
}

fn grant(
    records: &mut Records<'_>,
    now: Moment,
    mut account: Account,
    login: &Login,
    at: usize,
    matched: Matched,
    permitted: Permitted,
) -> Result<Ruling, StoreError> {
    let seed = account.state.factors[at].seed;
    account.state.spend(seed, matched);
    account.state.factors[at].last_used = Some(now.wall);
    let binds = login.via == Via::Login;
    if binds && login.attested {
        account.state.settle(&login.door, now.wall);
    }
    let pending = binds && account.state.settling_matters(&login.door, now.wall);
    records.keep(&mut account)?;
    records.audit(Some(&account), Event::Granted { attested: login.attested }, context(login))?;
    Ok(Ruling::Proven { matched, permitted, pending })
}

/// A try that is not judged: refused, and recorded once a minute.
fn limit(
    records: &mut Records<'_>,
    now: UnixTime,
    mut account: Account,
    login: &Login,
    limited: Limited,
) -> Result<Ruling, StoreError> {
    let refusal = match limited {
        Limited::Wait(seconds) => Refusal { reason: Reason::Limited, seconds },
        Limited::Closed => Refusal::new(Reason::DoorClosed),
    };
    let state = account.state.door(&login.door, now);
    let (recorded, collapsed) = state.collapsed;
    let quiet = now >= recorded && now.since(recorded) < COLLAPSE;
    state.collapsed = if quiet { (recorded, collapsed.saturating_add(1)) } else { (now, 0) };
    records.keep(&mut account)?;
    if quiet {
        return Ok(Ruling::Refused(refusal));
    }
    refuse(records, Some(&account), login, refusal, collapsed)
}

fn why_not(account: &Account, target: &Target) -> Reason {
    match target {
        Target::Account { .. } if !account.state.is_enrolled() => Reason::NotEnrolled,
        Target::Account { .. } if account.state.factors.iter().all(Factor::is_disabled) => Reason::Disabled,
        Target::Account { .. } => Reason::WrongCode,
        Target::Dummy { why, .. } => match why {
            NoAccount::Unknown => Reason::UnknownUser,
            NoAccount::NotEnrolled => Reason::NotEnrolled,
            NoAccount::Ambiguous => Reason::Ambiguous,
            NoAccount::Unproven => Reason::Altered,
            NoAccount::NoCaller => Reason::NoCaller,
        },
    }
}
