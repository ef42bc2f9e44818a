//! An SSH key, as it is named on the command line.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use data_encoding::BASE64;

use crate::failure::Failure;

/// The longest file of a public key or certificate that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// As mfad takes it: the fingerprint as it is given; or the public key or certificate in the file of that name, as sshd
/// would report it, of which mfad knows as at a login what it is good for.
pub(super) fn named(named: &OsStr) -> Result<String, Failure> {
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

/// `TYPE BASE64` of `TYPE BASE64 COMMENT`.
fn of_text(text: &[u8]) -> Option<String> {
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (kind, base64) = (words.next()?, words.next()?);
    let blob = BASE64.decode(base64).ok()?;
    // The blob begins with the name of its type.
    blob.get(4..4 + kind.len()).filter(|name| *name == kind)?;
    String::from_utf8([kind, b" ", base64].concat()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `ssh-keygen -t ed25519`.
    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJPMBHSmZyNVFAzxu7uKrZ+Jcq8cZ1Ytn+xVoNBqC2cT alice";

    #[test]
    fn a_public_key_is_told_without_its_comment_and_another_file_is_none() {
        assert_eq!(of_text(KEY.as_bytes()).as_deref(), KEY.strip_suffix(" alice"));
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
        assert_eq!(named(OsStr::new("SHA256:abc")).unwrap(), "SHA256:abc");
        assert!(matches!(named(OsStr::new("/nonexistent")), Err(Failure::Unread(..))));
    }
}
