//! Inside a machine: the people, the services, and the files of the peers.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::people::Person;
use crate::protocol::Scene;
use crate::stack::{OATH_FILE, Stack};

/// Sets everything up that needs nothing of ours to run.
pub(crate) fn prepare(scene: &Scene) -> io::Result<()> {
    users(scene)?;
    for stack in &scene.stacks {
        fs::write(format!("/etc/pam.d/{}", stack.service()), stack.text(&scene.state))?;
    }
    if scene.other_denies {
        let kinds = ["auth", "account", "password", "session"];
        let lines = kinds.map(|kind| format!("{kind} required pam_deny.so\n"));
        fs::write("/etc/pam.d/other", lines.concat())?;
    }
    fs::create_dir_all(&scene.state)?;
    listen_to_syslog()?;
    if scene.stacks.contains(&Stack::Google) {
        google(scene)?;
    }
    if scene.stacks.contains(&Stack::Oath) {
        oath(scene)?;
    }
    Ok(())
}

/// Appends the people to the files that `useradd` would write, which is too slow for 100,000.
fn users(scene: &Scene) -> io::Result<()> {
    let append = |file: &str, line: &dyn Fn(&Person) -> String| -> io::Result<()> {
        let mut text = String::new();
        for person in scene.town.people(0, scene.people) {
            text.push_str(&line(&person));
        }
        fs::OpenOptions::new().append(true).open(file)?.write_all(text.as_bytes())
    };
    append("/etc/passwd", &|person| {
        format!("{0}:x:{1}:{1}::{2}/home/{0}:/bin/sh\n", person.name, person.uid, scene.state)
    })?;
    append("/etc/group", &|person| format!("{}:x:{}:\n", person.name, person.uid))
}

/// Takes what modules log, where nobody does: on a real host every one of them pays for its lines.
fn listen_to_syslog() -> io::Result<()> {
    const LOG: &str = "/dev/log";
    if Path::new(LOG).exists() {
        return Ok(());
    }
    let socket = UnixDatagram::bind(LOG)?;
    fs::set_permissions(LOG, fs::Permissions::from_mode(0o666))?;
    std::thread::spawn(move || {
        let mut line = [0; 8192];
        while socket.recv(&mut line).is_ok() {}
    });
    Ok(())
}

/// A secret file a user, as `google-authenticator` writes it with `--disallow-reuse --window-size=3 --no-rate-limit`.
fn google(scene: &Scene) -> io::Result<()> {
    for person in scene.town.people(0, scene.of_peers) {
        let home = Path::new(&scene.state).join("home").join(&person.name);
        fs::create_dir_all(&home)?;
        let file = home.join(".google_authenticator");
        let secret = person.secret_base32();
        fs::write(&file, format!("{secret}\n\" DISALLOW_REUSE\n\" WINDOW_SIZE 3\n\" TOTP_AUTH\n"))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o400))?;
        chown(&file, Some(person.uid), Some(person.uid))?;
        chown(&home, Some(person.uid), Some(person.uid))?;
    }
    Ok(())
}

/// One line a user in one file.
fn oath(scene: &Scene) -> io::Result<()> {
    let mut text = String::new();
    for person in scene.town.people(0, scene.of_peers) {
        let _ = writeln!(text, "HOTP/T30/6\t{}\t-\t{}", person.name, person.secret_hex());
    }
    let file = Path::new(&scene.state).join(OATH_FILE);
    fs::write(&file, text)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))
}
