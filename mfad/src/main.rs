//! The daemon's process: arguments, hardening, and what is made once and passed down.
#![forbid(unsafe_code)]

mod check;
mod credential;
mod daily;
mod in_force;
mod init;
mod serve;
mod systemd;
mod user;

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
    /// With --check: the store too, without changing it: whether the key opens it, and this mfad
    /// knows its form. As root or as the daemon's user.
    #[arg(long, requires = "check")]
    store: bool,
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
    let done = match &args.command {
        _ if args.check => check(&args),
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

fn check(args: &Args) -> Result<(), String> {
    check::settings(&args.settings)?;
    if args.store { check::store() } else { Ok(()) }
}

/// What apps show where no issuer is set.
fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "this host".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_manual_names_every_command_and_every_option() {
        let page = include_str!("../../packaging/man/mfad.8").replace('\\', "");
        let mut mfad = Args::command();
        mfad.build();
        let arguments = || mfad.get_arguments();
        let long = arguments().filter_map(clap::Arg::get_long).map(|long| format!("--{long}"));
        let short = arguments().filter_map(clap::Arg::get_short).map(|short| format!("-{short}"));
        let commands = mfad.get_subcommands().filter(|command| !command.is_hide_set());
        let commands = commands.map(|command| format!("\n.B {}\n", command.get_name()));
        let defaults = mfad.get_opts().flat_map(clap::Arg::get_default_values);
        let defaults = defaults.map(|value| value.to_string_lossy().into_owned());
        let words: Vec<String> = long.chain(short).chain(commands).chain(defaults).collect();
        for must in ["--check", "--settings", "--store", "-h", "\n.B init\n", settings::FILE] {
            assert!(words.iter().any(|word| word == must), "{must}: {words:?}");
        }
        for word in words {
            assert!(page.contains(&word), "mfad.8 does not name {word}");
        }
    }
}
