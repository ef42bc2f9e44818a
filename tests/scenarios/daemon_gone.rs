//! A daemon that does not answer lets nobody in, and does so soon.

use std::time::Duration;

use crate::people::alice_at_sshd_and_sudo;

/// How long a refusal may take that nobody could judge.
const SOON: Duration = Duration::from_secs(6);

// S22
#[test]
fn with_mfad_absent_nobody_is_let_in() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    machine.mfad().remove();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused().assert_within(SOON);
    let _ = machine.sudo("alice").password("pw").code(&code).assert_refused().assert_within(SOON);
}

// S22
#[test]
fn with_mfad_hung_before_the_login_nobody_is_let_in() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    machine.mfad().hang();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused().assert_within(SOON);
}

// S22
#[test]
fn with_mfad_hung_at_the_answer_nobody_is_let_in() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    let hanging = machine.inside().clone();
    let attempt = machine.ssh("alice").password("pw").code(&code).before_code(move || hanging.mfad().hang());
    let _ = attempt.assert_refused().assert_within(SOON);
}

// S22
#[test]
fn with_mfad_killed_for_good_at_the_answer_nobody_is_let_in() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    let removing = machine.inside().clone();
    let attempt =
        machine.ssh("alice").password("pw").code(&code).before_code(move || removing.mfad().remove());
    let _ = attempt.assert_refused().assert_within(SOON);
}

// S22
#[test]
fn with_neither_a_bus_nor_a_daemon_nobody_is_let_in() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    machine.bus().stop();
    machine.mfad().kill();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused().assert_within(SOON);
}

#[test]
fn logins_do_not_need_the_bus_while_mfad_runs() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    machine.bus().stop();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}

#[test]
fn the_first_login_starts_mfad() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    machine.mfad().kill();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
    assert!(machine.mfad().pid().is_some());
}

#[test]
fn a_restart_in_the_middle_of_a_login_only_asks_again() {
    let machine = alice_at_sshd_and_sudo().start();
    let (code, again) = (machine.token("alice").code(), machine.token("alice").code_at(1));
    let restarting = machine.inside().clone();
    let attempt = machine.ssh("alice").password("pw").code(&code).code(&again);
    let _ = attempt.before_code(move || restarting.mfad().restart()).assert_granted();
}

#[test]
fn mfad_runs_as_its_own_user_without_any_capability() {
    let machine = alice_at_sshd_and_sudo().start();
    let pid = machine.mfad().pid().expect("it runs: alice has enrolled");
    let status = machine.read(format!("/proc/{pid}/status"));
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).expect("a field").trim();
    let (uid, _) = machine.ids("mfad");
    assert_eq!(field("Uid:"), format!("{uid}\t{uid}\t{uid}\t{uid}"));
    assert_eq!(field("CapEff:"), "0000000000000000");
    assert_eq!(field("CapPrm:"), "0000000000000000");
}
