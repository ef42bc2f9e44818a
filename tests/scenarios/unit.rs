//! The unit: mfad under systemd, shut in, watched, and there again when it was killed.

use std::thread;
use std::time::Duration;

use mfa_tests::{Blueprint, Inside, Machine, Stack, Suite, wait};

use crate::name_services::add_source;
use crate::people::{enrolled, not_enrolled};

/// Systemd's own name for it.
const UNIT: &str = "mfad.service";

/// How long the daemon may take to come again after systemd saw that it must.
const PATIENCE: Duration = Duration::from_secs(20);

/// Alice, enrolled, at sshd and at a door that lets in whoever is not asked, and bob, who is not asked.
fn people() -> Blueprint {
    let door = "auth required pam_mfa.so\nauth required pam_permit.so\naccount required pam_permit.so\n";
    Machine::new()
        .user(enrolled("alice"))
        .user(not_enrolled("bob"))
        .pam("sshd", Stack::password_then_mfa())
        .pam("door", Stack::raw(door))
}

/// A setting of the unit for this machine, as an administrator makes one.
fn drop_in(machine: &Inside, section: &str) {
    machine.shell("mkdir -p /etc/systemd/system/mfad.service.d");
    machine.write("/etc/systemd/system/mfad.service.d/test.conf", 0o644, format!("[Service]\n{section}\n"));
    machine.shell("systemctl daemon-reload && systemctl restart mfad.service");
}

fn main_pid(machine: &Inside) -> String {
    machine.unit(UNIT, "MainPID")
}

/// Waits for another daemon than the one with this process id; its process id.
fn another_than(machine: &Inside, pid: &str) -> String {
    let another = || Some(main_pid(machine)).filter(|now| now != pid && now != "0");
    let another = wait::until(PATIENCE, another).expect("systemd starts it again");
    machine.wait_active(UNIT);
    another
}

// S37
#[test]
fn the_unit_is_safe_by_systemd_s_own_measure_and_really_runs_so() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let machine = people().suite(suite).boot();
        let measured = machine.exec(&["systemd-analyze", "security", "--no-pager", UNIT]).stdout_of_success();
        let level = measured.lines().find_map(|line| line.split_once("exposure level for mfad.service: "));
        let level = level.and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<f64>().ok());
        let level = level.unwrap_or_else(|| panic!("no level in {measured}"));
        assert!(level <= 0.5, "{measured}");
        let verified = machine.exec(&["systemd-analyze", "verify", "--man=no", UNIT, "mfad.socket"]);
        assert_eq!(verified.stderr, "", "systemd knows every line of the unit");

        let pid = main_pid(&machine);
        let status = machine.read(format!("/proc/{pid}/status"));
        let of = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(&format!("{key}:")));
            line.unwrap_or_else(|| panic!("no {key} in {status}")).trim().to_owned()
        };
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(of(set), "0000000000000000", "{set}");
        }
        assert_eq!((of("NoNewPrivs").as_str(), of("Seccomp").as_str()), ("1", "2"));
        let (uid, gid) = machine.ids("mfad");
        assert_eq!(of("Uid"), [uid; 4].map(|id| id.to_string()).join("\t"));
        assert_eq!(of("Gid"), [gid; 4].map(|id| id.to_string()).join("\t"));
        assert_eq!(of("Groups"), gid.to_string());
        let limits = machine.read(format!("/proc/{pid}/limits"));
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a limit");
        assert_eq!(core.split_whitespace().collect::<Vec<_>>()[..2], ["0", "0"]);
        assert_eq!(machine.unit(UNIT, "MemorySwapMax"), "0"); // S35

        // In its own view of the machine not even root writes elsewhere, or sees a network.
        let inside = |script: &str| {
            machine.exec(&["nsenter", "-t", &pid, "-m", "-n", "-i", "bash", "-c", script]).stdout
        };
        let writable = "for folder in / /usr /usr/sbin /etc /etc/mfad /var /var/lib /var/log /run /run/lock /boot /opt /srv /sys /dev /dev/shm \
                        /var/lib/mfad /run/mfad; do touch $folder/written 2>/dev/null && echo $folder; done";
        assert_eq!(inside(writable), "/var/lib/mfad\n/run/mfad\n");
        assert_eq!(inside("find /home /root -mindepth 1"), "");
        assert_eq!(inside("grep -o '[a-z0-9]*:' /proc/net/dev"), "lo:\n");
        machine.shell("rm -f /var/lib/mfad/written /run/mfad/written");
    }
}

/// What was tried, and whether it was granted.
fn tried(told: &str) -> Vec<(bool, String)> {
    let line = |line: &str| {
        let (verdict, what) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
        (verdict == "granted", what.split(':').next().unwrap_or_default().to_owned())
    };
    told.lines().map(line).collect()
}

// S37, S35
#[test]
fn what_the_unit_forbids_is_refused_to_who_tries_it_from_inside() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let machine = people().suite(suite).boot();
        machine.write("/usr/local/lib/sandbox.sh", 0o755, include_str!("sandbox.sh"));
        let probe = "/bin/sh -c 'sh /usr/local/lib/sandbox.sh /var/lib/mfad >/var/lib/mfad/told'";
        drop_in(&machine, &format!("ExecStartPost={probe}"));
        let told = machine.read("/var/lib/mfad/told");
        let granted: Vec<String> =
            tried(&told).into_iter().filter_map(|(granted, what)| granted.then_some(what)).collect();
        let allowed =
            ["writing its folder", "asking the system bus", "writing to syslog", "asking for a user by name"];
        assert_eq!(granted, allowed, "{told}");
        assert!(!machine.journal(&["MESSAGE=a line from the sandbox"]).is_empty());
        // Each of them can be done where nothing forbids it.
        let outside = machine.shell("mkdir /root/free; sh /usr/local/lib/sandbox.sh /root/free");
        let refused: Vec<_> = tried(&outside).into_iter().filter(|(granted, _)| !granted).collect();
        assert!(refused.is_empty() && tried(&outside).len() == tried(&told).len(), "{outside}");
    }
}

// S37: who is known to a directory service alone is known to mfad, though it has no network and no
// view of the files that the service reads.
#[test]
fn names_that_only_a_name_service_knows_reach_the_shut_in_daemon() {
    let machine = people().boot().with_pam_host();
    add_source(&machine);
    machine.shell("ln -s /root/source /etc/name-source");
    machine.write("/root/source", 0o600, "knows carol 1500");
    machine.mfad().restart();
    let ask = || machine.pam_host("door", "carol", &["--answer", "123456"]).result().to_owned();
    assert_eq!(ask(), "PAM_AUTHINFO_UNAVAIL", "the source cannot be asked from inside: no guess is made");
    machine.shell("systemctl start nscd");
    machine.mfad().restart();
    assert_eq!(ask(), "PAM_SUCCESS", "nscd was asked: carol is known, has no factor and is not asked");
    machine.shell("systemctl stop nscd");
}

// S31
#[test]
fn killed_it_serves_again_within_a_second_and_who_comes_meanwhile_waits() {
    let machine = people().boot().with_pam_host();
    assert!(machine.pam_host("door", "bob", &[]).granted());
    let mut took = Vec::new();
    for _ in 0..7 {
        let pid = main_pid(&machine);
        let login = machine.kill_and_log_in(&pid, "door", "bob");
        assert!(login.granted(), "in the queue of systemd's socket: {login}");
        took.push(login.took());
        let _ = another_than(&machine, &pid);
    }
    took.sort();
    println!("killed, and a login served after: {took:?}");
    assert!(took[took.len() / 2] < Duration::from_secs(1), "{took:?}");
    assert_eq!(machine.unit(UNIT, "NRestarts"), "7");
    assert_eq!(machine.unit(UNIT, "StartLimitIntervalUSec"), "0");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}

#[test]
fn stopped_it_is_started_by_the_next_login_over_systemd_s_socket() {
    let machine = people().boot().with_pam_host();
    machine.mfad().stop();
    assert_eq!(machine.unit(UNIT, "ActiveState"), "inactive");
    // Without a bus that could start it.
    machine.shell("systemctl stop dbus.socket dbus.service");
    assert!(machine.pam_host("door", "bob", &[]).granted());
    let owner = machine.shell("stat -c '%U %a' /run/mfad /run/mfad/pam.sock");
    assert_eq!(owner, "mfad 755\nroot 600\n");
    // It is ready when both doors serve.
    assert_eq!(machine.unit(UNIT, "ActiveState"), "activating");
    assert!(machine.pam_host("door", "bob", &[]).granted());
    machine.shell("systemctl start dbus.socket dbus.service");
    machine.wait_active(UNIT);
    assert_eq!(machine.unit(UNIT, "StatusText"), "serving");
}

#[test]
fn one_that_hangs_is_killed_by_the_watchdog_and_started_again() {
    let machine = people().boot().with_pam_host();
    let shipped = machine.unit(UNIT, "WatchdogUSec");
    assert_eq!(shipped, "15s");
    drop_in(&machine, "WatchdogSec=2");
    let pid = main_pid(&machine);
    thread::sleep(Duration::from_secs(5)); // longer than the watchdog waits, twice
    assert_eq!(main_pid(&machine), pid, "one that is well is left alone");

    machine.exec(&["kill", "-STOP", &pid]).stdout_of_success();
    let next = another_than(&machine, &pid);
    machine.log().wait_for("Watchdog timeout");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();

    // Its threads run, but a read of the store does not come back: every lock takes a minute.
    let trace = format!(
        "strace -f -qq -o /dev/null -p {next} -P /var/lib/mfad/mfad.db-shm -e trace=fcntl -e inject=fcntl:delay_enter=60000000"
    );
    machine.shell(&format!("setsid -f {trace}"));
    let again = || machine.log().matching("Watchdog timeout").len() == 2;
    wait::for_condition("the watchdog sees it", PATIENCE, again);
    machine.shell("pkill -KILL -x strace"); // it would keep the dead for a minute
    let _ = another_than(&machine, &next);
    let code = machine.token("alice").code_at(1);
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}

// S23
#[test]
fn a_reload_takes_the_settings_whole_or_not_at_all() {
    let machine = people().boot().with_pam_host();
    let pid = main_pid(&machine);
    let reload = |text: &str, said: &str| {
        machine.write("/etc/mfad/mfad.toml", 0o644, text);
        let before = machine.log().matching(said).len();
        machine.shell("systemctl reload mfad.service");
        let more = || (machine.log().matching(said).len() > before).then_some(());
        assert!(wait::until(PATIENCE, more).is_some(), "{}", machine.log().lines().join("\n"));
    };
    let lets_bob_in = || machine.pam_host("door", "bob", &["--answer", "123456"]).granted();
    assert!(lets_bob_in());
    reload("[policy]\nmode = \"required\"\n", "is in force, mode required");
    assert!(!lets_bob_in());
    reload("[policy]\nmode = \"off\"\nmood = 1\n", "the last good ones are in force");
    assert!(!lets_bob_in());
    reload("[policy]\nmode = \"optional\"\n", "is in force, mode optional");
    assert!(lets_bob_in());
    assert_eq!(main_pid(&machine), pid, "it was not started again");
}
