//! The auth phase.

use pam::constants::{PAM_SILENT, PamFlag};
use pam::module::PamHandle;

use crate::args::{Args, Field, Task, Typing};
use crate::context::Context;
use crate::conversation::Conversation;
use crate::dialogue::{self, Ended, Manner, Verdict};
use crate::failed::Failed;
use crate::journal::{Level, log};
use crate::keep::{self, Proof};
use crate::outcome::Outcome;
use crate::record::{self, Phase};
use crate::respondent::{BOTH, Respondent};
use crate::shims;
use crate::socket::Place;
use crate::split::Password;
use crate::wire::{Door, Wire};

/// Proves the user of the handle, or does not.
pub(crate) fn authenticate(handle: &mut PamHandle, args: &Args, flags: PamFlag) -> Outcome {
    let Some(mut context) = crate::login(handle, args) else { return Outcome::NoConversation };
    if args.task == Task::KeyPassed {
        return if context.key_passed() { Outcome::Granted } else { Outcome::NotAsked };
    }
    if keep::is_first(handle) {
        context.tell_loaded(shims::loaded_ms());
    }
    // What an earlier round on this handle proved is void, and stays so whatever happens below.
    drop(keep::take(handle));
    let mut user = Respondent::new(Conversation { handle, debug: args.debug }, args);
    let manner = Manner {
        prompt: args.prompt.as_deref().or((args.field == Field::PasswordAndCode).then_some(BOTH)),
        echo: args.typing == Typing::Shown,
        helpful: !context.is_sshd() || context.is_attested(),
    };
    let mut wire = Wire::new(Place::fixed(), Door::of_this_process(), &context);
    let verdict = dialogue::run(&mut wire, &mut user, manner);
    drop(wire);
    let password = user.into_password();
    match verdict {
        Ok(verdict) => conclude(handle, context, verdict, password, flags),
        Err(failed) => fail(handle, &context, &failed),
    }
}

/// What a verdict of mfad's comes to, here and now.
fn conclude(
    handle: &mut PamHandle,
    context: Context,
    verdict: Verdict,
    password: Option<Password>,
    flags: PamFlag,
) -> Outcome {
    let outcome = Outcome::of_auth(&verdict, &context);
    if flags & PAM_SILENT == 0 {
        say(&Conversation { handle, debug: false }, &verdict.ended);
    }
    // When all was said: in a conversation a host may change who it is for. (S24)
    if matches!(outcome, Outcome::Granted | Outcome::NotAsked) && !context.still_holds(handle) {
        let line = record::reasoned(Phase::Authentication, "failure", &context, "user_changed");
        log(handle, Phase::Authentication, Level::Error, &line);
        return Outcome::Refused;
    }
    // After a refusal too: a module that comes after, and had no password to check, would be done
    // sooner, and tell a stranger which codes are right. (S21)
    if let Some(password) = password
        && context.still_holds(handle)
        && shims::set_authtok(handle, password.as_c()).is_err()
    {
        log(handle, Phase::Authentication, Level::Error, "a password could not be handed on: refused");
        return Outcome::Unavailable;
    }
    let (level, result) = match outcome {
        Outcome::Granted => (Level::Info, "success"),
        Outcome::NotAsked => (Level::Info, "not asked"),
        _ => (Level::Notice, "failure"),
    };
    let line = record::verdict(Phase::Authentication, result, &context, &verdict);
    // What cannot be kept can never be settled: then it is not proven either.
    let rest = match verdict.ended {
        Ended::Proven(ticket) => Some(ticket),
        // Where sshd names no method that passed, there is nothing to settle by.
        Ended::Waived { ticket, .. } => {
            Some(ticket).filter(|ticket| !ticket.is_empty() && outcome == Outcome::Granted)
        }
        Ended::Refused(_) | Ended::OutOfTries(_) => None,
    };
    if let Some(ticket) = rest
        && keep::put(handle, Proof::new(context, ticket)).is_err()
    {
        log(handle, Phase::Authentication, Level::Error, "a proof could not be kept: refused");
        return Outcome::Unavailable;
    }
    log(handle, Phase::Authentication, level, &line);
    outcome
}

/// Tells the user what a verdict comes with.
fn say(user: &Conversation<'_>, ended: &Ended) {
    match ended {
        Ended::Waived { text, .. } if !text.is_empty() => user.remind(text),
        Ended::Refused(text) | Ended::OutOfTries(text) if !text.is_empty() => user.tell(text),
        Ended::Proven(_) | Ended::Waived { .. } | Ended::Refused(_) | Ended::OutOfTries(_) => {}
    }
}

fn fail(handle: &PamHandle, context: &Context, failed: &Failed) -> Outcome {
    let level = match failed {
        Failed::Untrusted(_) => Level::Alert,
        Failed::NoConversation => Level::Notice,
        _ => Level::Error,
    };
    log(handle, Phase::Authentication, level, &record::failure(Phase::Authentication, context, failed));
    Outcome::from(failed)
}
