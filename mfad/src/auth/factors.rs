//! What users do with the factors that they have. Each takes a fresh proof of the account.

use mfa_proto::fault::Fault;

use super::{
    Auth, Failure,
    decided::account_demands,
    enrol::Ruled,
    own::{locked, own},
    step_up::FreshProof,
    wish,
};
use crate::{
    account::{FactorId, Lock, Visits},
    audit::Event,
    store::{Account, Context, Records, StoreError},
    world::Moment,
};

impl Auth {
    /// Gives a factor another label.
    pub async fn factor_rename(
        &self,
        uid: u32,
        id: &str,
        label: &str,
        proven: Option<FreshProof>,
    ) -> Result<(), Failure> {
        let (id, to) = (FactorId::from_hex(id).ok_or_else(no_such)?, wish::label(label)?);
        self.change_own(uid, proven, move |_, account, _| {
            let Some(factor) = account.state.factors.iter_mut().find(|factor| factor.id == id) else {
                return Ok(Err(no_such()));
            };
            let from = std::mem::replace(&mut factor.label, to.clone());
            Ok(Ok(vec![Event::Renamed { from, to: to.clone() }]))
        })
        .await
    }

    /// Ends a factor. Where one is required the last app stays: it can be replaced. With the last
    /// one, the backup codes end. It stays too while there are security keys, which open ssh alone: nothing
    /// else could be opened any more.
    pub async fn factor_remove(&self, uid: u32, id: &str, proven: Option<FreshProof>) -> Result<(), Failure> {
        let (rules, id) = (self.rules()?, FactorId::from_hex(id).ok_or_else(no_such)?);
        let (person, now) = (self.person(uid).await?, self.world().clock.now());
        let groups = self.groups(&rules, &person).await;
        let demands = account_demands(&rules, &person.name, Some(uid), groups, now, now.wall);
        self.change_own(uid, proven, move |records, account, _| {
            let Some(at) = account.state.factors.iter().position(|factor| factor.id == id) else {
                return Ok(Err(no_such()));
            };
            let last = account.state.factors[at].kind.gives_codes() && account.state.apps().count() == 1;
            if last && account.state.ssh_keys().next().is_some() {
                let said = "this is your last app, and your security keys open logins over ssh only: remove \
                            those first, or replace the app (mfactl enroll --replace)";
                return Ok(Err(Failure::new(Fault::NotPermitted, said)));
            }
            if last {
                if demands.is_any() {
                    let said = "a factor is required here, and this is your last one: replace it instead \
                                (mfactl enroll --replace)";
                    return Ok(Err(Failure::new(Fault::NotPermitted, said)));
                }
                if let Some(set) = account.state.backup.take().and_then(|set| set.hashes) {
                    records.end(set)?;
                }
            }
            records.end(id.0)?;
            let factor = account.state.factors.remove(at);
            account.state.forget_device_of(&factor);
            Ok(Ok(vec![Event::Ended { label: factor.label }]))
        })
        .await
    }

    async fn change_own(
        &self,
        uid: u32,
        proven: Option<FreshProof>,
        change: impl Fn(&mut Records<'_>, &mut Account, Moment) -> Result<Ruled<Vec<Event>>, StoreError>
        + Send
        + 'static,
    ) -> Result<(), Failure> {
        proven.filter(|fresh| fresh.is_of(uid)).ok_or_else(FreshProof::needed)?;
        let person = self.person(uid).await?;
        let write = move |records: &mut Records<'_>, now: Moment| {
            let mut account = match own(records, &person)? {
                Ok(Some(account)) => account,
                Ok(None) => return Ok(Err(no_such())),
                Err(failure) => return Ok(Err(failure)),
            };
            if account.state.locked.is_some() {
                return Ok(Err(locked()));
            }
            let events = match change(records, &mut account, now)? {
                Ok(events) => events,
                Err(failure) => return Ok(Err(failure)),
            };
            records.keep(&mut account)?;
            for event in events {
                records.audit(Some(&account), event, Context::user(&person.name))?;
            }
            Ok(Ok(()))
        };
        self.store.write(write).await?.into_inner()
    }

    /// "That was not me": ends what is pending, forgets where the user usually comes from, locks the
    /// account until an administrator has looked, and alarms. Takes no proof: who can only stop
    /// something needs none.
    pub async fn not_me(&self, uid: u32) -> Result<String, Failure> {
        let person = self.person(uid).await?;
        let write = move |records: &mut Records<'_>, _: Moment| {
            let mut account = match own(records, &person)? {
                Ok(Some(account)) => account,
                Ok(None) => return Ok(Err(Failure::new(Fault::NotEnrolled, "you have no factor"))),
                Err(failure) => return Ok(Err(failure)),
            };
            let mut done = Vec::new();
            if let Some(pending) = account.state.pending.take() {
                records.discard(pending.id.0)?;
                done.push("an enrolment that waited for its code has ended");
            }
            if let Some(ticket) = account.state.voucher.take() {
                records.end(ticket.hash)?;
                done.push("an invitation or recovery code is void");
            }
            account.state.doors.forget();
            account.state.later.visits = Visits::default();
            account.state.locked = Some(Lock::NotMe);
            done.push("no place and no device is known as yours any more");
            done.push("your account is locked until an administrator unlocks it");
            records.keep(&mut account)?;
            records.audit(Some(&account), Event::NotMe, Context::user(&person.name))?;
            Ok(Ok(done.join("\n")))
        };
        self.store.write(write).await?.into_inner()
    }
}

fn no_such() -> Failure {
    Failure::new(Fault::NotFound, "you have no such factor")
}
