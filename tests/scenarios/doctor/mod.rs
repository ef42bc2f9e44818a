//! What `mfactl doctor` finds: each fault is planted in a machine that was set up right, found where it was
//! planted, mended by the command that is printed where that does it all, and gone.

mod host;
mod mfad;
mod people;
mod sshd;
mod stacks;
mod sudo;
mod truth;

use std::collections::BTreeSet;
use std::fs;

use mfa_tests::{Blueprint, Machine, Suite, image};
use serde_json::Value;

use crate::people::enrolled;

/// How a fault is mended.
enum Mended {
    /// By the command that doctor prints, as it stands.
    ByDoctor,
    /// By somebody who does what the command begins.
    By(&'static str),
}
use Mended::{By, ByDoctor};

/// A fault: how it is planted, what doctor is to call it, and where it has to see it.
struct Fault {
    /// `id:subject`.
    name: &'static str,
    plant: &'static str,
    /// The file; none: doctor names none.
    file: Option<&'static str>,
    /// What the line that is named says; empty: none is.
    line: &'static str,
    mended: Mended,
}

/// A fault whose line says `line` in `file`.
const fn fault(
    name: &'static str,
    plant: &'static str,
    file: &'static str,
    line: &'static str,
    mended: Mended,
) -> Fault {
    Fault { name, plant, file: Some(file), line, mended }
}

/// What Debian ships, with the lines of the module where they belong, before sshd, sudo and su.
const RIGHT: &str = "
    cp -a /usr/share/pam-as-shipped/. /etc/pam.d/
    for service in sshd sudo sudo-i su; do
      sed -i -e '/^@include common-auth/a auth required pam_mfa.so first_factor=requisite' \
             -e '/^@include common-account/i account required pam_mfa.so' /etc/pam.d/$service
    done
    # As timesyncd does once it has set the clock, which no machine of the tests may.
    mkdir -p /run/systemd/timesync /etc/ssh/sshd_config.d; touch /run/systemd/timesync/synchronized
    cp -a /etc/pam.d /root/pam.d";

const SSHD: &str = "KbdInteractiveAuthentication yes
PasswordAuthentication no
AuthenticationMethods publickey,keyboard-interactive keyboard-interactive
";

/// Alice has a factor, root a password for the console.
fn people(suite: Suite) -> Blueprint {
    Machine::new()
        .suite(suite)
        .user(mfa_tests::User::named("root").password("root's"))
        .user(enrolled("alice"))
        .file("/etc/machine-id", 0o444, "5bd5a4a1d6f14c6ab7f1d1c2b0a8e9f7\n")
        .file("/etc/ssh/sshd_config.d/00-mfad.conf", 0o644, SSHD)
}

/// A machine that was set up right.
fn set_up_right(suite: Suite) -> Machine {
    let machine = people(suite).start();
    set_up(&machine, suite);
    machine
}

fn set_up(machine: &Machine, suite: Suite) {
    let shipped = fs::read(image::root(suite).join("etc/ssh/sshd_config")).expect("Debian ships one");
    machine.write("/etc/ssh/sshd_config", 0o644, shipped);
    machine.shell(RIGHT);
}

/// What doctor finds, as JSON; its exit code is that of its answer.
fn doctor(machine: &Machine) -> Value {
    let ran = machine.exec(&["mfactl", "doctor", "--json"]);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    assert_eq!(ran.status.code().map(Value::from), Some(said["code"].clone()), "{ran}");
    said
}

/// `id:subject` of every finding.
fn names(said: &Value) -> Vec<String> {
    let name = |finding: &Value| {
        format!(
            "{}:{}",
            finding["id"].as_str().expect("an id"),
            finding["subject"].as_str().expect("a subject")
        )
    };
    said["findings"].as_array().expect("a list").iter().map(name).collect()
}

/// Plants each fault in turn, sees it found, mends it, and sees it gone with nothing left behind.
fn each_is_found_and_mended(machine: &Machine, faults: &[Fault]) {
    assert_eq!(names(&doctor(machine)), [""; 0], "a machine that was set up right");
    for Fault { name, plant, file, line, mended } in faults {
        machine.shell(plant);
        let said = doctor(machine);
        let at = names(&said).iter().position(|found| found == name);
        let at = at.unwrap_or_else(|| panic!("{name} is not found after {plant:?}: {said:#}"));
        let finding = &said["findings"][at];
        assert_eq!(finding["file"].as_str(), *file, "{name}: {finding:#}");
        let number = file.filter(|_| !line.is_empty()).map(|file| {
            let text = machine.read(file);
            let number = text.lines().position(|text| text.contains(line));
            number.unwrap_or_else(|| panic!("{name}: {line:?} is not in {text}")) + 1
        });
        assert_eq!(finding["line"].as_u64(), number.map(|number| number as u64), "{name}: {finding:#}");

        let printed = finding["mend"].as_str().expect("a command");
        match mended {
            ByDoctor => {
                assert_eq!(finding["mends"], true, "{name}: {finding:#}");
                let ran = machine.exec(&["sh", "-c", printed]);
                assert!(ran.status.success(), "{name}: {ran}");
            }
            By(script) => {
                assert_eq!(finding["mends"], false, "{name}: {finding:#}");
                machine.shell(script);
            }
        }
        let after = doctor(machine);
        assert_eq!(names(&after), [""; 0], "{name}: after `{printed}`: {after:#}");
    }
}

#[test]
fn doctor_finds_nothing_on_a_machine_that_was_set_up_right() {
    let machine = set_up_right(Suite::Usual);
    let ran = machine.mfactl("root", "doctor").assert_exit(0);
    assert_eq!(ran.stdout, "MFAD OK - nothing found\n");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
    assert_eq!(names(&doctor(&machine)), [""; 0]);
}

/// Puts the second factor before sshd, sudo and su as a fleet does it, without a trial.
fn apply(machine: &Machine, further: &str) {
    let words = format!("sshd sudo su {further}");
    let plan = machine.mfactl("root", &format!("pam plan {words} --json")).assert_exit(7);
    let plan: Value = serde_json::from_str(&plan.stdout).expect("JSON");
    let hash = plan["hash"].as_str().expect("a hash");
    machine.shell(&format!("mfactl pam apply {words} --no-confirm --proven {hash}"));
}

#[test]
fn doctor_finds_nothing_where_mfactl_pam_apply_was_and_sees_what_is_lost_of_it_later() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let machine = set_up_right(suite);
        machine
            .shell("cp -a /usr/share/pam-as-shipped/. /etc/pam.d/; rm /etc/ssh/sshd_config.d/00-mfad.conf");
        apply(&machine, "");
        found(&machine, &[]);
        machine.shell("sed -i 's/^auth.*pam_mfa.so.*/& debug/' /etc/pam.d/su");
        found(&machine, &["protection-differs:su"]);
        machine.shell("sed -i 's/ debug$//' /etc/pam.d/su");
        found(&machine, &[]);
        machine.shell("cp /usr/share/pam-as-shipped/sudo* /etc/pam.d/");
        found(&machine, &["protection-gone:sudo", "door-here:sudo"]);
        apply(&machine, "");
        found(&machine, &[]);
        // Root's key from one network, in place of a password at the console.
        machine.shell(
            "passwd -l root; mkdir -p -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/key
             cp /root/key.pub /root/.ssh/authorized_keys",
        );
        found(&machine, &["no-break-glass:root", "root-answers-replaced:sshd"]);
        apply(&machine, "--break-glass-from 10.1.2.0/24");
        found(&machine, &[]);
    }
}

/// Doctor finds this and nothing else.
fn found(machine: &Machine, expected: &[&str]) {
    let said = doctor(machine);
    assert_eq!(names(&said), expected, "{said:#}");
}

#[test]
fn what_is_ignored_is_kept_with_its_reason_and_counts_no_more() {
    let machine = set_up_right(Suite::Usual);
    machine
        .shell("echo 'alice ALL=(ALL) NOPASSWD: /bin/true' >/etc/sudoers.d/x; chmod 0440 /etc/sudoers.d/x");
    machine.shell("chmod 0666 /etc/pam.d/sshd");
    let ends = |code: i32| {
        let ran = machine.mfactl("root", "doctor").assert_exit(code);
        ran.stdout.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(ends(2), "MFAD CRITICAL - 1 critical, 1 warning");
    machine.shell("mfactl doctor --ignore pam-file-writable --reason 'a test'");
    assert_eq!(ends(1), "MFAD WARNING - 1 warning, 1 ignored");
    machine.shell("mfactl doctor --ignore sudoers-nopasswd:alice --reason 'runs from a timer'");
    assert_eq!(ends(0), "MFAD OK - 2 ignored");
    let said = machine.mfactl("root", "doctor").stdout;
    assert!(said.contains("ignored   sudoers-nopasswd:alice: runs from a timer\n"), "{said}");
    assert_eq!(doctor(&machine)["findings"][0]["ignored"], "a test");

    // Whoever could write it could hide what was done.
    machine.shell("chmod 0666 /etc/mfad/doctor.toml");
    assert_eq!(ends(2), "MFAD CRITICAL - 1 critical, 1 warning, 1 could not be looked at");
    machine.shell("chmod 0644 /etc/mfad/doctor.toml");
    machine.shell("mfactl doctor --unignore sudoers-nopasswd:alice");
    assert_eq!(ends(1), "MFAD WARNING - 1 warning, 1 ignored");
    for (line, code) in
        [("--unignore use-dns", 2), ("--ignore no-such-thing --reason x", 2), ("--ignore use-dns", 2)]
    {
        let _ = machine.mfactl("root", &format!("doctor {line}")).assert_exit(code);
    }
    let _ = machine.mfactl("alice", "doctor --ignore use-dns --reason x").assert_exit(4);
}

#[test]
fn each_finding_of_doctor_has_a_scenario_that_plants_it_and_one_that_has_it_mended() {
    let machine = Machine::new().start();
    let listed = machine.mfactl("root", "doctor --list").assert_exit(0).stdout;
    let ids: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert!(ids.len() >= 25, "{listed}");
    let scenarios = [
        include_str!("host.rs"),
        include_str!("mfad.rs"),
        include_str!("mod.rs"),
        include_str!("people.rs"),
        include_str!("sshd.rs"),
        include_str!("stacks.rs"),
        include_str!("sudo.rs"),
    ];
    let all = scenarios.map(Shown::by);
    for id in ids {
        assert!(all.iter().any(|shown| shown.planted.contains(id)), "nothing plants {id}");
        assert!(all.iter().any(|shown| shown.mended.contains(id)), "nothing mends {id}");
    }
}

/// What the scenarios of a source have doctor find, by id, and what of it they have it find no more.
#[derive(Debug, Default)]
struct Shown {
    planted: BTreeSet<String>,
    mended: BTreeSet<String>,
}

impl Shown {
    /// The rows of the tables that they go through, each of which is mended; and the lists that they compare its
    /// answer with, of which a later one has to lack what an earlier one has. What stands in a comment, or in no
    /// scenario, is not done.
    fn by(source: &str) -> Self {
        let code: String = source.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
        let mut shown = Self::default();
        let id = |name: &str| name.split_once(':').map(|(id, _)| id.to_owned());
        for scenario in code.split("#[test]").skip(1) {
            let (_, table) = scenario.split_once("each_is_found_and_mended(").unwrap_or_default();
            let rows =
                ["fault(\"", "name: \""].into_iter().flat_map(|row| table.split(row).skip(1)).filter_map(id);
            for row in rows {
                shown.planted.insert(row.clone());
                shown.mended.insert(row);
            }
            let lists =
                scenario.split("found(&machine, &[").skip(1).filter_map(|rest| rest.split(']').next());
            let lists: Vec<Vec<&str>> =
                lists.map(|list| list.split('"').skip(1).step_by(2).collect()).collect();
            for (at, list) in lists.iter().enumerate() {
                shown.planted.extend(list.iter().filter_map(|name| id(name)));
                let gone = |name: &&&str| lists[at..].iter().any(|later| !later.contains(*name));
                shown.mended.extend(list.iter().filter(gone).filter_map(|name| id(name)));
            }
        }
        shown
    }
}

#[test]
fn what_no_scenario_plants_or_mends_is_not_taken_for_it() {
    let source = r#"
        const UNUSED: Fault = fault("outside:x", "", "", "", ByDoctor);
        #[test]
        fn one() {
            each_is_found_and_mended(
                &machine,
                &[
                    fault(
                        "row-a:x",
                        "echo plant:x",
                    ),
                    // fault("comment:x", "", "", "", ByDoctor),
                    Fault { name: "row-b:x", plant: "" },
                ],
            );
        }
        #[test]
        fn two() {
            let _ = fault("no-table:x", "", "", "", ByDoctor);
            found(&machine, &["list-a:x", "list-b:y"]);
            found(&machine, &["list-b:y", "list-c:z"]);
            println!("said:x");
        }
        #[test]
        fn three() {
            found(&machine, &[]);
        }
    "#;
    let Shown { planted, mended } = Shown::by(source);
    let sorted = |ids: BTreeSet<String>| ids.into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(sorted(planted), "list-a list-b list-c row-a row-b");
    assert_eq!(sorted(mended), "list-a row-a row-b");
}

#[test]
fn what_doctor_cannot_look_at_is_no_health() {
    let machine = set_up_right(Suite::Usual);
    let ran = machine.mfactl("alice", "doctor").assert_exit(3);
    assert!(ran.stdout.starts_with("MFAD UNKNOWN - "), "{ran}");
    // A program that it would ask is not there, or does not answer.
    machine.shell("mv /usr/sbin/sshd /root/sshd; printf '#!/bin/sh\nexit 1\n' >/usr/sbin/sshd; chmod 755 /usr/sbin/sshd");
    found(&machine, &["cannot-look:sshd"]);
    let _ = machine.mfactl("root", "doctor").assert_exit(3);
    machine.shell("mv /root/sshd /usr/sbin/sshd; cp /etc/machine-id /root/; rm /etc/machine-id");
    found(&machine, &["cannot-look:machine-id"]);
    machine.shell("cp /root/machine-id /etc/machine-id; echo 'sudoers: files sss' >>/etc/nsswitch.conf");
    found(&machine, &["cannot-look:sudoers-directory"]);
    machine.shell("sed -i -e '/^sudoers:/d' -e 's/^passwd:.*/passwd: files sss/' /etc/nsswitch.conf");
    found(&machine, &["cannot-look:names"]);
    machine.shell("sed -i 's/^passwd:.*/passwd: files/' /etc/nsswitch.conf");
    found(&machine, &[]);
}
