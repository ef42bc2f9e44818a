//! What the store lies on, and for which host it was made.

use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::finding::{Finding, Report, Spot};
use super::kind::Kind;
use super::mend::Mend;

const STATE: &str = "/var/lib/mfad";
/// The host that key and store were made for: `mfad init` writes it.
const MADE_FOR: &str = "/etc/mfad/machine-id";
const MACHINE_ID: &str = "/etc/machine-id";
/// File systems that are gone at the next boot.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];
/// File systems whose locks and syncs another host may not see, as the kernel names them.
const OVER_A_NETWORK: [&str; 16] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ceph",
    "9p",
    "afs",
    "lustre",
    "ocfs2",
    "gfs2",
    "beegfs",
    "orangefs",
    "fuse.sshfs",
    "fuse.glusterfs",
    "virtiofs",
];

/// Less than this is little, in bytes: twice the reserve, and as much as a busy day writes.
const LITTLE: u64 = 64 << 20;

/// Looks at both.
pub(super) fn look(report: &mut Report) {
    file_system(report);
    room(report);
    made_for(report);
}

fn file_system(report: &mut Report) {
    let mounts = match std::fs::read_to_string("/proc/self/mountinfo") {
        Ok(mounts) => mounts,
        Err(error) => return report.cannot_look("file-systems", error, Mend::ByHand(format!("df {STATE}"))),
    };
    let Some(kind) = kind_of(&mounts, Path::new(STATE)) else { return };
    let detail = match kind {
        kind if IN_MEMORY.contains(&kind) => format!("{kind}: in memory"),
        kind if OVER_A_NETWORK.contains(&kind) => format!("{kind}: over a network"),
        _ => return,
    };
    report.found(Finding {
        kind: Kind::StoreFileSystem,
        subject: kind.to_owned(),
        spot: Some(Spot::file(STATE)),
        detail,
        mend: Mend::ByHand(format!("findmnt --target {STATE}")),
    });
}

/// What is left for the daemon's user, who has no share of root's.
fn room(report: &mut Report) {
    let free = match statvfs(STATE) {
        Ok(about) => about.blocks_available().saturating_mul(about.fragment_size()),
        Err(error) => return report.cannot_look("disk", error, Mend::ByHand(format!("df {STATE}"))),
    };
    if free < LITTLE {
        report.found(Finding {
            kind: Kind::DiskLow,
            subject: "disk".into(),
            spot: Some(Spot::file(STATE)),
            detail: format!("{} MiB", free >> 20),
            mend: Mend::ByHand("du --one-file-system --human-readable --max-depth=2 /var | sort -h".into()),
        });
    }
}

/// The kind of the file system that a path is on. Source: `proc_pid_mountinfo(5)`.
fn kind_of<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mount = |line: &'a str| {
        let (before, after) = line.split_once(" - ")?;
        let point = before.split(' ').nth(4)?;
        path.starts_with(point).then(|| (point.len(), after.split(' ').next().unwrap_or_default()))
    };
    // Of two on the same point, the later one lies above.
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

fn made_for(report: &mut Report) {
    let read = |path: &str| std::fs::read_to_string(path).map(|id| id.trim().to_owned());
    let (made_for, here) = (read(MADE_FOR), read(MACHINE_ID));
    let look = || Mend::ByHand(format!("cat {MACHINE_ID} {MADE_FOR}"));
    match (made_for, here) {
        (Ok(made_for), Ok(here)) if made_for != here => report.found(Finding {
            kind: Kind::HostCloned,
            subject: here,
            spot: Some(Spot::file(MADE_FOR)),
            detail: format!("made for {made_for}; if this is the only host with that store, say so"),
            mend: Mend::Run(format!("install -m 0444 {MACHINE_ID} {MADE_FOR}")),
        }),
        (Ok(_), Ok(_)) => {}
        (Err(error), _) => report.cannot_look("machine-id", format!("{MADE_FOR}: {error}"), look()),
        (_, Err(error)) => report.cannot_look("machine-id", format!("{MACHINE_ID}: {error}"), look()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_the_nearest_and_the_uppermost() {
        let mounts = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:2 / /var rw shared:1 - xfs /dev/sdb rw\n\
                      3 2 0:3 / /var/lib/mfad rw - nfs4 host:/x rw\n4 3 0:4 / /var/lib/mfad rw - tmpfs none rw\n";
        assert_eq!(kind_of(mounts, Path::new("/var/lib/mfad")), Some("tmpfs"));
        assert_eq!(kind_of(mounts, Path::new("/var/lib/mfadx")), Some("xfs"));
        assert_eq!(kind_of(mounts, Path::new("/etc")), Some("ext4"));
        assert!(OVER_A_NETWORK.contains(&"nfs4"));
    }
}
