//! `mfactl`: second factors at the terminal.
//!
//! Users enrol a factor, try it and look after it; administrators invite, recover, list, lock and
//! read the audit. Nothing is decided here: each verb is a call or two to mfad ([`bus`]), a code
//! where mfad wants one first ([`step_up`]), and words or JSON for the answer ([`print`]). How a run
//! ends is in [`exit`]; why it could not do its work, in [`failure`].
#![forbid(unsafe_code)]

mod acting;
mod ask;
mod audit;
mod bus;
mod cli;
mod codes;
mod completions;
mod dialogue;
mod doctor;
mod enroll;
mod exempt;
mod exit;
mod factor;
mod failure;
mod import;
mod manual;
mod not_me;
mod pam;
mod policy;
mod print;
mod reason;
mod rehearse;
mod remembered;
mod report;
mod run;
mod status;
mod step_up;
mod user;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};

use crate::cli::{Cli, Verb};
use crate::failure::Failure;

fn main() -> ExitCode {
    leave_no_core();
    if let Some(asked) = import::reader::asked() {
        let read = asked.and_then(import::reader::serve);
        return if read.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match zbus::block_on(run(Cli::parse().verb)) {
        Ok(exit) => exit,
        Err(failure) => {
            if !failure.is_broken_pipe() {
                // Standard error may be gone as well: then the exit code has to do.
                let _ = writeln!(std::io::stderr(), "mfactl: {failure}");
            }
            failure.exit().into()
        }
    }
}

async fn run(verb: Verb) -> Result<ExitCode, Failure> {
    let exit = match verb {
        // The one verb with exit codes of its own.
        Verb::Doctor(asked) => return doctor::doctor(asked).await,
        Verb::Enroll(verb) => enroll::enroll(verb).await,
        Verb::Status(shape) => status::status(shape).await,
        Verb::Test(shape) => rehearse::test(shape).await,
        Verb::Factor(verb) => factor::factor(verb).await,
        Verb::Codes(verb) => codes::codes(verb).await,
        Verb::Remembered(verb) => remembered::remembered(verb).await,
        Verb::NotMe(shape) => not_me::not_me(shape).await,
        Verb::User(verb) => user::user(verb).await,
        Verb::Audit(verb) => audit::audit(verb).await,
        Verb::Policy(verb) => policy::policy(verb).await,
        Verb::Exempt(verb) => exempt::exempt(verb).await,
        Verb::Report(verb) => report::report(verb).await,
        Verb::Pam(verb) => pam::pam(verb).await,
        Verb::Import(verb) => import::import(verb).await,
        Verb::Completions { shell } => completions::print(shell),
        Verb::Man { folder } => manual::write(&folder),
    };
    exit.map(ExitCode::from)
}

/// A secret passes through this process: neither a core file nor a debugger of the same user may
/// show it. Where the kernel refuses, the work still gets done.
fn leave_no_core() {
    let _ = set_dumpable(false);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}
