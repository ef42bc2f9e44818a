//! `mfactl pam plan` and `apply` ask the policy about each of the people, and not about root who runs them.

use mfa_tests::terminal::Terminal;
use mfa_tests::{Machine, Totp, User};

use crate::pam_apply::{PATIENCE, apply, ended, host, say_yes, state};
use crate::people::{enrolled, not_enrolled};

/// The lines of a plan that say whom it asks.
fn who(machine: &Machine, services: &str) -> String {
    let planned = machine.mfactl("root", &format!("pam plan {services}")).assert_exit(7).stdout;
    let lines: Vec<&str> = planned.lines().filter(|line| line.starts_with("Who")).collect();
    lines.join("\n")
}

fn set(machine: &Machine, text: &str) {
    machine.write("/etc/mfad/mfad.toml", 0o644, text);
    machine.mfad().restart();
}

// S19, S25
#[test]
fn a_plan_counts_each_of_the_people_by_what_holds_for_them() {
    let machine = host()
        .user(not_enrolled("bob"))
        .user(not_enrolled("carol"))
        .user(not_enrolled("ansible"))
        .user(User::named("jobs").password("pw"))
        .start();
    machine.shell("groupadd ops; usermod -aG ops alice; usermod -aG ops bob");
    machine.enrol("root", &Totp::sha1());
    let rest = "service_accounts = { users = [\"jobs\"] }\n\
        [[exempt]]\nuser = \"ansible\"\nservice = \"sshd\"\nreason = \"CHG-118\"\nuntil = 2099-12-01\n\
        [[exempt]]\nuser = \"alice\"\naddress = \"192.0.2.7\"\nreason = \"CHG-119\"\nuntil = 2099-12-01\n";
    // Of a group that is ahead, whoever has no factor is refused, though the host's mode lets in without.
    set(&machine, &format!("[policy]\nmode = \"optional\"\n{rest}[group.ops]\nmode = \"required\"\n"));
    assert_eq!(
        who(&machine, "sshd sudo su"),
        "Who (sshd):  2 of 6 people asked, 2 let in without: they have no factor; not asked: ansible; \
         exempt in part: alice; REFUSED, without a factor: bob\n\
         Who (sudo):  1 of 5 people asked, 3 let in without: they have no factor; exempt in part: alice; \
         REFUSED, without a factor: bob\n\
         Who (su):    1 of 5 people asked, 3 let in without: they have no factor; exempt in part: alice; \
         REFUSED, without a factor: bob; root is not asked at su"
    );
    // Root has had a factor, and grace runs for the others all the same.
    let graced = format!("[policy]\nmode = \"required\"\ngrace = \"30d\"\n{rest}");
    set(&machine, &graced);
    let sshd = who(&machine, "sshd");
    let (until, after) = sshd.split_once(", to 20").expect("when it ends");
    assert_eq!(until, "Who:         2 of 6 people asked, 2 without a factor let in while grace runs");
    assert!(after.ends_with("; not asked: ansible, jobs; exempt in part: alice"), "{sshd}");
    set(&machine, &graced.replace("30d", "0d"));
    assert!(who(&machine, "sudo").ends_with(
        "; not asked: jobs; exempt in part: alice; REFUSED, without a factor: bob, carol, ansible"
    ));
}

/// Puts it in front of sudo and has alice prove it: what was shown meanwhile.
fn proven_by_alice(machine: &Machine) -> String {
    let mut terminal = apply(machine, "sudo");
    say_yes(machine, &mut terminal);
    let code = machine.token("alice").fresh_code();
    let _ = machine.sudo("alice").password("pw").code(&code).assert_granted();
    terminal.shows("sudo: proven by alice", PATIENCE);
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    terminal.transcript().clone()
}

#[test]
fn a_rule_about_some_commands_hinders_no_stack() {
    let machine = host().start();
    let rule = "[[rule]]\nname = \"no shells\"\nwhen = { service = [\"sudo\", \"sudo-i\"], command = \"/bin/bash\" }\nthen = \"deny\"\n";
    set(&machine, &format!("[policy]\nmode = \"required\"\n{rule}"));
    assert_eq!(who(&machine, "sudo"), "Who:         0 of 1 people asked; denied in part, by a rule: alice");
    let _ = proven_by_alice(&machine);
}

#[test]
fn who_is_asked_puts_a_stage_in_place_that_only_observes_the_others() {
    let machine = host().user(not_enrolled("bob")).user(enrolled("dave")).start();
    machine.shell("groupadd ops; usermod -aG ops alice; usermod -aG ops bob");
    set(&machine, "[policy]\nmode = \"observe\"\n[group.ops]\nmode = \"required\"\n");
    for (user, why) in [
        ("dave", "where it is only observed, and would be asked"),
        ("bob", "bob has no factor that could prove sudo"),
    ] {
        let before = state(&machine);
        let line = format!("SUDO_USER={user} mfactl pam apply sudo");
        let mut terminal = Terminal::open(machine.inside(), "root", &line);
        assert_eq!(ended(&mut terminal), Some(1), "{}", terminal.transcript());
        let said = terminal.transcript();
        assert!(said.contains(why) && said.contains("; nothing was changed"), "{said}");
        assert_eq!(state(&machine), before);
    }
    let said = proven_by_alice(&machine);
    let who = "Who:         1 of 3 people asked, 1 let in: they are only observed; REFUSED, without a factor: bob\n";
    assert!(said.contains(who), "{said}");
    // And so it is.
    let _ = machine.sudo("bob").password("pw").code("123456").assert_refused();
    let _ = machine.sudo("dave").password("pw").assert_granted();
}
