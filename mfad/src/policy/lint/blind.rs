//! Conditions about what a service does not tell, or what no database says: there a rule that asks is taken whatever
//! they say, and one that skips never.

use mfa_proto::facts;

use super::{
    super::{Conditions, Effect, Network},
    Databases, Entry,
};

/// What a condition is about, by the services that tell it and by what it is known from.
struct Told {
    called: &'static str,
    by: fn(&[u8]) -> bool,
    is_in: fn(&Conditions) -> bool,
    /// What is missing, where it is known nowhere.
    lacks: fn(Databases, &[Network]) -> Option<&'static str>,
}

const NOTHING: fn(Databases, &[Network]) -> Option<&'static str> = |_, _| None;

const TOLD: [Told; 8] = [
    Told {
        called: "country",
        by: facts::is_sshd,
        is_in: |c| !c.country.is_empty(),
        lacks: |databases, _| (!databases.country).then_some("a database of countries"),
    },
    Told {
        called: "autonomous system",
        by: facts::is_sshd,
        is_in: |c| !c.asn.is_empty(),
        lacks: |databases, _| (!databases.asn).then_some("a database of autonomous systems"),
    },
    Told {
        called: "place",
        by: facts::is_sshd,
        is_in: |c| c.impossible_travel,
        lacks: |databases, _| (!databases.country).then_some("a database of countries"),
    },
    Told {
        called: "place",
        by: facts::is_sshd,
        is_in: |c| c.location.is_some(),
        lacks: |databases, networks| {
            let any = databases.country || databases.asn || !networks.is_empty();
            (!any).then_some("a database, or a network")
        },
    },
    Told {
        called: "address",
        by: facts::is_sshd,
        is_in: |c| !c.address.is_empty() || !c.network.is_empty(),
        lacks: NOTHING,
    },
    Told {
        called: "key",
        by: facts::is_sshd,
        is_in: |c| !c.key.is_empty() || c.device.is_some(),
        lacks: NOTHING,
    },
    Told { called: "command", by: facts::is_sudo, is_in: |c| !c.command.is_empty(), lacks: NOTHING },
    Told {
        called: "target",
        by: |service| facts::is_su(service) || facts::is_sshd(service) || service == b"login",
        is_in: |c| !c.target.is_empty(),
        lacks: NOTHING,
    },
];

/// What sshd calls every terminal.
const SSH: &str = "ssh";

/// Services that a rule which names none is about, as people think of them.
const WELL_KNOWN: [&str; 4] = ["sshd", "sudo", "su", "login"];

/// Whether these conditions, of an entry, ask for a terminal that none of its services has.
pub(super) fn no_such_terminal(entry: &Entry<'_>, conditions: &Conditions) -> bool {
    !entry.when.service.is_empty()
        && entry.when.service.iter().all(|service| facts::is_sshd(service.as_bytes()))
        && !conditions.tty.is_empty()
        && !conditions.tty.iter().any(|tty| tty == SSH)
}

/// Why an entry that skips is never taken.
pub(super) fn unknown_everywhere(
    entry: &Entry<'_>,
    databases: Databases,
    networks: &[Network],
) -> Option<String> {
    if entry.then != Effect::Skip {
        return None;
    }
    if let Some((called, missing)) = lacking(entry, databases, networks, Told::hides) {
        return Some(format!("is never taken: no {called} is known without {missing}"));
    }
    let named = !entry.when.service.is_empty();
    let told = TOLD
        .iter()
        .find(|told| named && told.hides(entry) && told.blind(entry).len() == entry.services().len())?;
    Some(format!("is never taken: no {} is known at {}", told.called, listed(&told.blind(entry))))
}

/// Where an entry that asks or denies does so whatever it says.
pub(super) fn unknown_somewhere(
    entry: &Entry<'_>,
    databases: Databases,
    networks: &[Network],
) -> Option<String> {
    let does = match entry.then {
        Effect::Skip => return None,
        Effect::Deny => "denies",
        Effect::Ask | Effect::AskFresh => "asks",
    };
    if let Some((called, missing)) = lacking(entry, databases, networks, Told::is_in_either) {
        return Some(format!("no {called} is known without {missing}: it {does} whatever that is"));
    }
    let told = TOLD.iter().find(|told| told.is_in_either(entry) && !told.blind(entry).is_empty())?;
    let hint = if entry.when.service.is_empty() { "; say for which `service` it is" } else { "" };
    let (called, blind) = (told.called, listed(&told.blind(entry)));
    Some(format!("no {called} is known at {blind}, where it {does} whatever that is{hint}"))
}

/// What an entry is about that nothing tells, and what would tell it.
fn lacking(
    entry: &Entry<'_>,
    databases: Databases,
    networks: &[Network],
    matters: fn(&Told, &Entry<'_>) -> bool,
) -> Option<(&'static str, &'static str)> {
    let mut told = TOLD.iter().filter(|told| matters(told, entry));
    told.find_map(|told| (told.lacks)(databases, networks).map(|missing| (told.called, missing)))
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

    /// Whether, where it is not known, it is not known either whether the entry is about the login: of an exception
    /// with further conditions any may be known not to hold.
    fn hides(&self, entry: &Entry<'_>) -> bool {
        (self.is_in)(entry.when) || (self.is_in)(entry.unless) && entry.unless.kinds() == 1
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
