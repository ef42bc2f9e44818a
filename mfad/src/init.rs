//! `mfad init`: what a package's sysusers, tmpfiles and postinst do, for hosts without them.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown, fchown},
    path::Path,
};

use mfa_proto::names::RUN_DIR;
use mfad::{keys, settings, store::sqlite::Sqlite, world::KernelEntropy};
use nix::unistd::{User, geteuid};

use crate::serve::{STATE_DIR, USER};

/// The sample settings, every key explained.
const SETTINGS: &str = include_str!("../../packaging/files/mfad.toml");

/// This host's own id. Source: machine-id(5).
const MACHINE_ID: &str = "/etc/machine-id";
/// Its copy in the state folder, made with the store.
const MADE_FOR: &str = "machine-id";

/// Makes what is missing; keeps what is there.
pub(crate) fn run() -> Result<(), String> {
    if !geteuid().is_root() {
        return Err("init is root's: it makes folders and a key for the daemon's user".into());
    }
    let user = User::from_name(USER).map_err(|error| format!("looking for user {USER}: {error}"))?;
    let hint = format!(
        "there is no user {USER}: useradd --system --home-dir {STATE_DIR} --shell /usr/sbin/nologin {USER}"
    );
    let user = user.ok_or(hint)?;
    let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
    folder("/etc/mfad", 0o755, None)?;
    folder(STATE_DIR, 0o700, Some((uid, gid)))?;
    folder(RUN_DIR, 0o755, Some((uid, gid)))?;
    make_key_and_store(uid, gid)?;
    if !Path::new(settings::FILE).exists() {
        let write = || {
            let mut file =
                fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(settings::FILE)?;
            file.write_all(SETTINGS.as_bytes())
        };
        write().map_err(|error| format!("{}: {error}", settings::FILE))?;
    }
    Ok(())
}

/// Key and store are made together, and only together: another key would open none of the rows,
/// and a new store under an old key would say that nobody is enrolled.
fn make_key_and_store(uid: u32, gid: u32) -> Result<(), String> {
    let (key, database) = (Path::new(keys::KEY_FILE), Path::new(STATE_DIR).join(crate::serve::DATABASE));
    let gone = |gone: &Path, left: &Path| {
        let (gone, left) = (gone.display(), left.display());
        format!(
            "{gone} is missing, and {left} is there: neither is of use without the other. Put it back, or restore a \
             backup. (To begin anew and lose every enrolment, move the other away too.)"
        )
    };
    match (key.exists(), database.exists()) {
        (true, true) => return Ok(()),
        (true, false) => return Err(gone(&database, key)),
        (false, true) => return Err(gone(key, &database)),
        (false, false) => {}
    }
    let file = keys::create(key, &KernelEntropy).map_err(|error| error.to_string())?;
    let made = keys::read(key, geteuid().as_raw()).map_err(|error| error.to_string())?;
    Sqlite::create(&database, &made).map_err(|error| error.to_string())?;
    made_for(&Path::new(STATE_DIR).join(MADE_FOR))?;
    for entry in fs::read_dir(STATE_DIR).map_err(|error| format!("{STATE_DIR}: {error}"))? {
        let path = entry.map_err(|error| format!("{STATE_DIR}: {error}"))?.path();
        chown(&path, Some(uid), Some(gid)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    fchown(&file, Some(uid), Some(gid)).map_err(|error| format!("{}: {error}", keys::KEY_FILE))
}

/// Notes which host key and store were made for, so that `mfactl doctor` can tell a clone: machines that
/// share seeds accept each other's spent codes. A host without an id is not told apart.
fn made_for(path: &Path) -> Result<(), String> {
    let id = match fs::read(MACHINE_ID) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        id => id.map_err(|error| format!("{MACHINE_ID}: {error}"))?,
    };
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
        file.write_all(&id)
    };
    write().map_err(|error| format!("{}: {error}", path.display()))
}

fn folder(path: &str, mode: u32, owner: Option<(u32, u32)>) -> Result<(), String> {
    let make = || {
        if !fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
            fs::DirBuilder::new().mode(mode).create(path)?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        match owner {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    };
    make().map_err(|error: std::io::Error| format!("{path}: {error}"))
}
