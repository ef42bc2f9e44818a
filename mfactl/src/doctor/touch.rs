//! Security keys that count as a factor, and that sshd lets sign without a touch: `no-touch-required` before them
//! in `authorized_keys`, or in what a program says in its place. sshd hands over no touch at a login, so mfad cannot
//! see the difference. Of certificates nothing is looked for: none counts as a factor.

use std::path::Path;

use mfa_proto::admin::UserRow;
use mfa_proto::identity::escaped;
use nix::unistd::User;

use super::finding::{Finding, Report, Spot};
use super::host::Host;
use super::kind::Kind;
use super::mend::{self, Mend};
use super::sshd::Sshd;
use crate::bus::Bus;
use crate::pam::sshd::{Key, place};
use crate::run;

/// The option.
const OPTION: &str = "no-touch-required";
/// What takes it out of a line, whatever stands beside it.
const TAKEN_OUT: &str = "s/,no-touch-required|no-touch-required,?//I";
/// How much of a file is read, in bytes.
const LONGEST: &str = "1048576";

/// Looks at the keys of all who have more than one factor: a security key comes after an app.
pub(super) async fn look(host: &Host, sshd: Option<&Sshd>, report: &mut Report) {
    let (Some(bus), Some(sshd)) = (&host.bus, sshd) else { return };
    by_command(host, bus, sshd, report).await;
    let Some(files) = sshd.key_files() else { return };
    for row in host.accounts.iter().filter(|row| row.factors > 1) {
        let name = escaped(&row.name);
        let whose = mend::quoted(&name);
        let untouched = match untouched(row, files) {
            Ok(untouched) if untouched.is_empty() => continue,
            Ok(untouched) => untouched,
            Err(why) => {
                let mend = Mend::ByHand(format!("mfactl user show {whose}"));
                report.cannot_look(&format!("keys-{name}"), why, mend);
                continue;
            }
        };
        let factors = match bus.user_show(&row.name).await {
            Ok(shown) => shown.factors,
            Err(failure) => {
                let mend = Mend::ByHand(format!("mfactl user show {whose}"));
                report.cannot_look(&format!("factors-{name}"), failure, mend);
                continue;
            }
        };
        for Untouched { spot, key } in untouched {
            let Some(factor) = factors.iter().find(|factor| factor.key == key) else { continue };
            // Not by root: the file is theirs, and so is the folder that it is in.
            let Mend::Run(command) = mend::on_line(&spot, TAKEN_OUT) else { continue };
            report.found(Finding {
                kind: Kind::KeyWithoutTouch,
                subject: name.clone(),
                spot: Some(spot),
                detail: factor.label.clone(),
                mend: Mend::ByHand(format!("ask {whose} to run: {command}")),
            });
        }
    }
}

/// Looks whether a program may say of an enrolled key that it needs no touch. Whoever holds one is enough.
async fn by_command(host: &Host, bus: &Bus, sshd: &Sshd, report: &mut Report) {
    let Some((program, spot, mend)) = sshd.keys_by_command() else { return };
    for row in host.accounts.iter().filter(|row| row.factors > 1) {
        let factors = match bus.user_show(&row.name).await {
            Ok(shown) => shown.factors,
            Err(failure) => {
                let whose = mend::quoted(&escaped(&row.name));
                return report.cannot_look(
                    "security-keys",
                    failure,
                    Mend::ByHand(format!("mfactl user show {whose}")),
                );
            }
        };
        if factors.iter().any(|factor| !factor.key.is_empty()) {
            let (kind, subject) = (Kind::KeyTouchUnasked, "sshd".into());
            return report.found(Finding { kind, subject, spot: Some(spot), detail: program, mend });
        }
    }
}

/// A key that signs without a touch.
struct Untouched {
    spot: Spot,
    /// Its fingerprint, as mfad shows it.
    key: String,
}

/// Those of that user, by the patterns of `AuthorizedKeysFile`. Files that the user cannot read are for sshd, which
/// does not take them either.
fn untouched(row: &UserRow, patterns: &str) -> Result<Vec<Untouched>, String> {
    let user = std::str::from_utf8(&row.name).ok().and_then(|name| User::from_name(name).ok()?);
    let Some(user) = user else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for pattern in patterns.split_whitespace().filter(|pattern| *pattern != "none") {
        let path = place(pattern, &user);
        let text = read(&path, &user)?.unwrap_or_default();
        let keys = (1..).zip(text.lines()).filter_map(|(line, text)| Some((line, without_touch(text)?)));
        found.extend(keys.map(|(line, key)| {
            let spot = Spot { file: path.clone(), line: Some(line) };
            Untouched { spot, key }
        }));
    }
    Ok(found)
}

/// A file as that user can read it, and sshd does: never with root's rights, since a link may lead anywhere.
/// What reads it has no terminal, which the user's processes could type into. `None`: there is none to read.
fn read(path: &Path, user: &User) -> Result<Option<String>, String> {
    if !std::fs::metadata(path).is_ok_and(|about| about.is_file()) {
        return Ok(None); // a FIFO or a device would keep us waiting
    }
    let (uid, gid) = (format!("--reuid={}", user.uid), format!("--regid={}", user.gid));
    let as_user = ["setpriv", &uid, &gid, "--clear-groups", "--inh-caps=-all", "--"];
    let path = path.to_string_lossy();
    let head = ["head", "-c", LONGEST, "--", &path];
    let said = run::ask("setsid", &[&as_user[..], &head].concat())?;
    Ok(said.well.then_some(said.out))
}

/// The fingerprint of the security key of a line of `authorized_keys` that takes it without a touch.
fn without_touch(line: &str) -> Option<String> {
    Key::of(line).filter(|key| key.kind.starts_with("sk-") && key.has(OPTION))?.fingerprint()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_key_is_found_by_its_option_wherever_that_stands() {
        // SHA-256 of four zero bytes.
        let expected = Some("SHA256:3z9hmASpL9tAVxktxD3XSOp3itxSvEmM6AUkwBS4ERk".to_owned());
        let key = "sk-ssh-ed25519@openssh.com AAAAAA== alice";
        for options in [
            "no-touch-required",
            "No-Touch-Required",
            "no-touch-required,from=\"10.0.0.0/8\"",
            "command=\"a \\\" b, c\",no-touch-required",
            "\tno-pty,no-touch-required,restrict",
        ] {
            assert_eq!(without_touch(&format!("{options} {key}")), expected, "{options}");
        }
        for line in [
            key.to_owned(),
            format!("#no-touch-required {key}"),
            format!("command=\"x,no-touch-required,y\" {key}"),
            format!("command=\"no-touch-required {key}"),
            "no-touch-required ssh-ed25519 AAAA".into(),
            "no-touch-required sk-ssh-ed25519@openssh.com !!!".into(),
            "no-touch-required".into(),
            String::new(),
        ] {
            assert_eq!(without_touch(&line), None, "{line}");
        }
    }

    #[test]
    fn what_waits_for_a_root_who_reads_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        symlink("/dev/zero", &link).unwrap();
        let user = User::from_uid(nix::unistd::getuid()).unwrap().unwrap();
        for path in [fifo, link, folder.path().join("nothing")] {
            assert_eq!(read(&path, &user), Ok(None));
        }
    }
}
