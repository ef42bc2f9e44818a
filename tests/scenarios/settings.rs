//! What the settings do, and what becomes of a host whose settings break.

use mfa_tests::{Blueprint, Machine, Stack, Verdict};

use crate::people::{REQUIRED, enrolled, not_enrolled};

/// Where an administrator writes.
const FILE: &str = "/etc/mfad/mfad.toml";

/// Alice, enrolled, and bob, who is not, before sshd.
fn alice_and_bob() -> Blueprint {
    Machine::new().user(enrolled("alice")).user(not_enrolled("bob")).pam("sshd", Stack::password_then_mfa())
}

/// How many questions there are before alice, with that code, and bob are let in; none where they are refused.
fn questions(machine: &Machine, code: &str) -> (Option<usize>, Option<usize>) {
    let asked = |user: &str| {
        let outcome = machine.ssh(user).password("pw").code(code).run();
        (outcome.verdict == Verdict::Granted).then(|| outcome.prompts().len())
    };
    (asked("alice"), asked("bob"))
}

fn set(machine: &Machine, text: &str) {
    machine.write(FILE, 0o644, text);
    machine.mfad().restart();
}

#[test]
fn each_mode_asks_whom_it_says() {
    let machine = alice_and_bob().start();
    let (now, next) = (machine.token("alice").code(), machine.token("alice").code_at(1));
    let mode = |word: &str, code: &str| {
        set(&machine, &format!("[policy]\nmode = \"{word}\"\n"));
        questions(&machine, code)
    };
    assert_eq!(mode("off", "nobody is asked"), (Some(1), Some(1)));
    assert_eq!(mode("observe", "nobody is asked"), (Some(1), Some(1)));
    for user in ["alice", "bob"] {
        let observed = [("event", "waived"), ("reason", "observed"), ("user", user)];
        assert_eq!(
            machine.audit().with(&observed).len(),
            1,
            "what would have happened to {user} is recorded"
        );
    }
    assert_eq!(mode("optional", &now), (Some(2), Some(1)), "who has a factor is asked");
    assert_eq!(mode("required", &next), (Some(2), None), "who has none is refused");
}

// S23
#[test]
fn settings_that_break_leave_the_last_good_ones_in_force_with_an_alarm() {
    for broken in [
        "[policy]\nmode = \"of\"\n",
        "[policy]\nmode = \"off\"\nmood = 1\n",
        "[policy]\n",
        "[polcy]\nmode = \"off\"\n",
        "",
        "[[[",
    ] {
        let machine = alice_and_bob().settings(REQUIRED).start();
        set(&machine, broken);
        assert_eq!(questions(&machine, &machine.token("alice").code()), (Some(2), None), "{broken:?}");
        machine.log().wait_for("the last good ones are in force");
        let kept = machine.audited("the broken settings", |row| row.text("event") == "settings_kept");
        assert!(kept.text("detail").contains(FILE), "{}", kept.text("detail"));
        let checked = machine.exec(&["mfad", "--check"]).assert_exit(1);
        assert!(checked.stderr.contains(FILE), "{checked}");
    }
}

// S23, S28: what is wrong with them is told with a piece of them.
#[test]
fn settings_that_are_no_text_are_broken_ones_and_the_audit_can_still_be_read() {
    for noise in [&b"\0\x01[[["[..], b"[policy]\nmode = \"\xff\"\n", b"[policy]\nmode = \"\0\"\n"] {
        let machine = alice_and_bob().settings(REQUIRED).start();
        machine.write(FILE, 0o644, noise);
        machine.mfad().restart();
        let _ = machine.ssh("bob").password("pw").code("123456").assert_refused();
        machine.log().wait_for("the last good ones are in force");
        machine.audited("the broken settings", |row| row.text("event") == "settings_kept");
    }
}

// S23
#[test]
fn settings_that_are_gone_are_broken_settings() {
    let machine = alice_and_bob().settings(REQUIRED).start();
    machine.shell(&format!("rm {FILE}"));
    machine.mfad().restart();
    assert_eq!(questions(&machine, &machine.token("alice").code()), (Some(2), None));
    machine.log().wait_for("the last good ones are in force");
}

// S23
#[test]
fn settings_that_others_may_write_are_not_read() {
    let machine = alice_and_bob().settings(REQUIRED).start();
    for (mode, owner) in [("0666", "root"), ("0664", "root"), ("0644", "bob")] {
        machine.write(FILE, 0o644, "[policy]\nmode = \"off\"\n");
        machine.shell(&format!("chown {owner} {FILE}; chmod {mode} {FILE}"));
        machine.mfad().restart();
        let outcome = machine.ssh("bob").password("pw").code("123456").assert_refused();
        assert_eq!(outcome.verdict, Verdict::Refused, "{mode} {owner}");
        machine.log().wait_for("may be written by others than root");
    }
}

// S23
#[test]
fn a_host_that_never_had_good_settings_refuses_everyone_and_says_why() {
    let machine = Machine::new().user(not_enrolled("bob")).pam("sshd", Stack::password_then_mfa()).start();
    assert_eq!(machine.mfad().pid(), None, "it has never run");
    machine.write(FILE, 0o644, "[policy]\nmode = \"of\"\n");
    let _ = machine.ssh("bob").password("pw").code("123456").assert_refused();
    machine.log().wait_for("everybody is refused");
    machine.log().wait_for("reason=mfad_fault");
    // Not for ever: once they are right, so is all.
    set(&machine, "[policy]\nmode = \"optional\"\n");
    let _ = machine.ssh("bob").password("pw").assert_granted();
}

// S23
#[test]
fn no_broken_settings_are_kept_for_later() {
    let machine = alice_and_bob().settings(REQUIRED).start();
    set(&machine, "[policy]\nmode = \"off\"\nmood = 1\n");
    set(&machine, "");
    assert_eq!(questions(&machine, &machine.token("alice").code()), (Some(2), None));
}

// S25
#[test]
fn a_check_says_what_cannot_be_meant_with_file_and_line_and_what_is_an_error() {
    let machine = Machine::new().start();
    let check = |text: &str, exit: i32| {
        machine.write("/etc/mfad/mfad.toml.d/50-rules.toml", 0o644, text);
        machine.exec(&["mfad", "--check"]).assert_exit(exit).stderr
    };
    machine.shell("mkdir -p /etc/mfad/mfad.toml.d");
    machine.write(FILE, 0o644, "[policy]\nmode = \"required\"\n[networks]\noffice = \"192.0.2.0/24\"\n");
    let rules = "[networks]\n\
        vpn = \"192.0.2.128/25\"\n\
        [[rule]]\nname = \"shells\"\nwhen = { service = [\"sudo\", \"sudo-i\"], command = \"/bin/bash\" }\nthen = \"ask\"\n\
        [[exempt]]\nuser = \"bob\"\nreason = \"CHG-1\"\nuntil = 2020-01-01\n";
    let said = check(rules, 0);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    let part = "mfad: warning: /etc/mfad/mfad.toml.d/50-rules.toml";
    assert_eq!(lines[0], format!("{part}:7: exemption \"CHG-1\": ended on 2020-01-01: remove it"));
    assert!(lines[1].starts_with(&format!("{part}:3: rule \"shells\": has a command")), "{said}");
    assert!(lines[1].contains("no boundary"), "{said}");
    assert!(
        lines[2].starts_with(&format!("{part}:2: networks.vpn has addresses of networks.office")),
        "{said}"
    );
    for (without, why) in
        [("reason = \"CHG-1\"\n", "without a `reason`"), ("until = 2020-01-01\n", "without an end")]
    {
        let said = check(&rules.replace(without, ""), 1);
        assert!(said.contains("50-rules.toml:7: exempt: ") && said.contains(why), "{said}");
    }
    assert_eq!(check("", 0), "");
}
