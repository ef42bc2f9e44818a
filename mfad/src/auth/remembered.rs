//! What is remembered of an account, for its user and for root: shown, and ended. Ending takes no proof: who can only
//! be asked once more needs none.

use mfa_proto::{account::Remembered, fault::Fault, identity::UserName};

use super::{
    Auth, Failure,
    own::{altered, own},
};
use crate::{
    account::{Memory, MemoryId, Place, State},
    audit::{Event, Forgot},
    policy::{Bind, Remember, Rules},
    store::{Account, Context, Found, Records, StoreError},
    world::{HostId, Moment},
};

impl Auth {
    /// What is remembered of the caller, the latest last.
    pub async fn remembered(&self, uid: u32) -> Result<Vec<Remembered>, Failure> {
        let person = self.person(uid).await?;
        let (rules, host, now) = (self.rules()?, self.world().host, self.world().clock.now());
        let listed = self.store.read(move |sound| {
            let account = match sound.find(person.uid, &[&person.name])? {
                Found::One(id) => sound.account_of(id, person.uid, &[&person.name])?,
                Found::Nobody => return Ok(Some(Vec::new())),
                Found::Ambiguous | Found::Unproven => None,
            };
            let ran_ms = sound.head()?.ran_ms_at(&now);
            Ok(account.map(|account| list(&account.state, &rules, host, (now, ran_ms))))
        });
        listed.await?.ok_or_else(altered)
    }

    /// What is remembered of an account, for root.
    pub async fn user_remembered(&self, user: Vec<u8>) -> Result<Vec<Remembered>, Failure> {
        let id = self.account_id(user).await?;
        let (rules, host, now) = (self.rules()?, self.world().host, self.world().clock.now());
        let listed = self.store.read(move |sound| {
            let (account, ran_ms) = (sound.account(id)?, sound.head()?.ran_ms_at(&now));
            Ok(account.map(|account| list(&account.state, &rules, host, (now, ran_ms))))
        });
        listed.await?.ok_or_else(super::administer::altered)
    }

    /// Forgets one of the caller's, or all where `id` is empty. Gives how many counted.
    pub async fn remembered_forget(&self, uid: u32, id: &str) -> Result<u32, Failure> {
        let (person, wanted) = (self.person(uid).await?, wanted(id)?);
        let forget = move |records: &mut Records<'_>, now: Moment| match own(records, &person)? {
            Ok(Some(account)) => forget(records, account, wanted, &person.name, Forgot::Own, now).map(Ok),
            Ok(None) => Ok(Ok(0)),
            Err(failure) => Ok(Err(failure)),
        };
        found(self.store.write(forget).await?.into_inner()?, wanted)
    }

    /// The same of any account, for root.
    pub async fn user_forget(&self, user: Vec<u8>, id: &str) -> Result<u32, Failure> {
        let (account, wanted) = (self.account_id(user).await?, wanted(id)?);
        let forget = move |records: &mut Records<'_>, now: Moment| {
            let Some(account) = records.read().account(account)? else {
                return Ok(Err(super::administer::altered()));
            };
            let name = super::administer::name_of(&account);
            forget(records, account, wanted, &name, Forgot::Root, now).map(Ok)
        };
        found(self.store.write(forget).await?.into_inner()?, wanted)
    }
}

/// How many stand.
pub(super) fn count(state: &State, rules: &Rules, host: Option<HostId>, at: (Moment, u64)) -> u32 {
    u32::try_from(list(state, rules, host, at).len()).unwrap_or(u32::MAX)
}

fn list(state: &State, rules: &Rules, host: Option<HostId>, (now, ran_ms): (Moment, u64)) -> Vec<Remembered> {
    let (Some(terms), Some(host)) = (&rules.remember, host) else { return Vec::new() };
    state
        .remembered(host, (terms, &rules.factors), (now.wall, ran_ms))
        .map(|memory| describe(state, terms, memory))
        .collect()
}

fn describe(state: &State, terms: &Remember, memory: &Memory) -> Remembered {
    let is_bound = |bind: Bind| memory.bind.contains(&bind) || terms.bind.contains(&bind);
    let text = |known: Option<String>, bind: Bind| known.filter(|_| is_bound(bind)).unwrap_or_default();
    let (key, address, tty) = match &memory.place {
        Place::Ssh { key, network } => (
            text(key.map(|key| key.to_string()), Bind::Key),
            text(network.map(|network| network.to_string()), Bind::Address),
            String::new(),
        ),
        Place::Sudo { tty, .. } => (String::new(), String::new(), tty.clone()),
    };
    let by = state.factors.iter().find(|factor| Some(factor.id) == memory.factor);
    Remembered {
        id: memory.id.to_string(),
        service: memory.place.services()[0].to_owned(),
        key,
        address,
        tty: super::administer::printable(&tty),
        factor: by.map(|factor| factor.label.clone()).unwrap_or_default(),
        made: memory.made.0,
        ends: memory.ends(terms).0,
    }
}

/// Which one; none for all.
fn wanted(id: &str) -> Result<Option<MemoryId>, Failure> {
    if id.is_empty() {
        return Ok(None);
    }
    let bytes = data_encoding::HEXLOWER.decode(id.as_bytes()).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).map(|id| Some(MemoryId(id))).ok_or_else(no_such)
}

fn found(forgotten: u32, wanted: Option<MemoryId>) -> Result<u32, Failure> {
    if forgotten == 0 && wanted.is_some() { Err(no_such()) } else { Ok(forgotten) }
}

fn no_such() -> Failure {
    Failure::new(Fault::NotFound, "nothing of that id is remembered")
}

fn forget(
    records: &mut Records<'_>,
    mut account: Account,
    wanted: Option<MemoryId>,
    name: &UserName,
    why: Forgot,
    now: Moment,
) -> Result<u32, StoreError> {
    let proofs = account.state.forget(wanted, (now.wall, records.ran_ms()));
    records.keep(&mut account)?;
    if proofs > 0 {
        records.audit(Some(&account), Event::Forgotten { proofs, why }, Context::user(name))?;
    }
    Ok(proofs)
}
