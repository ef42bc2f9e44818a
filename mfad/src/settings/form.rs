//! The form of a settings file. Unknown keys are errors; what a part may leave out, it may leave out here,
//! and what all parts together must say is seen to in [`meaning`](super::meaning).

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

use super::values::{Date, OneOrMany, Span};
use crate::policy::{AfterGrace, Bind, Effect, ForgetOn, Mode, Seen, SuSubject};

/// A file, or all of them merged.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) policy: Policy,
    pub(super) group: BTreeMap<String, Group>,
    pub(super) service: Services,
    pub(super) factors: Factors,
    pub(super) remember: Option<Remember>,
    pub(super) signals: Signals,
    pub(super) location: Location,
    pub(super) networks: BTreeMap<String, OneOrMany<String>>,
    /// Where each of them is written.
    pub(super) defined_at: BTreeMap<String, String>,
    pub(super) recovery: Recovery,
    pub(super) rule: Vec<Rule>,
    pub(super) exempt: Vec<Exempt>,
    pub(super) enroll: Enroll,
    pub(super) admin: Admin,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Policy {
    pub(super) mode: Option<Mode>,
    pub(super) required_from: Option<Date>,
    pub(super) grace: Span,
    pub(super) after_grace: AfterGrace,
    pub(super) service_accounts: ServiceAccounts,
    pub(super) enforce_account: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServiceAccounts {
    pub(super) uids: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) users: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) mode: Mode,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Services {
    pub(super) su: Su,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Su {
    pub(super) subject: SuSubject,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Factors {
    pub(super) allowed: Option<Vec<String>>,
    pub(super) backup_codes: Option<u8>,
    pub(super) ssh_key_pin: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Remember {
    #[serde(rename = "for")]
    pub(super) how_long: Option<Span>,
    pub(super) bind: Option<Vec<Bind>>,
    pub(super) service: Option<OneOrMany<String>>,
    pub(super) forget_on: Option<Vec<ForgetOn>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Signals {
    pub(super) seen_within: Option<Span>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Location {
    pub(super) country: Option<PathBuf>,
    pub(super) asn: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Recovery {
    pub(super) admin_recovery: AdminRecovery,
    pub(super) timeout: Option<Span>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AdminRecovery {
    #[default]
    VerifyWithId,
    Never,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) name: String,
    #[serde(default)]
    pub(super) when: Conditions,
    #[serde(default)]
    pub(super) unless: Conditions,
    pub(super) then: Effect,
    pub(super) reason: Option<String>,
    pub(super) until: Option<Date>,
    #[serde(default)]
    pub(super) defined_at: String,
}

/// An exemption: who, where and with what, as conditions have it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exempt {
    pub(super) user: Option<OneOrMany<String>>,
    pub(super) group: Option<OneOrMany<String>>,
    pub(super) service: Option<OneOrMany<String>>,
    pub(super) address: Option<OneOrMany<String>>,
    pub(super) network: Option<OneOrMany<String>>,
    pub(super) key: Option<OneOrMany<String>>,
    pub(super) reason: Option<String>,
    pub(super) until: Option<Date>,
    #[serde(default)]
    pub(super) defined_at: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Conditions {
    pub(super) user: Option<OneOrMany<String>>,
    pub(super) group: Option<OneOrMany<String>>,
    pub(super) service: Option<OneOrMany<String>>,
    pub(super) command: Option<OneOrMany<String>>,
    pub(super) target: Option<OneOrMany<String>>,
    pub(super) tty: Option<OneOrMany<String>>,
    pub(super) address: Option<OneOrMany<String>>,
    pub(super) network: Option<OneOrMany<String>>,
    pub(super) key: Option<OneOrMany<String>>,
    pub(super) time: Option<OneOrMany<String>>,
    pub(super) asn: Option<OneOrMany<u32>>,
    pub(super) country: Option<OneOrMany<String>>,
    pub(super) device: Option<Seen>,
    pub(super) location: Option<Seen>,
    pub(super) travel: Option<Travel>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Travel {
    Impossible,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Enroll {
    pub(super) issuer: Option<String>,
    pub(super) label: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Admin {
    pub(super) users: Option<Vec<String>>,
    pub(super) groups: Option<Vec<String>>,
}
