//! Backup codes are made: as many as the settings say, shown once, a new set in place of the one before, whole or not at all.

use std::time::Duration;

use mfa_proto::{
    fault::Fault,
    one_time::{ENTROPY_BYTES, OneTimeCode, Purpose, SLOTS},
};
use zruntime::SharedRuntime;

use super::{
    Auth, Failure,
    own::{locked, own},
    step_up::FreshProof,
};
use crate::{
    account::AccountId,
    audit::Event,
    crypto::{Peppered, SlowHash},
    factor::BackupCodes,
    store::{Context, Hashes, Records},
    world::{Moment, Person, TooBusy, random},
};

/// How long a user who waits for nothing else waits for codes: less than mfactl does.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

/// When a set is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replace {
    /// In place of whatever set there is.
    Any,
    /// Only where there is none.
    OnlyNone,
}

impl Auth {
    /// A new set in place of the caller's. `proven`: a fresh proof of that account.
    pub async fn codes_renew(&self, uid: u32, proven: Option<FreshProof>) -> Result<Vec<String>, Failure> {
        proven.filter(|fresh| fresh.is_of(uid)).ok_or_else(FreshProof::needed)?;
        let person = self.person(uid).await?;
        if !self.rules()?.factors.allow("backup") {
            let said = "this host takes no backup codes: see [factors] allowed in mfad.toml";
            return Err(Failure::new(Fault::NotPermitted, said));
        }
        self.make_codes(&person, Replace::Any, PATIENCE).await
    }

    /// Makes a set for the account of `person`; none where there is one already that is to stay, or where the host
    /// takes none.
    ///
    /// The hashes are slow, so they are computed before the transaction that puts them in place.
    /// `patience`: how long the hashes may take; then none are made.
    pub(super) async fn make_codes(
        &self,
        person: &Person,
        replace: Replace,
        patience: Duration,
    ) -> Result<Vec<String>, Failure> {
        let not_enrolled =
            || Failure::new(Fault::NotEnrolled, "backup codes stand in for a factor: enrol one first");
        let who = person.clone();
        let found = self.store.read(move |sound| match sound.find(who.uid, &[&who.name])? {
            crate::store::Found::One(id) => sound.account_of(id, who.uid, &[&who.name]),
            _ => Ok(None),
        });
        let account = found.await?.filter(|account| account.state.is_enrolled()).ok_or_else(not_enrolled)?;
        let (allowed, size) = {
            let factors = &self.rules()?.factors;
            (factors.allow("backup"), factors.backup_codes)
        };
        if !allowed || (replace == Replace::OnlyNone && account.state.backup.is_some()) {
            return Ok(Vec::new());
        }
        let runtime = SharedRuntime::current().map_err(|_| TooBusy)?;
        let made = runtime.timeout(patience, self.new_codes(account.id(), size)).await;
        let (codes, hashes) = made.map_err(|_| TooBusy)??;
        let (person, id, row) = (person.clone(), account.id(), random(&*self.world().entropy)?);
        let put = move |records: &mut Records<'_>, now: Moment| {
            let mut account = match own(records, &person)? {
                Ok(Some(account)) if account.state.locked.is_some() => return Ok(Err(locked())),
                Ok(Some(account)) if account.id() == id && account.state.is_enrolled() => account,
                Ok(_) => return Ok(Err(not_enrolled())),
                Err(failure) => return Ok(Err(failure)),
            };
            if let Some(before) = account.state.backup.take().and_then(|before| before.hashes) {
                records.end(before)?;
            }
            records.put_hashes(&account, row, Hashes::Backup, &hashes)?;
            account.state.backup = Some(BackupCodes::new(row, size, now.wall));
            records.keep(&mut account)?;
            records.audit(Some(&account), Event::CodesMade, Context::user(&person.name))?;
            Ok(Ok(()))
        };
        self.store.write(put).await?.into_inner()?;
        Ok(codes.iter().map(|code| code.for_people().to_string()).collect())
    }

    /// So many codes and their hashes, by their slots.
    async fn new_codes(
        &self,
        account: AccountId,
        size: u8,
    ) -> Result<(Vec<OneTimeCode>, Vec<SlowHash>), Failure> {
        let world = self.world();
        let mut codes = Vec::with_capacity(usize::from(size));
        for slot in 0..size.min(SLOTS) {
            let entropy = zeroize::Zeroizing::new(random::<ENTROPY_BYTES>(&*world.entropy)?);
            codes.push(OneTimeCode::new(Purpose::Backup(slot), &entropy));
        }
        let halves = codes.chunks(usize::from(size.div_ceil(2)).max(1)).map(|half| {
            let half: Vec<_> =
                half.iter().map(|code| Peppered::new(self.store.keys(), &account.0, code)).collect();
            let entropy = std::sync::Arc::clone(&world.entropy);
            world
                .making
                .run(move || half.iter().map(|code| code.hash(&*entropy)).collect::<Result<Vec<_>, _>>())
        });
        let mut hashes = Vec::with_capacity(codes.len());
        for half in halves.collect::<Vec<_>>() {
            hashes.extend(half.await??);
        }
        Ok((codes, hashes))
    }

    /// The hash of one code, for a ticket.
    pub(super) async fn hash(&self, account: AccountId, code: &OneTimeCode) -> Result<SlowHash, Failure> {
        let peppered = Peppered::new(self.store.keys(), &account.0, code);
        let entropy = std::sync::Arc::clone(&self.world().entropy);
        Ok(self.world().making.run(move || peppered.hash(&*entropy)).await??)
    }
}
