//! Users of a directory: whether mfad sees them from inside its unit, as root does.

use std::collections::HashSet;

use mfa_proto::admin::{Import, Why};
use mfa_proto::fault::Fault;
use nix::unistd::User;

use super::finding::{Finding, Report, Spot};
use super::host::Host;
use super::kind::Kind;
use super::mend::{self, Mend};
use crate::run;

/// How many are asked about: what one of a directory shows holds for the others.
const FEW: usize = 5;

/// Asks mfad about some whom root sees and `/etc/passwd` does not hold.
pub(super) async fn look(host: &Host, report: &mut Report) {
    let (Some(bus), None) = (&host.bus, &host.silent) else { return };
    let names = from_elsewhere(host, report);
    if names.is_empty()
        && let Some(source) = directory()
    {
        let why = format!("no user of {source} is listed, nor in a group of /etc/group");
        report.cannot_look("names", why, Mend::ByHand("getent passwd NAME".into()));
    }
    for name in names {
        // A dry run changes nothing: it is the one question about a name that any name gets an answer to.
        let import = Import {
            user: name.clone().into_bytes(),
            label: "doctor".into(),
            kind: "totp".into(),
            algorithm: "SHA1".into(),
            digits: 6,
            period: 30,
            secret: vec![0x5a; 20],
            next: 0,
            scratch_codes: Vec::new(),
            allow_weak: false,
            refresh: false,
            dry_run: true,
        };
        let Err(failure) = bus.import(&import, &Why::default()).await else { continue };
        let shown = mend::quoted(&name);
        if !failure.is(Fault::NotFound) && !failure.is(Fault::Unavailable) {
            report.cannot_look("names", failure, Mend::ByHand(format!("mfactl user show {shown}")));
            return;
        }
        report.found(Finding {
            kind: Kind::NameUnseen,
            subject: name,
            spot: Some(Spot::file("/etc/nsswitch.conf")),
            detail: failure.to_string(),
            mend: Mend::ByHand(format!(
                "setpriv --reuid=mfad --regid=mfad --init-groups getent passwd {shown}"
            )),
        });
    }
}

/// A source of users besides this host's own files.
fn directory() -> Option<String> {
    let sources = std::fs::read_to_string("/etc/nsswitch.conf").ok()?;
    let sources = sources.lines().find_map(|line| line.trim().strip_prefix("passwd:"))?;
    let own = |source: &&str| {
        matches!(*source, "files" | "compat" | "db" | "systemd" | "mymachines") || source.starts_with('[')
    };
    sources.split_whitespace().find(|source| !own(source)).map(str::to_owned)
}

/// Some names that NSS knows and the file does not: listed ones, members of local groups, and those who have an account.
fn from_elsewhere(host: &Host, report: &mut Report) -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (passwd, groups) = (read("/etc/passwd"), read("/etc/group"));
    let first = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    let local: HashSet<String> = passwd.lines().map(first).collect();
    let listed = match run::ask("getent", &["passwd"]) {
        Ok(said) => said.out,
        Err(why) => {
            report.cannot_look("names", why, Mend::ByHand("getent passwd".into()));
            String::new()
        }
    };
    let listed =
        listed.lines().filter(|line| !line.ends_with("/nologin") && !line.ends_with("/false")).map(first);
    let members = groups.lines().filter_map(|line| line.split(':').nth(3)).flat_map(|names| names.split(','));
    let accounts = host.accounts.iter().filter_map(|row| std::str::from_utf8(&row.name).ok());
    let mut seen = HashSet::new();
    let mut new = |name: &String| !name.is_empty() && !local.contains(name) && seen.insert(name.clone());
    let known = |name: &String| matches!(User::from_name(name), Ok(Some(_)));
    let elsewhere = listed.chain(members.chain(accounts).map(str::to_owned));
    elsewhere.filter(|name| new(name)).filter(known).take(FEW).collect()
}
