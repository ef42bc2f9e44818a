//! Nobody is "nobody" because a name service did not answer.

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

// S22
#[test]
fn who_may_be_known_elsewhere_is_not_let_in_while_that_source_is_away() {
    let machine = machine();
    let nobody = "nobody-of-that-name";
    assert!(machine.pam_host("door", nobody, &[]).granted(), "not asked, as shipped");
    // A source of names that is not there: its library is missing.
    machine.shell("sed -i 's/^passwd:.*/passwd: files directory/' /etc/nsswitch.conf");
    machine.mfad().restart();
    let report = machine.pam_host("door", nobody, &["--answer", "123456"]);
    assert_eq!(report.result(), "PAM_AUTHINFO_UNAVAIL", "{report}");
    // Whoever is in the file needs no other source.
    let code = machine.token("alice").code();
    assert!(machine.pam_host("door", "alice", &["--answer", &code]).granted());
    assert!(machine.pam_host("door", "bob", &[]).granted());
}
