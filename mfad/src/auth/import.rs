//! Factors that another system had: the same seeds, so that no phone changes.
//!
//! A seed that moves in has been used elsewhere, up to a moment that nobody knows exactly. Its
//! replay mark begins at what the window allows now, so that the code that opened the old door a
//! minute ago does not open the new one. A seed that is the account's already, or was, revives
//! nothing. (S3, S17)

use mfa_proto::{
    admin::{Import, Imported, Why},
    fault::Fault,
    identity::{UnixTime, UserName},
    secret::Secret,
};

use super::{Auth, Failure, administer::Authority, enrol::is_taken, own::altered, step_up::FreshProof, wish};
use crate::{
    account::{AccountId, ChangeKind, Factor, FactorId},
    audit::{Act, Event},
    factor::{BackupCodes, FactorKind, MovingFactor, oath::SHORTEST_SEED},
    store::{Account, Context, Found, Records, StoreError},
    world::{Moment, Person, random},
};

/// The longest seed that is taken, in bytes.
const LONGEST_SEED: usize = 128;
/// The most scratch codes that come along.
const SCRATCH_CODES: usize = 10;

/// What is to be taken over, checked.
struct Wanted {
    kind: FactorKind,
    label: String,
    seed: Secret<Vec<u8>>,
    /// The last counter that is known to be used.
    mark: Option<MovingFactor>,
    scratch_codes: Vec<Secret<Vec<u8>>>,
    allow_weak: bool,
    refresh: bool,
}

impl Auth {
    /// Takes a factor of another system over, or says what would become of it.
    pub async fn import(
        &self,
        import: Import,
        why: Why,
        proven: Option<FreshProof>,
    ) -> Result<Imported, Failure> {
        // A dry run changes nothing, and takes no proof.
        let act = if import.dry_run { None } else { Some(Authority::of(proven.as_ref(), why)?.act()) };
        let name = UserName::new(import.user.clone());
        let person = self.world().names.by_name(&name).await?;
        let person =
            person.ok_or_else(|| Failure::new(Fault::NotFound, format!("there is no user {name}")))?;
        let (rules, mut wanted) = (self.rules()?, wanted(import)?);
        is_taken(&rules, &wanted.kind)?;
        if !rules.factors.allow("backup") {
            wanted.scratch_codes.clear();
        }
        let entropy = &*self.world().entropy;
        let (id, factor) = (AccountId(random(entropy)?), FactorId(random(entropy)?));
        let take = move |records: &mut Records<'_>, now: Moment| {
            let account = match records.read().find(person.uid, &[&person.name])? {
                Found::One(found) => match records.read().account_of(found, person.uid, &[&person.name])? {
                    Some(account) => Some(account),
                    None => return Ok(Err(altered())),
                },
                Found::Nobody => None,
                Found::Ambiguous | Found::Unproven => return Ok(Err(altered())),
            };
            let outcome = wanted.would(records, account.as_ref());
            let answer = wanted.answer(outcome, account.as_ref());
            let Some(act) = act.as_ref().filter(|_| matches!(outcome, "imported" | "refreshed")) else {
                return Ok(Ok(answer));
            };
            let account = match account {
                Some(account) => account,
                None => records.create(id, person.uid, &person.name)?,
            };
            take_over(records, account, &person, &wanted, factor, act, now.wall)?;
            Ok(Ok(answer))
        };
        self.store.write(take).await?.into_inner()
    }
}

fn wanted(import: Import) -> Result<Wanted, Failure> {
    let bad = |said: &str| Failure::new(Fault::InvalidArgument, said);
    let kind = wish::kind(&import.kind, &import.algorithm, import.digits, import.period)?;
    let seed = Secret::new(import.secret);
    if seed.expose().is_empty() || seed.expose().len() > LONGEST_SEED {
        return Err(bad("a seed has 1 to 128 bytes"));
    }
    let scratch_codes: Vec<_> = import.scratch_codes.into_iter().map(Secret::new).collect();
    let eight_digits =
        |code: &Secret<Vec<u8>>| code.expose().len() == 8 && code.expose().iter().all(u8::is_ascii_digit);
    if scratch_codes.len() > SCRATCH_CODES || !scratch_codes.iter().all(eight_digits) {
        return Err(bad("at most ten scratch codes come along, of eight digits each"));
    }
    Ok(Wanted {
        kind,
        label: wish::label(&import.label)?,
        seed,
        mark: import.next.checked_sub(1).map(MovingFactor),
        scratch_codes,
        allow_weak: import.allow_weak,
        refresh: import.refresh,
    })
}

impl Wanted {
    fn bits(&self) -> u32 {
        u32::try_from(self.seed.expose().len() * 8).unwrap_or(u32::MAX)
    }

    /// What becomes of it, by what the account is.
    fn would(&self, records: &Records<'_>, account: Option<&Account>) -> &'static str {
        let print = records.fingerprint(self.seed.expose());
        let state = account.map(|account| &account.state);
        let is_a_factor = state.is_some_and(|state| state.factors.iter().any(|factor| factor.seed == print));
        let is_it = |factor: &Factor| factor.seed == print && factor.kind == self.kind;
        let same_kind = state.is_some_and(|state| state.factors.iter().any(is_it));
        let was = state.is_some_and(|state| state.knows(print));
        // What its user enrolled, or has used, is the user's own: nothing is put beside it. (S17)
        let own =
            state.is_some_and(|state| state.factors.iter().any(|f| !f.imported || f.last_used.is_some()));
        // Nor does an administrator end it, and choose the next one: that is the user's to choose again. (S17)
        let had = state.is_some_and(|state| state.had_factor && state.factors.is_empty());
        match (is_a_factor, self.refresh) {
            (true, true) if same_kind => "refreshed",
            (true, _) => "known",
            (false, true) => "nothing",
            (false, false) if was => "ended",
            (false, false) if own => "enrolled",
            (false, false) if had => "had_factor",
            (false, false) if self.seed.expose().len() < SHORTEST_SEED && !self.allow_weak => "weak",
            (false, false) if state.is_some_and(|state| !state.has_room_for(&self.kind, None)) => "full",
            (false, false) => "imported",
        }
    }

    fn answer(&self, outcome: &str, account: Option<&Account>) -> Imported {
        let room = account.is_none_or(|account| account.state.backup.is_none());
        let came = if outcome == "imported" && room { self.scratch_codes.len() } else { 0 };
        Imported {
            outcome: outcome.to_owned(),
            scratch_codes: u32::try_from(came).unwrap_or(u32::MAX),
            bits: self.bits(),
        }
    }

    /// The mark it gets: for codes by time what the window allows now, whatever a file says; for those
    /// by counter the last one that is known to be used.
    fn mark(&self, now: UnixTime) -> Option<MovingFactor> {
        self.kind.highest(now, self.mark)
    }
}

fn take_over(
    records: &mut Records<'_>,
    mut account: Account,
    person: &Person,
    wanted: &Wanted,
    id: FactorId,
    act: &Act,
    now: UnixTime,
) -> Result<(), StoreError> {
    let seed = records.fingerprint(wanted.seed.expose());
    account.state.raise(seed, wanted.mark(now));
    let (act, label, bits) = (act.clone(), wanted.label.clone(), wanted.bits());
    if wanted.refresh {
        records.keep(&mut account)?;
        return records.audit(Some(&account), Event::Refreshed { act, label }, Context::user(&person.name));
    }
    // An enrolment that was begun by wish, when there was no factor, is no wish any more.
    if let Some(pending) = account.state.pending.take() {
        records.discard(pending.id.0)?;
    }
    let kind = wanted.kind.clone();
    records.put_seed(&account, id, 1, &kind, wanted.seed.expose())?;
    let factor = Factor { imported: true, ..Factor::new(id, kind, label.clone(), seed, now) };
    account.state.factors.push(factor);
    account.state.had_factor = true;
    if !wanted.scratch_codes.is_empty() && account.state.backup.is_none() {
        let tags = wanted.scratch_codes.iter().map(|code| records.foreign_tag(&account, code.expose()));
        account.state.backup = Some(BackupCodes::foreign(tags.collect::<Vec<_>>(), now));
    }
    account.state.news.add(now, ChangeKind::Added(wanted.label.clone(), id));
    records.unsee(person.uid)?;
    records.keep(&mut account)?;
    records.audit(Some(&account), Event::Imported { act, label, bits }, Context::user(&person.name))
}
