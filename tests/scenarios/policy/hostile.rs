//! Who would like to be seen as another login than theirs.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use mfa_tests::wait;

use super::{Met, met, people, set, ssh, start, sudo, with_ops};
use crate::name_services::add_source;

fn skip(when: &str) -> String {
    format!(
        "[[rule]]\nname = \"r\"\nwhen = {{ {when} }}\nthen = \"skip\"\nreason = \"test\"\nuntil = 2099-01-01\n"
    )
}

// S24: sshd's variables count at sshd, sudo's at sudo, and PAM_RHOST nowhere.
#[test]
fn nobody_is_elsewhere_by_saying_so() {
    let machine = with_ops(people().sshd("AcceptEnv SSH_*").start());
    let lies = ["SSH_CONNECTION=10.8.0.1 5022 10.8.0.2 22", "SSH_AUTH_INFO_0=publickey ssh-ed25519 AAAA"];
    let lies = lies.map(str::to_owned);
    set(&machine, "required", &skip("address = \"10.8.0.0/16\""));
    assert_eq!(met(sudo(&machine, "alice").environment(&lies)), Met::Question);
    assert_eq!(met(machine.su("alice").password("pw").environment(&lies)), Met::Question);
    assert_eq!(met(ssh(&machine, "alice").option("-oSetEnv=SSH_CONNECTION=10.8.0.1")), Met::Question);
    // A host program that says whatever it likes of its peer's name.
    let rhost = ["pamtester", "-I", "rhost=10.8.0.1", "sshd", "alice", "authenticate"];
    let tried = machine.exec_with("root", &rhost, b"pw\n");
    assert!(!tried.status.success(), "{tried}");

    set(&machine, "required", &skip("command = \"/usr/bin/true\""));
    let lie = ["SUDO_COMMAND=/usr/bin/true".to_owned()];
    assert_eq!(met(machine.su("alice").password("pw").environment(&lie)), Met::Question);
    assert_eq!(met(sudo(&machine, "alice").environment(&lie)), Met::Question, "sudo says which it runs");
}

#[test]
fn who_joins_a_group_in_the_middle_of_a_login_is_not_in_it_yet() {
    let machine = start();
    set(&machine, "required", &skip("group = \"ops\""));
    assert_eq!((met(ssh(&machine, "carol")), met(ssh(&machine, "alice"))), (Met::Nobody, Met::Question));
    let groups = machine.path("/etc/group");
    let join = move || {
        let text = std::fs::read_to_string(&groups).expect("there are groups");
        let text = text.replace("ops:x:3000:carol", "ops:x:3000:carol,alice");
        let mut file = OpenOptions::new().write(true).truncate(true).open(&groups).expect("root may");
        file.write_all(text.as_bytes()).expect("room");
    };
    let wrong = machine.token("alice").wrong_code();
    let _ = ssh(&machine, "alice").code(&wrong).before_code(join).assert_refused();
    // What was told of groups is believed for five seconds.
    wait::for_condition("alice is in it", Duration::from_secs(20), || {
        met(ssh(&machine, "alice")) == Met::Nobody
    });
}

// S22: a source of names that fails makes nobody a member, and nobody a stranger to what is stricter.
#[test]
fn groups_that_cannot_be_told_are_taken_to_the_stricter_side() {
    let machine = start();
    add_source(&machine);
    machine.shell("sed -i 's/^group:.*/group: files source/' /etc/nsswitch.conf");
    let (asked, refused) = (Met::Question, Met::Refusal);
    let deny = "[[rule]]\nname = \"r\"\nwhen = { group = \"ops\" }\nthen = \"deny\"\n";
    for (source, mode, rest, carol, alice) in [
        ("empty", "required", &*skip("group = \"ops\""), Met::Nobody, asked),
        ("away", "required", &*skip("group = \"ops\""), asked, asked),
        ("away", "optional", deny, refused, refused),
        ("away", "off", "[group.ops]\nmode = \"required\"\n", asked, asked),
        ("away", "required", "[group.ops]\nmode = \"off\"\n", asked, asked),
    ] {
        machine.write("/etc/name-source", 0o644, source);
        machine.write(super::FILE, 0o644, format!("[policy]\nmode = \"{mode}\"\n{rest}"));
        machine.mfad().restart();
        assert_eq!(
            (met(ssh(&machine, "carol")), met(sudo(&machine, "alice"))),
            (carol, alice),
            "{source} {mode} {rest}"
        );
    }
}

// S29
#[test]
fn commands_and_groups_of_any_bytes_stand_escaped_in_the_log() {
    let machine = start();
    machine.shell("printf 'o\\033[31mps:x:3001:alice\\n' >> /etc/group");
    set(
        &machine,
        "required",
        "[[rule]]\nname = \"no \\u00e9cho\"\nwhen = { command = \"/bin/echo *\", group = \"o\\u001b[31mps\" }\nthen = \"deny\"\n",
    );
    let odd = "x\n<81>forged: granted user=\"alice\"\x1b]0;owned\x07\u{e9}";
    for command in [odd.to_owned(), "x".repeat(5000)] {
        let argv = ["sudo", "-k", "-S", "/bin/echo", &command];
        let ran = machine.exec_with("alice", &argv, b"pw\n");
        assert!(!ran.status.success(), "{ran}");
    }
    machine.audit().assert_last("denied", "alice", "sudo");
    crate::names::assert_no_raw_log(&machine);
    let printed = machine.exec(&["mfactl", "audit"]).stdout_of_success();
    assert!(!printed.chars().any(|c| c != '\n' && c.is_control()), "{printed:?}");
}
