//! `mfad --check`: whether this program could serve with the settings, and with the store, that are there. Reads only,
//! so that it can be asked while another mfad serves: a package asks the new one before it ends the old one.

use std::{io::Write, path::Path};

use mfad::{crypto::Keys, keys, settings::Settings, store::sqlite::Sqlite};
use nix::unistd::{User, geteuid};

use crate::{
    credential,
    serve::{self, DATABASE, STATE_DIR, USER},
};

/// Checks the settings, and says which mode they ask for.
pub(crate) fn settings(path: &Path) -> Result<(), String> {
    let settings = Settings::read(path, &crate::host_name()).map_err(|error| error.to_string())?;
    for warning in settings.warnings {
        warn(&format!("{}: {warning}", path.display()));
    }
    say(&format!("{}: in order, mode {}", path.display(), settings.rules.mode.word()))
}

/// Checks that the key opens the store, and that this program knows its schema.
pub(crate) fn store() -> Result<(), String> {
    let key = key()?;
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

/// The key that the daemon would find. Root has no credentials folder, and opens what systemd would open for it.
fn key() -> Result<Keys, String> {
    if !geteuid().is_root() || serve::has_credential() {
        return serve::key();
    }
    if let Some(sealed) = credential::found() {
        return credential::open(&sealed);
    }
    let user = User::from_name(USER).map_err(|error| format!("looking for user {USER}: {error}"))?;
    let user = user.ok_or(format!("there is no user {USER}: mfad init says how to make one"))?;
    keys::read(Path::new(keys::KEY_FILE), user.uid.as_raw()).map_err(|error| error.to_string())
}

fn say(line: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| error.to_string())
}

fn warn(line: &str) {
    let _ = writeln!(std::io::stderr(), "mfad: warning: {line}");
}
