//! The reader: this very program, started anew, which becomes the file's owner before it opens anything.
//!
//! ```text
//!   mfactl import (root)                       the reader
//!     starts it, waits under a deadline  ────▶   leaves the terminal, becomes the owner for good,
//!     bounded, then wiped                ◀────   reads: one byte of verdict, then the content
//! ```
//!
//! It changes its rights after it was started, not before: a program that starts with the owner's rights
//! could be traced by the owner from its first instruction, and so lend its terminal and whatever
//! descriptors it was born with. A process that gave up rights is closed to tracing. The owner can
//! still stop and kill it, and writes the file, so what comes back is believed as little as the file
//! itself, and never more than `limit` of it is taken.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl::{set_dumpable, set_no_new_privs};
use nix::unistd::{Gid, Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid, setsid};
use zeroize::Zeroizing;

use super::open::{self, Content};
use super::place::Place;
use super::unread::Unread;

/// What one file may take, with a home on a network that is mounted first.
const PATIENCE: Duration = Duration::from_secs(5);
/// The verdict on a file that only its owner may read.
const PRIVATE: u8 = b'P';
/// The verdict on a file that others may read.
const EXPOSED: u8 = b'E';

/// Whose rights the reader takes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Owner {
    pub(crate) const ROOT: Self = Self { uid: 0, gid: 0 };
}

/// What the reader calls itself. It is no verb: whoever may run `mfactl` by sudo, which sets this
/// name itself, must not come to a reader of any file.
const NAME: &str = "mfactl: reader of one file";

/// What the reader is told. Nothing in it is secret: an argument list is everybody's to read.
#[derive(Debug)]
pub(crate) struct ReadFile {
    owner: Owner,
    limit: usize,
    place: Place,
}

/// What this process is told, where it is a reader; `None` where it is not.
pub(crate) fn asked() -> Option<io::Result<ReadFile>> {
    let mut words = std::env::args_os();
    (words.next()? == NAME).then(|| {
        let bad = || io::Error::from(io::ErrorKind::InvalidInput);
        let mut number = || words.next()?.to_str()?.parse::<u32>().ok();
        let (uid, gid, limit) =
            (number().ok_or_else(bad)?, number().ok_or_else(bad)?, number().ok_or_else(bad)?);
        let limit = usize::try_from(limit).map_err(|_| bad())?;
        let base = PathBuf::from(words.next().ok_or_else(bad)?);
        let below = words.collect();
        Ok(ReadFile { owner: Owner { uid, gid }, limit, place: Place { base, below } })
    })
}

/// Reads the file at `place` with the rights of `owner`, whose file it has to be.
pub(crate) fn fetch(place: &Place, owner: Owner, limit: usize) -> Result<Content, Unread> {
    let child = Command::new("/proc/self/exe")
        .arg0(NAME)
        .args([owner.uid.to_string(), owner.gid.to_string(), limit.to_string()])
        .arg(&place.base)
        .args(&place.below)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| Unread::Failed)?;
    collect(child, limit, PATIENCE)
}

/// What `child` has to say, within `patience`.
fn collect(mut child: Child, limit: usize, patience: Duration) -> Result<Content, Unread> {
    let Some(pipe) = child.stdout.take() else { return Err(Unread::Failed) };
    let (send, arrived) = mpsc::channel();
    thread::spawn(move || send.send(drain(pipe, limit)));
    let answer = arrived.recv_timeout(patience);
    let _ = child.kill(); // it may have been stopped, or hang: it has said what it had to say
    match answer {
        Ok(answer) => {
            let _ = child.wait();
            understood(&answer.map_err(|_| Unread::Failed)?, limit)
        }
        // One that hangs in a file system may not die for long; it is not waited for.
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(Unread::Late),
    }
}

/// All that the reader says, up to one byte more than it may.
fn drain(mut pipe: ChildStdout, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut said = Zeroizing::new(vec![0; limit + 2]);
    let mut filled = 0;
    while filled < said.len() {
        match pipe.read(&mut said[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    said.truncate(filled);
    Ok(said)
}

fn understood(said: &[u8], limit: usize) -> Result<Content, Unread> {
    match said.split_first() {
        Some((&(PRIVATE | EXPOSED), bytes)) if bytes.len() > limit => Err(Unread::TooLarge),
        Some((&verdict @ (PRIVATE | EXPOSED), bytes)) => {
            Ok(Content { bytes: Zeroizing::new(bytes.to_vec()), exposed: verdict == EXPOSED })
        }
        Some((&tag, _)) => Err(Unread::of_tag(tag).unwrap_or(Unread::Failed)),
        None => Err(Unread::Failed),
    }
}

/// The reader's side: one answer on standard output, whatever happens.
pub(crate) fn serve(asked: ReadFile) -> io::Result<()> {
    let ReadFile { owner, limit, place } = asked;
    let answer = match become_for_good(owner) {
        Ok(()) => open::read(&place, owner.uid, limit),
        Err(_) => Err(Unread::NotDropped),
    };
    // Past std's buffer of lines, which would keep a copy.
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    match answer {
        Ok(content) => {
            out.write_all(&[if content.exposed { EXPOSED } else { PRIVATE }])?;
            out.write_all(&content.bytes)
        }
        Err(unread) => out.write_all(&[unread.tag()]),
    }
}

/// Takes on the rights of `owner`, with no way back, and looks whether that is so.
fn become_for_good(owner: Owner) -> nix::Result<()> {
    setsid()?; // no terminal into which keys could be pushed
    set_no_new_privs()?;
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    set_dumpable(false)?;
    // An id of all ones, for one, means "leave as it is".
    if is_for_good(uid, gid)? { Ok(()) } else { Err(Errno::EPERM) }
}

/// Whether this process is `uid` and `gid` in every respect, and in no other group.
fn is_for_good(uid: Uid, gid: Gid) -> nix::Result<bool> {
    let (uids, gids) = (getresuid()?, getresgid()?);
    Ok([uids.real, uids.effective, uids.saved] == [uid; 3]
        && [gids.real, gids.effective, gids.saved] == [gid; 3]
        && getgroups()?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &[u8]) -> Result<(Vec<u8>, bool), Unread> {
        understood(said, 4).map(|content| (content.bytes.to_vec(), content.exposed))
    }

    #[test]
    fn a_reader_is_believed_as_little_as_the_file() {
        assert_eq!(read(b"Pab"), Ok((b"ab".to_vec(), false)));
        assert_eq!(read(b"Eabcd"), Ok((b"abcd".to_vec(), true)));
        assert_eq!(read(b"P"), Ok((Vec::new(), false)));
        assert_eq!(read(b"Pabcde"), Err(Unread::TooLarge));
        assert_eq!(read(b"n"), Err(Unread::NoFile));
        assert_eq!(read(b"nP"), Err(Unread::NoFile));
        for garbled in [&b""[..], b"\0", b"Zab", b"\xff"] {
            assert_eq!(read(garbled), Err(Unread::Failed), "{garbled:?}");
        }
    }

    fn collected(program: &[&str], patience: Duration) -> Result<usize, Unread> {
        let child = Command::new(program[0]).args(&program[1..]).stdout(Stdio::piped()).spawn().unwrap();
        collect(child, 1000, patience).map(|content| content.bytes.len())
    }

    #[test]
    fn a_reader_that_hangs_is_left_and_one_without_end_is_cut() {
        assert_eq!(collected(&["sleep", "1000"], Duration::from_millis(50)), Err(Unread::Late));
        assert_eq!(collected(&["yes", "Pa"], PATIENCE), Err(Unread::TooLarge));
        assert_eq!(collected(&["true"], PATIENCE), Err(Unread::Failed));
        assert_eq!(collected(&["printf", "Pab"], PATIENCE), Ok(2));
    }

    #[test]
    fn the_rights_of_another_are_not_ours() {
        let gid = nix::unistd::getegid();
        assert!(!is_for_good(Uid::from_raw(4_000_000_000), gid).unwrap());
    }
}
