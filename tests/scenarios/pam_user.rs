//! The user of a login is changed while it goes on, by another module or by the host.

use std::path::Path;
use std::process::Command;

use mfa_tests::{Machine, Stack};

use crate::people::enrolled;

/// What sshd tells of a login whose password it has checked.
const PASSED: [&str; 4] = ["--as", "sshd", "--env", "SSH_AUTH_INFO_0=password"];

/// A service of that stack, with alice and bob, and a module beside ours that names another user.
fn machine(stack: &str) -> Machine {
    let machine = Machine::new()
        .users(["alice", "bob"].map(enrolled))
        .pam("door", Stack::raw(stack))
        .start()
        .with_pam_host();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/renaming_module.c");
    let module = machine.path("/usr/local/lib/pam_rename.so");
    let compiled = Command::new("gcc").args(["-shared", "-fPIC", "-o"]).arg(&module).arg(&source).status();
    assert!(compiled.expect("gcc is needed").success());
    machine
}

const RENAME: &str = "required /usr/local/lib/pam_rename.so";

// S24
#[test]
fn who_proves_alice_is_not_let_in_as_bob_by_a_module_that_comes_after() {
    for arguments in ["", "first_factor=requisite"] {
        let machine = machine(&format!(
            "auth required pam_mfa.so {arguments}\nauth {RENAME} bob\naccount required pam_mfa.so\n"
        ));
        let code = machine.token("alice").code();
        let report = machine.pam_host("door", "alice", &["--answer", &code]);
        assert_eq!(report.phase("authenticate"), Some("PAM_SUCCESS"), "{report}");
        assert_eq!(report.phase("acct_mgmt"), Some("PAM_PERM_DENIED"), "{report}");
        machine.log().wait_for("reason=user_changed");
        let settled = machine.audit().with(&[("event", "settled")]).len();
        assert_eq!(settled, 0, "what was proven for alice was bound all the same");
    }
}

// S24: changed after the auth phase, before ours is asked again.
#[test]
fn who_proves_alice_is_not_let_in_as_bob_by_a_module_of_the_account_phase() {
    let machine = machine(&format!(
        "auth required pam_mfa.so first_factor=requisite\naccount {RENAME} bob\naccount required pam_mfa.so\n"
    ));
    let code = machine.token("alice").code();
    let report = machine.pam_host("door", "alice", &["--answer", &code]);
    assert_eq!(report.phase("acct_mgmt"), Some("PAM_PERM_DENIED"), "{report}");
    // A host that goes on all the same finds no way round by asking again.
    let next = machine.token("alice").code_at(1);
    let again = ["--answer", &next, "--phases", "auth,account,account", "--keep-going"];
    let report = machine.pam_host("door", "alice", &again);
    assert_eq!(report.result(), "PAM_PERM_DENIED", "{report}");
}

// S24
#[test]
fn a_user_that_is_changed_between_prompt_and_answer_is_refused_there_and_then() {
    let stack = "auth required pam_mfa.so\nauth required pam_permit.so\naccount required pam_mfa.so\n";
    let users = ["one", "two", "three", "four", "five"];
    let machine =
        Machine::new().users(users.map(enrolled)).pam("door", Stack::raw(stack)).start().with_pam_host();
    for (user, other) in users.into_iter().zip(["two", "root", "three ", "Four", "fiv"]) {
        let code = machine.token(user).code();
        let report = machine.pam_host("door", user, &["--answer", &code, "--change-user", other]);
        assert_eq!(report.phase("authenticate"), Some("PAM_AUTH_ERR"), "{other}: {report}");
    }
    machine.log().wait_for("reason=user_changed");
    let settled = machine.audit().with(&[("event", "settled")]).len();
    assert_eq!(settled, 0);
}

#[test]
fn a_user_that_is_changed_before_we_are_asked_is_who_is_asked() {
    let machine =
        machine(&format!("auth {RENAME} bob\nauth required pam_mfa.so\naccount required pam_mfa.so\n"));
    let (alice, bob) = (machine.token("alice").code(), machine.token("bob").code());
    assert!(!machine.pam_host("door", "alice", &["--answer", &alice]).granted());
    assert!(machine.pam_host("door", "alice", &["--answer", &bob]).granted());
}

// S24: asking for nothing is bound to the user too.
#[test]
fn a_waiver_of_nobody_is_no_waiver_of_somebody_else() {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .user(crate::people::not_enrolled("bob"))
        .pam("door", Stack::mfa_alone())
        .start()
        .with_pam_host();
    let report = machine.pam_host("door", "bob", &["--keep-going", "--change-user", "alice"]);
    assert!(!report.granted(), "alone in its stack a waiver lets nobody in: {report}");
}

// S24: what a user is told who is let in is a conversation too, and who comes out of it as another is not let in.
#[test]
fn a_user_that_is_changed_while_a_reminder_is_shown_is_refused() {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .user(crate::people::not_enrolled("bob"))
        .pam("sshd", Stack::mfa_alone())
        .start()
        .with_pam_host();
    let other = [&PASSED[..], &["--change-user", "alice", "--at-text"]].concat();
    let report = machine.pam_host("sshd", "bob", &other);
    assert_eq!(report.messages().len(), 1, "the reminder: {report}");
    assert_eq!(report.phase("authenticate"), Some("PAM_AUTH_ERR"), "{report}");
    machine.log().wait_for("reason=user_changed");
    // Unchanged, bob is let in.
    let unchanged = machine.pam_host("sshd", "bob", &PASSED);
    assert_eq!(unchanged.phase("authenticate"), Some("PAM_SUCCESS"), "{unchanged}");
}
