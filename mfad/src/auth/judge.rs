//! One answer, judged in one transaction: the nonce first, then the limit, then the match. What it
//! decides is a ruling, and becomes a verdict by being committed.

use mfa_proto::{
    answer::{Answer, Code},
    identity::UnixTime,
    step::Reason,
};

use super::{
    decided::decided_now,
    news,
    question::{Login, NoAccount, Question, Target, Token, Via},
    remembering,
    verdict::{Binds, Refusal, Ruling},
};
use crate::{
    account::{Factor, SeedPrint, Shape},
    audit::{Event, RecordedReason},
    factor::{FactorKind, History, Match, Matched, MovingFactor, Totp},
    limits::Limited,
    policy::{Decision, Permitted, Rules, Standing},
    store::{Account, Context, Found, Records, StoreError},
    world::Moment,
};

/// How far a code's time may be ahead of what the stored clocks allow, in seconds.
const CLOCK_SLACK: u64 = 86_400;
/// Matched against where there is no factor, so that the work is the same.
const NO_SEED: [u8; 20] = [0; 20];

pub(super) fn standing(target: &Target, account: Option<&Account>) -> Standing {
    match (target, account) {
        (Target::Account { .. }, Some(account)) if account.state.locked.is_some() => Standing::Locked,
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
        signals: Some(&login.signals),
        keys: &login.keys,
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

/// A refusal that costs no try: kept, and recorded once a minute for its door and reason.
pub(super) fn refuse_uncounted(
    records: &mut Records<'_>,
    now: UnixTime,
    mut account: Account,
    login: &Login,
    refusal: Refusal,
) -> Result<Ruling, StoreError> {
    let more = account.state.later.refusals.one_more(&login.door, refusal.reason, now);
    records.keep(&mut account)?;
    match more {
        Some(more) => refuse(records, Some(&account), login, refusal, more),
        None => Ok(Ruling::Refused(refusal)),
    }
}

/// The same where the account may be one whose record does not verify: nothing can be counted in that.
pub(super) fn refuse_unread(
    records: &mut Records<'_>,
    now: UnixTime,
    account: Option<Account>,
    login: &Login,
    refusal: Refusal,
) -> Result<Ruling, StoreError> {
    match account {
        Some(account) => refuse_uncounted(records, now, account, login, refusal),
        None => refuse(records, None, login, refusal, 0),
    }
}

/// The record that a login is about: an account's, `None` where it does not verify, or one of those that stand for nobody.
pub(super) fn record_of(
    records: &mut Records<'_>,
    target: Target,
    login: &Login,
) -> Result<Option<Account>, StoreError> {
    match target {
        Target::Account { id, uid } => records.read().account_of(id, uid, &[&login.subject]),
        Target::Dummy { id, .. } => records.dummy(id).map(Some),
    }
}

/// A question that may be answered now, and whose account was read.
pub(super) struct Ready {
    pub(super) account: Account,
    pub(super) standing: Standing,
}

/// What every answer begins with: its question is answered once, in its time, and the account is
/// sound. `Err` is the ruling where it is not.
pub(super) fn ready(
    records: &mut Records<'_>,
    now: Moment,
    question: &Question,
) -> Result<Result<Ready, Ruling>, StoreError> {
    let login = &question.login;
    let fresh = records.txn().spend(&question.nonce, &question.asked.boot, question.until_ms())?;
    records.forget_spent_tokens()?;
    let account = record_of(records, question.target, login)?;
    let refused = |records: &mut Records<'_>, account, reason| {
        refuse_unread(records, now.wall, account, login, Refusal::new(reason)).map(Err)
    };
    if !fresh || !question.is_good(&now) {
        return refused(records, account, Reason::Expired);
    }
    let standing = standing(&question.target, account.as_ref());
    // Somebody who had no account may have one by now: what was true when asked is true no more.
    if let Target::Dummy { uid: Some(uid), why: NoAccount::NotEnrolled, .. } = question.target {
        let reason = match records.read().find(uid, &[&login.subject])? {
            Found::Nobody => None,
            Found::One(_) => Some(Reason::Expired),
            Found::Ambiguous | Found::Unproven => Some(Reason::Altered),
        };
        if let Some(reason) = reason {
            return refused(records, account, reason);
        }
    }
    match account {
        Some(mut account) => {
            if records.clock_is_steady() {
                account.state.doors.have_begun_by(now.wall);
            }
            Ok(Ok(Ready { account, standing }))
        }
        None => refused(records, None, Reason::Altered),
    }
}

/// What policy says of the login of a question now.
pub(super) fn decide_now(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    question: &Question,
    Ready { account, standing }: &Ready,
) -> Result<Decision, StoreError> {
    let Question { login, target, .. } = question;
    decided_now(records, rules, login, target, (*standing, Some(account)), now)
}

/// An answer to the ordinary question that is no one-time code.
pub(super) fn rule(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    question: &Question,
    answer: &Answer,
) -> Result<Ruling, StoreError> {
    let login = &question.login;
    let ready = match ready(records, now, question)? {
        Ok(ready) => ready,
        Err(ruling) => return Ok(ruling),
    };
    let decision = decide_now(records, now, rules, question, &ready)?;
    let account = ready.account;
    let code = match answer {
        Answer::Code(code) => code,
        Answer::Help => return Ok(Ruling::Refused(Refusal::new(Reason::Help))),
        Answer::Visible => return Ok(Ruling::Refused(Refusal::new(Reason::Visible))),
        Answer::OneTime(_) | Answer::Enrol | Answer::Nothing | Answer::NoCode => {
            return refuse_uncounted(records, now.wall, account, login, Refusal::new(Reason::NoCode));
        }
    };
    let permitted = match decision {
        Decision::Ask(permitted) => Some(permitted),
        Decision::AskAndRefuse => None,
        Decision::Deny => return deny(records, now.wall, account, login),
        Decision::Waive(permitted, why) => {
            let event = Event::Waived { reason: RecordedReason(why) };
            records.audit(Some(&account), event, context(login))?;
            return Ok(Ruling::Waived(permitted, why));
        }
    };
    judge(records, now, rules, account, question, code, permitted)
}

fn judge(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    mut account: Account,
    question: &Question,
    code: &Code,
    permitted: Option<Permitted>,
) -> Result<Ruling, StoreError> {
    let login = &question.login;
    let admitted = match account.state.doors.admit(&login.door, Shape::Numeric, now.wall) {
        Ok(admitted) => admitted,
        Err(limited) => return limit(records, now.wall, account, login, limited),
    };
    let Some(found) = matching(records, rules, &account, code, now.wall)? else {
        return refuse_uncounted(records, now.wall, account, login, Refusal::new(Reason::Altered));
    };
    // What the host does not take is compared all the same, so that its owner can be told why it opens nothing.
    let allowed = found.is_allowed(rules, &account);
    let permitted = permitted.filter(|_| account.state.locked.is_none() && allowed);
    let mut heard = false;
    let reason = match (found.best, permitted) {
        (Match::Fresh(matched), Some(permitted)) => {
            if clock_allows(records, &account, found.at, matched) {
                return grant(records, now, rules, account, question, (found.at, matched), permitted);
            }
            Reason::Clock // neither stored nor counted: the clock is at fault, not the user
        }
        (Match::Spent, Some(_)) => Reason::Spent, // costs no try
        (best, _) => {
            heard = account.state.news.next == question.so_far.heard;
            account.state.fail(admitted, &login.door, login.attested, now.wall, question.so_far.heard);
            match (best, found.at, permitted) {
                (Match::Ahead(counter), Some(at), Some(_)) => {
                    account.state.factors[at].ahead = Some(counter);
                    Reason::Ahead
                }
                (best, ..) if !allowed && best != Match::No => Reason::KindNotAllowed,
                _ => why_not(rules, &account, &question.target),
            }
        }
    };
    let seconds = match (reason, found.at) {
        (Reason::Spent, Some(at)) => account.state.factors[at].kind.seconds_left(now.wall),
        _ => 0,
    };
    let refusal = Refusal { reason, seconds, heard };
    if matches!(reason, Reason::Spent | Reason::Clock) {
        return refuse_uncounted(records, now.wall, account, login, refusal);
    }
    records.keep(&mut account)?;
    refuse(records, Some(&account), login, refusal, 0)
}

/// An answer where a rule lets nobody in: not judged, so that nobody learns by it which codes are right. It counts for
/// the door alone, so that who goes on is recorded once a minute.
fn deny(
    records: &mut Records<'_>,
    now: UnixTime,
    mut account: Account,
    login: &Login,
) -> Result<Ruling, StoreError> {
    match account.state.doors.admit(&login.door, Shape::Numeric, now) {
        Err(limited) => limit(records, now, account, login, limited),
        Ok(admitted) => {
            account.state.doors.fail(admitted, &login.door, now);
            records.keep(&mut account)?;
            refuse(records, Some(&account), login, Refusal::new(Reason::Denied), 0)
        }
    }
}

/// The best match, and the place of its factor; a foreign backup code has none.
struct Best {
    best: Match,
    at: Option<usize>,
}

impl Best {
    /// Whether the host takes what matched best.
    fn is_allowed(&self, rules: &Rules, account: &Account) -> bool {
        let kind = self.at.map_or("backup", |at| account.state.factors[at].kind.word());
        self.best == Match::No || rules.factors.allow(kind)
    }
}

/// The best match over the usable factors, those first that the host takes; `None` when a seed does not open.
/// Every candidate is compared.
fn matching(
    records: &mut Records<'_>,
    rules: &Rules,
    account: &Account,
    code: &Code,
    now: UnixTime,
) -> Result<Option<Best>, StoreError> {
    let mut found = Best { best: Match::No, at: None };
    if !account.state.is_enrolled() {
        let kind = FactorKind::Totp(Totp::default());
        std::hint::black_box(kind.matches(&NO_SEED, code, now, History::default()));
    }
    let mut usable: Vec<&Factor> = account.state.usable().collect();
    usable.sort_by_key(|factor| !rules.factors.allow(factor.kind.word()));
    for factor in usable {
        let Some(seed) = records.read().seed(account, factor)? else { return Ok(None) };
        let this = factor.kind.matches(seed.expose(), code, now, account.state.history(factor));
        if found.best.better(this) != found.best {
            let at = account.state.factors.iter().position(|other| other.id == factor.id);
            found = Best { best: this, at };
        }
    }
    if let Some(backup) = account.state.backup.as_ref().filter(|backup| backup.has_foreign()) {
        let this = backup.judge_foreign(&records.foreign_tag(account, code.digits()));
        if found.best.better(this) != found.best {
            found = Best { best: this, at: None };
        }
    }
    Ok(Some(found))
}

/// Whether the step's time is at most a day ahead of what the clock that is trusted allows.
fn clock_allows(records: &Records<'_>, account: &Account, at: Option<usize>, matched: Matched) -> bool {
    let Some(trusted) = records.trusted_now() else { return true };
    let (Some(at), Some(moving)) = (at, matched.moving_factor()) else { return true };
    let begins = account.state.factors[at].kind.begins(moving);
    begins.is_none_or(|begins| begins <= trusted.plus(CLOCK_SLACK))
}

/// Grants: marks what matched as accepted, binds what may be bound now, and records it.
pub(super) fn grant(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    mut account: Account,
    question: &Question,
    (at, matched): (Option<usize>, Matched),
    permitted: Permitted,
) -> Result<Ruling, StoreError> {
    let Question { login, so_far, .. } = question;
    let (visit, forgets) = (login.visit(rules), remembering::forgets(rules, &account, login, now));
    let news = news::of(&account.state, &rules.factors, login, now.wall).is_some();
    let seed: Option<SeedPrint> = at.map(|at| account.state.factors[at].seed);
    if !account.state.spend(seed, matched, now.wall) {
        return refuse_uncounted(records, now.wall, account, login, Refusal::new(Reason::Spent));
    }
    let with = with_what(&account, at, matched);
    let factor = at.map(|at| account.state.factors[at].id);
    if let Some(at) = at {
        let factor = &mut account.state.factors[at];
        (factor.last_used, factor.ahead) = (Some(now.wall), None);
    }
    let shape = matched.backup_place().map_or(Shape::Numeric, |_| Shape::OneTime);
    let binds = login.via == Via::Login;
    match (binds, login.attested) {
        (true, true) => {
            account.state.settle(&login.door, shape, now.wall);
            if !rules.learns_when_settled() {
                account.state.later.visits.learn(visit.clone(), rules.seen_within, now.wall);
            }
            if news::is_visit(account.state.uid, login) {
                // The prompt told what there was when it was made.
                let was_there = news::was_there(&account.state, factor);
                account.state.news.settled(now.wall, so_far.told, so_far.heard, was_there);
            }
        }
        (true, false) => {}
        // A process of the user's own: there is nothing else to settle, and nothing is learnt.
        (false, _) => account.state.doors.reset(&login.door, shape, now.wall),
    }
    let matters = account.state.settling_matters(&login.door, now.wall)
        || account.state.later.visits.learning_matters(&visit, now.wall);
    let pending = binds && (news && !login.attested || matters);
    records.keep(&mut account)?;
    records.audit(Some(&account), Event::Granted { attested: login.attested, with }, context(login))?;
    // That a backup code was used is told at the next login, not to whoever used it at this one.
    let backup_used = matched.backup_place().and(account.state.news.backup_used.last().copied());
    let binds = Binds { shape, enrols: None, backup_used, heard: so_far.heard, factor, forgets };
    Ok(Ruling::Proven { matched, permitted, pending, binds })
}

/// By what it was proven, for the audit.
fn with_what(account: &Account, at: Option<usize>, matched: Matched) -> String {
    use crate::factor::backup::Place;
    let left = account.state.backup.as_ref().map_or(0, crate::factor::BackupCodes::left);
    match (at.map(|at| &account.state.factors[at]), matched.backup_place()) {
        (Some(factor), _) => format!("{} {}", factor.kind.word(), factor.label),
        (None, Some(Place::Slot(slot))) => format!("backup code {slot}, {left} left"),
        (None, _) => format!("scratch code of another system, {left} left"),
    }
}

/// A try that is not judged: refused, and recorded once a minute.
pub(super) fn limit(
    records: &mut Records<'_>,
    now: UnixTime,
    mut account: Account,
    login: &Login,
    limited: Limited,
) -> Result<Ruling, StoreError> {
    let refusal = match limited {
        Limited::Wait(seconds) => Refusal { seconds, ..Refusal::new(Reason::Limited) },
        Limited::Closed => Refusal::new(Reason::DoorClosed),
    };
    let more = account.state.doors.at(&login.door, now).limited.one_more(now);
    records.keep(&mut account)?;
    match more {
        Some(more) => refuse(records, Some(&account), login, refusal, more),
        None => Ok(Ruling::Refused(refusal)),
    }
}

/// Why a wrong answer was wrong.
pub(super) fn why_not(rules: &Rules, account: &Account, target: &Target) -> Reason {
    let none_allowed = || !account.state.factors.iter().any(|factor| rules.factors.allow(factor.kind.word()));
    match target {
        Target::Account { .. } if account.state.locked.is_some() => Reason::Locked,
        Target::Account { .. } if !account.state.is_enrolled() => Reason::NotEnrolled,
        Target::Account { .. } if account.state.apps().all(Factor::is_disabled) => Reason::Disabled,
        Target::Account { .. } if none_allowed() => Reason::KindNotAllowed,
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

/// For a mark that lies where only a wrong clock can have set it: the highest it may be.
pub(super) fn highest_now(factor: &Factor, now: UnixTime, mark: MovingFactor) -> MovingFactor {
    factor.kind.highest(now, Some(mark)).map_or(mark, |highest| highest.min(mark))
}
