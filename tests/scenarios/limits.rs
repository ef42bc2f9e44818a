//! How often one may guess, and whom that stops.

use mfa_tests::{Attempt, Machine, together};
use serde_json::Value;

use crate::people::{alice_at_an_unattested_sshd, alice_at_sshd_and_sudo};

/// Guesses that one door may make before it has to wait.
const BUDGET: usize = 5;

/// A stranger who knows the password, at another address than alice's.
const STRANGER: &str = "127.0.0.2";

/// Spends the whole budget of the stranger's door on wrong codes.
fn use_up(machine: &Machine) {
    let wrong = machine.token("alice").wrong_code();
    for tries in [3, 2] {
        let attempt = machine.ssh("alice").from(STRANGER).password("pw");
        let _ = (0..tries).fold(attempt, |attempt, _| attempt.code(&wrong)).assert_refused();
    }
}

/// The failures in a row that mfad holds against each door of alice's.
fn failures(machine: &Machine) -> Vec<(String, u64)> {
    let shown = machine.exec(&["mfactl", "user", "show", "alice", "--json"]).stdout_of_success();
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let doors = shown["doors"].as_array().expect("doors").iter();
    doors.map(|door| (door["what"].to_string(), door["failures"].as_u64().expect("a count"))).collect()
}

// S9
#[test]
fn the_sixth_try_is_refused_though_right() {
    let machine = alice_at_sshd_and_sudo().start();
    use_up(&machine);
    let right = machine.token("alice").code();
    let attempt = machine.ssh("alice").from(STRANGER).password("pw").code(&right);
    let _ = attempt.assert_refused();
    machine.audit().assert_last("limited", "alice", "sshd");
}

// S13: at sudo, since sshd shows nothing after the last question.
#[test]
fn who_showed_the_password_is_told_how_long_to_wait() {
    let machine = alice_at_sshd_and_sudo().start();
    let wrong = machine.token("alice").wrong_code();
    let sudo = || machine.sudo("alice").password("pw").password("pw").password("pw");
    let _ = sudo().code(&wrong).code(&wrong).code(&wrong).assert_refused();
    let _ = sudo().code(&wrong).code(&wrong).assert_refused();
    let outcome = sudo().code(&machine.token("alice").code()).assert_refused();
    machine.audit().assert_last("limited", "alice", "sudo");
    let _ = outcome.assert_shown("Try again in 5 minutes");
}

// S9
#[test]
fn a_restart_gives_no_new_tries() {
    let machine = alice_at_sshd_and_sudo().start();
    use_up(&machine);
    machine.mfad().kill();
    let right = machine.token("alice").code();
    let _ = machine.ssh("alice").from(STRANGER).password("pw").code(&right).assert_refused();
    machine.audit().assert_last("limited", "alice", "sshd");
}

// S11
#[test]
fn a_stranger_who_guesses_does_not_keep_the_user_out() {
    let machine = alice_at_sshd_and_sudo().start();
    let token = machine.token("alice");
    let _ = machine.ssh("alice").password("pw").code(&token.code()).assert_granted();
    use_up(&machine);
    let next = token.code_at(1);
    let _ = machine.ssh("alice").from(STRANGER).password("pw").code(&next).assert_refused();
    // The same code: what the limit refused was not judged, so it was not spent either.
    let _ = machine.ssh("alice").password("pw").code(&next).assert_granted();
}

// S11
#[test]
fn a_wrong_try_of_a_stranger_does_not_spoil_an_open_login() {
    let machine = alice_at_sshd_and_sudo().start();
    let token = machine.token("alice");
    let stranger = machine.ssh("alice").from(STRANGER).password("pw").code(&token.wrong_code());
    let guess = move || {
        let _ = stranger.assert_refused();
    };
    let _ = machine.ssh("alice").password("pw").code(&token.code()).before_code(guess).assert_granted();
}

// S10
#[test]
fn sixteen_wrong_tries_at_one_moment_are_no_more_than_the_budget() {
    let machine = alice_at_sshd_and_sudo().start();
    let token = machine.token("alice");
    let wrong = token.wrong_code();
    let guess = |_| machine.ssh("alice").from(STRANGER).password("pw").code(&wrong);
    let guesses: Vec<Attempt> = (0..16).map(guess).collect();
    for outcome in together(guesses) {
        let _ = outcome.assert_refused();
    }
    let failures = failures(&machine);
    let judged: u64 = failures.iter().map(|(_, count)| count).sum();
    assert_eq!(judged, BUDGET as u64, "{failures:?}");
    let _ = machine.ssh("alice").from(STRANGER).password("pw").code(&token.code()).assert_refused();
}

// S13
#[test]
fn an_administrator_opens_the_door_again() {
    let machine = alice_at_sshd_and_sudo().start();
    use_up(&machine);
    machine
        .exec(&["mfactl", "user", "unlock", "alice", "--reason", "it was she", "--break-glass", "test"])
        .stdout_of_success();
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").from(STRANGER).password("pw").code(&code).assert_granted();
    let unlocked = machine.audited("the unlocking", |row| row.text("event") == "unlocked");
    assert!(unlocked.text("detail").contains("it was she"), "{}", unlocked.text("detail"));
}

// S13, S21
#[test]
fn who_did_not_show_a_password_is_never_told_to_wait() {
    let machine = alice_at_an_unattested_sshd().start();
    let wrong = machine.token("alice").wrong_code();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let attempt = machine.ssh("alice").from(STRANGER).password("wrong");
        let outcome = attempt.code(&wrong).code(&wrong).code(&wrong).assert_refused();
        seen.push(outcome.transcript);
    }
    assert!(seen.iter().all(|transcript| *transcript == seen[0]), "{seen:#?}");
}
