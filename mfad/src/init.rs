//! `mfad init`: what a package's sysusers, tmpfiles and postinst do, for hosts without them.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown, fchown},
    path::Path,
};

use mfa_proto::names::RUN_DIR;
use mfad::{keys, settings, world::KernelEntropy};
use nix::unistd::{User, geteuid};

use crate::serve::{STATE_DIR, USER};

const SETTINGS: &str = "\
# mfad's settings: mfad(8). Check a change with `mfad --check` before mfad is started again.

[policy]
# off       nobody is asked
# observe   nobody is asked; what would have happened is recorded
# optional  who has a factor is asked for it; others are let through
# required  everybody is asked; who has no factor is refused
mode = \"optional\"
";

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
    if !Path::new(keys::KEY_FILE).exists() {
        make_key(uid, gid)?;
    }
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

/// A key is made only where no database is: another key would open none of its rows.
fn make_key(uid: u32, gid: u32) -> Result<(), String> {
    let database = Path::new(STATE_DIR).join(crate::serve::DATABASE);
    if database.exists() {
        return Err(format!(
            "{} is missing, and {} is sealed under it: put the key back. (To begin anew and lose every \
             enrolment, move the database away.)",
            keys::KEY_FILE,
            database.display()
        ));
    }
    let file = keys::create(Path::new(keys::KEY_FILE), &KernelEntropy).map_err(|error| error.to_string())?;
    fchown(&file, Some(uid), Some(gid)).map_err(|error| format!("{}: {error}", keys::KEY_FILE))
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
