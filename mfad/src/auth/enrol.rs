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
    codes::Replace,
    grace,
    own::{altered, own},
    step_up::Fresh,
    uri::uri,
};
use crate::{
    account::{AccountId, Door, Factor, FactorId, Origin, Pending, Shape, Ticket},
    audit::Event,
    crypto::SlowlyEqual,
    factor::{Algorithm, FactorKind, Hotp, Match, Oath, Totp, oath::SEED_BYTES},
    policy::{Leave, Rules, may_enrol},
    store::{Account, Context, Hashes, Records, StoreError},
    world::{Moment, Person, random},
};

/// How long an enrolment waits for its code, in seconds.
const PENDING: u64 = 15 * 60;
/// Wrong codes that end an enrolment.
const WRONG: u32 = 5;
/// The longest label, in bytes.
const LABEL: usize = 64;

/// What a transaction found, when it is not what the caller hoped for. It commits all the same.
pub(super) type Ruled<T> = Result<T, Failure>;

/// What a new enrolment is to be.
#[derive(Clone)]
struct Wanted {
    kind: FactorKind,
    label: String,
    /// Label or id of the factor that it replaces; empty: none.
    replace: String,
}

/// A ticket whose code was compared, and what came of it.
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
        proven: Option<Fresh>,
    ) -> Result<Enrollment, Failure> {
        let (rules, person) = (self.rules()?, self.person(uid).await?);
        let wanted = wanted(&request)?;
        let ticket = match request.code.as_slice() {
            b"" => None,
            typed => Some(self.show_ticket(&person, typed).await?),
        };
        let entropy = &*self.world().entropy;
        let seed = Arc::new(Secret::new(random::<SEED_BYTES>(entropy)?));
        let made = (AccountId(random(entropy)?), FactorId(random(entropy)?));
        let (user, kind) = (person.name.clone(), wanted.kind.clone());
        let committed = {
            let (seed, rules) = (Arc::clone(&seed), Arc::clone(&rules));
            self.store.write(move |records, now| {
                let grounds = Grounds { rules: &rules, ticket, proven: proven.as_ref() };
                pend(records, &person, made, &wanted, seed.expose(), &grounds, now)
            })
        };
        let id = committed.await?.into_inner()?;
        let secret = BASE32_NOPAD.encode(seed.expose());
        let uri = uri(&rules.issuer, &user, &kind, &secret);
        let seconds = u32::try_from(PENDING).unwrap_or(u32::MAX);
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
        let who = person.clone();
        let confirm =
            move |records: &mut Records<'_>, now: Moment| confirm(records, &who, id, &code, now.wall);
        self.store.write(confirm).await?.into_inner()?;
        // The factor stands whatever becomes of these: they can be made at any time.
        let backup_codes = self.make_codes(&person, Replace::OnlyNone).await.unwrap_or_default();
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
            records.end(id.0)?;
            records.keep(&mut account)?;
            records.audit(Some(&account), Event::EnrollmentCancelled, Context::user(&person.name))?;
            Ok(Ok(()))
        };
        self.store.write(cancel).await?.into_inner()
    }

    /// Compares an invitation or a recovery code with the account's: counted first, then hashed.
    async fn show_ticket(&self, person: &Person, typed: &[u8]) -> Result<Shown, Failure> {
        let wrong = || Failure::new(Fault::WrongCode, "that is no invitation or recovery code of yours");
        let code = OneTimeCode::parse(typed).ok_or_else(wrong)?;
        let (purpose, person) = (code.purpose(), person.clone());
        let reserve = move |records: &mut Records<'_>, now: Moment| {
            let mut account = match own(records, &person)? {
                Ok(Some(account)) => account,
                Ok(None) => return Ok(Err(wrong())),
                Err(failure) => return Ok(Err(failure)),
            };
            let admitted = match account.state.doors.admit(&Door::Change, Shape::OneTime, now.wall) {
                Ok(admitted) => admitted,
                Err(_) => return Ok(Err(Failure::new(Fault::Limited, "too many wrong codes: try later"))),
            };
            account.state.fail(admitted, &Door::Change, false, now.wall);
            records.keep(&mut account)?;
            let good = account.state.ticket.clone();
            let good = good.filter(|ticket| super::one_time::is_good(records, ticket, purpose, now));
            let Some(ticket) = good else { return Ok(Ok((account.id(), [0; 16], super::one_time::NO_HASH))) };
            let hashes = records.read().hashes(&account, ticket.hash, Hashes::Ticket(ticket.what))?;
            let hash = hashes.and_then(|hashes| hashes.first().copied());
            Ok(Ok((account.id(), ticket.hash, hash.unwrap_or(super::one_time::NO_HASH))))
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

fn no_such() -> Failure {
    Failure::new(Fault::NotFound, "there is no such enrolment: begin again with mfactl enroll")
}

/// Whether an enrolment can still be confirmed. A clock that was set back to before the beginning
/// does not make it live longer.
pub(super) fn is_open(pending: &Pending, now: UnixTime) -> bool {
    now >= pending.began && now.since(pending.began) < PENDING
}

/// Checks a label.
pub(super) fn label(text: &str) -> Result<String, Failure> {
    if text.is_empty() || text.len() > LABEL || text.chars().any(char::is_control) {
        return Err(Failure::new(Fault::InvalidArgument, "a label is 1 to 64 bytes of printable text"));
    }
    Ok(text.to_owned())
}

/// Reads the parameters of a factor as they travel. Zeros and empty words are the defaults.
pub(super) fn kind(word: &str, algorithm: &str, digits: u32, period: u32) -> Result<FactorKind, Failure> {
    let bad = |said: &str| Failure::new(Fault::InvalidArgument, said);
    let algorithm = match algorithm {
        "" => Algorithm::Sha1,
        word => Algorithm::from_word(word).ok_or_else(|| bad("an algorithm is SHA1, SHA256 or SHA512"))?,
    };
    let digits = u8::try_from(if digits == 0 { 6 } else { digits }).unwrap_or(u8::MAX);
    match word {
        "" | "totp" => {
            let period = u16::try_from(if period == 0 { 30 } else { period }).unwrap_or(u16::MAX);
            Totp::new(algorithm, digits, period).map(FactorKind::Totp)
        }
        "hotp" if period == 0 => Oath::new(algorithm, digits).map(|oath| FactorKind::Hotp(Hotp::new(oath))),
        "hotp" => return Err(bad("a hotp has no period")),
        _ => return Err(bad("the type of a factor is totp or hotp")),
    }
    .map_err(|error| bad(&error.to_string()))
}

fn wanted(request: &EnrollRequest) -> Result<Wanted, Failure> {
    let kind = kind(&request.kind, &request.algorithm, request.digits, request.period)?;
    let named = match (request.label.as_str(), request.replace.as_str()) {
        ("", "") => "phone",
        ("", replaced) if FactorId::from_hex(replaced).is_none() => replaced,
        ("", _) => "phone",
        (label, _) => label,
    };
    Ok(Wanted { kind, label: label(named)?, replace: request.replace.clone() })
}

/// What an enrolment rests on.
struct Grounds<'a> {
    rules: &'a Rules,
    ticket: Option<Shown>,
    proven: Option<&'a Fresh>,
}

/// What allows a new enrolment of `account`: the ticket that it takes, if it does.
fn allow(
    records: &mut Records<'_>,
    account: Option<&mut Account>,
    person: &Person,
    grounds: &Grounds<'_>,
    now: Moment,
) -> Result<Ruled<Option<Ticket>>, StoreError> {
    let not = |said: &str| Ok(Err(Failure::new(Fault::NotPermitted, said)));
    let grace = grace::ends(&mut records.read(), grounds.rules, Some(person.uid), now.wall)?;
    let mut ticket = None;
    let enrolled = account.as_ref().is_some_and(|account| account.state.is_enrolled());
    if let Some(account) = account {
        if account.state.locked.is_some() {
            return not("your account is locked: ask your administrator");
        }
        if let Some(shown) = grounds.ticket {
            let open = account.state.ticket.clone().filter(|open| open.hash == shown.hash);
            let open = open.filter(|open| open.is_good(now.wall, records.ran_ms()) && shown.equal.is_equal());
            let Some(open) = open else { return not("that code has ended") };
            account.state.take_back(&Door::Change, false, now.wall);
            records.audit(
                None,
                Event::Redeemed { what: open.what.word().into() },
                Context::user(&person.name),
            )?;
            ticket = Some(open.what);
        }
    }
    if ticket == Some(Ticket::Recovery) {
        return Ok(Ok(ticket));
    }
    if enrolled {
        return match grounds.proven.is_some_and(|fresh| fresh.is_of(person.uid)) {
            true => Ok(Ok(None)),
            false => Ok(Err(Fresh::needed())),
        };
    }
    let leave = if ticket.is_some() { Leave::Invitation } else { Leave::Wish };
    if may_enrol(grounds.rules, leave, grace).is_none() {
        return not("a first factor takes an administrator's invitation now (mfactl user invite)");
    }
    Ok(Ok(ticket))
}

fn pend(
    records: &mut Records<'_>,
    person: &Person,
    made: (AccountId, FactorId),
    wanted: &Wanted,
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
    let mut account = match account {
        Some(account) => account,
        None => records.create(made.0, person.uid, &person.name)?,
    };
    let replaces = match wanted.replace.as_str() {
        "" => None,
        name => match account.state.factor_named(name) {
            Some(factor) => Some(factor.id),
            None => {
                let said = format!("you have no factor {name:?}, or more than one of that label");
                return Ok(Err(Failure::new(Fault::NotFound, said)));
            }
        },
    };
    if by != Some(Ticket::Recovery) && !account.state.has_room_for(&wanted.kind, replaces) {
        let said = "you have as many factors as one code can be compared with: remove one first";
        return Ok(Err(Failure::new(Fault::AlreadyEnrolled, said)));
    }
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
    };
    put_pending(records, &mut account, pending, seed)?;
    records.keep(&mut account)?;
    records.audit(Some(&account), Event::EnrollmentBegun, Context::user(&person.name))?;
    Ok(Ok(made.1))
}

/// Puts an enrolment into the account, in place of an earlier one, and seals its seed.
pub(super) fn put_pending(
    records: &mut Records<'_>,
    account: &mut Account,
    pending: Pending,
    seed: &[u8],
) -> Result<(), StoreError> {
    if let Some(before) = account.state.pending.take() {
        records.end(before.id.0)?;
    }
    records.put_seed(account, pending.id, 1, &pending.kind, seed)?;
    account.state.pending = Some(pending);
    Ok(())
}

fn confirm(
    records: &mut Records<'_>,
    person: &Person,
    id: FactorId,
    code: &Code,
    now: UnixTime,
) -> Result<Ruled<()>, StoreError> {
    let mut account = match own(records, person)? {
        Ok(Some(account)) => account,
        Ok(None) => return Ok(Err(no_such())),
        Err(failure) => return Ok(Err(failure)),
    };
    let pending = account.state.pending.clone();
    let Some(pending) = pending.filter(|pending| pending.id == id && pending.origin == Origin::Session)
    else {
        return Ok(Err(no_such()));
    };
    let context = Context::user(&person.name);
    if !is_open(&pending, now) || account.state.locked.is_some() {
        drop_pending(records, &mut account)?;
        records.audit(Some(&account), Event::EnrollmentFailed, context)?;
        return Ok(Err(Failure::new(Fault::Expired, "that enrolment has ended: begin again")));
    }
    let factor = confirmed(pending.clone(), now);
    let Some(seed) = records.read().seed(&account, &factor)? else { return Ok(Err(altered())) };
    match factor.kind.matches(seed.expose(), code, now, account.state.history(&factor)) {
        Match::Fresh(matched) => {
            account.state.spend(Some(factor.seed), matched, now);
            bind(records, &mut account, pending, now, context)?;
            Ok(Ok(()))
        }
        Match::No | Match::Ahead(_) | Match::Spent => {
            let open = count_wrong(records, &mut account, pending)?;
            records.audit(Some(&account), Event::EnrollmentFailed, context)?;
            Ok(Err(match open {
                true => Failure::new(Fault::WrongCode, "that code is not right"),
                false => {
                    let said = "too many wrong codes: that enrolment has ended, begin again";
                    Failure::new(Fault::Expired, said)
                }
            }))
        }
    }
}

/// Counts a wrong confirmation; whether the enrolment is still open after it. Keeps the account.
pub(super) fn count_wrong(
    records: &mut Records<'_>,
    account: &mut Account,
    pending: Pending,
) -> Result<bool, StoreError> {
    if pending.failures + 1 >= WRONG {
        drop_pending(records, account)?;
        return Ok(false);
    }
    account.state.pending = Some(Pending { failures: pending.failures + 1, ..pending });
    records.keep(account)?;
    Ok(true)
}

fn drop_pending(records: &mut Records<'_>, account: &mut Account) -> Result<(), StoreError> {
    if let Some(pending) = account.state.pending.take() {
        records.end(pending.id.0)?;
    }
    records.keep(account)
}

/// Makes a factor of an enrolment whose code was right, and ends what it replaces: one factor, or
/// after a recovery all of them with their backup codes. Keeps the account.
pub(super) fn bind(
    records: &mut Records<'_>,
    account: &mut Account,
    pending: Pending,
    now: UnixTime,
    context: Context<'_>,
) -> Result<(), StoreError> {
    let (replaces, by) = (pending.replaces, pending.by);
    let ends = |factor: &Factor| by == Some(Ticket::Recovery) || Some(factor.id) == replaces;
    let (ended, kept): (Vec<_>, Vec<_>) =
        std::mem::take(&mut account.state.factors).into_iter().partition(ends);
    for factor in &ended {
        records.end(factor.id.0)?;
    }
    account.state.factors = kept;
    if by.is_some()
        && let Some(ticket) = account.state.ticket.take()
    {
        records.end(ticket.hash)?;
    }
    if by == Some(Ticket::Recovery)
        && let Some(set) = account.state.backup.take()
    {
        set.hashes.map_or(Ok(()), |row| records.end(row))?;
    }
    let factor = confirmed(pending, now);
    let label = factor.label.clone();
    account.state.factors.push(factor);
    account.state.pending = None;
    records.keep(account)?;
    for factor in ended {
        records.audit(Some(account), Event::Ended { label: factor.label }, context)?;
    }
    records.audit(Some(account), Event::Enrolled { label }, context)
}

/// The factor that an enrolment becomes.
pub(super) fn confirmed(pending: Pending, now: UnixTime) -> Factor {
    let Pending { id, kind, label, seed, .. } = pending;
    let (created, last_used) = (now, None);
    Factor { id, version: 1, kind, label, created, last_used, seed, attested_failures: 0, ahead: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_out_of_range_are_refused_with_a_reason() {
        let refused = |request: EnrollRequest| wanted(&request).map(|_| ()).unwrap_err().fault;
        for request in [
            EnrollRequest { kind: "sms".into(), ..Default::default() },
            EnrollRequest { kind: "hotp".into(), period: 30, ..Default::default() },
            EnrollRequest { digits: 9, ..Default::default() },
            EnrollRequest { period: 100_000, ..Default::default() },
            EnrollRequest { label: "a\nb".into(), ..Default::default() },
            EnrollRequest { label: "x".repeat(65), ..Default::default() },
        ] {
            assert_eq!(refused(request.clone()), Fault::InvalidArgument, "{request:?}");
        }
        assert!(wanted(&EnrollRequest::default()).is_ok());
        let replacing = EnrollRequest { replace: "tablet".into(), ..Default::default() };
        assert_eq!(wanted(&replacing).map(|wanted| wanted.label).unwrap(), "tablet");
    }
}
