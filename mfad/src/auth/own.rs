//! The caller's own account: found, verified, described.

use mfa_proto::{
    account::{Codes, Factor as FactorInfo, Status},
    fault::Fault,
};

use super::{Auth, Failure, decided::account_demands, enrol::Ruled, grace, remembered};
use crate::{
    account::Factor,
    factor::{BackupCodes, SshSk},
    store::{Account, Found, Records, StoreError},
    world::Person,
};

impl Auth {
    /// The caller's own account.
    pub async fn status(&self, uid: u32) -> Result<Status, Failure> {
        let (rules, person) = (self.rules()?, self.person(uid).await?);
        let (name, now) = (person.name.clone(), self.world().clock.now());
        let groups = self.groups(&rules, &person).await;
        let demands = account_demands(&rules, &person.name, Some(person.uid), groups, now, now.wall);
        let allowed = rules.factors.allowed.iter().cloned().collect();
        let (mode, host) = (demands.mode.word().to_owned(), self.world().host);
        let read = self.store.read(move |sound| {
            let account = match sound.find(person.uid, &[&person.name])? {
                Found::One(id) => match sound.account_of(id, person.uid, &[&person.name])? {
                    Some(account) => Some(account),
                    None => return Ok(Err(altered())),
                },
                Found::Nobody => None,
                Found::Ambiguous | Found::Unproven => return Ok(Err(altered())),
            };
            let enrolled = account.as_ref().is_some_and(|account| account.state.is_enrolled());
            let grace =
                grace::ends(sound, &rules, &demands.demanding, Some(person.uid), now)?.filter(|_| !enrolled);
            let remembered = match &account {
                Some(account) => {
                    let ran_ms = sound.head()?.ran_ms_at(&now);
                    remembered::count(&account.state, &rules, host, (now, ran_ms))
                }
                None => 0,
            };
            Ok(Ok((account, grace, remembered)))
        });
        let (account, grace, remembered) = read.await??;
        let state = account.as_ref().map(|account| &account.state);
        Ok(Status {
            user: name.as_bytes().to_vec(),
            mode,
            factors: state.map(|state| state.factors.iter().map(describe).collect()).unwrap_or_default(),
            codes: codes(state.and_then(|state| state.backup.as_ref())),
            locked: state.is_some_and(|state| state.locked.is_some()),
            allowed,
            grace_ends: grace.map_or(0, |ends| ends.0),
            time: now.wall.0,
            remembered,
        })
    }
}

/// A record that cannot be verified.
pub(super) fn altered() -> Failure {
    Failure::new(Fault::Unavailable, "your account's record cannot be verified: tell your administrator")
}

/// A locked account is changed by nobody but an administrator.
pub(super) fn locked() -> Failure {
    Failure::new(Fault::NotPermitted, "your account is locked: ask your administrator")
}

/// The caller's account, if there is one; a failure where it does not verify.
pub(super) fn own(records: &mut Records<'_>, person: &Person) -> Result<Ruled<Option<Account>>, StoreError> {
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

/// A factor as its owner may see it.
pub(super) fn describe(factor: &Factor) -> FactorInfo {
    let oath = factor.kind.oath();
    let key = factor.kind.ssh_sk().and_then(SshSk::signed);
    FactorInfo {
        id: factor.id.hex(),
        label: factor.label.clone(),
        kind: factor.kind.word().to_owned(),
        algorithm: match (oath, key) {
            (Some(oath), _) => oath.algorithm().word().to_owned(),
            (None, key) => key.map_or("", |key| key.kind.word()).to_owned(),
        },
        digits: oath.map_or(0, |oath| u32::from(oath.digits())),
        period: u32::from(factor.kind.period()),
        created: factor.created.0,
        last_used: factor.last_used.map_or(0, |time| time.0),
        disabled: factor.is_disabled(),
        key: key.map(|key| key.key.to_string()).unwrap_or_default(),
        application: key.map(|key| key.application.clone()).unwrap_or_default(),
        pin: key.is_some_and(|key| key.pin),
    }
}

/// Backup codes as their owner may see them.
pub(super) fn codes(set: Option<&BackupCodes>) -> Codes {
    set.map_or_else(Codes::default, |set| Codes { left: set.left(), weak: set.weak(), made: set.made.0 })
}
