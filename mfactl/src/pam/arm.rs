//! Puts the stack back by itself, whatever becomes of who changed it: after a time, and at the next boot.
//!
//! Under systemd by a timer, and a unit that is there for as long as the trial lasts and runs before
//! anybody can log in. Elsewhere by a process of its own that nobody's terminal can end; after a power
//! cut there, `mfactl pam rollback` by hand, from the way in that needs no mfad.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::record::TRIAL;
use crate::failure::Failure;

/// Runs it at boot.
const BOOT_UNIT: &str = "/etc/systemd/system/mfactl-pam-rollback.service";
/// What makes systemd start it.
const WANTED: &str = "/etc/systemd/system/multi-user.target.wants/mfactl-pam-rollback.service";

fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// This program.
fn program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| Failure::Unread("/proc/self/exe".into(), error))
}

fn timer(id: &str) -> String {
    format!("mfactl-pam-rollback-{id}")
}

/// Arms the rollback of the trial `id`, in so many seconds. Everything is undone then, or at the next boot,
/// unless the trial has been ended.
pub(crate) fn arm(id: &str, seconds: u32) -> Result<(), Failure> {
    let program = program()?;
    if !has_systemd() {
        return detach(&program, id, seconds);
    }
    let unit = format!(
        "[Unit]\nDescription=Puts back a PAM stack that was on trial\nConditionPathExists={TRIAL}\n\
         Before=systemd-user-sessions.service ssh.service sshd.service ssh.socket getty.target\n\n\
         [Service]\nType=oneshot\nExecStart={} pam rollback --armed {id}\n",
        program.display()
    );
    fs::write(BOOT_UNIT, unit)
        .and_then(|()| fs::create_dir_all(Path::new(WANTED).parent().unwrap_or(Path::new("/"))))
        .and_then(|()| if Path::new(WANTED).exists() { Ok(()) } else { symlink(BOOT_UNIT, WANTED) })
        .and_then(|()| sync(Path::new(BOOT_UNIT)))
        .and_then(|()| sync(Path::new(WANTED).parent().unwrap_or(Path::new("/"))))
        .map_err(|error| Failure::File(BOOT_UNIT.into(), error))?;
    let run = Command::new("systemd-run")
        .args(["--quiet", "--collect", "--unit", &timer(id), "--on-active", &format!("{seconds}s")])
        .args(["--timer-property=AccuracySec=500ms", "--"])
        .arg(program)
        .args(["pam", "rollback", "--armed", id])
        .stdin(Stdio::null())
        .output();
    match run {
        Ok(run) if run.status.success() => Ok(()),
        Ok(run) => {
            disarm(id);
            let why = String::from_utf8_lossy(&run.stderr).trim().to_owned();
            Err(Failure::GivenUp(format!("the rollback cannot be armed, so nothing was changed: {why}")))
        }
        Err(error) => {
            disarm(id);
            Err(Failure::Unread("systemd-run".into(), error))
        }
    }
}

/// In a session of its own, with no terminal.
fn detach(program: &Path, id: &str, seconds: u32) -> Result<(), Failure> {
    let run = Command::new("setsid")
        .arg("--fork")
        .arg(program)
        .args(["pam", "rollback", "--armed", id, "--after", &seconds.to_string()])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match run {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::GivenUp("the rollback cannot be armed, so nothing was changed".into())),
        Err(error) => Err(Failure::Unread("setsid".into(), error)),
    }
}

/// Takes away what [`arm`] made. What is left of it finds no trial, and does nothing.
pub(crate) fn disarm(id: &str) {
    if !has_systemd() {
        return;
    }
    let _ = fs::remove_file(WANTED);
    let _ = fs::remove_file(BOOT_UNIT);
    let timer = format!("{}.timer", timer(id));
    let _ = Command::new("systemctl").args(["--quiet", "stop", &timer]).stderr(Stdio::null()).status();
}

fn sync(path: &Path) -> std::io::Result<()> {
    fs::File::open(path)?.sync_all()
}
