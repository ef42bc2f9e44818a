//! The key as a credential of systemd: a file that only this host opens, for its unit alone.
//!
//! systemd seals it under the host's own key (`/var/lib/systemd/credential.secret`), so no backup
//! of `/etc` gives it away. Not under a TPM, by itself: a new firmware or another mainboard would
//! lock everybody out. Who wants that, seals it again (mfad(8)).

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use mfa_proto::secret::Secret;
use mfad::{
    crypto::{KEY_BYTES, Keys},
    keys::CREDENTIAL,
};

/// Where systemd looks for credentials that are sealed, the first is where ours is put.
const STORES: [&str; 3] =
    ["/etc/credstore.encrypted", "/run/credstore.encrypted", "/usr/lib/credstore.encrypted"];
/// The program that seals them. Since systemd 250.
const PROGRAM: &str = "/usr/bin/systemd-creds";

/// The credential that is there.
pub(crate) fn found() -> Option<PathBuf> {
    STORES.iter().map(|store| Path::new(store).join(CREDENTIAL)).find(|path| path.exists())
}

/// Whether systemd runs here and has credentials.
pub(crate) fn are_known() -> bool {
    sd_notify::booted().unwrap_or(false) && Path::new(PROGRAM).exists()
}

/// Seals the key, sees that it opens again, and puts it where the unit finds it. The key itself is
/// never in a file.
pub(crate) fn create(key: &Secret<[u8; KEY_BYTES]>) -> Result<PathBuf, String> {
    let sealed = run(&["encrypt", "--with-key=host"], key.expose())?;
    let opened = Secret::new(run(&["decrypt"], &sealed)?);
    if opened.expose() != key.expose() {
        return Err(format!("{PROGRAM}: what it sealed opens as something else"));
    }
    let [store, ..] = STORES;
    let path = Path::new(store).join(CREDENTIAL);
    let write = || {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(store)?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(&sealed)?;
        file.sync_all()?;
        fs::File::open(store)?.sync_all()
    };
    write().map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// Opens the credential at `path`, as root.
pub(crate) fn open(path: &Path) -> Result<Keys, String> {
    let sealed = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let opened = Secret::new(run(&["decrypt"], &sealed)?);
    let key: [u8; KEY_BYTES] = opened.expose().as_slice().try_into().map_err(|_| {
        format!("{}: holds {} bytes, a key has {KEY_BYTES}", path.display(), opened.expose().len())
    })?;
    Ok(Keys::new(&Secret::new(key)))
}

/// Runs the program over `input`, by pipes; what it gives.
fn run(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("{PROGRAM}: {error}");
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .arg(format!("--name={CREDENTIAL}"))
        .args(["-", "-"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let sent = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input)); // shorter than a pipe
    let ran = child.wait_with_output().map_err(failed)?;
    if !ran.status.success() {
        return Err(format!(
            "{PROGRAM} {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&ran.stderr).trim()
        ));
    }
    sent.map_err(failed)?;
    Ok(ran.stdout)
}
