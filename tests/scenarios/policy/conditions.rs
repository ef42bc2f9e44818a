//! A rule is about the logins that all its conditions hold for, and about those of which they cannot be told.

use mfa_tests::{Attempt, Machine};

use super::{Met, met, people, set, ssh, start, sudo};

/// Those that tests sit at.
const TERMINALS: &str = "tty = [\"pts/0\", \"pts/1\", \"pts/2\", \"pts/3\", \"pts/4\", \"pts/5\"]";

/// A login, by what tells it from others.
type Login = fn(&Machine) -> Attempt;

fn su(machine: &Machine, to: &str) -> Attempt {
    machine.su("alice").to(to).password("pw")
}

fn by_key(machine: &Machine) -> Attempt {
    machine.ssh("alice").key("alice")
}

// S24: an address is what sshd says that it is, in both its forms.
#[test]
fn each_condition_of_a_rule_is_about_the_logins_that_it_names() {
    let machine = start();
    let key = machine.shell("ssh-keygen -lf /root/keys/alice.pub");
    let key = format!("key = \"{}\"", key.split(' ').nth(1).expect("a fingerprint"));
    let other = format!("key = \"SHA256:{}\"", "A".repeat(43));
    // The logins that it lets nobody in by, and those that it is not about.
    let rules: [(&str, &[Login], &[Login]); 14] = [
        ("user = \"alice\"", &[|m| ssh(m, "alice")], &[|m| ssh(m, "bob")]),
        ("service = [\"sudo\", \"su\"]", &[|m| sudo(m, "alice"), |m| su(m, "root")], &[|m| ssh(m, "alice")]),
        ("service = \"login\"", &[|m| m.login("alice").password("pw")], &[|m| sudo(m, "alice")]),
        ("group = \"ops\"", &[|m| ssh(m, "carol"), |m| sudo(m, "carol")], &[|m| ssh(m, "alice")]),
        // Whom sudo makes one, nobody says.
        ("target = \"root\"", &[|m| su(m, "root"), |m| sudo(m, "alice")], &[|m| su(m, "bob")]),
        // What is run elsewhere, nobody says.
        ("command = \"/usr/bin/sh *\"", &[|m| sudo(m, "alice"), |m| ssh(m, "alice")], &[]),
        ("command = \"/usr/bin/id *\"", &[|m| su(m, "bob")], &[|m| sudo(m, "alice")]),
        ("tty = \"ssh\"", &[|m| ssh(m, "alice")], &[|m| sudo(m, "alice")]),
        // Both tell it with its folder.
        (TERMINALS, &[|m| sudo(m, "alice"), |m| m.login("alice").password("pw")], &[|m| ssh(m, "alice")]),
        (
            "address = [\"127.0.0.7\", \"::1\"]",
            &[
                |m| ssh(m, "alice").from("127.0.0.7"),
                |m| ssh(m, "alice").option("-oHostName=::1"),
                |m| sudo(m, "alice"), // which has none
            ],
            &[|m| ssh(m, "alice")],
        ),
        (
            "network = \"away\"",
            &[|m| ssh(m, "alice").from("127.0.1.9"), |m| sudo(m, "alice")],
            &[|m| ssh(m, "alice"), |m| ssh(m, "alice").option("-oHostName=::1")],
        ),
        (&key, &[by_key, |m| ssh(m, "alice")], &[]),
        (&other, &[|m| ssh(m, "alice")], &[by_key]),
        (
            "user = \"alice\", service = \"sshd\"",
            &[|m| ssh(m, "alice")],
            &[|m| sudo(m, "alice"), |m| ssh(m, "bob")],
        ),
    ];
    for (when, about, not_about) in rules {
        let rule = format!(
            "[networks]\naway = [\"127.0.1.0/24\"]\n[[rule]]\nname = \"r\"\nwhen = {{ {when} }}\nthen = \"deny\"\n"
        );
        set(&machine, "optional", &rule);
        for (at, login) in about.iter().enumerate() {
            assert_eq!(met(login(&machine)), Met::Refusal, "{when}: login {at}");
        }
        for (at, login) in not_about.iter().enumerate() {
            assert_ne!(met(login(&machine)), Met::Refusal, "{when}: other {at}");
        }
    }
    let denied = machine.audited("a denied login", |row| row.text("reason") == "denied");
    assert_eq!(denied.text("event"), "refused");
}

// Each as sudo tells it: a program by the folder in which it found it, a login shell by another service, `su` without
// arguments.
#[test]
fn a_rule_about_shells_of_root_is_about_every_usual_way_to_one() {
    let machine = start();
    machine.shell("cp /etc/pam.d/sudo /etc/pam.d/sudo-i");
    let readme = include_str!("../../../README.md");
    let (_, rule) = readme.split_once("[[rule]]\n").expect("README has a rule");
    let rule = rule.split("\n\n").next().expect("and an end of it").replace("ask_fresh", "deny");
    set(&machine, "optional", &format!("[[rule]]\n{rule}\n"));
    let denied = |line: &str| {
        let before = machine.audit().with(&[("reason", "denied")]).len();
        let argv: Vec<&str> = ["sudo", "-k", "-S"].into_iter().chain(line.split(' ')).collect();
        let ran = machine.exec_with("alice", &argv, b"pw\n");
        assert!(!ran.status.success(), "{line}: {ran}");
        machine.audit().with(&[("reason", "denied")]).len() > before
    };
    for line in [
        "bash",
        "/bin/bash",
        "/usr/bin/bash",
        "bash -c id",
        "-s",
        "-i",
        "-i id",
        "su",
        "su -",
        "/bin/su",
        "-u bob su",
    ] {
        assert!(denied(line), "sudo {line}");
    }
    for line in ["id", "sh", "/usr/bin/sudo su", "cat /bin/bash"] {
        assert!(!denied(line), "sudo {line}");
    }
    // What is explained is what is met.
    for (command, exit) in [("/usr/bin/bash -l", 1), ("/bin/bash", 1), ("/usr/bin/su", 1), ("/usr/bin/id", 0)]
    {
        let explain = ["mfactl", "policy", "explain", "alice", "--service", "sudo", "--command", command];
        let _ = machine.exec(&explain).assert_exit(exit);
    }
    // One that skips is about what it says, and no more.
    let skip = format!("[[rule]]\n{rule}\nreason = \"test\"\nuntil = 2099-01-01\n").replace("deny", "skip");
    set(&machine, "required", &skip);
    let skips = |line: &str| {
        let argv: Vec<&str> = ["sudo", "-k", "-S"].into_iter().chain(line.split(' ')).collect();
        let ran = machine.exec_with("alice", &argv, b"pw\n");
        assert_eq!(ran.status.success(), !ran.stderr.contains("Verification code: "), "{line}: {ran}");
        ran.status.success()
    };
    for line in ["/bin/bash -c true", "/usr/bin/su --command=true"] {
        assert!(skips(line), "sudo {line}");
    }
    for line in ["/usr/bin/bash -c true", "bash -c true", "su", "/bin/su --command=true"] {
        assert!(!skips(line), "sudo {line}");
    }
}

// S24: what only looks like a device or a place is none until its owner has settled a login with it.
#[test]
fn a_device_and_a_location_are_known_once_a_login_with_a_factor_was_settled() {
    let machine = people().sshd("TrustedUserCAKeys /etc/ssh/users-ca.pub").start();
    let token = machine.token("alice");
    let networks = "[networks]\nhome = [\"127.0.0.0/24\"]\naway = [\"127.0.1.0/24\"]\n";
    let known = |what: &str| {
        format!(
            "{networks}[[rule]]\nname = \"r\"\nwhen = {{ {what} = \"known\" }}\nthen = \"skip\"\nreason = \"test\"\nuntil = 2099-01-01\n"
        )
    };
    let away = |attempt: Attempt| attempt.from("127.0.1.9");
    for what in ["device", "location"] {
        set(&machine, "required", &known(what));
        assert_eq!(met(by_key(&machine)), Met::Question, "{what}");
    }
    let _ = by_key(&machine).code(&token.wrong_code()).assert_refused();
    assert_eq!(met(by_key(&machine)), Met::Question, "who has the key alone teaches nothing");
    let _ = by_key(&machine).code(&token.fresh_code()).assert_granted();
    assert_eq!(met(by_key(&machine)), Met::Nobody);
    assert_eq!(met(away(by_key(&machine))), Met::Question);
    assert_eq!(met(sudo(&machine, "alice")), Met::Question, "it has no location");
    set(&machine, "required", &known("device"));
    assert_eq!(met(away(by_key(&machine))), Met::Nobody);
    assert_eq!(met(ssh(&machine, "alice")), Met::Question, "no key");
    // A certificate of the same key is the same device, whenever it was made.
    machine.shell(
        "rm /home/alice/.ssh/authorized_keys; ssh-keygen -q -t ed25519 -N '' -f /root/ca
         install -m 644 /root/ca.pub /etc/ssh/users-ca.pub; ssh-keygen -q -s /root/ca -I test -n alice /root/keys/alice.pub",
    );
    assert_eq!(met(by_key(&machine)), Met::Nobody);
    machine.mfactl("alice", "not-me").stdout_of_success();
    machine.administer("user unlock alice");
    assert_eq!(met(by_key(&machine)), Met::Question, "who was attacked is known by nothing");
}

#[test]
fn times_are_those_of_the_daemon() {
    let machine = start();
    machine.shell("true");
    let clock = machine.mfad().with_wall_clock();
    let rest = "[[rule]]\nname = \"nights\"\nwhen = { time = \"22:00-06:00\" }\nthen = \"deny\"\n[[exempt]]\nuser = \"alice\"\nservice = \"sshd\"\nreason = \"CHG-118\"\nuntil = 2099-03-01\n";
    let to = |days: u64, hour: u64| {
        let now = mfa_tests::clock::now();
        let then = (now / 86_400 + days) * 86_400 + hour * 3600;
        clock.moved(i64::try_from(then).expect("soon") - i64::try_from(now).expect("now"));
    };
    to(1, 12);
    set(&machine, "required", rest);
    assert_eq!(met(ssh(&machine, "alice")), Met::Nobody);
    assert_eq!(met(sudo(&machine, "alice")), Met::Question);
    for hour in [22, 23] {
        to(1, hour);
        assert_eq!(met(ssh(&machine, "alice")), Met::Refusal, "{hour}:00: an exemption is from no rule");
    }
    to(2, 5);
    assert_eq!(met(sudo(&machine, "alice")), Met::Refusal);
    to(2, 7);
    assert_eq!(met(sudo(&machine, "alice")), Met::Question);
}
