//! What an administrator does with the accounts of others.

use std::ffi::OsString;

use clap::{Args, Subcommand, ValueHint};

use super::{Shape, help, said};

/// The accounts of others.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// List every account, by name
    #[command(after_long_help = help::USER_LIST)]
    List {
        #[command(flatten)]
        only: Only,
        #[command(flatten)]
        shape: Shape,
    },
    /// Show an account: factors, codes, what is open, and the doors that tries came through
    Show {
        /// The user's name
        #[arg(value_hint = ValueHint::Username)]
        user: OsString,
        #[command(flatten)]
        shape: Shape,
    },
    /// Let a user enrol for the first time; prints the invitation to hand over
    ///
    /// The invitation logs nobody in. After the password, typed at the login's prompt for a code, it begins
    /// an enrolment there; in a session, `mfactl enroll --invitation` asks for it. It can be used once.
    #[command(after_long_help = help::USER_INVITE)]
    Invite {
        #[command(flatten)]
        change: Change,
        /// For how long it can be used
        #[arg(long, value_name = "N", default_value_t = 72, value_parser = clap::value_parser!(u32).range(1..))]
        hours: u32,
    },
    /// Let a user enrol again who has lost everything; prints the recovery code to hand over
    ///
    /// Make sure who asks before you run it: a recovery is how somebody else would come in. The code logs
    /// nobody in; in its time (24 hours where mfad.toml says nothing) and after the password, the user enrols again with it, at the login's
    /// prompt for a code or with `mfactl enroll --recovery`. It can be used once.
    #[command(after_long_help = help::USER_RECOVER)]
    Recover(Recovery),
    /// End every factor of a user, who can then enrol again
    ///
    /// Where a factor is required, the user needs an invitation then. For one who has lost the factor and
    /// has to be let in, there is `mfactl user recover`.
    #[command(after_long_help = help::USER_RESET)]
    Reset(Change),
    /// Lock an account: no code of it is accepted
    ///
    /// Sessions that are open stay open; `loginctl terminate-user` ends them.
    #[command(after_long_help = help::USER_LOCK)]
    Lock(Change),
    /// Unlock an account, and open the doors that wrong codes closed for it
    ///
    /// A door is a place that tries come from: an address, a terminal, the console. `mfactl user show`
    /// lists those of an account.
    #[command(after_long_help = help::USER_UNLOCK)]
    Unlock {
        #[command(flatten)]
        change: Change,
        /// Also forget codes that a wrong clock let the account see from the future, and believe the clock as it is
        #[arg(long)]
        clock: bool,
    },
    /// End an account and its factors; its history stays in the audit
    #[command(after_long_help = help::USER_REMOVE)]
    Remove(Change),
}

/// Which accounts are listed.
#[derive(Args, Clone, Copy, Debug, Default)]
#[group(multiple = false)]
pub(crate) struct Only {
    /// Only those whose name this host no longer knows, or knows under another uid
    #[arg(long)]
    pub(crate) gone: bool,
    /// Only those with one factor and no backup codes left: one lost phone from being locked out
    #[arg(long)]
    pub(crate) single: bool,
    /// Instead the people of /etc/passwd who have no factor
    #[arg(long)]
    pub(crate) not_enrolled: bool,
}

/// What every change of another's account takes.
#[derive(Args, Debug)]
pub(crate) struct Change {
    /// The user's name
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: OsString,
    /// Why: kept in the audit
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) authority: Authority,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// What a recovery takes.
#[derive(Args, Debug)]
pub(crate) struct Recovery {
    /// The user's name
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: OsString,
    /// How you made sure who asks: kept in the audit
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub(crate) verified_by: String,
    /// The ticket that it belongs to
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) ticket: String,
    /// Why: kept in the audit
    #[arg(long, value_name = "TEXT", default_value = "recovery", value_parser = said)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) authority: Authority,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// On whose authority: that of an administrator's own code, or of a broken glass.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Authority {
    /// Who acts, and is asked for a code; default: who called sudo, else you
    #[arg(long = "as", value_name = "NAME", value_hint = ValueHint::Username)]
    pub(crate) acting: Option<OsString>,
    /// Do without a code of an administrator, for this reason: raises an alarm
    #[arg(long, value_name = "REASON", value_parser = said)]
    pub(crate) break_glass: Option<String>,
}
