//! How users come to a factor.

use mfa_tests::{Machine, Stack, Token};

use crate::people::{REQUIRED, alice_at_sshd_and_sudo, enrolled, not_enrolled};

fn bob_not_enrolled() -> Machine {
    Machine::new()
        .user(not_enrolled("bob"))
        .user(not_enrolled("mallory"))
        .pam("sshd", Stack::password_then_mfa())
        .start()
}

fn begin(machine: &Machine, user: &str) -> Token {
    let ran = machine.exec_as(user, &["mfactl", "enroll", "begin", "--json"]);
    Token::begun(&ran.stdout_of_success())
}

// S7
#[test]
fn nothing_is_asked_before_the_enrolment_is_confirmed() {
    let machine = bob_not_enrolled();
    let token = begin(&machine, "bob");
    let outcome = machine.ssh("bob").password("pw").assert_granted();
    assert_eq!(outcome.prompts().len(), 1, "{outcome}");
    let confirm = ["mfactl", "enroll", "confirm", token.enrolment(), &token.code_at(-1), "--json"];
    machine.exec_as("bob", &confirm).stdout_of_success();
    let _ = machine.ssh("bob").password("pw").code(&token.wrong_code()).assert_refused();
    let _ = machine.ssh("bob").password("pw").code(&token.code()).assert_granted();
}

#[test]
fn a_wrong_code_confirms_nothing() {
    let machine = bob_not_enrolled();
    let token = begin(&machine, "bob");
    let confirm = ["mfactl", "enroll", "confirm", token.enrolment(), &token.wrong_code(), "--json"];
    let _ = machine.exec_as("bob", &confirm).assert_exit(1);
    let _ = machine.exec_as("bob", &["mfactl", "status", "--json"]);
    let outcome = machine.ssh("bob").password("pw").assert_granted();
    assert_eq!(outcome.prompts().len(), 1, "{outcome}");
}

// S26
#[test]
fn nobody_confirms_the_enrolment_of_another() {
    let machine = bob_not_enrolled();
    let token = begin(&machine, "bob");
    let confirm = ["mfactl", "enroll", "confirm", token.enrolment(), &token.code(), "--json"];
    let _ = machine.exec_as("mallory", &confirm).assert_exit(1);
    let outcome = machine.ssh("mallory").password("pw").assert_granted();
    assert_eq!(outcome.prompts().len(), 1, "{outcome}");
}

// S18
#[test]
fn a_second_factor_is_not_added_by_a_session_alone() {
    let machine = alice_at_sshd_and_sudo().start();
    let ran = machine.exec_as("alice", &["mfactl", "enroll", "begin", "--json"]);
    let _ = ran.assert_exit(2); // no code on standard input: nothing was begun
    let wrong = format!("{}\n", machine.token("alice").wrong_code());
    let ran = machine.exec_with("alice", &["mfactl", "enroll", "begin", "--json"], wrong.as_bytes());
    let _ = ran.assert_exit(1);
}

// S26
#[test]
fn the_accounts_of_others_are_for_root_alone() {
    let machine = Machine::new().user(enrolled("alice")).user(not_enrolled("mallory")).start();
    for verb in [&["list"][..], &["show", "alice"], &["reset", "alice", "--reason", "mine"]] {
        let command = [&["mfactl", "user"], verb].concat();
        let _ = machine.exec_as("mallory", &command).assert_exit(4);
        let _ = machine.exec_as("alice", &command).assert_exit(4);
    }
    let _ = machine.exec_as("mallory", &["mfactl", "audit"]).assert_exit(4);
    // What the bus lets through, mfad refuses.
    let lax =
        "<busconfig><policy user=\"alice\"><allow send_destination=\"org.mfad1\"/></policy></busconfig>";
    machine.write("/etc/dbus-1/system.d/lax.conf", 0o644, lax);
    machine.bus().reload().stdout_of_success();
    let verify = "dbus-send --system --print-reply --dest=org.mfad1 /org/mfad1 org.mfad1.Admin.AuditVerify";
    let refused = machine.exec_as("alice", &verify.split(' ').collect::<Vec<_>>()).assert_exit(1);
    assert!(refused.stderr.contains("org.mfad1.Error.NotPermitted"), "{refused}");
    for line in ["user list", "user show alice", "user reset alice --reason mine", "audit"] {
        let _ = machine.mfactl("alice", line).assert_exit(4);
    }
    let list = machine.exec(&["mfactl", "user", "list", "--json"]).stdout_of_success();
    assert!(list.contains("alice"), "{list}");
}

// S20
#[test]
fn a_reset_ends_the_factor_and_the_user_enrols_again() {
    let machine = alice_at_sshd_and_sudo().settings(REQUIRED).start();
    let lost = machine.token("alice");
    machine
        .exec(&["mfactl", "user", "reset", "alice", "--reason", "telephone lost", "--break-glass", "test"])
        .stdout_of_success();
    let _ = machine.ssh("alice").password("pw").code(&lost.code()).assert_refused();
    let found = machine.enrol_invited("alice", &mfa_tests::Totp::sha1());
    assert_ne!(found.secret(), lost.secret());
    let _ = machine.ssh("alice").password("pw").code(&lost.code_at(1)).assert_refused();
    let _ = machine.ssh("alice").password("pw").code(&found.code()).assert_granted();
}

// S26
#[test]
fn status_tells_of_the_own_account() {
    let machine = Machine::new().user(enrolled("alice")).user(not_enrolled("bob")).start();
    let alice = machine.exec_as("alice", &["mfactl", "status", "--json"]).stdout_of_success();
    assert!(alice.contains("totp"), "{alice}");
    let _ = machine.exec_as("bob", &["mfactl", "status", "--json"]).assert_exit(3);
}
