//! Who is let in without a factor is told how to get one, once a day, and never kept from anything by it.

use std::time::Duration;

use mfa_tests::terminal::{Next, Terminal};

use super::{people, set, ssh, sudo};
use crate::people::not_enrolled;

const PATIENCE: Duration = Duration::from_secs(10);

const REMINDER: &str = "Your account has no second factor. Set one up: mfactl enroll";

// S19, S21
#[test]
fn who_has_no_factor_is_let_in_with_a_reminder_once_a_day() {
    let people = people().user(not_enrolled("dan")).user(not_enrolled("eve"));
    let machine = people.start();
    set(&machine, "optional", "");
    let _ = sudo(&machine, "bob").assert_granted().assert_not_shown("second factor");
    let _ = machine.su("bob").password("pw").assert_granted().assert_shown(REMINDER);
    let _ = machine.su("bob").password("pw").assert_granted().assert_not_shown("second factor");
    let _ = machine.login("root").password("pw").assert_granted().assert_shown(REMINDER);
    let _ = machine.login("root").password("pw").assert_granted().assert_not_shown("second factor");
    // A wrong password is reminded of nothing: it may be anybody's.
    let _ = machine.ssh("carol").password("wrong").assert_refused().assert_not_shown("second factor");
    machine.write(super::FILE, 0o644, "[policy]\nmode = \"required\"\nrequired_from = 2099-12-01\n");
    machine.mfad().reload();
    // A host that asks for silence has it.
    let machine = machine.with_pam_host();
    for (user, silent, heard) in [("dan", &["--silent"][..], 0), ("eve", &[], 1)] {
        let report = machine.pam_host("login", user, &[&["--answer", "pw"], silent].concat());
        assert_eq!(report.messages().iter().filter(|(style, _)| *style == "text").count(), heard, "{report}");
    }
    // sshd shows it above the shell, and never to a command.
    machine.start_sshd();
    let line = "ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR carol@127.0.0.1";
    let mut terminal = Terminal::open(&machine, "root", line);
    let asked = terminal.next_within(PATIENCE);
    assert!(matches!(&asked, Next::Prompt(prompt) if prompt.ends_with("assword: ")), "{asked:?}");
    terminal.answer(b"pw");
    terminal.shows("A second factor is required here from 2099-12-01 on", PATIENCE);
    terminal.answer(b"exit");
    assert_eq!(terminal.next_within(PATIENCE), Next::Ended(Some(0)), "{}", terminal.transcript());
    let _ = ssh(&machine, "carol").assert_granted();
}
