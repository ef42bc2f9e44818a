//! User names are bytes that may hold anything.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Output, Stdio};

use mfa_tests::{Machine, Stack};

use crate::people::{REQUIRED, enrolled};

/// Names that nobody has, for reasons of their own.
fn names() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 18] = [
        b" alice",
        b"alice ",
        b"ali ce",
        b"alice\n",
        b"a\nsshd[1]: Accepted password for root from 192.0.2.1",
        b"a user=root reason=plain",
        b"x\" user=\"root",
        b"../../etc/shadow",
        b"/etc/passwd",
        b"alice/../bob",
        b"a:b",
        b"\x1b]0;owned\x07\x1b[2J",
        b"\x08\x7f\x01\x02",
        b"\xff\xfe\xc3\x28",
        b"%s%s%n%x",
        b"-h",
        "аlice".as_bytes(), // its first letter is Cyrillic
        b"alice\r",
    ];
    let mut names: Vec<Vec<u8>> = texts.iter().map(|name| name.to_vec()).collect();
    names.extend([vec![b'a'; 255], vec![b'a'; 300], vec![0xff; 300]]);
    names
}

/// Runs a program as root with a name that is no text, and something to read.
fn run(machine: &Machine, before: &[&str], name: &[u8], after: &[&str], typed: &[u8]) -> Output {
    let mut child = machine
        .command("root", before)
        .arg(OsStr::from_bytes(name))
        .args(after)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nsenter starts");
    let mut stdin = child.stdin.take().expect("piped");
    let _ = stdin.write_all(typed); // it may not want to read
    drop(stdin);
    child.wait_with_output().expect("a child can be waited for")
}

/// Panics where a program of ours wrote a byte into the log that is no printable ASCII.
pub(crate) fn assert_no_raw_log(machine: &Machine) {
    let ours: Vec<Vec<u8>> = machine
        .log()
        .raw()
        .into_iter()
        .filter(|entry| ["mfad", "pam_mfa("].iter().any(|who| String::from_utf8_lossy(entry).contains(who)))
        .collect();
    assert!(!ours.is_empty());
    for entry in ours {
        let text = entry.strip_suffix(b"\0").unwrap_or(&entry);
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let raw = text.iter().any(|byte| !(b' '..=b'~').contains(byte));
        assert!(!raw, "{:?}", String::from_utf8_lossy(&entry));
    }
}

// S29, S8
#[test]
fn a_name_of_any_bytes_logs_nobody_in_and_stands_escaped_in_log_and_audit() {
    let machine =
        Machine::new().user(enrolled("alice")).pam("door", Stack::mfa_alone()).settings(REQUIRED).start();
    let code = machine.token("alice").code();
    let typed = format!("{code}\n").repeat(3);
    for name in names() {
        let ran =
            run(&machine, &["pamtester", "door"], &name, &["authenticate", "acct_mgmt"], typed.as_bytes());
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!ran.status.success(), "{:?} was let in", String::from_utf8_lossy(&name));
        assert!(said.contains("Authentication failure"), "{:?}: {said}", String::from_utf8_lossy(&name));
    }
    let _ = machine.pamtester("door", "alice").code(&code).assert_granted();

    let rows = machine.audit();
    let unknown = rows.with(&[("event", "refused"), ("reason", "unknown_user")]).len();
    assert!(unknown >= names().len(), "each left its row: {}", rows.printed());
    let printed = machine.exec(&["mfactl", "audit"]).stdout_of_success();
    assert!(printed.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{printed:?}");
    assert!(printed.contains(r"a\x0asshd[1]: Accepted"), "{printed}");
    assert_no_raw_log(&machine);
}

// S29
#[test]
fn an_administrator_asks_for_a_name_of_any_bytes_and_gets_an_answer_that_is_text() {
    let machine = Machine::new().user(enrolled("alice")).start();
    for name in names() {
        for verb in [
            &["show"][..],
            &["reset", "--reason", "test", "--break-glass", "test"],
            &["unlock", "--reason", "test", "--break-glass", "test"],
        ] {
            let before = [&["mfactl", "user"], verb, &["--"]].concat();
            let ran = run(&machine, &before, &name, &[], b"");
            let name = String::from_utf8_lossy(&name).into_owned();
            assert_eq!(ran.status.code(), Some(1), "{name:?}: {}", String::from_utf8_lossy(&ran.stderr));
            let said = [ran.stdout, ran.stderr].concat();
            let raw = said.iter().any(|byte| *byte != b'\n' && !(b' '..=b'~').contains(byte));
            assert!(!raw, "{name:?}: {:?}", String::from_utf8_lossy(&said));
        }
    }
    let listed = machine.exec(&["mfactl", "user", "list", "--json"]).stdout_of_success();
    assert_eq!(listed.lines().count(), 1, "{listed}");
    assert_no_raw_log(&machine);
}

// S24, S29
#[test]
fn a_name_is_the_whole_name() {
    let machine = Machine::new()
        .users(["alice", "alic", "alice2"].map(enrolled))
        .pam("door", Stack::mfa_alone())
        .start();
    let alice = machine.token("alice").code();
    for other in ["alic", "alice2"] {
        let _ = machine.pamtester("door", other).code(&alice).assert_refused();
    }
    let _ = machine.pamtester("door", "ALICE").code(&alice).assert_refused();
    let _ = machine.pamtester("door", "alice").code(&alice).assert_granted();
}
