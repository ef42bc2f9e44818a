//! Where the key-encryption key comes from: a systemd credential, or a file of the daemon's own.
//!
//! Never made by a running daemon: a key that is made while rows exist would open none of them.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use mfa_proto::secret::Secret;

use crate::{
    crypto::{KEY_BYTES, Keys},
    world::{Entropy, NoEntropy, random},
};

/// The file, where there is no credential. Outside the state folder, so that no backup of one
/// holds the other.
pub const KEY_FILE: &str = "/etc/mfad/key";
/// The credential's name.
pub const CREDENTIAL: &str = "mfad.key";

/// Why there is no key. The daemon does not start without.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("{path}: {error}: run `mfad init` on a new host, or put the key back")]
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// What the kernel says.
        error: std::io::Error,
    },
    /// Others than its owner may read or write it.
    #[error(
        "{path}: mode {mode:04o} is too open, it must be 0400: set the mode, and think who may have read it"
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a file of the daemon's user.
    #[error("{path}: must be a plain file owned by uid {expected}, and is not")]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// The daemon's uid.
        expected: u32,
    },
    /// It is no key.
    #[error("{path}: holds {found} bytes, a key has {KEY_BYTES}")]
    Length {
        /// The file.
        path: PathBuf,
        /// How many bytes it has (at most one too many is read).
        found: usize,
    },
    /// It cannot be written.
    #[error("{path}: {error}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        error: std::io::Error,
    },
}

/// Reads the key from `path`: a plain file of `uid`, without a link, readable by nobody else.
pub fn read(path: &Path, uid: u32) -> Result<Keys, KeyError> {
    let missing = |error| KeyError::Missing { path: path.to_owned(), error };
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits() | nix::fcntl::OFlag::O_NONBLOCK.bits());
    let file = options.open(path).map_err(missing)?;
    let meta = file.metadata().map_err(missing)?;
    if !meta.is_file() || meta.uid() != uid {
        return Err(KeyError::NotOurs { path: path.to_owned(), expected: uid });
    }
    let mode = meta.mode() & 0o7777;
    if mode & !0o400 != 0 {
        return Err(KeyError::TooOpen { path: path.to_owned(), mode });
    }
    parse(path, &file)
}

/// Reads the key from the credentials folder that systemd made for this unit.
pub fn read_credential(folder: &Path) -> Result<Keys, KeyError> {
    let path = folder.join(CREDENTIAL);
    let file = File::open(&path).map_err(|error| KeyError::Missing { path: path.clone(), error })?;
    parse(&path, &file)
}

fn parse(path: &Path, file: &File) -> Result<Keys, KeyError> {
    let mut bytes = Secret::new(vec![0; KEY_BYTES + 1]);
    let found =
        read_up_to(file, &mut bytes).map_err(|error| KeyError::Missing { path: path.to_owned(), error })?;
    match <[u8; KEY_BYTES]>::try_from(&bytes.expose()[..found]) {
        Ok(key) => Ok(Keys::new(&Secret::new(key))),
        Err(_) => Err(KeyError::Length { path: path.to_owned(), found }),
    }
}

fn read_up_to(mut file: &File, bytes: &mut Secret<Vec<u8>>) -> std::io::Result<usize> {
    let mut buffer = zeroize::Zeroizing::new([0; KEY_BYTES + 1]);
    let mut found = 0;
    while found < buffer.len() {
        match file.read(&mut buffer[found..])? {
            0 => break,
            n => found += n,
        }
    }
    *bytes = Secret::new(buffer.to_vec());
    Ok(found)
}

/// Makes a new key.
pub fn generate(entropy: &dyn Entropy) -> Result<Secret<[u8; KEY_BYTES]>, NoEntropy> {
    random(entropy).map(Secret::new)
}

/// Writes a key to a new file, 0400, where none is; never over one. The owner is set by the caller.
pub fn create(path: &Path, key: &Secret<[u8; KEY_BYTES]>) -> Result<File, KeyError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
        file.write_all(key.expose())?;
        file.sync_all()?;
        Ok(file)
    };
    write().map_err(|error| KeyError::Write { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::KernelEntropy;
    use std::os::unix::fs::PermissionsExt;

    fn key() -> (tempfile::TempDir, PathBuf, u32) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let uid = create(&path, &generate(&KernelEntropy).unwrap()).unwrap().metadata().unwrap().uid();
        (dir, path, uid)
    }

    // S33
    #[test]
    fn a_key_is_read_back_and_never_overwritten() {
        let (_dir, path, uid) = key();
        let id = read(&path, uid).unwrap().id();
        assert!(matches!(create(&path, &generate(&KernelEntropy).unwrap()), Err(KeyError::Write { .. })));
        assert_eq!(read(&path, uid).unwrap().id(), id);
    }

    // S33
    #[test]
    fn wide_modes_other_owners_links_and_lengths_are_refused() {
        let (dir, path, uid) = key();
        for mode in [0o440, 0o404, 0o600, 0o500, 0o4400] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let refused = read(&path, uid);
            assert!(matches!(refused, Err(KeyError::TooOpen { .. })), "{mode:o} {refused:?}");
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        assert!(matches!(read(&path, uid + 1), Err(KeyError::NotOurs { .. })));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read(&link, uid), Err(KeyError::Missing { .. })));
        for length in [0, 31, 33] {
            let odd = dir.path().join(format!("odd{length}"));
            std::fs::write(&odd, vec![0; length]).unwrap();
            std::fs::set_permissions(&odd, PermissionsExt::from_mode(0o400)).unwrap();
            assert!(matches!(read(&odd, uid), Err(KeyError::Length { found, .. }) if found == length));
        }
    }
}
