//! `SELinux` and `AppArmor`: what they denied of late that has to do with mfad.
//!
//! Read is what the kernel itself wrote, and no log that anybody may write to (`logger(1)`). A denial is explained and
//! not allowed from here: whoever is denied something chooses the names in it.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::finding::{Finding, Report, Spot};
use super::kind::Kind;
use super::mend::Mend;
use crate::run;

/// Where auditd writes what the kernel tells it.
const AUDIT: &str = "/var/log/audit/audit.log";
/// How much of its end is read, in bytes.
const END: u64 = 4 << 20;
/// Where journald is, if it runs.
const JOURNAL: &str = "/run/systemd/journal/socket";
/// What the kernel has told journald since the machine started: fields with a `_` are journald's own word.
const OF_THE_KERNEL: [&str; 8] = [
    "--quiet",
    "--boot",
    "--lines=20000",
    "--no-pager",
    "--output=cat",
    "_TRANSPORT=kernel",
    "+",
    "_AUDIT_TYPE=1400",
];

/// Looks at what the kernel wrote.
pub(super) fn look(report: &mut Report) {
    match last(Path::new(AUDIT)) {
        Ok(Some((line, number))) => {
            let spot = Spot { file: AUDIT.into(), line: number };
            return found(&line, Some(spot), report);
        }
        Ok(None) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            report.cannot_look("lsm", format!("{AUDIT}: {error}"), Mend::ByHand("sudo mfactl doctor".into()));
        }
    }
    if !Path::new(JOURNAL).exists() {
        return;
    }
    match run::ask("journalctl", &OF_THE_KERNEL) {
        Ok(said) if said.well => {
            if let Some(line) = said.out.lines().rfind(|line| denies(line)) {
                found(line, None, report);
            }
        }
        Ok(said) => report.cannot_look("lsm", said.err.trim(), Mend::ByHand("journalctl -k".into())),
        Err(why) => report.cannot_look("lsm", why, Mend::ByHand("journalctl -k".into())),
    }
}

fn found(line: &str, spot: Option<Spot>, report: &mut Report) {
    let apparmor = line.contains("apparmor=");
    let explains = match (apparmor, spot.is_some()) {
        (true, true) => "grep 'apparmor=\"DENIED\"' /var/log/audit/audit.log",
        (true, false) => "journalctl -b -k --grep=apparmor=.DENIED",
        (false, true) => "ausearch -m avc -ts boot | audit2allow -w",
        (false, false) => "journalctl -b -k | audit2allow -w",
    };
    report.found(Finding {
        kind: Kind::LsmDenies,
        subject: if apparmor { "apparmor".into() } else { "selinux".into() },
        spot,
        detail: line.chars().take(200).collect(),
        mend: Mend::ByHand(explains.into()),
    });
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

/// A denial that was enforced, of mfad or on the way to it. Programs send records of other types, in their own words.
fn denies(line: &str) -> bool {
    let of_the_kernel =
        ["type=AVC ", "audit: type=1400 ", "AVC "].iter().any(|begins| line.starts_with(begins));
    let denied = line.contains("avc:  denied") && !line.contains("permissive=1")
        || line.contains("apparmor=\"DENIED\"");
    of_the_kernel && denied && (line.contains("mfad") || line.contains("pam_mfa"))
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
            "audit: type=1400 audit(1795424700.1:2): apparmor=\"DENIED\" operation=\"open\" profile=\"/usr/sbin/sshd\" name=\"/run/mfad/\""
        ));
    }

    #[test]
    fn what_a_program_says_is_no_word_of_the_kernels() {
        for line in [
            "Nov 25 20:00:00 host bob: type=AVC avc:  denied  { x } for comm=\"mfad\" permissive=0",
            "type=USER_AVC msg=audit(1795424700.1:2): msg='avc:  denied  { x } for mfad permissive=0'",
            "kernel: apparmor=\"DENIED\" mfad",
        ] {
            assert!(!denies(line), "{line}");
        }
    }

    /// Whoever is denied something has a say in what stands there.
    #[test]
    fn nothing_is_allowed_from_here() {
        for line in ["type=AVC avc:  denied mfad", "type=AVC apparmor=\"DENIED\" mfad"] {
            for spot in [None, Some(Spot::file(AUDIT))] {
                let mut report = Report::default();
                found(line, spot, &mut report);
                let Mend::ByHand(command) = &report.findings[0].mend else { panic!("it is run") };
                assert!(!command.contains("-M") && !command.contains("semodule"), "{command}");
            }
        }
    }
}
