//! Where the key lies under systemd: a credential that this host alone opens, or a file.

use mfa_tests::booted::Booted;
use mfa_tests::{Machine, Stack, Suite};

use crate::people::enrolled;

const FILE: &str = "/etc/mfad/key";
const CREDENTIAL: &str = "/etc/credstore.encrypted/mfad.key";

fn alice_in(suite: Suite) -> Booted {
    Machine::new().user(enrolled("alice")).pam("sshd", Stack::password_then_mfa()).suite(suite).boot()
}

fn logs_in(machine: &Booted, step: i64) {
    let code = machine.token("alice").code_at(step);
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}

// S33
#[test]
fn with_systemd_the_key_is_a_sealed_credential_and_nowhere_in_clear() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let machine = alice_in(suite);
        assert!(!machine.exists(FILE));
        assert_eq!(machine.shell(&format!("stat -c '%U %a' {CREDENTIAL}")), "root 600\n");
        // The bytes of the key are in no file that outlives the unit. It is this host's to open.
        let key = format!("systemd-creds decrypt --name=mfad.key {CREDENTIAL} /dev/shm/key 2>/dev/null");
        let search = "perl -0777 -e 'open F, \"/dev/shm/key\"; $key = <F>; die \"no key\" unless length $key == 32;
                       for (@ARGV) { open F, $_ or next; $all = <F>; print \"$_\\n\" if index($all, $key) >= 0 }' \
                       $(find /etc /var /root /usr/lib/credstore* -type f 2>/dev/null) /dev/shm/key";
        assert_eq!(machine.shell(&format!("{key}; {search}")), "/dev/shm/key\n");
        machine.mfad().restart();
        logs_in(&machine, 0);
        // Neither made again nor made twice.
        let before = machine.shell(&format!("sha256sum {CREDENTIAL}"));
        machine.exec(&["mfad", "init"]).stdout_of_success();
        assert_eq!(machine.shell(&format!("sha256sum {CREDENTIAL}")), before);
        assert!(!machine.exists(FILE));

        // The same key in a file does as well.
        machine.shell(&format!(
            "install -o mfad -g mfad -m 400 /dev/shm/key {FILE}; rm /dev/shm/key; mv {CREDENTIAL} /root/"
        ));
        machine.mfad().restart();
        logs_in(&machine, 1);

        // Neither of them: nobody is let in, no other is made, and it is well again once one is back.
        machine.shell(&format!("rm {FILE}"));
        let _ = machine.systemctl("restart --no-block mfad.service");
        machine.log().wait_for("mfad does not serve");
        let refused = machine.exec(&["mfad", "init"]).assert_exit(1);
        assert!(refused.stderr.contains("Put it back"), "{refused}");
        let next = machine.token("alice").code_at(1);
        let _ = machine.ssh("alice").password("pw").code(&next).assert_refused();
        // It is tried again and again, at a pace that leaves room in the journal.
        let starts: u32 = machine.unit("mfad.service", "NRestarts").parse().expect("a number");
        assert!((1..6).contains(&starts), "{starts} starts");
        machine.shell(&format!("mv /root/mfad.key {CREDENTIAL}"));
        machine.wait_active("mfad.service");
        let status = machine.exec_as("alice", &["mfactl", "status"]);
        assert!(status.status.success(), "{status}");
    }
}

// S33: one that cannot be opened is not taken for none; with the key that was kept apart it is made anew.
#[test]
fn a_credential_of_another_host_lets_nobody_in_until_the_key_is_sealed_for_this_one() {
    let machine = alice_in(Suite::Bookworm);
    machine.shell(&format!("systemd-creds decrypt --name=mfad.key {CREDENTIAL} - >/dev/shm/kept"));
    machine.mfad().stop();
    machine.shell("rm /var/lib/systemd/credential.secret; systemd-creds setup");
    let _ = machine.systemctl("start --no-block mfad.service");
    machine.log().wait_for("status=243/CREDENTIALS");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
    machine.shell(&format!(
        "systemd-creds encrypt --name=mfad.key - {CREDENTIAL} </dev/shm/kept; rm /dev/shm/kept"
    ));
    machine.wait_active("mfad.service");
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}
