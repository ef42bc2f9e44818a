//! Somebody sets the clock, or it was wrong: no code comes to life again, and it is written down.
//!
//! Only mfad sees the other time here. The codes are of the time that mfad has.

use mfa_tests::{Machine, clock};

use crate::people::alice_at_sshd_and_sudo;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// The code that alice's telephone shows at mfad's time.
fn code_at(machine: &Machine, offset: i64) -> String {
    let now = clock::now().checked_add_signed(offset).expect("a time after 1970");
    machine.token("alice").code_at_time(now)
}

fn jumps(machine: &Machine) -> Vec<String> {
    let audit = machine.audit();
    audit.with(&[("event", "clock_jumped")]).iter().map(|row| row.text("detail").to_owned()).collect()
}

// S6, S3
#[test]
fn a_clock_set_back_revives_no_code() {
    let machine = alice_at_sshd_and_sudo().start();
    let clock = machine.mfad().with_wall_clock();
    let spent = code_at(&machine, 0);
    let _ = machine.ssh("alice").password("pw").code(&spent).assert_granted();
    for back in [-60, -HOUR, -DAY] {
        clock.moved(back);
        let of_then = code_at(&machine, back);
        let _ = machine.ssh("alice").password("pw").code(&of_then).assert_refused();
        machine.audit().assert_last("spent_code", "alice", "sshd");
        clock.restart();
        let _ = machine.ssh("alice").password("pw").code(&of_then).assert_refused();
    }
    clock.moved(0);
    let _ = machine.ssh("alice").password("pw").code(&spent).assert_refused();
    let _ = machine.ssh("alice").password("pw").code(&code_at(&machine, 30)).assert_granted();
}

// S6
#[test]
fn a_jump_is_audited_with_its_length_and_raises_an_alarm() {
    let machine = alice_at_sshd_and_sudo().start();
    let clock = machine.mfad().with_wall_clock();
    let wrong = machine.token("alice").wrong_code();
    for (to, jump) in [(HOUR, HOUR), (-HOUR, -2 * HOUR), (0, HOUR), (50, 0)] {
        let before = jumps(&machine).len();
        clock.moved(to);
        let _ = machine.sudo("alice").password("pw").code(&wrong).assert_refused();
        let jumps = jumps(&machine);
        assert_eq!(jumps.len() - before, usize::from(jump != 0), "{jumps:?}");
        if jump != 0 {
            let told: i64 = jumps[before].trim_end_matches(" s").parse().expect("seconds");
            assert!(told.abs_diff(jump) <= 2, "{told} for {jump}");
        }
    }
    let alarm = machine.log().wait_for("clock_jumped");
    assert!(alarm.starts_with("<81>"), "authpriv.alert: {alarm}");
}

// S6
#[test]
fn a_jump_while_mfad_was_away_is_audited_too() {
    let machine = alice_at_sshd_and_sudo().start();
    let clock = machine.mfad().with_wall_clock();
    clock.moved(-HOUR);
    clock.restart();
    let found = jumps(&machine);
    assert_eq!(found.len(), 1, "{found:?}");
}

// S6: a resumed machine jumps rightly.
#[test]
fn a_jump_forwards_of_hours_keeps_nobody_out() {
    let machine = alice_at_sshd_and_sudo().start();
    let clock = machine.mfad().with_wall_clock();
    clock.moved(8 * HOUR);
    let _ = machine.ssh("alice").password("pw").code(&code_at(&machine, 8 * HOUR)).assert_granted();
}

// S6
#[test]
fn a_clock_that_is_years_ahead_poisons_no_mark() {
    let machine = alice_at_sshd_and_sudo().start();
    let clock = machine.mfad().with_wall_clock();
    clock.moved(400 * DAY);
    let of_then = code_at(&machine, 400 * DAY);
    let _ = machine.ssh("alice").password("pw").code(&of_then).assert_refused();
    machine.audit().assert_last("clock_suspect", "alice", "sshd");
    // Nor does it when it is met again, by another's try or by an mfad that has just begun.
    clock.restart();
    let _ = machine.ssh("alice").password("pw").code(&code_at(&machine, 400 * DAY + 30)).assert_refused();
    machine.audit().assert_last("clock_suspect", "alice", "sshd");
    clock.moved(0);
    let _ = machine.ssh("alice").password("pw").code(&code_at(&machine, 0)).assert_granted();
}

// S6: the mark was poisoned by a clock that was wrong by less than a day.
#[test]
fn an_administrator_mends_what_a_wrong_clock_has_done() {
    let machine = alice_at_sshd_and_sudo().start();
    let clock = machine.mfad().with_wall_clock();
    clock.moved(2 * HOUR);
    let _ = machine.ssh("alice").password("pw").code(&code_at(&machine, 2 * HOUR)).assert_granted();
    clock.moved(0);
    let code = code_at(&machine, 0);
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
    let unlock = [
        "mfactl",
        "user",
        "unlock",
        "alice",
        "--clock",
        "--reason",
        "the clock was wrong",
        "--break-glass",
        "test",
    ];
    machine.exec(&unlock).stdout_of_success();
    // Downwards to the window and no further: what might have been spent stays so.
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
    clock.moved(60);
    let _ = machine.ssh("alice").password("pw").code(&code_at(&machine, 60)).assert_granted();
}

// S6, S9
#[test]
fn a_clock_set_back_gives_no_new_tries() {
    let machine = alice_at_sshd_and_sudo().start();
    let clock = machine.mfad().with_wall_clock();
    let wrong = machine.token("alice").wrong_code();
    for _ in 0..2 {
        let _ = machine.ssh("alice").password("pw").code(&wrong).code(&wrong).code(&wrong).assert_refused();
    }
    for offset in [-60, -HOUR, -DAY] {
        clock.moved(offset);
        let _ = machine.ssh("alice").password("pw").code(&wrong).assert_refused();
        machine.audit().assert_last("limited", "alice", "sshd");
    }
}
