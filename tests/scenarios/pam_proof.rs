//! `mfactl pam apply`: only a login that began with the stack on trial proves it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use mfa_tests::outcome::Outcome;
use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Machine, User, wait};
use serde_json::Value;

use crate::pam_apply::{PATIENCE, apply, ended, host, say_yes};
use crate::people::enrolled;

/// Puts `words` in place without a trial, as a tool for a fleet does.
pub(crate) fn roll_out(machine: &Machine, words: &str) {
    let plan = machine.exec(&["sh", "-c", &format!("mfactl pam plan {words} --json")]).assert_exit(7);
    let plan: Value = serde_json::from_str(&plan.stdout).expect("JSON");
    let hash = plan["hash"].as_str().expect("a hash");
    machine.shell(&format!("mfactl pam apply {words} --no-confirm --proven {hash}"));
}

/// A login of alice's over ssh that has been asked for its code, and waits to be told to answer it.
fn asked_over_ssh(machine: &Machine, code: &str) -> (Sender<()>, JoinHandle<Outcome>) {
    let (asked, is_asked) = channel();
    let (go, may_go): (_, Receiver<()>) = channel();
    let login = machine.ssh("alice").password("pw").code(code).patience(Duration::from_secs(60));
    let login = login.before_code(move || {
        let _ = asked.send(());
        let _ = may_go.recv();
    });
    let login = login.spawn();
    is_asked.recv_timeout(PATIENCE).expect("asked for the code");
    (go, login)
}

/// The attack: who was at the prompt when the stack changed has come through the old one.
#[test]
fn a_login_that_was_asked_by_the_stack_before_is_no_proof_of_the_new_one() {
    let machine =
        Machine::new().user(enrolled("alice").ssh_key()).user(User::named("root").password("rootpw"));
    let machine = machine.start();
    machine.start_sshd();
    roll_out(&machine, "sshd --first password");
    let token = machine.token("alice");
    let (go, login) = asked_over_ssh(&machine, &token.fresh_code());
    // The new stack wants a key, and this login came by password.
    let mut terminal = apply(&machine, "sshd --first key --within 60");
    say_yes(&machine, &mut terminal);
    go.send(()).expect("it waits");
    let _ = login.join().expect("the login").assert_granted();
    terminal.shows("sshd: the login of alice began before the change, and proves nothing", PATIENCE);
    assert!(machine.exists("/var/lib/mfactl/trial.json"), "{}", terminal.transcript());
    let _ = machine.ssh("alice").key("alice").code(&token.fresh_code()).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    assert!(terminal.transcript().contains("sshd: proven by alice"), "{}", terminal.transcript());
}

/// The same a moment earlier: libpam has read the old stack, and mfad has not heard of the login yet.
#[test]
fn nor_is_one_that_was_still_at_its_password() {
    let machine = host().start();
    roll_out(&machine, "sudo");
    let token = machine.token("alice");
    let mut sudo = Terminal::open(machine.inside(), "alice", "sudo id -un");
    let Next::Prompt(_) = sudo.next_within(PATIENCE) else { panic!("{}", sudo.transcript()) };
    // What a package does to a file of the family.
    machine.shell("sed -i '/mfad begins/,/mfad ends/d' /etc/pam.d/sudo-i");
    let mut terminal = apply(&machine, "sudo --within 60");
    say_yes(&machine, &mut terminal);
    sudo.answer(b"pw");
    let Next::Prompt(_) = sudo.next_within(PATIENCE) else { panic!("{}", sudo.transcript()) };
    sudo.answer(token.fresh_code().as_bytes());
    assert_eq!(ended(&mut sudo), Some(0), "{}", sudo.transcript());
    terminal.shows("sudo: the login of alice began before the change, and proves nothing", PATIENCE);
    assert!(machine.exists("/var/lib/mfactl/trial.json"), "{}", terminal.transcript());
    let _ = machine.sudo("alice").password("pw").code(&token.fresh_code()).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
}

/// A trial that was given up leaves nothing that the next one could take for its own.
#[test]
fn nor_is_one_of_a_trial_before_it() {
    let machine = host().start();
    machine.start_sshd();
    let mut given_up = apply(&machine, "sshd");
    say_yes(&machine, &mut given_up);
    let token = machine.token("alice");
    let (go, login) = asked_over_ssh(&machine, &token.fresh_code());
    machine.shell("pkill -INT -x mfactl");
    assert_eq!(ended(&mut given_up), Some(1), "{}", given_up.transcript());
    let mut terminal = apply(&machine, "sshd --within 15");
    say_yes(&machine, &mut terminal);
    go.send(()).expect("it waits");
    let _ = login.join().expect("the login").assert_granted();
    terminal.shows("sshd: the login of alice began before the change, and proves nothing", PATIENCE);
    wait::for_condition("the trial is over", PATIENCE, || !machine.exists("/var/lib/mfactl/trial.json"));
    assert_eq!(ended(&mut terminal), Some(1), "{}", terminal.transcript());
}

/// A host that lives on has the module since long: of its next login only mfad knows when it began.
#[test]
fn a_host_that_lives_on_need_not_be_started_again_for_a_proof() {
    let door = "@include common-auth\n@include common-account\n";
    let machine = host().user(enrolled("bob")).file("/etc/pam.d/door", 0o644, door).start().with_pam_host();
    roll_out(&machine, "door");
    machine.shell("passwd -d alice; passwd -d bob"); // so that the code is all that is asked for
    let users: String =
        ["alice", "bob"].map(|user| format!("{user} {}\n", machine.token(user).secret())).concat();
    machine.write("/tmp/users", 0o644, users);
    let mut logins = Terminal::open(
        machine.inside(),
        "root",
        "/usr/local/bin/pam_host loop door - 2 --users /tmp/users --hold /tmp/go",
    );
    wait::for_condition("alice is asked", PATIENCE, || machine.exists("/tmp/go.asked"));
    machine.write("/etc/pam.d/door", 0o644, door);
    let mut terminal = apply(&machine, "door --within 60");
    say_yes(&machine, &mut terminal);
    machine.write("/tmp/go", 0o644, "");
    assert_eq!(ended(&mut logins), Some(0), "{}", logins.transcript());
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    let said = terminal.transcript();
    assert!(said.contains("door: the login of alice began before the change"), "{said}");
    assert!(said.contains("door: proven by bob"), "{said}");
}
