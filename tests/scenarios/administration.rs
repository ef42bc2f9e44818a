//! `packaging/doc/administration.md`, done from its first command to its last, in machines with systemd.

use std::path::Path;

use mfa_tests::document::{Page, nobody};
use mfa_tests::{Blueprint, Booted, Machine, Presses, Stack, Token, User, Verdict, clock};

use crate::people::not_enrolled;

const PAGE: &str = "packaging/doc/administration.md";

/// Boots it, calls it `server`, and starts an sshd that clients know.
fn served(blueprint: Blueprint) -> Booted {
    let machine = blueprint.sshd("ListenAddress 192.0.2.1").boot();
    machine
        .shell("ip address add 192.0.2.1/24 dev lo; hostname server; echo '192.0.2.1 server' >>/etc/hosts");
    let key = machine.read("/etc/ssh/ssh_host_ed25519_key.pub");
    machine.write("/etc/ssh/ssh_known_hosts", 0o644, format!("server {key}"));
    machine.start_sshd();
    machine
}

/// Gives `user` a token with a button: nobody waits for the next code of it.
fn with_a_button(machine: &Machine, user: &str) -> Presses {
    let token = machine.begin_enrolment(user, "--type hotp", "");
    let _ = machine.confirm_enrolment(user, &token, &token.code_of_counter(0));
    Presses::after(token, 1)
}

/// A telephone that was given the secret of this screen.
fn phone_that_reads(screen: &str) -> Token {
    let secret = screen.lines().find_map(|line| line.trim().strip_prefix("Secret "));
    Token::of_secret(secret.unwrap_or_else(|| panic!("no secret in {screen}")).trim())
}

/// Somebody with the password and that token.
fn with(token: &Presses) -> impl FnMut(&str) -> String {
    |prompt| if prompt.contains("assword") { "pw".into() } else { token.code() }
}

/// Debian's own stack with the module as the page has it.
fn debian_with_mfa() -> Stack {
    Stack::raw(
        "@include common-auth\nauth required pam_mfa.so first_factor=requisite\n\
         account required pam_mfa.so\n@include common-account\n@include common-session\n",
    )
}

fn alice_and_bob() -> Blueprint {
    Machine::new()
        .user(not_enrolled("alice"))
        .user(not_enrolled("bob"))
        .pam("sshd", debian_with_mfa())
        .pam("sudo", debian_with_mfa())
        .file("/etc/mfad/mfad.toml.d/10-admin.toml", 0o644, "[admin]\nusers = [\"alice\"]\n")
}

#[test]
fn break_glass_is_set_up_as_the_guide_says_and_needs_no_mfad() {
    let machine = served(
        Machine::new()
            .user(not_enrolled("alice").ssh_key())
            .pam("sshd", debian_with_mfa())
            .sshd("AuthenticationMethods publickey,keyboard-interactive"),
    );
    let _ = with_a_button(&machine, "alice");
    machine.shell(
        "install -o alice -g alice -m 600 /root/keys/alice /home/alice/.ssh/id_ed25519
         install -D -m 600 /root/keys/alice.pub /root/.ssh/authorized_keys",
    );
    Page::of(PAGE, "break-glass").play(&machine, &mut nobody);
    let _ = machine.ssh("alice").key("alice").password("pw").assert_refused();
}

#[test]
fn a_roll_out_goes_from_optional_over_grace_to_required() {
    let machine = served(alice_and_bob());
    let mut page = Page::of(PAGE, "roll-out");
    // Alice has a telephone, and types what it shows: a later code at each question.
    let (mut phone, mut offset) = (None, -2);
    let mut alice = |prompt: &str| {
        if prompt.contains("assword") {
            return "pw".into();
        }
        if prompt.contains("Enter skips this") {
            return String::new();
        }
        offset += 1;
        phone.get_or_insert_with(|| phone_that_reads(prompt)).code_at(offset)
    };
    clock::with_seconds_left(15);
    page.play_next(&machine, &mut alice);
    let bob = |offered: bool| {
        let outcome = machine.ssh("bob").password("pw").code("").run();
        assert_eq!(outcome.verdict == Verdict::Granted, offered, "{outcome}");
        assert_eq!(outcome.transcript.contains("press Enter to go on"), offered, "{outcome}");
    };
    page.play_next(&machine, &mut nobody);
    page.play_next(&machine, &mut nobody);
    bob(true);
    page.play_next(&machine, &mut nobody);
    page.play(&machine, &mut alice);
    bob(false);
}

#[test]
fn the_helpdesk_recovers_locks_unlocks_and_resets() {
    let machine = served(alice_and_bob());
    let (alice, _bob) = (with_a_button(&machine, "alice"), with_a_button(&machine, "bob"));
    Page::of(PAGE, "recover").play(&machine, &mut with(&alice));
}

#[test]
fn a_backup_is_taken_while_mfad_runs_and_restored() {
    let machine = served(alice_and_bob());
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
    let machine = served(alice_and_bob());
    let alice = with_a_button(&machine, "alice");
    Page::of(PAGE, "backup").play(&machine, &mut nobody);

    let other = served(alice_and_bob());
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
    let stack = debian_with_mfa()
        .text()
        .replace("pam_mfa.so first_factor=requisite", "pam_google_authenticator.so nullok");
    let machine =
        served(alice_and_bob().pam("sshd", Stack::raw(&stack.replace("account required pam_mfa.so\n", ""))));
    let seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let file = "/home/alice/.google_authenticator";
    machine.write(file, 0o600, format!("{seed}\n\" HOTP_COUNTER 5\n24681357\n"));
    let (uid, gid) = machine.ids("alice");
    machine.give(file, uid, gid);
    let token = Presses::after(mfa_tests::Token::of_secret(seed), 5);
    let _ = machine.ssh("alice").password("pw").code(&token.code()).assert_granted(); // by the old module
    Page::of(PAGE, "move-in").play(&machine, &mut with(&token));
}

#[test]
fn programs_that_log_in_do_as_the_guide_says() {
    let stack = Stack::key_passed_or_password();
    let machine = served(
        Machine::new()
            .user(not_enrolled("alice").ssh_key())
            .user(User::named("deploy"))
            .pam("sshd", stack)
            .file(
                "/etc/ssh/sshd_config.d/95-methods.conf",
                0o644,
                "AuthenticationMethods publickey,keyboard-interactive\n",
            ),
    );
    machine.shell(
        "cd /home/alice
         install -o alice -g alice -m 600 /root/keys/alice .ssh/id_ed25519
         install -d -o deploy -g deploy -m 700 /home/deploy/.ssh
         install -o deploy -g deploy -m 600 /root/keys/alice.pub /home/deploy/.ssh/authorized_keys
         echo notes >notes.txt; printf '#!/bin/sh\\ncat ~/code\\n' >askpass; chmod 755 askpass
         setpriv --reuid alice --regid alice --clear-groups env HOME=$PWD bash -euc '
           git init -q work; cd work; git -c user.name=a -c user.email=a commit -q --allow-empty -m first
           git clone -q --bare . ../project.git'
         chown -R alice:alice /home/alice",
    );
    let alice = with_a_button(&machine, "alice");
    machine.write("/home/alice/code", 0o644, ""); // what a person reads off and types into the window
    let code = machine.path("/home/alice/code");
    let page = Page::of(PAGE, "clients");
    play_with_a_window(page, &machine, &alice, &code);
}

fn play_with_a_window(mut page: Page, machine: &Machine, alice: &Presses, code: &Path) {
    while page.left() > 1 {
        page.play_next(machine, &mut with(alice));
    }
    std::fs::write(code, alice.code()).expect("a file");
    page.play(machine, &mut nobody);
}
