//! What is recorded, and how records are chained. Pure.
//!
//! Each record carries an authentication code over itself and the code of the record before it.
//! Who has no key can neither alter, insert nor remove one unseen; who has an earlier head (it is
//! sent to the log now and then) also sees a whole older file.

use std::fmt;

use mfa_proto::{
    identity::{ServiceName, UnixTime, UserName, escape},
    step::Reason,
};
use serde::{Deserialize, Serialize};

use crate::{
    account::{AccountId, Door},
    crypto::{Keys, Purpose, Tag},
};

/// The closed set of what is recorded. Never a code, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The daemon serves; the key and settings are in order.
    Started,
    /// A factor was proven.
    Granted {
        /// Whether the first factor was known to be right.
        attested: bool,
    },
    /// A login was not let in.
    Refused {
        /// Why.
        reason: RecordedReason,
        /// Whether the first factor was known to be right.
        attested: bool,
        /// Refusals of this door that were not recorded one by one.
        collapsed: u32,
    },
    /// Policy did not ask.
    Waived {
        /// Why.
        reason: RecordedReason,
    },
    /// What an auth phase proved was bound.
    Settled,
    /// An enrolment began.
    EnrollmentBegun,
    /// A factor was confirmed.
    Enrolled {
        /// What its user calls it.
        label: String,
    },
    /// A confirmation was wrong.
    EnrollmentFailed,
    /// An enrolment was given up, by its user.
    EnrollmentCancelled,
    /// An administrator ended every factor.
    Reset {
        /// As given.
        reason: String,
        /// How many ended.
        factors: u32,
    },
    /// An administrator opened the doors.
    Unlocked {
        /// As given.
        reason: String,
        /// How many were closed or waiting.
        doors: u32,
        /// Whether replay marks of the future were lowered.
        clock: bool,
    },
    /// The wall clock moved against the boot clock.
    ClockJumped {
        /// Forwards, in seconds; negative: backwards.
        seconds: i64,
    },
    /// The list of accounts is not what it was: rows were added, removed or set back.
    RosterAltered,
    /// Broken settings were met; the last good ones are in force.
    SettingsKept {
        /// What is wrong with the new ones.
        fault: String,
    },
}

/// A [`Reason`], stored by its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedReason(pub Reason);

impl Serialize for RecordedReason {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.word())
    }
}

impl<'de> Deserialize<'de> for RecordedReason {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        Reason::from_word(&word).map(Self).ok_or_else(|| serde::de::Error::custom("unknown reason"))
    }
}

impl Event {
    /// The word for logs and lists: stable.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Granted { .. } => "granted",
            Self::Refused { .. } => "refused",
            Self::Waived { .. } => "waived",
            Self::Settled => "settled",
            Self::EnrollmentBegun => "enrollment_begun",
            Self::Enrolled { .. } => "enrolled",
            Self::EnrollmentFailed => "enrollment_failed",
            Self::EnrollmentCancelled => "enrollment_cancelled",
            Self::Reset { .. } => "reset",
            Self::Unlocked { .. } => "unlocked",
            Self::ClockJumped { .. } => "clock_jumped",
            Self::RosterAltered => "roster_altered",
            Self::SettingsKept { .. } => "settings_kept",
        }
    }

    /// The reason's word, or nothing.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused { reason, .. } | Self::Waived { reason } => reason.0.word(),
            _ => "",
        }
    }

    /// Whether somebody should look at once.
    pub fn alarms(&self) -> bool {
        match self {
            Self::Refused { reason, .. } => {
                matches!(
                    reason.0,
                    Reason::Altered
                        | Reason::Ambiguous
                        | Reason::Clock
                        | Reason::DoorClosed
                        | Reason::Disabled
                )
            }
            Self::ClockJumped { .. } | Self::RosterAltered | Self::SettingsKept { .. } => true,
            _ => false,
        }
    }

    /// What else there is to know, for people.
    pub fn detail(&self) -> String {
        match self {
            Self::Granted { attested } | Self::Refused { attested, collapsed: 0, .. } => {
                said(*attested).to_owned()
            }
            Self::Refused { attested, collapsed, .. } => {
                format!("{}; {collapsed} more like it", said(*attested))
            }
            Self::Enrolled { label } => format!("label {label}"),
            Self::Reset { reason, factors } => format!("{factors} factors ended: {reason}"),
            Self::Unlocked { reason, doors, clock } => {
                format!("{doors} doors{}: {reason}", if *clock { ", clock mended" } else { "" })
            }
            Self::ClockJumped { seconds } => format!("{seconds:+} s"),
            Self::SettingsKept { fault } => fault.clone(),
            _ => String::new(),
        }
    }
}

fn said(attested: bool) -> &'static str {
    if attested { "first factor passed" } else { "first factor not known" }
}

/// One row of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Strictly rising, without gaps.
    pub seq: u64,
    /// The daemon's time.
    pub time: UnixTime,
    /// What happened.
    pub event: Event,
    /// Whose account, and the version its state has with this record.
    pub account: Option<(AccountId, u64)>,
    /// `PAM_USER`, or the account's name.
    pub user: UserName,
    /// Whose factor was asked, where that is another's.
    pub subject: Option<UserName>,
    /// The PAM service.
    pub service: Option<ServiceName>,
    /// Where it came from.
    pub door: Option<Door>,
}

/// One line for a log: every value escaped.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.event.word())?;
        if !self.user.as_bytes().is_empty() {
            write!(f, " user=\"{}\"", self.user)?;
        }
        if let Some(subject) = &self.subject {
            write!(f, " subject=\"{subject}\"")?;
        }
        if let Some(service) = &self.service {
            write!(f, " service=\"{service}\"")?;
        }
        if let Some(door) = &self.door {
            write!(f, " door=\"{door}\"")?;
        }
        if !self.event.reason().is_empty() {
            write!(f, " reason={}", self.event.reason())?;
        }
        let detail = self.event.detail();
        if !detail.is_empty() {
            f.write_str(" detail=\"")?;
            escape(detail.as_bytes(), f)?;
            f.write_str("\"")?;
        }
        write!(f, " seq={}", self.seq)
    }
}

/// The authentication code of a record's bytes after the record whose code is `before`.
pub fn link(keys: &Keys, before: &Tag, body: &[u8]) -> Tag {
    keys.tag(Purpose::Audit, &[before, body])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_is_one_line_whatever_the_names_hold() {
        let record = Record {
            seq: 7,
            time: UnixTime(1),
            event: Event::Reset { reason: "lost\n\"phone\"".into(), factors: 1 },
            account: None,
            user: UserName::new(b"al\nice granted user=\"root\"".to_vec()),
            subject: None,
            service: Some(ServiceName::new(b"sshd\x1b".to_vec())),
            door: Some(Door::Local(1000)),
        };
        let line = record.to_string();
        assert!(!line.contains('\n') && !line.contains('\x1b'));
        assert!(line.starts_with(r#"reset user="al\x0aice granted user=\"root\"""#), "{line}");
    }
}
