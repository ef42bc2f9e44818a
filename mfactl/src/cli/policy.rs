//! What an administrator asks about the policy.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::rollout::{Since, since};
use super::{Shape, help};
use crate::policy::when;

/// The policy, and why it decides as it does.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Explain what becomes of a login, and which lines of the settings decide it
    ///
    /// The login is put to the policy in force as one that happens, with the account as it is now; nothing is
    /// counted or recorded. What is not given is not known of the login: then rules that ask or deny are taken,
    /// and those that skip are not. The first factor is taken to be right.
    #[command(after_long_help = help::POLICY_EXPLAIN)]
    Explain(Explain),
    /// Judge the logins of the audit again by other settings, and show each decision that would change
    ///
    /// Changes nothing. Ends with exit code 7 where a decision would change, 0 where none would.
    #[command(after_long_help = help::POLICY_SIMULATE)]
    Simulate(Simulate),
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Who is at it: who logs in, or who calls sudo or su
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: OsString,
    /// The PAM service
    #[arg(long, value_name = "NAME", default_value = "sshd")]
    pub(crate) service: OsString,
    /// At sshd: the address that it comes from
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<std::net::IpAddr>,
    /// At sshd: the key that passed before, as SHA256:... or by the file of its public half; a certificate by its file
    #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<OsString>,
    /// At sudo: the whole command line, beginning with the program's path
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<OsString>,
    /// The terminal, as PAM names it: /dev/pts/0; sshd's is ssh
    #[arg(long, value_name = "TTY")]
    pub(crate) tty: Option<OsString>,
    /// At su: who one becomes; default: root
    #[arg(long, value_name = "USER", value_hint = ValueHint::Username)]
    pub(crate) target: Option<OsString>,
    /// When, in UTC: 2026-12-01 or '2026-12-01 08:00'; default: now
    #[arg(long, value_name = "TIME", value_parser = when::time)]
    pub(crate) time: Option<u64>,
    /// Tell of rules and exemptions as well that are not about this login
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Args, Debug)]
pub(crate) struct Simulate {
    /// The settings to judge by: a file that would take the place of /etc/mfad/mfad.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) with: PathBuf,
    /// Logins since then: 7d, 12h, or a date
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = since)]
    pub(crate) since: Since,
    /// Show only logins whose decision would change; so it is without --all
    #[arg(long, conflicts_with = "all")]
    pub(crate) changed: bool,
    /// Show every login that was judged again
    #[arg(long)]
    pub(crate) all: bool,
    /// Print comma-separated values, with a line of names first; the counts go to standard error
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    #[command(flatten)]
    pub(crate) shape: Shape,
}
