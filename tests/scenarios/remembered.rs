//! A login is remembered, and the next from the same place is asked for no code: from there, and for as long as nothing
//! has changed.

use std::time::Duration;

use mfa_tests::mfactl::text;
use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Attempt, Blueprint, Machine, Presses, Stack};

use crate::administration::with_a_button;
use crate::people::not_enrolled;

const EIGHT_HOURS: &str = "[policy]\nmode = \"optional\"\n[remember]\nfor = \"8h\"\n";

/// A rule that is in force only after people have enrolled: it would want an invitation for that.
const FRESH: &str = "[[rule]]\nname = \"a fresh code\"\nwhen = { service = \"sudo\", command = \"/usr/bin/id\" }\n\
    then = \"ask_fresh\"\n";

fn set(machine: &Machine, settings: &str) {
    machine.write("/etc/mfad/mfad.toml", 0o644, settings);
    machine.mfad().restart();
}

/// A host of its own, with alice, who has a key, before an sshd that wants a key and a code, and before sudo.
fn host(settings: &str) -> Blueprint {
    Machine::new()
        .user(not_enrolled("alice").ssh_key())
        .user(not_enrolled("bob").ssh_key())
        .pam("sshd", Stack::key_passed_or_password())
        .pam("sudo", Stack::password_then_mfa())
        .sshd("AuthenticationMethods publickey,keyboard-interactive")
        .settings(settings)
        .file("/etc/machine-id", 0o444, "5bd5a4a1d6f14c6ab7f1d1c2b0a8e9f7\n")
}

/// Alice with her key.
fn alice(machine: &Machine) -> Attempt {
    machine.ssh("alice").key("alice")
}

/// Whether somebody who has the first factor alone is asked for a code; else let in, and the audit says why.
fn asks(machine: &Machine, attempt: Attempt) -> bool {
    let outcome = attempt.run();
    let asked = !outcome.code_prompts().is_empty();
    if asked {
        let _ = outcome.assert_refused();
    } else {
        let _ = outcome.assert_granted();
        machine.audited("a login that is remembered", |row| row.text("reason") == "remembered");
    }
    asked
}

/// Alice with her key and a code, after which she is not asked.
fn remember(machine: &Machine, button: &Presses) {
    let _ = alice(machine).code(&button.code()).assert_granted();
    assert!(!asks(machine, alice(machine)));
}

#[test]
fn the_code_of_one_login_stands_for_the_next_with_that_key_from_that_address() {
    let machine = host(EIGHT_HOURS).start();
    let button = with_a_button(&machine, "alice");
    let _ = with_a_button(&machine, "bob");
    set(&machine, &format!("{EIGHT_HOURS}{FRESH}"));
    // Another key of alice's, and hers with bob, who has a factor too.
    machine.shell(
        "ssh-keygen -q -t ed25519 -N '' -f /root/keys/other
         cat /root/keys/other.pub >>/home/alice/.ssh/authorized_keys
         cat /root/keys/alice.pub >>/home/bob/.ssh/authorized_keys",
    );
    assert!(asks(&machine, alice(&machine)), "before any code");
    remember(&machine, &button);
    assert!(asks(&machine, machine.ssh("alice").key("other")));
    assert!(asks(&machine, alice(&machine).from("127.0.0.2")));
    assert!(asks(&machine, machine.ssh("bob").key("alice")));
    assert!(asks(&machine, machine.sudo("alice").password("pw")));
    assert!(!asks(&machine, alice(&machine)), "those who tried have ended nothing");

    // It is shown to its user, who ends it.
    let [place] = &machine.told("alice", "remembered list")[..] else { panic!("one place") };
    let fingerprint = machine.shell("ssh-keygen -lf /root/keys/alice.pub | cut -d' ' -f2");
    assert_eq!((text(place, "service"), text(place, "address")), ("sshd".into(), "127.0.0.1".into()));
    assert_eq!(text(place, "key"), fingerprint.trim());
    assert_eq!(place["ends"].as_u64().unwrap() - place["made"].as_u64().unwrap(), 8 * 3600);
    assert_eq!(machine.told("alice", "status")[0]["remembered"], 1);
    assert_eq!(machine.told("root", "remembered list --user alice"), *std::slice::from_ref(place));
    let id = text(place, "id");
    let _ = machine.mfactl("bob", &format!("remembered forget {id}")).assert_exit(1);
    let _ = machine.mfactl("bob", "remembered list --user alice").assert_exit(4);
    let _ = machine.mfactl("bob", "remembered forget --all --user alice").assert_exit(4);
    assert_eq!(machine.told("bob", "remembered forget --all")[0]["forgotten"], 0);
    assert!(!asks(&machine, alice(&machine)));
    assert_eq!(machine.told("alice", &format!("remembered forget {id}"))[0]["forgotten"], 1);
    assert!(asks(&machine, alice(&machine)));

    // Root ends it, a change of factors does, and a code that a rule wants fresh.
    remember(&machine, &button);
    assert_eq!(machine.told("root", "remembered forget --all --user alice")[0]["forgotten"], 1);
    assert!(asks(&machine, alice(&machine)));
    remember(&machine, &button);
    let _ = machine.mfactl_with("alice", "codes renew", &button.code()).assert_exit(0);
    assert!(asks(&machine, alice(&machine)));
    remember(&machine, &button);
    let _ = machine.sudo("alice").password("pw").code(&button.code()).assert_granted();
    assert!(!asks(&machine, alice(&machine)), "a rule about another command");
    let mut sudo = Session::begin(&machine, "alice");
    assert_eq!(sudo.run("sudo -k /usr/bin/id", &button), Some(1));
    assert!(asks(&machine, alice(&machine)));

    // A login from elsewhere does, once it is settled.
    remember(&machine, &button);
    let _ = alice(&machine).from("127.0.0.2").code(&button.code()).assert_granted();
    assert!(asks(&machine, alice(&machine)));
    assert!(!asks(&machine, alice(&machine).from("127.0.0.2")));
    let said = machine.audit().with(&[("event", "forgotten")]).pop().unwrap().text("detail").to_owned();
    assert_eq!(said, "1; a login from a new network");
}

// S6
#[test]
fn what_is_remembered_ends_with_its_time_and_a_clock_set_back_makes_it_last_no_longer() {
    const HOUR: i64 = 3600;
    let machine = host("[policy]\nmode = \"optional\"\n[remember]\nfor = \"2h\"\n").start();
    let button = with_a_button(&machine, "alice");
    let clock = machine.mfad().with_wall_clock();
    remember(&machine, &button);
    clock.moved(2 * HOUR - 60);
    assert!(!asks(&machine, alice(&machine)));
    clock.moved(2 * HOUR);
    assert!(asks(&machine, alice(&machine)));
    assert!(machine.told("alice", "remembered list").is_empty());
    clock.moved(-60);
    assert!(asks(&machine, alice(&machine)), "before it was made");

    // A store that was put back from a copy has forgotten, and so has one on another host.
    clock.moved(0);
    remember(&machine, &button);
    clock.restart();
    assert!(!asks(&machine, alice(&machine)), "a restart forgets nothing");
    machine.mfad().kill();
    machine.shell("hostname other; echo 127.0.1.1 other >>/etc/hosts");
    clock.restart();
    assert!(asks(&machine, alice(&machine)), "a clone");
    machine.shell("hostname \"$(cat /etc/hostname)\"");
    clock.restart();
    assert!(!asks(&machine, alice(&machine)));
    machine.mfad().kill();
    machine.shell(
        "sqlite3 /var/lib/mfad/mfad.db '.backup /root/copy.db'
         rm -f /var/lib/mfad/mfad.db-wal /var/lib/mfad/mfad.db-shm
         install -o mfad -g mfad -m 600 /root/copy.db /var/lib/mfad/mfad.db",
    );
    clock.restart();
    assert!(asks(&machine, alice(&machine)), "a copy");
    remember(&machine, &button);
}

// S24
#[test]
fn a_code_of_a_login_that_fails_after_it_is_not_remembered() {
    let machine = host(EIGHT_HOURS).start();
    let button = with_a_button(&machine, "alice");
    // The account phase refuses, before it comes to settle anything.
    machine.shell("chage --expiredate 1 alice");
    let _ = alice(&machine).code(&button.code()).assert_refused();
    machine.audited("the code was right", |row| row.text("event") == "granted");
    machine.shell("chage --expiredate -1 alice");
    assert!(asks(&machine, alice(&machine)));
    // There is none: the auth phase alone.
    let door = machine.pamtester("sshd", "alice").operations(&["authenticate"]);
    let _ = door.password("pw").code(&button.code()).assert_granted();
    assert!(machine.told("alice", "remembered list").is_empty());
    assert!(asks(&machine, alice(&machine)));
    // A right code with the wrong password.
    machine.write("/etc/pam.d/sshd", 0o644, Stack::password_then_mfa_unattested().text());
    let _ = alice(&machine).password("wrong").code(&button.code()).assert_refused();
    let _ = alice(&machine).password("pw").code(&button.code()).assert_granted();
    machine.write("/etc/pam.d/sshd", 0o644, Stack::key_passed_or_password().text());
    assert!(!asks(&machine, alice(&machine)), "a key attests, whatever the line of the stack says");
}

// S24
#[test]
fn a_device_of_a_login_that_fails_after_its_code_is_not_known() {
    let machine = host("[policy]\nmode = \"optional\"\n").start();
    let button = with_a_button(&machine, "alice");
    set(
        &machine,
        "[policy]\nmode = \"optional\"\n[[rule]]\nname = \"known\"\nwhen = { device = \"known\" }\n\
         then = \"skip\"\nuntil = 2100-01-01\nreason = \"test\"\n",
    );
    let is_asked = || !alice(&machine).run().code_prompts().is_empty();
    machine.shell("chage --expiredate 1 alice");
    let _ = alice(&machine).code(&button.code()).assert_refused();
    machine.audited("the code was right", |row| row.text("event") == "granted");
    machine.shell("chage --expiredate -1 alice");
    assert!(is_asked());
    let _ = alice(&machine).code(&button.code()).assert_granted();
    assert!(!is_asked(), "that one was settled");
}

/// A shell of a user's at a terminal, the first that is free.
struct Session(Terminal);

impl Session {
    fn begin(machine: &Machine, user: &str) -> Self {
        let mut terminal = Terminal::open(
            machine.inside(),
            user,
            "env PS1='ready> ' G='Granted code: ' R='Refused code: ' bash --norc --noediting -i",
        );
        terminal.shows("ready> ", PATIENCE);
        Self(terminal)
    }

    /// Ends it, and gives the terminal back.
    fn end(mut self) {
        self.0.answer(b"exit");
        assert!(matches!(self.0.next_within(PATIENCE), Next::Ended(_)), "{}", self.0.transcript());
    }

    /// Runs `command`; how often it asked for a code before it was granted, none where it was not.
    fn run(&mut self, command: &str, button: &Presses) -> Option<usize> {
        let mut asked = 0;
        let told = "&& printf %s \"$G\" || printf %s \"$R\"; read";
        self.0.answer(format!("{command} {told}").as_bytes());
        loop {
            let Next::Prompt(prompt) = self.0.next_within(PATIENCE) else {
                panic!("{}", self.0.transcript());
            };
            let granted = prompt.ends_with("Granted code: ");
            if granted || prompt.ends_with("Refused code: ") {
                self.0.answer(b"");
                self.0.shows("ready> ", PATIENCE);
                return granted.then_some(asked);
            }
            let is_code = !prompt.contains("assword");
            asked += usize::from(is_code);
            self.0.answer(if is_code { button.code() } else { "pw".into() }.as_bytes());
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn sudo_remembers_nothing_unless_it_is_told_to_and_then_one_session_at_its_terminal() {
    const SUDO: &str = "sudo -k /bin/true";
    let machine = host(EIGHT_HOURS).start();
    let button = with_a_button(&machine, "alice");
    let mut shell = Session::begin(&machine, "alice");
    assert_eq!([shell.run(SUDO, &button), shell.run(SUDO, &button)], [Some(1), Some(1)], "off as shipped");

    set(&machine, &format!("{EIGHT_HOURS}service = [\"sudo\"]\n{FRESH}"));
    assert_eq!([shell.run(SUDO, &button), shell.run(SUDO, &button)], [Some(1), Some(0)]);
    assert_eq!(shell.run("sudo -k -u bob /bin/true", &button), Some(0), "as sudo's own timestamps have it");
    let [place] = &machine.told("alice", "remembered list")[..] else { panic!("one place") };
    assert!(text(place, "tty").starts_with("/dev/pts/"), "{place}");
    // The variables are the caller's, and nobody believes them.
    let forged =
        "SSH_CONNECTION='127.0.0.1 1 127.0.0.1 22' SSH_AUTH_INFO_0='publickey x AAAA' PAM_TTY=/dev/pts/0";
    let nested = format!("script -qec \"{forged} {SUDO}\" /dev/null");
    assert_eq!(shell.run(&nested, &button), Some(1), "another terminal");
    assert_eq!(shell.run("sudo -k /usr/bin/id", &button), Some(1), "a rule wants a fresh code");
    assert_eq!(
        [shell.run(SUDO, &button), shell.run(SUDO, &button)],
        [Some(1), Some(0)],
        "which ended the rest"
    );
    shell.end();

    // The terminal comes back with its number, and belongs to another session.
    let terminal = text(&machine.told("alice", "remembered list")[0], "tty");
    let mut next = Session::begin(&machine, "alice");
    next.0.answer(b"tty");
    next.0.shows(&terminal, PATIENCE);
    assert_eq!([next.run(SUDO, &button), next.run(SUDO, &button)], [Some(1), Some(0)]);
    assert!(asks(&machine, alice(&machine)), "sshd is not listed now");
}
