//! A change on trial: it stays only when a login through each service has been seen to the end.
//!
//! ```text
//! armed ──▶ written ──▶ proven, family by family ──▶ kept
//!   │          │                 │
//!   └──────────┴── Ctrl-C, hang-up, the clock, a fault, a power cut ──▶ put back
//! ```

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::fcntl::Flock;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use mfa_proto::admin::{AuditRow, NEW_SESSION};
use mfa_proto::identity::escaped;

use super::arm::{arm, disarm};
use super::clock::Stopwatch;
use super::family::Family;
use super::fingerprint;
use super::gate::Gate;
use super::place::Change;
use super::plan::Plan;
use super::proof::prove;
use super::record::{self, Kept, Saved, Trial};
use super::sshd;
use super::stack::Files;
use super::undo::undo;
use crate::bus::Bus;
use crate::failure::Failure;
use crate::print::escape::shown;

/// How often the audit is read, in milliseconds.
const EVERY: u16 = 500;
/// How long mfad settles every login after each look, in seconds.
const WATCHED: u32 = 20;
/// The rollback that nobody calls off comes so much later than the end of the trial, in seconds.
const LATER: u32 = 10;

/// Puts the plan in place, with its rollback armed first; nobody else changes anything while the lock lives. An
/// error has put everything back.
pub(crate) fn put_in_place(plan: &Plan, seconds: u32, now: u64) -> Result<(Trial, Flock<File>), Failure> {
    let trial = Trial {
        id: format!("{now}-{}", std::process::id()),
        families: plan.families.iter().map(|family| family.name.clone()).collect(),
        saved: plan.changes.iter().map(Saved::of).collect(),
        sshd: plan.gate.as_ref().filter(|_| plan.touches_sshd()).map(|gate| gate.pid_file.clone()),
    };
    let Some(alone) = record::lock()? else { return Err(Failure::GivenUp(BUSY.into())) };
    // Another run may have been faster than the question that came before.
    if record::trial()?.is_some() {
        return Err(Failure::GivenUp(BUSY.into()));
    }
    plan.changes.iter().try_for_each(is_as_planned)?;
    let armed = record::begin(&trial).and_then(|()| arm(&trial.id, seconds + LATER));
    if let Err(failure) = armed {
        let _ = record::end(); // it may have been written all the same
        disarm(&trial.id);
        return Err(failure);
    }
    let written = plan
        .changes
        .iter()
        .try_for_each(|change| {
            is_as_planned(change)?; // arming takes its time
            record::make(change).map_err(|error| Failure::File(change.file.display().to_string(), error))
        })
        .and_then(|()| holds(plan))
        .and_then(|()| trial.sshd.as_deref().map_or(Ok(()), sshd::reload).map_err(Failure::GivenUp));
    if let Err(failure) = written {
        drop(alone);
        undo(&trial)?;
        return Err(failure);
    }
    Ok((trial, alone))
}

/// Whether the file still is what the plan was made for: what another has written since is not overwritten.
fn is_as_planned(change: &Change) -> Result<(), Failure> {
    if std::fs::read(&change.file).ok() == change.before {
        return Ok(());
    }
    let file = change.file.display();
    Err(Failure::GivenUp(format!("{file} has changed since the plan was made; nothing was changed")))
}

/// Why a second one does not begin.
const BUSY: &str = "another change has begun, or hangs; nothing was changed";

/// Whether what is there now protects as planned.
fn holds(plan: &Plan) -> Result<(), Failure> {
    let files = Files::of_this_host();
    for service in &plan.services {
        if let Err(flaws) = prove(&files, &service.name) {
            let flaws: Vec<String> = flaws.iter().map(ToString::to_string).collect();
            return Err(Failure::GivenUp(format!("{}: {}", service.name, flaws.join("; "))));
        }
    }
    plan.gate.as_ref().map_or(Ok(()), Gate::holds).map_err(|why| Failure::GivenUp(format!("sshd: {why}")))
}

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every family was proven.
    Proven,
    /// The time was over.
    TooLate,
    /// A signal: Ctrl-C, a terminal that is gone.
    Interrupted,
    /// Somebody has put it back meanwhile.
    PutBack,
}

/// Signals that end a trial, held back so that it is put back first.
pub(crate) struct Held(SignalFd);

impl Held {
    /// From now on.
    pub(crate) fn hold() -> std::io::Result<Self> {
        let signals: SigSet =
            [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP]
                .into_iter()
                .collect();
        signals.thread_block()?;
        Ok(Self(SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
    }

    /// Waits; whether one came.
    fn came_within(&self, milliseconds: u16) -> bool {
        let mut ready = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut ready, PollTimeout::from(milliseconds)).is_ok_and(|ready| ready > 0)
    }
}

/// Has mfad know logins that begin from now on; the last row of the audit before.
pub(crate) async fn begin(bus: &Bus) -> Result<u64, Failure> {
    // A trial before this one may have been given up a moment ago: what mfad saw for it does not count.
    bus.watch(0).await?;
    bus.watch(WATCHED).await
}

/// Waits for a settled login of each family that began since row `after` of the audit, and shows each.
pub(crate) async fn watch(
    bus: &Bus,
    trial: &Trial,
    families: &[Family],
    mut after: u64,
    seconds: u32,
    held: &Held,
) -> Result<Ended, Failure> {
    let clock = Stopwatch::start();
    let mut open: Vec<&Family> = families.iter().collect();
    while clock.elapsed() < Duration::from_secs(seconds.into()) {
        if held.came_within(EVERY) {
            return Ok(Ended::Interrupted);
        }
        if !is_on(trial)? {
            return Ok(Ended::PutBack);
        }
        // A daemon that is away for a moment ends nothing; the clock does.
        if bus.watch(WATCHED).await.is_err() {
            continue;
        }
        for row in bus.audit(after, b"").await.unwrap_or_default() {
            after = after.max(row.seq);
            let line = seen(&row, &mut open);
            if let Some(line) = line {
                say(&line)?;
            }
        }
        if open.is_empty() {
            return Ok(Ended::Proven);
        }
    }
    Ok(Ended::TooLate)
}

/// What a row of the audit means for the trial: a settled login of a family closes it, where it began since the
/// stack is there. Who was at the prompt then has come through the one before.
fn seen(row: &AuditRow, open: &mut Vec<&Family>) -> Option<String> {
    let service = String::from_utf8_lossy(&row.service).into_owned();
    let (who, from) = (escaped(&row.user), shown(&row.door));
    match row.event.as_str() {
        "settled" if row.reason != NEW_SESSION => {
            let old = open.iter().any(|family| family.has(&service));
            old.then(|| {
                format!(
                    "  {service}: the login of {who} began before the change, and proves nothing: log in anew"
                )
            })
        }
        "settled" => {
            let at = open.iter().position(|family| family.has(&service))?;
            let family = open.remove(at);
            Some(format!("  {}: proven by {who} ({service}, {from})", family.name))
        }
        "refused" if open.iter().any(|family| family.has(&service)) => {
            Some(format!("  {service}: {who} refused: {}", shown(&row.reason)))
        }
        _ => None,
    }
}

fn is_on(trial: &Trial) -> Result<bool, Failure> {
    Ok(record::trial()?.is_some_and(|on| on.id == trial.id))
}

/// Keeps what is in place, where it is still what was proved: the trial is over.
pub(crate) fn keep(trial: &Trial, plan: &Plan, now: u64) -> Result<(), Failure> {
    let _alone = record::lock()?;
    if !is_on(trial)? {
        return Err(Failure::GivenUp("it was put back meanwhile".into()));
    }
    let before = record::kept()?;
    remember(plan, now)?;
    if let Err(failure) = record::end() {
        let _ = record::keep(&before); // it is put back, and what was kept before still is
        return Err(failure);
    }
    disarm(&trial.id);
    Ok(())
}

/// Keeps what was in place already, where it is what was proven elsewhere.
pub(crate) fn keep_as_it_is(plan: &Plan, now: u64) -> Result<(), Failure> {
    let _alone = record::lock()?;
    remember(plan, now)
}

/// Remembers each family as it is, from now on; since when, where it was kept so already.
fn remember(plan: &Plan, now: u64) -> Result<(), Failure> {
    holds(plan)?;
    let mut kept = record::kept()?;
    for family in &plan.families {
        let hash = fingerprint::now(family);
        let since = kept.get(&family.name).filter(|kept| kept.hash == hash).map_or(now, |kept| kept.since);
        kept.insert(family.name.clone(), Kept { hash, since, gone: 0 });
    }
    record::keep(&kept)
}

/// A line on the terminal, at once.
pub(crate) fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(Failure::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(event: &str, reason: &str, service: &str) -> AuditRow {
        AuditRow {
            seq: 7,
            time: 0,
            event: event.into(),
            reason: reason.into(),
            user: b"alice".to_vec(),
            subject: Vec::new(),
            service: service.into(),
            door: "console".into(),
            detail: String::new(),
            because: String::new(),
        }
    }

    #[test]
    fn only_a_settled_login_at_one_of_its_services_since_then_proves_a_family() {
        let families = [Family::of("sshd".as_ref()).unwrap(), Family::of("sudo".as_ref()).unwrap()];
        let mut open: Vec<&Family> = families.iter().collect();
        for (event, service) in [("granted", "sshd"), ("settled", "login"), ("waived", "sudo")] {
            assert_eq!(seen(&row(event, NEW_SESSION, service), &mut open), None);
        }
        assert!(seen(&row("refused", "wrong_code", "sshd"), &mut open).unwrap().contains("wrong_code"));
        assert!(seen(&row("settled", "", "sudo"), &mut open).unwrap().contains("began before the change"));
        assert_eq!(open.len(), 2);
        let proven = seen(&row("settled", NEW_SESSION, "sudo-i"), &mut open).unwrap();
        assert!(proven.contains("sudo: proven by alice"), "{proven}");
        assert_eq!(open.iter().map(|family| family.name.as_str()).collect::<Vec<_>>(), ["sshd"]);
    }
}
