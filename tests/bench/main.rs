//! `bench`: what a login costs with ours and with its peers, in one run, in turns.
//!
//! Outside it starts a disposable machine and asks an agent in there (this program again) to log people in
//! through PAM stacks as sshd does: authenticate and account, from an address, a fresh process a login. It
//! prints medians, 99th percentiles, ratios and throughput, writes every sample to a file, and ends with 1
//! when a target is missed.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock, and codes are of the real time")]
#![allow(clippy::struct_excessive_bools, reason = "flags of a command line")]

mod agent;
mod course;
mod enrol;
mod footprint;
mod ground;
mod logins;
mod people;
mod protocol;
mod report;
mod setup;
mod stack;
mod statistics;
mod targets;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Args, Parser, Subcommand};
use mfa_tests::rights;

use course::Amounts;
use ground::Place;

/// Compares logins through our module with Debian's peers and with an empty stack.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Verb {
    /// Answers the bench from inside a machine; it starts this by itself.
    #[command(hide = true)]
    Agent,
}

#[derive(Args)]
struct Options {
    /// Logins of each stack, and users that the peers know
    #[arg(long, default_value_t = 400)]
    logins: u32,
    /// Logins of one stack before the next has its turn
    #[arg(long, default_value_t = 25)]
    block: u32,
    /// Logins at one time
    #[arg(long, default_value_t = 16)]
    at_once: u32,
    /// How often the logins at one time are repeated, each with a new step's codes
    #[arg(long, default_value_t = 3)]
    bursts: u32,
    /// Enrolled users in the small house
    #[arg(long, default_value_t = 100)]
    few: u32,
    /// Enrolled users in the large house; 0 leaves the comparison out
    #[arg(long, default_value_t = 100_000)]
    many: u32,
    /// Where all seeds come from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder in the machine for the state of all stacks; on a disk, or fsync costs nothing
    #[arg(long, default_value = "/var/lib/bench")]
    state: String,
    /// Make /etc/pam.d/other deny: as Debian ships it, libpam loads more modules for it at each login
    #[arg(long)]
    other_denies: bool,
    /// Only the empty stack and the peers
    #[arg(long)]
    peers_only: bool,
    /// Do not build the module for its size
    #[arg(long)]
    no_build: bool,
    /// End with 0 although a target is missed
    #[arg(long)]
    no_targets: bool,
    /// Every sample, as JSON
    #[arg(long, default_value = "target/bench.json")]
    raw: PathBuf,
    /// Measure in a machine of another kind: a command that runs there what is appended, by words
    #[arg(long, num_args = 1.., value_terminator = "--", allow_hyphen_values = true)]
    enter: Vec<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.verb {
        Some(Verb::Agent) => agent::serve().map(|()| true).map_err(|error| error.to_string()),
        None => measure(&cli.options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::from(2)
        }
    }
}

/// Runs everything; whether all targets are reached, or need not be.
fn measure(options: &Options) -> Result<bool, String> {
    reduce_rights()?;
    let product = !options.peers_only;
    let sizes = if product && !options.no_build { Some(footprint::build()?) } else { None };
    let amounts = Amounts {
        seed: options.seed,
        logins: options.logins,
        block: options.block,
        at_once: options.at_once,
        bursts: options.bursts,
        few: options.few,
        many: options.many,
        state: options.state.clone(),
        other_denies: options.other_denies,
        product,
    };
    let place =
        if options.enter.is_empty() { Place::Disposable { product } } else { Place::Entered(&options.enter) };
    let measured = course::run(&amounts, place, &|what| eprintln!("bench: {what}"))?;
    let targets = if product { targets::all(&measured, sizes.as_ref()) } else { Vec::new() };
    println!("{}", report::table(&amounts, &measured, sizes.as_ref(), &targets));
    report::write_raw(&options.raw, &amounts, &measured, sizes.as_ref(), &targets)?;
    println!("every sample: {}", options.raw.display());
    Ok(options.no_targets || targets.iter().all(targets::Target::reached))
}

/// Machines may only be started without the capabilities that reach the host: gives them up and starts again.
///
/// What is measured is what a release contains, so the fixture is told to take that profile.
fn reduce_rights() -> Result<(), String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    if rights::excess(&status).is_empty() {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut again = Command::new("setpriv");
    again.args(["--bounding-set=-sys_time,-sys_boot,-sys_module,-sys_rawio", "--inh-caps=-all", "--"]);
    again.arg(program).args(std::env::args_os().skip(1));
    if std::env::var_os("MFA_PROFILE").is_none() {
        again.env("MFA_PROFILE", "release");
    }
    Err(format!("setpriv: {}", again.exec()))
}
