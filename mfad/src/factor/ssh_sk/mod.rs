//! Security keys of OpenSSH: `sk-ssh-ed25519@openssh.com` and `sk-ecdsa-sha2-nistp256@openssh.com`.
//!
//! Such a key lies in a device that signs only when it is touched (PROTOCOL.u2f). Here it has no
//! secret and takes no code: what is kept says which key it is. At enrolment it signs a challenge
//! ([`sshsig`]); at a login sshd has checked its signature, and reports which key it was.

#[cfg(test)]
pub(crate) mod fake;
pub mod sshsig;

use serde::{Deserialize, Serialize};

pub use sshsig::{BadSignature, Signed};

use crate::policy::Fingerprint;

/// The most keys of one account.
pub const MOST: usize = 8;

/// What signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyType {
    /// `sk-ssh-ed25519@openssh.com`.
    Ed25519,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`.
    EcdsaP256,
}

impl KeyType {
    /// As OpenSSH calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ed25519 => "sk-ssh-ed25519@openssh.com",
            Self::EcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }
}

/// The security key of a factor. Only a signature that holds makes one, but that an enrolment which
/// waits for its signature does not know the key yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshSk(Option<Signed>);

impl SshSk {
    /// An enrolment that waits for its signature: any key's.
    pub fn awaited() -> Self {
        Self(None)
    }

    /// The key that signed.
    pub fn of(signed: Signed) -> Self {
        Self(Some(signed))
    }

    /// What it showed at its enrolment; nothing while that is awaited.
    pub fn signed(&self) -> Option<&Signed> {
        self.0.as_ref()
    }

    /// Whether it is the key of that fingerprint.
    pub fn is(&self, key: Fingerprint) -> bool {
        self.0.as_ref().is_some_and(|signed| signed.key == key)
    }
}
