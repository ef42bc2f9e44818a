//! An accepted code is never accepted again.

use mfa_tests::{Attempt, Machine, Stack, Verdict, together};

use crate::people::{alice_at_an_unattested_sshd, alice_at_sshd_and_sudo, enrolled};

// S3
#[test]
fn a_code_spent_at_sshd_is_refused_at_sudo() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
    let _ = machine.sudo("alice").password("pw").code(&code).assert_refused();
    machine.audit().assert_last("spent_code", "alice", "sudo");
}

// S3
#[test]
fn a_spent_code_is_spent_in_every_spelling() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
    for spelt in
        [code.clone(), format!("{} {}", &code[..3], &code[3..]), format!("-{code}"), format!("{code} ")]
    {
        let _ = machine.ssh("alice").password("pw").code(&spelt).assert_refused();
    }
    machine.audit().assert_last("spent_code", "alice", "sshd");
}

// S3
#[test]
fn a_step_older_than_an_accepted_one_is_spent_with_it() {
    let machine = alice_at_sshd_and_sudo().start();
    let token = machine.token("alice");
    let (now, next) = (token.code(), token.code_at(1));
    let _ = machine.ssh("alice").password("pw").code(&next).assert_granted();
    let _ = machine.ssh("alice").password("pw").code(&now).assert_refused();
    machine.audit().assert_last("spent_code", "alice", "sshd");
}

// S3, S31
#[test]
fn a_spent_code_stays_spent_when_the_daemon_is_killed() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
    machine.mfad().kill();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
    machine.audit().assert_last("spent_code", "alice", "sshd");
}

// S7
#[test]
fn the_code_that_confirmed_the_enrolment_is_used_up() {
    let machine = alice_at_sshd_and_sudo().start();
    let confirming = machine.token("alice").code_at(-1);
    let _ = machine.ssh("alice").password("pw").code(&confirming).assert_refused();
    machine.audit().assert_last("spent_code", "alice", "sshd");
}

// S3
#[test]
fn of_sixteen_logins_with_one_code_at_one_moment_one_is_let_in() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    let logins: Vec<Attempt> = (0..16).map(|_| machine.ssh("alice").password("pw").code(&code)).collect();
    let outcomes = together(logins);
    let granted = outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Granted).count();
    let refused = outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Refused).count();
    assert_eq!((granted, refused), (1, 15), "{outcomes:#?}");
    // A right code that was spent costs no try: the owner is not locked out by it.
    let next = machine.token("alice").code_at(1);
    let _ = machine.ssh("alice").password("pw").code(&next).assert_granted();
}

#[test]
fn sixteen_users_at_one_moment_are_all_let_in() {
    let names: Vec<String> = (0..16).map(|number| format!("user{number}")).collect();
    let machine = Machine::new()
        .users(names.iter().map(|name| enrolled(name)))
        .pam("sshd", Stack::password_then_mfa())
        .start();
    let login = |name: &String| machine.ssh(name).password("pw").code(&machine.token(name).code());
    for outcome in together(names.iter().map(login)) {
        let _ = outcome.assert_granted();
    }
}

// S24
#[test]
fn a_right_code_with_a_wrong_password_is_spent_and_binds_nothing() {
    let machine = alice_at_an_unattested_sshd().start();
    let token = machine.token("alice");
    let code = token.code();

    let _ = machine.ssh("alice").from("127.0.0.2").password("wrong").code(&code).assert_refused();

    let shown = machine.exec(&["mfactl", "user", "show", "alice", "--json"]).stdout_of_success();
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let doors = shown["doors"].as_array().expect("doors");
    assert!(doors.iter().all(|door| door["known"] != true), "it taught a door: {shown}");
    let settled = machine.audit().with(&[("event", "settled"), ("user", "alice")]).len();
    assert_eq!(settled, 0, "it settled something");
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
    let _ = machine.ssh("alice").password("pw").code(&token.code_at(1)).assert_granted();
}
