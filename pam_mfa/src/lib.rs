//! `pam_mfa.so`: asks for the second factor that mfad judges.
//!
//! A terminal between mfad and the host's conversation, and no more: it shows what mfad says, sends
//! what the user typed, and keeps nothing but the ticket that the account phase settles. It runs as
//! root in other people's processes, started by anybody, so it trusts nothing in the environment,
//! leaves nothing behind, and answers every fault by a refusal.
//!
//! ```text
//!  lib            the six entry points
//!  auth account   the two phases that do something
//!  dialogue       the loop: mfad asks, the user types     conversation   the user
//!  respondent     where the answers come from             split          a password and a code in one field
//!  wire           the calls of mfad's contract            line socket    bytes, and the way there
//!  args context   what the line and the host say          keep           from auth to account
//!  outcome        what each end is to libpam              failed         why there is no verdict
//!  record journal the line in the log                     clock          how long a login may take
//!  descriptors    numbers 0 to 2                          shims          C
//! ```
#![deny(unsafe_code)]

mod account;
mod args;
mod auth;
mod clock;
mod context;
mod conversation;
mod descriptors;
mod dialogue;
mod failed;
mod journal;
mod keep;
mod line;
mod outcome;
mod record;
mod respondent;
mod session;
mod shims;
mod socket;
mod split;
mod wire;

use std::ffi::CStr;
use std::panic;
use std::sync::Once;

use pam::constants::{PamFlag, PamResultCode};
use pam::items::{RHost, RUser, Service, Tty, User};
use pam::module::{PamHandle, PamHooks};

use args::{Args, BadArgument};
use context::{Context, Handle, Item};
use descriptors::Occupied;
use journal::{Level, log};
use outcome::Outcome;
use record::Phase;

struct PamMfa;

mod hooks {
    use super::PamMfa;
    pam::pam_hooks!(PamMfa);
}

impl PamHooks for PamMfa {
    fn sm_authenticate(handle: &mut PamHandle, words: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        enter(handle, Phase::Authentication, &words, |handle, args| auth::authenticate(handle, args, flags))
    }

    fn acct_mgmt(handle: &mut PamHandle, words: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        enter(handle, Phase::Account, &words, |handle, args| account::admit(handle, args, flags))
    }

    /// Always a success, whatever the line says: nothing is set here, and sshd dies of anything
    /// else when this is the module that granted. A bad argument has been refused in `auth`.
    fn sm_setcred(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }

    /// A success, since there is nothing to do: a stack of session modules that all answer
    /// `PAM_IGNORE` fails. Opening a session grants nothing that was not granted before it.
    fn sm_open_session(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }

    /// As opening it.
    fn sm_close_session(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }

    /// No password is changed here, and a success would say that one was.
    fn sm_chauthtok(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_IGNORE
    }
}

/// What both phases begin with. A panic in here ends as `PAM_ABORT`, by the guard of pam-bindings.
fn enter(
    handle: &mut PamHandle,
    phase: Phase,
    words: &[&CStr],
    run: impl FnOnce(&mut PamHandle, &Args) -> Outcome,
) -> PamResultCode {
    silence_panics();
    let entered = Entered { handle, phase };
    let handle = &mut *entered.handle;
    let outcome = match (Args::parse(words), Occupied::low()) {
        (Ok(args), Ok(_occupied)) => run(handle, &args),
        (Err(BadArgument(word)), _) => {
            log(handle, phase, Level::Error, &format!("argument not known: {}", record::word(&word)));
            Outcome::Misconfigured
        }
        (_, Err(error)) => {
            log(handle, phase, Level::Error, &format!("no descriptor to be had: {error}"));
            Outcome::Unavailable
        }
    };
    outcome.code()
}

/// A handle that has been entered: says so in the log when it is left by a panic.
struct Entered<'a> {
    handle: &'a mut PamHandle,
    phase: Phase,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            log(self.handle, self.phase, Level::Alert, "a fault in the module itself: refused");
        }
    }
}

/// Keeps a panic from being printed to whatever the host has at descriptor 2, which may be the
/// user's terminal, and from reading `RUST_BACKTRACE`.
///
/// The hook is global to one copy of the standard library, and a cdylib has its own, whose symbols
/// nobody else binds to: a host written in Rust keeps its hook.
fn silence_panics() {
    static SILENT: Once = Once::new();
    SILENT.call_once(|| panic::set_hook(Box::new(|_| {})));
}

/// The login of a handle. A host that has not named its user has it asked for, as libpam does.
fn login(handle: &mut PamHandle, args: &Args) -> Option<Context> {
    if handle.item(Item::User).is_none() {
        // Its answer is read from the item, as bytes: pam-bindings gives UTF-8 names only.
        let _ = handle.get_user(None);
    }
    Context::read(handle, args.first_factor)
}

impl Handle for PamHandle {
    fn item(&self, item: Item) -> Option<Vec<u8>> {
        let bytes = |text: &CStr| text.to_bytes().to_vec();
        match item {
            Item::Service => self.get_item().ok()?.map(|Service(text)| bytes(text)),
            Item::User => self.get_item().ok()?.map(|User(text)| bytes(text)),
            Item::RHost => self.get_item().ok()?.map(|RHost(text)| bytes(text)),
            Item::Tty => self.get_item().ok()?.map(|Tty(text)| bytes(text)),
            Item::RUser => self.get_item().ok()?.map(|RUser(text)| bytes(text)),
        }
    }

    fn env(&self, name: &CStr) -> Option<Vec<u8>> {
        shims::pam_env(self, name)
    }
}
