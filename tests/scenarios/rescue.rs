//! `packaging/doc/rescue.md`, for somebody in a panic: each fault planted, and each step of the page done.
//!
//! Every machine of that page is made here. Before its steps alice is refused, or something worse; after them she
//! logs in. The machines boot, as the usual host does, but where systemd would be in the way of the fault itself: a
//! disk that is read-only, a clock of mfad's own, and no systemd.
//!
//! Two steps of the page nobody can play here: a boot loader's prompt, where a machine of the tests has none, and setting
//! the clock, which all machines share with this host. What comes after each of them is played.

use std::time::Duration;

use mfa_tests::document::{Page, nobody};
use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Blueprint, Booted, Machine, Stack, Suite, Totp, User, wait};

use crate::administration::{self, apply_on_trial};
use crate::packages;
use crate::pam_proof::roll_out;
use crate::people::{REQUIRED, alice_at_sshd_and_sudo, enrolled};

const PAGE: &str = "packaging/doc/rescue.md";

/// How long a program may take to ask.
const SOON: Duration = Duration::from_secs(10);

/// Calls it `server`, as the page does, with an sshd that clients know, and without systemd.
pub(crate) fn served(blueprint: Blueprint) -> Machine {
    let machine = blueprint.sshd("ListenAddress 192.0.2.1").start();
    called_server(&machine);
    machine
}

/// The same with systemd.
pub(crate) fn booted(blueprint: Blueprint) -> Booted {
    let machine = blueprint.sshd("ListenAddress 192.0.2.1").boot();
    called_server(&machine);
    machine
}

fn called_server(machine: &Machine) {
    machine
        .shell("ip address add 192.0.2.1/24 dev lo; hostname server; echo '192.0.2.1 server' >>/etc/hosts");
    let key = machine.read("/etc/ssh/ssh_host_ed25519_key.pub");
    machine.write("/etc/ssh/ssh_known_hosts", 0o644, format!("server {key}"));
    machine.start_sshd();
}

/// Waits until sshd accepts again, which has been told to read its settings anew.
pub(crate) fn sshd_listens(machine: &Machine) {
    let connect = ["bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/22"];
    wait::for_condition("sshd listens", SOON, || machine.exec(&connect).status.success());
}

/// The module's file is taken away.
pub(crate) fn remove_module(machine: &Machine) {
    machine.shell("file=$(ls /usr/lib/*/security/pam_mfa.so); umount --lazy $file; rm $file");
}

/// Alice is refused with a password and a code that are right.
fn refused(machine: &Machine) {
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
}

/// Alice is let in by password and code, and asked for both.
fn logs_in(machine: &Machine) {
    let code = machine.token("alice").fresh_code();
    let outcome = machine.ssh("alice").password("pw").code(&code).assert_granted();
    assert_eq!(outcome.prompts().len(), 2, "{outcome}");
}

/// Key and store are kept in a backup, as the guide for administrators has it.
fn backed_up(machine: &Machine) {
    Page::of(administration::PAGE, "backup").play(machine, &mut nobody);
}

/// The key is in a file and no credential, as where systemd has none.
fn with_key_file(blueprint: Blueprint) -> Booted {
    let machine = booted(blueprint);
    machine.shell(
        "systemd-creds decrypt --name=mfad.key /etc/credstore.encrypted/mfad.key /root/key
         install -o mfad -g mfad -m 400 /root/key /etc/mfad/key
         rm /root/key /etc/credstore.encrypted/mfad.key; systemctl restart mfad",
    );
    machine
}

/// What a set-up with break-glass has for sshd: alice needs key and code, root from one network a key.
fn with_break_glass() -> Blueprint {
    Machine::new()
        .user(User::named("root").password("root's"))
        .user(enrolled("alice").ssh_key())
        .pam("sshd", Stack::key_passed_or_password())
        .pam("login", Stack::password_only())
        .settings(REQUIRED)
        .file(
            "/etc/ssh/sshd_config.d/00-mfad.conf",
            0o644,
            "AuthenticationMethods publickey,keyboard-interactive\n\
             Match User root Address 192.0.2.0/24\n\
             AuthenticationMethods publickey\n\
             PermitRootLogin prohibit-password\n\
             Match all\n",
        )
}

/// What Debian's own settings say, which a machine without systemd does not have.
const INCLUDE: &str = "Include /etc/ssh/sshd_config.d/*.conf";

/// Here alice holds the key of break-glass.
fn give_key(machine: &Machine) {
    machine.shell(
        "install -o alice -g alice -m 600 /root/keys/alice /home/alice/.ssh/id_ed25519
         install -D -m 600 /root/keys/alice.pub /root/.ssh/authorized_keys",
    );
}

#[test]
fn with_neither_module_nor_mfad_there_are_ways_to_a_root_shell() {
    let machine = served(with_break_glass().sshd(INCLUDE));
    give_key(&machine);
    machine.mfad().remove();
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").key("alice").code(&code).assert_refused();
    let mut page = Page::of(PAGE, "root-shell");
    page.play_next(&machine, &mut nobody); // root's key, over ssh

    remove_module(&machine);
    let _ = machine.ssh("alice").key("alice").password("pw").assert_refused();
    machine.log().wait_for("PAM unable to dlopen(pam_mfa.so)");
    let _ = machine.login("root").password("root's").assert_granted(); // the console

    // Single user: what rescue.target runs asks no PAM.
    let mut terminal = Terminal::open(machine.inside(), "root", "sulogin");
    assert!(matches!(terminal.next_within(SOON), Next::Prompt(_)), "{}", terminal.transcript());
    // It throws away what is typed before the echo is off.
    wait::for_condition("sulogin listens", SOON, || {
        let ttys = machine.exec(&["sh", "-c", "for tty in /dev/pts/[0-9]*; do stty -F $tty -a; done"]);
        ttys.stdout.contains(" -echo ")
    });
    terminal.answer(b"root's");
    terminal.shows("root@server:", SOON);
    terminal.answer(b"id -un >/root/who; exit");
    assert_eq!(terminal.next_within(SOON), Next::Ended(Some(0)));
    assert_eq!(
        machine.read("/root/who"),
        "root
"
    );

    // init=/bin/bash: the disk is read-only, as the kernel mounts it.
    machine.shell("mount -o remount,ro /");
    let _ = machine.exec(&["touch", "/etc/pam.d/sshd"]).assert_exit(1);
    page.play_next(&machine, &mut nobody);
    machine.exec(&["touch", "/etc/pam.d/sshd"]).stdout_of_success();
}

#[test]
fn break_glass_is_root_s_by_key_from_its_network_and_nobody_else_s() {
    let machine = served(with_break_glass().sshd(INCLUDE));
    give_key(&machine);
    let root = |from: &str| {
        let line = format!(
            "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -i /root/keys/alice {from} id -un"
        );
        machine.exec(&["bash", "-c", &line]).status.success()
    };
    assert!(root("root@192.0.2.1"));
    assert!(!root("root@127.0.0.1"), "from another network");
    assert!(!root("alice@192.0.2.1"), "another user");
}

#[test]
fn taken_out_of_pam_by_hand_the_password_alone_logs_in() {
    let machine = booted(with_break_glass());
    give_key(&machine);
    machine.mfad().remove();
    remove_module(&machine);
    let _ = machine.ssh("alice").key("alice").password("pw").assert_refused();
    let mut page = Page::of(PAGE, "taken-out");
    page.play_next(&machine, &mut nobody);
    page.play_next(&machine, &mut nobody);
    machine.shell("rm /home/alice/.ssh/id_ed25519"); // neither a key nor a code
    sshd_listens(&machine);
    page.play_next(&machine, &mut |_| "pw".into());
    let _ = machine.ssh("alice").password("wrong").assert_refused();
    page.play(&machine, &mut nobody); // and back
    sshd_listens(&machine);
    let _ = machine.ssh("alice").key("alice").password("pw").assert_refused();
}

/// The lines of `mfactl pam apply` have a jump that leads root past ours. What it would jump over when ours are gone is
/// the host's own: nobody comes in by that whom the host keeps out.
#[test]
fn what_apply_put_in_is_taken_out_by_hand_with_its_jump_and_comes_back() {
    let machine = booted(
        Machine::new()
            .user(User::named("root").password("root's"))
            .user(enrolled("alice").ssh_key())
            // As elsewhere than on Debian, where one of the host's lines makes way for ours.
            .file(
                "/etc/pam.d/system-auth",
                0o644,
                "auth sufficient pam_unix.so nodelay\nauth required pam_deny.so\n",
            )
            .pam("sudo", Stack::raw("auth include system-auth\naccount required pam_unix.so\n")),
    );
    machine.shell("install -D -m 600 /root/keys/alice.pub /root/.ssh/authorized_keys; cp -a /etc/pam.d /root/as-shipped");
    roll_out(&machine, "sshd sudo --break-glass-from 192.0.2.0/24");
    assert!(machine.read("/etc/pam.d/sshd").contains("[success=ignore default=1]   pam_succeed_if.so"));
    assert!(machine.read("/etc/pam.d/sudo").contains("#was: auth include system-auth"), "a line makes way");
    machine.shell("systemctl mask --quiet --runtime --now mfad.socket mfad.service");
    refused(&machine);
    let mut page = Page::of(PAGE, "taken-out");
    page.play_next(&machine, &mut nobody);
    assert_eq!(machine.shell("diff -r /root/as-shipped /etc/pam.d || true"), "", "as it was before");
    page.play_next(&machine, &mut nobody);
    sshd_listens(&machine);
    machine.shell("echo 'closed for the night' >/etc/nologin");
    let _ = machine.ssh("alice").password("pw").assert_refused();
    machine.shell("rm /etc/nologin");
    page.play_next(&machine, &mut |_| "pw".into());
    page.play(&machine, &mut nobody);
    sshd_listens(&machine);
    machine.shell("systemctl unmask --quiet --runtime mfad.socket mfad.service; systemctl start mfad.socket mfad.service");
    machine.exec(&["mfactl", "pam", "status"]).stdout_of_success();
    logs_in(&machine);
}

/// Alice, before an sshd that `mfactl pam apply` has protected.
fn applied() -> Booted {
    let machine = booted(Machine::new().user(enrolled("alice")).user(User::named("root").password("root's")));
    let token = machine.token("alice");
    apply_on_trial(
        &machine,
        &["sshd"],
        vec![machine.ssh("alice").option("-oConnectionAttempts=10").password("pw").code(&token.code())],
        |_| "pw".into(),
    );
    machine
}

#[test]
fn with_the_module_gone_mfactl_takes_out_what_it_put_in() {
    let machine = applied();
    machine.mfad().remove();
    remove_module(&machine);
    let _ = machine.ssh("alice").password("pw").code(&machine.token("alice").code_at(1)).assert_refused();
    machine.log().wait_for("PAM unable to dlopen(pam_mfa.so)");
    Page::of(PAGE, "applied").play(&machine, &mut nobody);
    let _ = machine.ssh("alice").password("pw").assert_granted();
}

/// The disk as another system has it mounted: its files, and neither /proc nor /run nor anything that runs.
#[test]
fn on_a_disk_that_is_mounted_elsewhere_the_lines_are_taken_out() {
    let machine = applied();
    machine.mfad().remove();
    // The program of the tests is bound in from outside, and is no part of the disk.
    machine.shell("mount --bind / /mnt; cp /usr/bin/mfactl /mnt/usr/bin/; chmod 755 /mnt/usr/bin/mfactl");
    Page::of(PAGE, "from-outside").play(&machine, &mut nobody);
    let _ = machine.ssh("alice").password("pw").assert_granted();
}

/// The host of `packaging/docker`, from its engine's side.
pub(crate) fn take_out_of_a_container(engine: &dyn mfa_tests::transcript::Stage) {
    Page::of(PAGE, "container").play_session(engine, &mut nobody);
}

#[test]
fn a_package_that_was_forced_out_is_installed_again_from_its_file() {
    let machine = packages::protected(Suite::Usual);
    let _ = machine.dpkg(&["--force-all", "--remove", "mfad"]).assert_exit(1); // nor does this
    machine.shell("rm /var/lib/dpkg/info/mfad.prerm");
    machine.dpkg(&["--remove", "mfad"]).stdout_of_success();
    assert!(!machine.exists("/usr/bin/mfactl"), "mfactl is gone with it");
    refused(&machine);
    machine.log().wait_for("PAM unable to dlopen(pam_mfa.so)");
    Page::of(PAGE, "module-gone").play(&machine, &mut nobody);
    logs_in(&machine);
}

#[test]
fn the_log_has_the_module_s_own_words_on_either_release() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let machine = booted(alice_at_sshd_and_sudo().suite(suite));
        machine.mfad().remove();
        refused(&machine);
        machine.shell("journalctl --sync");
        Page::of(PAGE, "log").play(&machine, &mut nobody);
    }
}

#[test]
fn a_unit_that_was_added_to_is_shown_and_put_back() {
    let machine = booted(alice_at_sshd_and_sudo());
    machine.write(
        "/etc/systemd/system/mfad.service.d/override.conf",
        0o644,
        "[Service]\nExecStart=\nExecStart=/bin/false\n",
    );
    machine.shell("systemctl daemon-reload; systemctl restart --no-block mfad");
    refused(&machine);
    Page::of(PAGE, "unit-broken").play(&machine, &mut nobody);
    logs_in(&machine);
}

#[test]
fn an_mfad_that_does_not_start_is_asked_why_and_mended() {
    let machine = booted(alice_at_sshd_and_sudo());
    machine.mfad().stop();
    machine.shell("chown root:root /var/lib/mfad/mfad.db");
    refused(&machine);
    Page::of(PAGE, "daemon-dead").play(&machine, &mut nobody);
    logs_in(&machine);
}

#[test]
fn without_systemd_mfad_is_started_by_hand_and_its_store_put_back() {
    let machine = served(alice_at_sshd_and_sudo());
    machine.shell("mkdir /root/backup; sqlite3 /var/lib/mfad/mfad.db '.backup /root/backup/mfad.db'");
    machine.mfad().stop();
    machine.shell("chmod 0640 /etc/mfad/key");
    refused(&machine);
    let mut page = Page::of(PAGE, "no-systemd");
    page.play_next(&machine, &mut nobody);
    page.play_next(&machine, &mut nobody);
    damage_store(&machine);
    refused(&machine);
    page.play(&machine, &mut nobody);
    logs_in(&machine);
}

/// Writes nonsense over its beginning, and over what was not yet written back into it.
fn damage_store(machine: &Machine) {
    machine.mfad().stop();
    machine.shell("dd if=/dev/urandom of=/var/lib/mfad/mfad.db bs=1k count=64 conv=notrunc status=none");
}

#[test]
fn a_lost_key_is_put_back() {
    let machine = with_key_file(alice_at_sshd_and_sudo());
    machine.shell("install -D -m 600 /etc/mfad/key /root/backup/key; rm /etc/mfad/key");
    let _ = machine.systemctl("restart --no-block mfad.service");
    refused(&machine);
    machine.log().wait_for("/etc/mfad/key: No such file");
    Page::of(PAGE, "key-lost").play(&machine, &mut nobody);
    logs_in(&machine);
}

#[test]
fn a_credential_that_does_not_open_here_is_sealed_again() {
    let machine = booted(alice_at_sshd_and_sudo());
    assert!(machine.exists("/etc/credstore.encrypted/mfad.key"), "here systemd has credentials");
    backed_up(&machine);
    machine.shell("rm /var/lib/systemd/credential.secret; systemctl restart mfad || true");
    refused(&machine);
    machine.log().wait_for("243/CREDENTIALS");
    Page::of(PAGE, "credential-lost").play(&machine, &mut nobody);
    logs_in(&machine);
}

/// Nothing of before opens any more: all enrol again, who is invited first.
fn begins_anew(machine: &Machine) {
    refused(machine);
    Page::of(PAGE, "begin-anew").play(machine, &mut nobody);
    refused(machine); // the old factor
    machine.enrol_invited("alice", &Totp::sha1());
    logs_in(machine);
}

#[test]
fn with_a_key_that_is_lost_for_good_all_begin_anew() {
    let machine = booted(alice_at_sshd_and_sudo().settings(REQUIRED));
    machine.shell("rm /etc/credstore.encrypted/mfad.key");
    let _ = machine.systemctl("restart --no-block mfad.service");
    begins_anew(&machine);
}

#[test]
fn with_a_damaged_store_and_no_copy_of_it_all_begin_anew() {
    let machine = booted(alice_at_sshd_and_sudo().settings(REQUIRED));
    damage_store(&machine);
    begins_anew(&machine);
}

#[test]
fn a_damaged_store_is_replaced_by_its_backup() {
    let machine = booted(alice_at_sshd_and_sudo());
    backed_up(&machine);
    damage_store(&machine);
    refused(&machine);
    Page::of(PAGE, "store-damaged").play(&machine, &mut nobody);
    logs_in(&machine);
}

#[test]
fn an_account_that_was_altered_is_ended_and_enrolled_again() {
    let machine = booted(alice_at_sshd_and_sudo().settings(REQUIRED));
    let alter = "UPDATE factor SET sealed = randomblob(length(sealed))";
    machine.exec(&["sqlite3", "-cmd", ".timeout 5000", "/var/lib/mfad/mfad.db", alter]).stdout_of_success();
    refused(&machine);
    machine.audit().assert_last("altered_record", "alice", "sshd");
    Page::of(PAGE, "account-altered").play(&machine, &mut nobody);
    machine.enrol_invited("alice", &Totp::sha1());
    logs_in(&machine);
}

#[test]
fn a_full_disk_is_found_and_emptied() {
    let machine = booted(alice_at_sshd_and_sudo());
    crate::disk::on_a_small_disk(&machine);
    // What weeks of logins on a full disk use up of the reserve and of the log's room is gone at once.
    machine.mfad().stop();
    let empty = ["sqlite3", "/var/lib/mfad/mfad.db", "PRAGMA wal_checkpoint(TRUNCATE)"];
    machine.exec_as("mfad", &empty).stdout_of_success();
    machine.shell("rm -f /var/lib/mfad/mfad.reserve");
    let _ = machine.exec(&["sh", "-c", "cat /dev/zero >/var/lib/mfad/filler"]).assert_exit(1);
    refused(&machine);
    Page::of(PAGE, "disk-full").play(&machine, &mut nobody);
    logs_in(&machine);
}

#[test]
fn a_healthy_mfad_answers_and_settings_that_are_broken_are_named_and_replaced() {
    let machine = booted(alice_at_sshd_and_sudo());
    Page::of(PAGE, "healthy").play(&machine, &mut nobody);
    machine.write("/etc/mfad/mfad.toml", 0o644, "[policy]\nmode = \"reqired\"\n");
    machine.mfad().restart();
    let mut page = Page::of(PAGE, "settings-broken");
    page.play_next(&machine, &mut nobody);
    logs_in(&machine); // by the last good ones
    page.play(&machine, &mut nobody);
    let outcome = machine.ssh("alice").password("pw").assert_granted();
    assert_eq!(outcome.prompts().len(), 1, "{outcome}");
}

#[test]
fn what_a_clock_ahead_has_done_is_mended() {
    let machine = served(alice_at_sshd_and_sudo());
    let clock = machine.mfad().with_wall_clock();
    clock.moved(7200);
    let ahead = machine.token("alice").code_at(240);
    let _ = machine.ssh("alice").password("pw").code(&ahead).assert_granted();
    clock.moved(0);
    refused(&machine);
    Page::of(PAGE, "clock-wrong").play(&machine, &mut nobody);
    clock.moved(90); // what might have been used stays so for the window
    let code = machine.token("alice").code_at(3);
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}

#[test]
fn who_is_locked_out_by_wrong_codes_is_let_in_again() {
    let machine = booted(alice_at_sshd_and_sudo().user(enrolled("bob")));
    for user in ["alice", "bob"] {
        let wrong = machine.token(user).wrong_code();
        for _ in 0..2 {
            let _ = machine.ssh(user).password("pw").code(&wrong).code(&wrong).code(&wrong).assert_refused();
        }
    }
    refused(&machine);
    machine.audit().assert_last("limited", "alice", "sshd");
    Page::of(PAGE, "limited").play(&machine, &mut nobody);
    logs_in(&machine);
    let code = machine.token("bob").code();
    let _ = machine.ssh("bob").password("pw").code(&code).assert_granted();
}
