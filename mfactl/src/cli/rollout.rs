//! What a rollout is led by: exemptions, and reports for those who lead and those who audit.

use std::ffi::OsString;

use clap::{Args, Subcommand, ValueHint};
use mfa_proto::rollout::LONGEST_EXEMPTION;
use mfa_proto::time;

use super::{Authority, help, said};

/// Who is not asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Exempt {
    /// List all exemptions: those of PAM and sshd, of mfad.toml, and of the command line
    ///
    /// The ways in that need no mfad at all come first. What ends within fourteen days is marked, and what is
    /// over.
    #[command(after_long_help = help::EXEMPT_LIST)]
    List(Form),
    /// Exempt a user for a time, seven days at most
    ///
    /// It loosens the policy: who acts shows a code, and the audit keeps who it was and why. What is to last
    /// longer is written in mfad.toml, as [[exempt]], where others read it.
    #[command(after_long_help = help::EXEMPT_ADD)]
    Add(Add),
    /// End an exemption of the command line before its time
    #[command(after_long_help = help::EXEMPT_END)]
    End {
        /// The ID, as `mfactl exempt list` shows it
        id: String,
        /// Why: kept in the audit
        #[arg(long, value_name = "TEXT", value_parser = said)]
        reason: String,
        #[command(flatten)]
        authority: Authority,
        #[command(flatten)]
        shape: super::Shape,
    },
}

/// What an exemption takes.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// The user's name
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: OsString,
    /// Why: kept in the audit
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub(crate) reason: String,
    /// At this PAM service only, such as sshd; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Vec<String>,
    /// From this address or network only, such as 192.0.2.0/24; may be given more than once
    #[arg(long, value_name = "NETWORK")]
    pub(crate) address: Vec<String>,
    /// With this SSH key only: its fingerprint, as `ssh-keygen -l` shows it
    #[arg(long, value_name = "SHA256:...", default_value = "", hide_default_value = true)]
    pub(crate) key: String,
    /// For how long, such as 12h or 3d; seven days at most
    #[arg(long = "for", value_name = "TIME", default_value = "24h", value_parser = lasting)]
    pub(crate) seconds: u64,
    #[command(flatten)]
    pub(crate) authority: Authority,
    #[command(flatten)]
    pub(crate) shape: super::Shape,
}

/// What is read by others.
#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// Who is ready for a required factor and who is not, by group
    #[command(after_long_help = help::REPORT_COVERAGE)]
    Coverage {
        /// Members of this group only
        #[arg(long, value_name = "NAME")]
        group: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Who is not asked, why, until when, and who said so
    #[command(after_long_help = help::REPORT_EXEMPTIONS)]
    Exemptions {
        /// Also those of the command line that were given since and have ended
        #[arg(long, value_name = "TIME", value_parser = since)]
        all_since: Option<Since>,
        #[command(flatten)]
        form: Form,
    },
    /// Who was recovered, by whom, how it was verified who asked, and whether the code was used
    #[command(after_long_help = help::REPORT_RECOVERIES)]
    Recoveries {
        /// Since when: 90d, 12h, or a date
        #[arg(long, value_name = "TIME", default_value = "90d", value_parser = since)]
        since: Since,
        #[command(flatten)]
        form: Form,
    },
    /// Who was refused, where from and why, and what alarmed
    #[command(after_long_help = help::REPORT_FAILURES)]
    Failures {
        /// Since when: 7d, 12h, or a date
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = since)]
        since: Since,
        #[command(flatten)]
        form: Form,
    },
}

/// How a list is printed.
#[derive(Args, Clone, Copy, Debug, Default)]
#[group(multiple = false)]
pub(crate) struct Form {
    /// Print JSON; keys may be added in later versions, and none goes
    #[arg(long)]
    pub(crate) json: bool,
    /// Print CSV (RFC 4180)
    #[arg(long)]
    pub(crate) csv: bool,
}

/// A time in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// So many seconds ago.
    Ago(u64),
    /// A time, Unix seconds.
    At(u64),
}

impl Since {
    /// Unix seconds.
    pub(crate) fn at(self, now: u64) -> u64 {
        match self {
            Self::Ago(seconds) => now.saturating_sub(seconds),
            Self::At(time) => time,
        }
    }
}

/// `12h`, `3d`.
fn span(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u32>().ok().map(|number| u64::from(number) * unit).filter(|seconds| *seconds > 0)
}

fn lasting(text: &str) -> Result<u64, String> {
    let seconds = span(text).ok_or("write a length of time, such as 12h or 3d")?;
    if seconds > LONGEST_EXEMPTION {
        return Err(
            "seven days at most: what is to last longer is written in mfad.toml, as [[exempt]]".into()
        );
    }
    Ok(seconds)
}

pub(super) fn since(text: &str) -> Result<Since, String> {
    let date = || {
        let mut parts = text.splitn(3, '-').map(|part| part.parse::<u64>().ok());
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        time::days_to(year, month, day).map(|days| Since::At(days * 86_400))
    };
    let written = span(text).map(Since::Ago).or_else(date);
    written.ok_or_else(|| "write a length of time, such as 12h or 90d, or a date, such as 2026-11-01".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    // S25
    #[test]
    fn no_exemption_of_the_command_line_is_longer_than_seven_days() {
        assert_eq!(lasting("7d"), Ok(7 * 86_400));
        assert_eq!(lasting("12h"), Ok(43_200));
        for bad in ["8d", "169h", "0d", "d", "", "-1d", "1w", "7 d", "4294967296h", "\u{e9}"] {
            assert!(lasting(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_in_the_past_is_a_length_or_a_date() {
        assert_eq!(since("2026-11-23").unwrap().at(0), 1_795_392_000);
        assert_eq!(since("90d").unwrap().at(90 * 86_400 + 5), 5);
        for bad in ["2026-13-01", "2026-11", "yesterday", "2026-11-23-1", ""] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }
}
