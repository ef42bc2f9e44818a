//! What mfad needs to start, and what becomes of logins and of the store where it is not there.

use std::time::Duration;

use mfa_tests::{Machine, Ran};

use crate::people::alice_at_sshd_and_sudo;

const KEY: &str = "/etc/mfad/key";
const DATABASE: &str = "/var/lib/mfad/mfad.db";

/// How long a refusal may take that nobody could judge.
const SOON: Duration = Duration::from_secs(6);

/// Starts mfad by hand, as its user, which must fail.
fn refuses_to_start(machine: &Machine) -> Ran {
    machine.exec_as("mfad", &["timeout", "10", "mfad"]).assert_exit(1)
}

/// All that the store holds, of a copy: looking at it would tidy it up.
fn content(machine: &Machine) -> String {
    machine.shell(&format!(
        "rm -rf /root/look; cp -a /var/lib/mfad /root/look
         file=/root/look/{}; sqlite3 $file .dump || cat $file",
        DATABASE.rsplit('/').next().expect("a name")
    ))
}

/// Breaks something of alice's host by a script, expects mfad to refuse to start with these words and
/// logins to be refused soon, mends it by another script, and expects that nothing was lost.
fn breaks(script: &str, words: &[&str], mending: &str) {
    let machine = alice_at_sshd_and_sudo().start();
    let token = machine.token("alice");
    let spent = token.code();
    let _ = machine.ssh("alice").password("pw").code(&spent).assert_granted();
    machine.mfad().stop();
    machine.shell(&format!("cp -p {KEY} /root/key; cp -a /var/lib/mfad /root/store"));
    machine.shell(script);
    let left = content(&machine);

    let ran = refuses_to_start(&machine);
    for word in words {
        assert!(ran.stderr.contains(word), "{script}: {word} is not in\n{ran}");
    }
    assert!(!ran.stderr.contains("panicked"), "{ran}");
    let next = token.code_at(1);
    let _ = machine.ssh("alice").password("pw").code(&next).assert_refused().assert_within(SOON);
    let _ = machine.sudo("alice").password("pw").code(&next).assert_refused().assert_within(SOON);

    assert_eq!(content(&machine), left, "{script}: the store was touched");
    machine.shell(mending);
    let _ = machine.ssh("alice").password("pw").code(&spent).assert_refused();
    machine.audit().assert_last("spent_code", "alice", "sshd");
    let _ = machine.ssh("alice").password("pw").code(&next).assert_granted();
    machine.exec(&["mfactl", "audit", "verify"]).stdout_of_success();
}

/// Puts key and store back as they were.
const MEND: &str = "cp -p /root/key /etc/mfad/key; rm -f /var/lib/mfad/*; cp -a /root/store/. /var/lib/mfad/";

// S33
#[test]
fn without_its_key_mfad_does_not_start_and_makes_no_other() {
    breaks(
        "rm /etc/mfad/key",
        &[KEY, "mfad init", "put the key back"],
        "test ! -e /etc/mfad/key; cp -p /root/key /etc/mfad/key",
    );
}

// S33
#[test]
fn init_makes_neither_key_nor_store_where_one_of_them_is_missing() {
    let machine = alice_at_sshd_and_sudo().start();
    machine.mfad().stop();
    machine.shell(&format!("mv {KEY} /root/key"));
    let ran = machine.exec(&["mfad", "init"]).assert_exit(1);
    assert!(ran.stderr.contains("Put it back"), "{ran}");
    assert!(!machine.exists(KEY));
    machine.shell(&format!("mv /root/key {KEY}"));
    machine.shell("mv /var/lib/mfad/mfad.db /root/");
    let ran = machine.exec(&["mfad", "init"]).assert_exit(1);
    assert!(ran.stderr.contains("Put it back") && !machine.exists("/var/lib/mfad/mfad.db"), "{ran}");
    machine.shell("mv /root/mfad.db /var/lib/mfad/");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}

// S33: a daemon that was taken over owns its folder, and whoever begins anew is root.
#[test]
fn init_follows_no_link_in_the_folder_of_the_daemon() {
    let machine = alice_at_sshd_and_sudo().start();
    machine.mfad().stop();
    machine.shell(&format!("mv {KEY} /root/key; mv {DATABASE} /root/"));
    let shadow = || machine.shell("stat -c '%U %G %a %h' /etc/shadow; sha256sum /etc/shadow");
    let before = shadow();
    let plant = |name: &str, target: &str| {
        let link = format!("/var/lib/mfad/{name}");
        machine.exec_as("mfad", &["ln", "-sfn", target, &link]).stdout_of_success();
    };
    plant("machine-id", "/etc/shadow");
    plant("harmless", "/etc/shadow");
    plant("mfad.db", "/etc/cron.d/planted");

    let ran = machine.exec(&["mfad", "init"]).assert_exit(1);
    assert!(ran.stderr.contains(DATABASE) && !machine.exists("/etc/cron.d/planted"), "{ran}");
    machine.shell(&format!("rm {DATABASE} {KEY}"));
    machine.exec(&["mfad", "init"]).stdout_of_success();

    assert_eq!(shadow(), before);
    let made = machine.shell(&format!("stat -c '%U %G %a' {KEY} {DATABASE}"));
    let file = |mode: u32| format!("mfad mfad {mode}");
    assert_eq!(made.lines().collect::<Vec<_>>(), [file(400), file(600)]);
    assert_eq!(machine.factor_labels("alice").len(), 0, "it serves, with none of the store before");
}

// S30, S33
#[test]
fn under_another_key_mfad_does_not_start() {
    let other =
        "head -c 32 /dev/urandom >/root/other; install -o mfad -g mfad -m 400 /root/other /etc/mfad/key";
    breaks(other, &["another key", "put the right key back"], MEND);
}

// S33
#[test]
fn a_key_of_another_length_is_no_key() {
    for length in [0, 31, 33] {
        let script = format!(
            "head -c {length} /dev/urandom >/root/other; install -o mfad -g mfad -m 400 /root/other {KEY}"
        );
        let machine = alice_at_sshd_and_sudo().start();
        machine.mfad().stop();
        machine.shell(&script);
        let ran = refuses_to_start(&machine);
        assert!(ran.stderr.contains("a key has 32"), "{ran}");
    }
}

// S33
#[test]
fn a_key_that_its_group_may_read_is_refused() {
    breaks("chmod 0440 /etc/mfad/key", &[KEY, "0440", "too open", "0400"], "chmod 0400 /etc/mfad/key");
}

// S33
#[test]
fn a_key_that_all_may_read_is_refused() {
    breaks("chmod 0644 /etc/mfad/key", &[KEY, "0644", "too open"], "chmod 0400 /etc/mfad/key");
}

// S33
#[test]
fn a_key_of_somebody_else_s_is_refused() {
    let mending = "chown mfad /etc/mfad/key; chmod 0400 /etc/mfad/key";
    breaks("chown alice /etc/mfad/key; chmod 0444 /etc/mfad/key", &[KEY, "owned by"], mending);
}

// S31
#[test]
fn the_store_of_a_newer_mfad_is_left_alone() {
    let raise = "sqlite3 /var/lib/mfad/mfad.db \"PRAGMA user_version=99; DELETE FROM meta WHERE key = 'readable_by'\"";
    breaks(raise, &[DATABASE, "99", "newer", "upgrade mfad"], MEND);
}

// S31
#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let scribble = "printf 'this is my diary, and no database at all' >/root/diary; rm /var/lib/mfad/*
                    install -o mfad -g mfad -m 600 /root/diary /var/lib/mfad/mfad.db";
    breaks(scribble, &["not a database"], MEND);
}

// S22: a file system that was not mounted looks like a host on which nobody has enrolled.
#[test]
fn a_store_that_is_gone_exempts_nobody() {
    let machine = alice_at_sshd_and_sudo().start();
    let code = machine.token("alice").code();
    machine.mfad().stop();
    machine.shell("cp -a /var/lib/mfad /root/store; rm /var/lib/mfad/mfad.db*");
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused().assert_within(SOON);
    machine.shell("cp -a /root/store/. /var/lib/mfad/");
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}

// S22
#[test]
fn why_mfad_does_not_start_is_in_the_log_where_the_bus_starts_it() {
    let machine = alice_at_sshd_and_sudo().start();
    machine.mfad().stop();
    machine.shell("chmod 0440 /etc/mfad/key");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
    // The bus throws away what its services print.
    machine.log().wait_for("mode 0440 is too open");
}
