//! What an administrator does with the PAM stack.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::{Shape, help};
use crate::pam::{First, KeyFrom, PEERS};

/// The second factor in front of a service.
#[derive(Debug, Subcommand)]
pub(crate) enum Pam {
    /// Show what would change, and whom it would ask; changes nothing
    ///
    /// What a login there would come to is asked of the policy in force for each of the people: modes of groups, rules,
    /// exemptions and grace count, and who would be refused is named. Ends with exit code 7 where something would
    /// change, 0 where it is so already.
    #[command(after_long_help = help::PAM_PLAN)]
    Plan {
        #[command(flatten)]
        wish: PamWish,
        #[command(flatten)]
        shape: Shape,
    },
    /// Put the second factor in front of services, on trial until a login through each was seen
    ///
    /// Whoever runs it must be one whom the policy asks for a code there, and have a factor.
    /// The rollback is armed before anything changes. Then you log in, in another terminal, once through each
    /// service; whatever was not proven in time is put back, and so is everything at Ctrl-C, when this
    /// terminal goes, and, with systemd, at the next boot. Sessions that are open stay open.
    #[command(after_long_help = help::PAM_APPLY)]
    Apply {
        #[command(flatten)]
        wish: PamWish,
        /// How long a trial lasts
        #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = clap::value_parser!(u32).range(10..=3600))]
        within: u32,
        /// Without a trial, where the result is the one that was proven on another host
        #[arg(long, requires = "proven")]
        no_confirm: bool,
        /// The hash of that result, as `mfactl pam status --json` told it there
        #[arg(long, value_name = "HASH", requires = "no_confirm")]
        proven: Option<String>,
    },
    /// Show which services are protected, and what was kept and is gone
    ///
    /// Ends with exit code 1 where something is gone or does not protect, 7 where it differs from what was kept.
    Status {
        /// Print only what is not as it was kept
        #[arg(long)]
        only_bad: bool,
        #[command(flatten)]
        shape: Shape,
    },
    /// Put back what is on trial, at once
    ///
    /// Where a file still is what the trial left, it gets the bytes back that it had before; where somebody has
    /// changed it since, only the lines of mfactl are taken out, and that is said. The timer of a trial, and
    /// the next boot after one that was cut short, run this too; without systemd no boot does.
    Rollback {
        /// Only that trial
        #[arg(long, hide = true, value_name = "ID")]
        armed: Option<String>,
        /// Wait first
        #[arg(long, hide = true, value_name = "SECONDS", default_value_t = 0)]
        after: u64,
    },
    /// Take the second factor away from services
    #[command(after_long_help = help::PAM_REMOVE)]
    Remove {
        /// The services
        #[arg(required_unless_present = "all", value_name = "SERVICE")]
        services: Vec<OsString>,
        /// From every service
        #[arg(long, conflicts_with = "services")]
        all: bool,
    },
}

/// What is wanted.
#[derive(Args, Debug)]
pub(crate) struct PamWish {
    /// The services: sshd, sudo (with sudo-i), su (with su-l), login, polkit, or any other by its name
    #[arg(required = true, value_name = "SERVICE")]
    pub(crate) services: Vec<OsString>,
    /// What comes before the code at sshd [default: either; key, where sshd takes no passwords]
    #[arg(long)]
    pub(crate) first: Option<First>,
    /// The module that makes way, in its own place [default: the one that has made way already]
    #[arg(long, value_name = "MODULE", value_parser = PEERS)]
    pub(crate) replace: Option<String>,
    /// Let root in by key alone from this network, or from `none`: the way in that needs neither mfad nor its module
    /// [default: as it was put in place]
    #[arg(long, value_name = "NETWORK")]
    pub(crate) break_glass_from: Option<KeyFrom>,
}
