//! `mfad --check`: whether this program could serve with the settings, and with the store, that are there. Reads only,
//! so that it can be asked while another mfad serves: a package asks the new one before it ends the old one.

use std::{io::Write, path::Path};

use data_encoding::HEXLOWER;
use mfad::{
    auth::Source,
    crypto::Keys,
    keys,
    places::Places,
    policy::{Finding, findings},
    settings::Settings,
    store::sqlite::Sqlite,
    world::{Clock, KernelClock},
};
use nix::unistd::{Uid, geteuid};

use crate::{
    credential,
    serve::{self, DATABASE, STATE_DIR},
    user,
};

/// Checks the settings, and says which mode they ask for, and their digest.
pub(crate) fn settings(path: &Path) -> Result<(), String> {
    let settings = Settings::read(path, &crate::host_name()).map_err(|error| error.to_string())?;
    let unread = Places::default().read(&settings.databases);
    let unread = unread.into_iter().map(|wrong| format!("no place is known by {wrong}"));
    for warning in settings.warnings.into_iter().chain(unread) {
        warn(&format!("{}: {warning}", path.display()));
    }
    let now = KernelClock::new().map_err(|error| error.to_string())?.now().wall;
    for Finding { at, said } in findings(&settings.rules, now) {
        warn(&format!("{at}: {said}"));
    }
    // What reports name the settings by, once a daemon has taken them.
    let digest = HEXLOWER.encode(&Source::digest_of(&settings.text));
    say(&format!("{}: in order, mode {}, SHA-256 {digest}", path.display(), settings.rules.mode.word()))
}

/// Checks that the key opens the store, and that this program knows its schema. Root takes the key, and looks at the
/// store as the daemon's user: what that user may have put in the folder is not opened by root.
pub(crate) fn store() -> Result<(), String> {
    let key = if geteuid().is_root() {
        let user = user::find()?;
        let key = key_for_root(user.uid)?;
        user::step_down_to(&user)?;
        key
    } else {
        serve::key()?
    };
    let database = Path::new(STATE_DIR).join(DATABASE);
    if !Sqlite::check(&database, &key).map_err(|error| error.to_string())? {
        // Serving goes on with it, and refuses who is not found: no reason to keep an older mfad.
        warn(&format!(
            "{}: the list of accounts was altered from outside: who is not in it is refused",
            database.display()
        ));
    }
    say(&format!("{}: in order, and the key opens it", database.display()))
}

/// The key that the daemon of `uid` would find. Root has no credentials folder, and opens what systemd would open.
fn key_for_root(uid: Uid) -> Result<Keys, String> {
    match credential::found() {
        Some(sealed) => credential::open(&sealed),
        None => keys::read(Path::new(keys::KEY_FILE), uid.as_raw()).map_err(|error| error.to_string()),
    }
}

fn say(line: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| error.to_string())
}

fn warn(line: &str) {
    let _ = writeln!(std::io::stderr(), "mfad: warning: {line}");
}
