//! `SELinux` and `AppArmor`: what they denied of late that has to do with mfad.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::finding::{Finding, Report, Spot};
use super::kind::Kind;
use super::mend::Mend;

/// Where the kernel's denials are written.
const LOGS: [&str; 3] = ["/var/log/audit/audit.log", "/var/log/kern.log", "/var/log/syslog"];
/// How much of a log's end is read, in bytes.
const END: u64 = 4 << 20;

/// Looks at the logs that there are.
pub(super) fn look(report: &mut Report) {
    for log in LOGS {
        match last(Path::new(log)) {
            Ok(Some((line, number))) => report.found(Finding {
                kind: Kind::LsmDenies,
                subject: if line.contains("apparmor=") { "apparmor".into() } else { "selinux".into() },
                spot: Some(Spot { file: log.into(), line: number }),
                detail: line.chars().take(200).collect(),
                mend: Mend::ByHand(if line.contains("apparmor=") {
                    "aa-logprof".into()
                } else {
                    "ausearch -m avc -ts today --raw | grep mfa | audit2allow -M mfad-local && semodule -i mfad-local.pp".into()
                }),
            }),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => report.cannot_look("lsm", format!("{log}: {error}"), Mend::ByHand("sudo mfactl doctor".into())),
        }
    }
}

/// The last denial since the machine started, and its line where the whole log was read.
fn last(log: &Path) -> io::Result<Option<(String, Option<usize>)>> {
    let mut file = std::fs::File::open(log)?;
    let skipped = file.metadata()?.len().saturating_sub(END);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(END).read_to_end(&mut bytes)?;
    let started = started();
    let text = String::from_utf8_lossy(&bytes);
    let found = (1..).zip(text.lines()).filter(|(_, line)| denies(line) && is_since(line, started)).last();
    Ok(found.map(|(number, line)| (line.to_owned(), (skipped == 0).then_some(number))))
}

/// A denial that was enforced, of mfad or on the way to it.
fn denies(line: &str) -> bool {
    let denied = line.contains("avc:  denied") && !line.contains("permissive=1")
        || line.contains("apparmor=\"DENIED\"");
    denied && (line.contains("mfad") || line.contains("pam_mfa"))
}

/// `audit(1795424700.123:45)`: Unix seconds. What says no time is taken for new.
fn is_since(line: &str, started: u64) -> bool {
    let time =
        line.split_once("audit(").and_then(|(_, rest)| rest.split(['.', ':']).next()?.parse::<u64>().ok());
    time.is_none_or(|time| time >= started)
}

/// When the machine was started, in Unix seconds: a policy that was mended since is not blamed for longer.
fn started() -> u64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_on_the_way_to_mfad_is_one_and_what_was_let_pass_is_none() {
        let line = "type=AVC msg=audit(1795424700.1:2): avc:  denied  { connectto } for comm=\"sshd\" path=\"/run/mfad/pam.sock\" permissive=0";
        assert!(denies(line) && is_since(line, 1_795_424_700) && !is_since(line, 1_795_424_701));
        assert!(!denies(&line.replace("permissive=0", "permissive=1")));
        assert!(!denies(&line.replace("/run/mfad/", "/run/other/")));
        assert!(denies(
            "audit: apparmor=\"DENIED\" operation=\"open\" profile=\"/usr/sbin/sshd\" name=\"/run/mfad/\""
        ));
    }
}
