//! The closed set of what is recorded: what each event is called, and what it tells people.

use mfa_proto::{admin::NEW_SESSION, identity::UnixTime, step::Reason, time};
use serde::{Deserialize, Serialize};

use crate::policy::ForgetOn;

/// The closed set of what is recorded. Never a code, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The daemon serves; the key and settings are in order.
    Started,
    /// A factor was proven.
    Granted {
        /// Whether the first factor was known to be right.
        attested: bool,
        /// By what: `totp phone`, `backup code 3, 9 left`.
        with: String,
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
    /// A factor ended: removed, replaced, or given up for another.
    Ended {
        /// What its user called it.
        label: String,
    },
    /// A factor has another label.
    Renamed {
        /// Before.
        from: String,
        /// Since.
        to: String,
    },
    /// A new set of backup codes; the one before is void.
    CodesMade,
    /// An invitation or a recovery code was right: an enrolment began on it.
    Redeemed {
        /// `invitation` or `recovery`.
        what: String,
    },
    /// The user says that somebody else was at it.
    NotMe,
    /// An administrator invited a user to enrol.
    Invited {
        /// Who and why.
        act: Act,
        /// For how long.
        hours: u32,
    },
    /// An administrator gave out a recovery code.
    RecoveryGiven {
        /// Who and why.
        act: Act,
        /// How the user's identity was verified.
        verified_by: String,
        /// Of the help desk.
        ticket: String,
    },
    /// An administrator ended every factor.
    Reset {
        /// Who and why.
        act: Act,
        /// How many ended.
        factors: u32,
    },
    /// An administrator locked the account.
    Locked {
        /// Who and why.
        act: Act,
    },
    /// An administrator opened the doors.
    Unlocked {
        /// Who and why.
        act: Act,
        /// How many were closed or waiting.
        doors: u32,
        /// Whether replay marks of the future were lowered.
        clock: bool,
    },
    /// An administrator removed the account's record.
    Removed {
        /// Who and why.
        act: Act,
        /// How many factors ended.
        factors: u32,
    },
    /// The mark of a factor that was taken over was raised.
    Refreshed {
        /// Who and why.
        act: Act,
        /// What its user calls it.
        label: String,
    },
    /// A factor of another system was taken over.
    Imported {
        /// Who and why.
        act: Act,
        /// What its user calls it.
        label: String,
        /// The length of its seed; below 128 it is weak.
        bits: u32,
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
    /// The disk is full: what the store had set aside for that day is in use, or could not be set aside.
    ReserveGone,
    /// There is room again, and some of it is set aside.
    ReserveMade,
    /// What an auth phase proved was bound, of a login that began since a stack is on trial.
    SettledNew,
    /// A settled proof counts again for a time, at the place where it was given.
    Remembered {
        /// Which place.
        place: String,
        /// For how long, in seconds.
        seconds: u64,
    },
    /// Proofs count no more before their time. Where factors change, none is left, and that change alone is recorded.
    Forgotten {
        /// How many.
        proofs: u32,
        /// Who or what ended them.
        why: Forgot,
    },
    /// An administrator exempted a user for a time.
    Exempted {
        /// Who and why.
        act: Act,
        /// Names the exemption.
        id: String,
        /// What it is limited to, for people.
        only: String,
        /// The time from which it is void.
        until: UnixTime,
    },
    /// An administrator ended such an exemption.
    ExemptionEnded {
        /// Who and why.
        act: Act,
        /// Names the exemption.
        id: String,
    },
    /// What was granted from the command line is not what it was: all of it was ended.
    ExemptionsAltered,
}

/// Why what was remembered is not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Forgot {
    /// Its user wished so.
    Own,
    /// Root did.
    Root,
    /// See [`ForgetOn`].
    Login(ForgetOn),
}

impl Forgot {
    fn word(self) -> &'static str {
        match self {
            Self::Own => "by the user",
            Self::Root => "by root",
            Self::Login(ForgetOn::NewKey) => "a login with a new key",
            Self::Login(ForgetOn::NewNetwork) => "a login from a new network",
            Self::Login(ForgetOn::Sensitive) => "a login that took a fresh code",
        }
    }
}

/// An administrator's act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who proved a factor; empty where nobody did.
    pub by: String,
    /// As given.
    pub reason: String,
    /// Why no factor was proven; empty where one was.
    pub break_glass: String,
}

impl Act {
    fn detail(&self) -> String {
        let by = if self.by.is_empty() { String::new() } else { format!("by {}: ", self.by) };
        match self.break_glass.as_str() {
            "" => format!("{by}{}", self.reason),
            why => format!("GLASS BROKEN ({why}): {by}{}", self.reason),
        }
    }
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
            Self::Settled | Self::SettledNew => "settled",
            Self::EnrollmentBegun => "enrollment_begun",
            Self::Enrolled { .. } => "enrolled",
            Self::EnrollmentFailed => "enrollment_failed",
            Self::EnrollmentCancelled => "enrollment_cancelled",
            Self::Ended { .. } => "factor_ended",
            Self::Renamed { .. } => "factor_renamed",
            Self::CodesMade => "codes_made",
            Self::Redeemed { .. } => "redeemed",
            Self::NotMe => "not_me",
            Self::Invited { .. } => "invited",
            Self::RecoveryGiven { .. } => "recovery_given",
            Self::Reset { .. } => "reset",
            Self::Locked { .. } => "locked",
            Self::Unlocked { .. } => "unlocked",
            Self::Removed { .. } => "removed",
            Self::Refreshed { .. } => "refreshed",
            Self::Imported { .. } => "imported",
            Self::ClockJumped { .. } => "clock_jumped",
            Self::RosterAltered => "roster_altered",
            Self::SettingsKept { .. } => "settings_kept",
            Self::ReserveGone => "reserve_gone",
            Self::ReserveMade => "reserve_made",
            Self::Remembered { .. } => "remembered",
            Self::Forgotten { .. } => "forgotten",
            Self::Exempted { .. } => "exempted",
            Self::ExemptionEnded { .. } => "exemption_ended",
            Self::ExemptionsAltered => "exemptions_altered",
        }
    }

    /// The reason's word, or nothing.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused { reason, .. } | Self::Waived { reason } => reason.0.word(),
            Self::SettledNew => NEW_SESSION,
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
            Self::ClockJumped { .. }
            | Self::RosterAltered
            | Self::SettingsKept { .. }
            | Self::ReserveGone
            | Self::ExemptionsAltered
            | Self::NotMe => true,
            other => other.act().is_some_and(|act| !act.break_glass.is_empty()),
        }
    }

    /// The administrator's act that it is.
    pub fn act(&self) -> Option<&Act> {
        match self {
            Self::Invited { act, .. }
            | Self::RecoveryGiven { act, .. }
            | Self::Reset { act, .. }
            | Self::Locked { act }
            | Self::Unlocked { act, .. }
            | Self::Removed { act, .. }
            | Self::Refreshed { act, .. }
            | Self::Imported { act, .. }
            | Self::Exempted { act, .. }
            | Self::ExemptionEnded { act, .. } => Some(act),
            _ => None,
        }
    }

    /// What else there is to know, for people.
    pub fn detail(&self) -> String {
        match self {
            Self::Granted { attested, with } => format!("{with}; {}", said(*attested)),
            Self::Refused { attested, collapsed: 0, .. } => said(*attested).to_owned(),
            Self::Refused { attested, collapsed, .. } => {
                format!("{}; {collapsed} more like it", said(*attested))
            }
            Self::Enrolled { label } | Self::Ended { label } => format!("label {label}"),
            Self::Renamed { from, to } => format!("label {from} is now {to}"),
            Self::Redeemed { what } => what.clone(),
            Self::Invited { act, hours } => format!("for {hours} hours, {}", act.detail()),
            Self::RecoveryGiven { act, verified_by, ticket } => {
                format!("verified by {verified_by}, ticket {ticket}, {}", act.detail())
            }
            Self::Reset { act, factors } | Self::Removed { act, factors } => {
                format!("{factors} factors ended, {}", act.detail())
            }
            Self::Locked { act } => act.detail(),
            Self::Unlocked { act, doors, clock } => {
                format!("{doors} doors{}, {}", if *clock { ", clock mended" } else { "" }, act.detail())
            }
            Self::Refreshed { act, label } => format!("label {label}, {}", act.detail()),
            Self::Imported { act, label, bits } => format!("label {label}, {bits} bits, {}", act.detail()),
            Self::Exempted { act, id, only, until } => {
                let only = if only.is_empty() { String::new() } else { format!(" for {only}") };
                format!("{id}{only}, until {}, {}", time::utc(until.0), act.detail())
            }
            Self::ExemptionEnded { act, id } => format!("{id}, {}", act.detail()),
            Self::ExemptionsAltered => "none of those from the command line holds any more".into(),
            Self::ClockJumped { seconds } => format!("{seconds:+} s"),
            Self::SettingsKept { fault } => fault.clone(),
            Self::Remembered { place, seconds } => format!("{place}; for {seconds} s"),
            Self::Forgotten { proofs, why } => format!("{proofs}; {}", why.word()),
            Self::ReserveGone => "the disk is full: what the store had set aside is all there is".into(),
            _ => String::new(),
        }
    }
}

fn said(attested: bool) -> &'static str {
    if attested { "first factor passed" } else { "first factor not known" }
}
