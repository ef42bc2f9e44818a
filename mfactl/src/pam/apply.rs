//! `mfactl pam apply`: on trial by a person, or as it was proven on another host.

use super::family::names;
use super::glass::{self, Tried};
use super::plan::{Plan, Wish};
use super::prover::could_prove;
use super::show::words;
use super::trial::{self, Ended, Held, keep, put_in_place, say, watch};
use super::{clock, module, record, undo};
use crate::ask;
use crate::bus::Bus;
use crate::exit::Exit;
use crate::failure::Failure;

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
    if plan.glass.open.is_empty() {
        return Err(Failure::GivenUp(format!(
            "there is no way in that needs no mfad: {}; nothing was changed",
            plan.glass.none()
        )));
    }
    Ok(())
}

/// `mfactl pam apply`, by a person.
pub(super) async fn try_out(wish: &Wish, within: u32) -> Result<Exit, Failure> {
    if !ask::is_terminal() {
        return Err(Failure::Usage(
            "a trial needs a terminal; elsewhere: --no-confirm --proven HASH, of a host where it was kept"
                .into(),
        ));
    }
    let plan = Plan::of(wish)?;
    if plan.changes.is_empty() {
        say("nothing to change: it is so already")?;
        return Ok(Exit::Done);
    }
    say(&words(&plan).await)?;
    refuse_unsafe(&plan)?;
    let bus = Bus::connect().await?;
    could_prove(&bus, &plan.families).await?;
    let mut opens = false;
    for way in &plan.glass.open {
        let tried = glass::tried(way)?;
        say(&format!("\n{}", tried.words(way)))?;
        opens = tried != Tried::Wrong;
        if opens {
            break;
        }
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

/// `mfactl pam apply --no-confirm --proven HASH`: what was kept on another host, on this one.
pub(super) fn roll_out(wish: &Wish, proven: &str) -> Result<Exit, Failure> {
    let plan = Plan::of(wish)?;
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
