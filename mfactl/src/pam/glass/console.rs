//! Root by password at the console: what login and root's account make of it, and the password itself.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use super::account;
use crate::pam::line::Facility;
use crate::pam::stack::Files;
use crate::pam::walk::{OURS, Walk};
use crate::run;

/// Whether root comes in by a password at the console, with our module's file gone; an error says why not.
pub(crate) fn opens(files: &Files) -> Result<(), String> {
    let read = |facility| files.stack("login", facility).map_err(|error| error.to_string());
    let (auth, account) = (read(Facility::Auth)?, read(Facility::Account)?);
    if !files.of_service("login").is_ok_and(|found| found.is_some()) {
        return Err("there is no PAM file of login".to_owned());
    }
    if auth.iter().any(|step| step.asks(OURS)) {
        return Err("login asks mfad".to_owned());
    }
    if !Walk::through(&auth).ends.iter().any(|end| end.granted) {
        return Err("the auth lines of login let nobody in".to_owned());
    }
    if !Walk::without_us(&account).ends.iter().any(|end| end.granted || end.renews) {
        return Err("the account lines of login let nobody in without pam_mfa.so".to_owned());
    }
    if !roots_password() {
        return Err("root has no password".to_owned());
    }
    account::is_open().map_err(|shut| shut.to_string())
}

/// Whether root has a password at all (shadow(5)): a hash, of an account that is not locked.
pub(crate) fn roots_password() -> bool {
    let shadow = fs::read_to_string("/etc/shadow").unwrap_or_default();
    let hash = shadow.lines().find_map(|line| line.strip_prefix("root:")?.split(':').next());
    hash.is_some_and(|hash| hash.len() > 2 && !hash.starts_with(['!', '*']))
}

/// Compares a password with root's, by the helper of `pam_unix`.
pub(super) fn is_roots_password(typed: &[u8]) -> std::io::Result<bool> {
    let program = run::find("unix_chkpwd").ok_or(std::io::ErrorKind::NotFound)?;
    let mut check = Command::new(program)
        .args(["root", "nonull"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = check.stdin.take() {
        // It may have ended before it read: its answer says why.
        let _ = stdin.write_all(typed).and_then(|()| stdin.write_all(b"\0"));
    }
    Ok(check.wait()?.success())
}
