//! `demo`: a second factor at work, told as it happens.
//!
//! Three disposable machines, real terminals and real programs; every line that is not narration (indented) is
//! what those programs printed. Each act is checked: where something does not go as it is told, the demo says
//! so and ends with 1. `packaging/demo` builds and starts it.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    reason = "a demo stands outside of the product: codes are of the real time, waits have deadlines"
)]

mod escapes;
mod failure;
mod paper;
mod phone;
mod session;
mod shell;
mod stage;
mod story;

use std::process::ExitCode;

use clap::Parser;
use mfa_tests::rights;

use paper::Paper;
use stage::Stage;

/// Shows a login over ssh and a sudo with password and code, in disposable machines.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// Leave the server open at the end: a root shell in it, until that is left
    #[arg(long)]
    shell: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    rights::assert_reduced();
    let paper = Paper::of_stdout();
    let stage = Stage::set();
    let told = story::tell(&stage, &paper)
        .and_then(|phone| if cli.shell { shell::open(&stage, &phone, &paper) } else { Ok(()) });
    let log = stage.log();
    drop(stage);
    match told {
        Ok(()) => {
            paper.tell("The machines are gone, with all that was in them.");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            paper.failure(&failure, &log);
            ExitCode::FAILURE
        }
    }
}
