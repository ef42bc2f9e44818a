//! A security key in software, for tests: it signs what it is told to, touched or not.

use data_encoding::BASE64;
use ed25519_dalek::{Signer, SigningKey as Ed25519Key};
use p256::ecdsa::{Signature as Ecdsa, SigningKey as EcdsaKey};
use sha2::{Digest, Sha256, Sha512};
use ssh_encoding::Encode;

use super::KeyType;
use crate::policy::Fingerprint;

/// A device with one key.
pub(crate) struct Device {
    pub(crate) kind: KeyType,
    pub(crate) seed: [u8; 32],
    pub(crate) application: &'static str,
    pub(crate) flags: u8,
    pub(crate) namespace: &'static str,
}

impl Device {
    pub(crate) fn new(kind: KeyType, seed: u8) -> Self {
        let namespace = super::sshsig::NAMESPACE;
        Self { kind, seed: [seed; 32], application: "ssh:", flags: 0x01, namespace }
    }

    /// The blob of its public key.
    pub(crate) fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put(&mut blob, self.kind.word().as_bytes());
        match self.kind {
            KeyType::Ed25519 => {
                put(&mut blob, Ed25519Key::from_bytes(&self.seed).verifying_key().as_bytes());
            }
            KeyType::EcdsaP256 => {
                put(&mut blob, b"nistp256");
                let key = EcdsaKey::from_slice(&self.seed).unwrap();
                put(&mut blob, key.verifying_key().to_sec1_point(false).as_bytes());
            }
        }
        put(&mut blob, self.application.as_bytes());
        blob
    }

    /// As sshd reports it where it passed.
    pub(crate) fn passed(&self) -> Vec<u8> {
        format!("publickey {} {}\n", self.kind.word(), BASE64.encode(&self.blob())).into_bytes()
    }

    /// A certificate for it, as far as anybody reads here: type and blob.
    pub(crate) fn certificate(&self) -> String {
        let kind = self.kind.word().replace("@openssh.com", "-cert-v01@openssh.com");
        let mut blob = Vec::new();
        put(&mut blob, kind.as_bytes());
        put(&mut blob, b"nonce");
        blob.extend_from_slice(&self.blob()[4 + self.kind.word().len()..]);
        put(&mut blob, b"serial and more");
        format!("{kind} {}", BASE64.encode(&blob))
    }

    pub(crate) fn print(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(self.blob()).into())
    }

    /// Its signature of `message`, framed.
    pub(crate) fn frame(&self, message: &[u8]) -> Vec<u8> {
        let mut data = b"SSHSIG".to_vec();
        for part in [self.namespace.as_bytes(), b"", b"sha512", &Sha512::digest(message)] {
            put(&mut data, part);
        }
        let counter = 7u32.to_be_bytes();
        let mut signed = Sha256::digest(self.application.as_bytes()).to_vec();
        signed.push(self.flags);
        signed.extend_from_slice(&counter);
        signed.extend_from_slice(&Sha256::digest(&data));
        let mut made = Vec::new();
        put(&mut made, self.kind.word().as_bytes());
        match self.kind {
            KeyType::Ed25519 => {
                put(&mut made, &Ed25519Key::from_bytes(&self.seed).sign(&signed).to_bytes());
            }
            KeyType::EcdsaP256 => {
                let signature: Ecdsa = EcdsaKey::from_slice(&self.seed).unwrap().sign(&signed);
                let mut scalars = Vec::new();
                for scalar in signature.to_bytes().chunks(32) {
                    let mut mpint = vec![0];
                    mpint.extend(scalar.iter().skip_while(|&&byte| byte == 0));
                    let shortest = if mpint[1] < 0x80 { &mpint[1..] } else { &mpint[..] };
                    put(&mut scalars, shortest);
                }
                put(&mut made, &scalars);
            }
        }
        made.push(self.flags);
        made.extend_from_slice(&counter);
        let mut frame = b"SSHSIG\0\0\0\x01".to_vec();
        for part in [&self.blob()[..], self.namespace.as_bytes(), b"", b"sha512", &made] {
            put(&mut frame, part);
        }
        frame
    }

    /// The same, as `ssh-keygen -Y sign` prints it.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        armoured(&self.frame(message))
    }
}

pub(crate) fn armoured(frame: &[u8]) -> Vec<u8> {
    let mut text = "-----BEGIN SSH SIGNATURE-----\n".to_owned();
    for line in BASE64.encode(frame).as_bytes().chunks(70) {
        text.push_str(std::str::from_utf8(line).unwrap());
        text.push('\n');
    }
    text.push_str("-----END SSH SIGNATURE-----\n");
    text.into_bytes()
}

fn put(into: &mut Vec<u8>, part: &[u8]) {
    part.encode(into).unwrap();
}
