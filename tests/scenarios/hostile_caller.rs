//! Users of the machine who would like to be somebody else.

use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::Duration;

use mfa_tests::{Machine, Stack, User};

use crate::people::{alice_at_sshd_and_sudo, enrolled, not_enrolled};

// S26, S19 of the hosts: lockers run as the user.
#[test]
fn a_screen_locker_verifies_its_own_user_and_no_other() {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .user(enrolled("bob"))
        .pam("locker", Stack::raw("auth required pam_mfa.so\naccount required pam_permit.so\n"))
        .start();
    let (alice, bob) = (machine.token("alice"), machine.token("bob"));
    let unlock = |user: &str, code: &str| {
        machine.pamtester("locker", user).run_by("alice").operations(&["authenticate"]).code(code)
    };
    let _ = unlock("alice", &alice.wrong_code()).assert_refused();
    let _ = unlock("bob", &bob.code()).assert_refused();
    let _ = unlock("alice", &alice.code()).assert_granted();
    let _ = unlock("alice", &alice.code()).assert_refused();
    // Bob's code was not even looked at.
    let _ =
        machine.pamtester("locker", "bob").operations(&["authenticate"]).code(&bob.code()).assert_granted();
}

// S26
#[test]
fn the_name_on_the_bus_is_refused_to_users_and_to_root() {
    let machine = Machine::new().user(not_enrolled("mallory")).start();
    let call = "dbus-send --system --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
                org.freedesktop.DBus.RequestName string:org.mfad1 uint32:4";
    let call: Vec<&str> = call.split_whitespace().collect();
    for user in ["mallory", "root"] {
        let ran = machine.exec_as(user, &call).assert_exit(1);
        assert!(ran.stderr.contains("AccessDenied"), "{ran}");
    }
}

// S26
#[test]
fn the_socket_of_the_login_hosts_is_for_root_alone() {
    let machine = alice_at_sshd_and_sudo().user(not_enrolled("mallory")).start();
    let connect = "use IO::Socket::UNIX; exit(IO::Socket::UNIX->new('/run/mfad/pam.sock') ? 0 : 1)";
    let _ = machine.exec(&["perl", "-e", connect]).assert_exit(0);
    let _ = machine.exec_as("mallory", &["perl", "-e", connect]).assert_exit(1);
    let _ = machine.exec_as("alice", &["perl", "-e", connect]).assert_exit(1);
}

// S26
#[test]
fn state_and_key_are_the_daemons_alone() {
    let machine = alice_at_sshd_and_sudo().start();
    for path in ["/etc/mfad/key", "/var/lib/mfad/mfad.db"] {
        let _ = machine.exec(&["test", "-s", path]).assert_exit(0);
        let _ = machine.exec_as("alice", &["cat", path]).assert_exit(1);
    }
    assert_eq!(machine.shell("stat -c '%U %a' /etc/mfad/key").trim(), "mfad 400");
}

// S28
#[test]
fn root_logs_in_while_another_user_holds_three_hundred_idle_connections_to_the_bus() {
    let machine = Machine::new()
        .user(User::named("root").password("pw"))
        .user(enrolled("alice"))
        .user(not_enrolled("mallory"))
        .pam("sshd", Stack::password_then_mfa())
        .start();
    let code = machine.token("alice").code();
    let hold = "use IO::Socket::UNIX; $| = 1; \
                my @idle = map { IO::Socket::UNIX->new('/run/dbus/system_bus_socket') } 1..300; \
                print 'held'; sleep 100";
    let mut holding = machine
        .command("mallory", &["perl", "-e", hold])
        .stdout(Stdio::piped())
        .spawn()
        .expect("nsenter starts");
    let mut said = [0; 4];
    std::io::Read::read_exact(holding.stdout.as_mut().expect("piped"), &mut said).expect("all are held");

    let outcome = machine.ssh("alice").password("pw").code(&code).assert_granted();
    let _ = outcome.assert_within(Duration::from_secs(2));
    let _ = machine.ssh("root").password("pw").assert_granted();

    holding.kill().and_then(|()| holding.wait()).expect("it is ours");
}

// S27
#[test]
fn the_callers_environment_decides_nothing() {
    let machine = Machine::new()
        .user(User::named("root").password("root's password"))
        .user(enrolled("mallory"))
        .pam("su", Stack::password_then_mfa().root_passes())
        .pam("sudo", Stack::password_then_mfa())
        .sudoers("Defaults !env_reset")
        .settings("[policy]\nmode = \"required\"\n[service.su]\nsubject = \"caller\"\n")
        .start();
    // A bus of mallory's own: who comes to it could be told anything.
    let trap = UnixListener::bind(machine.path("/tmp/trap")).expect("nothing has that name");
    trap.set_nonblocking(true).expect("a socket");
    machine.shell("chmod 666 /tmp/trap");
    let variables =
        ["SYSTEM", "SESSION", "STARTER"].map(|bus| format!("DBUS_{bus}_BUS_ADDRESS=unix:path=/tmp/trap"));
    let su = |code: &str| {
        machine.su("mallory").environment(&variables).password("root's password").code(code).run()
    };
    let sudo = |code: &str| machine.sudo("mallory").environment(&variables).password("pw").code(code).run();
    let token = machine.token("mallory");

    let _ = su(&token.wrong_code()).assert_refused();
    let _ = sudo(&token.code()).assert_granted();
    machine.mfad().kill(); // and now the bus is needed, to start it again
    let _ = su(&token.code_at(1)).assert_granted();
    machine.mfad().remove();
    let _ = su(&token.code_at(1)).assert_refused();
    let _ = sudo(&token.code_at(1)).assert_refused();

    assert!(trap.accept().is_err(), "a host with root's rights came to mallory's bus");
    // The trap is one: a program that listens to the environment does come.
    let ask = ["env", &variables[0], "timeout", "1", "dbus-send", "--system", "--dest=a.b", "/", "a.b.c"];
    let _ = machine.exec_as("mallory", &ask);
    assert!(trap.accept().is_ok());
}
