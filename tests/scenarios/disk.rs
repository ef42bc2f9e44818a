//! A disk that is full, read-only or broken lets nobody in, and everybody again once it is mended.

use std::time::Duration;

use mfa_tests::{Machine, Stack, wait};

use crate::people::alice_at_sshd_and_sudo;

/// How long a refusal may take that nobody could judge.
const SOON: Duration = Duration::from_secs(6);

/// Puts the store of a machine on a disk of its own, of 32 MiB: what it has, its reserve, and a little.
pub(crate) fn on_a_small_disk(machine: &Machine) {
    machine.mfad().stop();
    machine.shell(
        "cp -a /var/lib/mfad /root/kept
         mount -t tmpfs -o size=32m,mode=700,uid=$(id -u mfad),gid=$(id -g mfad) tmpfs /var/lib/mfad
         cp -a /root/kept/. /var/lib/mfad/",
    );
    machine.mfad().start();
}

// S32: the room that the store keeps for itself lets logins go on; what is spent stays spent.
#[test]
fn with_a_full_disk_logins_go_on_from_the_room_that_the_store_keeps() {
    let machine = alice_at_sshd_and_sudo().start();
    on_a_small_disk(&machine);
    let (token, pid) = (machine.token("alice"), machine.mfad().pid());
    let _ = machine.exec(&["sh", "-c", "cat /dev/zero >/var/lib/mfad/filler"]).assert_exit(1);
    let (code, next) = (token.code(), token.code_at(1));
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
    machine.audit().assert_last("spent_code", "alice", "sshd");
    let _ = machine.sudo("alice").password("pw").code(&next).assert_granted();
    machine.shell("rm /var/lib/mfad/filler");
    let _ = machine.ssh("alice").password("pw").code(&next).assert_refused();
    assert_eq!(machine.mfad().pid(), pid, "it was not started again");
    machine.exec(&["mfactl", "audit", "verify"]).stdout_of_success();
}

/// Where the store keeps its reserve.
const RESERVE: &str = "/var/lib/mfad/mfad.reserve";

/// Takes all that is left of the disk.
fn fill(machine: &Machine, name: &str) {
    let _ = machine.exec(&["sh", "-c", &format!("cat /dev/zero >/var/lib/mfad/{name}")]).assert_exit(1);
}

/// How many of so many logins, of somebody who is not asked, are let in: each of them is recorded.
fn let_in(machine: &Machine, logins: usize) -> usize {
    let ran = machine.exec(&["/usr/local/bin/pam_host", "loop", "door", "alice", &logins.to_string()]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran}"));
    usize::try_from(report["results"]["PAM_SUCCESS"].as_u64().unwrap_or(0)).expect("a few")
}

// S32: the room that was set aside carries hundreds of logins, loudly; where it is used up too, nobody is let
// in until there is room, and then everybody again, by itself.
#[test]
fn with_a_full_disk_hundreds_of_logins_go_on_from_the_reserve() {
    let door = "auth required pam_mfa.so\nauth required pam_permit.so\naccount required pam_permit.so\n";
    let machine = alice_at_sshd_and_sudo().pam("door", Stack::raw(door)).start().with_pam_host();
    let settings = |mode: &str| {
        machine.write("/etc/mfad/mfad.toml", 0o644, format!("[policy]\nmode = \"{mode}\"\n"));
        machine.mfad().restart();
    };
    settings("observe");
    on_a_small_disk(&machine);
    let pid = machine.mfad().pid();
    let blocks = || machine.shell(&format!("stat -c %b {RESERVE}")).trim().parse::<u64>().expect("a number");
    assert!(blocks() * 512 >= 16 << 20, "it is really there: {} blocks", blocks());

    // Neither on the disk nor in the file of the store is there a free page left.
    machine.shell("sqlite3 /var/lib/mfad/mfad.db 'CREATE TABLE filler (bytes); INSERT INTO filler VALUES (zeroblob(4200000))'");
    fill(&machine, "filler");
    let mut before = 0;
    while machine.exists(RESERVE) {
        assert_eq!(let_in(&machine, 50), 50);
        before += 50;
        assert!(before <= 5000, "the disk was never full");
    }
    assert_eq!(let_in(&machine, 400), 400);
    println!("the reserve was given up within {before} logins, and 400 went on from it");
    machine.log().wait_for("reserve_gone");
    machine.audited("the reserve", |row| row.text("event") == "reserve_gone");

    // The reserve is used up too: nobody is let in, in time, and what was not recorded was no login.
    fill(&machine, "more");
    let mut granted = 0;
    while let_in(&machine, 20) == 20 {
        granted += 20;
        assert!(granted <= 5000, "the disk was never full");
    }
    let _ = machine
        .pamtester("door", "alice")
        .operations(&["authenticate"])
        .run()
        .assert_refused()
        .assert_within(SOON);
    machine.log().wait_for("the disk is full");
    assert_eq!(machine.mfad().pid(), pid);

    // Started again on such a disk, it is the same.
    settings("optional");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused().assert_within(SOON);

    let pid = machine.mfad().pid();
    machine.shell("rm /var/lib/mfad/filler /var/lib/mfad/more");
    let next = machine.token("alice").code_at(1);
    let _ = machine.ssh("alice").password("pw").code(&next).assert_granted();
    let _ = machine.sudo("alice").password("pw").code(&next).assert_refused();
    assert_eq!(machine.mfad().pid(), pid, "it was not started again");
    machine.audited("the reserve", |row| row.text("event") == "reserve_made");
    assert!(blocks() * 512 >= 16 << 20);
    machine.exec(&["mfactl", "audit", "verify"]).stdout_of_success();
}

// S32
#[test]
fn a_read_only_disk_refuses_in_time_and_recovers_by_itself() {
    let machine = alice_at_sshd_and_sudo().start();
    on_a_small_disk(&machine);
    machine.mfad().stop();
    machine.shell("mount -o remount,ro /var/lib/mfad");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused().assert_within(SOON);
    let _ = machine.sudo("alice").password("pw").code(&code).assert_refused().assert_within(SOON);
    machine.shell("mount -o remount,rw /var/lib/mfad");
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}

/// Lets every call of this kind that mfad makes fail with this error, until the tracer is ended.
fn failing(machine: &Machine, calls: &str, error: &str) -> String {
    let pid = machine.mfad().pid().expect("it runs");
    let trace = format!("trace={calls}");
    let inject = format!("inject={calls}:error={error}");
    let strace =
        ["setsid", "-f", "strace", "-f", "-qq", "-o", "/dev/null", "-p", &pid, "-e", &trace, "-e", &inject];
    machine.exec(&strace).stdout_of_success();
    let traced = || {
        let tasks = machine.shell(&format!("grep -h TracerPid /proc/{pid}/task/*/status"));
        tasks.lines().all(|line| line.split_whitespace().nth(1) != Some("0"))
    };
    wait::for_condition("every thread is traced", Duration::from_secs(5), traced);
    pid
}

fn mended(machine: &Machine) {
    machine.shell("pkill -INT -x strace");
    wait::for_condition("the tracer is gone", Duration::from_secs(5), || {
        machine.processes("strace").is_empty()
    });
}

// S32, S9: what could not be made durable was no verdict.
#[test]
fn a_disk_that_fails_refuses_in_time_and_recovers_without_a_restart() {
    for (calls, error) in [("fdatasync,fsync", "EIO"), ("pwrite64", "EROFS"), ("pwrite64", "ENOSPC")] {
        let machine = alice_at_sshd_and_sudo().start();
        let code = machine.token("alice").code();
        let _ =
            machine.ssh("alice").password("pw").code(&machine.token("alice").wrong_code()).assert_refused();
        let pid = failing(&machine, calls, error);
        let _ = machine.ssh("alice").password("pw").code(&code).assert_refused().assert_within(SOON);
        machine.log().wait_for("mfad_fault");
        mended(&machine);
        let _ = machine.sudo("alice").password("pw").code(&code).run();
        let next = machine.token("alice").code_at(1);
        let _ = machine.ssh("alice").password("pw").code(&next).assert_granted();
        let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
        assert_eq!(machine.mfad().pid(), Some(pid), "{calls} {error}");
        machine.exec(&["mfactl", "audit", "verify"]).stdout_of_success();
    }
}
