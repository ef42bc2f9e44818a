//! Codes on paper, for the day without the phone.

use std::thread;

use mfa_tests::{Machine, Presses, Stack};
use serde_json::Value;

use crate::people::{alice_at_sshd_and_sudo, enrolled, not_enrolled};

// S14
#[test]
fn a_backup_code_logs_in_once_and_its_use_is_told_at_the_next_login() {
    let machine = alice_at_sshd_and_sudo().start();
    let (phone, codes) = (machine.token("alice"), machine.backup_codes("alice"));
    assert_eq!(codes.len(), 10);
    let spelt = codes[3].to_lowercase().replace('-', " ");
    let outcome = machine.ssh("alice").password("pw").code(&spelt).assert_granted();
    assert_eq!(outcome.code_prompts(), ["(alice@127.0.0.1) Verification code: "]);
    let granted = machine.audited("the use", |row| row.text("event") == "granted");
    assert!(granted.text("detail").starts_with("backup code 3, 9 left"), "{}", granted.text("detail"));

    // sudo runs a command: it is no visit, and tells nothing. What was used is used there too.
    let outcome = machine.sudo("alice").password("pw").code(&codes[3]).assert_refused();
    assert_eq!(outcome.code_prompts()[0], "Verification code: ");
    machine.audit().assert_last("spent_code", "alice", "sudo");

    let outcome = machine.ssh("alice").password("pw").code(&phone.code()).assert_granted();
    let [told] = outcome.code_prompts()[..] else { panic!("one prompt: {outcome}") };
    assert!(told.contains("A backup code was used on ") && told.contains(". 9 are left."), "{told:?}");
    assert!(told.ends_with("\nVerification code: "), "{told:?}");
    let outcome = machine.ssh("alice").password("pw").code(&phone.code_at(1)).assert_granted();
    assert_eq!(outcome.code_prompts(), ["(alice@127.0.0.1) Verification code: "], "told once");
    // S8
    assert!(machine.log().matching(&codes[3][2..7]).is_empty());
    assert!(!machine.audit().printed().contains(&codes[3][2..7]));
}

// S15
#[test]
fn a_new_set_voids_the_old_one_whole() {
    let machine = alice_at_sshd_and_sudo().start();
    let old = machine.backup_codes("alice");
    let _ = machine.ssh("alice").password("pw").code(&old[0]).assert_granted();
    let renewed = machine.mfactl_with("alice", "codes renew --json", &machine.token("alice").code());
    let new = mfa_tests::mfactl::backup_codes(&renewed.stdout_of_success());
    assert_eq!(new.len(), 10);
    for code in [&old[0], &old[1], &old[9]] {
        let _ = machine.ssh("alice").password("pw").code(code).assert_refused();
        machine.audit().assert_last("wrong_code", "alice", "sshd");
    }
    let left = |machine: &Machine| machine.told("alice", "codes")[0]["left"].as_u64();
    assert_eq!(left(&machine), Some(10));
    let _ = machine.ssh("alice").password("pw").code(&new[1]).assert_granted();
    assert_eq!(left(&machine), Some(9));
}

// S14, S10
#[test]
fn of_200_logins_at_one_moment_with_one_backup_code_one_is_granted() {
    let machine =
        Machine::new().user(enrolled("alice")).pam("door", Stack::mfa_alone()).start().with_pam_host();
    let codes = machine.backup_codes("alice");
    // A door that is known: here alice comes from.
    assert!(machine.pam_host("door", "alice", &["--answer", &machine.token("alice").code()]).granted());
    let many = ["/usr/local/bin/pam_host", "fork", "door", "alice", "200", "--at-once", "32", "--answer"];
    let ran = machine.exec(&[&many[..], &[&codes[0]]].concat());
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran}"));
    let results = report["results"].as_array().expect("results");
    let of = |code: &str| results.iter().filter(|result| *result == code).count();
    // Refused, each is asked again and has nothing more to say.
    assert_eq!((of("PAM_SUCCESS"), of("PAM_CONV_ERR")), (1, 199), "{results:?}");
    let audit = machine.audit();
    let refused = audit.with(&[("event", "refused"), ("user", "alice")]);
    for row in &refused {
        assert!(["spent_code", "limited"].contains(&row.text("reason")), "{}", row.text("reason"));
    }
    assert_eq!(audit.with(&[("event", "granted"), ("user", "alice")]).len(), 2, "the phone's and this one");
    // It cost the user no try: the next one is good.
    assert!(machine.pam_host("door", "alice", &["--answer", &codes[1]]).granted());
}

/// How often things are raced: each round is over in a second.
const ROUNDS: usize = 8;

/// Bob with a token with a button, so that there is no waiting for a next code.
fn bob_at_the_door() -> (Machine, Presses, Vec<String>) {
    let machine =
        Machine::new().user(not_enrolled("bob")).pam("sshd", Stack::mfa_alone()).start().with_pam_host();
    let token = machine.begin_enrolment("bob", "--type hotp --label token", "");
    let codes = machine.confirm_enrolment("bob", &token, &token.code_of_counter(0));
    (machine, Presses::after(token, 1), codes)
}

/// One login of bob's from an address of its own, so that no limit hides what is asked here.
fn login(machine: &Machine, round: usize, door: usize, code: &str) -> bool {
    let from = format!("192.0.2.{}", round * 4 + door + 1);
    machine.pam_host("sshd", "bob", &["--as", "sshd", "--from", &from, "--answer", code]).granted()
}

// S14, S15
#[test]
fn a_renewal_at_the_moment_of_a_use_lets_no_code_in_twice_and_none_that_was_void() {
    let (machine, token, mut old) = bob_at_the_door();
    let mut granted = 0;
    for round in 0..ROUNDS {
        machine.mfad().restart(); // more calls are made here than one user has
        let (proof, code) = (token.code(), old[round % 10].clone());
        let (renewed, used) = thread::scope(|scope| {
            let renewal = scope.spawn(|| machine.mfactl_with("bob", "codes renew --json", &proof));
            let logins = [1, 2].map(|door| {
                let (machine, code) = (&machine, &code);
                scope.spawn(move || login(machine, round, door, code))
            });
            let used = logins.map(|login| usize::from(login.join().unwrap())).iter().sum::<usize>();
            (renewal.join().unwrap().stdout_of_success(), used)
        });
        let new = mfa_tests::mfactl::backup_codes(&renewed);
        assert!(used <= 1, "round {round}: {code} let in {used} times");
        granted += used;
        for void in [&code, &old[(round + 1) % 10]] {
            assert!(!login(&machine, round, 0, void), "round {round}: void before the login began");
        }
        assert!(login(&machine, round, 3, &new[9]), "round {round}: a code of the new set");
        old = new;
    }
    let with = machine.audit();
    let rows = with.records().iter().filter(|row| row.text("detail").starts_with("backup code")).count();
    assert_eq!(rows, granted + ROUNDS, "every grant is in the audit, and no other");
}

// S3, S20
#[test]
fn a_factor_removed_at_the_moment_of_its_use_lets_in_once_at_most_and_never_afterwards() {
    let (machine, token, _) = bob_at_the_door();
    for round in 0..ROUNDS {
        machine.mfad().restart();
        let lost = machine.begin_enrolment("bob", "--type hotp --label lost", &token.code());
        let _ = machine.confirm_enrolment("bob", &lost, &lost.code_of_counter(0));
        let (proof, code) = (token.code(), lost.code_of_counter(1));
        let used: usize = thread::scope(|scope| {
            let removal = scope.spawn(|| machine.mfactl_with("bob", "factor remove lost", &proof));
            let logins = [1, 2].map(|door| {
                let (machine, code) = (&machine, &code);
                scope.spawn(move || login(machine, round, door, code))
            });
            let used = logins.map(|login| usize::from(login.join().unwrap())).iter().sum();
            removal.join().unwrap().stdout_of_success();
            used
        });
        assert!(used <= 1, "round {round}: let in {used} times");
        assert!(!login(&machine, round, 0, &lost.code_of_counter(2)), "round {round}: after the removal");
        assert_eq!(machine.factor_labels("bob"), ["token"]);
    }
}

// S16
#[test]
fn a_recovery_code_redeemed_by_two_at_one_moment_makes_one_factor() {
    let (machine, _, _) = bob_at_the_door();
    let mut before = machine.begin_enrolment("bob", "--recovery", &recovery(&machine));
    let _ = machine.confirm_enrolment("bob", &before, &before.code_at(-1));
    for round in 0..ROUNDS {
        machine.mfad().restart();
        machine.administer("user unlock bob"); // the third of the last round was one wrong try
        let code = recovery(&machine);
        let redeem = || {
            let begun = machine.mfactl_with("bob", "enroll begin --recovery --json", &code);
            if !begun.status.success() {
                return None;
            }
            let token = mfa_tests::Token::begun(&begun.stdout);
            let line = format!("enroll confirm {} {} --json", token.enrolment(), token.code_at(-1));
            machine.mfactl("bob", &line).status.success().then_some(token)
        };
        let redeemed: Vec<_> = thread::scope(|scope| {
            let two = [scope.spawn(redeem), scope.spawn(redeem)];
            two.into_iter().filter_map(|one| one.join().unwrap()).collect()
        });
        let [new] = &redeemed[..] else { panic!("round {round}: {} of two were let enrol", redeemed.len()) };
        assert_eq!(machine.factor_labels("bob"), ["phone"], "round {round}");
        let again = machine.mfactl_with("bob", "enroll begin --recovery --json", &code);
        assert_ne!(again.status.code(), Some(0), "round {round}: redeemed a third time");
        assert!(!login(&machine, round, 0, &before.code_at(1)), "round {round}: the factor before");
        before = new.clone();
    }
    assert!(login(&machine, ROUNDS, 0, &before.code()), "the last one made is the one that is good");
}

fn recovery(machine: &Machine) -> String {
    mfa_tests::mfactl::text(&machine.administer("user recover bob --verified-by passport"), "recovery_code")
}
