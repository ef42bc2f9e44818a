//! What it takes to protect some families of services, worked out before anything is written.

use std::path::{Path, PathBuf};

use super::family::Family;
use super::fingerprint::{Gatekeeper, fingerprint};
use super::gate::{self, Gate, gate};
use super::glass::{self, KeyFrom, Ways};
use super::place::{Change, First, Glass, Wanted, place};
use super::proof::Proof;
use super::stack::Files;
use crate::failure::Failure;

/// What is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// Which services.
    pub(crate) families: Vec<Family>,
    /// What comes before the code; none: what the service has.
    pub(crate) first: Option<First>,
    /// Which other module makes way; none: the one that has, if any.
    pub(crate) replace: Option<String>,
    /// From which network root's key lets in, whatever happens; none: from the one that it has.
    pub(crate) glass_from: Option<KeyFrom>,
}

/// One service, proved.
#[derive(Debug)]
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: String,
    /// What its stack holds then.
    pub(crate) proof: Proof,
}

/// All that is to be done, and what holds then.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Which services.
    pub(crate) families: Vec<Family>,
    /// The files that change; none: it is so already.
    pub(crate) changes: Vec<Change>,
    /// Each service that is there.
    pub(crate) services: Vec<Service>,
    /// What sshd is told, where it is one of them.
    pub(crate) gate: Option<Gate>,
    /// The ways in as root that need no mfad, then.
    pub(crate) glass: Ways,
    /// Of the effective result: equal on hosts that let in alike.
    pub(crate) hash: String,
}

impl Plan {
    /// Works it out over the files of this host.
    pub(crate) fn of(wish: &Wish) -> Result<Self, Failure> {
        let sshd = wish.families.iter().find(|family| family.name == "sshd");
        let glass_from = if sshd.is_some() { glass_from(wish)? } else { None };
        let mut files = Files::of_this_host();
        let (mut changes, mut services) = (Vec::new(), Vec::new());
        for family in &wish.families {
            let before = services.len();
            for name in &family.services {
                let first = first_of(wish, family);
                // `sudo-i` and `su-l` are not everywhere; what a family has for each is proved.
                let there = files.of_service(name).map_err(|error| unread(name, error))?.is_some();
                if !there && *name != family.services[0] {
                    continue;
                }
                let refuse = |why| Failure::GivenUp(format!("{name}: {why}; nothing was changed"));
                let glass =
                    if name == "sshd" && glass_from.is_some() { Glass::RootsKey } else { Glass::Whole };
                let wanted = Wanted { first, replace: wish.replace.as_deref(), glass };
                let placed = place(&files, name, wanted).map_err(refuse)?;
                if let Some(change) = placed.change {
                    files = files.with(&change.file, change.after.clone());
                    changes.push(change);
                }
                services.push(Service { name: name.clone(), proof: placed.proof });
            }
            debug_assert!(services.len() > before);
        }
        let gate = sshd.map(|family| {
            gate(first_of(wish, family), glass_from.as_deref())
                .map_err(|why| Failure::GivenUp(format!("sshd: {why}; nothing was changed")))
        });
        let gate = gate.transpose()?;
        changes.extend(gate.iter().flat_map(|gate| gate.changes.iter().cloned()));
        let glass = match sshd {
            Some(_) => Ways::planned(&files, glass_from.as_deref()),
            None => Ways::now(&files),
        };
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        let keeper =
            gate.as_ref().map(|gate| Gatekeeper { methods: gate.methods.into(), told: gate.told.clone() });
        let hash = fingerprint(&files, &names, keeper.as_ref());
        Ok(Self { families: wish.families.clone(), changes, services, gate, glass, hash })
    }

    /// The files that sshd reads itself.
    pub(crate) fn touches_sshd(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| !gate.changes.is_empty())
    }
}

/// What comes first at a family: at sshd what is wished, or what it asks for now; a password elsewhere.
fn first_of(wish: &Wish, family: &Family) -> First {
    if family.name == "sshd" { wish.first.unwrap_or_else(gate::usual) } else { First::Password }
}

/// From which network root's key lets in: what is wished, or what our own file has.
fn glass_from(wish: &Wish) -> Result<Option<String>, Failure> {
    match &wish.glass_from {
        Some(KeyFrom::Network(network)) => Ok(Some(network.clone())),
        Some(KeyFrom::Nowhere) => Ok(None),
        None => glass::kept().map_err(|why| Failure::GivenUp(format!("{why}; nothing was changed"))),
    }
}

fn unread(name: &str, error: std::io::Error) -> Failure {
    Failure::Unread(format!("the PAM file of {name}"), error)
}

/// What changes, as `diff -u` shows it; text that is no UTF-8 is shown as far as it is.
pub(crate) fn diff(change: &Change) -> String {
    let text =
        |bytes: &Option<Vec<u8>>| String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned();
    let (before, after) = (text(&change.before), text(&change.after));
    let name = |there: bool| if there { change.file.clone() } else { PathBuf::from("/dev/null") };
    similar::TextDiff::from_lines(&before, &after)
        .unified_diff()
        .context_radius(2)
        .header(
            &name(change.before.is_some()).display().to_string(),
            &name(change.after.is_some()).display().to_string(),
        )
        .to_string()
}

/// Whether a file is one that sshd reads.
pub(crate) fn is_of_sshd(file: &Path) -> bool {
    file == Path::new(gate::OURS) || file == Path::new(super::sshd::CONFIG)
}
