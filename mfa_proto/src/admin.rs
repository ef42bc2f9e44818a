//! `org.mfad1.Admin`: every account, for uid 0.
//!
//! | method | in | out |
//! |---|---|---|
//! | `UserList` | after `ay`, at most `u` | array of [`UserRow`], by name, the first above `after` |
//! | `UserShow` | user `ay` | [`UserDetail`] |
//! | `UserReset` | user `ay`, reason `s` | number `u` of factors that ended |
//! | `UserUnlock` | user `ay`, reason `s`, mend the clock `b` | number `u` of doors that were opened |
//! | `Audit` | after seq `t`, at most `u`, user `ay` (empty: all) | array of [`AuditRow`], oldest first |
//! | `AuditVerify` | | [`AuditState`] |

use serde::{Deserialize, Serialize};
use zbus::Type;

use crate::account::Factor;

/// The most rows that one call of a paged method answers.
pub const PAGE: u32 = 500;

/// One account in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct UserRow {
    /// The name it was enrolled under.
    pub name: Vec<u8>,
    /// Its uid.
    pub uid: u32,
    /// How many factors it has.
    pub factors: u32,
    /// How many doors are closed or waiting.
    pub limited: u32,
    /// Unix time of the last accepted code, in seconds; 0 when there was none.
    pub last_used: u64,
}

/// A place that tries came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Door {
    /// For people: `address 192.0.2.7`, `key SHA256:…`, `local uid 1000`, `console`, `locker`.
    pub what: String,
    /// Whether a settled login came through it.
    pub known: bool,
    /// Failures in a row.
    pub failures: u32,
    /// Seconds until the next try is judged; 0: at once.
    pub wait: u32,
    /// Whether it is closed until an administrator opens it.
    pub closed: bool,
    /// Unix time of the last try or login, in seconds.
    pub last_used: u64,
}

/// One account in full, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct UserDetail {
    /// The name it was enrolled under.
    pub name: Vec<u8>,
    /// Its uid.
    pub uid: u32,
    /// Its factors, oldest first.
    pub factors: Vec<Factor>,
    /// The doors on record.
    pub doors: Vec<Door>,
}

/// One row of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct AuditRow {
    /// Strictly rising, without gaps.
    pub seq: u64,
    /// Unix time, in seconds.
    pub time: u64,
    /// What happened: `granted`, `refused`, `settled`, `enrolled`, …
    pub event: String,
    /// Why, or how: a word; may be empty.
    pub reason: String,
    /// `PAM_USER`, or the account's name.
    pub user: Vec<u8>,
    /// Whose factor was asked, where that is another's.
    pub subject: Vec<u8>,
    /// The PAM service; empty for what is none.
    pub service: Vec<u8>,
    /// Where it came from, for people.
    pub door: String,
    /// What else there is to know, for people.
    pub detail: String,
}

/// What `AuditVerify` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct AuditState {
    /// Whether every row follows from the one before, up to the head.
    pub intact: bool,
    /// How many rows were read.
    pub rows: u64,
    /// The first row that does not follow; 0 when intact.
    pub broken_at: u64,
    /// The head of the chain, hexadecimal: to be kept elsewhere.
    pub head: String,
}
