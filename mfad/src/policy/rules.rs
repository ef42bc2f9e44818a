//! The policy in force: all that the settings say, ready to decide by.

use std::{
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    ops::RangeInclusive,
};

use mfa_proto::identity::{UnixTime, UserName};
use serde::{Deserialize, Serialize};

use super::{AfterGrace, By, Conditions, Effect, Entry, Exemption, Mode, Network, Rule, Sight, Truth};

/// Whose factor su asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SuSubject {
    /// Who calls su.
    #[default]
    Caller,
    /// Who one becomes.
    Target,
}

/// The policy in force. The settings file makes one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// What is asked of whoever is in no group with a mode of its own.
    pub mode: Mode,
    /// Modes of groups, by name.
    pub group_modes: Vec<(String, Mode)>,
    /// Before this time, `required` asks as `optional` does.
    pub required_from: Option<UnixTime>,
    /// For how long after a factor became required nobody is hindered for having none, in seconds.
    pub grace: u64,
    /// See [`AfterGrace`].
    pub after_grace: AfterGrace,
    /// Who is not hindered for having no factor where the mode is `required`.
    pub service_accounts: ServiceAccounts,
    /// See [`SuSubject`].
    pub su: SuSubject,
    /// Services whose account phase must show a proof; none as shipped.
    pub enforce_account: Vec<String>,
    /// What an authenticator app shows for an account.
    pub entry: Entry,
    /// Who may change the accounts of others.
    pub admins: Admins,
    /// See [`Factors`].
    pub factors: Factors,
    /// For whom and how long a proof counts again; `None`: never.
    pub remember: Option<Remember>,
    /// Named networks.
    pub networks: Vec<Network>,
    /// For how long a device or a location counts as seen after a settled login, in seconds.
    pub seen_within: u64,
    /// See [`Recovery`].
    pub recovery: Recovery,
    /// In the order of the files.
    pub rules: Vec<Rule>,
    /// In the order of the files.
    pub exemptions: Vec<Exemption>,
    /// File and line of what is neither rule nor exemption, by its key: `policy.mode`, `group.NAME.mode`.
    pub places: BTreeMap<String, String>,
    /// Tells apart the sets of groups that settings ask for; see [`Rules::indexed`].
    pub mentioned: u64,
}

/// Accounts of programs. Root is never one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccounts {
    /// By uid.
    pub uids: Option<RangeInclusive<u32>>,
    /// By group.
    pub groups: Vec<String>,
    /// By name.
    pub users: Vec<UserName>,
}

/// Which factors count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factors {
    /// By the words of their kinds; those that are left out are neither enrolled nor accepted.
    pub allowed: BTreeSet<String>,
    /// How many backup codes a set has.
    pub backup_codes: u8,
    /// Whether a security key counts only where it knew by a PIN or a finger who enrolled it.
    pub ssh_key_pin: bool,
}

impl Factors {
    /// Every kind there is.
    pub const KINDS: [&str; 4] = ["totp", "hotp", "backup", "ssh_sk"];

    /// Whether that kind counts.
    pub fn allow(&self, kind: &str) -> bool {
        self.allowed.contains(kind)
    }
}

impl Default for Factors {
    fn default() -> Self {
        Self { allowed: Self::KINDS.map(str::to_owned).into(), backup_codes: 10, ssh_key_pin: false }
    }
}

/// When a proof of an earlier login counts again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remember {
    /// For how long, in seconds.
    pub seconds: u64,
    /// What must be the same again.
    pub bind: Vec<Bind>,
    /// At which services.
    pub service: Vec<String>,
    /// What ends it before its time.
    pub forget_on: Vec<ForgetOn>,
}

/// What a remembered proof is bound to, besides user, class of service and host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bind {
    /// The SSH key that passed before.
    Key,
    /// The address, or its /64.
    Address,
}

/// What ends all that is remembered of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForgetOn {
    /// A login with a key that was not seen before.
    NewKey,
    /// A login from a place that was not seen before.
    NewNetwork,
    /// A login of which a fresh code was asked.
    Sensitive,
}

/// How accounts are recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Whether an administrator who has verified who it is may give out a recovery code.
    pub by_administrator: bool,
    /// For how long it is good, in hours.
    pub hours: u32,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { by_administrator: true, hours: 24 }
    }
}

/// Whose factor an administrator's change may be proven with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admins {
    /// By name; root is always one.
    pub users: Vec<String>,
    /// Members of these.
    pub groups: Vec<String>,
}

impl Default for Admins {
    /// Whom Debian, Red Hat and SUSE let use sudo.
    fn default() -> Self {
        Self { users: Vec::new(), groups: vec!["sudo".into(), "wheel".into()] }
    }
}

impl ServiceAccounts {
    /// Whether nobody is one.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the subject is one.
    pub fn holds(&self, sight: &Sight<'_>) -> Truth {
        let Some(uid) = sight.case.uid.filter(|uid| *uid != 0) else { return Truth::No };
        if self.uids.as_ref().is_some_and(|uids| uids.contains(&uid))
            || self.users.contains(sight.case.subject)
        {
            return Truth::Yes;
        }
        let mut in_any = Truth::No;
        for group in &self.groups {
            in_any = !(!in_any).and(!sight.in_group(group));
        }
        in_any
    }
}

impl Rules {
    /// The groups that any part of it asks for.
    pub fn groups(&self) -> BTreeSet<&str> {
        let rules = self.rules.iter().flat_map(|rule| rule.when.group.iter().chain(&rule.unless.group));
        let exemptions = self.exemptions.iter().flat_map(|exemption| &exemption.when.group);
        let modes = self.group_modes.iter().map(|(name, _)| name);
        let all = rules.chain(exemptions).chain(modes).chain(&self.service_accounts.groups);
        all.map(String::as_str).collect()
    }

    /// The same, ready to decide by: what each decision would have to work out again is worked out.
    #[must_use]
    pub fn indexed(mut self) -> Self {
        let mut hasher = DefaultHasher::new();
        self.groups().hash(&mut hasher);
        self.mentioned = hasher.finish();
        self
    }

    /// Whether nobody can be asked for anything.
    pub fn is_off(&self) -> bool {
        self.mode == Mode::Off && self.group_modes.iter().all(|(_, mode)| *mode == Mode::Off)
    }

    /// All that may demand a factor of somebody, by names that stay the same from one set of settings to the
    /// next: each has a date from which grace runs.
    pub fn demanding(&self) -> Vec<String> {
        self.all_demanding().map(|by| self.name(by)).collect()
    }

    /// The same, by their places.
    pub fn all_demanding(&self) -> impl Iterator<Item = By> {
        let policy = (self.mode == Mode::Required).then_some(By::Policy);
        let groups = self.group_modes.iter().enumerate();
        let groups = groups.filter(|(_, (_, mode))| *mode == Mode::Required).map(|(at, _)| By::Group(at));
        let rules = self.rules.iter().enumerate();
        let asks = |rule: &Rule| matches!(rule.then, Effect::Ask | Effect::AskFresh);
        let rules = rules.filter(move |(_, rule)| asks(rule)).map(|(at, _)| By::Rule(at));
        policy.into_iter().chain(groups).chain(rules)
    }

    /// From when on grace runs for a part that demands a factor since then: a date that is set is for modes, and a rule
    /// asks from the day it is there.
    pub fn grace_begins(&self, by: By, since: UnixTime) -> UnixTime {
        let from = self.required_from.filter(|_| !matches!(by, By::Rule(_)));
        from.map_or(since, |from| from.max(since))
    }

    /// Whether a login's device and place wait for its account phase: where a rule looks at those of logins before, or
    /// logins are remembered. Elsewhere they are not worth a call.
    pub fn learns_when_settled(&self) -> bool {
        let looks =
            |when: &Conditions| when.device.is_some() || when.location.is_some() || when.impossible_travel;
        self.remember.is_some() || self.rules.iter().any(|rule| looks(&rule.when) || looks(&rule.unless))
    }

    /// What a part of it is called.
    pub fn name(&self, by: By) -> String {
        match by {
            By::Policy => "policy".to_owned(),
            By::Group(at) => format!("group {}", self.group_modes[at].0),
            By::ServiceAccounts => "service accounts".to_owned(),
            By::Rule(at) => format!("rule {}", self.rules[at].name),
            By::Exempt(at) => format!("exemption {}", self.exemptions[at].reason),
            By::Granted(at) => format!("granted exemption {}", at + 1),
        }
    }

    /// Where that part is written, as file and line; empty where that is not known.
    pub fn place(&self, by: By) -> &str {
        let key = |key: &str| self.places.get(key).map_or("", String::as_str);
        match by {
            By::Policy => key("policy.mode"),
            By::Group(at) => key(&format!("group.{}.mode", self.group_modes[at].0)),
            By::ServiceAccounts => key("policy.service_accounts"),
            By::Rule(at) => &self.rules[at].defined_at,
            By::Exempt(at) => &self.exemptions[at].defined_at,
            By::Granted(_) => "",
        }
    }

    /// Whether a rule's pattern for commands of that program asks for their arguments.
    pub fn asks_arguments_of(&self, program: &str) -> bool {
        let all = self.rules.iter().flat_map(|rule| rule.when.command.iter().chain(&rule.unless.command));
        all.into_iter().any(|pattern| pattern.asks_arguments_of(program))
    }
}
