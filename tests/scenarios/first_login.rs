//! From nothing to the first protected login, as README.md has it; and the same with a peer, as its own README has it.
//!
//! How many commands that is and how long the machine takes for them is left in cargo's target folder, beside the rest
//! of what tests find. The time of people, who read, scan and type, is not in it.

#![allow(clippy::disallowed_methods, reason = "what is measured here is the time of this host")]

use std::cell::RefCell;
use std::time::{Duration, Instant};

use mfa_tests::document::{Page, nobody, repository};
use mfa_tests::package::{Version, deb};
use mfa_tests::{Booted, Machine, Token, User};

use crate::administration::{on_trial, phone_that_reads};
use crate::people::{backup_codes, enrolled, not_enrolled};

const PAGE: &str = "README.md";

/// Alice's machine as Debian ships it, with sshd running.
fn clean() -> Booted {
    let machine =
        Machine::bare().user(not_enrolled("alice")).user(User::named("root").password("root's")).boot();
    machine.shell("userdel mfad"); // the other machines' image has it
    machine.start_sshd();
    machine
}

/// Leaves a line for who looks at the figures.
fn measured(name: &str, commands: usize, took: Duration) {
    let line = format!("{name}: {commands} commands, {:.1} s\n", took.as_secs_f64());
    std::fs::write(repository().join(format!("target/first-login-{name}.txt")), line)
        .expect("a folder of cargo's");
}

#[test]
fn three_commands_lead_to_the_first_protected_login() {
    let machine = clean();
    machine.take_in(&deb(Version::This));
    let phone = RefCell::new(None::<Token>);
    let started = Instant::now();
    let codes = |prompt: &str| {
        if prompt.contains("assword") {
            return "pw".into();
        }
        if !backup_codes(prompt).is_empty() {
            return String::new(); // Enter
        }
        phone.borrow_mut().get_or_insert_with(|| phone_that_reads(prompt)).code_at(-1)
    };
    let proofs = || {
        let phone = phone.borrow().clone().expect("enrolled");
        let ssh = machine.ssh("alice").option("-oConnectionAttempts=10").password("pw");
        vec![ssh.code(&phone.code()), machine.sudo("alice").password("pw").code(&phone.code_at(1))]
    };
    Page::of(PAGE, "first-login").play(&machine, &mut on_trial(&machine, &["sshd", "sudo"], proofs, codes));
    measured("mfad", 3, started.elapsed());
    let _ = machine.ssh("alice").password("pw").assert_refused();
}

/// Its README: install, run it as the user, add the line to sshd's stack, have sshd ask, start sshd again. For sshd
/// alone; sudo would be a file more. Its package is in the image already, so dpkg sets it up once more, as it does mfad's.
#[test]
fn the_peer_takes_five_by_its_own_readme_for_sshd_alone() {
    let machine = clean();
    let started = Instant::now();
    for (user, command) in [
        ("root", "dpkg-reconfigure -f noninteractive libpam-google-authenticator"),
        (
            "alice",
            "google-authenticator --no-confirm --qr-mode=none --time-based --disallow-reuse --force --rate-limit=3 --rate-time=30 --window-size=3",
        ),
        (
            "root",
            "sed -i '/^@include common-auth/a auth required pam_google_authenticator.so' /etc/pam.d/sshd",
        ),
        (
            "root",
            "sed -i 's/^KbdInteractiveAuthentication.*/KbdInteractiveAuthentication yes/' /etc/ssh/sshd_config",
        ),
        ("root", "systemctl restart ssh"),
    ] {
        machine.exec_as(user, &["bash", "-euc", &format!("cd; {command}")]).stdout_of_success();
    }
    let seed = machine.read("/home/alice/.google_authenticator");
    let phone = Token::of_secret(seed.lines().next().expect("a seed"));
    let login = machine.ssh("alice").option("-oConnectionAttempts=10").password("pw").code(&phone.code());
    let _ = login.assert_granted();
    measured("google-authenticator", 5, started.elapsed());
}

#[test]
fn the_policy_of_the_front_page_is_one_and_is_explained() {
    let machine = Machine::new().user(enrolled("alice")).start();
    let mut page = Page::of(PAGE, "policy");
    page.play_next(&machine, &mut nobody);
    machine.mfad().restart();
    page.play(&machine, &mut nobody);
}
