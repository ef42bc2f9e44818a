//! `org.mfad1.Admin`: every account, for uid 0.
//!
//! | method | in | out |
//! |---|---|---|
//! | `UserList` | after `ay`, at most `u` | array of [`UserRow`], by name, the first above `after` |
//! | `UserShow` | user `ay` | [`UserDetail`] |
//! | `StepUpBegin` | administrator `ay` | [`Step`](crate::step::Step) |
//! | `StepUpAnswer` | token `ay`, answer `ay` | [`Step`](crate::step::Step) |
//! | `UserInvite` | user `ay`, hours `u`, [`Why`] | invitation `s` |
//! | `UserRecover` | user `ay`, verified by `s`, ticket `s`, [`Why`] | recovery code `s`, good for hours `u` |
//! | `UserReset` | user `ay`, [`Why`] | number `u` of factors that ended |
//! | `UserLock` | user `ay`, [`Why`] | |
//! | `UserUnlock` | user `ay`, mend the clock `b`, [`Why`] | number `u` of doors that were opened |
//! | `UserRemove` | user `ay`, [`Why`] | number `u` of factors that ended |
//! | `RememberedList` | user `ay` | array of [`Remembered`](crate::account::Remembered), the latest last |
//! | `RememberedForget` | user `ay`, id `s` (empty: all) | number `u` that counted until now |
//! | `Import` | [`Import`], [`Why`] | [`Imported`] |
//! | `Audit` | after seq `t`, at most `u`, user `ay` (empty: all) | array of [`AuditRow`], oldest first |
//! | `AuditVerify` | | [`AuditState`] |
//! | `Explain`, `Simulate` | see [`policy`](crate::policy) | |
//! | `ExemptAdd`, `ExemptEnd`, `ExemptList`, `Coverage`, `AuditEntries`, `InForce` | see [`rollout`](crate::rollout) | |
//! | `Watch` | seconds `u`, at most 60; 0: no longer | seq `t` of the last audit row; for so long every proven login leaves a `settled` row, with the reason [`NEW_SESSION`] where it began since |
//!
//! Whatever takes a [`Why`] changes something: it needs a proof of an administrator's own factor in
//! the same connection, at most five minutes old (`StepUpBegin` names who acts), or the glass broken.

use serde::{Deserialize, Serialize};
use zbus::Type;

use crate::account::{Codes, Factor};
use crate::secret::without_secrets;

/// The most rows that one call of a paged method answers.
pub const PAGE: u32 = 500;

/// The reason of a `settled` row whose login began since somebody calls `Watch`, without a gap: it has come through
/// the stack that is there now.
pub const NEW_SESSION: &str = "new_session";

/// Why an administrator acts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Why {
    /// For the audit; never empty.
    pub reason: String,
    /// Why no factor of the administrator's was proven: an alarm. Empty: one was.
    pub break_glass: String,
}

/// A factor that another system had.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Import {
    /// Whose.
    pub user: Vec<u8>,
    /// What the user is to call it.
    pub label: String,
    /// `totp` or `hotp`.
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// 6 to 8.
    pub digits: u32,
    /// Seconds of a step; 0 for `hotp`.
    pub period: u32,
    /// The seed, raw.
    pub secret: Vec<u8>,
    /// `totp`: one above the highest step that is known to be used. `hotp`: the next counter. 0: nothing
    /// is known to be used. The replay mark becomes at least what the window allows now, in any case.
    pub next: u64,
    /// Unused scratch codes, as ASCII digits.
    pub scratch_codes: Vec<Vec<u8>>,
    /// Whether a seed below 128 bits is taken.
    pub allow_weak: bool,
    /// Whether to raise the mark of a factor that was imported before, and nothing else.
    pub refresh: bool,
    /// Whether only to tell what would happen.
    pub dry_run: bool,
}

without_secrets!(Import { user, label, kind, algorithm, digits, period, next });

/// What became of an [`Import`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Imported {
    /// `imported`, `known` (that seed is the account's already), `refreshed`; or refused: `weak` (below 128
    /// bits), `ended` (that seed was the account's and was ended), `enrolled` (the user has a factor of
    /// the user's own), `full` (as many factors as one code is compared with), `nothing` (nothing to
    /// refresh).
    pub outcome: String,
    /// How many scratch codes came along.
    pub scratch_codes: u32,
    /// The length of the seed, in bits.
    pub bits: u32,
}

/// One account in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct UserRow {
    /// The name it was enrolled under.
    pub name: Vec<u8>,
    /// Its uid.
    pub uid: u32,
    /// How many factors it has.
    pub factors: u32,
    /// How many backup codes are left.
    pub codes: u32,
    /// Whether it is locked.
    pub locked: bool,
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
    /// Its backup codes.
    pub codes: Codes,
    /// Whether it is locked.
    pub locked: bool,
    /// What is open: `invitation` or `recovery` with its end, for people; mostly empty.
    pub open: String,
    /// The doors on record.
    pub doors: Vec<Door>,
    /// The mode in force for that user: `off`, `observe`, `optional` or `required`.
    pub mode: String,
    /// The kinds of factors that the host takes: `totp`, `hotp`, `backup`, `ssh_sk`.
    pub allowed: Vec<String>,
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
    /// By what policy decided on a login, as `rule NAME`; under `observe` with what would have been done. Empty where
    /// nothing was decided, or an older release did.
    pub because: String,
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
