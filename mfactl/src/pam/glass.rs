//! The way in that needs no mfad: it has to be there before anything is protected.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::line::Facility;
use super::sshd::{CONFIG, Effective, Visitor, in_network};
use super::stack::Files;
use super::walk::{OURS, Walk};
use crate::ask;
use crate::failure::Failure;
use crate::run;

/// The helper of `pam_unix`, which compares one password with `/etc/shadow`.
const CHECKS_PASSWORD: [&str; 2] = ["/usr/sbin/unix_chkpwd", "/sbin/unix_chkpwd"];
/// Root's home.
const HOME: &str = "/root";
/// What a line of a key may begin with that makes it no way in: a command in place of a shell, or an end.
const NARROWED: [&str; 3] = ["command=", "from=", "expiry-time="];

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
    if let Some(network) = from {
        let opens = as_root(in_network(network)).is_ok_and(|sshd| lets_root_in(&sshd) && roots_key(&sshd));
        if opens && needs_no_module(files) {
            ways.push(Way::Key(network.to_owned()));
        }
    } else if !protects_sshd && key_alone_is_enough(files) {
        ways.push(Way::Key("anywhere".to_owned()));
    }
    ways
}

/// Whether somebody passes the account lines of sshd, which come after a key too, with our module's file gone.
pub(crate) fn needs_no_module(files: &Files) -> bool {
    let account = files.stack("sshd", Facility::Account);
    account.is_ok_and(|steps| Walk::without_us(&steps).ends.iter().any(|end| end.granted))
}

/// What sshd says of root from that address.
fn as_root(address: String) -> Result<Effective, String> {
    Effective::of(Path::new(CONFIG), &Visitor { user: "root".into(), address, ..Visitor::anybody() })
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

/// Whether root can log in at all: by a password, or by a key over ssh. Where that cannot be told, root can.
pub(crate) fn root_logs_in() -> bool {
    if !nix::unistd::geteuid().is_root() || roots_password() {
        return true; // /etc/shadow is root's to read
    }
    match as_root(Visitor::anybody().address) {
        Ok(sshd) => {
            sshd.value("permitrootlogin") != "no" && sshd.is("pubkeyauthentication") && roots_key(&sshd)
        }
        Err(_) => run::find("sshd").is_some(),
    }
}

/// Whether root has a key where this sshd looks for one. Root's home is root's own: those of others are not looked
/// into, where a link or a FIFO may wait for a root who reads.
pub(crate) fn roots_key(sshd: &Effective) -> bool {
    sshd.value("authorizedkeysfile").split_whitespace().any(|pattern| {
        let path = pattern.replace("%h", HOME).replace("%u", "root").replace("%U", "0").replace("%%", "%");
        holds_a_key(&Path::new(HOME).join(path))
    })
}

/// Whether there is a key that sshd can read, and that opens a shell.
fn holds_a_key(file: &Path) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let opens = |line: &str| {
        let line = line.trim().to_ascii_lowercase();
        !line.is_empty() && !line.starts_with('#') && !NARROWED.iter().any(|option| line.contains(option))
    };
    text.lines().any(opens)
        && run::ask("ssh-keygen", &["-l", "-f", &file.to_string_lossy()])
            .is_ok_and(|said| said.well && !said.out.is_empty())
}

/// Whether sshd lets root in at all, by the lists of who may come. Where a pattern leaves it open, it does not.
pub(crate) fn lets_root_in(sshd: &Effective) -> bool {
    let is_roots = |group: &str| {
        let found = nix::unistd::Group::from_name(group).ok().flatten();
        found.is_some_and(|group| group.gid.as_raw() == 0 || group.mem.iter().any(|name| name == "root"))
    };
    let may = |list: &str, is: &dyn Fn(&str) -> bool| {
        let allowed: Vec<&str> = sshd.all(list).collect();
        allowed.is_empty()
            || !allowed.iter().any(|name| name.contains('!'))
                && allowed.iter().any(|name| *name == "*" || is(name))
    };
    let surely_another = |name: &str, is: &dyn Fn(&str) -> bool| {
        let name = name.split('@').next().unwrap_or_default();
        !name.contains(['*', '?', '!']) && !is(name)
    };
    let is_root = |name: &str| name == "root";
    sshd.all("denyusers").all(|name| surely_another(name, &is_root))
        && sshd.all("denygroups").all(|name| surely_another(name, &is_roots))
        && may("allowusers", &is_root)
        && may("allowgroups", &is_roots)
}

/// Whether sshd lets root in by key alone today, from anywhere.
fn key_alone_is_enough(files: &Files) -> bool {
    let unasked =
        files.stack("sshd", Facility::Auth).is_ok_and(|steps| !steps.iter().any(|step| step.asks(OURS)));
    as_root(Visitor::anybody().address).is_ok_and(|sshd| {
        let methods = sshd.methods();
        let enough = methods == "any" || methods.split(' ').any(|list| list == "publickey");
        let root = sshd.value("permitrootlogin");
        let by_key = sshd.is("pubkeyauthentication") && root != "no" && root != "forced-commands-only";
        enough && by_key && (unasked || methods != "any") && lets_root_in(&sshd) && roots_key(&sshd)
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

#[cfg(test)]
mod tests {
    use super::super::stack::tests::host;
    use super::*;

    #[test]
    fn root_by_key_may_need_our_modules_file() {
        let needs_none = |account: &str| needs_no_module(&host(&[("sshd", account)]));
        let rest = "account required pam_unix.so\n";
        let ours = "account required pam_mfa.so\n";
        let roots = super::super::place::ROOTS.map(|line| format!("{line}\n")).concat();
        assert!(needs_none(rest) && needs_none(&format!("{roots}{ours}{rest}")));
        assert!(!needs_none(&format!("{ours}{rest}")));
    }

    #[test]
    fn root_is_let_in_only_where_that_is_sure() {
        let lets = |text: &str| lets_root_in(&Effective::parse(text));
        for text in [
            "",
            "allowusers alice\nallowusers root",
            "allowusers *",
            "denyusers alice@10.0.0.1",
            "allowgroups root",
        ] {
            assert!(lets(text), "{text}");
        }
        for text in [
            "allowusers alice",
            "allowusers ro*",
            "allowusers root@10.0.0.0/8",
            "allowusers *\nallowusers !root",
            "denyusers root",
            "denyusers r?ot@10.0.0.1",
            "denyusers *",
            "allowgroups no-such-group",
            "denygroups root",
        ] {
            assert!(!lets(text), "{text}");
        }
    }

    #[test]
    fn a_key_that_only_runs_a_command_is_no_way_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3v3w8nX7wqkX0Jk1b4v3cG4i0yq8m2lq6g0yqk1b4v root";
        let holds = |text: &str| {
            fs::write(&file, text).unwrap();
            let sshd = Effective::parse(&format!("authorizedkeysfile .ssh/none {}", file.display()));
            roots_key(&sshd)
        };
        assert!(holds(&format!("# root's\n{key}\n")));
        assert!(!holds(&format!("command=\"echo no\" {key}\n# {key}\n")));
        assert!(!holds("nothing that is a key\n"));
    }
}
