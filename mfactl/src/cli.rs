//! The command line: verbs and their arguments.

mod account;
pub(crate) mod help;
mod pam;
mod policy;
mod remembered;
mod rollout;
mod users;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

pub(crate) use self::account::{Codes, CodesVerb, Enroll, Factor, FactorKind, HandedOver, Stage, Wish};
pub(crate) use self::pam::{Pam, PamWish};
pub(crate) use self::policy::{Explain, Policy, Simulate};
pub(crate) use self::remembered::{Remembered, Which};
pub(crate) use self::rollout::{Add, Exempt, Form, Report, Since};
pub(crate) use self::users::{Authority, Change, Only, Recovery, User};
use crate::exit::Exit;
use crate::import::Import;

/// Second factors: enrol one, test it, look after it and after those of others
///
/// mfactl speaks with mfad over the system bus. Users enrol a factor, such as an authenticator app,
/// try it and look after it; administrators invite, recover, list, lock and read the audit.
///
/// Whoever changes an account shows a code first: a user one of the own factor, an administrator one
/// of the administrator's. A secret or a code is never an argument that has to be given; it is typed
/// at the terminal, or is a line of standard input. Without a terminal nothing waits for an answer: a
/// line that does not come within ten seconds ends the run with exit code 2.
#[derive(Debug, Parser)]
#[command(name = "mfactl", version, after_help = Exit::help(), after_long_help = help::mfactl())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Enrol an authenticator app for your own account
    #[command(after_long_help = help::ENROLL)]
    Enroll(Enroll),
    /// Show your own account: mode, factors and backup codes
    ///
    /// Ends with exit code 3 where the account has no factor, so that a script can ask for an enrolment.
    #[command(after_long_help = help::STATUS)]
    Status(Shape),
    /// Ask for a code as a login would, and say whether it is granted
    ///
    /// The code is judged, counted and spent as in a login. Without a terminal, one line of
    /// standard input is the code.
    #[command(after_long_help = help::TEST)]
    Test(Shape),
    /// Look after your own factors
    #[command(subcommand, after_long_help = help::FACTOR)]
    Factor(Factor),
    /// Show how many backup codes are left, or make a new set
    ///
    /// A backup code stands in for a code of the app, once. The codes themselves are shown when they are
    /// made and never again: a list that is lost is replaced by a new set.
    #[command(after_long_help = help::CODES)]
    Codes(Codes),
    /// Show from where no code is asked, since one was shown there, or forget it
    ///
    /// Where the administrator has set it, a login is remembered for a time: another one with the same SSH key
    /// from the same address asks for no code. Any change of your factors forgets it.
    #[command(subcommand, after_long_help = help::REMEMBERED)]
    Remembered(Remembered),
    /// Say that it was not you: undoes what another may have done with your account
    ///
    /// For whoever is told of a login, an enrolment or a recovery that somebody else made. What was undone
    /// is printed; an administrator should hear of it too.
    NotMe(Shape),
    /// Print the completions of a shell
    #[command(display_order = 1000, after_long_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write the manual's pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder, which is there
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Look after the accounts of others (root)
    ///
    /// Whoever changes another's account shows a code of an own factor first: who called sudo, or whom
    /// `--as` names. Where no administrator can, `--break-glass REASON` does without, and raises an alarm.
    #[command(subcommand, after_long_help = help::USER)]
    User(User),
    /// Read the audit (root)
    ///
    /// Every verdict, every enrolment and every change is a row, oldest first. Rows are chained: one that
    /// was altered, removed or put in is found by `mfactl audit verify`.
    #[command(after_long_help = help::AUDIT)]
    Audit(Audit),
    /// Ask the policy why it decides as it does, and what other settings would do (root)
    ///
    /// Both answer from the policy that logins meet, and change nothing.
    #[command(subcommand, after_long_help = help::POLICY)]
    Policy(Policy),
    /// Look after exemptions: list all of them, give one for a time, end one (root)
    ///
    /// Whoever gives or ends one shows a code of an own factor first, as with the accounts of others.
    #[command(subcommand, after_long_help = help::EXEMPT)]
    Exempt(Exempt),
    /// Tell who is ready, who is exempt, who was recovered and who was refused (root)
    ///
    /// Each report begins with the host, the version, the time, the hash of the settings in force and the state
    /// of the audit chain. Ends with exit code 1 where that chain is broken.
    #[command(subcommand, after_long_help = help::REPORT)]
    Report(Report),
    /// Put the second factor in front of services, and take it away again (root)
    ///
    /// A stack is proved before it is written: no way through it lets in without a second factor, and one
    /// way in needs no mfad. What is written is on trial until a login through it was seen.
    #[command(subcommand, after_long_help = help::PAM)]
    Pam(Pam),
    /// Take over the factors of other systems (root)
    ///
    /// Users go on with the app that they have. Every file is read with its owner's rights, and none is
    /// changed: as long as the other module is in a PAM stack, its codes are accepted there too.
    #[command(subcommand, after_long_help = help::IMPORT)]
    Import(Import),
    /// Find what would let someone in, or lock someone out (root)
    ///
    /// Looks at PAM's stacks, sshd, sudo, mfad, the host and its people, and changes nothing: each finding
    /// comes with the file, the line and the command that mends it. Ends as monitoring plugins do, see below.
    #[command(after_long_help = help::doctor())]
    Doctor(Doctor),
}

/// A shell that completes what is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// How the answer is printed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Print JSON, one object a line; keys may be added in later versions, and none goes
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) verb: Option<AuditVerb>,
    /// Rows of this user only
    #[arg(long, value_hint = ValueHint::Username)]
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

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Tell of every finding in full, not only of what a screen holds
    #[arg(long)]
    pub(crate) all: bool,
    /// Print what can be found, and look at nothing
    #[arg(long, conflicts_with_all = ["json", "all", "ignore", "unignore"])]
    pub(crate) list: bool,
    /// Leave a finding out from now on: ID for all of its kind, or ID:SUBJECT as it is printed
    #[arg(long, value_name = "ID", requires = "reason", conflicts_with_all = ["json", "all", "unignore"])]
    pub(crate) ignore: Option<String>,
    /// With --ignore: why; it is printed wherever the finding would be
    #[arg(long, requires = "ignore", value_parser = said)]
    pub(crate) reason: Option<String>,
    /// Count it again
    #[arg(long, value_name = "ID", conflicts_with_all = ["json", "all"])]
    pub(crate) unignore: Option<String>,
    #[command(flatten)]
    pub(crate) shape: Shape,
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

    /// The commands of mfactl in an example, without what a shell makes of the line around them. What would be put in
    /// the place of a variable is a word as well.
    fn asked_in(example: &str) -> Vec<Vec<String>> {
        let words = shlex::split(example).unwrap_or_else(|| panic!("a quote is open: {example}"));
        let ends = |word: &String| ["|", "||", "&&", ";"].contains(&word.as_str());
        let is_redirected = |word: &String| word.starts_with(['<', '>']) && !word.starts_with("<(");
        let commands = words.split(ends).map(|words| {
            let words = words.iter().filter(|word| !is_redirected(word));
            words.map(|word| word.trim_start_matches("<(").trim_end_matches(')').replace("$HASH", "00ff"))
        });
        let asks = commands.filter_map(|words| {
            let asked: Vec<String> =
                words.skip_while(|word| ["sudo", "source"].contains(&word.as_str())).collect();
            (asked.first().map(String::as_str) == Some("mfactl")).then_some(asked)
        });
        asks.collect()
    }

    /// Every example below the help of a verb, and of those below it: they are those of its manual page.
    fn examples(of: &clap::Command, found: &mut Vec<String>) {
        let help = of.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        if let Some((_, examples)) = help.split_once("Examples:\n") {
            found.extend(examples.lines().map_while(|line| line.strip_prefix("  ")).map(str::to_owned));
        }
        of.get_subcommands().for_each(|verb| examples(verb, found));
    }

    #[test]
    fn every_example_of_the_manual_is_understood() {
        let mut found = Vec::new();
        examples(&Cli::command(), &mut found);
        assert!(found.len() > 100, "{found:#?}");
        for example in found {
            let asked = asked_in(&example);
            assert!(!asked.is_empty(), "nothing is asked of mfactl: {example}");
            for words in asked {
                Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{example}\n{words:?}\n{error}"));
            }
        }
    }

    #[test]
    fn lines_of_many_kinds_are_understood() {
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
            "remembered list",
            "remembered list --user alice --json",
            "remembered forget 00ff",
            "remembered forget --all --json",
            "remembered forget --all --user alice",
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
            "exempt list",
            "exempt list --json",
            "exempt list --csv",
            "exempt add alice --reason CHG-118",
            "exempt add alice --reason x --service sshd --service sudo --address 192.0.2.0/24 --for 3d --json",
            "exempt add alice --reason x --key SHA256:abc --for 12h --as ada",
            "exempt end 3fa9c2d1 --reason done --break-glass night",
            "report coverage",
            "report coverage --group admins --csv",
            "report exemptions --all-since 90d --json",
            "report recoveries --since 2026-11-01 --csv",
            "report failures --since 12h",
            "audit",
            "audit --user alice --since-seq 7 --json",
            "audit verify --json",
            "policy explain alice",
            "policy explain alice --service sudo --command /bin/bash --tty /dev/pts/0 --all",
            "policy explain alice --address 192.0.2.7 --key SHA256:x --time 2026-12-01 --json",
            "policy explain alice --service su --target bob",
            "policy simulate --with new.toml",
            "policy simulate --since 12h --with new.toml --changed --json",
            "policy simulate --since 2026-11-20 --with new.toml --all --csv",
            "pam plan sshd sudo",
            "pam plan sshd --first either --break-glass-from 192.0.2.0/24 --json",
            "pam plan sshd --break-glass-from none",
            "pam apply sshd --replace pam_google_authenticator",
            "pam apply sshd sudo su login polkit cockpit --within 60",
            "pam apply sshd --no-confirm --proven 00ff",
            "pam status --json",
            "pam status --only-bad",
            "pam rollback",
            "pam remove sshd sudo",
            "pam remove --all",
            "doctor",
            "doctor --all --json",
            "doctor --list",
            "doctor --ignore sudoers-nopasswd:backup --reason timer",
            "doctor --unignore sudoers-nopasswd:backup",
            "completions bash",
            "man /tmp",
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
            "exempt add alice",
            "exempt add alice --reason x --for 8d",
            "exempt add alice --reason x --for 1w",
            "exempt end 3fa9c2d1",
            "exempt list --json --csv",
            "report",
            "report coverage --json --csv",
            "report failures --since yesterday",
            "enroll --invitation --recovery",
            "enroll --code I-7KQ2M-X4TPD-H9WC",
            "factor rename phone",
            "codes --json renew",
            "audit --since-seq -1",
            "policy",
            "policy explain",
            "policy explain alice --address office",
            "policy explain alice --time tomorrow",
            "policy simulate",
            "policy simulate --with new.toml --since week",
            "policy simulate --with new.toml --changed --all",
            "policy simulate --with new.toml --json --csv",
            "remembered",
            "remembered forget",
            "remembered forget 00ff --all",
            "remembered forget --user alice",
            "remembered list alice",
            "pam",
            "pam plan",
            "pam plan sshd --first code",
            "pam plan sshd --replace pam_unix",
            "pam plan sshd --break-glass-from office",
            "pam plan sshd --break-glass-from 192.0.2.0/33",
            "pam plan sshd --break-glass-from 0.0.0.0/0",
            "pam apply sshd --no-confirm",
            "pam apply sshd --proven 00ff",
            "pam apply sshd --within 5",
            "pam remove",
            "pam remove sshd --all",
            "doctor --ignore way-round",
            "doctor --ignore way-round --reason=",
            "doctor --reason x",
            "doctor --list --json",
            "completions",
            "completions tcsh",
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
