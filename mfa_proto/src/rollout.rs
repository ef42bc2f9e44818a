//! What a rollout is led by: who is exempt, who is ready, and what auditors read. All of it is root's, in
//! `org.mfad1.Admin`.
//!
//! | method | in | out |
//! |---|---|---|
//! | `ExemptAdd` | [`Exempt`], [`Why`](crate::admin::Why) | [`Exemption`] |
//! | `ExemptEnd` | ID `s`, [`Why`](crate::admin::Why) | |
//! | `ExemptList` | | [`Exemptions`] |
//! | `Coverage` | users: array of `ay`, at most [`ASKED_AT_ONCE`] | array of [`Person`]; who is no user of the host is left out |
//! | `AuditEntries` | after seq `t`, at most `u` | array of [`AuditEntry`], oldest first |
//! | `InForce` | | [`InForce`] |

use serde::{Deserialize, Serialize};
use zbus::Type;

use crate::admin::AuditRow;

/// The most users that one call of `Coverage` is asked about.
pub const ASKED_AT_ONCE: usize = 100;
/// The longest that an exemption from the command line lasts, in seconds: seven days.
pub const LONGEST_EXEMPTION: u64 = 7 * 86_400;
/// So long before its end an exemption of the settings is told of, in seconds: fourteen days.
pub const END_IS_NEAR: u64 = 14 * 86_400;
/// The same for one from the command line, which never lasts so long: one day.
pub const GRANTED_END_IS_NEAR: u64 = 86_400;

/// An exemption that an administrator wants. Empty: no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Exempt {
    /// Who is not asked.
    pub user: Vec<u8>,
    /// At which services only.
    pub service: Vec<String>,
    /// From which addresses or networks only, as `192.0.2.0/24`.
    pub address: Vec<String>,
    /// With which SSH key only, as `SHA256:…`.
    pub key: String,
    /// For how long, in seconds: at most [`LONGEST_EXEMPTION`].
    pub seconds: u64,
}

/// Somebody who is not asked, or not everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Exemption {
    /// `service_accounts`, `group` (one whose mode is looser than the host's), `rule` (one that skips), `exempt` (of
    /// the settings) or `granted` (from the command line).
    pub kind: String,
    /// `granted`: the ID that ends it. `rule`: its name.
    pub id: String,
    /// Who, by name; with `groups` empty too: everybody.
    pub users: Vec<Vec<u8>>,
    /// Who, by group.
    pub groups: Vec<String>,
    /// What else must hold, one condition each, as `service sshd, sudo`; for people.
    pub only: Vec<String>,
    /// Why.
    pub reason: String,
    /// Unix time from which it is void, in seconds; 0: it has no end, as service accounts and groups have none.
    pub until: u64,
    /// Whether its time is over.
    pub over: bool,
    /// `granted`: when, Unix time in seconds.
    pub given: u64,
    /// `granted`: which administrator proved a factor; empty: nobody did.
    pub by: String,
    /// `granted`: why no factor was proven.
    pub break_glass: String,
    /// File and line; empty for `granted`.
    pub defined_at: String,
}

impl Exemption {
    /// Whether its end is to be told of: it is near, or has come.
    pub fn is_due(&self, now: u64) -> bool {
        let near = if self.kind == "granted" { GRANTED_END_IS_NEAR } else { END_IS_NEAR };
        self.over || self.until != 0 && self.until.saturating_sub(now) <= near
    }
}

/// All of them, in the order: service accounts, groups, rules and exemptions of the settings, granted ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Exemptions {
    /// Whether what was granted lies in the store as it was put there; where not, none of it holds.
    pub intact: bool,
    /// The daemon's time.
    pub time: u64,
    /// Them.
    pub all: Vec<Exemption>,
}

/// How somebody stands to the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Person {
    /// As asked.
    pub name: Vec<u8>,
    /// Of the host.
    pub uid: u32,
    /// The mode that is in force for this user.
    pub mode: String,
    /// `enrolled`; or without an app that counts: `exempt` (everywhere), `unusable` (there are factors, which the
    /// policy does not take or which are disabled), `service_account` (let in everywhere), `not_enrolled`; or
    /// `unclear`: the record does not verify.
    pub standing: String,
    /// How many factors there are that count: of an allowed kind, and not disabled.
    pub factors: u32,
    /// How many backup codes are left, where they count.
    pub codes: u32,
    /// Whether nobody is let in.
    pub locked: bool,
    /// `not_enrolled`: until when that hinders nobody, Unix time in seconds; 0: no grace.
    pub grace_ends: u64,
    /// Whether something lets this user in without a factor somewhere: an exemption, a rule that skips, or, where
    /// rules ask for a factor elsewhere, being a service account.
    pub exempt_somewhere: bool,
}

/// One row of the audit, with what programs ask of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct AuditEntry {
    /// The row.
    pub row: AuditRow,
    /// Whether somebody should have looked at once.
    pub alarm: bool,
    /// How many refusals it stands for; 0: it is none.
    pub refusals: u32,
    /// An administrator's act: who proved a factor; empty: nobody did, or it is no such act.
    pub by: String,
    /// An administrator's act: why.
    pub reason: String,
    /// An administrator's act: why no factor was proven.
    pub break_glass: String,
    /// A recovery: how the identity was verified.
    pub verified_by: String,
    /// A recovery: the ticket.
    pub ticket: String,
    /// An exemption: its ID. What was redeemed: `invitation` or `recovery`.
    pub what: String,
    /// An exemption: what it is limited to.
    pub only: String,
    /// An exemption that began: its end, Unix time in seconds; else 0.
    pub until: u64,
}

/// What the daemon decides by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct InForce {
    /// The daemon's version.
    pub version: String,
    /// SHA-256 of the settings in force, all files merged, hexadecimal; empty: there are none.
    pub settings: String,
    /// The mode of the host.
    pub mode: String,
    /// The daemon's time, Unix seconds.
    pub time: u64,
}
