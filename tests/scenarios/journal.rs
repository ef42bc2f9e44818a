//! The journal: what mfad says of a login is there in fields, with what it means, and nobody's name
//! says anything else.

use std::os::unix::ffi::OsStrExt;

use mfa_tests::{Machine, Stack, wait};
use serde_json::Value;
use std::time::Duration;

use crate::people::{REQUIRED, enrolled};

fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry[field].as_str().unwrap_or_default()
}

// S13, S29
#[test]
fn what_mfad_says_is_in_the_journal_in_fields_with_its_meaning_and_cannot_be_forged() {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .pam("sshd", Stack::password_then_mfa())
        .pam("door", Stack::mfa_alone())
        .settings(REQUIRED)
        .boot()
        .with_pam_host();
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();

    let granted = |found: &[&str]| {
        let found = [&["SYSLOG_IDENTIFIER=mfad", "MFAD_EVENT=granted"], found].concat();
        wait::until(Duration::from_secs(5), || machine.journal(&found).pop())
    };
    let entry = granted(&["MFAD_USER=alice", "MFAD_SERVICE=sshd", "SYSLOG_FACILITY=10", "PRIORITY=6"]);
    let entry = entry.expect("alice's login, found by its fields");
    assert!(text(&entry, "MFAD_DETAIL").contains("totp"), "{entry}");
    assert!(text(&entry, "MFAD_DOOR").contains("127.0.0.1"), "{entry}");
    assert!(text(&entry, "MESSAGE").starts_with("granted user=\"alice\" service=\"sshd\""), "{entry}");
    assert_eq!(text(&entry, "_SYSTEMD_UNIT"), "mfad.service");
    let seq = machine.audited("the login", |row| row.text("event") == "granted");
    assert_eq!(text(&entry, "MFAD_SEQ"), seq.field("seq").to_string());

    // What it means and what to do, with the words of this entry.
    let id = format!("MESSAGE_ID={}", text(&entry, "MESSAGE_ID"));
    let explained = machine.exec(&["journalctl", "-x", "--no-pager", &id]).stdout_of_success();
    for part in ["Subject: A second factor was proven at sshd", "mfactl user lock alice", "man:mfad(8)"] {
        assert!(explained.contains(part), "{part}: {explained}");
    }

    // A name that looks like fields, in either form of the protocol.
    let name = b"eve\nMFAD_EVENT=granted\nPRIORITY=0\nMFAD_USER\n\x05\x01\x01\x01\x01\x01\x01\x01alice\n";
    let name = std::ffi::OsStr::from_bytes(name).to_str().expect("text");
    assert!(!machine.pam_host("door", name, &["--answer", "123456"]).granted());
    let refused = wait::until(Duration::from_secs(5), || {
        let told = machine.journal(&["SYSLOG_IDENTIFIER=mfad", "MFAD_EVENT=refused", "MFAD_SERVICE=door"]);
        told.into_iter().find(|entry| text(entry, "MFAD_USER").starts_with("eve"))
    });
    let refused = refused.expect("the refusal");
    // A field that was there twice would be a list.
    assert_eq!((text(&refused, "MFAD_EVENT"), text(&refused, "PRIORITY")), ("refused", "6"), "{refused}");
    assert!(text(&refused, "MFAD_USER").starts_with(r"eve\x0aMFAD_EVENT=granted\x0a"), "{refused}");
    assert!(!text(&refused, "MESSAGE").contains('\n'), "{refused}");
    let forged = machine.journal(&["SYSLOG_IDENTIFIER=mfad", "MFAD_EVENT=granted", "MFAD_SERVICE=door"]);
    assert!(forged.is_empty(), "{forged:?}");
}
