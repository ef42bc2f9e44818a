//! Root's keys, as sshd looks at them before it takes one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::account::root;
use crate::pam::sshd::{Effective, Key, place};
use crate::run;

/// Options that make a key no way in: a command in place of a shell, a place, an end, a signer of others' keys.
const NARROWED: [&str; 4] = ["command", "from", "expiry-time", "cert-authority"];
/// The shortest RSA key that sshd takes where it does not say, in bits.
const RSA: u32 = 1024;

/// Whether sshd takes a key of root's; an error says why it takes none. Root's home is root's own: those of others
/// are not looked into, where a link or a FIFO may wait for a root who reads.
pub(super) fn taken(sshd: &Effective) -> Result<(), String> {
    let root = root().ok_or("nobody is root here")?;
    let mut why = None;
    for pattern in sshd.value("authorizedkeysfile").split_whitespace().filter(|pattern| *pattern != "none") {
        let file = place(pattern, &root);
        if !file.is_file() {
            continue;
        }
        match taken_from(sshd, &file, &root.dir) {
            Ok(()) => return Ok(()),
            Err(not) => why = why.or(Some(not)),
        }
    }
    Err(why.unwrap_or_else(|| "root has no key where sshd looks for one".to_owned()))
}

fn taken_from(sshd: &Effective, file: &Path, home: &Path) -> Result<(), String> {
    if sshd.value("strictmodes") != "no" {
        is_roots_alone(file, home, 0)?;
    }
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    // What is a key, and how long it is, by OpenSSH itself.
    let known = run::ask("ssh-keygen", &["-l", "-f", &file.to_string_lossy()])?;
    let bits = |key: &Key<'_>| -> Option<u32> {
        let print = key.fingerprint()?;
        let line = known.out.lines().find(|line| line.split(' ').nth(1) == Some(&print))?;
        line.split(' ').next()?.parse().ok()
    };
    let shortest = sshd.value("requiredrsasize").parse().unwrap_or(RSA);
    let takes = |key: &Key<'_>| {
        let narrowed = NARROWED.iter().any(|option| key.has(option));
        let long = bits(key).is_some_and(|bits| key.kind != "ssh-rsa" || bits >= shortest);
        !narrowed && long && accepts(sshd, key.kind)
    };
    if text.lines().filter_map(Key::of).any(|key| takes(&key)) {
        return Ok(());
    }
    Err(format!(
        "no key of {name} is one by which sshd lets in to a shell from anywhere, of a kind that it accepts \
         (PubkeyAcceptedAlgorithms)"
    ))
}

/// Whether sshd accepts signatures of keys of that kind.
fn accepts(sshd: &Effective, kind: &str) -> bool {
    // Its name before OpenSSH 8.5, and since.
    let list = ["pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"].map(|key| sshd.value(key)).concat();
    let signs =
        |algorithm: &str| algorithm == kind || kind == "ssh-rsa" && algorithm.starts_with("rsa-sha2-");
    list.is_empty() || list.split(',').any(|algorithm| signs(algorithm) && !algorithm.contains("-cert-"))
}

/// Whether nobody but root can have written a file: `StrictModes`, as `safe_path` of OpenSSH looks at the file and
/// at each folder above it, up to root's home or to the top.
fn is_roots_alone(file: &Path, home: &Path, owner: u32) -> Result<(), String> {
    let unread = |error: std::io::Error| format!("{}: {error}", file.display());
    let home = fs::canonicalize(home).ok();
    for path in fs::canonicalize(file).map_err(unread)?.ancestors() {
        let about = fs::metadata(path).map_err(unread)?;
        if ![0, owner].contains(&about.uid()) || about.mode() & 0o022 != 0 {
            return Err(format!(
                "sshd takes no key from {}, since others than root may write to {} (StrictModes; uid {}, mode {:04o})",
                file.display(),
                path.display(),
                about.uid(),
                about.mode() & 0o7777
            ));
        }
        if Some(path) == home.as_deref() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3v3w8nX7wqkX0Jk1b4v3cG4i0yq8m2lq6g0yqk1b4v root";

    fn holds(text: &str, sshd: &str) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        fs::write(&file, text).unwrap();
        // A folder for everybody's files is above it.
        let sshd = format!("strictmodes no\nauthorizedkeysfile .ssh/none {}\n{sshd}", file.display());
        taken(&Effective::parse(&sshd)).is_ok()
    }

    #[test]
    fn a_key_that_only_runs_a_command_is_no_way_in() {
        assert!(holds(&format!("# root's\n{KEY}\n"), ""));
        assert!(holds(&format!("restrict,environment=\"X=command=\" {KEY} from=home\n"), ""));
        for options in [
            "command=\"echo no\"",
            "restrict,From=\"192.0.2.7\"",
            "expiry-time=\"20200101\"",
            "cert-authority",
        ] {
            assert!(!holds(&format!("{options} {KEY}\n# {KEY}\n"), ""), "{options}");
        }
        assert!(!holds("nothing that is a key\n", ""));
        assert!(!holds(&KEY.replace("AAAAC3", "AAAAX3"), ""), "base64 of no key");
    }

    #[test]
    fn nor_is_one_of_a_kind_that_sshd_does_not_accept() {
        for list in ["rsa-sha2-512,ssh-ed25519", "ssh-ed25519"] {
            for name in ["pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms"] {
                assert!(holds(KEY, &format!("{name} {list}")), "{name} {list}");
            }
        }
        for list in ["rsa-sha2-512", "ssh-ed25519-cert-v01@openssh.com,sk-ssh-ed25519@openssh.com"] {
            assert!(!holds(KEY, &format!("pubkeyacceptedalgorithms {list}")), "{list}");
        }
        let of_rsa =
            |list: &str| accepts(&Effective::parse(&format!("pubkeyacceptedalgorithms {list}")), "ssh-rsa");
        assert!(of_rsa("rsa-sha2-256") && !of_rsa("rsa-sha2-256-cert-v01@openssh.com,ssh-dss"));
    }

    #[test]
    fn nor_is_one_that_others_could_have_put_there() {
        let home = tempfile::tempdir().unwrap();
        let (folder, me) = (home.path().join("ssh"), nix::unistd::getuid().as_raw());
        fs::create_dir(&folder).unwrap();
        let file = folder.join("keys");
        fs::write(&file, KEY).unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for (path, bad, good) in [(&file, 0o664, 0o644), (&folder, 0o777, 0o755), (&folder, 0o720, 0o700)] {
            mode(&folder, 0o755);
            mode(&file, 0o644);
            mode(path, bad);
            let why = is_roots_alone(&file, home.path(), me).unwrap_err();
            assert!(why.contains(&format!("may write to {} ", path.display())), "{why}");
            mode(path, good);
            is_roots_alone(&file, home.path(), me).unwrap();
        }
        // Elsewhere than at home, up to the top: a folder for everybody's files.
        mode(home.path(), 0o777);
        assert!(is_roots_alone(&file, Path::new("/nowhere"), me).is_err());
    }
}
