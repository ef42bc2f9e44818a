//! Keys, and how a device signs (PROTOCOL.u2f).

use std::fs::File;
use std::io::{self, Read};

use ed25519_dalek::{Signer, SigningKey as Ed25519};
use p256::ecdsa::{Signature, SigningKey as Ecdsa};
use sha2::{Digest, Sha256};

/// What signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `SSH_SK_ECDSA`.
    Ecdsa = 0,
    /// `SSH_SK_ED25519`.
    Ed25519 = 1,
}

impl Kind {
    pub(crate) fn of(alg: u32) -> Option<Self> {
        match alg {
            0 => Some(Self::Ecdsa),
            1 => Some(Self::Ed25519),
            _ => None,
        }
    }
}

/// A private key.
pub(crate) enum Key {
    Ecdsa(Ecdsa),
    Ed25519(Ed25519),
}

impl Key {
    pub(crate) fn generate(kind: Kind) -> io::Result<Self> {
        let mut seed = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut seed)?;
        Self::of(kind, &seed).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn of(kind: Kind, seed: &[u8; 32]) -> Option<Self> {
        match kind {
            Kind::Ecdsa => Ecdsa::from_slice(seed).ok().map(Self::Ecdsa),
            Kind::Ed25519 => Some(Self::Ed25519(Ed25519::from_bytes(seed))),
        }
    }

    pub(crate) fn of_handle(handle: &[u8]) -> Option<Self> {
        let (&kind, seed) = handle.split_first()?;
        Self::of(Kind::of(kind.into())?, seed.try_into().ok()?)
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Ecdsa(_) => Kind::Ecdsa,
            Self::Ed25519(_) => Kind::Ed25519,
        }
    }

    /// What stands for it in a file: its kind and its seed.
    pub(crate) fn handle(&self) -> Vec<u8> {
        let mut handle = vec![self.kind() as u8];
        match self {
            Self::Ecdsa(key) => handle.extend_from_slice(&key.to_bytes()),
            Self::Ed25519(key) => handle.extend_from_slice(key.as_bytes()),
        }
        handle
    }

    pub(crate) fn public(&self) -> Vec<u8> {
        match self {
            Self::Ecdsa(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::Ed25519(key) => key.verifying_key().as_bytes().to_vec(),
        }
    }

    /// The two halves of a signature; ed25519 has one.
    pub(crate) fn sign(
        &self,
        application: &[u8],
        flags: u8,
        counter: u32,
        data: &[u8],
    ) -> (Vec<u8>, Vec<u8>) {
        let mut signed = Sha256::digest(application).to_vec();
        signed.push(flags);
        signed.extend_from_slice(&counter.to_be_bytes());
        signed.extend_from_slice(&Sha256::digest(data));
        match self {
            Self::Ecdsa(key) => {
                let signature: Signature = key.sign(&signed);
                (signature.r().to_bytes().to_vec(), signature.s().to_bytes().to_vec())
            }
            Self::Ed25519(key) => (key.sign(&signed).to_bytes().to_vec(), Vec::new()),
        }
    }
}
