//! What is known of a login when policy decides. What is not known is `None`, and matches the stricter
//! side of every rule.

use std::net::IpAddr;

use mfa_proto::identity::{ServiceName, UnixTime, UserName};
use serde::{Deserialize, Serialize};

/// An SSH key's fingerprint: SHA-256 of its blob, as `ssh-keygen -l` shows it in base64; of a certificate the one of
/// its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SHA256:{}", data_encoding::BASE64_NOPAD.encode(&self.0))
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = text
            .strip_prefix("SHA256:")
            .and_then(|text| data_encoding::BASE64_NOPAD.decode(text.as_bytes()).ok());
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(|| {
            format!("{text:?} is no key fingerprint: write what `ssh-keygen -lf KEY.pub` shows, SHA256:...")
        })
    }
}

/// What a login host reports of a login, and what was looked up of it: all that goes with the dialogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signals {
    /// The peer's address, at sshd.
    pub address: Option<IpAddr>,
    /// The key that passed before, at sshd.
    pub key: Option<Fingerprint>,
    /// The whole command line, at sudo.
    pub command: Option<String>,
    /// The terminal.
    pub tty: Option<String>,
    /// Which of the groups that the policy names the subject is in.
    pub groups: Option<Groups>,
    /// Where that address is, by the operator's database.
    pub place: Option<Place>,
    /// What the subject's account is called, where a source of names spells it otherwise than it was typed.
    pub name: Option<UserName>,
}

/// Memberships, as far as the policy asks for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Which names were looked up: [`Rules::mentioned`](super::Rules). Of others nothing is known.
    pub among: u64,
    /// Those that the subject is in.
    pub of: Vec<String>,
}

/// Where an address is, as far as a database says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Of the autonomous system.
    pub asn: Option<u32>,
    /// ISO 3166-1, two letters.
    pub country: Option<String>,
    /// The middle of the region that it is in.
    pub coordinates: Option<Coordinates>,
}

/// A point on earth, to a kilometre: in hundredths of a degree, to the north and to the east.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coordinates {
    /// From -9000 to 9000.
    pub latitude: i16,
    /// From -18000 to 18000.
    pub longitude: i16,
}

impl Coordinates {
    /// From degrees; `None` where there is no such point.
    pub fn of_degrees(latitude: f64, longitude: f64) -> Option<Self> {
        let hundredths = |degrees: f64, most: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "at most 18000")]
            (degrees.abs() <= most).then(|| (degrees * 100.0).round() as i16)
        };
        Some(Self { latitude: hundredths(latitude, 90.0)?, longitude: hundredths(longitude, 180.0)? })
    }

    /// The shortest way between two, along the ground: by the haversine formula, on a sphere.
    pub fn kilometres_to(self, other: Self) -> f64 {
        const EARTH_KILOMETRES: f64 = 6371.0;
        let radians = |hundredths: i16| (f64::from(hundredths) / 100.0).to_radians();
        let (north, east) = (radians(self.latitude), radians(self.longitude));
        let (other_north, other_east) = (radians(other.latitude), radians(other.longitude));
        let half = |angle: f64| (angle / 2.0).sin().powi(2);
        let chord = half(other_north - north) + north.cos() * other_north.cos() * half(other_east - east);
        2.0 * EARTH_KILOMETRES * chord.sqrt().min(1.0).asin()
    }
}

/// Whether a thing was part of a settled login of this account within the time that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    /// It was.
    Known,
    /// It was not.
    New,
}

/// What the account's own past says of a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// This user with this key.
    pub device: Option<Seen>,
    /// This user from this network, or this autonomous system and country.
    pub location: Option<Seen>,
    /// Whether nobody can have come here from where the last login was.
    pub impossible_travel: Option<bool>,
}

/// A login, for policy.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Whose factor is asked.
    pub subject: &'a UserName,
    /// The subject's uid.
    pub uid: Option<u32>,
    /// The PAM service; `None` for all that there may be.
    pub service: Option<&'a ServiceName>,
    /// Who one becomes, where the service says so.
    pub target: Option<&'a UserName>,
    /// The daemon's time.
    pub now: UnixTime,
    /// The time by which dates of the settings are over: `now`, or later where the clock was set back.
    pub for_dates: UnixTime,
    /// See [`Signals`].
    pub signals: &'a Signals,
    /// See [`History`].
    pub history: History,
}
