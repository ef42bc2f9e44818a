//! A signature by a security key, in the framing of `ssh-keygen -Y sign` (PROTOCOL.sshsig).
//!
//! ```text
//! armour ─▶ "SSHSIG" version key namespace reserved hash signature
//!                            │                           │
//!    key: type point application      signature: type signature flags counter
//! ```
//!
//! What the device signs is SHA-256(application) · flags · counter · SHA-256(data) (PROTOCOL.u2f), and
//! the data is "SSHSIG" namespace reserved hash H(message). The namespace is ours alone, so that no
//! signature that was made for another purpose, a login's included, is one of these. Nothing that
//! is read here is believed before the signature holds.

use data_encoding::BASE64;
use ed25519_dalek::{Signature as Ed25519, VerifyingKey as Ed25519Key};
use p256::ecdsa::{Signature as Ecdsa, VerifyingKey as EcdsaKey, signature::Verifier};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha512};
use ssh_encoding::{Decode, Encode, Reader};

use super::KeyType;
use crate::policy::Fingerprint;

/// What an enrolment is signed in.
pub const NAMESPACE: &str = "enroll@mfad";
/// Stands before every signature, and in every signed text.
const MAGIC: &[u8; 6] = b"SSHSIG";
const VERSION: u32 = 1;
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// The longest armoured signature that is looked at, in bytes; that of a security key has under a
/// thousand.
const LONGEST: usize = 8192;
/// What the application of every key for SSH begins with (PROTOCOL.u2f): one that was made for a page on
/// the web is none.
const APPLICATION: &str = "ssh:";
/// The longest application, in bytes.
const LONGEST_APPLICATION: usize = 256;
/// The device was touched (Web Authentication, 6.1: "User Present").
const TOUCHED: u8 = 0x01;
/// The device knew who touched it, by a PIN or a finger ("User Verified").
const VERIFIED: u8 = 0x04;

/// What a signature that holds tells of its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// Which key.
    pub key: Fingerprint,
    /// What signs.
    pub kind: KeyType,
    /// What the key is for: `ssh:`, or that and more.
    pub application: String,
    /// Whether the device knew by a PIN or a finger who touched it.
    pub pin: bool,
    /// The device's count of signatures.
    pub counter: u32,
}

/// Why a signature is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// Not the framing.
    #[error("that is no signature of ssh-keygen -Y sign")]
    Malformed,
    /// A key in a file, say.
    #[error("that key is no security key (its type begins with sk-)")]
    NoSecurityKey,
    /// A key that was made for something else.
    #[error("that security key was not made for ssh (its application does not begin with ssh:)")]
    Application,
    /// Made for another purpose.
    #[error("that signature is for another purpose: sign with -n {NAMESPACE}")]
    Namespace,
    /// Another challenge, another key, or altered.
    #[error("that signature does not hold: it is of another challenge, or was altered")]
    Wrong,
    /// `no-touch-required`.
    #[error("the security key was not touched for that signature")]
    NotTouched,
}

impl From<ssh_encoding::Error> for BadSignature {
    fn from(_: ssh_encoding::Error) -> Self {
        Self::Malformed
    }
}

/// Verifies that a touched security key signed `challenge` in `namespace`. Whoever typed it may have
/// ended the line that the challenge stood on.
pub fn verify(armoured: &[u8], namespace: &str, challenge: &str) -> Result<Signed, BadSignature> {
    let framed = Framed::read(&unarmoured(armoured)?)?;
    let key = PublicKey::read(&framed.key)?;
    let made = Made::read(&framed.signature, key.kind)?;
    if framed.namespace != namespace.as_bytes() {
        return Err(BadSignature::Namespace);
    }
    let holds = ["", "\n", "\r\n"].iter().any(|end| {
        let message = [challenge.as_bytes(), end.as_bytes()].concat();
        framed.data(&message).is_ok_and(|data| key.holds(&made, &data))
    });
    if !holds {
        return Err(BadSignature::Wrong);
    }
    if !key.application.starts_with(APPLICATION) {
        return Err(BadSignature::Application);
    }
    if made.flags & TOUCHED == 0 {
        return Err(BadSignature::NotTouched);
    }
    Ok(Signed {
        key: Fingerprint(Sha256::digest(&framed.key).into()),
        kind: key.kind,
        application: key.application,
        pin: made.flags & VERIFIED != 0,
        counter: made.counter,
    })
}

/// The bytes between header and footer; what surrounds them is none of a signature.
fn unarmoured(text: &[u8]) -> Result<Vec<u8>, BadSignature> {
    if text.len() > LONGEST {
        return Err(BadSignature::Malformed);
    }
    let text = std::str::from_utf8(text).map_err(|_| BadSignature::Malformed)?.trim();
    let inner = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
    let base64: String = inner.ok_or(BadSignature::Malformed)?.split_ascii_whitespace().collect();
    BASE64.decode(base64.as_bytes()).map_err(|_| BadSignature::Malformed)
}

/// The frame of a signature.
struct Framed {
    key: Vec<u8>,
    namespace: Vec<u8>,
    reserved: Vec<u8>,
    hash: Vec<u8>,
    signature: Vec<u8>,
}

impl Framed {
    fn read(mut from: &[u8]) -> Result<Self, BadSignature> {
        let from = &mut from;
        if <[u8; 6]>::decode(from)? != *MAGIC || u32::decode(from)? != VERSION {
            return Err(BadSignature::Malformed);
        }
        let framed = Self {
            key: string(from)?,
            namespace: string(from)?,
            reserved: string(from)?,
            hash: string(from)?,
            signature: string(from)?,
        };
        ended(from, framed)
    }

    /// What is signed where `message` is.
    fn data(&self, message: &[u8]) -> Result<Vec<u8>, BadSignature> {
        let digest = match self.hash.as_slice() {
            b"sha256" => Sha256::digest(message).to_vec(),
            b"sha512" => Sha512::digest(message).to_vec(),
            _ => return Err(BadSignature::Malformed),
        };
        let mut data = MAGIC.to_vec();
        for part in [&self.namespace, &self.reserved, &self.hash, &digest] {
            part.encode(&mut data)?;
        }
        Ok(data)
    }
}

/// The public key of a device.
struct PublicKey {
    kind: KeyType,
    point: Vec<u8>,
    application: String,
}

impl PublicKey {
    fn read(mut from: &[u8]) -> Result<Self, BadSignature> {
        let from = &mut from;
        let kind = match string(from)?.as_slice() {
            b"sk-ssh-ed25519@openssh.com" => KeyType::Ed25519,
            b"sk-ecdsa-sha2-nistp256@openssh.com" => KeyType::EcdsaP256,
            _ => return Err(BadSignature::NoSecurityKey),
        };
        if kind == KeyType::EcdsaP256 && string(from)? != b"nistp256" {
            return Err(BadSignature::Malformed);
        }
        let key = Self { kind, point: string(from)?, application: String::decode(from)? };
        let printable = |text: &str| !text.chars().any(char::is_control);
        if key.application.len() > LONGEST_APPLICATION || !printable(&key.application) {
            return Err(BadSignature::Malformed);
        }
        ended(from, key)
    }

    fn holds(&self, made: &Made, data: &[u8]) -> bool {
        let mut signed = Sha256::digest(self.application.as_bytes()).to_vec();
        signed.push(made.flags);
        signed.extend_from_slice(&made.counter.to_be_bytes());
        signed.extend_from_slice(&Sha256::digest(data));
        match &made.signature {
            Signature::Ed25519(signature) => {
                let key = <[u8; 32]>::try_from(self.point.as_slice()).ok();
                let key = key.and_then(|point| Ed25519Key::from_bytes(&point).ok());
                key.is_some_and(|key| key.verify_strict(&signed, signature).is_ok())
            }
            Signature::Ecdsa(signature) => {
                EcdsaKey::from_sec1_bytes(&self.point).is_ok_and(|key| key.verify(&signed, signature).is_ok())
            }
        }
    }
}

/// What the device made.
struct Made {
    signature: Signature,
    flags: u8,
    counter: u32,
}

enum Signature {
    Ed25519(Ed25519),
    Ecdsa(Ecdsa),
}

impl Made {
    /// A signature of another kind than the key's is none.
    fn read(mut from: &[u8], kind: KeyType) -> Result<Self, BadSignature> {
        let from = &mut from;
        if string(from)? != kind.word().as_bytes() {
            return Err(BadSignature::Malformed);
        }
        let signature = string(from)?;
        let signature = match kind {
            KeyType::Ed25519 => Ed25519::from_slice(&signature).map(Signature::Ed25519).ok(),
            KeyType::EcdsaP256 => {
                let mut from = signature.as_slice();
                let (r, s) = (scalar(&mut from)?, scalar(&mut from)?);
                ended(from, Ecdsa::from_scalars(r, s).map(Signature::Ecdsa).ok())?
            }
        };
        let signature = signature.ok_or(BadSignature::Malformed)?;
        let made = Self { signature, flags: u8::decode(from)?, counter: u32::decode(from)? };
        ended(from, made)
    }
}

fn string(from: &mut &[u8]) -> Result<Vec<u8>, BadSignature> {
    Ok(Vec::decode(from)?)
}

/// A positive number of at most 32 bytes, out of an `mpint` (RFC 4251, section 5): in its shortest form.
fn scalar(from: &mut &[u8]) -> Result<[u8; 32], BadSignature> {
    let bytes = string(from)?;
    let digits = match bytes.as_slice() {
        [0, digits @ ..] if digits.first().is_some_and(|&first| first >= 0x80) => digits,
        digits @ [0x01..0x80, ..] => digits,
        _ => return Err(BadSignature::Malformed),
    };
    let mut scalar = [0; 32];
    let begins = scalar.len().checked_sub(digits.len()).ok_or(BadSignature::Malformed)?;
    scalar[begins..].copy_from_slice(digits);
    Ok(scalar)
}

/// `read`, if nothing follows it.
fn ended<T>(rest: &[u8], read: T) -> Result<T, BadSignature> {
    if rest.is_finished() { Ok(read) } else { Err(BadSignature::Malformed) }
}

#[cfg(test)]
mod tests;
