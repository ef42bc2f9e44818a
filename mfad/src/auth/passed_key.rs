//! The key that opened a login before the second factor, as sshd tells of it: its type and its blob in base64.
//!
//! A certificate is another blob each time it is made, and names the key that it is for. Rules and devices are about
//! that key, whose fingerprint `ssh-keygen -l` shows for both. What counts as a factor by itself is not: a certificate
//! has options of its own. (PROTOCOL.certkeys of OpenSSH; RFC 4253, section 6.6)

use sha2::{Digest, Sha256};

use crate::{factor::ssh_sk::KeyType, policy::Fingerprint};

/// What the names of certificates' types have, that those of their keys have not.
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// Of the blob as it is, a certificate's included.
pub(super) fn fingerprint(key: &[u8]) -> Option<Fingerprint> {
    blob(key).map(|blob| Fingerprint(Sha256::digest(blob).into()))
}

/// Whether it is a security key's own, and no certificate.
pub(super) fn is_security_key(key: &[u8]) -> bool {
    let kind = key.split(|byte| *byte == b' ').next();
    [KeyType::Ed25519, KeyType::EcdsaP256].iter().any(|of| kind == Some(of.word().as_bytes()))
}

/// Of the key; of a certificate's the one that it is for. `None` where that cannot be told.
pub(super) fn fingerprint_of_key(key: &[u8]) -> Option<Fingerprint> {
    let kind = std::str::from_utf8(key.split(|byte| *byte == b' ').next()?).ok()?;
    let Some(kind) = kind.strip_suffix(CERTIFICATE) else { return fingerprint(key) };
    let blob = blob(key)?;
    let (_kind, rest) = string(&blob)?;
    let (_nonce, rest) = string(rest)?;
    let plain = match kind {
        "ssh-ed25519" => of_key(kind, rest, 1),
        "ssh-rsa" | "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521" => {
            of_key(kind, rest, 2)
        }
        "sk-ssh-ed25519" => of_key("sk-ssh-ed25519@openssh.com", rest, 2),
        "sk-ecdsa-sha2-nistp256" => of_key("sk-ecdsa-sha2-nistp256@openssh.com", rest, 3),
        _ => None,
    };
    plain.map(|plain| Fingerprint(Sha256::digest(plain).into()))
}

fn blob(key: &[u8]) -> Option<Vec<u8>> {
    data_encoding::BASE64.decode(key.split(|byte| *byte == b' ').nth(1)?).ok()
}

/// The first string of `bytes`, and what follows it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The blob of a key of that kind, of which `rest` begins with so many strings.
fn of_key(kind: &str, rest: &[u8], strings: usize) -> Option<Vec<u8>> {
    let mut after = rest;
    for _ in 0..strings {
        (_, after) = string(after)?;
    }
    let fields = &rest[..rest.len() - after.len()];
    let length = u32::try_from(kind.len()).ok()?.to_be_bytes();
    Some([&length[..], kind.as_bytes(), fields].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: &str, strings: &[&[u8]]) -> Vec<u8> {
        let mut blob = Vec::new();
        for string in std::iter::once(&kind.as_bytes()).chain(strings) {
            blob.extend(u32::try_from(string.len()).unwrap().to_be_bytes());
            blob.extend(*string);
        }
        format!("{kind} {}", data_encoding::BASE64.encode(&blob)).into_bytes()
    }

    #[test]
    fn a_certificate_has_the_fingerprint_of_its_key() {
        for (key, certificate, fields) in [
            ("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", &[&b"key"[..]][..]),
            ("ssh-rsa", "ssh-rsa-cert-v01@openssh.com", &[b"e", b"n"]),
            ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", &[b"nistp256", b"Q"]),
            ("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", &[b"key", b"ssh:"]),
        ] {
            let plain = text(key, fields);
            let of = |nonce: &[u8]| text(certificate, &[&[nonce], fields, &[b"serial and more"]].concat());
            let (one, other) = (of(b"nonce"), of(b"another"));
            assert_eq!(fingerprint_of_key(&plain), fingerprint(&plain), "{key}");
            assert_eq!(fingerprint_of_key(&one), fingerprint(&plain), "{key}");
            assert_eq!(fingerprint_of_key(&other), fingerprint(&plain), "{key}");
            assert_ne!(fingerprint(&one), fingerprint(&other), "{key}");
        }
    }

    #[test]
    fn what_is_no_key_has_none() {
        for key in [&b""[..], b"ssh-ed25519", b"ssh-ed25519 *", b"ssh-ed25519-cert-v01@openssh.com //////8="]
        {
            assert_eq!(fingerprint_of_key(key), None, "{:?}", String::from_utf8_lossy(key));
        }
        let cut = text("ssh-ed25519-cert-v01@openssh.com", &[b"nonce"]);
        assert_eq!(fingerprint_of_key(&cut), None);
        assert_eq!(fingerprint_of_key(&text("new-cert-v01@openssh.com", &[b"nonce", b"key"])), None);
    }
}
