//! Users of a directory: whether mfad sees them from inside its unit, as root does.

use std::collections::HashSet;

use mfa_proto::admin::{Import, Why};
use mfa_proto::fault::Fault;
use nix::unistd::User;

use super::finding::{Finding, Report, Spot};
use super::host::Host;
use super::kind::Kind;
use super::mend::{self, Mend};
use super::run;

/// How many are asked about: what one of a directory shows holds for the others.
const FEW: usize = 5;

/// Asks mfad about some whom root sees and `/etc/passwd` does not hold.
pub(super) async fn look(host: &Host, report: &mut Report) {
    let (Some(bus), None) = (&host.bus, &host.silent) else { return };
    for name in from_elsewhere(report) {
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

/// Some names that NSS knows and the file does not: listed ones, and members of local groups.
fn from_elsewhere(report: &mut Report) -> Vec<String> {
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
    let members = members.filter(|name| matches!(User::from_name(name), Ok(Some(_)))).map(str::to_owned);
    let mut seen = HashSet::new();
    let elsewhere = listed.chain(members).filter(|name| !name.is_empty() && !local.contains(name));
    elsewhere.filter(|name| seen.insert(name.clone())).take(FEW).collect()
}
