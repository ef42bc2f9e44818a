//! Where the root file systems of machines are; `image.sh` makes them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A release of Debian.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Suite {
    /// The one that `MFA_SUITE` names, bookworm where it names none.
    #[default]
    Usual,
    /// Debian 12, with OpenSSH 9.2.
    Bookworm,
    /// Debian 13, with OpenSSH 10.
    Trixie,
}

/// The root file system of that release, built first where it is missing (half a minute, once a cache).
pub fn root(suite: Suite) -> PathBuf {
    static ROOTS: Mutex<Option<HashMap<Suite, PathBuf>>> = Mutex::new(None);
    let mut roots = ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    roots.get_or_insert_default().entry(suite).or_insert_with(|| built(suite)).clone()
}

fn built(suite: Suite) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/image.sh");
    let mut build = Command::new("bash");
    match suite {
        Suite::Usual => &mut build,
        Suite::Bookworm => build.env("MFA_SUITE", "bookworm"),
        Suite::Trixie => build.env("MFA_SUITE", "trixie"),
    };
    let done = build.arg(script).stderr(Stdio::inherit()).output().expect("bash starts");
    assert!(done.status.success(), "the root file system could not be built: {}", done.status);
    PathBuf::from(String::from_utf8(done.stdout).expect("a path").trim_end())
}
