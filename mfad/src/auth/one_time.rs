//! One-time codes as answers: backup codes, and in an attested login invitations and recovery codes.
//!
//! ```text
//!  reserve  (committed)     the question is spent, the limit asked, the try counted as a failure
//!  compare  (outside)       one slow hash, whatever is compared: of the slot that the code names
//!  conclude (committed)     right and unused: the failure is taken back, the code marked, the login granted
//! ```
//!
//! A crash in between leaves a failure. Two who try one code at one moment both reserve; the
//! second to conclude finds it used.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use mfa_proto::{
    one_time::{OneTimeCode, Purpose},
    step::Reason,
};

use super::{
    Auth, Failure, enrolling,
    judge::{Ready, context, decide_now, grant, limit, ready, record_of, refuse, refuse_uncounted, why_not},
    question::Question,
    verdict::{Outcome, Refusal, Ruling},
};
use crate::{
    account::{AccountId, Door, OpenVoucher, Shape, Voucher},
    audit::Event,
    crypto::{Peppered, SlowHash, SlowlyEqual},
    factor::Match,
    policy::{Decision, Permitted, Rules},
    store::{Account, Hashes, Records, StoreError},
    world::Moment,
};

/// Compared with where there is nothing to compare with: no code has it.
pub(super) const NO_HASH: SlowHash = [0; 40];

/// Places that strangers leave free, for those who have passed a first factor.
const LEFT_FREE: usize = 8;
/// Codes that one door may have compared, or wait to be, at one time: who tries many, under whatever names, is refused
/// the next, and everybody else finds a place.
const OF_ONE_DOOR: usize = 2;

/// Whose codes are being compared.
#[derive(Clone, Default)]
pub(super) struct Comparing(Arc<Mutex<HashMap<Door, usize>>>);

/// One of a door's share; given back when dropped.
struct Share {
    all: Comparing,
    door: Door,
}

impl Comparing {
    fn share(&self, door: &Door) -> Option<Share> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(door.clone()).or_default();
        *taken = Some(*taken + 1).filter(|taken| *taken <= OF_ONE_DOOR)?;
        Some(Share { all: self.clone(), door: door.clone() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.get(&self.door).map_or(0, |taken| taken - 1);
        if left == 0 {
            all.remove(&self.door);
        } else {
            all.insert(self.door.clone(), left);
        }
    }
}

/// What reserving came to.
enum Reserved {
    /// Already refused.
    No(Refusal),
    /// To be compared.
    Try(Try),
}

/// One try that is counted and not judged yet.
#[derive(Clone, Copy)]
struct Try {
    account: AccountId,
    hash: SlowHash,
    what: What,
}

/// What the code would be, if it is right.
#[derive(Clone, Copy)]
enum What {
    /// A backup code of that set.
    Backup { set: [u8; 16], slot: u8, permitted: Permitted },
    /// An invitation or a recovery code.
    Voucher { hash: [u8; 16] },
    /// A backup code, where the host takes none: compared with nothing.
    NotAllowed,
    /// Nothing: compared all the same.
    Nothing,
}

impl Auth {
    /// An answer that is a one-time code.
    pub(super) async fn try_one_time(
        &self,
        rules: Arc<Rules>,
        question: &Arc<Question>,
        code: OneTimeCode,
    ) -> Result<Outcome, Failure> {
        // Before anything is counted: where the pool is full, nothing is judged, and the refusal leaves
        // on its beat like every other. Whoever is asked for, the same is found.
        let login = &question.login;
        let spare = if login.attested { 0 } else { LEFT_FREE };
        let places = self.comparing.share(&login.door).zip(self.world().comparing.place(spare));
        let Some(_places) = places else {
            return Ok(Outcome::Refused(Refusal::new(Reason::Busy)));
        };
        let purpose = code.purpose();
        let reserved = {
            let (rules, question) = (Arc::clone(&rules), Arc::clone(question));
            self.store.write(move |records, now| reserve(records, now, &rules, &question, purpose)).await?
        };
        let tried = match reserved.into_inner() {
            Reserved::No(refusal) => return Ok(Outcome::Refused(refusal)),
            Reserved::Try(tried) => tried,
        };
        let equal = self.compare(tried.account, code, tried.hash).await?;
        let question = Arc::clone(question);
        let new = enrolling::NewSeed::new(&*self.world().entropy)?;
        let concluded = self
            .store
            .write(move |records, now| conclude(records, now, &rules, &question, tried, equal, &new));
        concluded.await.map(Outcome::from).map_err(Failure::from)
    }

    /// Compares a code with a hash, in the pool for slow work.
    pub(super) async fn compare(
        &self,
        account: AccountId,
        code: OneTimeCode,
        hash: SlowHash,
    ) -> Result<SlowlyEqual, Failure> {
        let peppered = Peppered::new(self.store.keys(), &account.0, &code);
        Ok(self.world().comparing.run(move || peppered.compare(&hash)).await?)
    }
}

fn reserve(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    question: &Question,
    purpose: Purpose,
) -> Result<Reserved, StoreError> {
    let login = &question.login;
    let refused = |ruling: Ruling| match ruling {
        Ruling::Refused(refusal) => Reserved::No(refusal),
        _ => Reserved::No(Refusal::new(Reason::NoCode)), // a one-time code waives nothing
    };
    let ready = match ready(records, now, question)? {
        Ok(ready) => ready,
        Err(ruling) => return Ok(refused(ruling)),
    };
    let decision = decide_now(records, now, rules, question, &ready)?;
    let Ready { mut account, .. } = ready;
    let admitted = match account.state.doors.admit(&login.door, Shape::OneTime, now.wall) {
        Ok(admitted) => admitted,
        Err(limited) => return limit(records, now.wall, account, login, limited).map(refused),
    };
    account.state.reserve(admitted, &login.door, login.attested, now.wall);
    records.keep(&mut account)?;
    let (what, hash) = match purpose {
        Purpose::Backup(_) if !rules.factors.allow("backup") => (What::NotAllowed, NO_HASH),
        Purpose::Backup(slot) => backup(records, &account, slot, decision)?,
        Purpose::Invitation | Purpose::Recovery => {
            let open = login.attested && account.state.locked.is_none() && decision != Decision::Deny;
            let open = open && is_taken(rules, purpose);
            voucher(records, &account, purpose, open, now)?
        }
    };
    Ok(Reserved::Try(Try { account: account.id(), hash, what }))
}

fn backup(
    records: &mut Records<'_>,
    account: &Account,
    slot: u8,
    decision: Decision,
) -> Result<(What, SlowHash), StoreError> {
    let nothing = (What::Nothing, NO_HASH);
    let Decision::Ask(permitted) = decision else { return Ok(nothing) };
    let set = account.state.backup.as_ref().and_then(|backup| backup.hashes);
    let Some(set) = set.filter(|_| account.state.locked.is_none()) else { return Ok(nothing) };
    let hashes = records.read().hashes(account, set, Hashes::Backup)?;
    let hash = hashes.and_then(|hashes| hashes.get(usize::from(slot)).copied());
    Ok(hash.map_or(nothing, |hash| (What::Backup { set, slot, permitted }, hash)))
}

fn voucher(
    records: &mut Records<'_>,
    account: &Account,
    purpose: Purpose,
    open: bool,
    now: Moment,
) -> Result<(What, SlowHash), StoreError> {
    let nothing = (What::Nothing, NO_HASH);
    let good = account.state.voucher.as_ref().filter(|_| open);
    let Some(good) = good.filter(|voucher| is_good(records, voucher, purpose, now)) else {
        return Ok(nothing);
    };
    let row = good.hash;
    let hashes = records.read().hashes(account, row, Hashes::Voucher(good.what))?;
    let hash = hashes.and_then(|hashes| hashes.first().copied());
    Ok(hash.map_or(nothing, |hash| (What::Voucher { hash: row }, hash)))
}

/// Whether the host takes codes of that purpose: none of recovery where nobody may give one out any more.
pub(super) fn is_taken(rules: &Rules, purpose: Purpose) -> bool {
    purpose != Purpose::Recovery || rules.recovery.by_administrator
}

/// Whether `voucher` is what a code of that purpose would be, and still good.
pub(super) fn is_good(records: &Records<'_>, voucher: &OpenVoucher, purpose: Purpose, now: Moment) -> bool {
    Voucher::of(purpose) == Some(voucher.what) && voucher.is_good(now.wall, records.ran_ms())
}

fn conclude(
    records: &mut Records<'_>,
    now: Moment,
    rules: &Rules,
    question: &Question,
    tried: Try,
    equal: SlowlyEqual,
    new: &enrolling::NewSeed,
) -> Result<Ruling, StoreError> {
    let login = &question.login;
    let Some(mut account) = record_of(records, question.target, login)? else {
        return refuse(records, None, login, Refusal::new(Reason::Altered), 0);
    };
    let locked = account.state.locked.is_some();
    match tried.what {
        What::Backup { set, slot, permitted } if !locked => {
            let current = account.state.backup.as_ref().filter(|backup| backup.hashes == Some(set));
            match current.map_or(Match::No, |backup| backup.judge(slot, equal)) {
                Match::Fresh(matched) => {
                    account.state.take_back(&login.door, login.attested, now.wall);
                    return grant(records, now, rules, account, question, (None, matched), permitted);
                }
                Match::Spent => {
                    account.state.take_back(&login.door, login.attested, now.wall);
                    let refusal = Refusal::new(Reason::Spent);
                    return refuse_uncounted(records, now.wall, account, login, refusal);
                }
                Match::No | Match::Ahead(_) => {}
            }
        }
        What::Voucher { hash } if equal.is_equal() && !locked => {
            let current = account.state.voucher.clone().filter(|voucher| voucher.hash == hash);
            if let Some(voucher) = current.filter(|voucher| voucher.is_good(now.wall, records.ran_ms())) {
                account.state.take_back(&login.door, login.attested, now.wall);
                let what = voucher.what.word().to_owned();
                records.audit(None, Event::Redeemed { what }, context(login))?;
                return enrolling::begin(records, now, rules, account, question, Some(voucher.what), new);
            }
        }
        What::Backup { .. } | What::Voucher { .. } | What::NotAllowed | What::Nothing => {}
    }
    let heard = account.state.news.next == question.so_far.heard;
    account.state.news.worry(now.wall, &login.door, login.attested, question.so_far.heard);
    records.keep(&mut account)?;
    let why = match (why_not(rules, &account, &question.target), tried.what) {
        (Reason::WrongCode, What::NotAllowed) => Reason::KindNotAllowed,
        (why, _) => why,
    };
    refuse(records, Some(&account), login, Refusal { heard, ..Refusal::new(why) }, 0)
}
