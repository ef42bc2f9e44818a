//! Security keys of OpenSSH: `sk-ssh-ed25519@openssh.com` and `sk-ecdsa-sha2-nistp256@openssh.com`.
//!
//! Such a key lies in a device that signs only when it is touched (PROTOCOL.u2f). Here it has no
//! secret and takes no code: what is kept says which key it is. At enrolment it signs a challenge
//! ([`sshsig`]); at a login sshd has checked its signature, and reports which key it was.

#[cfg(test)]
pub(crate) mod fake;
pub mod sshsig;

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use sshsig::{BadSignature, Signed};

/// The most keys of one account.
pub const MOST: usize = 8;

/// Which key: SHA-256 over the blob of the public key, as `ssh-keygen -l` shows it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPrint([u8; 32]);

impl KeyPrint {
    /// Of the blob of a public key (RFC 4253, section 6.6).
    pub fn of_blob(blob: &[u8]) -> Self {
        Self(Sha256::digest(blob).into())
    }

    /// Of a public key as `SSH_AUTH_INFO_0` and `authorized_keys` spell it: its type, then its blob in
    /// base64. A certificate has another blob than its key, so it has another print.
    pub fn of_text(text: &[u8]) -> Option<Self> {
        let blob = text.split(|&byte| byte == b' ').nth(1)?;
        BASE64.decode(blob).ok().filter(|blob| !blob.is_empty()).map(|blob| Self::of_blob(&blob))
    }

    /// The bytes of the hash.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", BASE64_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for KeyPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

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

    /// Whether it is the key of that print.
    pub fn is(&self, key: KeyPrint) -> bool {
        self.0.as_ref().is_some_and(|signed| signed.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_blob_as_ssh_keygen_shows_it() {
        let text = b"sk-ssh-ed25519@openssh.com AAAA";
        assert_eq!(KeyPrint::of_text(text), Some(KeyPrint::of_blob(&[0, 0, 0])));
        // What `ssh-keygen -l` says of the empty hash's input.
        assert_eq!(KeyPrint::of_blob(b"").to_string(), "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
        for odd in [&b""[..], b"sk-ssh-ed25519@openssh.com", b"x ", b"x !!!!", b"x AAA", b"xAAAA"] {
            assert_eq!(KeyPrint::of_text(odd), None, "{odd:?}");
        }
    }
}
