//! Nobody is "nobody" because a name service did not answer.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mfa_tests::{Machine, Stack};

use crate::people::{enrolled, not_enrolled};

/// A stack in which not being asked is enough, so that every waiver is seen.
fn asks_or_lets_in() -> Stack {
    Stack::raw("auth required pam_mfa.so\nauth required pam_permit.so\naccount required pam_permit.so\n")
}

fn machine() -> Machine {
    Machine::new()
        .user(enrolled("alice"))
        .user(not_enrolled("bob"))
        .pam("door", asks_or_lets_in())
        .start()
        .with_pam_host()
}

// S22
#[test]
fn who_has_no_factor_is_not_let_in_while_the_file_of_users_cannot_be_read() {
    let machine = machine();
    assert!(machine.pam_host("door", "bob", &[]).granted(), "not asked, as shipped");
    machine.shell("chmod 0600 /etc/passwd");
    for user in ["alice", "bob", "nobody-of-that-name"] {
        let report = machine.pam_host("door", user, &["--answer", "123456"]);
        assert_eq!(report.result(), "PAM_AUTHINFO_UNAVAIL", "{user}: {report}");
    }
    machine.shell("chmod 0644 /etc/passwd");
    assert!(machine.pam_host("door", "bob", &[]).granted());
}

/// Adds a source of names after the file of users, which does as `/etc/name-source` says.
pub(crate) fn add_source(machine: &Machine) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/name_source.c");
    let library = machine.shell("dirname /usr/lib/*/security").trim().to_owned() + "/libnss_source.so.2";
    let mut compile = Command::new("gcc");
    compile.args(["-shared", "-fPIC", "-o"]).arg(machine.path(library)).arg(&source);
    assert!(compile.status().expect("gcc is needed").success());
    machine.shell("sed -i 's/^passwd:.*/passwd: files source/' /etc/nsswitch.conf");
}

/// Adds one in `state`: `empty`, `away` or `hangs`.
fn with_another_source(machine: &Machine, state: &str) {
    add_source(machine);
    machine.write("/etc/name-source", 0o644, state);
    machine.mfad().restart();
}

// S22
#[test]
fn who_may_be_known_elsewhere_is_not_let_in_while_that_source_is_away() {
    let machine = machine();
    let nobody = "nobody-of-that-name";
    with_another_source(&machine, "empty");
    assert!(machine.pam_host("door", nobody, &[]).granted(), "known to be nobody, and not asked, as shipped");
    for state in ["away", "hangs"] {
        machine.write("/etc/name-source", 0o644, state);
        machine.mfad().restart(); // what a source has said is believed for some seconds
        let ask = || machine.pamtester("door", nobody).operations(&["authenticate"]).code("123456").run();
        let outcome = ask().assert_refused().assert_within(Duration::from_secs(6));
        assert!(outcome.transcript.contains("cannot retrieve"), "could not be judged: {outcome}");
        // Whoever is in the file needs no other source.
        assert!(machine.pam_host("door", "bob", &[]).granted());
    }
    let code = machine.token("alice").code();
    assert!(machine.pam_host("door", "alice", &["--answer", &code]).granted());
}

// S22: all that one login asks of a slow source has one time, which the module outwaits.
#[test]
fn a_source_that_takes_its_time_leaves_no_login_unjudged() {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .settings("[policy]\nmode = \"required\"\n[group.ops]\nmode = \"off\"\n")
        .pam("door", asks_or_lets_in())
        .start()
        .with_pam_host();
    machine.shell("sed -i 's/^group:.*/group: files source/' /etc/nsswitch.conf");
    with_another_source(&machine, "slowly knows dora 4242");
    let report = machine.pam_host("door", "dora", &["--answer", "123456"].repeat(3));
    assert_eq!(report.result(), "PAM_AUTH_ERR", "she was asked: {report}");
}
