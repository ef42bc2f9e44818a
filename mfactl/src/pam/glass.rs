//! The way in that needs no mfad: it has to be there before anything is protected.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::line::Facility;
use super::sshd::{CONFIG, Effective, Visitor};
use super::stack::Files;
use super::walk::{OURS, Walk};
use crate::ask;
use crate::failure::Failure;

/// The helper of `pam_unix`, which compares one password with `/etc/shadow`.
const CHECKS_PASSWORD: [&str; 2] = ["/usr/sbin/unix_chkpwd", "/sbin/unix_chkpwd"];
/// The keys that let in as root.
const ROOTS_KEYS: &str = "/root/.ssh/authorized_keys";

/// A way in as root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Root's password at the console.
    Console,
    /// Root's key over ssh, from there.
    Key(String),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Console => write!(f, "root's password at the console"),
            Self::Key(from) => write!(f, "root's key over ssh, from {from}"),
        }
    }
}

/// Every way in as root that would ask no mfad; `from` is the network that a plan names for root's key.
pub(crate) fn ways(files: &Files, protects_sshd: bool, from: Option<&str>) -> Vec<Way> {
    let mut ways = Vec::new();
    if console(files) {
        ways.push(Way::Console);
    }
    if has_keys() {
        if let Some(network) = from {
            ways.push(Way::Key(network.to_owned()));
        } else if !protects_sshd && key_alone_is_enough(files) {
            ways.push(Way::Key("anywhere".to_owned()));
        }
    }
    ways
}

/// Whether root has a password that is asked for at the console, by a stack without us.
pub(crate) fn console(files: &Files) -> bool {
    let Ok(steps) = files.stack("login", Facility::Auth) else { return false };
    let there = files.of_service("login").is_ok_and(|found| found.is_some());
    let grants = Walk::through(&steps).ends.iter().any(|end| end.granted);
    there && grants && !steps.iter().any(|step| step.asks(OURS)) && roots_password()
}

/// Whether root has a password at all (shadow(5)): a hash, of an account that is not locked.
pub(crate) fn roots_password() -> bool {
    let shadow = fs::read_to_string("/etc/shadow").unwrap_or_default();
    let hash = shadow.lines().find_map(|line| line.strip_prefix("root:")?.split(':').next());
    hash.is_some_and(|hash| hash.len() > 2 && !hash.starts_with(['!', '*']))
}

/// Whether there are keys that sshd can read.
fn has_keys() -> bool {
    let listed = Command::new("ssh-keygen").args(["-l", "-f", ROOTS_KEYS]).stdin(Stdio::null()).output();
    listed.is_ok_and(|run| run.status.success() && !run.stdout.is_empty())
}

/// Whether sshd lets root in by key alone today, from anywhere.
fn key_alone_is_enough(files: &Files) -> bool {
    let root = Visitor { user: "root".into(), ..Visitor::anybody() };
    let unasked =
        files.stack("sshd", Facility::Auth).is_ok_and(|steps| !steps.iter().any(|step| step.asks(OURS)));
    let effective = Effective::of(Path::new(CONFIG), &root);
    effective.is_ok_and(|effective| {
        let methods = effective.methods();
        let enough = methods == "any" || methods.split(' ').any(|list| list == "publickey");
        let root = effective.value("permitrootlogin");
        enough && (unasked || methods != "any") && root != "no" && root != "forced-commands-only"
    })
}

/// Tries a way as far as it can be tried from here; `false`: it does not open.
pub(crate) fn tried(way: &Way) -> Result<bool, Failure> {
    match way {
        // sshd was asked, and the keys were read.
        Way::Key(_) => Ok(true),
        Way::Console => {
            let Some(typed) =
                ask::line("Root's password, to try the way in at the console (not kept): ", false)?
            else {
                return Ok(false);
            };
            is_roots_password(&typed).map_err(|error| Failure::Unread("unix_chkpwd".into(), error))
        }
    }
}

fn is_roots_password(typed: &[u8]) -> std::io::Result<bool> {
    let program = CHECKS_PASSWORD.iter().find(|path| Path::new(path).exists()).unwrap_or(&CHECKS_PASSWORD[0]);
    let mut check = Command::new(program)
        .args(["root", "nonull"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = check.stdin.take() {
        // It may have ended before it read: its answer says why.
        let _ = stdin.write_all(typed).and_then(|()| stdin.write_all(b"\0"));
    }
    Ok(check.wait()?.success())
}
