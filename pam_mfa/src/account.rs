//! The account phase: settles what the auth phase of the same handle proved.
//!
//! Without such a proof there is nothing to do here, and mfad is not called: cron, `systemd --user`,
//! NOPASSWD sudo and root's su run this phase without the other, and must not depend on mfad. The
//! one exception is `account_enforce` in sshd's stack, for logins by key alone.

use pam::constants::{PAM_SILENT, PamFlag};
use pam::module::PamHandle;

use mfa_proto::secret::Secret;
use mfa_proto::step::{Kind, Step};

use crate::args::{Account, Args, Task};
use crate::context::Context;
use crate::conversation::Conversation;
use crate::dialogue::{Ended, Verdict};
use crate::failed::Failed;
use crate::journal::{Level, log};
use crate::keep::{self, Proof, Rest};
use crate::outcome::Outcome;
use crate::record::{self, Phase};
use crate::socket::Place;
use crate::wire::{Door, Wire};

/// Says whether the login of this handle may go on.
pub(crate) fn admit(handle: &mut PamHandle, args: &Args, flags: PamFlag) -> Outcome {
    if args.task == Task::KeyPassed {
        let passed = Context::read(handle, args.first_factor).is_some_and(|context| context.key_passed());
        return if passed { Outcome::Granted } else { Outcome::NotAsked };
    }
    match (keep::take(handle), args.account) {
        (Some(proof), _) => settle(handle, proof),
        (None, Account::Enforce) => enforce(handle, args, flags),
        (None, Account::Ignore) => Outcome::NotAsked,
    }
}

/// Settles a proof, once. Until that succeeds, the handle holds one that is spoiled: a host that
/// calls again after a failure must not find a handle in which nothing ever happened.
fn settle(handle: &mut PamHandle, proof: Proof) -> Outcome {
    let Proof { context, rest } = proof;
    let unchanged = context.still_holds(handle);
    let (rest, outcome) = match rest {
        Rest::Spoiled => (Rest::Spoiled, Outcome::Denied),
        _ if !unchanged => changed(handle, &context),
        Rest::Nothing => (Rest::Nothing, Outcome::Granted),
        Rest::Settle(ticket) => match settle_with_mfad(handle, &context, &ticket) {
            // Again: a conversation may have come between. (S24)
            Outcome::Granted if !context.still_holds(handle) => changed(handle, &context),
            Outcome::Granted => (Rest::Nothing, Outcome::Granted),
            refusal => (Rest::Spoiled, refusal),
        },
    };
    // The slot is there, since the proof came out of it: this cannot fail.
    match keep::put(handle, Proof { context, rest }) {
        Ok(()) => outcome,
        Err(_) => Outcome::Unavailable,
    }
}

/// What is left of a proof whose user is not who was proven.
fn changed(handle: &PamHandle, context: &Context) -> (Rest, Outcome) {
    let line = record::reasoned(Phase::Account, "failure", context, "user_changed");
    log(handle, Phase::Account, Level::Error, &line);
    (Rest::Spoiled, Outcome::Denied)
}

/// Settles, and shows what comes of it: the backup codes of an enrolment in this login, which exist
/// nowhere else in the clear. So `PAM_SILENT` does not keep them back, and where they cannot be
/// shown the login is settled all the same.
fn settle_with_mfad(handle: &PamHandle, context: &Context, ticket: &Secret<Vec<u8>>) -> Outcome {
    let mut step = Wire::new(Place::fixed(), Door::of_this_process(), context).settle(ticket.expose());
    let text = Secret::new(step.as_mut().map(|step| std::mem::take(&mut step.text)).unwrap_or_default());
    let outcome = judge(handle, context, step, |step| match step.kind() {
        Kind::Proven => Outcome::Granted,
        Kind::Ask | Kind::Waived | Kind::Refused => Outcome::Denied,
    });
    if outcome == Outcome::Granted && !text.expose().is_empty() {
        Conversation { handle, debug: false }.show(text.expose());
    }
    outcome
}

/// Asks mfad about a login that had no auth phase of ours: by key alone, at sshd.
fn enforce(handle: &mut PamHandle, args: &Args, flags: PamFlag) -> Outcome {
    let Some(context) = Context::read(handle, args.first_factor) else { return Outcome::Misconfigured };
    if !context.is_sshd() {
        // In a file that cron and su include, an error here would stop them all.
        log(handle, Phase::Account, Level::Warning, "account_enforce has no effect outside sshd");
        return Outcome::NotAsked;
    }
    let step = Wire::new(Place::fixed(), Door::of_this_process(), &context).admit();
    if let Ok(Step { text, .. }) = &step
        && !text.is_empty()
        && flags & PAM_SILENT == 0
    {
        Conversation { handle, debug: false }.tell(text);
    }
    judge(handle, &context, step, |step| match step.kind() {
        // (S24)
        Kind::Proven | Kind::Waived if !context.still_holds(handle) => Outcome::Denied,
        Kind::Proven => Outcome::Granted,
        Kind::Waived => Outcome::of_waiver(&context),
        Kind::Refused => Outcome::of_account_refusal(step.reason()),
        // There is nobody to ask in this phase.
        Kind::Ask => Outcome::Denied,
    })
}

/// The outcome of a call, and its line in the log.
fn judge(
    handle: &PamHandle,
    context: &Context,
    step: Result<Step, Failed>,
    outcome_of: impl FnOnce(&Step) -> Outcome,
) -> Outcome {
    let step = match step {
        Ok(step) => step,
        Err(failed) => {
            log(handle, Phase::Account, Level::Error, &record::failure(Phase::Account, context, &failed));
            // In this phase a reply that is not understood is "could not judge": AUTH_ERR is no
            // answer that hosts expect here.
            return Outcome::Unavailable;
        }
    };
    let outcome = outcome_of(&step);
    let (level, result) = match outcome {
        Outcome::Granted => (Level::Info, "success"),
        Outcome::NotAsked => (Level::Info, "not asked"),
        _ => (Level::Notice, "failure"),
    };
    let verdict = Verdict {
        ended: Ended::Waived { ticket: Vec::new(), text: String::new() },
        reason: step.reason(),
        tries: 0,
    };
    log(handle, Phase::Account, level, &record::verdict(Phase::Account, result, context, &verdict));
    outcome
}
