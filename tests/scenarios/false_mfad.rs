//! A user of the machine runs a bus and an mfad of their own, which says yes to everything.

use std::time::Duration;

use mfa_tests::{Machine, Stack, User, product, wait};

use crate::people::enrolled;

/// Where mallory's bus listens.
const BUS: &str = "unix:path=/tmp/own/bus";

/// A bus that takes anybody and lets anybody be anything.
const ANY: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=/tmp/own/bus</listen>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"#;

/// Every variable that could lead a program to another bus.
fn variables() -> Vec<String> {
    let addresses = ["SYSTEM_BUS", "SESSION_BUS", "STARTER", "STARTER_BUS"]
        .map(|bus| format!("DBUS_{bus}_ADDRESS={BUS}"));
    let others = [
        "DBUS_STARTER_BUS_TYPE=system",
        "XDG_RUNTIME_DIR=/tmp/own",
        "ZBUS_SYSTEM_BUS_ADDRESS=unix:path=/tmp/own/bus",
    ];
    addresses.into_iter().chain(others.map(str::to_owned)).collect()
}

fn machine() -> Machine {
    let machine = Machine::new()
        .user(User::named("root").password("root's password"))
        .user(enrolled("mallory"))
        .pam("su", Stack::password_then_mfa().root_passes())
        .pam("sudo", Stack::password_then_mfa())
        .pam("locker", Stack::raw("auth required pam_mfa.so\naccount required pam_permit.so\n"))
        .sudoers("Defaults !env_reset")
        .settings("[policy]\nmode = \"required\"\n[service.su]\nsubject = \"caller\"\n")
        .start();
    put_impostor(&machine);
    machine
}

/// Puts the false mfad into the machine.
fn put_impostor(machine: &Machine) {
    let program = std::fs::read(product::built("impostor")).expect("it was built");
    machine.write("/usr/local/bin/impostor", 0o755, program);
}

/// Has the false mfad in mfad's own place, as mfad's own user. `settled`: what comes of settling a proof; with
/// `None`, nothing has to be settled.
pub(crate) fn in_the_place_of_mfad(machine: &Machine, settled: Option<&str>) {
    put_impostor(machine);
    machine.mfad().remove();
    machine.shell("rm -f /run/mfad/pam.sock");
    let mut arguments = "socket /run/mfad/pam.sock".to_owned();
    if let Some(text) = settled {
        machine.write("/tmp/settled", 0o644, text);
        arguments.push_str(" /tmp/settled");
    }
    impostor(machine, "mfad", &arguments);
}

/// Starts the false mfad as `user`, with these arguments; its lines go to a file.
fn impostor(machine: &Machine, user: &str, arguments: &str) {
    let told = format!("/tmp/told-{user}");
    let command = format!("setsid -f impostor {arguments} >{told} 2>&1");
    machine.exec_as(user, &["sh", "-c", &command]).stdout_of_success();
    wait::for_condition("the impostor is ready", Duration::from_secs(5), || {
        told_by(machine, user).starts_with("ready")
    });
}

/// What the false mfad of `user` was asked.
pub(crate) fn told_by(machine: &Machine, user: &str) -> String {
    std::fs::read_to_string(machine.path(format!("/tmp/told-{user}"))).unwrap_or_default()
}

/// Mallory's own bus with a false mfad on it.
fn own_bus(machine: &Machine) {
    machine.write("/tmp/own/bus.conf", 0o644, ANY);
    machine.shell("chown -R mallory /tmp/own; chmod 755 /tmp/own");
    machine
        .exec_as("mallory", &["dbus-daemon", "--fork", "--config-file=/tmp/own/bus.conf"])
        .stdout_of_success();
    machine.shell("chmod 666 /tmp/own/bus");
    impostor(machine, "mallory", &format!("bus {BUS} mallory"));
}

/// How many have ever come to mallory's bus, this question included: it numbers who comes.
fn came(machine: &Machine, user: &str, environment: &[&str]) -> u32 {
    let ask = ["dbus-send", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"];
    let list = "org.freedesktop.DBus.ListNames";
    let to = if environment.is_empty() { format!("--bus={BUS}") } else { "--system".into() };
    let command = [&["env"], environment, &ask[..1], &[&to], &ask[1..], &[list]].concat();
    let names = machine.exec_as(user, &command).stdout_of_success();
    let numbers = names.split("\":1.").skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok());
    numbers.max().expect("who asks has a number")
}

// S27
#[test]
fn a_bus_and_an_mfad_of_the_callers_own_are_never_asked() {
    let machine = machine();
    own_bus(&machine);
    let (token, variables) = (machine.token("mallory"), variables());
    let su = |code: &str| {
        machine.su("mallory").environment(&variables).password("root's password").code(code).run()
    };
    let sudo = |code: &str| machine.sudo("mallory").environment(&variables).password("pw").code(code).run();
    let before = came(&machine, "mallory", &[]);

    let _ = su(&token.wrong_code()).assert_refused();
    let _ = sudo(&token.wrong_code()).assert_refused();
    machine.mfad().kill(); // and now the bus is needed, to start it again
    let _ = su(&token.code()).assert_granted();
    machine.mfad().kill();
    let _ = sudo(&token.code_at(1)).assert_granted();
    machine.mfad().remove();
    let _ = su("123456").assert_refused();
    let _ = sudo("123456").assert_refused();
    machine.bus().stop_system(); // now hers is the only one
    let _ = su("123456").assert_refused();
    let _ = sudo("123456").assert_refused();

    assert_eq!(came(&machine, "mallory", &[]), before + 1, "a host with root's rights came to mallory's bus");
    assert_eq!(told_by(&machine, "mallory"), "ready\n", "mallory's mfad was asked");
    // Whoever listens to the environment does come, root's programs too.
    for user in ["mallory", "root"] {
        let before = came(&machine, "mallory", &[]);
        assert_eq!(came(&machine, user, &[&variables[0]]), before + 1);
    }
}

// S27
#[test]
fn a_screen_locker_does_not_ask_a_bus_of_its_users_own() {
    let machine = machine();
    own_bus(&machine);
    let unlock = |code: &str| {
        let attempt = machine.pamtester("locker", "mallory").run_by("mallory").operations(&["authenticate"]);
        attempt.environment(&variables()).code(code).run()
    };
    let _ = unlock("123456").assert_refused();
    assert_eq!(told_by(&machine, "mallory"), "ready\n");
    // The impostor is one: where its bus is the host's, it lets in whoever comes.
    machine.bus().stop_system();
    machine.shell("ln -sf /tmp/own/bus /run/dbus/system_bus_socket");
    let _ = unlock("123456").assert_granted();
    assert!(told_by(&machine, "mallory").contains("Locker.Answer"));
}

// S27
#[test]
fn a_socket_in_the_right_place_is_believed_of_mfads_user_and_root_alone() {
    let machine = machine();
    machine.mfad().remove();
    let su = || machine.su("mallory").password("root's password").code("123456").run();
    // By some mistake of root's, mallory's socket came to where mfad's should be.
    machine.shell("rm -f /run/mfad/pam.sock; install -d -o mallory /run/hers");
    impostor(&machine, "mallory", "socket /run/hers/sock");
    machine.shell("mv /run/hers/sock /run/mfad/pam.sock");
    let _ = su().assert_refused();
    machine.log().wait_for("another user listens");
    assert!(!told_by(&machine, "mallory").contains("Authenticator"), "not a byte was sent");
    // The impostor is one: as mfad's own user it lets in whoever comes.
    machine.shell("rm -f /run/mfad/pam.sock");
    impostor(&machine, "mfad", "socket /run/mfad/pam.sock");
    let _ = su().assert_granted();
    assert!(told_by(&machine, "mfad").contains("Authenticator.Answer"));
    // But not from a folder in which others could have put it.
    machine.shell("chmod 0777 /run/mfad");
    let _ = su().assert_refused();
    machine.log().wait_for("others can write");
}

// S26: whoever gets past the mode of the socket is still nobody.
#[test]
fn mfad_hangs_up_on_whoever_is_not_root() {
    let machine = machine();
    assert!(machine.mfad().pid().is_some());
    machine.shell("chmod 0666 /run/mfad/pam.sock");
    let knock = "use IO::Socket::UNIX; $SIG{PIPE} = 'IGNORE'; $SIG{ALRM} = sub { exit 3 }; alarm 5; \
                 my $s = IO::Socket::UNIX->new('/run/mfad/pam.sock') or exit 2; \
                 syswrite($s, \"\\0AUTH EXTERNAL 30\\r\\n\"); \
                 my $n = sysread($s, my $b, 100); print $b if $n; exit($n ? 0 : 1)";
    let root = machine.exec(&["perl", "-e", knock]).assert_exit(0);
    assert!(root.stdout.starts_with("OK "), "{root}");
    for user in ["mallory", "mfad"] {
        let _ = machine.exec_as(user, &["perl", "-e", knock]).assert_exit(1);
    }
}
