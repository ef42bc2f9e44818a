//! Files of keys as sshd reads them: where they are, and what a line says. Source: `sshd(8)`, `sshd_config(5)`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use data_encoding::{BASE64, BASE64_NOPAD};
use nix::unistd::User;
use sha2::{Digest, Sha256};

/// The file that a pattern of sshd's means for that user (`sshd_config(5)`, TOKENS).
pub(crate) fn place(pattern: &str, user: &User) -> PathBuf {
    let mut path = Vec::new();
    let mut rest = pattern.bytes();
    while let Some(byte) = rest.next() {
        match (byte, if byte == b'%' { rest.next() } else { None }) {
            (b'%', Some(b'h')) => path.extend_from_slice(user.dir.as_os_str().as_bytes()),
            (b'%', Some(b'u')) => path.extend_from_slice(user.name.as_bytes()),
            (b'%', Some(b'U')) => path.extend_from_slice(user.uid.to_string().as_bytes()),
            (b'%', Some(other)) => path.push(other),
            (byte, _) => path.push(byte),
        }
    }
    user.dir.join(OsStr::from_bytes(&path))
}

/// What a key's type begins with; no option does.
const TYPES: [&str; 3] = ["ssh-", "sk-", "ecdsa-"];

/// A line with a key.
#[derive(Debug)]
pub(crate) struct Key<'a> {
    /// What stands before it, without what stands in quotes.
    options: String,
    /// Its type.
    pub(crate) kind: &'a str,
    /// The key itself, in base64.
    blob: &'a str,
}

impl<'a> Key<'a> {
    /// None: a comment, or no key at all.
    pub(crate) fn of(line: &'a str) -> Option<Self> {
        let line = line.trim_start();
        if line.starts_with('#') {
            return None;
        }
        let bare = TYPES.iter().any(|kind| line.starts_with(kind));
        let (options, rest) = line.split_at(if bare { 0 } else { end_of_options(line) });
        let mut rest = rest.split_whitespace();
        Some(Self { options: outside_quotes(options), kind: rest.next()?, blob: rest.next()? })
    }

    /// Whether that option stands before it, which sshd takes in any case of letters.
    pub(crate) fn has(&self, option: &str) -> bool {
        let name = |one: &str| one.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
        self.options.split(',').any(|one| name(one) == option)
    }

    /// As mfad and `ssh-keygen -l` show it: `SHA256:…`.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let blob = BASE64.decode(self.blob.as_bytes()).ok()?;
        Some(format!("SHA256:{}", BASE64_NOPAD.encode(&Sha256::digest(blob))))
    }
}

/// Where the options end: at the first white space that is not in quotes (`sshd(8)`, the format of `authorized_keys`).
fn end_of_options(line: &str) -> usize {
    let (mut quoted, mut before) = (false, ' ');
    for (at, c) in line.char_indices() {
        match c {
            '"' if before != '\\' => quoted = !quoted,
            ' ' | '\t' if !quoted => return at,
            _ => {}
        }
        before = c;
    }
    line.len()
}

/// The options without what stands in quotes: a command may hold any word.
fn outside_quotes(options: &str) -> String {
    let (mut quoted, mut before) = (false, ' ');
    let mut kept = String::new();
    for c in options.chars() {
        match c {
            '"' if before != '\\' => quoted = !quoted,
            c if !quoted => kept.push(c),
            _ => {}
        }
        before = c;
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_option_stands_before_the_key_and_outside_of_quotes() {
        for line in ["From=\"a b\",restrict ssh-ed25519 AAAA al", "restrict,from=\"x\" ssh-ed25519 AAAA"] {
            let key = Key::of(line).unwrap();
            assert!(key.has("from") && key.has("restrict") && !key.has("command"), "{line}");
            assert_eq!(key.kind, "ssh-ed25519");
        }
        for line in ["ssh-ed25519 AAAA from=,command=", "command=\"from=x,from=y\" ssh-ed25519 AAAA"] {
            assert!(!Key::of(line).unwrap().has("from"), "{line}");
        }
        for line in ["", "# ssh-ed25519 AAAA", "ssh-ed25519", "restrict"] {
            assert!(Key::of(line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_pattern_of_sshd_means_a_file_of_the_user() {
        let mut user = User::from_uid(0.into()).unwrap().unwrap();
        user.dir = "/home/al".into();
        user.name = "al".into();
        for (pattern, path) in [
            (".ssh/authorized_keys", "/home/al/.ssh/authorized_keys"),
            ("%h/keys", "/home/al/keys"),
            ("/etc/keys/%u.%U%%", "/etc/keys/al.0%"),
        ] {
            assert_eq!(place(pattern, &user), Path::new(path));
        }
    }
}
