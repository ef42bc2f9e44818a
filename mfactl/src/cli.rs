//! The command line: verbs and their arguments.

use std::ffi::OsString;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::enroll::qr::QrForm;
use crate::exit::Exit;
use crate::import::Import;

/// Second factors: enrol one, test it, look after those of others.
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
    /// Show your own account: mode and factors
    Status(Shape),
    /// Ask for a code as a login would, and say whether it is granted
    ///
    /// The code is judged, counted and spent as in a login. Without a terminal, one line of
    /// standard input is the code.
    Test(Shape),
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
pub(crate) struct Enroll {
    #[command(subcommand)]
    pub(crate) stage: Option<Stage>,
    #[command(flatten)]
    pub(crate) wish: Wish,
}

/// The two-step form, for programs and for machines without a terminal.
#[derive(Debug, Subcommand)]
pub(crate) enum Stage {
    /// Open an enrolment, and print its secret
    Begin {
        #[command(flatten)]
        wish: Wish,
        #[command(flatten)]
        shape: Shape,
    },
    /// Confirm an enrolment with a code of the app; the code is spent by this
    Confirm {
        /// The enrolment that `enroll begin` named
        #[arg(value_name = "ID")]
        enrollment: String,
        /// The code; `-` or nothing: one line of standard input
        #[arg(value_name = "CODE")]
        code: Option<OsString>,
        #[command(flatten)]
        shape: Shape,
    },
    /// End an enrolment that was not confirmed
    Cancel {
        /// The enrolment that `enroll begin` named
        #[arg(value_name = "ID")]
        enrollment: String,
    },
}

/// What kind of factor it shall be.
#[derive(Args, Debug)]
pub(crate) struct Wish {
    /// The kind of factor
    #[arg(long = "type", value_enum, default_value_t = FactorKind::Totp)]
    pub(crate) kind: FactorKind,
    /// What you call it, such as `phone` or `tablet`
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// The hash; many apps know SHA1 only
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) algorithm: Option<Algorithm>,
    /// The length of a code: 6 to 8 digits
    #[arg(long, value_parser = clap::value_parser!(u32).range(6..=8))]
    pub(crate) digits: Option<u32>,
    /// How long a code is shown, in seconds: 15 to 120
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(15..=120))]
    pub(crate) period: Option<u32>,
    /// How the QR code is shown: auto, utf8, ascii, none, png=FILE or svg=FILE
    #[arg(long, value_name = "FORM", default_value = "auto",
          value_parser = OsStringValueParser::new().try_map(|form| QrForm::parse(&form)))]
    pub(crate) qr: QrForm,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FactorKind {
    /// Codes by time (RFC 6238)
    Totp,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Algorithm {
    #[value(name = "SHA1")]
    Sha1,
    #[value(name = "SHA256")]
    Sha256,
    #[value(name = "SHA512")]
    Sha512,
}

impl Algorithm {
    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// List every account, by name
    List(Shape),
    /// Show an account: factors, and the doors that tries came through
    Show {
        /// The user's name
        user: OsString,
        #[command(flatten)]
        shape: Shape,
    },
    /// End every factor of a user, who can then enrol again
    Reset {
        /// The user's name
        user: OsString,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        shape: Shape,
    },
    /// Open the doors that wrong codes closed for a user
    Unlock {
        /// The user's name
        user: OsString,
        #[command(flatten)]
        why: Why,
        /// Also forget codes that a wrong clock let the account see from the future
        #[arg(long)]
        clock: bool,
        #[command(flatten)]
        shape: Shape,
    },
}

/// Why an administrator acts: kept in the audit.
#[derive(Args, Debug)]
pub(crate) struct Why {
    /// Why: kept in the audit
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub(crate) reason: String,
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
            "status --json",
            "test --json",
            "user list --json",
            "user show alice --json",
            "user reset alice --reason lost",
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
