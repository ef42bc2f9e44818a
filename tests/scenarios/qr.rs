//! The QR code of an enrolment, on a real terminal, before a real scanner.

use std::time::Duration;

use mfa_tests::screen::{Ground, Picture};
use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Machine, Stack, Token};

use crate::people::not_enrolled;

/// How long an enrolment may take that nobody hesitates in.
const PATIENCE: Duration = Duration::from_secs(20);

fn bob_at_sshd() -> Machine {
    Machine::new().user(not_enrolled("bob")).pam("sshd", Stack::password_then_mfa()).start()
}

/// Enrols bob by hand at a terminal of that size, reading the secret by `read` from what is shown.
fn enrol_by_hand(machine: &Machine, setting: &str, read: impl Fn(&str) -> Token) -> Token {
    let mut terminal = Terminal::open(machine.inside(), "bob", &format!("{setting} mfactl enroll"));
    let Next::Prompt(shown) = terminal.next_within(PATIENCE) else { panic!("{}", terminal.transcript()) };
    let token = read(&shown);
    terminal.answer(token.code_at(-1).as_bytes());
    let Next::Prompt(asked) = terminal.next_within(PATIENCE) else { panic!("{}", terminal.transcript()) };
    assert!(asked.contains("to show that you kept them"), "{asked}");
    terminal.answer(b"");
    assert_eq!(terminal.next_within(PATIENCE), Next::Ended(Some(0)), "{}", terminal.transcript());
    token
}

fn assert_logs_in(machine: &Machine, token: &Token) {
    let _ = machine.ssh("bob").password("pw").code(&token.wrong_code()).assert_refused();
    let _ = machine.ssh("bob").password("pw").code(&token.code()).assert_granted();
}

// S7
#[test]
fn a_scanner_reads_the_code_from_a_common_terminal_and_its_codes_log_in() {
    let machine = bob_at_sshd();
    let token = enrol_by_hand(&machine, "stty rows 24 cols 80;", |shown| {
        let [dark, light] = [Ground::Dark, Ground::Light].map(|ground| Picture::of(shown, ground).scanned());
        assert!(dark.starts_with("otpauth://totp/"), "{dark}");
        assert_eq!(dark, light);
        Token::of_uri(&dark)
    });
    assert_logs_in(&machine, &token);
}

#[test]
fn a_scanner_reads_the_code_from_a_terminal_without_unicode() {
    let machine = bob_at_sshd();
    let setting = "stty rows 50 cols 100; LANG=C LC_ALL=C";
    let token = enrol_by_hand(&machine, setting, |shown| {
        assert!(shown.is_ascii(), "{shown}");
        let [dark, light] = [Ground::Dark, Ground::Light].map(|ground| Picture::of(shown, ground).scanned());
        assert_eq!(dark, light);
        Token::of_uri(&dark)
    });
    assert_logs_in(&machine, &token);
}

#[test]
fn where_the_code_has_no_room_the_secret_can_be_typed() {
    let machine = bob_at_sshd();
    let token = enrol_by_hand(&machine, "stty rows 10 cols 80;", |shown| {
        assert!(!shown.contains('█'), "a code that is cut off cannot be read: {shown}");
        let line = shown.lines().find(|line| line.trim_start().starts_with("Secret"));
        let secret = line.and_then(|line| line.trim().strip_prefix("Secret")).expect("the secret is shown");
        let groups: Vec<&str> = secret.split_whitespace().collect();
        assert!(groups.iter().all(|group| group.len() <= 4), "in fours: {secret}");
        Token::of_secret(&groups.concat())
    });
    assert_logs_in(&machine, &token);
}

// S7
#[test]
fn an_enrolment_that_is_given_up_leaves_nothing() {
    let machine = bob_at_sshd();
    let mut terminal = Terminal::open(machine.inside(), "bob", "mfactl enroll");
    let Next::Prompt(shown) = terminal.next_within(PATIENCE) else { panic!("{}", terminal.transcript()) };
    let token = Token::of_uri(&Picture::of(&shown, Ground::Dark).scanned());
    terminal.give_up();
    let outcome = machine.ssh("bob").password("pw").assert_granted();
    assert_eq!(outcome.prompts().len(), 1, "{outcome}");
    drop(token);
    let _ = machine.exec_as("bob", &["mfactl", "status", "--json"]).assert_exit(3);
}
