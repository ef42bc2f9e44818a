//! `mfactl completions`: what a shell completes, out of the definitions of the command line.

use clap::{Command, CommandFactory};

use crate::cli::{Cli, Shell};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;

/// Prints the script of `shell`.
pub(crate) fn print(shell: Shell) -> Result<Exit, Failure> {
    let mut out = Out::stdout()?;
    out.line(script(shell).trim_end())?;
    out.flush()?;
    Ok(Exit::Done)
}

fn script(shell: Shell) -> String {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown(&Cli::command()), "mfactl", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The command line without its hidden verbs, which the generators would offer.
fn shown(mfactl: &Command) -> Command {
    let verbs = mfactl.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned();
    Command::new("mfactl")
        .version(env!("CARGO_PKG_VERSION"))
        .args(mfactl.get_arguments().cloned())
        .subcommands(verbs)
}
