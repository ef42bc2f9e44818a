//! `org.mfad1.Account`: the caller's own account. No method takes a user.
//!
//! | method | in | out |
//! |---|---|---|
//! | `Status` | | [`Status`] |
//! | `EnrollBegin` | [`EnrollRequest`] | [`Enrollment`] |
//! | `EnrollConfirm` | enrollment `s`, code `ay` | [`Enrolled`] |
//! | `EnrollCancel` | enrollment `s` | |
//! | `SshKeyBegin` | label `s`, replace `s` (each may be empty) | [`Challenge`] |
//! | `SshKeyConfirm` | enrollment `s`, signature `ay` | factor `s` |
//! | `StepUpBegin` | | [`Step`](crate::step::Step) |
//! | `StepUpAnswer` | token `ay`, answer `ay` | [`Step`](crate::step::Step) |
//! | `FactorRename` | factor `s`, label `s` | |
//! | `FactorRemove` | factor `s` | |
//! | `CodesRenew` | | backup codes `as`, shown this once |
//! | `NotMe` | | what was undone, for people `s` |
//! | `RememberedList` | | array of [`Remembered`], the latest last |
//! | `RememberedForget` | id `s` (empty: all) | number `u` that counted until now |
//!
//! `SshKeyBegin`, `FactorRename`, `FactorRemove`, `CodesRenew` and an `EnrollBegin` of an account that has a factor
//! need a proof of the account in the same connection, at most five minutes old: `StepUpBegin` and
//! `StepUpAnswer`, which are the login's dialogue. Without one they end in
//! [`Fault::NeedsProof`](crate::fault::Fault::NeedsProof).
//!
//! `org.mfad1.Locker` is the login's dialogue for the caller's own account: `Begin(ay service)` and
//! `Answer(ay token, ay answer)`, each answering a [`Step`](crate::step::Step).

use serde::{Deserialize, Serialize};
use zbus::Type;

use crate::secret::without_secrets;

/// A factor, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Factor {
    /// 32 hexadecimal digits.
    pub id: String,
    /// What the user calls it.
    pub label: String,
    /// `totp`, `hotp` or `ssh_sk`.
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`; for `ssh_sk` the type of the key, as OpenSSH calls it.
    pub algorithm: String,
    /// 6 to 8; 0 for `ssh_sk`, which gives no codes.
    pub digits: u32,
    /// The length of a step, in seconds; 0 for `hotp` and `ssh_sk`, which have none.
    pub period: u32,
    /// Unix time, in seconds.
    pub created: u64,
    /// Unix time of the last accepted code or the last login by the key, in seconds; 0 when there was none.
    pub last_used: u64,
    /// Whether 100 attested failures switched it off.
    pub disabled: bool,
    /// `ssh_sk`: the fingerprint of the key, as `ssh-keygen -l` shows it; else empty.
    pub key: String,
    /// `ssh_sk`: what the key was made for, `ssh:` or that and more; else empty.
    pub application: String,
    /// `ssh_sk`: whether the key knew by a PIN or a finger who enrolled it.
    pub pin: bool,
}

/// The backup codes of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Codes {
    /// Not used yet.
    pub left: u32,
    /// Of these, how many came from another system and are weak.
    pub weak: u32,
    /// Unix time at which the set was made, in seconds; 0: there is none.
    pub made: u64,
}

/// What `Status` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Status {
    /// The caller's user name.
    pub user: Vec<u8>,
    /// The mode in force: `off`, `observe`, `optional` or `required`.
    pub mode: String,
    /// The account's factors, oldest first.
    pub factors: Vec<Factor>,
    /// Backup codes that are left, and how many of them came from another system and are weak.
    pub codes: Codes,
    /// Whether the account is locked.
    pub locked: bool,
    /// The kinds of factors that the host takes: `totp`, `hotp`, `backup`, `ssh_sk`.
    pub allowed: Vec<String>,
    /// Unix time until which nobody is hindered for having no factor, in seconds; 0: no such time.
    pub grace_ends: u64,
    /// The daemon's time, Unix seconds.
    pub time: u64,
    /// From how many places no code is asked now: see [`Remembered`].
    pub remembered: u32,
}

/// A place from which no code is asked, since one was shown there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Remembered {
    /// 16 hexadecimal digits.
    pub id: String,
    /// `sshd`, or `sudo` for `sudo` and `sudo-i`.
    pub service: String,
    /// The fingerprint of the SSH key that it takes; empty: any, or none.
    pub key: String,
    /// The address, or the network, that it takes; empty: any.
    pub address: String,
    /// The terminal, in one session of it; empty but for `sudo`.
    pub tty: String,
    /// What the user calls the factor that gave the code.
    pub factor: String,
    /// Unix time, in seconds.
    pub made: u64,
    /// Unix time from which a code is asked again, in seconds.
    pub ends: u64,
}

/// What `EnrollBegin` takes. Empty strings and zeros mean the default.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct EnrollRequest {
    /// `totp` (default) or `hotp`.
    pub kind: String,
    /// At most 64 bytes of printable text; default: `phone`.
    pub label: String,
    /// `SHA1` (default), `SHA256`, `SHA512`.
    pub algorithm: String,
    /// 6 (default), 7 or 8.
    pub digits: u32,
    /// Seconds, 15 to 120; default 30. Not for `hotp`.
    pub period: u32,
    /// Label or id of the factor that ends when the new one is confirmed.
    pub replace: String,
    /// An invitation or a recovery code; empty when there is none.
    pub code: Vec<u8>,
}

without_secrets!(EnrollRequest { kind, label, algorithm, digits, period, replace });

/// What `EnrollBegin` answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Enrollment {
    /// Names the enrolment in `EnrollConfirm`: 32 hexadecimal digits.
    pub enrollment: String,
    /// Base32 without padding (RFC 4648, section 6).
    pub secret: String,
    /// `otpauth://totp/…` or `otpauth://hotp/…`, the shortest form that the app needs.
    pub uri: String,
    /// How long the enrolment stays open, in seconds.
    pub seconds: u32,
}

without_secrets!(Enrollment { enrollment, seconds });

/// What `SshKeyBegin` answers: a security key signs `challenge`, and `SshKeyConfirm` takes its signature,
/// armoured, as `ssh-keygen -Y sign -n NAMESPACE` prints it (PROTOCOL.sshsig).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Challenge {
    /// Names the enrolment in `SshKeyConfirm` and `EnrollCancel`: 32 hexadecimal digits.
    pub enrollment: String,
    /// What is to be signed, alone or as a line: letters and digits. No secret, and good once.
    pub challenge: String,
    /// The namespace that it is to be signed in.
    pub namespace: String,
    /// Whether the key has to know by a PIN or a finger who signs.
    pub pin: bool,
    /// How long the enrolment stays open, in seconds.
    pub seconds: u32,
}

/// What `EnrollConfirm` answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Enrolled {
    /// The new factor's id.
    pub factor: String,
    /// Backup codes, shown this once; may be empty.
    pub backup_codes: Vec<String>,
}

without_secrets!(Enrolled { factor });
