//! What is recorded, and how records are chained. Pure.
//!
//! Each record carries an authentication code over itself and the code of the record before it.
//! Who has no key can neither alter, insert nor remove one unseen; who has an earlier head (it is
//! sent to the log now and then) also sees a whole older file.

mod event;

use std::fmt;

use mfa_proto::identity::{ServiceName, UnixTime, UserName, escape};
use serde::{Deserialize, Serialize};

pub use event::{Act, Event, Forgot, RecordedReason};

use crate::{
    account::{AccountId, Door},
    crypto::{Keys, Purpose, Tag},
    policy::{Fingerprint, Place, Signals},
};

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
    /// What policy knew, where a login was judged. Written after the rest, where who does not know of it does not
    /// look.
    #[serde(skip)]
    pub judged: Option<Judged>,
}

/// What a login was judged by: enough to judge it again by other settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Of a command its program alone: arguments may hold what nobody should read. Of a place its country and no
    /// point: where people are is not kept. Groups are left out: they can be looked up.
    pub signals: Signals,
    /// What decided.
    pub because: String,
    /// The security keys that opened it, which may count as factors. Written after the rest, likewise.
    #[serde(skip)]
    pub keys: Vec<Fingerprint>,
}

impl Judged {
    /// What of `signals` is to be recorded.
    pub fn new(signals: &Signals, keys: &[Fingerprint], because: String) -> Self {
        let program = |command: &String| command.split(' ').next().unwrap_or_default().to_owned();
        let command = signals.command.as_ref().map(program);
        let place = signals.place.clone().map(|place| Place { coordinates: None, ..place });
        let signals = Signals { command, groups: None, place, ..signals.clone() };
        Self { signals, because, keys: keys.to_vec() }
    }
}

impl Record {
    /// The bytes of its row.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let body = postcard::to_allocvec(self).ok()?;
        let Some(judged) = &self.judged else { return Some(body) };
        let body = postcard::to_extend(judged, body).ok()?;
        if judged.keys.is_empty() { Some(body) } else { postcard::to_extend(&judged.keys, body).ok() }
    }

    /// Reads [`Record::encode`].
    pub fn decode(body: &[u8]) -> Option<Self> {
        let (record, rest) = postcard::take_from_bytes::<Self>(body).ok()?;
        if rest.is_empty() {
            return Some(record);
        }
        let (judged, rest) = postcard::take_from_bytes::<Judged>(rest).ok()?;
        let keys = if rest.is_empty() { Vec::new() } else { postcard::from_bytes(rest).ok()? };
        Some(Self { judged: Some(Judged { keys, ..judged }), ..record })
    }
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
            event: Event::Reset {
                act: Act { by: "root".into(), reason: "lost\n\"phone\"".into(), break_glass: String::new() },
                factors: 1,
            },
            account: None,
            user: UserName::new(b"al\nice granted user=\"root\"".to_vec()),
            subject: None,
            service: Some(ServiceName::new(b"sshd\x1b".to_vec())),
            door: Some(Door::Local(1000)),
            judged: None,
        };
        let line = record.to_string();
        assert!(!line.contains('\n') && !line.contains('\x1b'));
        assert!(line.starts_with(r#"reset user="al\x0aice granted user=\"root\"""#), "{line}");
    }
}
