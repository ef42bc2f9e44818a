//! What settings say that cannot be meant: rules and exemptions that do nothing, that are about more logins than
//! they seem to be, or that do not hold what they seem to promise. They hold all the same. Nothing is found that
//! may be right: where it cannot be decided, nothing is said.

mod blind;
mod cover;
mod named;
mod shells;
#[cfg(test)]
mod tests;

use mfa_proto::{identity::UnixTime, time};

use super::{Conditions, Effect, Network, Rules};
use cover::is_never;
pub use named::{Named, Nobody, named};

/// Something that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// File and line; empty where they are not known.
    pub at: String,
    /// Which part of the settings, and what of it.
    pub said: String,
}

/// Which databases of places there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Databases {
    /// One of countries, perhaps with coordinates.
    pub country: bool,
    /// One of autonomous systems.
    pub asn: bool,
}

/// A rule or an exemption, as far as both are alike.
struct Entry<'a> {
    called: String,
    at: &'a str,
    when: &'a Conditions,
    unless: &'a Conditions,
    then: Effect,
    until: Option<UnixTime>,
}

impl Entry<'_> {
    fn finding(&self, said: &str) -> Finding {
        Finding { at: self.at.to_owned(), said: format!("{}: {said}", self.called) }
    }
}

/// All that is found, in the order of the settings: rules, exemptions, networks.
pub fn findings(rules: &Rules, databases: Databases, now: UnixTime) -> Vec<Finding> {
    let none = Conditions::default();
    let entries = entries(rules, &none);
    let mut found = Vec::new();
    if let Some(entry) = entries.first().filter(|_| rules.is_off()) {
        found.push(entry.finding("is not looked at, and no other is: the mode is off"));
    }
    for (at, entry) in entries.iter().enumerate() {
        let nothing = does_nothing(entry, rules, databases, now);
        if let Some(nothing) = nothing.or_else(|| is_covered(&entries, at, rules, now)) {
            found.push(entry.finding(&nothing));
            continue;
        }
        if blind::no_such_terminal(entry, entry.unless) {
            found.push(entry.finding("`unless` excepts nothing: sshd calls every terminal \"ssh\""));
        }
        let unknown = blind::unknown_somewhere(entry, databases, &rules.networks);
        found.extend(unknown.map(|said| entry.finding(&said)));
        found.extend(shells::unasked(&entries, at).map(|said| entry.finding(&said)));
        if entry.then == Effect::Skip && entry.when.user.iter().any(|user| user.as_bytes() == b"root") {
            found.push(entry.finding("lets root in without a factor"));
        }
    }
    found.extend(no_boundary(&entries));
    found.extend(overlaps(&rules.networks));
    found
}

fn entries<'a>(rules: &'a Rules, none: &'a Conditions) -> Vec<Entry<'a>> {
    let of_rules = rules.rules.iter().map(|rule| Entry {
        called: format!("rule {:?}", rule.name),
        at: &rule.defined_at,
        when: &rule.when,
        unless: &rule.unless,
        then: rule.then,
        until: rule.until,
    });
    let exemptions = rules.exemptions.iter().map(|exemption| Entry {
        called: format!("exemption {:?}", exemption.reason),
        at: &exemption.defined_at,
        when: &exemption.when,
        unless: none,
        then: Effect::Skip,
        until: Some(exemption.until),
    });
    of_rules.chain(exemptions).collect()
}

/// Why an entry, by itself, is about no login.
fn does_nothing(entry: &Entry<'_>, rules: &Rules, databases: Databases, now: UnixTime) -> Option<String> {
    if let Some(until) = entry.until.filter(|until| now >= *until) {
        return Some(format!("ended on {}: remove it", time::day(until.0)));
    }
    if is_never(entry.when, &rules.networks) {
        return Some("matches no address: none of those in `address` is in one of `network`".into());
    }
    if !entry.unless.is_empty() && entry.when.imply(entry.unless, &rules.networks) {
        return Some("matches nothing that is known: `unless` takes back all that `when` says".into());
    }
    if blind::no_such_terminal(entry, entry.when) {
        return Some("matches nothing: sshd calls every terminal \"ssh\", and no `tty` is that".into());
    }
    blind::unknown_everywhere(entry, databases, &rules.networks)
}

/// Which other entry makes this one do nothing.
fn is_covered(entries: &[Entry<'_>], at: usize, rules: &Rules, now: UnixTime) -> Option<String> {
    let entry = &entries[at];
    entries.iter().enumerate().find_map(|(other_at, other)| {
        let alike = || other.covers(entry, rules) && !(entry.covers(other, rules) && at < other_at);
        match (entry.then, other.then) {
            _ if other_at == at || other.until.is_some_and(|until| now >= until) => None,
            (Effect::Skip, Effect::Skip) if other.until >= entry.until && alike() => {
                Some(format!("does nothing: {} skips the same", other.named()))
            }
            (Effect::Skip, Effect::Skip) => None,
            (Effect::Skip, _) if other.covers(entry, rules) => {
                Some(format!("does nothing: {} is about the same, and is stricter", other.named()))
            }
            (its, others) if its < others && other.covers(entry, rules) => {
                Some(format!("does nothing: {} is about the same, and is stricter", other.named()))
            }
            (its, others) if its == others && alike() => {
                Some(format!("does nothing: {} asks the same", other.named()))
            }
            _ => None,
        }
    })
}

impl Entry<'_> {
    /// Whether this one is taken wherever that one is.
    fn covers(&self, that: &Entry<'_>, rules: &Rules) -> bool {
        // Where one of them is about something unknown, so is the other: both are taken, or both are not.
        that.when.imply(self.when, &rules.networks)
            && (self.unless.is_empty()
                || !that.unless.is_empty() && self.unless.imply(that.unless, &rules.networks))
    }

    fn named(&self) -> String {
        if self.at.is_empty() { self.called.clone() } else { format!("{} at {}", self.called, self.at) }
    }
}

/// Once, at the first rule that has a command.
fn no_boundary(entries: &[Entry<'_>]) -> Option<Finding> {
    let mut with_command =
        entries.iter().filter(|entry| !entry.when.command.is_empty() || !entry.unless.command.is_empty());
    let first = with_command.next()?;
    let others = match with_command.count() {
        0 => String::new(),
        1 => " (another has too)".into(),
        more => format!(" ({more} others have too)"),
    };
    Some(first.finding(&format!(
        "has a command{others}, which is no boundary: who may run an editor, an interpreter or a copy of a \
         program has every command; what may be run, sudoers says"
    )))
}

/// For each network, those before it that have some of its addresses.
fn overlaps(networks: &[Network]) -> Vec<Finding> {
    /// So many are named.
    const NAMED: usize = 3;
    let overlap = |one: &Network, other: &Network| {
        let mut pairs = one.prefixes.iter().flat_map(|a| other.prefixes.iter().map(move |b| (a, b)));
        pairs.find(|(a, b)| a.overlaps(**b)).map(|(a, b)| format!("networks.{} ({a}, {b})", other.name))
    };
    let of = |(at, network): (usize, &Network)| {
        let all: Vec<String> = networks[..at].iter().filter_map(|before| overlap(network, before)).collect();
        let more = all.len().saturating_sub(NAMED);
        let named = all[..all.len() - more].join(" and ");
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        (!all.is_empty()).then(|| Finding {
            at: network.defined_at.clone(),
            said: format!("networks.{} has addresses of {named}{more}", network.name),
        })
    };
    networks.iter().enumerate().filter_map(of).collect()
}
