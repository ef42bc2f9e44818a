//! Enrolment by the user, in an own session: the caller's own account.
//!
//! ```text
//! EnrollBegin ──▶ pending (15 minutes, 5 wrong codes) ──EnrollConfirm──▶ factor, backup codes
//! ```
//!
//! Nothing is active before a code confirms it, and that code is spent by it. The first factor is
//! the user's own wish where policy lets it be, else takes an invitation; a further one takes a
//! fresh proof of the account in the same connection, and so does one that replaces another.

use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use mfa_proto::{
    account::{EnrollRequest, Enrolled, Enrollment},
    answer::Code,
    fault::Fault,
    identity::UnixTime,
    one_time::OneTimeCode,
    secret::Secret,
};

use super::{
    Auth, Failure,
    codes::{PATIENCE, Replace},
    decided::account_demands,
    grace, one_time,
    own::{altered, locked, own},
    pending,
    step_up::FreshProof,
    uri::uri,
    wish::{Wish, wish},
};
use crate::{
    account::{AccountId, ChangeKind, Door, FactorId, OpenVoucher, Origin, Pending, Shape, Voucher},
    audit::Event,
    crypto::SlowlyEqual,
    factor::{FactorKind, Match, oath::SEED_BYTES},
    policy::{Groups, Leave, Rules, may_enrol},
    store::{Account, Context, Hashes, Records, StoreError},
    world::{Moment, Person, random},
};

/// One that is begun again so soon is not recorded again, in seconds.
const AGAIN: u64 = 60;
/// What a transaction found, when it is not what the caller hoped for. It commits all the same.
pub(super) type Ruled<T> = Result<T, Failure>;

/// A voucher whose code was compared, and what came of it.
#[derive(Clone, Copy)]
struct Shown {
    hash: [u8; 16],
    equal: SlowlyEqual,
}

impl Auth {
    /// Begins an enrolment; an earlier one that was not confirmed ends.
    pub async fn enroll_begin(
        &self,
        uid: u32,
        request: EnrollRequest,
        proven: Option<FreshProof>,
    ) -> Result<Enrollment, Failure> {
        let (rules, person) = (self.rules()?, self.person(uid).await?);
        let groups = self.groups(&rules, &person).await;
        let wanted = wish(&request)?;
        is_taken(&rules, &wanted.kind)?;
        let voucher = match request.code.as_slice() {
            b"" => None,
            typed => Some(self.show_voucher(&rules, &person, typed).await?),
        };
        let entropy = &*self.world().entropy;
        let seed = Arc::new(Secret::new(random::<SEED_BYTES>(entropy)?));
        let made = (AccountId(random(entropy)?), FactorId(random(entropy)?));
        let (user, kind) = (person.name.clone(), wanted.kind.clone());
        let committed = {
            let (seed, rules) = (Arc::clone(&seed), Arc::clone(&rules));
            self.store.write(move |records, now| {
                let groups = groups.clone();
                let grounds = Grounds { rules: &rules, groups, voucher, proven: proven.as_ref() };
                pend(records, &person, made, &wanted, seed.expose(), &grounds, now)
            })
        };
        let id = committed.await?.into_inner()?;
        let secret = BASE32_NOPAD.encode(seed.expose());
        let uri = uri(&rules.entry, &user, &kind, &secret);
        let seconds = u32::try_from(pending::PENDING).unwrap_or(u32::MAX);
        Ok(Enrollment { enrollment: id.hex(), secret, uri, seconds })
    }

    /// Confirms an enrolment with a code of its app. The code is spent.
    pub async fn enroll_confirm(&self, uid: u32, enrollment: &str, code: &[u8]) -> Result<Enrolled, Failure> {
        let person = self.person(uid).await?;
        let id = FactorId::from_hex(enrollment).ok_or_else(no_such)?;
        let Some(code) = Code::parse(code) else {
            return Err(Failure::new(
                Fault::InvalidArgument,
                "that cannot be a code: a code has 6 to 8 digits",
            ));
        };
        let (who, rules) = (person.clone(), self.rules()?);
        let groups = self.groups(&rules, &person).await;
        let confirm = move |records: &mut Records<'_>, now: Moment| {
            let demands = account_demands(
                &rules,
                &who.name,
                Some(who.uid),
                groups.clone(),
                now,
                records.read().time_for_dates(&now)?,
            );
            let grace = grace::ends(&mut records.read(), &rules, &demands.demanding, Some(who.uid), now)?;
            let wish = may_enrol(&rules, demands.is_any(), Leave::Wish, grace).is_some();
            confirm(records, &rules, &who, id, &code, wish, now.wall)
        };
        self.store.write(confirm).await?.into_inner()?;
        // The factor stands whatever becomes of these: they can be made at any time.
        let backup_codes = self.make_codes(&person, Replace::OnlyNone, PATIENCE).await.unwrap_or_default();
        Ok(Enrolled { factor: id.hex(), backup_codes })
    }

    /// Gives an enrolment up.
    pub async fn enroll_cancel(&self, uid: u32, enrollment: &str) -> Result<(), Failure> {
        let person = self.person(uid).await?;
        let id = FactorId::from_hex(enrollment).ok_or_else(no_such)?;
        let cancel = move |records: &mut Records<'_>, _: Moment| {
            let mut account = match own(records, &person)? {
                Ok(Some(account)) => account,
                Ok(None) => return Ok(Err(no_such())),
                Err(failure) => return Ok(Err(failure)),
            };
            if account.state.pending.take_if(|pending| pending.id == id).is_none() {
                return Ok(Err(no_such()));
            }
            records.discard(id.0)?;
            records.keep(&mut account)?;
            records.audit(Some(&account), Event::EnrollmentCancelled, Context::user(&person.name))?;
            Ok(Ok(()))
        };
        self.store.write(cancel).await?.into_inner()
    }

    /// Compares an invitation or a recovery code with the account's: counted first, then hashed.
    async fn show_voucher(
        &self,
        rules: &Arc<Rules>,
        person: &Person,
        typed: &[u8],
    ) -> Result<Shown, Failure> {
        let wrong = || Failure::new(Fault::WrongCode, "that is no invitation or recovery code of yours");
        let code = OneTimeCode::parse(typed).ok_or_else(wrong)?;
        let busy = || Failure::new(Fault::Limited, "too many codes are being checked: try again");
        let _place = self.world().comparing.place(1).ok_or_else(busy)?;
        let (purpose, person, rules) = (code.purpose(), person.clone(), Arc::clone(rules));
        let reserve = move |records: &mut Records<'_>, now: Moment| {
            let mut account = match own(records, &person)? {
                Ok(Some(account)) => account,
                Ok(None) => return Ok(Err(wrong())),
                Err(failure) => return Ok(Err(failure)),
            };
            let Ok(admitted) = account.state.doors.admit(&Door::Change, Shape::OneTime, now.wall) else {
                return Ok(Err(Failure::new(Fault::Limited, "too many wrong codes: try later")));
            };
            account.state.reserve(admitted, &Door::Change, false, now.wall);
            records.keep(&mut account)?;
            let good = account.state.voucher.clone();
            let is_good = |voucher: &OpenVoucher| one_time::is_good(records, voucher, purpose, now);
            let good = good.filter(|voucher| is_good(voucher) && one_time::is_taken(&rules, purpose));
            let Some(voucher) = good else {
                return Ok(Ok((account.id(), [0; 16], one_time::NO_HASH)));
            };
            let hashes = records.read().hashes(&account, voucher.hash, Hashes::Voucher(voucher.what))?;
            let hash = hashes.and_then(|hashes| hashes.first().copied());
            Ok(Ok((account.id(), voucher.hash, hash.unwrap_or(one_time::NO_HASH))))
        };
        let (account, row, hash) = self.store.write(reserve).await?.into_inner()?;
        let equal = self.compare(account, code, hash).await?;
        if equal.is_equal() { Ok(Shown { hash: row, equal }) } else { Err(wrong()) }
    }

    pub(super) async fn person(&self, uid: u32) -> Result<Person, Failure> {
        let person = self.world().names.by_uid(uid).await?;
        person.ok_or_else(|| Failure::new(Fault::NotFound, "your uid has no name on this host"))
    }
}

/// Whether the host takes factors of that kind.
pub(super) fn is_taken(rules: &Rules, kind: &FactorKind) -> Result<(), Failure> {
    let word = kind.word();
    if rules.factors.allow(word) {
        return Ok(());
    }
    let taken: Vec<&str> = rules.factors.allowed.iter().map(String::as_str).collect();
    let said = format!("this host takes no factors of the kind {word}, only: {}", taken.join(", "));
    Err(Failure::new(Fault::NotPermitted, said))
}

pub(super) fn no_such() -> Failure {
    Failure::new(Fault::NotFound, "there is no such enrolment: begin again with mfactl enroll")
}

/// What an enrolment rests on.
struct Grounds<'a> {
    rules: &'a Rules,
    groups: Option<Groups>,
    voucher: Option<Shown>,
    proven: Option<&'a FreshProof>,
}

/// What allows a new enrolment of `account`: the voucher that it takes, if it does.
fn allow(
    records: &mut Records<'_>,
    account: Option<&mut Account>,
    person: &Person,
    grounds: &Grounds<'_>,
    now: Moment,
) -> Result<Ruled<Option<Voucher>>, StoreError> {
    let not = |said: &str| Ok(Err(Failure::new(Fault::NotPermitted, said)));
    let uid = Some(person.uid);
    let demands = account_demands(
        grounds.rules,
        &person.name,
        uid,
        grounds.groups.clone(),
        now,
        records.read().time_for_dates(&now)?,
    );
    let grace = grace::ends(&mut records.read(), grounds.rules, &demands.demanding, uid, now)?;
    let mut voucher = None;
    let enrolled = account.as_ref().is_some_and(|account| account.state.is_enrolled());
    if let Some(account) = account {
        if account.state.locked.is_some() {
            return Ok(Err(locked()));
        }
        if let Some(shown) = grounds.voucher {
            let open = account.state.voucher.clone().filter(|open| open.hash == shown.hash);
            let open = open.filter(|open| open.is_good(now.wall, records.ran_ms()) && shown.equal.is_equal());
            let Some(open) = open else { return not("that code has ended") };
            account.state.take_back(&Door::Change, false, now.wall);
            voucher = Some(open.what);
        }
    }
    if voucher == Some(Voucher::Recovery) {
        return Ok(Ok(voucher));
    }
    if enrolled {
        let proven = grounds.proven.is_some_and(|fresh| fresh.is_of(person.uid));
        return Ok(if proven { Ok(None) } else { Err(FreshProof::needed()) });
    }
    let leave = if voucher.is_some() { Leave::Invitation } else { Leave::Wish };
    if may_enrol(grounds.rules, demands.is_any(), leave, grace).is_none() {
        return not("a first factor takes an administrator's invitation now (mfactl user invite)");
    }
    Ok(Ok(voucher))
}

fn pend(
    records: &mut Records<'_>,
    person: &Person,
    made: (AccountId, FactorId),
    wanted: &Wish,
    seed: &[u8],
    grounds: &Grounds<'_>,
    now: Moment,
) -> Result<Ruled<FactorId>, StoreError> {
    let mut account = match own(records, person)? {
        Ok(account) => account,
        Err(failure) => return Ok(Err(failure)),
    };
    let by = match allow(records, account.as_mut(), person, grounds, now)? {
        Ok(by) => by,
        Err(failure) => return Ok(Err(failure)),
    };
    let named = account.as_ref().and_then(|account| account.state.factor_named(&wanted.replace));
    let replaces = named.map(|factor| factor.id);
    if replaces.is_none() && !wanted.replace.is_empty() {
        let said = format!("you have no factor {:?}, or more than one of that label", wanted.replace);
        return Ok(Err(Failure::new(Fault::NotFound, said)));
    }
    let full = |account: &Account| !account.state.has_room_for(&wanted.kind, replaces);
    if by != Some(Voucher::Recovery) && account.as_ref().is_some_and(full) {
        let said = "you have as many factors as one code can be compared with: remove one first";
        return Ok(Err(Failure::new(Fault::AlreadyEnrolled, said)));
    }
    let proven = account.as_ref().is_some_and(|account| account.state.is_enrolled()) && by.is_none();
    // Made only now: whatever was refused above has left nothing.
    let mut account = match account {
        Some(account) => account,
        None => records.create(made.0, person.uid, &person.name)?,
    };
    let again = account.state.pending.as_ref().is_some_and(|before| now.wall.since(before.began) < AGAIN);
    let pending = Pending {
        id: made.1,
        kind: wanted.kind.clone(),
        label: wanted.label.clone(),
        seed: records.fingerprint(seed),
        began: now.wall,
        failures: 0,
        replaces,
        origin: Origin::Session,
        by,
        proven,
    };
    pending::put(records, &mut account, pending, seed)?;
    records.keep(&mut account)?;
    if let Some(by) = by {
        let what = by.word().to_owned();
        records.audit(Some(&account), Event::Redeemed { what }, Context::user(&person.name))?;
    }
    if !again {
        records.audit(Some(&account), Event::EnrollmentBegun, Context::user(&person.name))?;
    }
    Ok(Ok(made.1))
}

fn confirm(
    records: &mut Records<'_>,
    rules: &Rules,
    person: &Person,
    id: FactorId,
    code: &Code,
    wish: bool,
    now: UnixTime,
) -> Result<Ruled<()>, StoreError> {
    let mut account = match own(records, person)? {
        Ok(Some(account)) => account,
        Ok(None) => return Ok(Err(no_such())),
        Err(failure) => return Ok(Err(failure)),
    };
    let pending = account.state.pending.clone();
    let is_it = |pending: &Pending| {
        pending.id == id && pending.origin == Origin::Session && pending.kind.gives_codes()
    };
    let Some(pending) = pending.filter(is_it) else {
        return Ok(Err(no_such()));
    };
    let context = Context::user(&person.name);
    // What was begun by wish must still be allowed to be one.
    let allowed = wish || pending.by.is_some() || pending.proven;
    let allowed = allowed && is_taken(rules, &pending.kind).is_ok();
    if !pending::is_open(&pending, now) || !pending::still_allowed(&account, &pending) || !allowed {
        pending::give_up(records, &mut account)?;
        records.audit(Some(&account), Event::EnrollmentFailed, context)?;
        return Ok(Err(Failure::new(Fault::Expired, "that enrolment has ended: begin again")));
    }
    let factor = pending::confirmed(pending.clone(), now);
    let Some(seed) = records.read().seed(&account, &factor)? else { return Ok(Err(altered())) };
    match factor.kind.matches(seed.expose(), code, now, account.state.history(&factor)) {
        Match::Fresh(matched) => {
            account.state.spend(Some(factor.seed), matched, now);
            if account.state.is_enrolled() {
                account.state.news.add(now, ChangeKind::Added(factor.label, factor.id));
            }
            pending::bind(records, &mut account, pending, now, context)?;
            Ok(Ok(()))
        }
        Match::No | Match::Ahead(_) | Match::Spent => {
            let open = pending::count_wrong(records, &mut account, pending)?;
            records.audit(Some(&account), Event::EnrollmentFailed, context)?;
            Ok(Err(if open {
                Failure::new(Fault::WrongCode, "that code is not right")
            } else {
                Failure::new(Fault::Expired, "too many wrong codes: that enrolment has ended, begin again")
            }))
        }
    }
}
