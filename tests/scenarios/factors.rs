//! Several factors of one user: apps and a token with a button.

use mfa_tests::{Machine, Presses, Stack, Token};

use crate::people::{alice_at_sshd_and_sudo, not_enrolled};

/// Has alice, who has a phone, enrol a tablet too.
fn add_tablet(machine: &Machine, code: &str) -> Token {
    let tablet = machine.begin_enrolment("alice", "--label tablet", code);
    assert_eq!(machine.confirm_enrolment("alice", &tablet, &tablet.code_at(-1)), [""; 0], "she has codes");
    tablet
}

/// With what the last granted login of alice's was proven.
fn proven_with(machine: &Machine) -> String {
    machine.audited("a login", |row| row.text("event") == "granted").text("detail").to_owned()
}

#[test]
fn two_apps_and_a_token_answer_the_one_prompt() {
    let machine = alice_at_sshd_and_sudo().start();
    let (phone, codes) = (machine.token("alice"), machine.backup_codes("alice"));
    let tablet = add_tablet(&machine, &phone.code());
    let token = machine.begin_enrolment("alice", "--type hotp --label token", &codes[0]);
    let _ = machine.confirm_enrolment("alice", &token, &token.code_of_counter(0));
    assert_eq!(machine.factor_labels("alice"), ["phone", "tablet", "token"]);

    for (code, with) in [
        (tablet.code(), "totp tablet"),
        (token.code_of_counter(1), "hotp token"),
        (phone.code_at(1), "totp phone"),
    ] {
        let outcome = machine.sudo("alice").password("pw").code(&code).assert_granted();
        assert_eq!(outcome.code_prompts(), ["Verification code: "]);
        assert!(proven_with(&machine).starts_with(with), "{}", proven_with(&machine));
        // S3: spent is spent, though the others' windows are open.
        let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
        machine.audit().assert_last("spent_code", "alice", "sshd");
    }
    let _ = machine.ssh("alice").password("pw").code(&token.code_of_counter(2)).assert_granted();
}

// S20: at the same prompt as before, and in the store no seed of it.
#[test]
fn a_factor_that_was_removed_lets_nobody_in_and_leaves_its_history() {
    let machine = alice_at_sshd_and_sudo().start();
    let phone = machine.token("alice");
    let tablet = add_tablet(&machine, &phone.code());
    let renamed = machine.mfactl_with("alice", "factor rename phone old-phone", &tablet.code());
    renamed.stdout_of_success();
    assert_eq!(machine.factor_labels("alice"), ["old-phone", "tablet"]);
    // What is not there is not asked about.
    let _ = machine.mfactl_with("alice", "factor remove phone", &phone.code_at(1)).assert_exit(1);
    let next = phone.code_at(1);
    machine.mfactl_with("alice", "factor remove old-phone", &tablet.code_at(1)).stdout_of_success();

    assert_eq!(machine.factor_labels("alice"), ["tablet"]);
    let _ = machine.ssh("alice").password("pw").code(&next).assert_refused();
    machine.audit().assert_last("wrong_code", "alice", "sshd");
    let seeds = "SELECT count(*), count(sealed), count(ended) FROM factor WHERE length(id) = 16";
    let store = machine.shell(&format!("sqlite3 /var/lib/mfad/mfad.db '{seeds}'"));
    let [rows, sealed, ended]: [u32; 3] =
        store.trim().split('|').map(|n| n.parse().expect("a number")).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((rows - sealed, ended), (1, 1), "one tombstone without its seed: {store}");
    let audit = machine.audit();
    for (event, detail) in
        [("factor_renamed", "label phone is now old-phone"), ("factor_ended", "label old-phone")]
    {
        let rows = audit.with(&[("event", event), ("user", "alice"), ("detail", detail)]);
        assert_eq!(rows.len(), 1, "{}", audit.printed());
    }
}

#[test]
fn a_new_phone_takes_the_old_ones_place_once_it_is_confirmed() {
    let machine = alice_at_sshd_and_sudo().settings(crate::people::REQUIRED).start();
    let (old, codes) = (machine.token("alice"), machine.backup_codes("alice"));
    // A factor is required here, so the last one cannot simply go.
    let _ = machine.mfactl_with("alice", "factor remove phone", &codes[0]).assert_exit(4);
    let new = machine.begin_enrolment("alice", "--replace phone", &codes[1]);
    let _ = machine.sudo("alice").password("pw").code(&new.code()).assert_refused();
    let _ = machine.sudo("alice").password("pw").code(&old.code()).assert_granted();
    let _ = machine.confirm_enrolment("alice", &new, &new.code_at(-1));

    assert_eq!(machine.factor_labels("alice"), ["phone"]);
    let _ = machine.ssh("alice").password("pw").code(&old.code_at(1)).assert_refused();
    machine.audit().assert_last("wrong_code", "alice", "sshd");
    let _ = machine.ssh("alice").password("pw").code(&new.code()).assert_granted();
    // The backup codes stand in for the account, not for a phone.
    let _ = machine.sudo("alice").password("pw").code(&codes[2]).assert_granted();
}

/// Bob with a token with a button, pressed once: that code confirmed it.
fn bob_with_a_token() -> (Machine, Token) {
    let machine = Machine::new().user(not_enrolled("bob")).pam("sshd", Stack::password_then_mfa()).start();
    let token = machine.begin_enrolment("bob", "--type hotp --label token", "");
    assert_eq!(machine.confirm_enrolment("bob", &token, &token.code_of_counter(0)).len(), 10);
    (machine, token)
}

// S3, S5
#[test]
fn a_token_goes_forward_only() {
    let (machine, token) = bob_with_a_token();
    let login = |counter| machine.ssh("bob").password("pw").code(&token.code_of_counter(counter));
    let _ = login(0).assert_refused();
    machine.audit().assert_last("spent_code", "bob", "sshd");
    let _ = login(5).assert_granted();
    for counter in [5, 3] {
        let _ = login(counter).assert_refused();
    }
    let presses = Presses::after(token.clone(), 6);
    for _ in 0..3 {
        let _ = machine.ssh("bob").password("pw").code(&presses.code()).assert_granted();
    }
    let _ = login(700).assert_refused();
    machine.audit().assert_last("wrong_code", "bob", "sshd");
}

// S5: pressed in a pocket, it is found again by two codes in a row, in one login or in two.
#[test]
fn a_token_that_ran_ahead_is_found_again_by_two_codes_in_a_row() {
    let (machine, token) = bob_with_a_token();
    let code = |counter| token.code_of_counter(counter);
    let outcome = machine.ssh("bob").password("pw").code(&code(40)).code(&code(41)).assert_granted();
    let [_, second] = outcome.code_prompts()[..] else { panic!("asked twice: {outcome}") };
    assert!(second.contains("has run ahead: type the next code"), "{second:?}");

    let _ = machine.ssh("bob").password("pw").code(&code(80)).assert_refused();
    let _ = machine.ssh("bob").password("pw").code(&code(82)).assert_refused();
    machine.audit().assert_last("token_ahead", "bob", "sshd");
    let _ = machine.ssh("bob").password("pw").code(&code(83)).assert_granted();
    let _ = machine.ssh("bob").password("pw").code(&code(83)).assert_refused();
    machine.audit().assert_last("spent_code", "bob", "sshd");
}
