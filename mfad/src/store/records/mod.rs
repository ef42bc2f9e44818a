//! Records: rows that were verified. Everything that use cases read and write goes through here,
//! whatever the database.

mod granted;
mod sealed;
mod seen;

use mfa_proto::identity::{ServiceName, UnixTime, UserName};

pub use granted::Granted;
pub use sealed::Hashes;
pub use seen::Seen;

use super::{AuditRow, Head, MetaKey, RosterEntry, Rows, StateRow, StoreError, Txn};
use crate::{
    account::{AccountId, Door, SeedPrint, State},
    audit::{self, Event, Judged, Record},
    crypto::{Keys, Purpose},
    factor::backup::ForeignTag,
    policy::{Fingerprint, Signals},
    world::{Entropy, Moment},
};

/// How often tokens that are too old are forgotten, in milliseconds.
const FORGETS_EVERY_MS: u64 = 60_000;

/// A verified account, and the version it was read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    id: AccountId,
    version: Option<u64>,
    roster: bool,
    /// What may be decided upon and changed.
    pub state: State,
}

impl Account {
    /// Which.
    pub fn id(&self) -> AccountId {
        self.id
    }

    fn entry(&self, version: u64) -> RosterEntry {
        let name = self.state.names.first().cloned().unwrap_or_else(|| UserName::from(""));
        RosterEntry { id: self.id, uid: self.state.uid.unwrap_or(u32::MAX), name, version }
    }
}

/// Who a login is about, by what the store has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// No account by that uid, nor by any of the names: and the roster is sound.
    Nobody,
    /// No account, but the roster is not sound: absence is not proven.
    Unproven,
    /// One.
    One(AccountId),
    /// The uid and the names lead to different accounts.
    Ambiguous,
}

/// Verified reading.
pub struct Sound<'a> {
    rows: &'a mut dyn Rows,
    keys: &'a Keys,
}

impl<'a> Sound<'a> {
    /// Reads through `rows`.
    pub fn new(rows: &'a mut dyn Rows, keys: &'a Keys) -> Self {
        Self { rows, keys }
    }

    /// The rows themselves, for what needs no verifying.
    pub fn rows(&mut self) -> &mut dyn Rows {
        self.rows
    }

    /// The account of that uid and those names; every one of them counts.
    pub fn find(&mut self, uid: u32, names: &[&UserName]) -> Result<Found, StoreError> {
        let mut found = self.rows.account_of_uid(uid)?;
        for name in names {
            match (self.rows.account_of_name(name)?, found) {
                (Some(new), Some(old)) if new != old => return Ok(Found::Ambiguous),
                (Some(new), None) => found = Some(new),
                _ => {}
            }
        }
        Ok(match found {
            Some(id) => Found::One(id),
            None if self.rows.roster().is_sound() => Found::Nobody,
            None => Found::Unproven,
        })
    }

    /// The account that [`Sound::find`] gave for `uid` and `names`, verified; `None` as for
    /// [`Sound::account`], and when it is another's: the index is not sealed, the state is.
    pub fn account_of(
        &mut self,
        id: AccountId,
        uid: u32,
        names: &[&UserName],
    ) -> Result<Option<Account>, StoreError> {
        let is_theirs =
            |state: &State| state.uid == Some(uid) || names.iter().any(|name| state.names.contains(name));
        Ok(self.account(id)?.filter(|account| is_theirs(&account.state)))
    }

    /// The account, verified; `None` when its state is missing, altered, or may be an older one: it must
    /// be refused, and that is a verdict, not an error.
    pub fn account(&mut self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let roster = self.rows.roster();
        let is_latest = |account: &Account| account.version.is_some_and(|version| roster.allows(id, version));
        Ok(self.authentic(id)?.filter(is_latest))
    }

    /// What we once wrote for that account, which may be an older one.
    fn authentic(&mut self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let Some(row) = self.rows.state(id)? else { return Ok(None) };
        let parts = [&id.0[..], &row.version.to_le_bytes(), &row.body];
        if !self.keys.verify(Purpose::State, &parts, &row.tag) {
            return Ok(None);
        }
        let state = State::decode(&row.body).ok_or(StoreError::Malformed("account_state"))?;
        Ok(Some(Account { id, version: Some(row.version), roster: true, state }))
    }

    /// The time for dates that are to end something: a clock that was set back brings none of them back. (S6)
    pub fn time_for_dates(&mut self, now: &Moment) -> Result<UnixTime, StoreError> {
        Ok(self.head()?.later.latest.max(now.wall))
    }

    /// The head as last committed.
    pub fn head(&mut self) -> Result<Head, StoreError> {
        Head::read(self.rows, self.keys)
    }

    /// A page of the audit, oldest first, those above `after`; an error where a row does not decode.
    pub fn audit(&mut self, after: u64, most: u32) -> Result<Vec<Record>, StoreError> {
        let rows = self.rows.audit(after, most)?;
        rows.iter().map(|row| Record::decode(&row.body).ok_or(StoreError::Malformed("audit"))).collect()
    }
}

/// Verified reading and writing inside one transaction.
pub struct Records<'a> {
    txn: &'a mut dyn Txn,
    keys: &'a Keys,
    entropy: &'a dyn Entropy,
    head: Head,
    now: Moment,
    /// Why a login is judged as it is.
    because: String,
    /// For the log, once committed.
    written: Vec<Record>,
}

impl<'a> Records<'a> {
    /// Begins: reads and verifies the head.
    pub(super) fn begin(
        txn: &'a mut dyn Txn,
        keys: &'a Keys,
        entropy: &'a dyn Entropy,
        now: Moment,
    ) -> Result<Self, StoreError> {
        let mut head = Head::read(rows_of(txn), keys)?;
        head.ran_ms = head.ran_ms_at(&now);
        let because = String::new();
        let mut records = Self { txn, keys, entropy, head, now, because, written: Vec::new() };
        records.watch_clock()?;
        while let Some(event) = records.txn.take_news() {
            records.audit(None, event, Context::none())?;
        }
        Ok(records)
    }

    /// Ends: writes the head, gives what was audited.
    pub(super) fn finish(mut self) -> Result<Vec<Record>, StoreError> {
        self.head.clock = Some(self.now);
        let head = self.head.encode(self.keys)?;
        self.txn.set_meta(MetaKey::Head, &head)?;
        Ok(self.written)
    }

    /// Verified reading within the transaction.
    pub fn read(&mut self) -> Sound<'_> {
        Sound::new(rows_of(self.txn), self.keys)
    }

    /// The rows themselves, for what needs no verifying.
    pub fn txn(&mut self) -> &mut dyn Txn {
        self.txn
    }

    /// Randomness for what is made here.
    pub fn entropy(&self) -> &dyn Entropy {
        self.entropy
    }

    /// Forgets tokens that are too old to be answered: once a minute, since it reads them all. Not by what is recorded
    /// meanwhile, for there are answers of which nothing is.
    pub fn forget_spent_tokens(&mut self) -> Result<(), StoreError> {
        let since = self.head.later.forgot.and_then(|forgot| self.now.boot_ms_since(&forgot));
        if since.is_some_and(|since| since < FORGETS_EVERY_MS) {
            return Ok(());
        }
        self.head.later.forgot = Some(self.now);
        self.txn.forget_spent(&self.now.boot, self.now.boot_ms)
    }

    /// The keys.
    pub fn keys(&self) -> &Keys {
        self.keys
    }

    /// How long machines with this store ran, all boots together, in milliseconds.
    pub fn ran_ms(&self) -> u64 {
        self.head.ran_ms
    }

    /// From now on these parts of the rules demand a factor, modes from that date on, and no others. Gives those that
    /// did once, and since when.
    pub fn demand(&mut self, demanding: &[String], from: Option<UnixTime>) -> Vec<(String, UnixTime)> {
        self.head.demand(demanding, from, (self.now.wall, self.head.ran_ms))
    }

    /// Whether settings with that date begin anew.
    pub fn begins_anew(&self, from: Option<UnixTime>) -> bool {
        self.head.begins_anew(from, self.now.wall)
    }

    /// Why is decided what is recorded from now on, where a login is concerned.
    pub fn because(&mut self, why: String) {
        self.because = why;
    }

    /// What the wall clock should show now, by the one that was last trusted; `None` where it is believed as it is.
    pub fn trusted_now(&self) -> Option<UnixTime> {
        self.head.trusted_at(&self.now)
    }

    /// Trusts the wall clock as it is now: somebody who may say so says that it is right.
    pub fn trust_clock(&mut self) {
        self.head.trust(self.now);
    }

    /// Whether the wall clock has gone as the boot clock has for an hour.
    pub fn clock_is_steady(&self) -> bool {
        self.head.is_steady_at(&self.now)
    }

    /// A new real account, findable by its uid and name, with its state: an account without one could
    /// not be told from one whose state was taken away.
    pub fn create(&mut self, id: AccountId, uid: u32, name: &UserName) -> Result<Account, StoreError> {
        self.txn.add_account(id, uid, name)?;
        let state = State::new(Some(uid), vec![name.clone()], self.now.wall);
        let mut account = Account { id, version: None, roster: true, state };
        self.keep(&mut account)?;
        Ok(account)
    }

    /// The shared state of an unknown name.
    pub fn dummy(&mut self, id: AccountId) -> Result<Account, StoreError> {
        // The audit knows none of these: an older one will do.
        let account = if let Some(account) = self.read().authentic(id)? {
            account
        } else {
            // One that does not verify is made anew: it guards nothing.
            let version = self.txn.state(id)?.map(|row| row.version);
            Account { id, version, roster: false, state: State::new(None, Vec::new(), self.now.wall) }
        };
        Ok(Account { roster: false, ..account })
    }

    /// Writes the account where its row is still the one that was read. What is remembered of it ends here with
    /// every change of its factors, whatever made that change.
    pub fn keep(&mut self, account: &mut Account) -> Result<(), StoreError> {
        account.state.drop_unfounded();
        let version = account.version.map_or(1, |version| version + 1);
        let body = account.state.encode().ok_or(StoreError::Malformed("account_state"))?;
        let tag = self.keys.tag(Purpose::State, &[&account.id.0, &version.to_le_bytes(), &body]).to_vec();
        self.txn.put_state(account.id, account.version, &StateRow { version, body, tag })?;
        if account.roster {
            match account.version {
                Some(before) => self.head.toggle(self.keys, &account.entry(before)),
                None => self.head.accounts += 1,
            }
            self.head.toggle(self.keys, &account.entry(version));
        }
        account.version = Some(version);
        Ok(())
    }

    /// Removes an account: its place in the index and its state. Its factors' tombstones stay.
    pub fn remove(&mut self, account: &Account) -> Result<(), StoreError> {
        self.head.toggle(self.keys, &account.entry(account.version.unwrap_or(0)));
        self.head.accounts = self.head.accounts.saturating_sub(1);
        self.txn.remove_account(account.id)
    }

    /// A keyed hash of a short code of another system, bound to its account.
    pub fn foreign_tag(&self, account: &Account, digits: &[u8]) -> ForeignTag {
        let mut tag = [0; 16];
        tag.copy_from_slice(&self.keys.tag(Purpose::Pepper, &[b"foreign", &account.id.0, digits])[..16]);
        tag
    }

    /// The keyed fingerprint of a seed.
    pub fn fingerprint(&self, seed: &[u8]) -> SeedPrint {
        let mut print = [0; 16];
        print.copy_from_slice(&self.keys.tag(Purpose::Seed, &[seed])[..16]);
        SeedPrint(print)
    }

    /// Records what happened, linked to all that was recorded before. `account`, if given, has
    /// been kept already.
    pub fn audit(
        &mut self,
        account: Option<&Account>,
        event: Event,
        context: Context<'_>,
    ) -> Result<(), StoreError> {
        let seq = self.head.audit_seq + 1;
        let named = account.filter(|account| account.roster);
        let record = Record {
            seq,
            time: self.now.wall,
            event,
            account: named.map(|account| (account.id, account.version.unwrap_or(0))),
            user: context.user.clone(),
            subject: context.subject.filter(|subject| *subject != context.user).cloned(),
            service: context.service.cloned(),
            door: context.door.cloned(),
            judged: context.signals.map(|signals| Judged::new(signals, context.keys, self.because.clone())),
        };
        let body = record.encode().ok_or(StoreError::Malformed("audit"))?;
        let tag = audit::link(self.keys, &self.head.audit_tag, &body);
        let (account, user) = (named.map(Account::id), record.user.clone());
        self.txn.append_audit(&AuditRow { seq, account, user, body, tag: tag.to_vec() })?;
        (self.head.audit_seq, self.head.audit_tag) = (seq, tag);
        self.written.push(record);
        Ok(())
    }

    /// Records a jump of the wall clock of over a minute against the boot clock. It refuses
    /// nothing by itself: a resumed machine jumps rightly.
    fn watch_clock(&mut self) -> Result<(), StoreError> {
        let seconds = self.jump().filter(|seconds| seconds.abs() > 60);
        self.head.tell_time(self.now, seconds.is_some());
        match seconds {
            Some(seconds) => self.audit(None, Event::ClockJumped { seconds }, Context::none()),
            None => Ok(()),
        }
    }

    /// How far the wall clock moved against the boot clock since the commit before; `None` over a boot.
    fn jump(&self) -> Option<i64> {
        let before = self.head.clock?;
        let expected = before.wall.0.saturating_add(self.now.boot_ms_since(&before)? / 1000);
        Some(i64::try_from(i128::from(self.now.wall.0) - i128::from(expected)).unwrap_or(i64::MAX))
    }
}

fn rows_of(txn: &mut dyn Txn) -> &mut dyn Rows {
    txn
}

/// Who and where, for a record.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// `PAM_USER`, or the account's name.
    pub user: &'a UserName,
    /// Whose factor was asked.
    pub subject: Option<&'a UserName>,
    /// The PAM service.
    pub service: Option<&'a ServiceName>,
    /// Where it came from.
    pub door: Option<&'a Door>,
    /// What else is known of it, for a login.
    pub signals: Option<&'a Signals>,
    /// The security keys that opened it.
    pub keys: &'a [Fingerprint],
}

impl Context<'static> {
    /// Nobody and nowhere: the daemon itself.
    pub fn none() -> Self {
        static NOBODY: std::sync::LazyLock<UserName> = std::sync::LazyLock::new(|| UserName::from(""));
        Self { user: &NOBODY, subject: None, service: None, door: None, signals: None, keys: &[] }
    }
}

impl<'a> Context<'a> {
    /// That user, no service.
    pub fn user(user: &'a UserName) -> Self {
        Self { user, subject: None, service: None, door: None, signals: None, keys: &[] }
    }
}
