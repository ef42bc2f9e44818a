//! Logins as they should go, and the plain ways in which they do not.

use mfa_tests::{Machine, Stack, Totp, User};

use crate::people::{REQUIRED, alice_at_sshd_and_sudo, enrolled, not_enrolled};

#[test]
fn a_password_and_a_code_log_in_over_ssh() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();

    let outcome = machine.ssh("alice").password("pw").code(&code).assert_granted();

    let prompts = ["(alice@127.0.0.1) Password: ", "(alice@127.0.0.1) Verification code: "];
    assert_eq!(outcome.prompts(), prompts, "an ordinary login shows nothing but two questions");
    let granted = machine.audited("alice's login", |row| row.text("event") == "granted");
    assert_eq!((granted.text("user"), granted.text("service")), ("alice", "sshd"));
    assert!(granted.text("door").contains("127.0.0.1"), "{}", granted.text("door"));
    machine.log().wait_for("pam_mfa(sshd:auth)");
}

#[test]
fn a_password_and_a_code_make_root_by_sudo() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    let outcome = machine.sudo("alice").password("pw").code(&code).assert_granted();
    assert_eq!(outcome.code_prompts(), ["Verification code: "]);
}

#[test]
fn two_logins_with_two_codes_are_both_let_in() {
    let machine = alice_at_sshd_and_sudo().start();
    let token = machine.token("alice");
    let _ = machine.ssh("alice").password("pw").code(&token.fresh_code()).assert_granted();
    let _ = machine.sudo("alice").password("pw").code(&token.fresh_code()).assert_granted();
}

#[test]
fn a_wrong_code_lets_nobody_in() {
    let machine = alice_at_sshd_and_sudo().start();
    let wrong = machine.token("alice").wrong_code();
    let _ = machine.ssh("alice").password("pw").code(&wrong).assert_refused();
    let _ = machine.sudo("alice").password("pw").code(&wrong).assert_refused();
    machine.audit().assert_last("wrong_code", "alice", "sudo");
    machine.log().wait_for("reason=wrong_code");
}

// S13
#[test]
fn who_showed_the_password_is_told_that_the_code_was_wrong_and_asked_again() {
    let machine = alice_at_sshd_and_sudo().start();
    let token = machine.token("alice");
    let attempt = machine.ssh("alice").password("pw").code(&token.wrong_code()).code(&token.code());
    let outcome = attempt.assert_granted();
    let [first, second] = outcome.code_prompts()[..] else { panic!("asked twice: {outcome}") };
    assert_ne!(first, second);
    assert!(second.contains("That code is not right."), "a stranger is told less: {second:?}");
    assert!(second.ends_with("Verification code: "), "the question comes last: {second:?}");
}

#[test]
fn three_wrong_codes_end_a_login() {
    let machine = alice_at_sshd_and_sudo().start();
    let wrong = machine.token("alice").wrong_code();
    let attempt = machine.ssh("alice").password("pw").code(&wrong).code(&wrong).code(&wrong);
    let outcome = attempt.code("never asked for").assert_refused();
    assert_eq!(outcome.code_prompts().len(), 3, "{outcome}");
}

// S4
#[test]
fn codes_of_ten_steps_ago_and_ahead_are_wrong() {
    let machine = alice_at_sshd_and_sudo().start();
    let token = machine.token("alice");
    let _ = machine.ssh("alice").password("pw").code(&token.code_at(-10)).assert_refused();
    machine.audit().assert_last("wrong_code", "alice", "sshd");
    let _ = machine.sudo("alice").password("pw").code(&token.code_at(10)).assert_refused();
    machine.audit().assert_last("wrong_code", "alice", "sudo");
}

// S4
#[test]
fn the_code_of_the_next_step_is_right_and_that_of_the_one_after_it_is_not() {
    let machine = alice_at_sshd_and_sudo().start();
    let token = machine.token("alice");
    let _ = machine.ssh("alice").password("pw").code(&token.code_at(3)).assert_refused();
    let _ = machine.ssh("alice").password("pw").code(&token.code_at(1)).assert_granted();
}

#[test]
fn spaces_and_dashes_in_a_code_do_not_matter() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").fresh_code();
    let spelt = format!(" {}-{} ", &code[..3], &code[3..]);
    let _ = machine.ssh("alice").password("pw").code(&spelt).assert_granted();
}

#[test]
fn every_algorithm_and_length_of_code_logs_in() {
    let factors = [("sha256", Totp::sha256().digits(8)), ("sha512", Totp::sha512().digits(7))];
    let users = factors.map(|(name, factor)| User::named(name).password("pw").enrolled(factor));
    let machine = Machine::new().users(users).pam("sshd", Stack::password_then_mfa()).start();
    for (user, digits) in [("sha256", 8), ("sha512", 7)] {
        let code = machine.token(user).code();
        assert_eq!(code.len(), digits);
        let _ = machine.ssh(user).password("pw").code(&code).assert_granted();
    }
}

#[test]
fn a_key_takes_the_place_of_the_password_and_not_of_the_code() {
    let machine = Machine::new()
        .user(enrolled("alice").ssh_key())
        .pam("sshd", Stack::key_passed_or_password())
        .sshd("AuthenticationMethods publickey,keyboard-interactive keyboard-interactive")
        .start();
    let token = machine.token("alice");

    let attempt = machine.ssh("alice").key("alice").code(&token.wrong_code());
    let outcome = attempt.code(&token.fresh_code()).assert_granted();
    assert_eq!(outcome.code_prompts().len(), outcome.prompts().len(), "no password is asked for: {outcome}");

    let outcome = machine.ssh("alice").password("pw").code(&token.fresh_code()).assert_granted();
    assert_eq!(outcome.prompts().len(), 2, "without the key it is: {outcome}");
    let _ = machine.ssh("alice").password("wrong").assert_refused();
}

#[test]
fn who_has_no_factor_logs_in_with_the_password_where_factors_are_optional() {
    let machine = Machine::new().user(not_enrolled("bob")).pam("sshd", Stack::password_then_mfa()).start();
    let outcome = machine.ssh("bob").password("pw").assert_granted();
    assert_eq!(outcome.prompts().len(), 1, "{outcome}");
    let _ = machine.ssh("bob").password("wrong").assert_refused();
}

#[test]
fn who_has_no_factor_does_not_log_in_where_factors_are_required() {
    let machine = Machine::new()
        .user(not_enrolled("bob"))
        .user(enrolled("alice"))
        .pam("sshd", Stack::password_then_mfa())
        .settings(REQUIRED)
        .start();
    let _ = machine.ssh("bob").password("pw").code("123456").assert_refused();
    machine.audit().assert_last("not_enrolled", "bob", "sshd");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}

#[test]
fn in_mode_off_nobody_is_asked() {
    let machine = alice_at_sshd_and_sudo().settings("[policy]\nmode = \"off\"\n").start();
    let outcome = machine.ssh("alice").password("pw").assert_granted();
    assert_eq!(outcome.prompts().len(), 1, "{outcome}");
    let _ = machine.ssh("alice").password("wrong").assert_refused();
}

#[test]
fn su_asks_the_one_who_calls_it() {
    let machine = Machine::new()
        .user(User::named("root").password("root's password"))
        .user(enrolled("alice"))
        .user(enrolled("bob"))
        .pam("su", Stack::password_then_mfa().root_passes())
        .settings("[policy]\nmode = \"required\"\n[service.su]\nsubject = \"caller\"\n")
        .start();
    let (alice, bob) = (machine.token("alice"), machine.token("bob"));

    let _ = machine.su("alice").password("root's password").code(&bob.code()).assert_refused();
    let _ = machine.su("alice").password("root's password").code(&alice.code()).assert_granted();
    let _ = machine.su("alice").to("bob").password("pw").code(&bob.code()).assert_refused();
    let _ = machine.su("alice").to("bob").password("pw").code(&alice.code_at(1)).assert_granted();
}

// S8
#[test]
fn what_cannot_be_a_code_is_neither_counted_nor_kept() {
    let machine = alice_at_sshd_and_sudo().start();
    let token = machine.token("alice");
    let marker = "not-a-code-but-my-password";
    for _ in 0..3 {
        let _ = machine.ssh("alice").password("pw").code(marker).code(marker).code(marker).assert_refused();
    }
    let _ = machine.ssh("alice").password("pw").code(&token.code()).assert_granted();
    let audit = machine.audit().printed();
    assert!(!audit.contains(marker), "{audit}");
    assert!(machine.log().matching(marker).is_empty());
    machine.shell(&format!("! grep -aR {marker} /var/lib/mfad /etc/mfad /run/mfad /tmp"));
}
