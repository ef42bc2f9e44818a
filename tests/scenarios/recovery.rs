//! Users who have lost everything, users who are gone, and what administrators do about both.

use mfa_tests::mfactl::text;
use mfa_tests::terminal::Next;
use mfa_tests::{Machine, Stack, Token};

use crate::first_enrolment::{BACKUP_CODES, CONFIRM, PATIENCE, next, secret_in, ssh};
use crate::people::{REQUIRED, alice_at_sshd_and_sudo, enrolled, not_enrolled};

fn recover(machine: &Machine, user: &str) -> String {
    text(&machine.administer(&format!("user recover {user} --verified-by passport")), "recovery_code")
}

// S16, S17
#[test]
fn who_lost_the_phone_enrols_again_in_a_login_with_the_code_of_an_administrator() {
    let machine = alice_at_sshd_and_sudo().settings(REQUIRED).start();
    let (old, codes) = (machine.token("alice"), machine.backup_codes("alice"));
    let code = recover(&machine, "alice");
    assert!(code.starts_with("R-"), "{code}");
    let given = machine.audited("the recovery", |row| row.text("event") == "recovery_given");
    assert!(given.text("detail").contains("verified by passport"), "{}", given.text("detail"));

    // It logs nobody in, neither alone nor at a door that cannot enrol.
    let _ = machine.ssh("alice").password("wrong").code(&code).assert_refused();
    let given_up = machine.ssh("alice").password("pw").code(&code).assert_refused();
    let shown = given_up.prompts().last().copied().unwrap_or_default().to_owned();
    assert!(shown.ends_with(CONFIRM), "{given_up}");
    // Until it is confirmed, the old phone goes on: nobody is locked out by somebody's request.
    let _ = machine.sudo("alice").password("pw").code(&old.code()).assert_granted();

    // Given up in the middle, it begins again: with another secret, since somebody may have seen the first.
    let mut terminal = ssh(&machine, "alice");
    for answer in ["pw", &*code] {
        next(&mut terminal);
        terminal.answer(answer.as_bytes());
    }
    let again = secret_in(&next(&mut terminal));
    assert_ne!(again, secret_in(&shown));
    let new = Token::of_secret(&again);
    let right = new.code_at(-1);
    terminal.answer(Token::of_secret(&secret_in(&shown)).code().as_bytes());
    next(&mut terminal);
    terminal.answer(right.as_bytes());
    let told = next(&mut terminal);
    assert!(told.contains(BACKUP_CODES), "{told:?}");
    terminal.answer(b"");
    assert_eq!(terminal.next_within(PATIENCE), Next::Ended(Some(0)), "{}", terminal.transcript());
    assert!(!terminal.transcript().contains(&code), "{}", terminal.transcript());

    for (typed, reason) in [
        (&old.code_at(1), "wrong_code"),
        (&codes[0], "wrong_code"),
        (&code, "wrong_code"),
        (&right, "spent_code"),
    ] {
        let _ = machine.ssh("alice").password("pw").code(typed).assert_refused();
        machine.audit().assert_last(reason, "alice", "sshd");
    }
    let _ = machine.sudo("alice").password("pw").code(&new.code()).assert_granted();
    // S8
    assert!(
        !machine.audit().printed().contains(&code[2..7]) && machine.log().matching(&code[2..7]).is_empty()
    );
}

// S16
#[test]
fn or_in_an_own_session_and_only_once() {
    let machine = alice_at_sshd_and_sudo().user(enrolled("bob")).start();
    let code = recover(&machine, "alice");
    // It is alice's.
    let _ = machine.mfactl_with("bob", "enroll begin --recovery --json", &code).assert_exit(1);
    let new = machine.begin_enrolment("alice", "--recovery", &code);
    assert_eq!(machine.confirm_enrolment("alice", &new, &new.code_at(-1)).len(), 10, "and new codes");
    assert_eq!(machine.factor_labels("alice"), ["phone"]);
    let _ = machine.ssh("alice").password("pw").code(&machine.token("alice").code()).assert_refused();
    let _ = machine.ssh("alice").password("pw").code(&new.code()).assert_granted();
    let _ = machine.mfactl_with("alice", "enroll begin --recovery --json", &code).assert_exit(1);
    let _ = machine.sudo("alice").password("pw").code(&code).assert_refused();
    // What a new one replaces is void.
    let (first, second) = (recover(&machine, "alice"), recover(&machine, "alice"));
    let _ = machine.mfactl_with("alice", "enroll begin --recovery --json", &first).assert_exit(1);
    let _ = machine.begin_enrolment("alice", "--recovery", &second);
}

// S16: the earlier of two clocks; here the wall clock, the other is the daemon's own test.
#[test]
fn a_recovery_code_is_good_for_a_day() {
    let machine = alice_at_sshd_and_sudo().start();
    let clock = machine.mfad().with_wall_clock();
    let code = recover(&machine, "alice");
    clock.moved(24 * 3600 + 1);
    let outcome = machine.ssh("alice").password("pw").code(&code).assert_refused();
    machine.audit().assert_last("wrong_code", "alice", "sshd");
    assert!(!outcome.transcript.contains("Scan this"), "{outcome}");
    let _ = machine.mfactl_with("alice", "enroll begin --recovery --json", &code).assert_exit(1);
    assert_eq!(machine.factor_labels("alice"), ["phone"]);
}

// S24: where the password is not known to be right nothing is begun, and nothing is told.
#[test]
fn a_recovery_code_without_the_password_is_one_more_wrong_code() {
    for stack in [Stack::password_then_mfa_unattested(), Stack::password_then_mfa()] {
        let machine = Machine::new().user(enrolled("alice")).pam("sshd", stack).settings(REQUIRED).start();
        let code = recover(&machine, "alice");
        let wrong = machine.token("alice").wrong_code();
        let with_it = machine.ssh("alice").password("wrong").code(&code).assert_refused();
        let without = machine.ssh("alice").password("wrong").code(&wrong).assert_refused();
        assert_eq!(with_it.prompts(), without.prompts());
        assert_eq!(machine.audit().with(&[("event", "redeemed")]).len(), 0);
        assert_eq!(
            machine.audit().with(&[("event", "enrollment_begun")]).len(),
            1,
            "the first one, of alice's"
        );
    }
}

fn remove_user(machine: &Machine, user: &str) {
    machine.shell(&format!("sed -i '/^{user}:/d' /etc/passwd /etc/shadow /etc/group"));
}

fn add_user(machine: &Machine, user: &str, uid: u32) {
    machine.shell(&format!(
        "useradd --no-create-home --non-unique --uid {uid} --home-dir /tmp --shell /bin/bash {user}
         echo {user}:pw | chpasswd -c SHA256 -s 1000"
    ));
}

/// The names that `user list` gives with that option.
fn listed(machine: &Machine, option: &str) -> Vec<String> {
    machine.told("root", &format!("user list {option}")).iter().map(|row| text(row, "name")).collect()
}

// design: an account is found by its uid and by every name it had; two different ones refuse.
#[test]
fn a_name_that_comes_back_with_another_uid_is_another_person_and_gets_nothing_of_the_first() {
    let machine = alice_at_sshd_and_sudo().user(not_enrolled("bob")).settings(REQUIRED).start();
    let phone = machine.token("alice");
    assert_eq!(listed(&machine, "--gone"), [""; 0]);
    remove_user(&machine, "alice");
    assert_eq!(listed(&machine, "--gone"), ["alice"]);
    add_user(&machine, "alice", 2001);
    let gone = machine.told("root", "user list --gone");
    assert_eq!((&gone[0]["on_host"], &gone[0]["uid_now"]), (&"other_uid".into(), &2001.into()), "{gone:?}");

    // The second alice is asked for the first one's code, and nothing waives it: fail closed.
    let _ = machine.ssh("alice").password("pw").code(&phone.wrong_code()).assert_refused();
    let _ = machine.mfactl("alice", "enroll begin --json").assert_exit(2);
    // Whoever administers ends what was the first one's; then the second one is like any other.
    machine.administer("user remove alice");
    assert_eq!(listed(&machine, "--gone"), [""; 0]);
    let _ = machine.ssh("alice").password("pw").code(&phone.code()).assert_refused();
    machine.audit().assert_last("not_enrolled", "alice", "sshd");
    let new = machine.enrol_invited("alice", &mfa_tests::Totp::sha1());
    let _ = machine.ssh("alice").password("pw").code(&phone.code_at(1)).assert_refused();
    let _ = machine.ssh("alice").password("pw").code(&new.code()).assert_granted();
}

// design: any hit makes the factor required for all names of that uid.
#[test]
fn a_second_name_of_a_uid_is_asked_for_the_same_factor() {
    let machine = alice_at_sshd_and_sudo().start(); // whom nobody knows goes on without one here
    let (uid, _) = machine.ids("alice");
    add_user(&machine, "alias", uid);
    let token = machine.token("alice");
    let _ = machine.ssh("alias").password("pw").code(&token.wrong_code()).assert_refused();
    // The shell of a login tells the first name of that uid, so this one is told by PAM's own.
    let _ = machine.pamtester("sshd", "alias").password("pw").code(&token.code()).assert_granted();
    // S3
    let _ = machine.ssh("alice").password("pw").code(&token.code()).assert_refused();
    machine.audit().assert_last("spent_code", "alice", "sshd");
    assert_eq!(listed(&machine, ""), ["alice"]);
}

#[test]
fn lists_say_who_is_one_lost_phone_away_from_being_locked_out_and_who_has_none() {
    let machine = alice_at_sshd_and_sudo().user(enrolled("ada")).user(not_enrolled("bob")).start();
    assert_eq!(listed(&machine, "--single"), [""; 0]);
    assert_eq!(listed(&machine, "--not-enrolled"), ["bob"]);
    assert_eq!(listed(&machine, ""), ["ada", "alice"]);
    for code in machine.backup_codes("alice") {
        let _ = machine.sudo("alice").password("pw").code(&code).assert_granted();
    }
    assert_eq!(listed(&machine, "--single"), ["alice"]);
    machine.administer("user reset ada");
    assert_eq!(listed(&machine, "--not-enrolled"), ["ada", "bob"]);
    // Root is one of them where root logs in: there is a password now.
    machine.shell("echo root:pw | chpasswd -c SHA256 -s 1000");
    assert_eq!(listed(&machine, "--not-enrolled"), ["root", "ada", "bob"]);
    for option in ["--gone", "--single", "--not-enrolled"] {
        let _ = machine.mfactl("bob", &format!("user list {option}")).assert_exit(4);
    }
}

#[test]
fn a_locked_account_takes_no_code_until_it_is_unlocked() {
    let machine = alice_at_sshd_and_sudo().start();
    let (phone, codes) = (machine.token("alice"), machine.backup_codes("alice"));
    let recovery = recover(&machine, "alice");
    machine.administer("user lock alice");
    let row = &machine.told("root", "user list")[0];
    assert_eq!(row["locked"], true, "{row}");
    for typed in [&phone.code(), &codes[0], &recovery] {
        let outcome = machine.sudo("alice").password("pw").code(typed).assert_refused();
        machine.audit().assert_last("locked", "alice", "sudo");
        let _ = outcome.assert_shown("This account is locked. Ask your administrator.");
    }
    let _ = machine.mfactl_with("alice", "codes renew", &codes[1]).assert_exit(1);
    machine.administer("user unlock alice");
    let _ = machine.ssh("alice").password("pw").code(&codes[1]).assert_granted();
}

#[test]
fn not_me_locks_the_own_account_alarms_and_ends_what_is_open() {
    let machine = alice_at_sshd_and_sudo().user(not_enrolled("bob")).start();
    let phone = machine.token("alice");
    let code = recover(&machine, "alice");
    let said = machine.mfactl("alice", "not-me").stdout_of_success();
    assert!(said.contains("recovery code is void") && said.contains("locked"), "{said}");
    let alarm = machine.log().wait_for("not_me user=\"alice\"");
    assert!(alarm.starts_with("<81>"), "authpriv.alert: {alarm}");
    let _ = machine.ssh("alice").password("pw").code(&phone.code()).assert_refused();
    machine.audit().assert_last("locked", "alice", "sshd");

    machine.administer("user unlock alice");
    let _ = machine.mfactl_with("alice", "enroll begin --recovery --json", &code).assert_exit(1);
    let _ = machine.ssh("alice").password("pw").code(&phone.code()).assert_granted();
    let _ = machine.mfactl("bob", "not-me").assert_exit(3);
}
