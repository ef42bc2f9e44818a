//! Opens and reads a file in folders that its owner controls, with the owner's own rights.
//!
//! A user may put anything in the file's place, and swap it at any time: a link to another's file, a
//! FIFO that never answers, a device, a file without end. So nothing is judged by path: each component
//! is opened below the one before without following a link, and what counts is what the open
//! descriptor is. Links to what only root may read lead nowhere, since root is not who reads.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use zeroize::Zeroizing;

use super::place::Place;
use super::unread::Unread;

/// How often a file that changes is read anew. Logins with the old module replace it.
const READINGS: usize = 3;

/// What a file held.
#[derive(Debug)]
pub(crate) struct Content {
    /// Wiped when dropped.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Whether others than its owner may read the file.
    pub(crate) exposed: bool,
}

/// Reads the file of `owner` at `place`, of at most `limit` bytes, with the rights of this process.
pub(crate) fn read(place: &Place, owner: u32, limit: usize) -> Result<Content, Unread> {
    let mut last = Unread::Changing;
    for _ in 0..READINGS {
        match read_once(place, owner, limit) {
            Err(Unread::Changing) => last = Unread::Changing,
            answer => return answer,
        }
    }
    Err(last)
}

fn read_once(place: &Place, owner: u32, limit: usize) -> Result<Content, Unread> {
    let file = open_at(place, owner)?;
    let before = fstat(&file).map_err(later)?;
    check(&before, owner, limit)?;
    let expected = usize::try_from(before.st_size).map_err(|_| Unread::TooLarge)?;
    let mut file = File::from(file);
    let bytes = bounded(&mut file, expected).map_err(|error| later(errno(&error)))?;
    let after = fstat(&file).map_err(later)?;
    if bytes.len() != expected || version(&before) != version(&after) {
        return Err(Unread::Changing);
    }
    Ok(Content { bytes, exposed: before.st_mode & 0o044 != 0 })
}

fn open_at(place: &Place, owner: u32) -> Result<OwnedFd, Unread> {
    let folder = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Some((name, folders)) = place.below.split_last() else { return Err(Unread::Name) };
    // The dot makes an automounter mount what the path alone would only name.
    let base = open(&place.base.join("."), folder, Mode::empty()).map_err(|error| match error {
        Errno::ENOENT | Errno::ENOTDIR => Unread::NoHome,
        error => later(error),
    })?;
    let mut at = base.try_clone().map_err(|error| later(errno(&error)))?;
    for name in folders {
        at = openat(&at, name.as_os_str(), folder | OFlag::O_NOFOLLOW, Mode::empty()).map_err(|error| {
            match error {
                Errno::ENOTDIR | Errno::ELOOP => Unread::Way,
                Errno::ENOENT if place.is_below_home() => absent(&base, owner),
                Errno::ENOENT => Unread::NoHome,
                error => later(error),
            }
        })?;
    }
    // O_NONBLOCK: a FIFO without a writer opens at once, and is then seen for what it is.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    openat(&at, name.as_os_str(), flags, Mode::empty()).map_err(|error| match error {
        Errno::ELOOP => Unread::Link,
        Errno::ENXIO => Unread::NotRegular, // a socket
        Errno::ENOENT if place.is_below_home() => absent(&base, owner),
        Errno::ENOENT => Unread::NoFile,
        // Another's file in the user's folder is told from the user's own without the right to read.
        Errno::EACCES => match fstatat(&at, name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) if kind(&found) == SFlag::S_IFREG && found.st_uid != owner => Unread::NotOwned,
            _ => Unread::Denied,
        },
        error => later(error),
    })
}

/// A missing file means "none" only in a home that is really the user's: the folder on which a home is
/// yet to be mounted is root's, and says nothing.
fn absent(home: &OwnedFd, owner: u32) -> Unread {
    match fstat(home) {
        Ok(found) if found.st_uid == owner => Unread::NoFile,
        Ok(_) => Unread::BareHome,
        Err(error) => later(error),
    }
}

fn check(found: &FileStat, owner: u32, limit: usize) -> Result<(), Unread> {
    if kind(found) != SFlag::S_IFREG {
        return Err(Unread::NotRegular);
    }
    if found.st_uid != owner {
        return Err(Unread::NotOwned);
    }
    match found.st_nlink {
        0 => return Err(Unread::Changing), // replaced since it was opened
        1 => {}
        _ => return Err(Unread::HardLink),
    }
    if found.st_mode & 0o022 != 0 {
        return Err(Unread::Writable);
    }
    if usize::try_from(found.st_size).is_ok_and(|size| size <= limit) {
        Ok(())
    } else {
        Err(Unread::TooLarge)
    }
}

fn kind(found: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT
}

/// What changes whenever a file is written, replaced or linked.
fn version(found: &FileStat) -> impl PartialEq {
    let links = found.st_nlink;
    (links, found.st_size, found.st_mtime, found.st_mtime_nsec, found.st_ctime, found.st_ctime_nsec)
}

/// At most one byte more than `expected`, into memory that never moves.
fn bounded(file: &mut File, expected: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; expected + 1]);
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn later(error: Errno) -> Unread {
    match error {
        Errno::EACCES | Errno::EPERM => Unread::Denied,
        _ => Unread::Failed,
    }
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use nix::unistd::{geteuid, mkfifo};

    use super::*;

    /// A home in a folder of its own, gone when dropped.
    struct Home(PathBuf);

    impl Home {
        fn named(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("mfactl-open-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn with(self, name: &str, content: &[u8], mode: u32) -> Self {
            let path = self.0.join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            self
        }

        fn read(&self, way: &str) -> Result<Vec<u8>, Unread> {
            let below = way.split('/').map(Into::into).collect();
            let place = Place { base: self.0.clone(), below };
            read(&place, geteuid().as_raw(), 1000).map(|content| content.bytes.to_vec())
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_plain_file_of_the_owner_is_read() {
        let home = Home::named("plain")
            .with("ga", b"secret", 0o600)
            .with("most", &[b'x'; 1000], 0o600)
            .with("none", b"", 0o400);
        assert_eq!(home.read("ga"), Ok(b"secret".to_vec()));
        assert_eq!(home.read("most"), Ok(vec![b'x'; 1000]));
        assert_eq!(home.read("none"), Ok(Vec::new()));
    }

    #[test]
    fn links_are_not_followed_wherever_they_are() {
        let home = Home::named("links").with("ga", b"secret", 0o600);
        symlink("ga", home.0.join("link")).unwrap();
        symlink("/etc/shadow", home.0.join("shadow")).unwrap();
        symlink("nowhere", home.0.join("dangling")).unwrap();
        for link in ["link", "shadow", "dangling"] {
            assert_eq!(home.read(link), Err(Unread::Link), "{link}");
        }
        symlink(&home.0, home.0.join("way")).unwrap();
        assert_eq!(home.read("way/ga"), Err(Unread::Way));
        assert_eq!(home.read("ga/ga"), Err(Unread::Way));
        fs::hard_link(home.0.join("ga"), home.0.join("second")).unwrap();
        assert_eq!(home.read("ga"), Err(Unread::HardLink));
    }

    #[test]
    fn what_is_no_regular_file_is_not_waited_for() {
        let home = Home::named("kinds");
        mkfifo(&home.0.join("fifo"), Mode::from_bits_truncate(0o600)).unwrap();
        fs::create_dir(home.0.join("folder")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(home.0.join("socket")).unwrap();
        for name in ["fifo", "folder", "socket"] {
            assert_eq!(home.read(name), Err(Unread::NotRegular), "{name}");
        }
    }

    #[test]
    fn a_file_without_end_is_not_read() {
        let home = Home::named("large").with("large", b"", 0o600);
        File::options().write(true).open(home.0.join("large")).unwrap().set_len(1 << 30).unwrap();
        assert_eq!(home.read("large"), Err(Unread::TooLarge));
    }

    #[test]
    fn a_file_that_others_may_write_is_refused_and_one_they_may_read_is_noted() {
        let home = Home::named("modes")
            .with("group", b"x", 0o620)
            .with("all", b"x", 0o602)
            .with("seen", b"x", 0o640);
        assert_eq!(home.read("group"), Err(Unread::Writable));
        assert_eq!(home.read("all"), Err(Unread::Writable));
        let seen = Place { base: home.0.clone(), below: vec!["seen".into()] };
        assert!(read(&seen, geteuid().as_raw(), 1000).unwrap().exposed);
    }

    #[test]
    fn a_file_of_another_is_refused() {
        let home = Home::named("another").with("ga", b"x", 0o600);
        let place = Place { base: home.0.clone(), below: vec!["ga".into()] };
        let another = geteuid().as_raw() + 1;
        assert_eq!(read(&place, another, 1000).unwrap_err(), Unread::NotOwned);
    }

    #[test]
    fn absence_is_proven_and_never_assumed() {
        let home = Home::named("absent");
        assert_eq!(home.read("ga"), Err(Unread::NoFile));
        assert_eq!(home.read(".config/ga"), Err(Unread::NoFile));
        let missing = Place { base: home.0.join("missing"), below: vec!["ga".into()] };
        assert_eq!(read(&missing, 0, 1000).unwrap_err(), Unread::NoHome);
        let bare = Place { base: home.0.clone(), below: vec!["ga".into()] };
        assert_eq!(read(&bare, geteuid().as_raw() + 1, 1000).unwrap_err(), Unread::BareHome);
        let elsewhere = Place { base: "/".into(), below: vec!["no-such-folder".into(), "ga".into()] };
        assert_eq!(read(&elsewhere, 0, 1000).unwrap_err(), Unread::NoHome);
    }
}
