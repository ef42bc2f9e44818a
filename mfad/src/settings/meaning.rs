//! What settings mean: a [`File`] becomes [`Rules`], or says which part of it cannot be meant.

use std::{collections::BTreeMap, path::PathBuf};

use mfa_proto::identity::UserName;

use super::form::{self, AdminRecovery, Conditions as Written, File};
use super::values::OneOrMany;
use crate::places::Databases;
use crate::policy::{
    Admins, Bind, Conditions, Effect, Entry, Exemption, Factors, ForgetOn, Mode, Network, Pattern, Recovery,
    Remember, Rule, Rules, ServiceAccounts, terminal,
};

/// How long a recovery code may be good, in hours. (S16)
const RECOVERY_HOURS: u32 = 24;
/// The longest that a login is remembered, in days.
const REMEMBER_DAYS: u64 = 30;
/// For how long what a login came with is known, where nothing is said, and at most, in days.
const SEEN_DAYS: std::ops::RangeInclusive<u64> = 90..=365;
/// The longest name of a rule, a network or a group, and the longest reason, in bytes.
const LONGEST_TEXT: usize = 128;
/// How many backup codes a set may have: their place is one digit.
const BACKUP_CODES: std::ops::RangeInclusive<u8> = 1..=10;

/// What all files together say; `host` is the issuer where none is set.
pub(super) fn rules(file: File, host: &str) -> Result<Rules, String> {
    let mode = file.policy.mode.ok_or("policy.mode is missing: off, observe, optional or required")?;
    if let Some(other) = file.policy.enforce_account.iter().find(|name| *name != "sshd") {
        return Err(format!(
            "policy.enforce_account: {other}: only sshd can be enforced there, since cron, sudo \
                            and su run account phases without asking"
        ));
    }
    let networks = networks(file.networks, file.defined_at)?;
    let entry = entry(file.enroll, host)?;
    let defaults = Admins::default();
    let rules = Rules {
        mode,
        group_modes: all(file.group.into_iter().collect(), group_mode)?,
        required_from: file.policy.required_from.map(|date| date.0),
        grace: file.policy.grace.seconds,
        after_grace: file.policy.after_grace,
        service_accounts: service_accounts(file.policy.service_accounts)?,
        su: file.service.su.subject,
        enforce_account: file.policy.enforce_account,
        entry,
        admins: Admins {
            users: file.admin.users.unwrap_or(defaults.users),
            groups: file.admin.groups.unwrap_or(defaults.groups),
        },
        factors: factors(file.factors)?,
        remember: file.remember.map(remember).transpose()?,
        seen_within: seen_within(&file.signals)?,
        recovery: recovery(&file.recovery)?,
        rules: all(file.rule, |written| rule(written, &networks))?,
        exemptions: all(file.exempt, |written| exemption(written, &networks))?,
        networks,
        places: std::collections::BTreeMap::new(),
        mentioned: 0,
    };
    one_rule_a_name(&rules.rules)?;
    Ok(rules.indexed())
}

fn all<W, T>(written: Vec<W>, read: impl Fn(W) -> Result<T, String>) -> Result<Vec<T>, String> {
    written.into_iter().map(read).collect()
}

fn group_mode((name, group): (String, form::Group)) -> Result<(String, Mode), String> {
    printable("name", &name).map_err(|error| format!("group.{name:?}: {error}"))?;
    Ok((name, group.mode))
}

/// What goes into messages and the audit as it is written.
fn printable(what: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > LONGEST_TEXT || text.chars().any(char::is_control) {
        return Err(format!("a {what} has 1 to {LONGEST_TEXT} bytes of printable text"));
    }
    Ok(())
}

fn networks(
    written: BTreeMap<String, OneOrMany<String>>,
    mut places: BTreeMap<String, String>,
) -> Result<Vec<Network>, String> {
    let network = |(name, prefixes): (String, OneOrMany<String>)| {
        let defined_at = places.remove(&name).unwrap_or_default();
        let at = |error| format!("{}networks.{name:?}: {error}", place(&defined_at));
        printable("name", &name).map_err(at)?;
        let prefixes = parsed(Some(prefixes)).map_err(at)?;
        Ok(Network { name, prefixes, defined_at })
    };
    written.into_iter().map(network).collect()
}

/// Values that must be of a form. A list that is there and empty would match nothing: an error.
fn parsed<T: std::str::FromStr<Err = String>>(written: Option<OneOrMany<String>>) -> Result<Vec<T>, String> {
    let Some(written) = written else { return Ok(Vec::new()) };
    let written = Vec::from(written);
    if written.is_empty() {
        return Err("an empty list matches nothing: leave it out, or fill it".into());
    }
    written.iter().map(|text| text.parse()).collect()
}

/// Values of any form.
fn plain<T, U: From<T>>(written: Option<OneOrMany<T>>) -> Result<Vec<U>, String> {
    let Some(written) = written else { return Ok(Vec::new()) };
    let written = Vec::from(written);
    if written.is_empty() {
        return Err("an empty list matches nothing: leave it out, or fill it".into());
    }
    Ok(written.into_iter().map(U::from).collect())
}

fn names(written: Option<OneOrMany<String>>) -> Result<Vec<UserName>, String> {
    let names: Vec<String> = plain(written)?;
    Ok(names.iter().map(|name| UserName::from(name.as_str())).collect())
}

fn named_networks(written: Option<OneOrMany<String>>, networks: &[Network]) -> Result<Vec<usize>, String> {
    let names: Vec<String> = plain(written)?;
    let place = |name: &String| {
        let place = networks.iter().position(|network| network.name == *name);
        place.ok_or_else(|| format!("network {name:?} is not among [networks]"))
    };
    names.iter().map(place).collect()
}

fn conditions(written: Written, networks: &[Network]) -> Result<Conditions, String> {
    let commands: Vec<String> = plain(written.command)?;
    let ttys: Vec<String> = plain(written.tty)?;
    let country: Vec<String> = plain(written.country)?;
    if let Some(bad) =
        country.iter().find(|code| code.len() != 2 || !code.bytes().all(|b| b.is_ascii_uppercase()))
    {
        return Err(format!("country {bad:?}: two capital letters, as in \"DE\" (ISO 3166-1)"));
    }
    Ok(Conditions {
        user: names(written.user)?,
        group: plain(written.group)?,
        service: plain(written.service)?,
        command: commands.iter().map(|text| Pattern::new(text)).collect::<Result<_, _>>()?,
        target: names(written.target)?,
        tty: ttys.iter().map(|tty| terminal(tty).to_owned()).collect(),
        address: parsed(written.address)?,
        network: named_networks(written.network, networks)?,
        key: parsed(written.key)?,
        time: parsed(written.time)?,
        asn: plain(written.asn)?,
        country,
        device: written.device,
        location: written.location,
        impossible_travel: written.travel.is_some(),
    })
}

fn rule(written: form::Rule, networks: &[Network]) -> Result<Rule, String> {
    let (name, defined_at) = (written.name, written.defined_at);
    let at = |error: String| format!("{}rule {name:?}: {error}", place(&defined_at));
    printable("name", &name).map_err(at)?;
    let when = conditions(written.when, networks).map_err(at)?;
    let unless = conditions(written.unless, networks).map_err(at)?;
    if unless.impossible_travel {
        return Err(at("travel only makes a rule stricter: it is no exception".into()));
    }
    let reason = written.reason.unwrap_or_default();
    match (written.then, written.until) {
        (Effect::Skip, until) => may_skip(&when, &reason, until.is_some()).map_err(at)?,
        (_, None) => {}
        (_, Some(_)) => {
            return Err(at("a rule that ends by itself loosens unseen: only what skips has `until`".into()));
        }
    }
    let until = written.until.map(|date| date.0);
    Ok(Rule { name, when, unless, then: written.then, reason, until, defined_at })
}

/// What a rule that skips must say, or must not. (S25)
fn may_skip(when: &Conditions, reason: &str, ends: bool) -> Result<(), String> {
    if !ends {
        return Err("skips without an end: give it `until`, and a `reason`".into());
    }
    if reason.trim().is_empty() {
        return Err("skips without a reason: say why, for the audit".into());
    }
    if when.is_empty() {
        return Err("skips every login: say in `when` which it is about".into());
    }
    if when.impossible_travel {
        return Err("travel only makes a rule stricter: it cannot skip".into());
    }
    printable("reason", reason)
}

fn exemption(written: form::Exempt, networks: &[Network]) -> Result<Exemption, String> {
    let defined_at = written.defined_at;
    let at = |error: String| format!("{}exempt: {error}", place(&defined_at));
    if written.user.is_none() && written.group.is_none() {
        return Err(at("say who: `user` or `group`".into()));
    }
    let reason = written.reason.filter(|reason| !reason.trim().is_empty());
    let reason = reason.ok_or_else(|| at("without a `reason`".into()))?;
    printable("reason", &reason).map_err(at)?;
    let until = written.until.ok_or_else(|| at("without an end: give it `until`".into()))?.0;
    let when = Written {
        user: written.user,
        group: written.group,
        service: written.service,
        address: written.address,
        network: written.network,
        key: written.key,
        ..Written::default()
    };
    let when = conditions(when, networks).map_err(at)?;
    Ok(Exemption { when, reason, until, defined_at })
}

/// For a message: where it is written, if that is known.
fn place(defined_at: &str) -> String {
    if defined_at.is_empty() { String::new() } else { format!("{defined_at}: ") }
}

fn one_rule_a_name(rules: &[Rule]) -> Result<(), String> {
    let mut seen = std::collections::HashMap::new();
    for rule in rules {
        if let Some(before) = seen.insert(&rule.name, &rule.defined_at) {
            return Err(format!(
                "{}rule {:?}: there is one of that name at {before}",
                place(&rule.defined_at),
                rule.name
            ));
        }
    }
    Ok(())
}

fn service_accounts(written: form::ServiceAccounts) -> Result<ServiceAccounts, String> {
    let bad =
        |text: &str| format!("policy.service_accounts.uids: {text:?}: write \"1-999\"; root is never one");
    let range = |text: String| {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (first.trim().parse::<u32>(), last.trim().parse::<u32>()) {
            (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(first..=last),
            _ => Err(bad(&text)),
        }
    };
    if written.users.iter().any(|name| name == "root") {
        return Err("policy.service_accounts.users: root is never one".into());
    }
    let users = written.users.iter().map(|name| UserName::from(name.as_str())).collect();
    Ok(ServiceAccounts { uids: written.uids.map(range).transpose()?, groups: written.groups, users })
}

fn factors(written: form::Factors) -> Result<Factors, String> {
    let defaults = Factors::default();
    let allowed = written.allowed.map_or(defaults.allowed, |kinds| kinds.into_iter().collect());
    if let Some(unknown) = allowed.iter().find(|kind| !Factors::KINDS.contains(&kind.as_str())) {
        return Err(format!("factors.allowed: {unknown:?} is none of {}", Factors::KINDS.join(", ")));
    }
    if !allowed.contains("totp") && !allowed.contains("hotp") {
        return Err("factors.allowed: without totp and hotp nobody could enrol a first factor".into());
    }
    let backup_codes = written.backup_codes.unwrap_or(defaults.backup_codes);
    if !BACKUP_CODES.contains(&backup_codes) {
        return Err(
            "factors.backup_codes: 1 to 10; to have none, leave \"backup\" out of factors.allowed".into()
        );
    }
    Ok(Factors { allowed, backup_codes, ssh_key_pin: written.ssh_key_pin })
}

fn remember(written: form::Remember) -> Result<Remember, String> {
    let seconds = written.how_long.ok_or("remember.for is missing: for how long, as in \"8h\"")?.seconds;
    if seconds == 0 || seconds > REMEMBER_DAYS * 86_400 {
        return Err(format!(
            "remember.for: from \"1h\" to \"{REMEMBER_DAYS}d\"; to remember nothing, leave [remember] out"
        ));
    }
    let bind = written.bind.unwrap_or_else(|| vec![Bind::Key, Bind::Address]);
    if bind.is_empty() {
        return Err(
            "remember.bind: a login that is bound to nothing would let anybody in who has the password"
                .into(),
        );
    }
    let service = match written.service {
        None => vec!["sshd".to_owned()],
        some => plain(some).map_err(|error| format!("remember.service: {error}"))?,
    };
    if let Some(other) = service.iter().find(|name| !matches!(name.as_str(), "sshd" | "sudo" | "sudo-i")) {
        return Err(format!(
            "remember.service: {other}: only sshd, sudo and sudo-i tell enough of a login to remember it"
        ));
    }
    let forget_on = written.forget_on;
    let forget_on =
        forget_on.unwrap_or_else(|| vec![ForgetOn::NewKey, ForgetOn::NewNetwork, ForgetOn::Sensitive]);
    Ok(Remember { seconds, bind, service, forget_on })
}

/// The databases of places that are meant.
pub(super) fn databases(written: &form::Location) -> Result<Databases, String> {
    let path = |key: &str, written: &Option<PathBuf>| match written {
        Some(path) if path.as_os_str().is_empty() => Ok(None),
        Some(path) if !path.is_absolute() => {
            Err(format!("location.{key}: write the whole path of the file, from / on"))
        }
        path => Ok(path.clone()),
    };
    Ok(Databases { country: path("country", &written.country)?, asn: path("asn", &written.asn)? })
}

fn seen_within(written: &form::Signals) -> Result<u64, String> {
    let seconds = written.seen_within.map_or(SEEN_DAYS.start() * 86_400, |span| span.seconds);
    if seconds == 0 || seconds > SEEN_DAYS.end() * 86_400 {
        return Err(format!("signals.seen_within: from \"1h\" to \"{}d\"", SEEN_DAYS.end()));
    }
    Ok(seconds)
}

fn recovery(written: &form::Recovery) -> Result<Recovery, String> {
    let hours = written.timeout.map_or(u64::from(RECOVERY_HOURS), |span| span.seconds / 3600);
    let hours = u32::try_from(hours).ok().filter(|hours| (1..=RECOVERY_HOURS).contains(hours));
    let hours = hours.ok_or_else(|| format!("recovery.timeout: from \"1h\" to \"{RECOVERY_HOURS}h\""))?;
    Ok(Recovery { by_administrator: matches!(written.admin_recovery, AdminRecovery::VerifyWithId), hours })
}

/// What apps show. One issuer for many hosts would make many entries of one name, so where an issuer
/// is set, the label names the host unless it is set too.
fn entry(enroll: form::Enroll, host: &str) -> Result<Entry, String> {
    let label = enroll.label.unwrap_or_else(|| match enroll.issuer {
        Some(_) => format!("{{user}}@{host}"),
        None => "{user}".to_owned(),
    });
    let label = label.replace("{host}", host);
    let issuer = enroll.issuer.unwrap_or_else(|| host.to_owned());
    let plain = |text: &str| {
        !text.is_empty() && text.len() <= 64 && !text.contains(':') && !text.chars().any(char::is_control)
    };
    if !plain(&issuer) {
        return Err("enroll.issuer: 1 to 64 bytes of printable text without a colon".into());
    }
    if !plain(&label) || !label.contains("{user}") || label.replace("{user}", "").contains(['{', '}']) {
        return Err(
            "enroll.label: at most 64 bytes of printable text without a colon, with {user}, and {host} \
                    where it is wanted"
                .into(),
        );
    }
    Ok(Entry { issuer, label })
}
