//! Conditions about what a service does not tell: there a rule that asks is taken whatever they say, and one
//! that skips never.

use mfa_proto::facts;

use super::{
    super::{Conditions, Effect},
    Entry,
};

/// What a condition is about, by the services that tell it.
struct Told {
    called: &'static str,
    by: fn(&[u8]) -> bool,
    is_in: fn(&Conditions) -> bool,
}

const TOLD: [Told; 5] = [
    Told { called: "address", by: facts::is_sshd, is_in: |c| !c.address.is_empty() || !c.network.is_empty() },
    Told {
        called: "place",
        by: facts::is_sshd,
        is_in: |c| !c.asn.is_empty() || !c.country.is_empty() || c.location.is_some() || c.impossible_travel,
    },
    Told { called: "key", by: facts::is_sshd, is_in: |c| !c.key.is_empty() || c.device.is_some() },
    Told { called: "command", by: facts::is_sudo, is_in: |c| !c.command.is_empty() },
    Told {
        called: "target",
        by: |service| facts::is_su(service) || facts::is_sshd(service) || service == b"login",
        is_in: |c| !c.target.is_empty(),
    },
];

/// Services that a rule which names none is about, as people think of them.
const WELL_KNOWN: [&str; 4] = ["sshd", "sudo", "su", "login"];

/// Why an entry that skips is never taken.
pub(super) fn unknown_everywhere(entry: &Entry<'_>) -> Option<String> {
    if entry.then != Effect::Skip || entry.when.service.is_empty() {
        return None;
    }
    let told = TOLD
        .iter()
        .find(|told| told.is_in_either(entry) && told.blind(entry).len() == entry.services().len())?;
    Some(format!("is never taken: no {} is known at {}", told.called, listed(&told.blind(entry))))
}

/// Where an entry that asks or denies does so whatever it says.
pub(super) fn unknown_somewhere(entry: &Entry<'_>) -> Option<String> {
    if entry.then == Effect::Skip {
        return None;
    }
    let told = TOLD.iter().find(|told| told.is_in_either(entry) && !told.blind(entry).is_empty())?;
    let hint = if entry.when.service.is_empty() { "; say for which `service` it is" } else { "" };
    Some(format!(
        "no {} is known at {}, where it {} whatever that is{hint}",
        told.called,
        listed(&told.blind(entry)),
        match entry.then {
            Effect::Deny => "denies",
            _ => "asks",
        }
    ))
}

/// `sudo`, `sudo and su`, `sudo, su and login`.
fn listed(services: &[&str]) -> String {
    match services {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl Told {
    fn is_in_either(&self, entry: &Entry<'_>) -> bool {
        (self.is_in)(entry.when) || (self.is_in)(entry.unless)
    }

    /// Of the services that the entry is about, those that do not tell it.
    fn blind<'a>(&self, entry: &'a Entry<'_>) -> Vec<&'a str> {
        entry.services().into_iter().filter(|service| !(self.by)(service.as_bytes())).collect()
    }
}

impl Entry<'_> {
    fn services(&self) -> Vec<&str> {
        let excepted = |service: &str| {
            let alone = Conditions { service: self.unless.service.clone(), ..Conditions::default() };
            *self.unless == alone && alone.service.iter().any(|name| name == service)
        };
        let named: Vec<&str> = if self.when.service.is_empty() {
            WELL_KNOWN.to_vec()
        } else {
            self.when.service.iter().map(String::as_str).collect()
        };
        named.into_iter().filter(|service| !excepted(service)).collect()
    }
}
