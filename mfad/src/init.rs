//! `mfad init`: what a package's sysusers, tmpfiles and postinst do, for hosts without them.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown, fchown},
    path::{Path, PathBuf},
};

use mfa_proto::{names::RUN_DIR, secret::Secret};
use mfad::{
    crypto::{KEY_BYTES, Keys},
    keys, settings,
    store::sqlite::Sqlite,
    world::KernelEntropy,
};
use nix::unistd::{User, geteuid};

use crate::{
    credential,
    serve::{DATABASE, STATE_DIR},
    user,
};

/// The sample settings, every key explained.
const SETTINGS: &str = include_str!("../../packaging/files/mfad.toml");

/// This host's own id. Source: machine-id(5).
const MACHINE_ID: &str = "/etc/machine-id";
/// Its copy, made with the store.
const MADE_FOR: &str = "/etc/mfad/machine-id";

/// Makes what is missing; keeps what is there. What is in the daemon's own folder comes last, by the daemon's user: it
/// may have put links there.
pub(crate) fn run() -> Result<(), String> {
    if !geteuid().is_root() {
        return Err("init is root's: it makes folders and a key for the daemon's user".into());
    }
    let user = user::find()?;
    let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
    folder("/etc/mfad", 0o755, None)?;
    folder(STATE_DIR, 0o700, Some((uid, gid)))?;
    folder(RUN_DIR, 0o755, Some((uid, gid)))?;
    if !Path::new(settings::FILE).exists() {
        let write = || {
            let mut file =
                fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(settings::FILE)?;
            file.write_all(SETTINGS.as_bytes())
        };
        write().map_err(|error| format!("{}: {error}", settings::FILE))?;
    }
    make_key_and_store(&user)
}

/// Key and store are made together, and only together: another key would open none of the rows,
/// and a new store under an old key would say that nobody is enrolled. Ends as that user.
fn make_key_and_store(user: &User) -> Result<(), String> {
    let database = Path::new(STATE_DIR).join(DATABASE);
    let there = Some(PathBuf::from(keys::KEY_FILE)).filter(|file| file.exists()).or_else(credential::found);
    let gone = |gone: &Path, left: &Path| {
        let (gone, left) = (gone.display(), left.display());
        format!(
            "{gone} is missing, and {left} is there: neither is of use without the other. Put it back, or restore a \
             backup. (To begin anew and lose every enrolment, move the other away too.)"
        )
    };
    match (there, database.exists()) {
        (Some(_), true) => return Ok(()),
        (Some(key), false) => return Err(gone(&database, &key)),
        (None, true) => return Err(gone(Path::new(keys::KEY_FILE), &database)),
        (None, false) => {}
    }
    let key = keys::generate(&KernelEntropy).map_err(|error| error.to_string())?;
    place(&key, user.uid.as_raw(), user.gid.as_raw())?;
    made_for()?;
    user::step_down_to(user)?;
    Sqlite::create(&database, &Keys::new(&key)).map(drop).map_err(|error| error.to_string())
}

/// Puts the key where the daemon finds it: a credential where systemd has them, else a file.
fn place(key: &Secret<[u8; KEY_BYTES]>, uid: u32, gid: u32) -> Result<(), String> {
    if credential::are_known() {
        match credential::create(key) {
            Ok(path) => {
                let path = path.display();
                return say(&format!(
                    "the key is a credential of this host: {path} (mfad(8) says how to keep a copy)"
                ));
            }
            Err(why) => say(&format!("no credential: {why}"))?,
        }
    }
    let path = Path::new(keys::KEY_FILE);
    let file = keys::create(path, key).map_err(|error| error.to_string())?;
    fchown(&file, Some(uid), Some(gid)).map_err(|error| format!("{}: {error}", keys::KEY_FILE))?;
    say(&format!("the key is in a file: {}", keys::KEY_FILE))
}

fn say(what: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "mfad: {what}").map_err(|error| format!("standard output: {error}"))
}

/// Notes which host key and store were made for, so that `mfactl doctor` can tell a clone: machines that
/// share seeds accept each other's spent codes. A host without an id is not told apart. The copy is root's,
/// beside the key: root reads nothing in the daemon's folder.
fn made_for() -> Result<(), String> {
    match fs::read(MACHINE_ID) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{MACHINE_ID}: {error}")),
        Ok(id) => fs::write(MADE_FOR, id).map_err(|error| format!("{MADE_FOR}: {error}")),
    }
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
