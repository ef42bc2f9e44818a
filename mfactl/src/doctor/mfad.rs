//! The daemon: whether it answers, and whether what it stands on is only its own.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use mfa_proto::names::{RUN_DIR, SOCKET};
use nix::unistd::User;

use super::finding::{Finding, Report, Spot};
use super::host::Host;
use super::kind::Kind;
use super::mend::Mend;
use crate::run;

/// The daemon's user.
const USER: &str = "mfad";
const KEY: &str = "/etc/mfad/key";
const STATE: &str = "/var/lib/mfad";
/// Where systemd keeps the key, where it is a credential.
const CREDENTIALS: [&str; 2] = ["/etc/credstore.encrypted/mfad.key", "/etc/credstore/mfad.key"];
/// Where the bus looks for policies.
const POLICIES: [&str; 2] = ["/usr/share/dbus-1/system.d", "/etc/dbus-1/system.d"];
const POLICY: &str = "org.mfad1.conf";
/// The policy that mfad comes with.
const SHIPPED: &str = include_str!("../../../packaging/files/org.mfad1.conf");

/// Looks at it.
pub(super) fn look(host: &Host, report: &mut Report) {
    policy(report);
    match User::from_name(USER) {
        Ok(Some(user)) => {
            let uid = user.uid.as_raw();
            let before = report.findings.len();
            key(uid, report);
            if report.findings.len() == before {
                opens(report);
            }
            store(uid, report);
            socket(host, uid, report);
        }
        Ok(None) => report.cannot_look("modes", "there is no user mfad", Mend::reinstall()),
        Err(error) => report.cannot_look("modes", error, Mend::ByHand("getent passwd mfad".into())),
    }
    if let Some(failure) = &host.silent {
        let systemd = Path::new("/run/systemd/system").exists();
        // Its log says why it does not serve; where the bus starts it, the system's log does.
        let log = if systemd { "journalctl -u mfad -n 20" } else { "mfad --check; tail /var/log/auth.log" };
        if nix::unistd::geteuid().is_root() {
            report.found(Finding {
                kind: Kind::MfadSilent,
                subject: "mfad".into(),
                spot: None,
                detail: failure.to_string(),
                mend: Mend::ByHand(log.into()),
            });
        } else {
            report.cannot_look("accounts", failure, Mend::ByHand("sudo mfactl doctor".into()));
        }
    }
}

/// A finding about a file as such.
fn of_file(kind: Kind, path: &str, detail: String, mend: Mend) -> Finding {
    let subject = path.rsplit('/').next().unwrap_or(path).to_owned();
    Finding { kind, subject, spot: Some(Spot::file(path)), detail, mend }
}

fn seen(about: &std::fs::Metadata) -> String {
    format!("owner {}, mode {:04o}", about.uid(), about.mode() & 0o7777)
}

fn key(uid: u32, report: &mut Report) {
    match std::fs::symlink_metadata(KEY) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if !CREDENTIALS.iter().any(|path| Path::new(path).exists()) {
                // A new key would open none of the rows: mfad init says so, and makes none over a store.
                report.found(of_file(Kind::KeyMissing, KEY, String::new(), Mend::ByHand("mfad init".into())));
            }
        }
        Err(error) => report.cannot_look("key", error, Mend::ByHand("sudo mfactl doctor".into())),
        Ok(about) if !about.is_file() || about.uid() != uid || about.mode() & 0o7777 & !0o400 != 0 => {
            let mend = Mend::Run(format!("chown {USER}:{USER} {KEY} && chmod 0400 {KEY}"));
            report.found(of_file(Kind::KeyModes, KEY, seen(&about), mend));
        }
        Ok(_) => {}
    }
}

/// Whether mfad could serve with the key and the store: it looks itself, and changes nothing.
fn opens(report: &mut Report) {
    if !nix::unistd::geteuid().is_root() {
        return report.cannot_look(
            "key-and-store",
            "they are not yours",
            Mend::ByHand("sudo mfactl doctor".into()),
        );
    }
    let said = match run::ask("mfad", &["--check", "--store"]) {
        Ok(said) => said,
        Err(why) => {
            return report.cannot_look("key-and-store", why, Mend::ByHand("mfad --check --store".into()));
        }
    };
    // Of the settings it has spoken before; of the store it speaks by its path, or the key's.
    let about = |line: &&str| line.contains(STATE) || line.contains("key");
    if let Some(fault) = said.err.lines().find(about) {
        let fault = fault.trim_start_matches("mfad: ").to_owned();
        report.found(of_file(
            Kind::StoreUnreadable,
            STATE,
            fault,
            Mend::ByHand("mfad --check --store".into()),
        ));
    }
}

fn store(uid: u32, report: &mut Report) {
    match std::fs::metadata(STATE) {
        Ok(about) if about.uid() != uid || about.mode() & 0o077 != 0 => {
            let mend = Mend::Run(format!("chown {USER}:{USER} {STATE} && chmod 0700 {STATE}"));
            report.found(of_file(Kind::StoreModes, STATE, seen(&about), mend));
        }
        Ok(_) => {}
        Err(error) => report.cannot_look("store", error, Mend::ByHand("mfad init".into())),
    }
}

/// The folder's owner is whom the module believes; the socket is root's to ask by.
fn socket(host: &Host, uid: u32, report: &mut Report) {
    match std::fs::symlink_metadata(RUN_DIR) {
        Ok(about) if !about.is_dir() || about.uid() != uid || about.mode() & 0o7777 != 0o755 => {
            let mend = Mend::Run(format!("chown {USER}:{USER} {RUN_DIR} && chmod 0755 {RUN_DIR}"));
            report.found(of_file(Kind::SocketModes, RUN_DIR, seen(&about), mend));
        }
        Ok(_) => {}
        Err(error) => report.cannot_look("socket", error, Mend::ByHand("mfad init".into())),
    }
    match std::fs::symlink_metadata(SOCKET) {
        Ok(about) if !matches!(about.uid(), 0) && about.uid() != uid || about.mode() & 0o7777 != 0o600 => {
            let mend = Mend::Run(format!("chown {USER}:{USER} {SOCKET} && chmod 0600 {SOCKET}"));
            report.found(of_file(Kind::SocketModes, SOCKET, seen(&about), mend));
        }
        Err(error) if host.silent.is_none() => {
            let mend = Mend::Run(restart().into());
            report.found(of_file(Kind::SocketModes, SOCKET, error.to_string(), mend));
        }
        _ => {}
    }
}

/// What starts mfad anew, and its socket.
fn restart() -> &'static str {
    if Path::new("/run/systemd/system").exists() {
        "systemctl restart mfad.socket mfad.service"
    } else {
        // The bus starts it at the next call. Never by its name alone: that may be one of a container.
        "/usr/lib/mfad/steps restart"
    }
}

/// Every policy that names mfad is the one that it came with.
fn policy(report: &mut Report) {
    let mut found = false;
    for folder in POLICIES {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|end| end != "conf") {
                continue;
            }
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) => {
                    report.cannot_look("bus-policy", error, Mend::list(&path));
                    continue;
                }
            };
            let is_ours = path.file_name().is_some_and(|name| name == POLICY);
            if !is_ours && !rules(&text).contains("org.mfad1") {
                continue;
            }
            found |= is_ours;
            let writable = entry.metadata().is_ok_and(|about| about.uid() != 0 || about.mode() & 0o022 != 0);
            let other = rules(&text) != rules(SHIPPED);
            if other || writable {
                let detail = if other { "it says something else" } else { "others than root can write it" };
                let path = path.to_string_lossy();
                report.found(of_file(Kind::BusPolicyChanged, &path, detail.into(), Mend::reinstall()));
            }
        }
    }
    if !found {
        let path = format!("{}/{POLICY}", POLICIES[0]);
        report.found(of_file(Kind::BusPolicyMissing, &path, String::new(), Mend::reinstall()));
    }
}

/// A policy without comments and spaces between.
fn rules(text: &str) -> String {
    let mut bare = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        bare.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    bare.push_str(rest);
    bare.split_whitespace().collect::<Vec<_>>().join(" ").replace("> <", "><")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_in_a_policy_says_nothing() {
        assert_eq!(rules("<a>\n <!-- <allow own=\"x\"/>\n --> <b/>\n</a>\n"), "<a><b/></a>");
        assert!(rules(SHIPPED).contains("<allow own=\"org.mfad1\"/>"));
        assert!(rules("<a> <!-- never ended <allow/>") == "<a>");
    }
}
