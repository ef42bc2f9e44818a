//! What administrators do: look, reset, unlock, read the audit.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use mfa_proto::{
    admin::{AuditRow, AuditState, Door as DoorInfo, PAGE, UserDetail, UserRow, Why},
    fault::Fault,
    identity::{UnixTime, UserName},
};

use super::{
    Auth, Failure,
    decided::account_demands,
    exempt::end_grants_of,
    judge::highest_now,
    own::{codes, describe},
    step_up::FreshProof,
};
use crate::{
    account::{AccountId, DoorState, Lock, Visits},
    audit::{self, Act, Event, Record},
    policy::Grant,
    store::{self, Account, Context, Head, Records, StoreError},
    world::Moment,
};

/// The longest reason, in bytes.
const REASON: usize = 512;
/// Audit rows that one transaction reads.
const READ_AT_ONCE: u32 = 2000;

impl Auth {
    /// A page of accounts by name, those above `after`. One that does not verify is listed without
    /// factors; `user_show` says what is wrong with it.
    pub async fn user_list(&self, after: Vec<u8>, most: u32) -> Result<Vec<UserRow>, Failure> {
        let (after, most, now) = (UserName::new(after), most.clamp(1, PAGE), self.world().clock.now().wall);
        let rows = self.store.read(move |sound| {
            let page = sound.rows().accounts(&after, most)?;
            let mut rows = Vec::with_capacity(page.len());
            for entry in page {
                let mut listed = UserRow {
                    name: entry.name.as_bytes().to_vec(),
                    uid: entry.uid,
                    factors: 0,
                    codes: 0,
                    locked: false,
                    limited: 0,
                    last_used: 0,
                };
                if let Some(account) = sound.account(entry.id)? {
                    fill(&mut listed, &account, now);
                }
                rows.push(listed);
            }
            Ok(rows)
        });
        Ok(rows.await?)
    }

    /// One account in full.
    pub async fn user_show(&self, user: Vec<u8>) -> Result<UserDetail, Failure> {
        let (id, moment) = (self.account_id(user).await?, self.world().clock.now());
        let account = self.store.read(move |sound| sound.account(id)).await?.ok_or_else(altered)?;
        let (state, now, rules) = (&account.state, moment.wall, self.rules()?);
        let person = match state.uid {
            Some(uid) => self.world().names.by_uid(uid).await?,
            None => None,
        };
        let groups = match &person {
            Some(person) => self.groups(&rules, person).await,
            None => None,
        };
        let mode = account_demands(&rules, &name_of(&account), state.uid, groups, moment, moment.wall).mode;
        let open = state.voucher.as_ref().filter(|ticket| now < ticket.ends);
        Ok(UserDetail {
            name: name_of(&account).as_bytes().to_vec(),
            uid: state.uid.unwrap_or(u32::MAX),
            factors: state.factors.iter().map(describe).collect(),
            codes: codes(state.backup.as_ref()),
            locked: state.locked.is_some(),
            open: open.map_or_else(String::new, |ticket| {
                format!("{}, {} hours left", ticket.what.word(), ticket.ends.since(now).div_ceil(3600))
            }),
            doors: state.doors.iter().map(|state| door(state, now)).collect(),
            mode: mode.word().to_owned(),
            allowed: rules.factors.allowed.iter().cloned().collect(),
        })
    }

    /// Ends every factor of an account, and all that was handed out for it. Replay marks stay.
    pub async fn user_reset(
        &self,
        user: Vec<u8>,
        why: Why,
        proven: Option<FreshProof>,
    ) -> Result<u32, Failure> {
        let authority = Authority::of(proven.as_ref(), why)?;
        let id = self.account_id(user).await?;
        self.change(id, move |records, account, _| {
            let factors = end_all(records, account)?;
            Ok((Event::Reset { act: authority.act(), factors }, factors))
        })
        .await
    }

    /// Lets nobody into an account.
    pub async fn user_lock(
        &self,
        user: Vec<u8>,
        why: Why,
        proven: Option<FreshProof>,
    ) -> Result<(), Failure> {
        let authority = Authority::of(proven.as_ref(), why)?;
        let id = self.account_id(user).await?;
        self.change(id, move |records, account, _| {
            account.state.locked = Some(Lock::Administrator);
            if let Some(pending) = account.state.pending.take() {
                records.end(pending.id.0)?;
            }
            Ok((Event::Locked { act: authority.act() }, 0))
        })
        .await
        .map(drop)
    }

    /// Unlocks an account, opens every door and forgets its failures; with `clock`, also lowers
    /// replay marks of the future to what the window allows now: who says so says that the clock is right now.
    pub async fn user_unlock(
        &self,
        user: Vec<u8>,
        clock: bool,
        why: Why,
        proven: Option<FreshProof>,
    ) -> Result<u32, Failure> {
        let authority = Authority::of(proven.as_ref(), why)?;
        let id = self.account_id(user).await?;
        self.change(id, move |records, account, now| {
            let doors = account.state.unlock(now);
            if clock {
                mend_marks(account, now);
                records.trust_clock();
            }
            Ok((Event::Unlocked { act: authority.act(), doors, clock }, doors))
        })
        .await
    }

    /// Ends every factor of an account and forgets whose it was: of a user who is gone, before the
    /// name or the uid comes back as somebody else's.
    pub async fn user_remove(
        &self,
        user: Vec<u8>,
        why: Why,
        proven: Option<FreshProof>,
    ) -> Result<u32, Failure> {
        let authority = Authority::of(proven.as_ref(), why)?;
        let name = UserName::new(user.clone());
        let id = match self.account_id(user).await {
            Ok(id) => id,
            // Who never enrolled may have been exempt, and the next of that name must not be.
            Err(nobody) if matches!(nobody.fault, Fault::NotEnrolled | Fault::NotFound) => {
                let of_them = move |grant: &Grant| grant.user == name;
                let end = self.store.write(move |records, now: Moment| {
                    end_grants_of(records, &of_them, &authority.act(), now)
                });
                return match end.await?.into_inner() {
                    0 => Err(nobody),
                    _ => Ok(0),
                };
            }
            Err(failure) => return Err(failure),
        };
        let committed = self.store.write(move |records, now| {
            let Some(mut account) = records.read().account(id)? else { return Ok(Err(altered())) };
            let factors = end_all(records, &mut account)?;
            let (names, uid) = (account.state.names.clone(), account.state.uid);
            let of_them = |grant: &Grant| names.iter().any(|name| grant.is_of(name, uid));
            end_grants_of(records, of_them, &authority.act(), now)?;
            records.keep(&mut account)?;
            let (name, act) = (name_of(&account), authority.act());
            records.audit(Some(&account), Event::Removed { act, factors }, Context::user(&name))?;
            if let Some(uid) = account.state.uid {
                records.unsee(uid)?; // whoever has it next was not there
            }
            records.remove(&account)?;
            Ok(Ok(factors))
        });
        committed.await?.into_inner()
    }

    /// Changes an account and records it, in one transaction.
    async fn change(
        &self,
        id: AccountId,
        change: impl Fn(&mut Records<'_>, &mut Account, UnixTime) -> Result<(Event, u32), StoreError>
        + Send
        + 'static,
    ) -> Result<u32, Failure> {
        let committed = self.store.write(move |records, now| {
            let Some(mut account) = records.read().account(id)? else { return Ok(Err(altered())) };
            let (event, told) = change(records, &mut account, now.wall)?;
            records.keep(&mut account)?;
            records.audit(Some(&account), event, Context::user(&name_of(&account)))?;
            Ok(Ok(told))
        });
        committed.await?.into_inner()
    }

    /// A page of the audit.
    pub async fn audit(&self, after: u64, most: u32, user: Vec<u8>) -> Result<Vec<AuditRow>, Failure> {
        let (most, user) = (most.clamp(1, PAGE), UserName::new(user));
        let of_all = user.as_bytes().is_empty();
        let at_once = if of_all { most } else { READ_AT_ONCE };
        let (mut after, mut found) = (after, Vec::new());
        // By the name that the chain covers: a column beside it may have been altered. In steps, for logins to go
        // between.
        while found.len() < most as usize {
            let page = self.store.read(move |sound| sound.audit(after, at_once)).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            futures_lite::future::yield_now().await;
            found.extend(page.into_iter().filter(|row| of_all || row.user == user));
        }
        found.truncate(most as usize);
        Ok(found.into_iter().map(audit_row).collect())
    }

    /// Walks the whole chain up to the head of this moment, and looks that its rows are found by what they tell of.
    pub async fn audit_verify(&self) -> Result<AuditState, Failure> {
        let store = self.store.clone();
        let head = self.store.read(move |sound| Head::read(sound.rows(), store.keys())).await?;
        let (mut before, mut rows) = (audit::NOTHING.to_vec(), 0u64);
        let state = |intact, rows, broken_at| AuditState {
            intact,
            rows,
            broken_at,
            head: HEXLOWER.encode(&head.audit_tag),
        };
        while rows < head.audit_seq {
            let page = self.store.read(move |sound| sound.rows().audit(rows, READ_AT_ONCE)).await?;
            let expected = rows + 1;
            if page.is_empty() {
                return Ok(state(false, rows, expected));
            }
            for row in page.iter().take_while(|row| row.seq <= head.audit_seq) {
                let follows = audit::follows(self.store.keys(), &before, &row.body, &row.tag);
                if row.seq != rows + 1 || !follows || !is_found_rightly(row) {
                    return Ok(state(false, rows, rows + 1));
                }
                (before, rows) = (row.tag.clone(), row.seq);
            }
            if rows + 1 == expected {
                return Ok(state(false, rows, expected)); // the page began beyond the head
            }
        }
        let intact = before == head.audit_tag;
        Ok(state(intact, rows, if intact { 0 } else { rows }))
    }

    /// The account of that name, or of the uid that this name has on the host.
    pub(super) async fn account_id(&self, user: Vec<u8>) -> Result<AccountId, Failure> {
        let name = Arc::new(UserName::new(user));
        let uid = self.world().names.by_name(&name).await?.map(|person| person.uid);
        let searched = Arc::clone(&name);
        let id = self.store.read(move |sound| match sound.rows().account_of_name(&searched)? {
            Some(id) => Ok(Some(id)),
            None => uid.map_or(Ok(None), |uid| sound.rows().account_of_uid(uid)),
        });
        id.await?.ok_or_else(|| match uid {
            Some(_) => Failure::new(Fault::NotEnrolled, format!("{name} has no second factor")),
            None => Failure::new(Fault::NotFound, format!("there is no user {name}")),
        })
    }
}

/// Whether the row is found by what it tells of: what it is found by has no code of its own, and hides it where it is
/// another.
fn is_found_rightly(row: &store::AuditRow) -> bool {
    let rightly = |record: Record| row.user == record.user && row.account == record.account.map(|(id, _)| id);
    Record::decode(&row.body).is_none_or(rightly) // what a later release wrote is not ours to compare
}

pub(super) fn altered() -> Failure {
    Failure::new(
        Fault::Unavailable,
        "the record of that account does not verify: altered, or sealed under another key",
    )
}

/// Leave to change the accounts of others: an administrator's fresh proof, or the glass broken.
pub(super) struct Authority(Act);

impl Authority {
    /// Checks it. There is always a reason.
    pub(super) fn of(proven: Option<&FreshProof>, why: Why) -> Result<Self, Failure> {
        let Why { reason, break_glass } = why;
        if reason.trim().is_empty() || reason.len() + break_glass.len() > REASON {
            return Err(Failure::new(Fault::InvalidArgument, "a reason is needed, of at most 512 bytes"));
        }
        let by = proven.and_then(FreshProof::administrator).map(ToString::to_string);
        match (by, break_glass.trim().is_empty()) {
            (by, false) => Ok(Self(Act { by: by.unwrap_or_default(), reason, break_glass })),
            (Some(by), true) => Ok(Self(Act { by, reason, break_glass: String::new() })),
            (None, true) => Err(FreshProof::needed()),
        }
    }

    /// For the audit.
    pub(super) fn act(&self) -> Act {
        self.0.clone()
    }
}

pub(super) fn name_of(account: &Account) -> UserName {
    account.state.names.first().cloned().unwrap_or_else(|| UserName::from(""))
}

/// Ends all factors, backup codes, and what is open. Gives how many factors ended.
fn end_all(records: &mut Records<'_>, account: &mut Account) -> Result<u32, StoreError> {
    let state = &mut account.state;
    state.later.visits = Visits::default(); // whoever had the factors may have what was seen with them
    let factors = std::mem::take(&mut state.factors);
    let rows = factors.iter().map(|factor| factor.id.0);
    let rows = rows.chain(state.pending.take().map(|pending| pending.id.0));
    let rows = rows.chain(state.backup.take().and_then(|set| set.hashes));
    for row in rows.chain(state.voucher.take().map(|ticket| ticket.hash)) {
        records.end(row)?;
    }
    Ok(count(factors.len()))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn fill(row: &mut UserRow, account: &Account, now: UnixTime) {
    let state = &account.state;
    row.factors = count(state.factors.len());
    row.codes = codes(state.backup.as_ref()).left;
    row.locked = state.locked.is_some();
    row.limited = state.doors.limited(now);
    row.last_used = state.last_used().map_or(0, |time| time.0);
}

fn door(state: &DoorState, now: UnixTime) -> DoorInfo {
    DoorInfo {
        what: state.door.to_string(),
        known: state.known,
        failures: state.failures.consecutive(),
        wait: state.failures.wait_left(now),
        closed: state.failures.is_closed(),
        last_used: state.last_used.0,
    }
}

/// Lowers marks that lie beyond the window of now, which only a wrong clock can have set.
fn mend_marks(account: &mut Account, now: UnixTime) {
    for factor in &account.state.factors {
        for known in account.state.seeds.iter_mut().filter(|known| known.seed == factor.seed) {
            known.mark = known.mark.map(|mark| highest_now(factor, now, mark));
        }
    }
}

/// Text that a bus carries and a terminal shows: D-Bus takes no NUL, and hangs up on who sends one.
pub(super) fn printable(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}

pub(super) fn audit_row(record: Record) -> AuditRow {
    AuditRow {
        seq: record.seq,
        time: record.time.0,
        event: record.event.word().to_owned(),
        reason: record.event.reason().to_owned(),
        detail: printable(&record.event.detail()),
        because: printable(&record.judged.map(|judged| judged.because).unwrap_or_default()),
        user: record.user.as_bytes().to_vec(),
        subject: record.subject.map(|name| name.as_bytes().to_vec()).unwrap_or_default(),
        service: record.service.map(|name| name.as_bytes().to_vec()).unwrap_or_default(),
        door: record.door.map(|door| door.to_string()).unwrap_or_default(),
    }
}
