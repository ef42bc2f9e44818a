//! What a user is told at a login of what happened since the last one.

use mfa_tests::{Blueprint, Machine, Stack, clock};

use crate::people::{alice_at_an_unattested_sshd, alice_at_sshd_and_sudo};

const HOUR: i64 = 3600;

/// Where a stranger comes from.
const STRANGER: &str = "127.0.0.2";

/// The code that alice's telephone shows at mfad's time.
fn code_at(machine: &Machine, offset: i64) -> String {
    let now = clock::now().checked_add_signed(offset).expect("a time after 1970");
    machine.token("alice").code_at_time(now)
}

/// The last prompt for a code in a login that is granted at mfad's time.
fn asked(machine: &Machine, offset: i64) -> String {
    let outcome = machine.ssh("alice").password("pw").code(&code_at(machine, offset)).assert_granted();
    let [asked] = outcome.code_prompts()[..] else { panic!("one prompt: {outcome}") };
    asked.to_owned()
}

const PLAIN: &str = "(alice@127.0.0.1) Verification code: ";

/// Has alice use all her backup codes but so many, at sudo, where nothing is told.
fn use_codes(machine: &Machine, left: usize) {
    let codes = machine.backup_codes("alice");
    for code in &codes[left..] {
        let _ = machine.sudo("alice").password("pw").code(code).assert_granted();
    }
}

// S13
#[test]
fn wrong_codes_after_the_right_password_are_told_with_when_and_whence() {
    let machine = alice_at_sshd_and_sudo().start();
    let clock = machine.mfad().with_wall_clock();
    assert_eq!(asked(&machine, 0), PLAIN);
    let wrong = machine.token("alice").wrong_code();
    let stranger = machine.ssh("alice").from(STRANGER).password("pw").code(&wrong).code(&wrong);
    let _ = stranger.assert_refused();
    // A command is no visit: sudo asks, and keeps it for later.
    clock.moved(30);
    let outcome = machine.sudo("alice").password("pw").code(&code_at(&machine, 30)).assert_granted();
    assert_eq!(outcome.code_prompts(), ["Verification code: "]);

    clock.moved(60);
    let told = asked(&machine, 60);
    assert!(told.contains("2 wrong codes were typed since your last login, on 20"), "{told}");
    assert!(told.contains("\nfrom address 127.0.0.2, after the right password!"), "{told}");
    assert!(told.ends_with("If not: mfactl not-me.\nVerification code: "), "{told}");
    clock.moved(90);
    assert_eq!(asked(&machine, 90), PLAIN, "told once");
    // It is urgent: what was told an hour ago does not keep it back.
    let _ = machine.ssh("alice").from(STRANGER).password("pw").code(&wrong).assert_refused();
    clock.moved(120);
    assert!(asked(&machine, 120).contains("A wrong code was typed since your last login"), "at once");
}

// S13, S21: without a right password nobody is told anything; and the user of it, not at once.
#[test]
fn wrong_codes_without_a_right_password_are_told_after_the_login_and_never_twice_in_20_hours() {
    let machine = alice_at_an_unattested_sshd().start();
    let clock = machine.mfad().with_wall_clock();
    let wrong = machine.token("alice").wrong_code();
    let guess = || {
        let outcome = machine.ssh("alice").from(STRANGER).password("wrong").code(&wrong).assert_refused();
        let [first, second] = outcome.code_prompts()[..] else { panic!("asked again: {outcome}") };
        assert_eq!((first, second), (PLAIN, "(alice@127.0.0.1) \nNot accepted.\nVerification code: "));
    };
    // The auth phase cannot know, so it is the account phase that tells: in a prompt of its own.
    let login = |offset: i64| {
        clock.moved(offset);
        let attempt = machine.ssh("alice").password("pw").code(&code_at(&machine, offset)).code("");
        let outcome = attempt.assert_granted();
        let prompts = outcome.code_prompts().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(prompts[0], PLAIN);
        prompts.get(1).cloned()
    };
    guess();
    let told = login(30).expect("told");
    assert!(told.contains("A wrong code was typed since your last login, on 20"), "{told}");
    assert!(told.contains("\nfrom address 127.0.0.2, without a right password being known of"), "{told}");
    assert!(told.ends_with("Press Enter to go on. "), "{told}");
    guess();
    assert_eq!(login(60), None, "a minute later");
    guess();
    assert_eq!(login(19 * HOUR), None);
    guess();
    assert!(login(20 * HOUR + 60).is_some(), "a day later");
}

#[test]
fn few_backup_codes_are_told_and_not_again_for_20_hours() {
    let machine = alice_at_sshd_and_sudo().start();
    use_codes(&machine, 3);
    let clock = machine.mfad().with_wall_clock();
    let few = "You have 3 backup codes left: mfactl codes renew makes new ones.";
    assert!(asked(&machine, 0).contains(few));
    for (offset, told) in [(30, false), (19 * HOUR, false), (20 * HOUR + 60, true), (21 * HOUR, false)] {
        clock.moved(offset);
        let asked = asked(&machine, offset);
        assert_eq!(asked.contains(few), told, "after {offset} s: {asked}");
    }
}

#[test]
fn who_has_one_device_and_no_codes_is_told_that() {
    let machine = alice_at_sshd_and_sudo().start();
    use_codes(&machine, 0);
    assert!(
        asked(&machine, 0)
            .contains("You have one device and no backup codes: mfactl codes renew makes new ones.")
    );
}

/// Who should be told something: three backup codes are left, and nobody was told.
fn with_news(blueprint: Blueprint) -> Machine {
    let machine = blueprint.pam("sudo", Stack::password_then_mfa()).start().with_pam_host();
    use_codes(&machine, 3);
    machine
}

// Programs read what a service says; people are told where they come in.
#[test]
fn commands_and_jobs_are_told_nothing() {
    for stack in [Stack::password_then_mfa(), Stack::password_then_mfa_unattested()] {
        let services = ["sudo", "sudo-i", "cron", "atd"];
        let blueprint =
            services.iter().fold(alice_at_sshd_and_sudo(), |plan, name| plan.pam(name, stack.clone()));
        let machine = with_news(blueprint);
        let token = machine.token("alice");
        let codes = [token.code(), machine.backup_codes("alice")[0].clone(), token.code_at(1)];
        for (service, code) in services.iter().zip(codes.iter().chain([&machine.backup_codes("alice")[1]])) {
            let report = machine.pam_host(service, "alice", &["--answer", "pw", "--answer", code]);
            assert!(report.granted(), "{service}: {report}");
            assert_eq!(report.prompts(), ["Password: ", "Verification code: "], "{service}");
        }
    }
}

#[test]
fn service_accounts_are_told_nothing() {
    let machine = Machine::new()
        .pam("sshd", Stack::password_then_mfa())
        .pam("sudo", Stack::password_then_mfa())
        .start();
    machine.shell(
        "useradd --system --uid 900 --create-home --shell /bin/bash service
         echo service:pw | chpasswd -c SHA256 -s 1000",
    );
    let token = machine.begin_enrolment("service", "", "");
    let codes = machine.confirm_enrolment("service", &token, &token.code_at(-1));
    for code in &codes[..8] {
        let _ = machine.sudo("service").password("pw").code(code).assert_granted();
    }
    let outcome = machine.ssh("service").password("pw").code(&token.code()).assert_granted();
    assert_eq!(outcome.code_prompts(), ["(service@127.0.0.1) Verification code: "]);
}

// S21: what is the user's to know is told to nobody who has not shown the password.
#[test]
fn on_a_stack_that_does_not_vouch_for_the_password_the_account_phase_tells() {
    let machine = with_news(alice_at_an_unattested_sshd());
    let token = machine.token("alice");
    let outcome = machine.ssh("alice").password("wrong").code(&token.code()).assert_refused();
    assert!(!outcome.transcript.contains("backup"), "{outcome}");
    let outcome = machine.ssh("alice").password("pw").code(&token.code_at(1)).code("").assert_granted();
    let [code, told] = outcome.code_prompts()[..] else { panic!("two prompts: {outcome}") };
    assert_eq!(code, PLAIN);
    assert!(told.contains("3 backup codes left") && told.ends_with("Press Enter to go on. "), "{told}");
}
