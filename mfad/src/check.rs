//! `mfad --check`: whether this program could serve with the settings, and with the store, that are there. Reads only,
//! so that it can be asked while another mfad serves: a package asks the new one before it ends the old one.

use std::{collections::HashMap, io::Write, path::Path, sync::mpsc, thread, time::Duration};

use data_encoding::HEXLOWER;
use mfad::{
    auth::Source,
    crypto::Keys,
    keys,
    places::Places,
    policy::{Finding, Named, Nobody, findings, named},
    settings::Settings,
    store::sqlite::Sqlite,
    world::{Clock, KernelClock},
};
use nix::unistd::{Group, Uid, User, geteuid};

use crate::{
    credential,
    serve::{self, DATABASE, STATE_DIR},
    user,
};

/// How long the sources of names may take to say whom there is: what installs a package waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks the settings, and says which mode they ask for, and their digest.
pub(crate) fn settings(path: &Path) -> Result<(), String> {
    let settings = Settings::read(path, &crate::host_name()).map_err(|error| error.to_string())?;
    let places = Places::default();
    let unread = places.read(&settings.databases);
    let unread = unread.into_iter().map(|wrong| format!("no place is known by {wrong}"));
    for warning in settings.warnings.into_iter().chain(unread) {
        warn(&format!("{}: {warning}", path.display()));
    }
    let now = KernelClock::new().map_err(|error| error.to_string())?.now().wall;
    let found = findings(&settings.rules, places.databases(), now);
    let missing = missing(named(&settings.rules, now)).unwrap_or_else(|| {
        warn(&format!(
            "{}: a name service fails: who of those it names is there cannot be told",
            path.display()
        ));
        Vec::new()
    });
    for Finding { at, said } in found.into_iter().chain(missing) {
        let at = if at.is_empty() { path.display().to_string() } else { at };
        warn(&format!("{at}: {said}"));
    }
    // What reports name the settings by, once a daemon has taken them.
    let digest = HEXLOWER.encode(&Source::digest_of(&settings.text));
    say(&format!("{}: in order, mode {}, SHA-256 {digest}", path.display(), settings.rules.mode.word()))
}

/// What names nobody whom a source of names has; `None` where they do not tell of all.
fn missing(named: Vec<Named>) -> Option<Vec<Finding>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut known = HashMap::new();
        let mut is_missing = |name: &Nobody| match known.get(name) {
            Some(is_missing) => Ok(*is_missing),
            None => is_nobody(name).inspect(|is_missing| {
                known.insert(name.clone(), *is_missing);
            }),
        };
        let missing = named.iter().filter_map(|named| match is_missing(&named.name) {
            Ok(is_missing) => is_missing.then(|| Ok(named.missing())),
            Err(error) => Some(Err(error)),
        });
        let _ = tell.send(missing.collect::<nix::Result<_>>());
    });
    told.recv_timeout(PATIENCE).ok()?.ok()
}

/// Whether every source of names says that there is none. One that fails is an error.
fn is_nobody(name: &Nobody) -> nix::Result<bool> {
    match name {
        Nobody::User(name) => match std::str::from_utf8(name.as_bytes()) {
            Ok(name) => User::from_name(name).map(|user| user.is_none()),
            Err(_) => Ok(true), // settings are text
        },
        Nobody::Group(name) => Group::from_name(name).map(|group| group.is_none()),
    }
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
