//! The command line: verbs and their arguments.

mod account;
mod users;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::account::{Codes, CodesVerb, Enroll, Factor, FactorKind, HandedOver, Stage, Wish};
pub(crate) use self::users::{Authority, Change, Only, Recovery, User};
use crate::exit::Exit;
use crate::import::Import;

/// Second factors: enrol one, test it, look after it and after those of others.
#[derive(Debug, Parser)]
#[command(name = "mfactl", version, after_help = Exit::help())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Enrol an authenticator app for your own account
    Enroll(Enroll),
    /// Show your own account: mode, factors and backup codes
    Status(Shape),
    /// Ask for a code as a login would, and say whether it is granted
    ///
    /// The code is judged, counted and spent as in a login. Without a terminal, one line of
    /// standard input is the code.
    Test(Shape),
    /// Look after your own factors
    #[command(subcommand)]
    Factor(Factor),
    /// Show how many backup codes are left, or make a new set
    Codes(Codes),
    /// Say that it was not you: undoes what another may have done with your account
    NotMe(Shape),
    /// Look after the accounts of others (root)
    #[command(subcommand)]
    User(User),
    /// Read the audit (root)
    Audit(Audit),
    /// Take over the factors of other systems (root)
    #[command(subcommand)]
    Import(Import),
}

/// How the answer is printed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) verb: Option<AuditVerb>,
    /// Rows of this user only
    #[arg(long)]
    pub(crate) user: Option<OsString>,
    /// Rows after this number only
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) since_seq: u64,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// Check that no row was altered, removed or put in
    Verify(Shape),
}

/// A reason has to say something.
pub(crate) fn said(reason: &str) -> Result<String, &'static str> {
    let reason = reason.trim();
    if reason.is_empty() { Err("a reason is needed") } else { Ok(reason.to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("mfactl").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_the_manual_shows_is_understood() {
        for line in [
            "enroll",
            "enroll --type totp --label phone --algorithm sha256 --digits 8 --period 60 --qr ascii",
            "enroll --qr png=/tmp/a.png",
            "enroll begin --label tablet --json",
            "enroll confirm 00ff 123456 --json",
            "enroll confirm 00ff - --json",
            "enroll confirm 00ff",
            "enroll cancel 00ff",
            "enroll --type hotp --replace phone --invitation",
            "enroll begin --recovery --json",
            "status --json",
            "test --json",
            "factor list --json",
            "factor rename phone tablet --json",
            "factor remove 00112233445566778899aabbccddeeff",
            "codes",
            "codes --json",
            "codes renew --json",
            "not-me --json",
            "user list --json",
            "user list --gone",
            "user list --single --json",
            "user list --not-enrolled",
            "user show alice --json",
            "user invite alice --reason new",
            "user invite alice --hours 24 --reason new --as ada --json",
            "user recover alice --verified-by passport",
            "user recover alice --verified-by passport --ticket 7 --reason lost --break-glass night",
            "user reset alice --reason lost",
            "user lock alice --reason odd --json",
            "user remove alice --reason left --as ada",
            "user unlock alice --reason typo --clock",
            "audit",
            "audit --user alice --since-seq 7 --json",
            "audit verify --json",
        ] {
            parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for line in [
            "",
            "enroll --digits 5",
            "enroll --period 10",
            "enroll --algorithm MD5",
            "enroll --type sms",
            "enroll --qr gif=a",
            "enroll --qr png=",
            "enroll --json",
            "enroll --label x begin",
            "user reset alice",
            "user show",
            "user reset alice --reason=",
            "user reset alice --reason lost --break-glass=",
            "user recover alice",
            "user recover alice --verified-by=",
            "user invite alice",
            "user invite alice --reason new --hours 0",
            "user list --gone --single",
            "enroll --invitation --recovery",
            "enroll --code I-7KQ2M-X4TPD-H9WC",
            "factor rename phone",
            "codes --json renew",
            "audit --since-seq -1",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), i32::from(Exit::Usage.number()), "{line:?}");
        }
    }

    // S29
    #[test]
    fn a_user_name_may_be_any_bytes() {
        let name = std::ffi::OsStr::from_bytes(b"a\xff\n");
        let args = ["mfactl".as_ref(), "user".as_ref(), "show".as_ref(), name];
        let Verb::User(User::Show { user, .. }) = Cli::try_parse_from(args).unwrap().verb else { panic!() };
        assert_eq!(user, name);
    }
}
