//! What a user does with the own account.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};

use super::{Shape, help};
use crate::enroll::qr::QrForm;
use crate::failure::Failure;

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
    ///
    /// It is open for as long as `seconds` says, and changes nothing before it is confirmed. Whoever has
    /// a factor already is asked for a code of it. What is printed is a secret: keep it out of logs.
    #[command(after_long_help = help::ENROLL_BEGIN)]
    Begin {
        #[command(flatten)]
        wish: Wish,
        #[command(flatten)]
        shape: Shape,
    },
    /// Confirm an enrolment with a code of the app, or a signature of the security key; spent by this
    ///
    /// Prints the backup codes, where the account gets a set with this factor: they are shown this once.
    #[command(after_long_help = help::ENROLL_CONFIRM)]
    Confirm {
        /// The enrolment that `enroll begin` named
        #[arg(value_name = "ID")]
        enrollment: String,
        /// The code; `-` or nothing: one line of standard input
        #[arg(value_name = "CODE")]
        code: Option<OsString>,
        /// The signature of a security key, in place of a code; `-`: on standard input
        #[arg(long, value_name = "FILE", conflicts_with = "code")]
        signature: Option<OsString>,
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
    /// How long a code is shown, in seconds: 15 to 120; not for hotp
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(15..=120))]
    pub(crate) period: Option<u32>,
    /// The factor whose place it takes, by its label or id: that one ends when this one is confirmed
    #[arg(long, value_name = "LABEL")]
    pub(crate) replace: Option<String>,
    /// For `--type ssh-key`: sign here, with that key (its private or public file)
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) handed_over: HandedOver,
    /// How the QR code is shown: auto, utf8, ascii, none, png=FILE or svg=FILE
    #[arg(long, value_name = "FORM", default_value = "auto",
          value_parser = OsStringValueParser::new().try_map(|form| QrForm::parse(&form)))]
    pub(crate) qr: QrForm,
}

impl Wish {
    /// Whether a security key is wished for, and no option is for the other.
    pub(crate) fn is_ssh_key(&self) -> Result<bool, Failure> {
        match (self.kind, &self.key) {
            (FactorKind::SshKey, _) => Ok(true),
            (_, None) => Ok(false),
            (_, Some(_)) => Err(Failure::Usage("`--key` is for `--type ssh-key`".to_owned())),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FactorKind {
    /// Codes by time (RFC 6238)
    Totp,
    /// Codes by counter, a new one at each press (RFC 4226)
    Hotp,
    /// A security key of OpenSSH (its type begins with sk-): opens logins over ssh without a code
    SshKey,
}

impl FactorKind {
    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Hotp => "hotp",
            Self::SshKey => "ssh_sk",
        }
    }
}

/// A code that an administrator handed over. Never an argument: it would show in the list of
/// processes.
#[derive(Args, Clone, Copy, Debug, Default)]
#[group(multiple = false)]
pub(crate) struct HandedOver {
    /// Ask for the invitation that an administrator gave you (without a terminal: one line of
    /// standard input)
    #[arg(long)]
    pub(crate) invitation: bool,
    /// Ask for the recovery code that an administrator gave you (without a terminal: one line of
    /// standard input)
    #[arg(long)]
    pub(crate) recovery: bool,
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

/// The own factors.
#[derive(Debug, Subcommand)]
pub(crate) enum Factor {
    /// List your factors
    List(Shape),
    /// Give a factor another label; asks for a code
    Rename {
        /// The factor, by its label or id
        #[arg(value_name = "LABEL")]
        factor: String,
        /// What you will call it
        #[arg(value_name = "NEW")]
        label: String,
        #[command(flatten)]
        shape: Shape,
    },
    /// End a factor; asks for a code
    ///
    /// Where a factor is required, the last one does not go: enrol another one first, or put one in its
    /// place with `mfactl enroll --replace`.
    Remove {
        /// The factor, by its label or id
        #[arg(value_name = "LABEL")]
        factor: String,
        #[command(flatten)]
        shape: Shape,
    },
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Codes {
    #[command(subcommand)]
    pub(crate) verb: Option<CodesVerb>,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CodesVerb {
    /// Make a new set, which is shown once, and void the old one; asks for a code
    #[command(after_long_help = help::CODES_RENEW)]
    Renew(Shape),
}
