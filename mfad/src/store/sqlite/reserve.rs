//! Room that is set aside beside the database, for the day on which the disk is full.
//!
//! It is a file of blocks that are really there. When a commit finds no room, the file goes, and
//! logins go on from its blocks: whoever mends the disk has to log in to do so. (S32)

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::{fcntl::posix_fallocate, sys::statvfs::statvfs};

/// What is set aside, in bytes.
pub(super) const SIZE: u64 = 16 << 20;
/// What is left to others when it is, in bytes: one that took the last block would be given up at once.
const SPARE: u64 = 4 << 20;
/// How many commits go by between two tries to set it aside that failed.
const PAUSE: u32 = 64;

/// See the module.
pub(super) struct Reserve {
    path: PathBuf,
    held: bool,
    pause: u32,
}

impl Reserve {
    /// That of the database there, as it is.
    pub(super) fn of(database: &Path) -> Self {
        let mut reserve = Self { path: database.with_extension("reserve"), held: false, pause: 0 };
        reserve.held = reserve.is_whole();
        reserve
    }

    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Gives the room to whoever needs it: true where there was any.
    pub(super) fn give_up(&mut self) -> bool {
        self.held = false;
        self.pause = 0;
        fs::remove_file(&self.path).is_ok()
    }

    /// Sets the room aside where it is not, and there is room: true where it was made now.
    pub(super) fn make(&mut self) -> bool {
        if self.held || self.pause > 0 {
            self.pause = self.pause.saturating_sub(1);
            return false;
        }
        if !self.there_is_room() {
            return false;
        }
        self.held = self.allocate().is_ok();
        if !self.held {
            let _ = fs::remove_file(&self.path); // what was allocated of it
            self.pause = PAUSE;
        }
        self.held
    }

    fn is_whole(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.is_file() && meta.blocks() * 512 >= SIZE)
    }

    fn there_is_room(&self) -> bool {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        statvfs(folder).is_ok_and(|disk| disk.blocks_available() * disk.fragment_size() >= SIZE + SPARE)
    }

    fn allocate(&self) -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits()).open(&self.path)?;
        posix_fallocate(&file, 0, SIZE.cast_signed())?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // S32
    #[test]
    fn the_reserve_is_really_there_is_given_up_once_and_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("mfad.db");
        let mut reserve = Reserve::of(&database);
        assert!(!reserve.is_held() && reserve.make() && reserve.is_held() && reserve.is_whole());
        assert!(!reserve.make(), "it is there");
        assert!(Reserve::of(&database).is_held(), "the next start finds it");
        assert!(reserve.give_up() && !reserve.is_held() && !reserve.is_whole());
        assert!(!reserve.give_up(), "it is gone");
        assert!(reserve.make() && reserve.is_whole());
        // A file without blocks is no room.
        fs::File::create(folder.path().join("mfad.reserve")).unwrap().set_len(SIZE).unwrap();
        assert!(!reserve.is_whole());
        assert!(Reserve::of(&database).make() && reserve.is_whole());
    }
}
