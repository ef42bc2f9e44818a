//! An SSH key, as it is named on the command line.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use data_encoding::{BASE64, BASE64_NOPAD};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// The longest file of a public key or certificate that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// The fingerprint: as it is given, or that of the public key or certificate in the file of that name.
pub(super) fn fingerprint(named: &OsStr) -> Result<String, Failure> {
    match named.to_str().filter(|text| text.starts_with("SHA256:")) {
        Some(text) => Ok(text.to_owned()),
        None => of_file(Path::new(named)),
    }
}

fn of_file(path: &Path) -> Result<String, Failure> {
    let name = || path.display().to_string();
    let unread = |error| Failure::Unread(name(), error);
    let mut text = Vec::new();
    File::open(path).map_err(unread)?.take(LONGEST).read_to_end(&mut text).map_err(unread)?;
    of_text(&text).ok_or_else(|| {
        Failure::Usage(format!(
            "{}: is no public key; give KEY.pub, or SHA256:… as `ssh-keygen -l` shows it",
            name()
        ))
    })
}

/// Of `TYPE BASE64 COMMENT`.
fn of_text(text: &[u8]) -> Option<String> {
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let kind = words.next()?;
    let blob = BASE64.decode(words.next()?).ok()?;
    // The blob begins with the name of its type.
    let named = blob.get(4..4 + kind.len()).is_some_and(|name| name == kind);
    named.then(|| format!("SHA256:{}", BASE64_NOPAD.encode(&Sha256::digest(blob))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `ssh-keygen -t ed25519`, whose `-l` shows that fingerprint.
    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJPMBHSmZyNVFAzxu7uKrZ+Jcq8cZ1Ytn+xVoNBqC2cT alice";

    #[test]
    fn a_public_key_has_a_fingerprint_and_another_file_has_none() {
        let found = of_text(KEY.as_bytes()).unwrap();
        assert!(found.starts_with("SHA256:") && found.len() == 50, "{found}");
        for bad in [
            "",
            "ssh-ed25519",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl",
        ] {
            assert_eq!(of_text(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_fingerprint_is_taken_as_it_is() {
        assert_eq!(fingerprint(OsStr::new("SHA256:abc")).unwrap(), "SHA256:abc");
        assert!(matches!(fingerprint(OsStr::new("/nonexistent")), Err(Failure::Unread(..))));
    }
}
