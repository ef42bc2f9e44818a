//! Enrolment of a security key for ssh, by a signature instead of a code.
//!
//! ```text
//! SshKeyBegin ──▶ pending (15 minutes, 5 signatures that do not hold) ──SshKeyConfirm──▶ factor
//! ```
//!
//! The challenge lies sealed where an app's seed would: it is this account's alone, and ends with the
//! enrolment, so no signature is good twice. A key opens logins over ssh and nothing else, so it comes
//! after an app, takes a fresh code of that, and is no factor to fall back on.

use data_encoding::BASE32_NOPAD;
use mfa_proto::{account::Challenge, fault::Fault, identity::UnixTime};

use super::{
    Auth, Failure,
    enrol::{Ruled, no_such},
    own::{altered, locked, own},
    pending,
    step_up::FreshProof,
    wish,
};
use crate::{
    account::{ChangeKind, FactorId, Origin, Pending, State},
    audit::Event,
    factor::{
        FactorKind, SshSk,
        ssh_sk::{MOST, Signed, sshsig},
    },
    policy::Rules,
    store::{Account, Context, Records, StoreError},
    world::{Moment, Person, random},
};

/// The length of a challenge, in bytes: 160 bits.
const CHALLENGE: usize = 20;
/// What a key is called where nothing is said.
const LABEL: &str = "security key";

impl Auth {
    /// Begins the enrolment of a security key: gives what it has to sign. An earlier enrolment that was
    /// not confirmed ends.
    pub async fn ssh_key_begin(
        &self,
        uid: u32,
        label: &str,
        replace: &str,
        proven: Option<FreshProof>,
    ) -> Result<Challenge, Failure> {
        let (rules, person) = (self.rules()?, self.person(uid).await?);
        allowed(&rules)?;
        let label = match (label, replace) {
            ("", replaced) if !replaced.is_empty() && FactorId::from_hex(replaced).is_none() => replaced,
            ("", _) => LABEL,
            (label, _) => label,
        };
        let wanted = Wanted { label: wish::label(label)?, replace: replace.to_owned() };
        let entropy = &*self.world().entropy;
        let (id, challenge) = (FactorId(random(entropy)?), random::<CHALLENGE>(entropy)?);
        let text = BASE32_NOPAD.encode(&challenge).to_ascii_lowercase();
        let (proven, sealed) = (proven.is_some_and(|fresh| fresh.is_of(uid)), text.clone());
        let begin = move |records: &mut Records<'_>, now: Moment| {
            pend(records, &person, id, &wanted, &sealed, proven, now.wall)
        };
        self.store.write(begin).await?.into_inner()?;
        Ok(Challenge {
            enrollment: id.hex(),
            challenge: text,
            namespace: sshsig::NAMESPACE.to_owned(),
            pin: rules.factors.ssh_key_pin,
            seconds: u32::try_from(pending::PENDING).unwrap_or(u32::MAX),
        })
    }

    /// Confirms it with the signature. Gives the id of the factor.
    pub async fn ssh_key_confirm(
        &self,
        uid: u32,
        enrollment: &str,
        signature: Vec<u8>,
    ) -> Result<String, Failure> {
        let (rules, person) = (self.rules()?, self.person(uid).await?);
        allowed(&rules)?;
        let id = FactorId::from_hex(enrollment).ok_or_else(no_such)?;
        let confirm = move |records: &mut Records<'_>, now: Moment| {
            confirm(records, &person, id, &signature, &rules, now.wall)
        };
        self.store.write(confirm).await?.into_inner()?;
        Ok(id.hex())
    }
}

fn allowed(rules: &Rules) -> Result<(), Failure> {
    let said = "security keys do not count on this host: see [factors] in mfad.toml";
    rules.factors.allow("ssh_sk").then_some(()).ok_or_else(|| Failure::new(Fault::NotPermitted, said))
}

/// What a new key is to be.
struct Wanted {
    label: String,
    /// Label or id of the key that it replaces; empty: none.
    replace: String,
}

fn needs_app() -> Failure {
    let said = "a security key opens logins over ssh only, and all else still asks for a code: enrol an \
                authenticator app first (mfactl enroll)";
    Failure::new(Fault::NotEnrolled, said)
}

fn pend(
    records: &mut Records<'_>,
    person: &Person,
    id: FactorId,
    wanted: &Wanted,
    challenge: &str,
    proven: bool,
    now: UnixTime,
) -> Result<Ruled<()>, StoreError> {
    let mut account = match own(records, person)? {
        Ok(Some(account)) if account.state.apps().next().is_some() => account,
        Ok(_) => return Ok(Err(needs_app())),
        Err(failure) => return Ok(Err(failure)),
    };
    if account.state.locked.is_some() {
        return Ok(Err(locked()));
    }
    if !proven {
        return Ok(Err(FreshProof::needed()));
    }
    let replaces = match replaced(&account.state, &wanted.replace) {
        Ok(replaces) => replaces,
        Err(failure) => return Ok(Err(failure)),
    };
    if replaces.is_none() && account.state.ssh_keys().count() >= MOST {
        let said =
            format!("you have {MOST} security keys, which is as many as there may be: remove one first");
        return Ok(Err(Failure::new(Fault::AlreadyEnrolled, said)));
    }
    let pending = Pending {
        id,
        kind: FactorKind::SshSk(SshSk::awaited()),
        label: wanted.label.clone(),
        seed: records.fingerprint(challenge.as_bytes()),
        began: now,
        failures: 0,
        replaces,
        origin: Origin::Session,
        by: None,
        proven,
    };
    pending::put(records, &mut account, pending, challenge.as_bytes())?;
    records.keep(&mut account)?;
    records.audit(Some(&account), Event::EnrollmentBegun, Context::user(&person.name))?;
    Ok(Ok(()))
}

/// The key whose place the new one takes. The place of an app it cannot take.
fn replaced(state: &State, named: &str) -> Ruled<Option<FactorId>> {
    if named.is_empty() {
        return Ok(None);
    }
    match state.factor_named(named) {
        Some(factor) if factor.kind.gives_codes() => {
            let said = "a security key takes no app's place: it opens logins over ssh only";
            Err(Failure::new(Fault::NotPermitted, said))
        }
        Some(factor) => Ok(Some(factor.id)),
        None => {
            let said = format!("you have no factor {named:?}, or more than one of that label");
            Err(Failure::new(Fault::NotFound, said))
        }
    }
}

fn confirm(
    records: &mut Records<'_>,
    person: &Person,
    id: FactorId,
    signature: &[u8],
    rules: &Rules,
    now: UnixTime,
) -> Result<Ruled<()>, StoreError> {
    let mut account = match own(records, person)? {
        Ok(Some(account)) => account,
        Ok(None) => return Ok(Err(no_such())),
        Err(failure) => return Ok(Err(failure)),
    };
    let pending = account.state.pending.clone().filter(|pending| pending.id == id);
    let Some(pending) = pending.filter(|pending| pending.kind.ssh_sk().is_some()) else {
        return Ok(Err(no_such()));
    };
    let context = Context::user(&person.name);
    let allowed = pending::still_allowed(&account, &pending) && account.state.apps().next().is_some();
    if !pending::is_open(&pending, now) || !allowed {
        pending::give_up(records, &mut account)?;
        records.audit(Some(&account), Event::EnrollmentFailed, context)?;
        return Ok(Err(Failure::new(Fault::Expired, "that enrolment has ended: begin again")));
    }
    let awaited = pending::confirmed(pending.clone(), now);
    let Some(challenge) = records.read().seed(&account, &awaited)? else { return Ok(Err(altered())) };
    let signed = match judge(&account, &pending, signature, challenge.expose(), rules) {
        Ok(signed) => signed,
        Err(said) => {
            let open = pending::count_wrong(records, &mut account, pending)?;
            records.audit(Some(&account), Event::EnrollmentFailed, context)?;
            return Ok(Err(if open {
                Failure::new(Fault::WrongCode, said)
            } else {
                let said = format!("{said}; that enrolment has ended, begin again");
                Failure::new(Fault::Expired, said)
            }));
        }
    };
    records.discard(id.0)?; // the challenge: the factor has nothing to seal
    let seed = records.fingerprint(&signed.key.0);
    account.state.news.add(now, ChangeKind::Added(pending.label.clone(), id));
    let pending = Pending { kind: FactorKind::SshSk(SshSk::of(signed)), seed, ..pending };
    pending::bind(records, &mut account, pending, now, context)?;
    Ok(Ok(()))
}

/// The key that signed, if it may be enrolled; else why not, for the user.
fn judge(
    account: &Account,
    pending: &Pending,
    signature: &[u8],
    challenge: &[u8],
    rules: &Rules,
) -> Result<Signed, String> {
    let challenge = std::str::from_utf8(challenge).map_err(|error| error.to_string())?;
    let signed = sshsig::verify(signature, sshsig::NAMESPACE, challenge).map_err(|bad| bad.to_string())?;
    if rules.factors.ssh_key_pin && !signed.pin {
        return Err("a PIN is asked for here, and the security key was given none: make it anew with \
                    ssh-keygen -O verify-required"
            .into());
    }
    let is_it = |key: &SshSk| key.is(signed.key);
    let mut others = account.state.ssh_keys().filter(|factor| Some(factor.id) != pending.replaces);
    match others.find(|factor| factor.kind.ssh_sk().is_some_and(is_it)) {
        Some(factor) => Err(format!("that security key is enrolled already, as {:?}", factor.label)),
        None => Ok(signed),
    }
}
