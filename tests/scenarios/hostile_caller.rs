//! Users of the machine who would like to be somebody else.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use mfa_tests::{Machine, Stack};

use zbus::{Fd, Message, Type, Variant, message::Flags};

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

/// Root and alice, enrolled, at an sshd that asks them; and mallory, who has a shell.
fn ssh_beside_mallory() -> Machine {
    let machine = Machine::new()
        .users(["root", "alice"].map(enrolled))
        .user(not_enrolled("mallory"))
        .pam("sshd", Stack::password_then_mfa())
        .start();
    machine.start_sshd();
    machine
}

// S28
#[test]
fn root_logs_in_while_another_user_holds_three_hundred_idle_connections_to_the_bus() {
    let machine = ssh_beside_mallory();
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

    for user in ["root", "alice"] {
        let outcome = machine.ssh(user).password("pw").code(&machine.token(user).code()).assert_granted();
        let _ = outcome.assert_within(Duration::from_secs(2));
    }
    // They do stand in the way of whoever needs the bus.
    let mut call =
        vec!["timeout", "1", "dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus"];
    call.extend(["/", "org.freedesktop.DBus.GetId"]);
    let _ = machine.exec_as("alice", &call).assert_exit(124);

    holding.kill().and_then(|()| holding.wait()).expect("it is ours");
}

// S11: polkit's helper belongs to root, runs for any user, and calls whom it is to authenticate its caller.
#[test]
fn who_calls_polkits_helper_for_another_uses_up_tries_of_their_own() {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .user(not_enrolled("mallory"))
        .pam("sudo", Stack::password_then_mfa())
        .pam("polkit-1", Stack::password_then_mfa_unattested())
        .start();
    let token = machine.token("alice");
    let _ = machine.sudo("alice").password("pw").code(&token.code()).assert_granted();
    machine.shell("cp /usr/bin/pamtester /usr/local/bin/helper; chmod u+s /usr/local/bin/helper");
    let helper = ["/usr/local/bin/helper", "-I", "ruser=alice", "polkit-1", "alice", "authenticate"];
    let wrong = token.wrong_code();
    for _ in 0..2 {
        let answers = format!("not her password\n{wrong}\n{wrong}\n{wrong}\n");
        let ran = machine.exec_with("mallory", &helper, answers.as_bytes());
        assert!(!ran.status.success(), "{ran}");
    }
    machine.audit().assert_last("limited", "alice", "polkit-1");
    let _ = machine.sudo("alice").password("pw").code(&token.code_at(1)).assert_granted();
}

/// Speaks to the bus as its own user: so many connections, each with that many times the call in the file.
const FLOOD: &str = r#"
use IO::Socket::UNIX; use Socket; $| = 1; $SIG{PIPE} = 'IGNORE';
my ($connections, $times, @files) = @ARGV;
my ($hello, @calls) = map { local $/; open my $file, '<', $_ or die; binmode $file; <$file> } @files;
my @open = map {
    my $bus = IO::Socket::UNIX->new('/run/dbus/system_bus_socket') or die;
    syswrite $bus, "\0AUTH EXTERNAL " . unpack('H*', "$<") . "\r\n"; <$bus>;
    syswrite $bus, "BEGIN\r\n$hello";
    $bus->blocking(0); $bus } 1..$connections;
for (1..$times) { for my $bus (@open) { for my $call (@calls) { syswrite $bus, $call } } }
print 'sent'; sleep 100;
"#;

/// A call, as it goes over the bus.
fn call(to: &str, path: &str, interface: &str, method: &str, flags: Flags) -> Vec<u8> {
    let call = Message::method_call(path, method).destination(to).interface(interface).with_flags(flags);
    call.build(&()).expect("a message").data().to_vec()
}

// S28
#[test]
fn a_flood_of_calls_keeps_nobody_elses_waiting() {
    let machine = Machine::new().user(enrolled("alice")).user(not_enrolled("mallory")).start();
    let bus = "org.freedesktop.DBus";
    let status = |flags| call("org.mfad1", "/org/mfad1", "org.mfad1.Account", "Status", flags);
    machine.write("/flood/hello", 0o644, call(bus, "/org/freedesktop/DBus", bus, "Hello", Flags::empty()));
    machine.write("/flood/unanswered", 0o644, status(Flags::NO_REPLY_EXPECTED));
    machine.write("/flood/answered", 0o644, status(Flags::empty()));
    let argv = ["perl", "-e", FLOOD, "60", "100", "/flood/hello", "/flood/unanswered", "/flood/answered"];
    let mut flooding =
        machine.command("mallory", &argv).stdout(Stdio::piped()).spawn().expect("nsenter starts");
    let mut said = [0; 4];
    std::io::Read::read_exact(flooding.stdout.as_mut().expect("piped"), &mut said).expect("all are sent");
    for _ in 0..3 {
        let ran = machine.exec_as("alice", &["timeout", "8", "mfactl", "status"]);
        assert!(ran.status.success(), "{ran}");
    }
    flooding.kill().and_then(|()| flooding.wait()).expect("it is ours");
}

/// A call of one argument of the caller's own choice.
fn with(argument: &(impl serde::Serialize + Type)) -> Vec<u8> {
    let call = Message::method_call("/org/mfad1", "FactorRemove").destination("org.mfad1");
    let call = call.interface("org.mfad1.Account").build(&(argument,)).expect("a message");
    call.data().to_vec()
}

// S28
#[test]
fn huge_deep_fd_carrying_and_flooding_calls_are_the_callers_error_and_nobody_elses() {
    let machine = ssh_beside_mallory();
    let mut deep = Variant::from(1u8);
    for _ in 0..40 {
        deep = Variant::Variant(Box::new(deep));
    }
    let null = std::fs::File::open("/dev/null").expect("a device");
    let bus = "org.freedesktop.DBus";
    let hello = call(bus, "/org/freedesktop/DBus", bus, "Hello", Flags::empty());
    let status = call("org.mfad1", "/org/mfad1", "org.mfad1.Account", "Status", Flags::empty());
    let calls = [
        ("/flood/hello", hello),
        ("/flood/status", status),
        ("/flood/huge", with(&"x".repeat(17 << 10))),
        ("/flood/deep", with(&deep)),
        ("/flood/fd", with(&Fd::from(&null))),
    ];
    for (path, call) in &calls {
        machine.write(path, 0o644, call);
    }
    machine.write("/flood/flood.py", 0o644, include_str!("flood.py"));
    let mfad = || {
        let pid = machine.mfad().pid().expect("mfad runs");
        let open = machine.shell(&format!("ls /proc/{pid}/fd | wc -l"));
        (open.trim().parse::<u32>().expect("a number"), machine.mfad().resident_kib())
    };
    let _ = machine.mfactl("alice", "status"); // all of it has been used once
    let (descriptors, resident) = mfad();

    let argv = [&["python3", "/flood/flood.py", "4"][..], &calls.each_ref().map(|(path, _)| *path)].concat();
    let mut flooding =
        machine.command("mallory", &argv).stdout(Stdio::piped()).spawn().expect("nsenter starts");
    let mut said = BufReader::new(flooding.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let before: Vec<String> = said.by_ref().take_while(|line| line != "flooding").collect();
    let invalid = |of: &str| format!("/flood/{of} org.mfad1.Error.InvalidArgument");
    assert_eq!(before, ["/flood/status ok".into(), invalid("huge"), invalid("deep"), invalid("fd")]);
    for user in ["root", "alice"] {
        let outcome = machine.ssh(user).password("pw").code(&machine.token(user).code()).assert_granted();
        let _ = outcome.assert_within(Duration::from_secs(2));
    }
    let _ = machine.mfactl("alice", "status").assert_exit(0);

    let counts: Vec<String> = said.collect();
    assert!(flooding.wait().expect("it is ours").success(), "{counts:?}");
    let count = |of: &str| {
        let line = counts.iter().find_map(|line| line.strip_prefix(&format!("{of}: ")));
        line.map_or(0, |count| count.parse::<u32>().expect("a number"))
    };
    let (sent, limited) = (count("sent"), count("org.mfad1.Error.Limited"));
    let served = count("ok") + count("org.mfad1.Error.InvalidArgument");
    assert!(sent > 500 && served + limited == sent, "each has its answer: {counts:?}");
    assert!(served <= 40, "thirty, and one more each second: {counts:?}");
    let (descriptors_after, resident_after) = mfad();
    assert!(descriptors_after <= descriptors + 4, "{descriptors_after} descriptors, {descriptors} before");
    assert!(resident_after <= resident + (16 << 10), "{resident_after} KiB resident, {resident} before");
}
