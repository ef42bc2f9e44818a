//! `mfactl pam`: whatever cuts a change short, the old stack is there or the new one, and who is in stays in.

use std::time::Duration;

use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Blueprint, Machine, User, wait};
use serde_json::Value;

use crate::people::enrolled;

/// How long what is waited for may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A host as Debian ships it, with alice, who has enrolled, and a root who can come in by key.
fn host() -> Blueprint {
    Machine::new().user(enrolled("alice")).user(User::named("root").password("rootpw").ssh_key())
}

/// The files that a change of the stack may touch, with all that is in them.
fn state(machine: &Machine) -> String {
    machine.shell("cd /etc; find pam.d ssh \\( -type f -o -type l \\) -printf '%m %u %g %p %l ' -exec sha256sum {} \\; | sort")
}

/// What a plan comes to.
fn hash(machine: &Machine, words: &str) -> String {
    let plan = machine.exec(&["sh", "-c", &format!("mfactl pam plan {words} --json")]);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap_or_else(|error| panic!("{error}: {plan}"));
    plan["hash"].as_str().expect("a hash").to_owned()
}

/// `mfactl pam apply` without a question, by shell words.
fn rolls_out(machine: &Machine, words: &str) -> String {
    format!("mfactl pam apply {words} --no-confirm --proven {}", hash(machine, words))
}

/// Starts `mfactl pam apply` as alice runs it, up to the trial.
fn on_trial(machine: &Machine, start: &str, words: &str) -> Terminal {
    let line = format!("{start} SUDO_USER=alice mfactl pam apply {words}");
    let mut terminal = Terminal::open(machine.inside(), "root", line.trim());
    if words.contains("--break-glass-from") || words.contains("login") {
        terminal.shows("Type yes: ", PATIENCE);
    } else {
        terminal.shows("not kept): ", PATIENCE);
        terminal.answer(b"rootpw");
        terminal.shows("Type yes: ", PATIENCE);
    }
    terminal.answer(b"yes");
    terminal.shows("In place, on trial.", PATIENCE);
    terminal
}

fn ended(terminal: &mut Terminal) -> Option<i32> {
    match terminal.next_within(PATIENCE) {
        Next::Ended(code) => code,
        other => panic!("{other:?}: {}", terminal.transcript()),
    }
}

/// Has each call of that name fail in turn, as on a full disk; each time everything comes back by itself.
fn fails_at_each(machine: &Machine, call: &str, command: &str) {
    let before = state(machine);
    for nth in 1..60 {
        let strace = format!(
            "strace -qq -o /dev/null -e trace={call} -e inject={call}:error=ENOSPC:when={nth} {command}"
        );
        let ran = machine.exec(&["sh", "-c", &strace]);
        if ran.status.success() {
            assert!(nth > 6, "{nth}");
            return;
        }
        assert!(ran.stderr.contains("No space left"), "{call} {nth}: {ran}");
        assert_eq!(state(machine), before, "{call} {nth}: {ran}");
        assert!(!machine.exists("/var/lib/mfactl/trial.json"), "{call} {nth}: {ran}");
    }
    panic!("{command} failed at every {call}")
}

/// Kills it at each call of that name in turn; each time everything comes back, or, where the change was kept
/// already, all of it is there. How many calls there were.
fn killed_at_each(machine: &Machine, call: &str, command: &str) -> usize {
    let before = state(machine);
    let lines = |state: &str| state.lines().map(str::to_owned).collect::<Vec<_>>();
    let (mut cut_short, mut kept): (Vec<String>, Vec<String>) = Default::default();
    for nth in 1..60 {
        machine.shell("cp -a /var/lib/mfactl /tmp/remembered 2>/dev/null || :");
        let strace = format!(
            "strace -qq -o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={nth} {command}"
        );
        let ran = machine.exec(&["sh", "-c", &strace]);
        if ran.status.success() {
            // Each file was the old one or the new one, whole, whenever it was cut short.
            let after = state(machine);
            assert!(kept.iter().all(|state| *state == after), "{kept:?}");
            assert!(kept.len() < 3, "it is kept at the very end");
            for line in cut_short {
                let whole = before.contains(&line) || after.contains(&line) || line.contains(".mfactl ");
                assert!(whole, "{line}\nis neither in\n{before}\nnor in\n{after}");
            }
            return nth - 1;
        }
        let ran = ran.assert_exit(128 + 9);
        assert!(!ran.stderr.contains("strace"), "{call} {nth}: {ran}");
        cut_short.extend(lines(&state(machine)));
        let _ = machine.exec(&["mfactl", "pam", "rollback"]).assert_exit(0);
        match state(machine) {
            restored if restored == before => {}
            whole => kept.push(whole),
        }
        assert!(!machine.exists("/var/lib/mfactl/trial.json"), "{call} {nth}");
        // What was kept is settled last; here each round begins as the first did.
        machine.shell("rm -rf /var/lib/mfactl; mv /tmp/remembered /var/lib/mfactl 2>/dev/null || :");
    }
    panic!("{command} was killed at every {call}")
}

#[test]
fn a_power_cut_at_any_write_leaves_something_whole_and_a_rollback_brings_all_of_it_back() {
    let machine = host().start();
    machine.start_sshd();
    let first = rolls_out(&machine, "sudo sshd --first either");
    let renamed = killed_at_each(&machine, "rename", &first);
    assert!(renamed >= 6, "the record, four files, and what is kept: {renamed}");
    // And a change of what is kept already: what was protected stays so.
    let kept = state(&machine);
    let other = rolls_out(&machine, "sshd --first key");
    let synced = killed_at_each(&machine, "fsync", &other);
    assert!(synced >= 6, "{synced}");
    assert_ne!(state(&machine), kept);
}

#[test]
fn a_write_that_fails_puts_everything_back_at_once() {
    let machine = host().start();
    // What lies beside is nobody's business.
    machine.shell("cd /etc/pam.d; mkdir aaa; printf '# caf\\351\\nauth required pam_deny.so\\n' >aab");
    let shipped = state(&machine);
    let command = rolls_out(&machine, "sudo sshd");
    fails_at_each(&machine, "rename", &command);
    machine.exec(&["mfactl", "pam", "remove", "--all"]).stdout_of_success();
    fails_at_each(&machine, "fsync", &command);
    machine.shell("printf '# \\351\\n' >>/etc/pam.d/sudo; echo '{' >/var/lib/mfactl/kept.json");
    machine.exec(&["mfactl", "pam", "remove", "--all"]).stdout_of_success();
    machine.shell("sed -i '$d' /etc/pam.d/sudo");
    let before = state(&machine);
    assert_eq!(before, shipped);
    // Nothing of a file system that cannot be written is touched.
    machine.shell("mount --bind /etc/pam.d /etc/pam.d; mount -o remount,ro,bind /etc/pam.d");
    let ran = machine.exec(&["sh", "-c", &command]).assert_exit(1);
    assert!(ran.stderr.contains("Read-only file system"), "{ran}");
    assert_eq!(state(&machine), before);
}

#[test]
fn who_is_in_stays_in_even_who_changes_the_way_in() {
    let machine = host().start();
    machine.start_sshd();
    let before = state(&machine);
    let ssh = "ssh -F none -tt -o StrictHostKeyChecking=no -i /root/keys/root root@127.0.0.1";
    let mut other = Terminal::open(
        machine.inside(),
        "root",
        &format!("{ssh} 'while read -r word; do echo got $word; done'"),
    );
    other.answer(b"one");
    other.shows("got one", PATIENCE);
    let mut terminal = on_trial(&machine, ssh, "sshd sudo");
    other.answer(b"two");
    other.shows("got two", PATIENCE);
    terminal.give_up();
    assert!(terminal.transcript().contains("everything is as it was"), "{}", terminal.transcript());
    assert_eq!(state(&machine), before);
    other.answer(b"three");
    other.shows("got three", PATIENCE);
}

#[test]
fn su_the_console_and_polkit_are_protected_and_proven_in_one_run() {
    let polkit = "#%PAM-1.0\n@include common-auth\n@include common-account\n@include common-password\n";
    let machine = host()
        .settings("[policy]\nmode = \"optional\"\n[service.su]\nsubject = \"caller\"\n")
        .file("/etc/pam.d/polkit-1", 0o644, polkit)
        .start();
    machine.start_sshd();
    let mut terminal = on_trial(&machine, "", "su login polkit --within 120");
    let token = machine.token("alice");
    let _ = machine.su("alice").password("rootpw").code(&token.fresh_code()).assert_granted();
    terminal.shows("su: proven by ", PATIENCE);
    let _ = machine.login("alice").password("pw").code(&token.fresh_code()).assert_granted();
    terminal.shows("login: proven by alice", PATIENCE);
    let _ = machine.pamtester("polkit-1", "alice").password("pw").code(&token.fresh_code()).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    assert!(
        terminal.transcript().contains("polkit: proven by alice (polkit-1, "),
        "{}",
        terminal.transcript()
    );
    let _ = machine.login("alice").password("pw").assert_refused();
}

#[test]
fn there_is_one_trial_at_a_time_and_a_rollback_by_hand_ends_it() {
    let machine = host().start();
    let before = state(&machine);
    let out = rolls_out(&machine, "su");
    let mut terminal = on_trial(&machine, "", "sudo");
    let second = machine.exec(&["sh", "-c", &out]).assert_exit(1);
    assert!(second.stderr.contains("another change is on trial"), "{second}");
    machine.exec(&["mfactl", "pam", "rollback"]).stdout_of_success();
    assert_eq!(ended(&mut terminal), Some(1), "{}", terminal.transcript());
    assert!(terminal.transcript().contains("somebody has put it back"), "{}", terminal.transcript());
    assert_eq!(state(&machine), before);
    // Two that begin together: one is in place, whole, the other has done nothing.
    let both = format!("{out} >/tmp/a 2>&1 & {out} >/tmp/b 2>&1 || :; wait; cat /tmp/a /tmp/b");
    let said = machine.shell(&both);
    assert!(said.contains("in place: su"), "{said}");
    assert!(!machine.exists("/var/lib/mfactl/trial.json"), "{said}");
    assert!(machine.read("/etc/pam.d/su").contains("pam_mfa.so"), "{said}");
    // A record that is no record.
    machine.write("/var/lib/mfactl/trial.json", 0o600, "{");
    let _ = machine.exec(&["mfactl", "pam", "rollback"]).assert_exit(1);
    machine.exec(&["mfactl", "pam", "remove", "--all"]).stdout_of_success();
    assert_eq!(state(&machine), before);
}

#[test]
fn what_cannot_be_kept_whole_or_known_is_refused_where_it_stands() {
    let machine = host().sshd("Include /etc/ssh/sshd_config.d/*.conf").start();
    let refused = |words: &str, why: &str| {
        let plan = machine.exec(&["sh", "-c", &format!("mfactl pam plan {words}")]).assert_exit(1);
        assert!(plan.stderr.contains(why), "{why}: {plan}");
    };
    let conf = "/etc/ssh/sshd_config.d/50-more.conf";
    machine.write(
        conf,
        0o644,
        "# of ours\nMatch LocalPort 2222\n  KbdInteractiveAuthentication no\nMatch all\n",
    );
    refused("sshd", &format!("{conf}:3: keyboard-interactive is off for Match LocalPort 2222"));
    machine.write(conf, 0o644, "Match Address 10.0.0.0/8\n  Include /etc/ssh/inner.conf\n");
    refused("sshd", &format!("{conf}:2: an Include inside of a Match block"));
    machine.write(conf, 0o644, "Match User *\n  AuthenticationMethods publickey\n");
    refused("sshd", &format!("{conf}:1: Match User *: sshd would take \"publickey\" there"));
    machine.write(conf, 0o644, "Match User bob\n  UsePAM no\n");
    refused("sshd", "UsePAM");
    machine.shell(&format!("rm {conf}; cp /etc/pam.d/sudo /tmp/sudo"));
    machine.shell("mv /etc/pam.d/sudo /etc/sudo-of-another; ln -s /etc/sudo-of-another /etc/pam.d/sudo");
    refused("sudo", "its PAM file is a link to /etc/sudo-of-another");
    machine.shell("rm /etc/pam.d/sudo; sed 's/$/\\r/' /tmp/sudo >/etc/pam.d/sudo");
    refused("sudo", "it includes common-auth\\r, which is not there");
    machine.shell("{ cat /tmp/sudo; printf '# %01100d\\n' 0; } >/etc/pam.d/sudo");
    refused("sudo", "longer than libpam reads");
    machine.shell("rm /etc/pam.d/sudo; mkdir /etc/pam.d/sudo");
    refused("sudo", "cannot read the PAM file of sudo: it is no file");
}

#[test]
fn a_host_that_lets_in_by_key_alone_is_not_opened_to_passwords() {
    let machine = host()
        .sshd("PasswordAuthentication no")
        .sshd("KbdInteractiveAuthentication no")
        .sshd("Include /etc/ssh/sshd_config.d/*.conf")
        .file("/etc/ssh/sshd_config.d/00-before.conf", 0o644, "UsePAM no\n")
        .start();
    machine.start_sshd();
    let plan = machine.exec(&["mfactl", "pam", "plan", "sshd"]).assert_exit(7).stdout;
    assert!(plan.contains("+    AuthenticationMethods publickey,keyboard-interactive\n"), "{plan}");
    // Our file is read before any other, whatever its name.
    machine.shell(&rolls_out(&machine, "sshd --break-glass-from 192.0.2.0/24"));
    let effective = machine.shell("sshd -T -C user=alice,host=h,addr=198.51.100.1");
    for line in [
        "usepam yes",
        "kbdinteractiveauthentication yes",
        "authenticationmethods publickey,keyboard-interactive",
    ] {
        assert!(effective.lines().any(|said| said == line), "{line}: {effective}");
    }
    wait::for_condition("sshd has read it", PATIENCE, || !machine.exists("/var/lib/mfactl/trial.json"));
}
