//! `mfactl doctor`: what would let someone in, or lock someone out.
//!
//! A concern is a file, and what can be found is a line in [`kind`]. Nothing is changed: each finding comes
//! with the command that mends it. What cannot be looked at is told of and counts, so that silence means
//! that all is well. Ends with the exit codes that monitoring plugins have.

mod break_glass;
mod clock;
mod doors;
mod exemptions;
mod finding;
mod host;
mod ignored;
mod kept;
mod kind;
mod lsm;
mod mend;
mod mfad;
mod names;
mod pam_files;
mod people;
mod settings;
mod show;
mod sshd;
mod stacks;
mod steps;
mod store;
mod sudo;
mod touch;
mod unit;

use std::process::ExitCode;

use nix::unistd::geteuid;

use self::finding::{Finding, Report, worst};
use self::host::Host;
use self::ignored::Ignored;
use self::kind::Kind;
use self::mend::Mend;
pub(crate) use self::show::list;
use self::show::{Said, View, plugin};
use self::sshd::Sshd;
use crate::cli::Doctor;
use crate::failure::Failure;
use crate::print::Out;

/// Does what the arguments ask.
pub(crate) async fn doctor(asked: Doctor) -> Result<ExitCode, Failure> {
    if asked.list {
        let mut out = Out::stdout()?;
        list().iter().try_for_each(|line| out.line(line))?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(id) = &asked.ignore {
        let reason = asked.reason.as_deref().unwrap_or_default();
        return change(id, |ignored| Ok(ignored.with(id, reason)));
    }
    if let Some(id) = &asked.unignore {
        return change(id, |mut ignored| {
            let was = ignored.remove(id);
            if was { Ok(ignored) } else { Err(Failure::Usage(format!("{id} is not ignored"))) }
        });
    }
    let findings = examine().await.sorted();
    say(&asked, findings)
}

/// Changes what is ignored.
fn change(id: &str, how: impl FnOnce(Ignored) -> Result<Ignored, Failure>) -> Result<ExitCode, Failure> {
    if !geteuid().is_root() {
        return Err(Failure::RootOnly);
    }
    if Kind::of(id.split(':').next().unwrap_or_default()).is_none() {
        return Err(Failure::Usage(format!("{id}: nothing is called that; see `mfactl doctor --list`")));
    }
    let ignored = Ignored::read().map_err(Failure::Usage)?;
    how(ignored)?.write().map_err(|error| Failure::File(ignored::FILE.into(), error))?;
    Ok(ExitCode::SUCCESS)
}

/// Looks at everything.
async fn examine() -> Report {
    let mut report = Report::default();
    if !geteuid().is_root() {
        report.cannot_look("root", "only root sees all of it", Mend::ByHand("sudo mfactl doctor".into()));
    }
    let host = Host::look(&mut report).await;
    let sshd = if geteuid().is_root() { Sshd::ask(&host, &mut report) } else { None };
    stacks::look(&host, &mut report);
    pam_files::look(&host, &mut report);
    kept::look(&mut report);
    doors::look(&host, &mut report);
    sshd::look(&host, sshd.as_ref(), &mut report);
    sudo::look(&host, &mut report);
    break_glass::look(&host, sshd.as_ref(), &mut report);
    mfad::look(&host, &mut report);
    settings::look(&host, &mut report);
    store::look(&mut report);
    clock::look(&mut report);
    lsm::look(&mut report);
    unit::look(&mut report);
    names::look(&host, &mut report).await;
    people::look(&host, &mut report).await;
    touch::look(&host, sshd.as_ref(), &mut report).await;
    exemptions::look(&host, &mut report).await;
    report
}

/// Tells of it, less what is ignored.
fn say(asked: &Doctor, mut findings: Vec<Finding>) -> Result<ExitCode, Failure> {
    let ignored = Ignored::read().unwrap_or_else(|why| {
        let mut report = Report::default();
        report.cannot_look("ignored", why, Mend::list(ignored::FILE.as_ref()));
        findings.append(&mut report.findings);
        Ignored::default()
    });
    let (left_out, counted): (Vec<_>, Vec<_>) = findings
        .iter()
        .map(|finding| (finding, ignored.reason(finding)))
        .partition(|(_, reason)| reason.is_some());
    let counted: Vec<&Finding> = counted.into_iter().map(|(finding, _)| finding).collect();
    let worst = worst(counted.iter().copied());
    let left_out = left_out.into_iter().filter_map(|(finding, reason)| Some((finding, reason?))).collect();
    let said = Said { findings: counted, ignored: left_out, worst };
    let mut out = Out::stdout()?;
    if asked.shape.json {
        out.json(&View::from(&said))?;
    } else {
        said.lines(asked.all).iter().try_for_each(|line| out.line(line))?;
    }
    out.flush()?;
    Ok(ExitCode::from(plugin(worst).0))
}
