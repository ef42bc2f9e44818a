//! `packaging/doc/administration.md`, done from its first command to its last, in machines with systemd.

use std::time::Duration;

use mfa_tests::document::{Page, nobody};
use mfa_tests::package::{Version, deb};
use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Attempt, Blueprint, Machine, Presses, Stack, Token, User, Verdict, wait};

use crate::people::{backup_codes, not_enrolled};
use crate::rescue::{booted, remove_module};

pub(crate) const PAGE: &str = "packaging/doc/administration.md";

/// What is there for as long as a trial lasts.
const TRIAL: &str = "/var/lib/mfactl/trial.json";

/// Gives `user` a token with a button: nobody waits for the next code of it.
pub(crate) fn with_a_button(machine: &Machine, user: &str) -> Presses {
    let token = machine.begin_enrolment(user, "--type hotp", "");
    let _ = machine.confirm_enrolment(user, &token, &token.code_of_counter(0));
    Presses::after(token, 1)
}

/// A telephone that was given the secret of this screen.
pub(crate) fn phone_that_reads(screen: &str) -> Token {
    let secret = screen.lines().find_map(|line| line.trim().strip_prefix("Secret "));
    Token::of_secret(secret.unwrap_or_else(|| panic!("no secret in {screen}")).trim())
}

/// Somebody with the password and that token.
pub(crate) fn with(token: &Presses) -> impl FnMut(&str) -> String {
    |prompt| if prompt.contains("assword") { "pw".into() } else { token.code() }
}

/// Debian's own stack with the module as the page has it.
fn debian_with_mfa() -> Stack {
    Stack::raw(
        "@include common-auth\nauth required pam_mfa.so first_factor=requisite\n\
         account required pam_mfa.so\n@include common-account\n@include common-session\n",
    )
}

/// Both have a password and no factor, on a host as Debian ships it; alice is an administrator, root has a password.
pub(crate) fn as_shipped() -> Blueprint {
    Machine::new()
        .user(not_enrolled("alice").ssh_key())
        .user(not_enrolled("bob"))
        .user(User::named("root").password("root's"))
        .file("/etc/mfad/mfad.toml.d/10-admin.toml", 0o644, "[admin]\nusers = [\"alice\"]\n")
}

/// The same with the module in front of sshd and sudo.
fn alice_and_bob() -> Blueprint {
    as_shipped().pam("sshd", debian_with_mfa()).pam("sudo", debian_with_mfa())
}

/// Alice begins a trial of these services: she says yes, and then logs in by `proofs` in other terminals. `codes` are
/// those that her own session asks for.
pub(crate) fn on_trial<'a>(
    machine: &Machine,
    services: &'static [&str],
    proofs: impl FnOnce() -> Vec<Attempt> + 'a,
    mut codes: impl FnMut(&str) -> String + 'a,
) -> impl FnMut(&str) -> String + 'a {
    let (inside, mut proofs) = (machine.inside().clone(), Some(proofs));
    move |prompt| {
        if prompt.contains("Root's password") {
            return "root's".into();
        }
        if !prompt.ends_with("Type yes: ") {
            return codes(prompt);
        }
        let (inside, proofs) = (inside.clone(), proofs.take().expect("one trial")());
        std::thread::spawn(move || {
            let is_in_place =
                |service: &&str| inside.read(format!("/etc/pam.d/{service}")).contains("pam_mfa.so");
            let begun = || inside.exists(TRIAL) && services.iter().all(is_in_place);
            wait::for_condition("the trial has begun", Duration::from_secs(20), begun);
            // It waits for who puts them in place: a login that began before that is done proves nothing.
            let _ = inside.exec(&["mfactl", "pam", "status"]);
            for proof in proofs {
                let _ = proof.assert_granted();
            }
        });
        "yes".into()
    }
}

/// Alice puts the module in front of these services, and has it kept by those proofs.
pub(crate) fn apply_on_trial(
    machine: &Machine,
    services: &'static [&str],
    proofs: Vec<Attempt>,
    codes: impl FnMut(&str) -> String,
) {
    let mut person = on_trial(machine, services, || proofs, codes);
    let mut terminal =
        Terminal::open(machine.inside(), "alice", &format!("sudo mfactl pam apply {}", services.join(" ")));
    loop {
        match terminal.next_within(Duration::from_secs(30)) {
            Next::Prompt(prompt) => terminal.answer(person(&prompt).as_bytes()),
            Next::Ended(exit) => break assert_eq!(exit, Some(0), "{}", terminal.transcript()),
            Next::Silent => panic!("{}\n{}", terminal.transcript(), machine.log().lines().join("\n")),
        }
    }
}

#[test]
fn break_glass_is_set_up_as_the_guide_says_and_needs_no_mfad() {
    let machine = booted(as_shipped());
    machine.shell(
        "install -o alice -g alice -m 600 /root/keys/alice /home/alice/.ssh/id_ed25519
         install -D -m 600 /root/keys/alice.pub /root/.ssh/authorized_keys",
    );
    let alice = with_a_button(&machine, "alice");
    let proof = machine.ssh("alice").option("-oConnectionAttempts=10").password("pw").code(&alice.code());
    let mut page = Page::of(PAGE, "break-glass");
    page.play_next(&machine, &mut on_trial(&machine, &["sshd"], || vec![proof], with(&alice)));
    page.play(&machine, &mut nobody);
    let root = || machine.exec_as("alice", &["ssh", "-o", "BatchMode=yes", "root@server", "id", "-un"]);
    remove_module(&machine);
    assert_eq!(root().stdout_of_success(), "root\n", "with the module gone too");
    let _ = machine.ssh("alice").key("alice").password("pw").assert_refused();
}

#[test]
fn a_roll_out_goes_from_optional_over_grace_to_required() {
    let machine = booted(as_shipped());
    let mut page = Page::of(PAGE, "roll-out");
    let (mut phone, mut paper) = (None, Vec::new());
    page.play_next(&machine, &mut |prompt| {
        let codes = backup_codes(prompt);
        if !codes.is_empty() {
            paper = codes; // and Enter
            return String::new();
        }
        phone.get_or_insert_with(|| phone_that_reads(prompt)).code_at(-1)
    });
    let phone = phone.expect("enrolled");
    page.play_next(&machine, &mut |_| "pw".into());
    let proofs = vec![
        machine.ssh("alice").option("-oConnectionAttempts=10").password("pw").code(&phone.code()),
        machine.sudo("alice").password("pw").code(&phone.code_at(1)),
    ];
    page.play_next(&machine, &mut on_trial(&machine, &["sshd", "sudo"], || proofs, |_| "pw".into()));
    let bob = |offered: bool| {
        let outcome = machine.ssh("bob").password("pw").code("").run();
        assert_eq!(outcome.verdict == Verdict::Granted, offered, "{outcome}");
        assert_eq!(outcome.transcript.contains("press Enter to go on"), offered, "{outcome}");
    };
    page.play_next(&machine, &mut nobody);
    page.play_next(&machine, &mut nobody);
    bob(true);
    page.play_next(&machine, &mut nobody);
    page.play(&machine, &mut |_| paper.pop().expect("paper"));
    bob(false);

    let other = booted(as_shipped());
    other.write("/root/proven", 0o600, machine.read("/root/proven"));
    Page::of(PAGE, "another-host").play(&other, &mut nobody);
}

#[test]
fn a_roll_out_in_stages_says_at_each_who_is_not_ready() {
    let machine = booted(as_shipped().user(not_enrolled("jobs")).pam("sshd", debian_with_mfa()));
    machine.shell("groupadd ops; usermod -aG ops alice");
    let alice = with_a_button(&machine, "alice");
    let mut page = Page::of(PAGE, "stages");
    let bob = || machine.ssh("bob").password("pw");
    page.play_next(&machine, &mut nobody);
    page.play_next(&machine, &mut nobody);
    let _ = bob().assert_granted();
    machine.audit().assert_last("observed", "bob", "sshd");
    let _ = machine.ssh("alice").password("pw").code("000000").run(); // of the group that is ahead
    machine.audit().assert_last("wrong_code", "alice", "sshd");
    page.play(&machine, &mut with(&alice));
    let _ = bob().assert_granted();
    machine.audit().assert_last("exempt", "bob", "sshd");
    for file in ["coverage.csv", "exemptions.csv", "recoveries.csv"] {
        let text = machine.read(format!("/root/{file}"));
        assert!(text.lines().count() >= 2, "{text}");
        assert!(text.starts_with("host,version,time,settings,audit,"), "{text}");
    }
}

#[test]
fn the_package_is_installed_asked_after_and_removed_as_the_guide_says() {
    let machine =
        Machine::bare().user(not_enrolled("alice")).user(User::named("root").password("root's")).boot();
    machine.shell("userdel mfad"); // the other machines' image has it
    machine.take_in(&deb(Version::This));
    Page::of(PAGE, "install").play(&machine, &mut nobody);
    // Debian's own jail looks for a log that is not there without a syslog.
    machine.shell("rm /etc/fail2ban/jail.d/defaults-debian.conf");
    Page::of(PAGE, "fail2ban").play(&machine, &mut nobody);

    let alice = with_a_button(&machine, "alice");
    let proof = machine.sudo("alice").password("pw").code(&alice.code());
    apply_on_trial(&machine, &["sudo"], vec![proof], with(&alice));
    Page::of(PAGE, "remove").play(&machine, &mut nobody);
    let _ = machine.sudo("alice").password("pw").assert_granted();
    assert!(machine.exists("/var/lib/mfad/mfad.db"));
}

#[test]
fn the_helpdesk_recovers_locks_unlocks_and_resets() {
    let machine = booted(alice_and_bob());
    let (alice, _bob) = (with_a_button(&machine, "alice"), with_a_button(&machine, "bob"));
    Page::of(PAGE, "recover").play(&machine, &mut with(&alice));
}

#[test]
fn a_backup_is_taken_while_mfad_runs_and_restored() {
    let machine = booted(alice_and_bob());
    let alice = with_a_button(&machine, "alice");
    let (spent, since) = (alice.code(), alice.code());
    let _ = machine.ssh("alice").password("pw").code(&spent).assert_granted();
    let mut page = Page::of(PAGE, "backup");
    page.play_next(&machine, &mut nobody);
    page.play_next(&machine, &mut nobody);
    let _ = machine.ssh("alice").password("pw").code(&since).assert_granted();
    page.play(&machine, &mut nobody);
    let _ = machine.ssh("alice").password("pw").code(&spent).assert_refused();
    // What the page warns of: this one was used after the copy.
    let _ = machine.ssh("alice").password("pw").code(&since).assert_granted();
}

#[test]
fn another_host_takes_the_store_once_it_has_the_key() {
    let machine = booted(alice_and_bob());
    let alice = with_a_button(&machine, "alice");
    Page::of(PAGE, "backup").play(&machine, &mut nobody);

    let other = booted(alice_and_bob());
    other.shell("systemctl stop mfad.socket mfad.service; rm -r /var/lib/mfad/* /etc/credstore.encrypted; mkdir /root/backup");
    for file in ["key", "mfad.db"] {
        let bytes = std::fs::read(machine.path(format!("/root/backup/{file}"))).expect("it was copied");
        other.write(format!("/root/backup/{file}"), 0o600, bytes);
    }
    Page::of(PAGE, "restored").play(&other, &mut nobody);
    other.shell(
        "install -o mfad -g mfad -m 600 /root/backup/mfad.db /var/lib/mfad/mfad.db
         mfad --check --store; systemctl start mfad.socket mfad.service",
    );
    let _ = other.ssh("alice").password("pw").code(&alice.code()).assert_granted();
}

#[test]
fn google_authenticator_moves_in_and_its_module_out() {
    let machine = booted(as_shipped());
    let line = "/^@include common-auth/a auth required pam_google_authenticator.so nullok";
    machine.exec(&["sed", "-i", line, "/etc/pam.d/sshd"]).stdout_of_success();
    let seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let file = "/home/alice/.google_authenticator";
    machine.write(file, 0o600, format!("{seed}\n\" HOTP_COUNTER 5\n24681357\n"));
    let (uid, gid) = machine.ids("alice");
    machine.give(file, uid, gid);
    let token = Presses::after(Token::of_secret(seed), 5);
    let ssh = || machine.ssh("alice").option("-oConnectionAttempts=10").password("pw").code(&token.code());
    let _ = ssh().assert_granted(); // by the old module
    Page::of(PAGE, "move-in")
        .play(&machine, &mut on_trial(&machine, &["sshd"], || vec![ssh()], with(&token)));
    assert!(
        !machine.read("/etc/pam.d/sshd").lines().any(|line| line.starts_with("auth required pam_google"))
    );
}
