//! What runs the account phase without having asked anybody must not depend on mfad.

use std::time::Duration;

use mfa_tests::{Machine, Stack, User, wait};

use crate::people::{REQUIRED, alice_at_sshd_and_sudo, enrolled};

/// A stack as cron has it: nobody is there to be asked.
fn account_only() -> Stack {
    Stack::raw("account requisite pam_unix.so\naccount required pam_mfa.so\nsession required pam_permit.so\n")
}

// S22
#[test]
fn a_cron_job_runs_with_mfad_gone() {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .pam("cron", account_only())
        .file("/etc/cron.d/job", 0o644, "@reboot alice touch /tmp/ran\n")
        .settings(REQUIRED)
        .start();
    machine.mfad().remove();
    machine.shell("cron");
    wait::for_condition("the job ran", Duration::from_secs(10), || machine.exists("/tmp/ran"));
}

// S22
#[test]
fn sudo_without_a_question_runs_with_mfad_gone() {
    let machine = alice_at_sshd_and_sudo().sudoers("alice ALL=(ALL) NOPASSWD: /usr/bin/id").start();
    machine.mfad().remove();
    machine.bus().stop();
    machine.exec_as("alice", &["sudo", "-n", "/usr/bin/id"]).stdout_of_success();
}

// S22
#[test]
fn su_from_root_runs_with_mfad_gone() {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .pam("su", Stack::password_then_mfa().root_passes())
        .settings(REQUIRED)
        .start();
    machine.mfad().remove();
    machine.bus().stop();
    let _ = machine.su("root").to("alice").assert_granted();
}

// S22: sshd calls the account phase, and no other, for a login by key alone.
#[test]
fn a_login_by_key_alone_runs_with_mfad_gone() {
    let machine = Machine::new()
        .user(enrolled("alice").ssh_key())
        .pam("sshd", Stack::password_then_mfa())
        .sshd("AuthenticationMethods publickey")
        .settings(REQUIRED)
        .start();
    machine.mfad().remove();
    machine.bus().stop();
    let outcome = machine.ssh("alice").key("alice").assert_granted();
    assert!(outcome.took < Duration::from_secs(4), "something was waited for: {outcome}");
}

#[test]
fn an_expired_account_is_refused_though_password_and_code_are_right() {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .user(User::named("root").password("pw"))
        .pam("sshd", Stack::password_then_mfa())
        .start();
    machine.shell("chage --expiredate 1 alice");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
    let settled = machine.audit().with(&[("event", "settled")]).len();
    assert_eq!(settled, 0);
}
