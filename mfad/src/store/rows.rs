//! The rows that a database keeps, and what it must offer inside a transaction.
//!
//! An engine knows nothing of keys and verifies nothing: [`Records`](super::Records) does, the
//! same for every engine.

use mfa_proto::identity::{UnixTime, UserName};

use super::StoreError;
use crate::{
    account::{AccountId, FactorId},
    audit::Event,
};

/// An account's state as it lies in its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateRow {
    /// Counts the writes of this row.
    pub version: u64,
    /// The encoded [`State`](crate::account::State).
    pub body: Vec<u8>,
    /// Over account, version and body.
    pub tag: Vec<u8>,
}

/// A factor's secret, sealed; `None` once the factor has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorRow {
    /// Whose.
    pub account: AccountId,
    /// Counts the writes of this row.
    pub version: u32,
    /// What [`Keys::seal`](crate::crypto::Keys::seal) made.
    pub sealed: Option<Vec<u8>>,
}

/// When a user without a factor was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRow {
    /// When for the first time; 0 where an mfad wrote the row that did not record it.
    pub first: UnixTime,
    /// When.
    pub time: UnixTime,
    /// When an enrolment was last offered in a login; 0: never.
    pub offered: UnixTime,
    /// Over uid and times.
    pub tag: Vec<u8>,
}

/// A row of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Strictly rising.
    pub seq: u64,
    /// For the index: whose account.
    pub account: Option<AccountId>,
    /// For the index: the user.
    pub user: UserName,
    /// The encoded [`Record`](crate::audit::Record).
    pub body: Vec<u8>,
    /// Links it to the row before.
    pub tag: Vec<u8>,
}

/// An account as the index has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterEntry {
    /// Which.
    pub id: AccountId,
    /// Found by this uid.
    pub uid: u32,
    /// Found by this name.
    pub name: UserName,
    /// The version of its state; 0 when it has none.
    pub version: u64,
}

/// Small values by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaKey {
    /// The head of the audit and the roster.
    Head,
    /// The last settings that passed.
    Settings,
    /// What was granted from the command line.
    Granted,
}

impl MetaKey {
    /// Its name in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Settings => "settings",
            Self::Granted => "granted",
        }
    }
}

/// What may be read.
pub trait Rows {
    /// The account of that uid.
    fn account_of_uid(&mut self, uid: u32) -> Result<Option<AccountId>, StoreError>;
    /// The account that has that name among its names.
    fn account_of_name(&mut self, name: &UserName) -> Result<Option<AccountId>, StoreError>;
    /// The state of that account.
    fn state(&mut self, of: AccountId) -> Result<Option<StateRow>, StoreError>;
    /// The sealed row of that factor.
    fn factor(&mut self, id: FactorId) -> Result<Option<FactorRow>, StoreError>;
    /// A page of accounts by their first name, those above `after`.
    fn accounts(&mut self, after: &UserName, most: u32) -> Result<Vec<RosterEntry>, StoreError>;
    /// Calls `each` with every account.
    fn each_account(&mut self, each: &mut dyn FnMut(&RosterEntry)) -> Result<(), StoreError>;
    /// A page of the audit, oldest first, those above `after`.
    fn audit(&mut self, after: u64, most: u32) -> Result<Vec<AuditRow>, StoreError>;
    /// The latest audit row of that account.
    fn last_audit(&mut self, of: AccountId) -> Result<Option<AuditRow>, StoreError>;
    /// When that user was last seen without a factor.
    fn seen(&mut self, uid: u32) -> Result<Option<SeenRow>, StoreError>;
    /// The value of that key.
    fn meta(&mut self, key: MetaKey) -> Result<Option<Vec<u8>>, StoreError>;
    /// Whether the roster was as the head says when it was last compared.
    fn roster_is_sound(&self) -> bool;
}

/// What may be done inside a write transaction. Object safe, synchronous, one implementation a
/// database; the conformance suite holds for each.
pub trait Txn: Rows {
    /// Makes an account findable by its uid and its name.
    fn add_account(&mut self, id: AccountId, uid: u32, name: &UserName) -> Result<(), StoreError>;
    /// Writes a state where the stored version is `was` (`None`: no row). [`StoreError::Conflict`]
    /// where it is another.
    fn put_state(&mut self, of: AccountId, was: Option<u64>, row: &StateRow) -> Result<(), StoreError>;
    /// Writes a factor's row, new or not.
    fn put_factor(&mut self, id: FactorId, row: &FactorRow) -> Result<(), StoreError>;
    /// Ends a factor: the row stays, its secret does not.
    fn end_factor(&mut self, id: FactorId, now: UnixTime) -> Result<(), StoreError>;
    /// Marks a nonce as spent until `until_ms` of boot `boot`; false when it was already.
    fn spend(&mut self, nonce: &[u8; 16], boot: &[u8; 16], until_ms: u64) -> Result<bool, StoreError>;
    /// Forgets the nonces of other boots and those whose time is before `now_ms`.
    fn forget_spent(&mut self, boot: &[u8; 16], now_ms: u64) -> Result<(), StoreError>;
    /// Appends a row; [`StoreError::Conflict`] where its seq is taken.
    fn append_audit(&mut self, row: &AuditRow) -> Result<(), StoreError>;
    /// Sets when that user was last seen without a factor.
    fn set_seen(&mut self, uid: u32, row: &SeenRow) -> Result<(), StoreError>;
    /// Forgets when that user was last seen without a factor.
    fn forget_seen(&mut self, uid: u32) -> Result<(), StoreError>;
    /// Drops a factor's row whole.
    fn drop_factor(&mut self, id: FactorId) -> Result<(), StoreError>;
    /// Takes an account out of the index, and its state; the rows of its factors stay.
    fn remove_account(&mut self, id: AccountId) -> Result<(), StoreError>;
    /// What the engine itself has to record, once; again where the transaction comes to nothing.
    fn take_news(&mut self) -> Option<Event>;
    /// Sets the value of that key.
    fn set_meta(&mut self, key: MetaKey, value: &[u8]) -> Result<(), StoreError>;
}
