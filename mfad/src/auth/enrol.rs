//! Enrolment: the caller's own account, its first factor.
//!
//! ```text
//! EnrollBegin ──▶ pending (15 minutes, 5 wrong codes) ──EnrollConfirm──▶ factor
//! ```
//!
//! Nothing is active before a code confirms it, and that code is spent by it.

use std::sync::Arc;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use mfa_proto::{
    account::{Codes, EnrollRequest, Enrolled, Enrollment, Factor as FactorInfo, Status},
    answer::Code,
    fault::Fault,
    identity::{UnixTime, UserName},
    secret::Secret,
};
use zeroize::Zeroizing;

use super::{Auth, Failure};
use crate::{
    account::{AccountId, Factor, FactorId, Pending, SeedPrint},
    audit::Event,
    factor::{Algorithm, FactorKind, Match, Totp, totp::SEED_BYTES},
    store::{Account, Context, Found, Records, StoreError},
    world::{Person, random},
};

/// How long an enrolment waits for its code, in seconds.
const PENDING: u64 = 15 * 60;
/// Wrong codes that end an enrolment.
const WRONG: u32 = 5;
/// The longest label, in bytes.
const LABEL: usize = 64;

/// What a transaction found, when it is not what the caller hoped for. It commits all the same.
type Ruled<T> = Result<T, Failure>;

impl Auth {
    /// The caller's own account.
    pub async fn status(&self, uid: u32) -> Result<Status, Failure> {
        let (rules, person) = (self.rules()?, self.person(uid).await?);
        let name = person.name.clone();
        let account = self.store.read(move |sound| match sound.find(person.uid, &[&person.name])? {
            Found::One(id) => sound.account_of(id, person.uid, &[&person.name]).map(Standing::of),
            Found::Nobody => Ok(Standing::Nobody),
            Found::Ambiguous | Found::Unproven => Ok(Standing::Unclear),
        });
        let factors = match account.await? {
            Standing::Account(account) => account.state.factors.iter().map(describe).collect(),
            Standing::Nobody => Vec::new(),
            Standing::Unclear => return Err(altered()),
        };
        let (mode, time) = (rules.mode.word().to_owned(), self.world().clock.now().wall.0);
        Ok(Status {
            user: name.as_bytes().to_vec(),
            mode,
            factors,
            codes: Codes::default(),
            locked: false,
            grace_ends: 0,
            time,
        })
    }

    /// Begins an enrolment; an earlier one that was not confirmed ends.
    pub async fn enroll_begin(&self, uid: u32, request: EnrollRequest) -> Result<Enrollment, Failure> {
        let (rules, person) = (self.rules()?, self.person(uid).await?);
        let (kind, label) = wanted(&request)?;
        let entropy = &*self.world().entropy;
        let seed = Arc::new(Secret::new(random::<SEED_BYTES>(entropy)?));
        let fresh = (random(entropy)?, random(entropy)?);
        let user = person.name.clone();
        let committed = {
            let (seed, kind, label) = (Arc::clone(&seed), kind.clone(), label.clone());
            self.store.write(move |records, now| {
                let made = (AccountId(fresh.0), FactorId(fresh.1));
                pend(records, &person, made, &kind, &label, seed.expose(), now.wall)
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
        let confirm = move |records: &mut Records<'_>, now: crate::world::Moment| {
            confirm(records, &person, id, &code, now.wall)
        };
        self.store.write(confirm).await?.into_inner()?;
        Ok(Enrolled { factor: id.hex(), backup_codes: Vec::new() })
    }

    /// Gives an enrolment up.
    pub async fn enroll_cancel(&self, uid: u32, enrollment: &str) -> Result<(), Failure> {
        let person = self.person(uid).await?;
        let id = FactorId::from_hex(enrollment).ok_or_else(no_such)?;
        let cancel = move |records: &mut Records<'_>, now: crate::world::Moment| {
            let mut account = match own(records, &person)? {
                Ok(Some(account)) => account,
                Ok(None) => return Ok(Err(no_such())),
                Err(failure) => return Ok(Err(failure)),
            };
            if account.state.pending.take_if(|pending| pending.id == id).is_none() {
                return Ok(Err(no_such()));
            }
            records.txn().end_factor(id, now.wall)?;
            records.keep(&mut account)?;
            records.audit(Some(&account), Event::EnrollmentCancelled, Context::user(&person.name))?;
            Ok(Ok(()))
        };
        self.store.write(cancel).await?.into_inner()
    }

    async fn person(&self, uid: u32) -> Result<Person, Failure> {
        let person = self.world().names.by_uid(uid).await?;
        person.ok_or_else(|| Failure::new(Fault::NotFound, "your uid has no name on this host"))
    }
}

enum Standing {
    Account(Box<Account>),
    Nobody,
    Unclear,
}

impl Standing {
    fn of(account: Option<Account>) -> Self {
        account.map_or(Self::Unclear, |account| Self::Account(Box::new(account)))
    }
}

fn altered() -> Failure {
    Failure::new(Fault::Unavailable, "your account's record cannot be verified: tell your administrator")
}

fn no_such() -> Failure {
    Failure::new(Fault::NotFound, "there is no such enrolment: begin again with mfactl enroll")
}

/// A factor as its owner may see it.
pub(super) fn describe(factor: &Factor) -> FactorInfo {
    let FactorKind::Totp(totp) = &factor.kind;
    FactorInfo {
        id: factor.id.hex(),
        label: factor.label.clone(),
        kind: factor.kind.word().to_owned(),
        algorithm: totp.algorithm().word().to_owned(),
        digits: u32::from(totp.digits()),
        period: u32::from(totp.period()),
        created: factor.created.0,
        last_used: factor.last_used.map_or(0, |time| time.0),
        disabled: factor.is_disabled(),
    }
}

fn wanted(request: &EnrollRequest) -> Result<(FactorKind, String), Failure> {
    let bad = |said: &str| Failure::new(Fault::InvalidArgument, said);
    if !matches!(request.kind.as_str(), "" | "totp") {
        return Err(bad("the type of a factor is totp"));
    }
    let algorithm = match request.algorithm.as_str() {
        "" => Algorithm::Sha1,
        word => Algorithm::from_word(word).ok_or_else(|| bad("an algorithm is SHA1, SHA256 or SHA512"))?,
    };
    let or = |value: u32, default: u32| if value == 0 { default } else { value };
    let digits = u8::try_from(or(request.digits, 6)).unwrap_or(u8::MAX);
    let period = u16::try_from(or(request.period, 30)).unwrap_or(u16::MAX);
    let totp = Totp::new(algorithm, digits, period).map_err(|error| bad(&error.to_string()))?;
    let label = if request.label.is_empty() { "phone" } else { &request.label };
    if label.len() > LABEL || label.chars().any(char::is_control) {
        return Err(bad("a label is at most 64 bytes of printable text"));
    }
    Ok((FactorKind::Totp(totp), label.to_owned()))
}

/// The caller's account, if there is one; a failure where it does not verify.
fn own(records: &mut Records<'_>, person: &Person) -> Result<Ruled<Option<Account>>, StoreError> {
    let mut sound = records.read();
    Ok(match sound.find(person.uid, &[&person.name])? {
        Found::Nobody => Ok(None),
        Found::One(id) => match sound.account_of(id, person.uid, &[&person.name])? {
            Some(account) => Ok(Some(account)),
            None => Err(altered()),
        },
        Found::Ambiguous | Found::Unproven => Err(altered()),
    })
}

fn pend(
    records: &mut Records<'_>,
    person: &Person,
    made: (AccountId, FactorId),
    kind: &FactorKind,
    label: &str,
    seed: &[u8],
    now: UnixTime,
) -> Result<Ruled<FactorId>, StoreError> {
    let mut account = match own(records, person)? {
        Ok(Some(account)) if account.state.is_enrolled() => {
            let said = "you have a second factor already; an administrator can reset it (mfactl user reset)";
            return Ok(Err(Failure::new(Fault::AlreadyEnrolled, said)));
        }
        Ok(Some(account)) => account,
        Ok(None) => records.create(made.0, person.uid, &person.name)?,
        Err(failure) => return Ok(Err(failure)),
    };
    if let Some(before) = account.state.pending.take() {
        records.txn().end_factor(before.id, now)?;
    }
    let (id, print) = (made.1, records.fingerprint(seed));
    records.put_seed(&account, id, 1, kind, seed)?;
    let (kind, label) = (kind.clone(), label.to_owned());
    account.state.pending = Some(Pending { id, kind, label, seed: print, began: now, failures: 0 });
    records.keep(&mut account)?;
    records.audit(Some(&account), Event::EnrollmentBegun, Context::user(&person.name))?;
    Ok(Ok(id))
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
    let Some(pending) = account.state.pending.clone().filter(|pending| pending.id == id) else {
        return Ok(Err(no_such()));
    };
    let context = Context::user(&person.name);
    // A clock that was set back to before the beginning does not make it live longer.
    if now < pending.began || now.since(pending.began) >= PENDING {
        return drop_pending(
            records,
            account,
            now,
            context,
            Fault::Expired,
            "that enrolment has ended: begin again",
        );
    }
    let factor = confirmed(pending.clone(), now);
    let Some(seed) = records.read().seed(&account, &factor)? else { return Ok(Err(altered())) };
    match factor.kind.matches(seed.expose(), code, now, account.state.mark(factor.seed)) {
        Match::Fresh(matched) => {
            let label = factor.label.clone();
            account.state.spend(factor.seed, matched);
            account.state.factors.push(factor);
            account.state.pending = None;
            records.keep(&mut account)?;
            records.audit(Some(&account), Event::Enrolled { label }, context)?;
            Ok(Ok(()))
        }
        Match::No | Match::Spent if pending.failures + 1 >= WRONG => {
            let said = "too many wrong codes: that enrolment has ended, begin again";
            drop_pending(records, account, now, context, Fault::Expired, said)
        }
        Match::No | Match::Spent => {
            account.state.pending = Some(Pending { failures: pending.failures + 1, ..pending });
            records.keep(&mut account)?;
            records.audit(Some(&account), Event::EnrollmentFailed, context)?;
            Ok(Err(Failure::new(Fault::WrongCode, "that code is not right")))
        }
    }
}

fn drop_pending(
    records: &mut Records<'_>,
    mut account: Account,
    now: UnixTime,
    context: Context<'_>,
    fault: Fault,
    said: &str,
) -> Result<Ruled<()>, StoreError> {
    if let Some(pending) = account.state.pending.take() {
        records.txn().end_factor(pending.id, now)?;
    }
    records.keep(&mut account)?;
    records.audit(Some(&account), Event::EnrollmentFailed, context)?;
    Ok(Err(Failure::new(fault, said)))
}

fn confirmed(pending: Pending, now: UnixTime) -> Factor {
    let Pending { id, kind, label, seed, .. } = pending;
    let seed: SeedPrint = seed;
    Factor { id, version: 1, kind, label, created: now, last_used: None, seed, attested_failures: 0 }
}

/// The shortest URI that an app understands: parameters at their defaults are left out, so that
/// the QR stays small, and the issuer is said once. Format: Key Uri Format of Google Authenticator.
fn uri(issuer: &str, user: &UserName, kind: &FactorKind, secret: &str) -> String {
    let FactorKind::Totp(totp) = kind;
    let user = percent(&user.to_string());
    let issuer = percent(issuer);
    let mut uri = Zeroizing::new(format!("otpauth://totp/{user}?secret={secret}&issuer={issuer}"));
    if totp.algorithm() != Algorithm::Sha1 {
        uri.push_str("&algorithm=");
        uri.push_str(totp.algorithm().word());
    }
    if totp.digits() != 6 {
        uri.push_str(&format!("&digits={}", totp.digits()));
    }
    if totp.period() != 30 {
        uri.push_str(&format!("&period={}", totp.period()));
    }
    std::mem::take(&mut *uri)
}

/// Percent-encodes what is not unreserved (RFC 3986, 2.3).
fn percent(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{}", HEXLOWER.encode(&[byte]).to_uppercase()),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_is_short_and_its_parts_are_escaped() {
        let user = UserName::from("al ice");
        let plain = uri("host", &user, &FactorKind::Totp(Totp::default()), "JBSW");
        assert_eq!(plain, "otpauth://totp/al%20ice?secret=JBSW&issuer=host");
        let odd = FactorKind::Totp(Totp::new(Algorithm::Sha512, 8, 60).unwrap());
        assert!(
            uri("a&b", &user, &odd, "JBSW").ends_with("issuer=a%26b&algorithm=SHA512&digits=8&period=60")
        );
    }

    #[test]
    fn requests_out_of_range_are_refused_with_a_reason() {
        let refused = |request: EnrollRequest| wanted(&request).unwrap_err().fault;
        assert_eq!(
            refused(EnrollRequest { kind: "hotp".into(), ..Default::default() }),
            Fault::InvalidArgument
        );
        assert_eq!(refused(EnrollRequest { digits: 9, ..Default::default() }), Fault::InvalidArgument);
        assert_eq!(refused(EnrollRequest { period: 100_000, ..Default::default() }), Fault::InvalidArgument);
        assert_eq!(
            refused(EnrollRequest { label: "a\nb".into(), ..Default::default() }),
            Fault::InvalidArgument
        );
        assert!(wanted(&EnrollRequest::default()).is_ok());
    }
}
