//! `mfactl pam`: the second factor in front of a service, and away from it again.
//!
//! A file is read as libpam reads it ([`line`]), with all that it includes ([`stack`]), and every way
//! through it is gone ([`walk`]), so that what is said of a stack is proved ([`proof`]). Where our lines go
//! ([`place`], [`gate`]) is worked out before anything is written ([`plan`]). What is written stays
//! only when a login through it has been seen ([`trial`]); until then there is always something that puts
//! it back ([`arm`], [`undo`]).

#[cfg(test)]
mod against_libpam;
mod arm;
mod block;
pub(crate) mod clock;
pub(crate) mod control;
pub(crate) mod drift;
mod effect;
pub(crate) mod family;
mod fingerprint;
pub(crate) mod folder;
pub(crate) mod gate;
pub(crate) mod glass;
pub(crate) mod line;
pub(crate) mod place;
mod plan;
pub(crate) mod proof;
mod prover;
pub(crate) mod record;
pub(crate) mod root;
pub(crate) mod sshd;
pub(crate) mod stack;
pub(crate) mod status;
mod trial;
mod undo;
mod unplaced;
pub(crate) mod walk;

use std::ffi::OsString;
use std::path::PathBuf;

use nix::unistd::getuid;
use serde::Serialize;

pub(crate) use self::place::First;

use self::family::Family;
use self::plan::{Plan, Wish, diff};
use self::stack::Files;
use self::trial::{Ended, Held, keep, put_in_place, say, watch};
use crate::ask;
use crate::bus::Bus;
use crate::cli::{Pam, PamWish, Shape};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;

/// Does what is asked.
pub(crate) async fn pam(verb: Pam) -> Result<Exit, Failure> {
    if !getuid().is_root() {
        return Err(Failure::RootOnly);
    }
    match verb {
        Pam::Plan { wish, shape } => show_plan(wish, shape).await,
        Pam::Apply { wish, no_confirm: false, within, .. } => try_out(wish, within).await,
        Pam::Apply { wish, proven, .. } => roll_out(wish, &proven.unwrap_or_default()),
        Pam::Status { only_bad, shape } => status::status(shape, only_bad, clock::now()),
        Pam::Rollback { armed, after } => rollback(armed.as_deref(), after),
        Pam::Remove { services, all } => remove(&services, all),
    }
}

fn wished(wish: PamWish) -> Result<Wish, Failure> {
    let mut families: Vec<Family> = Vec::new();
    for name in &wish.services {
        let family = Family::of(name).map_err(Failure::Usage)?;
        if !families.contains(&family) {
            families.push(family);
        }
    }
    let PamWish { first, replace, break_glass_from, .. } = wish;
    let at_sshd = families.iter().any(|family| family.name == "sshd");
    if !at_sshd && (first.is_some() || break_glass_from.is_some()) {
        return Err(Failure::Usage("--first and --break-glass-from are for sshd, which is not named".into()));
    }
    Ok(Wish { families, first, replace, glass_from: break_glass_from })
}

/// `mfactl pam plan --json`.
#[derive(Serialize)]
struct View {
    /// Whether anything would change.
    changes: bool,
    /// Each service, and whether its stack shows a first factor before it asks.
    services: Vec<ServiceView>,
    /// The files that would change.
    files: Vec<String>,
    /// The ways in that need no mfad.
    break_glass: Vec<String>,
    /// Of the effective result.
    hash: String,
}

#[derive(Serialize)]
struct ServiceView {
    service: String,
    attested: bool,
    root_passes: bool,
}

impl View {
    fn of(plan: &Plan) -> Self {
        let service = |service: &plan::Service| ServiceView {
            service: service.name.clone(),
            attested: service.proof.attested,
            root_passes: service.proof.root_passes,
        };
        Self {
            changes: !plan.changes.is_empty(),
            services: plan.services.iter().map(service).collect(),
            files: plan.changes.iter().map(|change| change.file.display().to_string()).collect(),
            break_glass: plan.glass.iter().map(ToString::to_string).collect(),
            hash: plan.hash.clone(),
        }
    }
}

/// The plan for people: the difference, whom it asks, and the way in that needs no mfad.
async fn words(plan: &Plan) -> String {
    let mut text: String = plan.changes.iter().map(diff).collect();
    text.push('\n');
    let who = match Bus::connect().await {
        Ok(bus) => effect::lines(&bus, plan).await,
        Err(failure) => Err(failure),
    };
    let who = who.unwrap_or_else(|failure| vec![format!("Who:         not known: {failure}")]);
    text.push_str(&format!("{}\n", who.join("\n")));
    let glass: Vec<String> = plan.glass.iter().map(ToString::to_string).collect();
    let glass = if glass.is_empty() { NO_GLASS.to_owned() } else { glass.join(", or ") };
    text.push_str(&format!("Break-glass: {glass}\n"));
    if let Some(lacks) = &plan.lacks {
        text.push_str(&format!("NOTE:        {lacks}"));
    }
    text.push_str(&format!("Hash:        {}", plan.hash));
    text
}

const NO_GLASS: &str = "NONE. Root has neither a password at the console nor a key; set one (passwd root), or let \
                        root's key in from your network (--break-glass-from NETWORK)";

async fn show_plan(wish: PamWish, shape: Shape) -> Result<Exit, Failure> {
    let plan = Plan::of(&wished(wish)?)?;
    let mut out = Out::stdout()?;
    if shape.json {
        out.json(&View::of(&plan))?;
    } else if plan.changes.is_empty() {
        out.line("nothing would change")?;
    } else {
        out.line(&words(&plan).await)?;
    }
    out.flush()?;
    Ok(if plan.changes.is_empty() { Exit::Done } else { Exit::Differs })
}

/// What refuses a plan before it is put in place, whoever asks.
fn refuse_unsafe(plan: &Plan) -> Result<(), Failure> {
    if record::trial()?.is_some() {
        return Err(Failure::GivenUp(
            "another change is on trial, or was left by one that was cut short: mfactl pam rollback".into(),
        ));
    }
    if module().is_none() {
        return Err(Failure::GivenUp(
            "pam_mfa.so is not where PAM looks for modules: everyone would be refused; nothing was changed"
                .into(),
        ));
    }
    if plan.glass.is_empty() {
        let why = plan.lacks.as_deref().unwrap_or(NO_GLASS);
        return Err(Failure::GivenUp(format!(
            "there is no way in that needs no mfad. {why}; nothing was changed"
        )));
    }
    Ok(())
}

/// The module, where libpam looks for it.
pub(crate) fn module() -> Option<PathBuf> {
    Some(folder::module_file("pam_mfa.so")).filter(|file| file.exists())
}

/// `mfactl pam apply`, by a person.
async fn try_out(wish: PamWish, within: u32) -> Result<Exit, Failure> {
    if !ask::is_terminal() {
        return Err(Failure::Usage(
            "a trial needs a terminal; elsewhere: --no-confirm --proven HASH, of a host where it was kept"
                .into(),
        ));
    }
    let plan = Plan::of(&wished(wish)?)?;
    if plan.changes.is_empty() {
        say("nothing to change: it is so already")?;
        return Ok(Exit::Done);
    }
    say(&words(&plan).await)?;
    refuse_unsafe(&plan)?;
    let bus = Bus::connect().await?;
    prover::could_prove(&bus, &plan.families).await?;
    let mut opens = false;
    for way in &plan.glass {
        if glass::tried(way)? {
            say(&format!("\nTried: {way} lets in."))?;
            opens = true;
            break;
        }
        say(&format!("\n{way} does not let in."))?;
    }
    if !opens {
        return Err(Failure::GivenUp("no way in that needs no mfad opens; nothing was changed".into()));
    }
    let typed = ask::line(&format!("Put this in place, on trial for {within} s? Type yes: "), true)?;
    if typed.as_deref().map(|typed| typed.trim_ascii()) != Some(b"yes") {
        return Err(Failure::GivenUp("nothing was changed".into()));
    }
    let held = Held::hold().map_err(Failure::Input)?;
    let (trial, alone) = put_in_place(&plan, within, clock::now())?;
    // Before it is said: who logs in at once counts.
    let begun = trial::begin(&bus).await;
    drop(alone);
    let told = begun.and_then(|after| {
        say(&format!(
            "\nIn place, on trial. Keep this terminal. In another one, log in once through each of: {}.\n\
             Everything is put back in {within} s, or at Ctrl-C.",
            names(&plan.families)
        ))?;
        Ok(after)
    });
    let mut ended = match told {
        Ok(after) => watch(&bus, &trial, &plan.families, after, within, &held).await,
        Err(failure) => Err(failure),
    };
    if let Ok(Ended::Proven) = ended {
        match keep(&trial, &plan, clock::now()) {
            Ok(()) => {
                say("Kept. `mfactl pam status` shows it; `mfactl pam remove` takes it out.")?;
                return Ok(Exit::Done);
            }
            Err(failure) => ended = Err(failure),
        }
    }
    if let Ok(Ended::PutBack) = ended {
        return Err(Failure::GivenUp("somebody has put it back: everything is as it was".into()));
    }
    for line in undo::undo(&trial)? {
        // The terminal may be gone: what is put back matters more than that it is said.
        let _ = say(&line);
    }
    Err(match ended {
        Ok(Ended::Interrupted) => Failure::GivenUp("interrupted: everything is as it was".into()),
        Err(failure) => failure,
        Ok(_) => Failure::GivenUp(format!("not all of it was proven in {within} s: everything is as it was")),
    })
}

fn names(families: &[Family]) -> String {
    families.iter().map(|family| family.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// `mfactl pam apply --no-confirm --proven HASH`: what was kept on another host, on this one.
fn roll_out(wish: PamWish, proven: &str) -> Result<Exit, Failure> {
    let plan = Plan::of(&wished(wish)?)?;
    if !plan.hash.eq_ignore_ascii_case(proven) {
        say(&format!("this host would differ from what was proven: it would come to {}", plan.hash))?;
        return Ok(Exit::Differs);
    }
    let now = clock::now();
    if plan.changes.is_empty() {
        trial::keep_as_it_is(&plan, now)?;
        say("nothing to change: it is so already")?;
        return Ok(Exit::Done);
    }
    refuse_unsafe(&plan)?;
    let (trial, _) = put_in_place(&plan, ROLLED_OUT, now)?;
    if let Err(failure) = keep(&trial, &plan, now) {
        undo::undo(&trial)?;
        return Err(failure);
    }
    say(&format!("in place: {}", names(&plan.families)))?;
    Ok(Exit::Done)
}

/// How long writing what is proven may take before it is put back, in seconds.
const ROLLED_OUT: u32 = 60;

/// `mfactl pam rollback`, by a person, a timer or a boot.
fn rollback(armed: Option<&str>, after: u64) -> Result<Exit, Failure> {
    if after > 0 {
        if let Some(id) = armed {
            arm::stand_by(id).map_err(|error| Failure::File(record::ARMED.into(), error))?;
        }
        std::thread::sleep(std::time::Duration::from_secs(after));
    }
    let trial = record::trial()?.filter(|trial| armed.is_none_or(|id| id == trial.id));
    let Some(trial) = trial else {
        if armed.is_none() {
            say("nothing is on trial")?;
        }
        return Ok(Exit::Done);
    };
    for line in undo::undo_while_on(&trial)? {
        let _ = say(&line); // nobody may be listening
    }
    Ok(Exit::Done)
}

/// `mfactl pam remove`.
fn remove(services: &[OsString], all: bool) -> Result<Exit, Failure> {
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
        let pid_file = sshd::Effective::of(std::path::Path::new(sshd::CONFIG), &sshd::Visitor::anybody())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    #[test]
    fn a_plan_has_this_shape() {
        let service = ServiceView { service: "sshd".into(), attested: true, root_passes: false };
        let view = View {
            changes: true,
            services: vec![service],
            files: vec!["/etc/pam.d/sshd".into()],
            break_glass: vec!["root's password at the console".into()],
            hash: "00ff".into(),
        };
        schema::holds("pam-plan", &view);
    }
}
