//! `org.mfad1.Admin`, as far as it is about policy: why a login is decided as it is, and what other settings would
//! decide. Nothing here changes anything.
//!
//! | method | in | out |
//! |---|---|---|
//! | `Explain` | [`Supposed`] | [`Explained`] |
//! | `Simulate` | [`Simulation`] | [`Simulated`]: a page |

use serde::{Deserialize, Serialize};
use zbus::Type;

/// The longest text of settings that [`Simulation`] takes, in bytes: as long as a file of them may be.
pub const LONGEST_SETTINGS: usize = 1 << 20;

/// A login that did not happen. What is left empty is not known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Supposed {
    /// Who is at it: who logs in, or who calls sudo or su.
    pub user: Vec<u8>,
    /// The PAM service; never empty.
    pub service: Vec<u8>,
    /// At su: who one becomes; empty: root.
    pub target: Vec<u8>,
    /// The peer's address.
    pub address: String,
    /// The key that passed before: `TYPE BASE64` of it or of a certificate for it, as sshd reports it and as it
    /// stands in `KEY.pub`; or `SHA256:…`, as `ssh-keygen -l` shows it, which is taken for a key.
    pub key: String,
    /// At sudo: the whole command line.
    pub command: Vec<u8>,
    /// The terminal.
    pub tty: Vec<u8>,
    /// When, in Unix seconds; 0: now.
    pub time: u64,
}

/// The path of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Explained {
    /// All of it in one sentence.
    pub sentence: String,
    /// What is done.
    pub verdict: Verdict,
    /// The settings in force.
    pub settings: Settings,
    /// Everything that policy looks at, in order; what is not known too.
    pub known: Vec<Known>,
    /// What the mode is and where it comes from: [`Weighed::what`] and [`Weighed::at`] of the one that was taken.
    pub mode: String,
    /// What all that was looked at said, in order.
    pub weighed: Vec<Weighed>,
    /// What was asked, before it mattered who comes: `off`, `nothing`, `if_enrolled`, `factor`, `fresh_factor`, `deny`.
    pub asked: String,
    /// Whether it is recorded only.
    pub observed: bool,
    /// What the account is: `enrolled`, `not_enrolled`, `unknown`, `locked`, `unclear`.
    pub standing: String,
    /// Until when an account without a factor is not hindered, in Unix seconds; 0: it is.
    pub grace_ends: u64,
    /// What stands for a code: `nothing`, `remembered`, `security_key`.
    pub already: String,
    /// What policy does not decide, and would hinder the login all the same; for people.
    pub besides: Vec<String>,
}

/// What is done with a login, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Verdict {
    /// `ask`, `let_in`, `refuse` (asked all the same, and no answer is right), `deny` (by a rule).
    pub decision: String,
    /// `let_in`: the word of the reason; `refuse`: the standing; `ask`: `fresh`, or empty.
    pub why: String,
    /// `policy`, `group NAME`, `service accounts`, `rule NAME`, `exemption REASON`.
    pub by: String,
    /// File and line of that, where it is known.
    pub at: String,
}

/// Where the settings in force come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Settings {
    /// The files that they were read from; none where they are those that were kept.
    pub files: Vec<File>,
    /// When they were taken, in Unix seconds.
    pub taken: u64,
    /// Why newer ones are not in force; empty where there are none.
    pub fault: String,
}

/// A file of settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct File {
    /// Its path.
    pub path: String,
    /// What `sha256sum` said of it when it was read.
    pub sha256: String,
}

/// Something that policy looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Known {
    /// What: `user`, `address`, …
    pub what: String,
    /// Escaped; empty where it is not known.
    pub value: String,
    /// Why it is not known, or what it is taken from; mostly empty.
    pub note: String,
}

/// A part of the settings that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Weighed {
    /// As [`Verdict::by`].
    pub what: String,
    /// File and line, where they are known.
    pub at: String,
    /// What it asks: a mode, or `skip`, `ask`, `ask_fresh`, `deny`.
    pub effect: String,
    /// Whether it is about this login: `yes`, `no`, `unknown`.
    pub holds: String,
    /// Whether it was taken.
    pub taken: bool,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// A condition of a rule or exemption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Condition {
    /// Its key: `service`, `address`, …; `until` of what has ended.
    pub what: String,
    /// Whether it is an exception, of `unless`.
    pub unless: bool,
    /// Whether it holds: `yes`, `no`, `unknown`.
    pub holds: String,
}

/// Logins of the audit, and settings to judge them by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Simulation {
    /// What would be in `/etc/mfad/mfad.toml`; at most [`LONGEST_SETTINGS`].
    pub settings: String,
    /// What that text is called in messages: its path.
    pub path: String,
    /// Logins from this Unix time on.
    pub since: u64,
    /// Rows after this number only; 0: from the first of that time.
    pub after: u64,
    /// Rows up to this number only; 0: all that there are.
    pub last: u64,
    /// Whether to tell of those as well whose decision stays the same.
    pub all: bool,
}

/// A page of what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Simulated {
    /// The logins to tell of, oldest first.
    pub logins: Vec<Rejudged>,
    /// How many were judged again for this page.
    pub judged: u64,
    /// How many could not: recorded by a release that did not keep what it judged by.
    pub too_old: u64,
    /// How many could not: a name service did not answer.
    pub unanswered: u64,
    /// Of how many only the program of the command is on record, where a pattern asks for its arguments.
    pub by_program: u64,
    /// Where the next page goes on: [`Simulation::after`].
    pub next: u64,
    /// Up to where it goes: [`Simulation::last`] of all pages.
    pub last: u64,
    /// Whether this was the last page.
    pub ended: bool,
    /// What is to be said of the new settings; for people.
    pub warnings: Vec<String>,
}

/// A login of the audit, judged again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Rejudged {
    /// Its row in the audit.
    pub seq: u64,
    /// When it was, in Unix seconds.
    pub time: u64,
    /// `PAM_USER`.
    pub user: Vec<u8>,
    /// Whose factor was asked, where that is another's.
    pub subject: Vec<u8>,
    /// The PAM service.
    pub service: Vec<u8>,
    /// Where it came from, for people.
    pub door: String,
    /// What is done by the settings in force.
    pub now: Verdict,
    /// What would be done by the others.
    pub would: Verdict,
    /// `none`, `newly_asked`, `newly_refused`, `newly_let_in`, or `other`: refused by another way.
    pub change: String,
}
