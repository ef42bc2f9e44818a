//! `mfactl pam remove`: the second factor is taken away from services.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::family::Family;
use super::stack::Files;
use super::trial::say;
use super::{gate, record, sshd, undo};
use crate::exit::Exit;
use crate::failure::Failure;

/// Takes it out; one file that cannot be written leaves no other as it is.
pub(super) fn remove(services: &[OsString], all: bool) -> Result<Exit, Failure> {
    let _alone = record::lock()?;
    match record::trial() {
        Ok(None) => {}
        Ok(Some(_)) => {
            return Err(Failure::GivenUp("a change is on trial: mfactl pam rollback first".into()));
        }
        // A record that cannot be read cannot be rolled back either: this is what is left then.
        Err(_) if all => record::end()?,
        Err(failure) => return Err(failure),
    }
    let mut names: Vec<String> = Vec::new();
    for service in services {
        names.extend(Family::of(service).map_err(Failure::Usage)?.services);
    }
    if all {
        names = Files::of_this_host().services();
    }
    let mut taken = 0;
    // One file that cannot be written, or an sshd that does not hear, leaves no other as it is.
    let mut take = |file: PathBuf| -> Result<(), Failure> {
        let failed = |error| Failure::File(file.display().to_string(), error);
        if undo::take_out(&file).map_err(failed)? {
            taken += 1;
            say(&format!("{}: taken out", file.display()))?;
        }
        Ok(())
    };
    let mut failed = Ok(());
    let with_sshd = all || names.iter().any(|name| name == "sshd");
    if with_sshd {
        // Before the stack: or, for a moment, sshd would want a code that nobody asks for.
        let pid_file = sshd::Effective::of(Path::new(sshd::CONFIG), &sshd::Visitor::anybody())
            .map(|effective| sshd::pid_file(&effective));
        failed = take(sshd::CONFIG.into()).and(take(gate::OURS.into()));
        let reloaded = sshd::reload(&pid_file.unwrap_or_else(|_| "/run/sshd.pid".into()));
        let unheard = |why| Failure::GivenUp(format!("sshd has not read its settings again: {why}"));
        failed = failed.and(reloaded.map_err(unheard));
    }
    for name in &names {
        failed = take(PathBuf::from("/etc/pam.d").join(name)).and(failed);
    }
    if taken == 0 && failed.is_ok() {
        say("no line of mfactl is there")?;
    }
    forget(&names, all).and(failed)?;
    Ok(Exit::Done)
}

/// What is taken out is not kept any more.
fn forget(names: &[String], all: bool) -> Result<(), Failure> {
    let before = match record::kept() {
        Err(_) if all => return record::keep(&record::AllKept::new()),
        kept => kept?,
    };
    let mut kept = before.clone();
    kept.retain(|name, _| {
        !all && !names.iter().any(|gone| Family::of(name.as_ref()).is_ok_and(|of| of.has(gone)))
    });
    if kept == before { Ok(()) } else { record::keep(&kept) }
}
