//! Puts the stack back by itself, whatever becomes of who changed it: after a time, and at the next boot.
//!
//! Under systemd by a timer, and a unit that is there for as long as the trial lasts and runs before
//! anybody can log in. Elsewhere by a process of its own that nobody's terminal can end; after a power
//! cut there, `mfactl pam rollback` by hand, from the way in that needs no mfad.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::clock::Stopwatch;
use super::record::{ARMED, TRIAL};
use crate::failure::Failure;
use crate::run;

/// Runs it at boot.
const BOOT_UNIT: &str = "/etc/systemd/system/mfactl-pam-rollback.service";
/// What makes systemd start it.
const WANTED: &str = "/etc/systemd/system/sysinit.target.wants/mfactl-pam-rollback.service";
/// How long a process of its own may take to begin.
const BEGINS: Duration = Duration::from_secs(5);

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
         DefaultDependencies=no\nAfter=local-fs.target systemd-remount-fs.service\nConflicts=shutdown.target\n\
         Before=sysinit.target sockets.target shutdown.target\n\n\
         [Service]\nType=oneshot\nExecStart={} pam rollback --armed {id}\n",
        program.display()
    );
    put_boot_unit(&unit).map_err(|error| Failure::File(BOOT_UNIT.into(), error))?;
    let (unit, after, program) =
        (format!("--unit={}", timer(id)), format!("--on-active={seconds}s"), program.display().to_string());
    let armed = run::ask(
        "systemd-run",
        &[
            "--quiet",
            "--collect",
            &unit,
            &after,
            "--timer-property=AccuracySec=500ms",
            "--",
            &program,
            "pam",
            "rollback",
            "--armed",
            id,
        ],
    );
    let why = match armed {
        Ok(said) if said.well => return Ok(()),
        Ok(said) => said.err.trim().to_owned(),
        Err(why) => why,
    };
    disarm(id);
    Err(unarmed(&why))
}

fn unarmed(why: &str) -> Failure {
    Failure::GivenUp(format!("the rollback cannot be armed, so nothing was changed: {why}"))
}

/// On disk with all its names when this returns.
fn put_boot_unit(unit: &str) -> std::io::Result<()> {
    fs::write(BOOT_UNIT, unit)?;
    let wanting = Path::new(WANTED).parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(wanting)?;
    if !Path::new(WANTED).exists() {
        symlink(BOOT_UNIT, WANTED)?;
    }
    let folder = Path::new(BOOT_UNIT).parent().unwrap_or(Path::new("/"));
    [Path::new(BOOT_UNIT), wanting, folder].into_iter().try_for_each(sync)
}

/// In a session of its own, with no terminal; it has begun when this returns.
fn detach(program: &Path, id: &str, seconds: u32) -> Result<(), Failure> {
    let setsid = run::find("setsid").ok_or_else(|| unarmed("there is no setsid"))?;
    let begun = Command::new(setsid)
        .arg("--fork")
        .arg(program)
        .args(["pam", "rollback", "--armed", id, "--after", &seconds.to_string()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if let Err(error) = begun {
        return Err(unarmed(&error.to_string()));
    }
    // setsid does not tell whether the program began.
    let clock = Stopwatch::start();
    while clock.elapsed() < BEGINS {
        if fs::read(ARMED).is_ok_and(|armed| armed == id.as_bytes()) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(unarmed("no process of its own has begun"))
}

/// Tells [`arm`] that this process will put the trial `id` back.
pub(crate) fn stand_by(id: &str) -> std::io::Result<()> {
    fs::write(ARMED, id)
}

/// Takes away what [`arm`] made. What is left of it finds no trial, and does nothing.
pub(crate) fn disarm(id: &str) {
    let _ = fs::remove_file(ARMED);
    if !has_systemd() {
        return;
    }
    let _ = fs::remove_file(WANTED);
    let _ = fs::remove_file(BOOT_UNIT);
    let timer = format!("{}.timer", timer(id));
    let _ = run::ask("systemctl", &["--quiet", "stop", &timer]);
}

fn sync(path: &Path) -> std::io::Result<()> {
    fs::File::open(path)?.sync_all()
}
