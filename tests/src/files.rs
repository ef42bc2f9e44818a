//! A machine's files, reached from outside through `/proc/PID/root`.
//!
//! An absolute symbolic link inside leads outside when it is followed from here, so paths are given as the
//! machine really has them (`/run`, not `/var/run`).

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::inside::Inside;

impl Inside {
    /// The path from outside of `path` inside.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        let relative =
            path.strip_prefix("/").unwrap_or_else(|_| panic!("{} is not absolute", path.display()));
        PathBuf::from(format!("/proc/{}/root", self.pid())).join(relative)
    }

    /// Reads a whole file as text.
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        let path = path.as_ref();
        fs::read_to_string(self.path(path))
            .unwrap_or_else(|error| panic!("reading {}: {error}", path.display()))
    }

    /// Writes a file of root's with `mode`, and the folders above it.
    pub fn write(&self, path: impl AsRef<Path>, mode: u32, text: impl AsRef<[u8]>) {
        let path = path.as_ref();
        let outside = self.path(path);
        let folder = outside.parent().expect("a file has a folder");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&outside, text))
            .and_then(|()| fs::set_permissions(&outside, fs::Permissions::from_mode(mode)))
            .unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
    }

    /// Gives a file away.
    pub fn give(&self, path: impl AsRef<Path>, uid: u32, gid: u32) {
        let path = path.as_ref();
        chown(self.path(path), Some(uid), Some(gid))
            .unwrap_or_else(|error| panic!("giving {} away: {error}", path.display()));
    }

    /// Whether something has this path.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }
}
