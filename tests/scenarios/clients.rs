//! `packaging/doc/clients.md`: what logs in by itself does as the page says, over a connection that somebody opened with
//! a code, or as an account that is let in by key alone; and what others make of either.

use std::time::Duration;

use mfa_tests::document::{Page, nobody};
use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Blueprint, Machine, Presses, Stack, wait};
use serde_json::Value;

use crate::administration::{as_shipped, on_trial, with, with_a_button};
use crate::people::{REQUIRED, not_enrolled};
use crate::rescue::{booted, served, sshd_listens};

const PAGE: &str = "packaging/doc/clients.md";

/// How long what is waited for may take.
const SOON: Duration = Duration::from_secs(20);

/// A host that takes keys only.
fn key_and_code(blueprint: Blueprint) -> Blueprint {
    let methods = "AuthenticationMethods publickey,keyboard-interactive\n";
    blueprint.file("/etc/ssh/sshd_config.d/95-methods.conf", 0o644, methods)
}

/// What alice has at hand: her key, something to copy, something to push, and what opens VS Code's window.
const AT_HAND: &str = "
    cd /home/alice
    install -o alice -g alice -m 600 /root/keys/alice .ssh/id_ed25519
    cp /root/keys/alice.pub .ssh/id_ed25519.pub
    echo notes >notes.txt; printf '#!/bin/sh\\ncat ~/code\\n' >askpass; chmod 755 askpass
    printf '[user]\\n name = alice\\n email = alice@server\\n' >.gitconfig
    chown alice:alice notes.txt .gitconfig
    runuser -u alice -- sh -euc '
      git init -q work; git -C work commit -q --allow-empty -m first; git clone -q --bare work project.git'";

/// Puts the second factor in front of sshd and sudo as a fleet does it, without a trial.
fn protect(machine: &Machine) {
    let plan = machine.mfactl("root", "pam plan sshd sudo --json").assert_exit(7);
    let plan: Value = serde_json::from_str(&plan.stdout).expect("JSON");
    let hash = plan["hash"].as_str().expect("a hash");
    machine.shell(&format!("mfactl pam apply sshd sudo --no-confirm --proven {hash}"));
    sshd_listens(machine);
}

/// Ends the server that listens and starts another, which reads the settings anew.
fn another_sshd(machine: &Machine) {
    let listens = || machine.exec(&["sh", "-c", "ss -Hltn 'sport = 22' | grep -q ."]).status.success();
    machine.shell("kill \"$(cat /run/sshd.pid)\"");
    wait::for_condition("sshd has ended", SOON, || !listens());
    machine.exec(&["/usr/sbin/sshd"]).stdout_of_success();
    wait::for_condition("sshd listens", SOON, listens);
}

/// A command line of alice's, with nobody at a terminal; what it shows.
fn alice(machine: &Machine, line: &str) -> Result<String, String> {
    let ran = machine.exec_as("alice", &["bash", "-c", &format!("cd; {line}")]);
    let shown = format!("{}{}", ran.stdout, ran.stderr);
    if ran.status.success() { Ok(shown) } else { Err(shown) }
}

/// The same, which fails and says why.
fn fails(machine: &Machine, line: &str, why: &str) {
    let said = alice(machine, line).expect_err(line);
    assert!(said.contains(why), "`{line}` says {why:?}, but said {said}");
}

/// The same, which succeeds and shows this.
fn shows(machine: &Machine, line: &str, what: &str) {
    let shown = alice(machine, line).unwrap_or_else(|said| panic!("`{line}`: {said}"));
    assert!(shown.contains(what), "`{line}` shows {what:?}, but showed {shown}");
}

#[test]
fn programs_that_log_in_do_as_the_page_for_clients_says() {
    let machine = booted(key_and_code(as_shipped()));
    machine.shell(AT_HAND);
    let button = with_a_button(&machine, "alice");
    protect(&machine);
    let mut page = Page::of(PAGE, "clients");
    while page.left() > 1 {
        page.play_next(&machine, &mut with(&button));
    }
    // Answers of nobody were tries of nobody.
    let shown = machine.mfactl("root", "user show alice").stdout_of_success();
    assert!(shown.contains("no failure in a row"), "{shown}");
    machine.audit().with(&[("reason", "no_code"), ("user", "alice")]);
    // What a person reads off and types into the window.
    machine.write("/home/alice/code", 0o644, button.code());
    page.play(&machine, &mut nobody);
}

#[test]
fn an_exemption_lets_by_what_would_have_asked_and_nothing_that_forbids_it() {
    let machine = booted(key_and_code(as_shipped()));
    machine.shell(AT_HAND);
    let button = with_a_button(&machine, "alice");
    protect(&machine);
    Page::of(PAGE, "exempt").play(&machine, &mut nobody);
    assert_eq!(machine.read("/home/alice/notes-3.txt"), "notes\n");
    // From elsewhere alice is asked, and so is whoever is not named.
    fails(&machine, "ssh -b 127.0.0.1 server id </dev/null", "Too many authentication failures");
    let _ = machine.ssh("alice").key("alice").code(&button.code()).assert_granted();
    let _ = with_a_button(&machine, "bob");
    let _ = machine.ssh("bob").key("bob").from("192.0.2.1").assert_refused();
}

#[test]
fn a_login_that_is_remembered_does_as_the_page_for_clients_says() {
    let id = "5bd5a4a1d6f14c6ab7f1d1c2b0a8e9f7\n";
    let machine = booted(key_and_code(as_shipped()).file("/etc/machine-id", 0o444, id));
    machine.shell(AT_HAND);
    let button = with_a_button(&machine, "alice");
    protect(&machine);
    Page::of(PAGE, "remembering").play(&machine, &mut with(&button));
}

#[test]
fn a_shared_connection_is_its_owners_alone_and_outlives_what_was_asked_for_it() {
    let machine = served(
        Machine::new()
            .user(not_enrolled("alice").ssh_key())
            .user(not_enrolled("bob").ssh_key())
            .pam("sshd", Stack::key_passed_or_password())
            .sshd("AuthenticationMethods publickey,keyboard-interactive"),
    );
    machine.shell(AT_HAND);
    let button = with_a_button(&machine, "alice");
    let share = || {
        // Where bob gets to.
        let socket = "-o ControlMaster=yes -o ControlPath=/tmp/shared -o ControlPersist=1h";
        let line = format!("ssh {socket} server true");
        let mut terminal = Terminal::open(machine.inside(), "alice", &line);
        while let Next::Prompt(_) = terminal.next_within(SOON) {
            terminal.answer(button.code().as_bytes());
        }
        assert!(machine.exists("/tmp/shared"), "{}", terminal.transcript());
    };
    let over = "ssh -o BatchMode=yes -o ControlPath=/tmp/shared";
    share();
    shows(&machine, &format!("{over} server id -un"), "alice");

    // Another user cannot connect to it, and is refused by ssh where the socket lets him.
    let bob = || {
        let line = format!("cd; {over} alice@server id -un");
        let ran = machine.exec_as("bob", &["bash", "-c", &line]);
        assert!(!ran.status.success(), "{ran}");
        ran.stderr
    };
    assert_eq!(machine.shell("stat -c '%U %a' /tmp/shared"), "alice 600\n");
    assert!(bob().contains("Control socket connect(/tmp/shared): Permission denied"));
    machine.shell("chmod 666 /tmp/shared");
    assert!(bob().contains("master hello exchange failed"));
    let root = format!("{over} alice@server id -un");
    assert_eq!(machine.shell(&root), "alice\n", "as the page says, root of that machine can");

    // What was decided later is not asked about: who is to be out is to be thrown out.
    machine.shell("mfactl user lock alice --reason stolen --break-glass stolen; chage --expiredate 1 alice");
    shows(&machine, &format!("{over} server id -un"), "alice");
    machine.shell("pkill -u alice '^sshd'");
    fails(&machine, &format!("{over} server id -un"), "Permission denied");
    machine.shell("mfactl user unlock alice --reason found --break-glass found; chage --expiredate -1 alice");

    // Where the administrator wants none of it, each session is a login of its own.
    machine.shell("sed -i '1i MaxSessions 1' /etc/ssh/sshd_config");
    another_sshd(&machine);
    let _ = machine.exec(&["rm", "-f", "/tmp/shared"]);
    share();
    let held = machine.command("alice", &["sh", "-c", &format!("cd; {over} server sleep 60")]).spawn();
    let mut held = held.expect("it starts");
    let sleeps = || machine.exec(&["pgrep", "-x", "sleep"]).status.success();
    wait::for_condition("one session is open", SOON, sleeps);
    fails(&machine, &format!("{over} server id -un"), "Session open refused by peer");
    let _ = held.kill();
    let _ = held.wait();
}

#[test]
fn accounts_for_jobs_do_one_thing_each_from_one_place_as_the_page_for_clients_says() {
    let from = "Match host server\n  BindAddress 192.0.2.10\n";
    let machine = booted(key_and_code(as_shipped()).file("/etc/ssh/ssh_config.d/from.conf", 0o644, from));
    machine.shell(AT_HAND);
    machine.shell("ip address add 192.0.2.10/32 dev lo");
    let button = with_a_button(&machine, "alice");
    protect(&machine);
    // No account without a factor gets in by a code, or by none.
    machine.write("/etc/mfad/mfad.toml.d/20-mode.toml", 0o644, REQUIRED);
    machine.shell("systemctl restart mfad");
    play_jobs(&machine, &button);

    no_key_is_of_use_from_elsewhere(&machine);
    nothing_is_forwarded_by_either_of_two_rules(&machine);
    none_changes_its_own_key(&machine);
    each_does_its_one_thing(&machine);
    the_account_phase_is_asked_and_mfad_is_not(&machine);
}

// Why the page has the network in a line that forbids, and not in the one that says whom the block is for.
#[test]
fn a_match_block_for_a_network_lets_in_from_elsewhere_who_is_not_asked_for_a_code() {
    let methods = "Match User deploy Address 10.0.0.0/8\n AuthenticationMethods publickey\n\
                   Match all\n AuthenticationMethods publickey,keyboard-interactive\n";
    let machine = Machine::new()
        .user(not_enrolled("deploy").ssh_key())
        .pam("sshd", Stack::key_passed_or_password())
        .sshd("Include /etc/ssh/sshd_config.d/*.conf")
        .file("/etc/ssh/sshd_config.d/10-deploy.conf", 0o644, methods)
        .start();
    let deploy = || machine.ssh("deploy").key("deploy");
    assert_eq!(deploy().assert_granted().prompts().len(), 0);
    let narrow =
        "sed -i -e 's/ Address.*//' -e '2a AllowUsers *@10.0.0.0/8' /etc/ssh/sshd_config.d/10-deploy.conf";
    machine.shell(narrow);
    another_sshd(&machine);
    let _ = deploy().assert_refused();
}

/// Does what the page says up to its end.
fn play_jobs(machine: &Machine, button: &Presses) {
    let mut page = Page::of(PAGE, "jobs");
    page.play_next(machine, &mut nobody);
    page.play_next(machine, &mut nobody);
    machine.shell("cp /home/alice/.ssh/*.pub /root/keys; echo data >/srv/data/file");
    let proof =
        || vec![machine.ssh("alice").key("alice").option("-oConnectionAttempts=10").code(&button.code())];
    let mut person = on_trial(machine, &["sshd"], proof, with(button));
    while page.left() > 0 {
        page.play_next(machine, &mut person);
    }
    assert_eq!(machine.read("/home/alice/data/file"), "data\n");
    assert_eq!(machine.read("/home/alice/back.txt"), "notes\n");
    // What was decided of these accounts is for these alone.
    let finds = || machine.mfactl("root", "doctor").stdout.contains("\nCRITICAL  match-block-skips:");
    assert!(!finds());
    let file = "/etc/ssh/sshd_config.d/10-jobs.conf";
    machine.shell(&format!("sed -i 's/^Match User deploy,/&bob,/' {file}"));
    assert!(finds());
    machine.shell(&format!("sed -i 's/bob,//' {file}"));
    assert!(!finds());
}

fn no_key_is_of_use_from_elsewhere(machine: &Machine) {
    let denied = "deploy@server: Permission denied (publickey).";
    let from = |address: &str| format!("ssh -b {address} deploy@server id -un");
    shows(machine, &from("192.0.2.10"), "deploy");
    fails(machine, &from("192.0.2.9"), denied);
    // A key before which nobody wrote where it comes from.
    machine.shell("cp /etc/ssh/keys/deploy /root/kept; sed -i 's/from=\"192.0.2.10\"//;s/restrict, /restrict /' /etc/ssh/keys/deploy");
    shows(machine, &from("192.0.2.9"), "deploy");
    fails(machine, &from("127.0.0.1"), denied);
    machine.shell("cp /root/kept /etc/ssh/keys/deploy");
    // Neither a password nor a code opens it, nor does a key of somebody else's.
    fails(machine, "ssh -o PubkeyAuthentication=no deploy@server id", denied);
    fails(
        machine,
        "ssh -o IdentityFile=~/.ssh/id_ed25519 -F /dev/null -o BatchMode=yes deploy@server id",
        denied,
    );
    fails(machine, "ssh -i ~/.ssh/git -F /dev/null -o BatchMode=yes deploy@server id", denied);
}

/// One is before the key, one is sshd's; without both it would be.
fn nothing_is_forwarded_by_either_of_two_rules(machine: &Machine) {
    let out = "ssh -W 127.0.0.1:22 deploy@server </dev/null";
    let back = "ssh -o ExitOnForwardFailure=yes -R 2001:127.0.0.1:22 deploy@server true";
    let agent = "ssh-agent ssh -A deploy@server 'test -n \"$SSH_AUTH_SOCK\"'";
    let terminal = "ssh -tt deploy@server 'tty' </dev/null";
    let restrict = "/etc/ssh/keys/deploy";
    let block = "/etc/ssh/sshd_config.d/10-jobs.conf";
    machine.shell(&format!("cp {restrict} /root/restrict; cp {block} /root/block"));
    let set = |key: bool, sshd: bool| {
        machine.shell(&format!("cp /root/restrict {restrict}; cp /root/block {block}"));
        if !key {
            machine.shell(&format!("sed -i 's/^restrict,//' {restrict}"));
        }
        if !sshd {
            machine.shell(&format!("sed -i -e /DisableForwarding/d -e /PermitTTY/d {block}"));
        }
        machine.shell("systemctl restart ssh"); // which returns once it listens
        sshd_listens(machine);
    };
    for (key, sshd) in [(true, false), (false, true)] {
        set(key, sshd);
        fails(machine, out, "administratively prohibited");
        fails(machine, back, "remote port forwarding failed for listen port 2001");
        fails(machine, agent, "");
        fails(machine, terminal, "PTY allocation request failed on channel 0");
    }
    set(false, false);
    shows(machine, out, "SSH-2.0-");
    for works in [back, agent] {
        shows(machine, works, "");
    }
    shows(machine, terminal, "/dev/pts/");
    set(true, true);
}

fn none_changes_its_own_key(machine: &Machine) {
    fails(machine, "ssh deploy@server 'cat >/etc/ssh/keys/deploy' <.ssh/id_ed25519.pub", "Permission denied");
    let own =
        "ssh deploy@server 'mkdir -p -m 700 .ssh; cat >.ssh/authorized_keys; chmod 600 .ssh/authorized_keys'";
    shows(machine, &format!("{own} <.ssh/id_ed25519.pub"), "");
    let with_own = "ssh -i ~/.ssh/id_ed25519 -F /dev/null -o BatchMode=yes";
    fails(machine, &format!("{with_own} deploy@server id"), "Permission denied (publickey).");
    fails(machine, &format!("{with_own} -b 127.0.0.1 deploy@server id"), "Permission denied (publickey).");
}

fn each_does_its_one_thing(machine: &Machine) {
    for (line, why) in [
        ("ssh git@server", "fatal: Interactive git shell is not enabled."),
        ("ssh git@server 'git-upload-pack /home/git/project.git; id'", "fatal: "),
        ("scp notes.txt git@server:", "scp: Connection closed"),
        ("rsync -a mirror@server:../../etc/passwd .", "do not use .. in arg"),
        ("ssh mirror@server", "rrsync error: Not invoked via sshd"),
        ("ssh drop@server", "This service allows sftp connections only."),
        ("scp drop@server:/etc/passwd .", "No such file or directory"),
        ("scp notes.txt drop@server:/", "Permission denied"),
        ("rsync -a notes.txt drop@server:in/", "protocol incompatibility"),
    ] {
        fails(machine, line, why);
    }
}

fn the_account_phase_is_asked_and_mfad_is_not(machine: &Machine) {
    let job = "ssh deploy@server id -un";
    let expired = "Your account has expired; please contact your system administrator.";
    // As the page says: these two stop nobody.
    machine.shell("passwd --lock deploy");
    let lock = machine.mfactl("root", "user lock deploy --reason test --break-glass test").assert_exit(3);
    assert!(lock.stderr.contains("deploy has no second factor"), "{lock}");
    shows(machine, job, "deploy");
    machine.shell("usermod --expiredate 1 deploy");
    fails(machine, job, expired);
    fails(machine, "scp notes.txt deploy@server:", expired);
    // What is open has passed.
    shows(machine, "ansible all -m ping", "pong");
    machine.shell("loginctl terminate-user deploy");
    fails(machine, "ansible all -m ping", "UNREACHABLE!");
    machine.shell("usermod --expiredate '' deploy; echo closed >/etc/nologin");
    fails(machine, job, "Connection closed by 192.0.2.1 port 22");
    machine.shell("rm /etc/nologin; systemctl stop mfad.socket mfad");
    shows(machine, job, "deploy");
    // Enforcement and such accounts exclude each other.
    machine.shell(
        "sed -i 's/^account.*pam_mfa.so/& account_enforce/' /etc/pam.d/sshd
         printf '[policy]\\nmode = \"required\"\\nenforce_account = [\"sshd\"]\\n' >/etc/mfad/mfad.toml.d/20-mode.toml
         mfad --check; systemctl start mfad.socket mfad",
    );
    fails(machine, job, "A second factor is required here, and this login has none.");
}
