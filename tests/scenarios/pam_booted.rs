//! `mfactl pam` under systemd: timers put back what nobody keeps, and units see what is lost later.

use std::path::Path;
use std::time::Duration;

use mfa_tests::wait;

use crate::pam_apply::{PATIENCE, apply, ended, host, say_yes, state};

const BOOT_UNIT: &str = "mfactl-pam-rollback.service";

#[test]
fn a_timer_puts_back_what_a_killed_command_left() {
    let machine = host().boot();
    let before = state(&machine);
    let mut terminal = apply(&machine, "sudo --within 20");
    say_yes(&machine, &mut terminal);
    machine.shell("pkill -KILL -f '^mfactl pam apply'");
    assert_ne!(state(&machine), before, "nobody has put it back yet");
    wait::for_condition("the timer has run", Duration::from_secs(60), || state(&machine) == before);
    wait::for_condition("nothing of it is left", PATIENCE, || {
        let units = machine.systemctl("list-units --all --plain --no-legend mfactl-pam-rollback*").stdout;
        units.is_empty() && !machine.exists(format!("/etc/systemd/system/{BOOT_UNIT}"))
    });
}

#[test]
fn the_next_boot_puts_back_what_was_not_kept() {
    let mut machine = host().on_disk().boot();
    let before = state(&machine);
    let mut terminal = apply(&machine, "sudo");
    say_yes(&machine, &mut terminal);
    machine.shell("systemctl daemon-reload");
    // Before anybody can come in, also where a socket waits for them.
    let before_logins = machine.unit(BOOT_UNIT, "Before");
    assert!(before_logins.contains("sysinit.target") && before_logins.contains("sockets.target"));
    machine.shell("systemctl enable ssh.socket");
    let verified = machine.exec(&["systemd-analyze", "verify", "--man=no", "default.target"]);
    assert!(!verified.stderr.contains("cycle"), "{verified}");
    assert_ne!(state(&machine), before);
    machine.reboot();
    assert_eq!(state(&machine), before);
    assert!(!machine.exists(format!("/etc/systemd/system/{BOOT_UNIT}")));
    assert!(!machine.exists("/var/lib/mfactl/trial.json"));
}

#[test]
fn what_another_writes_while_the_rollback_is_armed_stays() {
    let machine = host().boot();
    machine.shell("mv /usr/bin/systemd-run /usr/bin/systemd-run.real");
    let meanwhile =
        "#!/bin/sh\necho '# of another' >> /etc/pam.d/sudo\nexec /usr/bin/systemd-run.real \"$@\"\n";
    machine.write("/usr/bin/systemd-run", 0o755, meanwhile);
    let shipped = machine.read("/etc/pam.d/sudo");
    let mut terminal = apply(&machine, "sudo");
    terminal.shows("Type yes: ", PATIENCE);
    terminal.answer(b"yes");
    assert_eq!(ended(&mut terminal), Some(1), "{}", terminal.transcript());
    assert!(
        terminal.transcript().contains("has changed since the plan was made"),
        "{}",
        terminal.transcript()
    );
    assert_eq!(machine.read("/etc/pam.d/sudo"), format!("{shipped}# of another\n"));
    assert!(!machine.exists("/var/lib/mfactl/trial.json"));
}

#[test]
fn a_later_loss_is_an_alarm_at_once() {
    let machine = host().boot();
    let shipped = machine.read("/etc/pam.d/sudo");
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/files");
    for kind in ["service", "path", "timer"] {
        let unit = format!("mfad-pam-status.{kind}");
        let text = std::fs::read(files.join(&unit)).expect("the unit is there");
        machine.write(format!("/etc/systemd/system/{unit}"), 0o644, text);
    }
    assert!(!machine.exists("/etc/authselect"));
    machine.shell("systemctl daemon-reload; systemctl start mfad-pam-status.path mfad-pam-status.timer");
    let mut terminal = apply(&machine, "sudo");
    say_yes(&machine, &mut terminal);
    let token = machine.token("alice");
    let _ = machine.sudo("alice").password("pw").code(&token.fresh_code()).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    wait::for_condition("what was kept is no alarm", PATIENCE, || {
        machine.unit("mfad-pam-status.service", "ActiveState") == "inactive"
    });
    assert_eq!(machine.unit("mfad-pam-status.service", "Result"), "success");
    // What is taken out on purpose is no alarm either, and is put in place again.
    let hash = machine.shell("mfactl pam status --json | sed 's/.*\"hash\":\"\\([0-9a-f]*\\)\".*/\\1/'");
    machine.shell("mfactl pam remove sudo");
    machine.shell(&format!("mfactl pam apply sudo --no-confirm --proven {}", hash.trim()));
    wait::for_condition("the change was looked at", PATIENCE, || {
        machine.unit("mfad-pam-status.service", "ActiveState") == "inactive"
    });
    let alarms = machine.journal(&["SYSLOG_IDENTIFIER=mfactl", "PRIORITY=1"]);
    assert!(alarms.is_empty(), "{alarms:?}");
    let looks_after = |change: &dyn Fn(), what: &str| {
        let run = || machine.unit("mfad-pam-status.service", "InvocationID");
        let before = run();
        change();
        wait::for_condition(&format!("{what} is looked at"), PATIENCE, || run() != before);
        wait::for_condition("it has looked", PATIENCE, || {
            machine.unit("mfad-pam-status.service", "ActiveState") == "inactive"
        });
    };
    // As a configuration tool does it, file by file.
    for number in 0..10 {
        let file = format!("/etc/pam.d/other{number}");
        looks_after(&|| machine.write(&file, 0o644, "auth required pam_deny.so\n"), "each file");
    }
    // In the other folders too, of which the first was not there when the unit was started.
    for folder in ["/etc/authselect", "/usr/etc/pam.d", "/usr/lib/pam.d"] {
        if !machine.exists(folder) {
            looks_after(&|| drop(machine.shell(&format!("mkdir -p {folder}"))), folder);
        }
        let file = format!("{folder}/other");
        looks_after(&|| machine.write(&file, 0o644, "auth required pam_deny.so\n"), &file);
    }
    // What is only linked from where PAM looks.
    let link = "cp -a /etc/pam.d/sudo /etc/authselect/; ln -s ../authselect/sudo /etc/pam.d/.sudo
        mv -T /etc/pam.d/.sudo /etc/pam.d/sudo";
    looks_after(&|| drop(machine.shell(link)), "a link");
    machine.write("/etc/authselect/sudo", 0o644, &shipped);
    wait::for_condition("the loss is seen", PATIENCE, || {
        machine.unit("mfad-pam-status.service", "Result") == "exit-code"
    });
    let alarms = machine.journal(&["SYSLOG_IDENTIFIER=mfactl", "PRIORITY=1"]);
    let said: Vec<_> = alarms.iter().filter_map(|row| row["MESSAGE"].as_str()).collect();
    assert!(said.iter().any(|line| line.contains("sudo") && line.contains("GONE")), "{said:?}");
}
