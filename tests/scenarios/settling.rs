//! The account phase after an auth phase: what was proven is settled, and what comes of it is read.

use mfa_tests::{Machine, Stack};

use crate::false_mfad::{in_the_place_of_mfad, told_by};
use crate::people::enrolled;

/// What mfad has to say once an enrolment in the login is settled.
const CODES: &str = "\nYour backup codes, shown this once:\n\n  0-7KQ2M-X4TPD-H9WC\n  1-8ABCD-EFGHJ-KMNP\n\n\
                     Press Enter when you have kept these codes: ";

/// Alice before hosts of all kinds, whose mfad has those codes for everybody.
fn machine() -> Machine {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .pam("sshd", Stack::password_then_mfa())
        .pam("sudo", Stack::password_then_mfa())
        .pam("door", Stack::mfa_alone())
        .start()
        .with_pam_host();
    in_the_place_of_mfad(&machine, Some(CODES));
    machine
}

// S14: host-realities 4 and 16, over real sshd and a sudo that says PAM_SILENT.
#[test]
fn backup_codes_of_an_enrolment_are_read_before_the_session_begins() {
    let machine = machine();
    for outcome in [
        machine.ssh("alice").password("pw").code("123456").code("whatever").assert_granted(),
        machine.sudo("alice").password("pw").code("123456").code("").assert_granted(),
    ] {
        let [_, _, codes] = outcome.prompts()[..] else { panic!("three prompts: {outcome}") };
        assert!(codes.contains("0-7KQ2M-X4TPD-H9WC") && codes.contains("1-8ABCD-EFGHJ-KMNP"), "{codes:?}");
        assert!(codes.ends_with("Press Enter when you have kept these codes: "), "{codes:?}");
    }
    assert!(!machine.log().raw().concat().windows(5).any(|bytes| bytes == b"7KQ2M"), "they are in the log");
    assert!(!told_by(&machine, "mfad").contains("whatever"), "the answer went somewhere");
}

#[test]
fn they_are_a_prompt_that_shows_what_is_typed_whether_or_not_the_host_is_silent() {
    let machine = machine();
    for silent in [&[][..], &["--silent"]] {
        let answers = ["--answer", "123456", "--answer", "x"];
        let report = machine.pam_host("door", "alice", &[&answers[..], silent].concat());
        assert!(report.granted(), "{report}");
        assert_eq!(report.messages()[1..], [("echo_on", CODES)]);
    }
}

// S22: what mfad has bound is bound.
#[test]
fn a_host_that_cannot_show_them_has_settled_all_the_same() {
    let machine = machine();
    let report = machine.pam_host("door", "alice", &["--answer", "123456"]);
    assert!(report.granted(), "the second prompt failed, and the login did not: {report}");
    assert!(told_by(&machine, "mfad").contains("Settle ticket"));
    // sshd's password method has no conversation in this phase.
    let machine = Machine::new()
        .user(enrolled("alice"))
        .pam("sshd", Stack::password_and_code_in_one_field())
        .sshd("PasswordAuthentication yes")
        .start();
    in_the_place_of_mfad(&machine, Some(CODES));
    let outcome = machine.ssh("alice").methods("password").password("pw123456").assert_granted();
    assert!(!outcome.transcript.contains("7KQ2M"), "{outcome}");
    assert!(told_by(&machine, "mfad").contains("Settle ticket"));
}

// S24
#[test]
fn a_user_that_is_changed_while_the_codes_are_read_is_refused() {
    let machine = machine();
    let change = ["--answer", "123456", "--answer", "", "--change-user", "root", "--at-prompt", "2"];
    let again = ["--phases", "auth,account,account", "--keep-going"];
    let report = machine.pam_host("door", "alice", &[&change[..], &again].concat());
    assert_eq!(report.phase("authenticate"), Some("PAM_SUCCESS"), "{report}");
    assert_eq!(report.phase("acct_mgmt"), Some("PAM_PERM_DENIED"), "{report}");
    assert!(!report.granted(), "asking again is no way round: {report}");
    machine.log().wait_for("reason=user_changed");
}

// S24: a line that only looks for a key is no auth phase of its own.
#[test]
fn a_line_that_looks_for_a_key_after_ours_leaves_the_proof_to_be_settled() {
    let stack =
        "auth required pam_mfa.so\nauth optional pam_mfa.so key-passed\naccount required pam_mfa.so\n";
    let machine =
        Machine::new().user(enrolled("alice")).pam("door", Stack::raw(stack)).start().with_pam_host();
    let code = machine.token("alice").code();
    let report = machine.pam_host("door", "alice", &["--answer", &code]);
    assert_eq!(report.phase("acct_mgmt"), Some("PAM_SUCCESS"), "{report}");
    assert_eq!(machine.audit().with(&[("event", "settled"), ("user", "alice")]).len(), 1);
}

// S24: but one that asks, and is not answered, voids what was proven before it.
#[test]
fn a_second_line_that_asks_in_vain_leaves_nothing_to_be_settled() {
    let stack = "auth required pam_mfa.so\nauth optional pam_mfa.so\naccount required pam_mfa.so\n";
    let machine =
        Machine::new().user(enrolled("alice")).pam("door", Stack::raw(stack)).start().with_pam_host();
    let code = machine.token("alice").code();
    let report = machine.pam_host("door", "alice", &["--answer", &code, "--keep-going"]);
    assert_ne!(report.phase("acct_mgmt"), Some("PAM_SUCCESS"), "{report}");
    assert_eq!(machine.audit().with(&[("event", "settled")]).len(), 0);
}
