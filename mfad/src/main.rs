//! The daemon's process: arguments, hardening, and what is made once and passed down.
#![forbid(unsafe_code)]

mod init;
mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use mfad::settings;

/// The mfad daemon: owns the secrets, the replay cache, the limits and the policy.
#[derive(Parser)]
#[command(name = "mfad", version, about)]
struct Args {
    /// Checks the settings and ends: 0 when they can be used. Needs no daemon.
    #[arg(long)]
    check: bool,
    /// The settings file.
    #[arg(long, value_name = "FILE", default_value = settings::FILE, requires = "check")]
    settings: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Makes the folders, the key and the sample settings that are missing. As root; changes
    /// nothing that is there.
    Init,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        _ if args.check => check(&args.settings),
        Some(Command::Init) => init::run(),
        None => serve::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(said) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "mfad: {said}");
            ExitCode::FAILURE
        }
    }
}

fn check(path: &std::path::Path) -> Result<(), String> {
    let settings = settings::Settings::read(path, &host_name()).map_err(|error| error.to_string())?;
    use std::io::Write as _;
    let said = format!("{}: in order, mode {}\n", path.display(), settings.rules.mode.word());
    std::io::stdout().write_all(said.as_bytes()).map_err(|error| error.to_string())
}

/// What apps show where no issuer is set.
fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "this host".into())
}
