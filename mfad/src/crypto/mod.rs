//! Keys and what is done with them: sealing (AES-256-GCM under wrapped data keys) and
//! authentication of records (HMAC-SHA-256). Every purpose has a key of its own, derived from the
//! one key-encryption key, so that a value made for one purpose opens nothing else.

pub mod slow;

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use mfa_proto::secret::Secret;
use sha2::Sha256;
use subtle::ConstantTimeEq;

pub use slow::{Peppered, SlowHash, SlowlyEqual};

use crate::world::{Entropy, NoEntropy, random};

/// The length of the key-encryption key, in bytes.
pub const KEY_BYTES: usize = 32;

/// A message authentication code.
pub type Tag = [u8; 32];

const FORMAT: u8 = 1;
const NONCE: usize = 12;
const AEAD_TAG: usize = 16;
const WRAPPED: usize = KEY_BYTES + AEAD_TAG;
const HEADER: usize = 1 + KeyId::BYTES + NONCE + WRAPPED + NONCE;

/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not open: wrong key, another's row, or altered")]
pub struct DoesNotOpen;

/// Names a key-encryption key without telling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId(pub [u8; Self::BYTES]);

impl KeyId {
    /// Length in bytes.
    pub const BYTES: usize = 8;
}

/// What a derived key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Authenticates account states.
    State,
    /// Authenticates the audit chain and the head.
    Audit,
    /// Fingerprints of seeds.
    Seed,
    /// Unknown names to dummy accounts.
    Dummy,
    /// Authenticates the kept settings and clock.
    Meta,
    /// Goes into the hashes of one-time codes.
    Pepper,
}

/// The key-encryption key and all that is derived from it.
pub struct Keys {
    id: KeyId,
    wrap: Aes256Gcm,
    token: Aes256Gcm,
    derived: [Hmac<Sha256>; 6],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({:?})", self.id)
    }
}

impl Keys {
    /// Takes the key-encryption key.
    pub fn new(key: &Secret<[u8; KEY_BYTES]>) -> Self {
        let derive = |label: &str| -> Secret<[u8; 32]> {
            // One block of HKDF-Expand (RFC 5869, 2.3) with the key as its pseudorandom key.
            let mut mac = hmac(key.expose());
            mac.update(b"mfad ");
            mac.update(label.as_bytes());
            mac.update(&[1]);
            Secret::new(mac.finalize().into_bytes().into())
        };
        let named = |label: &str| hmac(derive(label).expose());
        let mut id = [0; KeyId::BYTES];
        id.copy_from_slice(&derive("key id").expose()[..KeyId::BYTES]);
        Self {
            id: KeyId(id),
            wrap: Aes256Gcm::new(derive("wrap").expose().into()),
            token: Aes256Gcm::new(derive("token").expose().into()),
            derived: [
                named("state"),
                named("audit"),
                named("seed"),
                named("dummy"),
                named("meta"),
                named("pepper"),
            ],
        }
    }

    /// Which key this is.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The authentication code of `parts` for `purpose`, each part with its length, so that no
    /// two lists of parts are the same bytes.
    pub fn tag(&self, purpose: Purpose, parts: &[&[u8]]) -> Tag {
        let mut mac = self.derived[purpose as usize].clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Whether `tag` is that of `parts`; in constant time.
    pub fn verify(&self, purpose: Purpose, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.tag(purpose, parts).ct_eq(tag).into()
    }

    /// Seals `plain` to `context` under a fresh data key and nonce.
    ///
    /// The result is format, key id, nonce and wrapped data key, nonce and text; only the same key
    /// and the same context open it.
    pub fn seal(&self, entropy: &dyn Entropy, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, NoEntropy> {
        let data_key = Secret::new(random::<KEY_BYTES>(entropy)?);
        let [wrap_nonce, nonce] = [random::<NONCE>(entropy)?, random::<NONCE>(entropy)?];
        let aad = self.bound(context);
        let wrapped = seal_with(&self.wrap, wrap_nonce, &aad, data_key.expose());
        let text = seal_with(&Aes256Gcm::new(data_key.expose().into()), nonce, &aad, plain);
        let parts = [&[FORMAT][..], &self.id.0, &wrap_nonce, &wrapped, &nonce, &text];
        Ok(parts.concat())
    }

    /// Opens what [`Keys::seal`] made for the same `context`.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, DoesNotOpen> {
        let (header, text) = sealed.split_at_checked(HEADER).ok_or(DoesNotOpen)?;
        let (format, header) = header.split_at(1);
        let (id, header) = header.split_at(KeyId::BYTES);
        let (wrap_nonce, header) = header.split_at(NONCE);
        let (wrapped, nonce) = header.split_at(WRAPPED);
        if format != [FORMAT] || id != self.id.0 {
            return Err(DoesNotOpen);
        }
        let aad = self.bound(context);
        let data_key = open_with(&self.wrap, wrap_nonce, &aad, wrapped)?;
        let cipher = Aes256Gcm::new_from_slice(data_key.expose()).map_err(|_| DoesNotOpen)?;
        open_with(&cipher, nonce, &aad, text)
    }

    /// Seals a token: `kind` says what it is, so that none is taken for another.
    pub fn seal_token(&self, entropy: &dyn Entropy, kind: &[u8], plain: &[u8]) -> Result<Vec<u8>, NoEntropy> {
        let nonce = random::<NONCE>(entropy)?;
        Ok([&nonce[..], &seal_with(&self.token, nonce, kind, plain)].concat())
    }

    /// Opens a token of that `kind`.
    pub fn open_token(&self, kind: &[u8], token: &[u8]) -> Result<Secret<Vec<u8>>, DoesNotOpen> {
        let (nonce, text) = token.split_at_checked(NONCE).ok_or(DoesNotOpen)?;
        open_with(&self.token, nonce, kind, text)
    }

    fn bound(&self, context: &[u8]) -> Vec<u8> {
        [&self.id.0[..], context].concat()
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key")
}

#[expect(clippy::expect_used, reason = "AES-GCM refuses only texts of 64 GiB")]
fn seal_with(cipher: &Aes256Gcm, nonce: [u8; NONCE], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    cipher.encrypt(&nonce.into(), Payload { msg, aad }).expect("a short text is sealed")
}

fn open_with(
    cipher: &Aes256Gcm,
    nonce: &[u8],
    aad: &[u8],
    msg: &[u8],
) -> Result<Secret<Vec<u8>>, DoesNotOpen> {
    let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| DoesNotOpen)?;
    cipher.decrypt(&nonce.into(), Payload { msg, aad }).map(Secret::new).map_err(|_| DoesNotOpen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::KernelEntropy;

    fn keys(byte: u8) -> Keys {
        Keys::new(&Secret::new([byte; KEY_BYTES]))
    }

    #[test]
    fn opens_only_whole_only_here_and_only_under_its_key() {
        let sealed = keys(1).seal(&KernelEntropy, b"alice", b"seed").unwrap();
        assert_eq!(keys(1).open(b"alice", &sealed).unwrap().expose(), b"seed");
        assert!(keys(1).open(b"bob", &sealed).is_err());
        assert!(keys(2).open(b"alice", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(keys(1).open(b"alice", &altered).is_err(), "bit of byte {at}");
            assert!(keys(1).open(b"alice", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn two_seals_of_one_text_share_nothing() {
        let seal = || keys(1).seal(&KernelEntropy, b"", b"seed").unwrap();
        assert_ne!(seal()[1 + KeyId::BYTES..], seal()[1 + KeyId::BYTES..]);
    }

    #[test]
    fn a_token_of_one_kind_is_none_of_another() {
        let token = keys(1).seal_token(&KernelEntropy, b"question", b"x").unwrap();
        assert!(keys(1).open_token(b"question", &token).is_ok());
        assert!(keys(1).open_token(b"ticket", &token).is_err());
        assert!(keys(1).open_token(b"question", b"short").is_err());
    }

    #[test]
    fn a_tag_binds_the_purpose_and_where_parts_end() {
        let tag = keys(1).tag(Purpose::State, &[b"ab", b"c"]);
        assert!(keys(1).verify(Purpose::State, &[b"ab", b"c"], &tag));
        assert!(!keys(1).verify(Purpose::State, &[b"a", b"bc"], &tag));
        assert!(!keys(1).verify(Purpose::Audit, &[b"ab", b"c"], &tag));
        assert!(!keys(1).verify(Purpose::State, &[b"ab", b"c"], &tag[..31]));
    }
}
