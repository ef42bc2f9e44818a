//! Exemptions that an administrator gave from the command line: for one user, for days, and by two clocks, so that
//! one that is set back makes none of them longer. (S6, S25)

use mfa_proto::identity::{UnixTime, UserName};
use serde::{Deserialize, Serialize};

use super::{Conditions, Exemption, Fingerprint, Prefix};

/// The longest that one lasts, in seconds. (S25: what is to last longer is written where others read it.)
pub const LONGEST: u64 = mfa_proto::rollout::LONGEST_EXEMPTION;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Names it, so that it can be ended.
    pub id: [u8; 4],
    /// Who is not asked.
    pub user: UserName,
    /// At which services; empty: everywhere.
    pub service: Vec<String>,
    /// From where; empty: anywhere.
    pub address: Vec<Prefix>,
    /// With which key.
    pub key: Option<Fingerprint>,
    /// Why.
    pub reason: String,
    /// The administrator who proved a factor; empty: nobody did.
    pub by: String,
    /// Why no factor was proven.
    pub break_glass: String,
    /// When it was given.
    pub given: UnixTime,
    /// The time from which it is void,
    pub until: UnixTime,
    /// and how long machines with this store will have run by then, in milliseconds.
    pub until_ran_ms: u64,
    /// The uid that the user had: whoever has the name with another uid is somebody else. Written after the rest, where
    /// who does not know of it does not look.
    #[serde(skip)]
    pub uid: u32,
}

impl Grant {
    /// Its ID: 8 hexadecimal digits.
    pub fn id(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.id)
    }

    /// Whether it is that user's, and no other's of the same name.
    pub fn is_of(&self, user: &UserName, uid: Option<u32>) -> bool {
        self.user == *user && uid == Some(self.uid)
    }

    /// Whether its time is over, by either clock.
    pub fn is_over(&self, now: UnixTime, ran_ms: u64) -> bool {
        now >= self.until || ran_ms >= self.until_ran_ms
    }

    /// What it is limited to.
    pub fn when(&self) -> Conditions {
        Conditions {
            user: vec![self.user.clone()],
            service: self.service.clone(),
            address: self.address.clone(),
            key: self.key.into_iter().collect(),
            ..Conditions::default()
        }
    }

    /// As policy weighs it.
    pub fn exemption(&self) -> Exemption {
        Exemption {
            when: self.when(),
            reason: self.reason.clone(),
            until: self.until,
            defined_at: format!("granted {}", self.id()),
        }
    }

    /// What it is called in the audit.
    pub fn name(&self) -> String {
        format!("granted exemption {} {}", self.id(), self.reason)
    }
}
