//! The arguments of `mfactl import`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Subcommand, ValueHint};

use super::place::{self, Pattern};
use crate::cli::{Authority, Shape, help, said};

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// What `pam_google_authenticator` keeps in its users' homes
    #[command(after_long_help = help::IMPORT_GOOGLE)]
    GoogleAuthenticator(Google),
    /// What `pam_oath` keeps in its users file
    #[command(after_long_help = help::IMPORT_OATH)]
    Oath(Oath),
}

#[derive(Args, Debug)]
pub(crate) struct Google {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Where the files are: what `secret=` says in the PAM line
    #[arg(long, value_name = "PATTERN", default_value = place::USUAL,
          value_parser = OsStringValueParser::new().try_map(|given| Pattern::parse(&given)))]
    pub(crate) file: Pattern,
    /// Whose the files are, where not each user's own: what `user=` says in the PAM line
    #[arg(long, value_name = "USER")]
    pub(crate) owner: Option<OsString>,
    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Args, Debug)]
pub(crate) struct Oath {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// The users file: what `usersfile=` says in the PAM line
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, default_value = "/etc/users.oath")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) how: How,
}

/// For whom: named users, or all there are.
#[derive(Args, Debug)]
pub(crate) struct Whom {
    /// The users
    #[arg(value_name = "USER", value_hint = ValueHint::Username, required_unless_present = "all", conflicts_with = "all")]
    pub(crate) users: Vec<OsString>,
    /// Every user: root and the people of /etc/passwd (uid 1000 and up), or all of the users file
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct How {
    /// Only tell what would come over, what would not, and why
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take seeds below 128 bits, too; this is audited
    #[arg(long)]
    pub(crate) allow_weak: bool,
    /// Only raise the marks of what came over before, so that no code used since is new
    #[arg(long)]
    pub(crate) refresh: bool,
    /// What the users are to call the factor
    #[arg(long, default_value = "imported")]
    pub(crate) label: String,
    /// Why: kept in the audit
    #[arg(long, value_name = "TEXT", default_value = "import", value_parser = said)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) authority: Authority,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::{Cli, Verb};

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(["mfactl", "import"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn what_the_manual_shows_is_understood() {
        for line in [
            "google-authenticator alice",
            "google-authenticator alice bob --dry-run --json",
            "google-authenticator --all --allow-weak --reason move --break-glass locked-out --label phone",
            "google-authenticator --all --file /var/lib/ga/${USER} --owner root --refresh",
            "oath --all",
            "oath alice --file /etc/users.oath --dry-run",
            "oath alice --as ada",
        ] {
            let verb = parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).verb;
            assert!(matches!(verb, Verb::Import(_)), "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for line in [
            "",
            "google-authenticator",
            "google-authenticator --all alice",
            "google-authenticator --all --file /etc/ga",
            "google-authenticator --all --reason=",
            "oath",
            "sssd --all",
            // The reader of files is no verb.
            "read-file 0 0 100000 / -- etc shadow",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
