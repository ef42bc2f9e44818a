//! What is remembered of a change of the stack: how to undo it while it is on trial, and what was kept.
//!
//! Below `/var/lib/mfactl`, root's alone. Every file is replaced whole: after a power cut there is the
//! old one or the new one. The record of a trial is on disk before the first file of it changes. One command
//! changes or puts back at a time.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use nix::fcntl::{Flock, FlockArg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clock::Stopwatch;
use super::place::Change;
use crate::failure::Failure;

/// The folder.
const FOLDER: &str = "/var/lib/mfactl";
/// The trial that is not over.
pub(crate) const TRIAL: &str = "/var/lib/mfactl/trial.json";
/// What was kept.
const KEPT: &str = "/var/lib/mfactl/kept.json";
/// Which trial a process of its own stands by to put back, where there is no systemd.
pub(crate) const ARMED: &str = "/var/lib/mfactl/armed";
/// What is locked while files are changed or put back.
const LOCK: &str = "/var/lib/mfactl/lock";
/// How long another command is waited for. It takes less: nobody is asked for anything meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

/// A file as it was, and what was left in its place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// Which.
    pub(crate) file: PathBuf,
    /// What it held, base64; none: it was not there.
    before: Option<String>,
    /// Its permissions.
    mode: u32,
    /// SHA-256 of what was left there, hexadecimal; none: it went.
    left: Option<String>,
}

impl Saved {
    /// Of what is there now.
    pub(crate) fn of(change: &Change) -> Self {
        Self {
            file: change.file.clone(),
            before: change.before.as_deref().map(|bytes| BASE64.encode(bytes)),
            mode: mode_of(&change.file),
            left: change.after.as_deref().map(sum),
        }
    }

    /// Whether the file still is what was left there.
    pub(crate) fn is_as_left(&self) -> bool {
        fs::read(&self.file).ok().as_deref().map(sum) == self.left
    }

    /// Whether the file is what it was before, as where the change never came to it.
    pub(crate) fn is_as_before(&self) -> bool {
        let now = fs::read(&self.file).ok().map(|bytes| BASE64.encode(&bytes));
        now == self.before
    }

    /// Puts back what was there.
    pub(crate) fn restore(&self) -> io::Result<()> {
        match &self.before {
            None => remove(&self.file),
            Some(text) => {
                let bytes = BASE64.decode(text.as_bytes()).map_err(io::Error::other)?;
                replace(&self.file, &bytes, self.mode)
            }
        }
    }
}

/// A change that is on trial.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trial {
    /// Of this trial alone.
    pub(crate) id: String,
    /// The names of the families.
    pub(crate) families: Vec<String>,
    /// Each file, in the order in which they change.
    pub(crate) saved: Vec<Saved>,
    /// Where sshd keeps its process id; none: sshd is not in it.
    pub(crate) sshd: Option<String>,
}

/// What was kept of one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The hash of the effective result.
    pub(crate) hash: String,
    /// Since when, Unix seconds.
    pub(crate) since: u64,
    /// When it was first seen to be gone or changed, Unix seconds; 0: it is there.
    #[serde(default)]
    pub(crate) gone: u64,
}

/// What was kept, by family.
pub(crate) type AllKept = BTreeMap<String, Kept>;

/// Nobody else changes or puts back anything while this lives. None: whoever does has hung for too long.
pub(crate) fn lock() -> Result<Option<Flock<File>>, Failure> {
    let unlocked = |error| Failure::File(LOCK.to_owned(), error);
    make_folder().map_err(unlocked)?;
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(LOCK);
    let mut file = opened.map_err(unlocked)?;
    let clock = Stopwatch::start();
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Some(lock)),
            Err((_, _)) if clock.elapsed() > PATIENCE => return Ok(None),
            Err((file, _)) => file,
        };
        sleep(Duration::from_millis(20));
    }
}

fn make_folder() -> io::Result<()> {
    if Path::new(FOLDER).is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(FOLDER)?;
    File::open(folder_of(Path::new(FOLDER))?)?.sync_all()
}

/// The trial that is not over.
pub(crate) fn trial() -> Result<Option<Trial>, Failure> {
    read(TRIAL)
}

/// Remembers a trial; on disk when this returns.
pub(crate) fn begin(trial: &Trial) -> Result<(), Failure> {
    write(TRIAL, trial)
}

/// Forgets the trial: it is over.
pub(crate) fn end() -> Result<(), Failure> {
    remove(Path::new(TRIAL)).map_err(|error| Failure::File(TRIAL.into(), error))
}

/// What was kept.
pub(crate) fn kept() -> Result<AllKept, Failure> {
    Ok(read(KEPT)?.unwrap_or_default())
}

/// Remembers what is kept.
pub(crate) fn keep(kept: &AllKept) -> Result<(), Failure> {
    write(KEPT, kept)
}

fn read<T: DeserializeOwned>(path: &str) -> Result<Option<T>, Failure> {
    let unread = |error| Failure::Unread(path.to_owned(), error);
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unread(error)),
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| unread(error.into())),
    }
}

fn write(path: &str, record: &impl Serialize) -> Result<(), Failure> {
    let unwritten = |error| Failure::File(path.to_owned(), error);
    let bytes = serde_json::to_vec_pretty(record).map_err(|error| unwritten(error.into()))?;
    make_folder().and_then(|()| replace(Path::new(path), &bytes, 0o600)).map_err(unwritten)
}

/// The permissions of a file; those of a PAM file where there is none.
pub(crate) fn mode_of(file: &Path) -> u32 {
    fs::metadata(file).map_or(0o644, |about| about.permissions().mode() & 0o7777)
}

/// Puts `bytes` in the place of a file, whole, for the same owner; on disk when this returns.
pub(crate) fn replace(file: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let new = beside(file)?;
    let _ = fs::remove_file(&new); // of a run that was cut short
    let written = write_new(&new, bytes, mode, fs::metadata(file).ok()).and_then(|()| fs::rename(&new, file));
    if written.is_err() {
        let _ = fs::remove_file(&new); // on a full disk its blocks are needed to put the rest back
    }
    written?;
    File::open(folder_of(file)?)?.sync_all()
}

fn write_new(new: &Path, bytes: &[u8], mode: u32, was: Option<fs::Metadata>) -> io::Result<()> {
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    opened.write_all(bytes)?;
    if let Some(was) = was {
        fchown(&opened, Some(was.uid()), Some(was.gid()))?;
    }
    opened.set_permissions(fs::Permissions::from_mode(mode))?;
    opened.sync_all()
}

/// Where the new text of a file is written: hidden, and read by neither libpam nor sshd.
fn beside(file: &Path) -> io::Result<PathBuf> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    Ok(folder_of(file)?.join(format!(".{name}.mfactl")))
}

fn folder_of(file: &Path) -> io::Result<&Path> {
    file.parent().ok_or(io::ErrorKind::InvalidInput.into())
}

/// Takes away what a run that was cut short left beside a file.
pub(crate) fn clear(file: &Path) {
    let _ = beside(file).map(fs::remove_file);
}

/// Takes a file away; on disk when this returns.
pub(crate) fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Makes a change of a plan.
pub(crate) fn make(change: &Change) -> io::Result<()> {
    match &change.after {
        Some(bytes) => replace(&change.file, bytes, mode_of(&change.file)),
        None => remove(&change.file),
    }
}

fn sum(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_back_as_it_was_with_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sshd");
        fs::write(&file, b"before\xff").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let change =
            Change { file: file.clone(), before: fs::read(&file).ok(), after: Some(b"after".to_vec()) };
        let saved = Saved::of(&change);
        let saved: Saved = serde_json::from_slice(&serde_json::to_vec(&saved).unwrap()).unwrap();
        make(&change).unwrap();
        assert!(saved.is_as_left());
        assert_eq!(mode_of(&file), 0o640);
        saved.restore().unwrap();
        assert_eq!((fs::read(&file).unwrap(), mode_of(&file)), (b"before\xff".to_vec(), 0o640));
        assert!(!saved.is_as_left());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_was_not_there_goes_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sshd");
        let change = Change { file: file.clone(), before: None, after: Some(b"x".to_vec()) };
        let saved = Saved::of(&change);
        make(&change).unwrap();
        saved.restore().unwrap();
        assert!(!file.exists());
        saved.restore().unwrap();
    }
}
