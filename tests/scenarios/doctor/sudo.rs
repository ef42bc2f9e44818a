//! What sudo makes of a stack that is right.

use mfa_tests::Suite;

use super::{By, ByDoctor, each_is_found_and_mended, fault, set_up_right};

#[test]
fn doctor_finds_and_mends_what_sudo_does_with_it() {
    const FILE: &str = "/etc/sudoers.d/x";
    let machine = set_up_right(Suite::Usual);
    machine.write(FILE, 0o440, "");
    each_is_found_and_mended(
        &machine,
        &[
            fault(
                "sudoers-nopasswd:alice",
                "echo 'alice ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/x",
                FILE,
                "NOPASSWD",
                ByDoctor,
            ),
            fault(
                "sudoers-no-authenticate:!authenticate",
                "printf '# why\\nDefaults:alice \\\\\\n !authenticate\\n' >/etc/sudoers.d/x",
                FILE,
                "Defaults:alice",
                By("echo >/etc/sudoers.d/x"),
            ),
            fault(
                "sudoers-no-authenticate:!authenticate",
                "echo 'Defaults:alice env_reset, !authenticate' >/etc/sudoers.d/x",
                FILE,
                "authenticate",
                ByDoctor,
            ),
            fault(
                "sudoers-exempt-group:staff",
                "echo 'Defaults exempt_group=staff' >/etc/sudoers.d/x",
                FILE,
                "exempt_group",
                ByDoctor,
            ),
            fault(
                "sudoers-exempt-group:staff",
                "echo 'Defaults env_reset, exempt_group = \"staff\", passwd_tries=3' >/etc/sudoers.d/x",
                FILE,
                "exempt_group",
                ByDoctor,
            ),
            fault(
                "sudo-other-service:pam_service",
                "echo 'Defaults:alice env_reset, pam_service=\"login\"' >/etc/sudoers.d/x",
                FILE,
                "pam_service",
                ByDoctor,
            ),
            fault(
                "sudo-other-service:pam_login_service",
                "echo 'Defaults pam_login_service = other' >/etc/sudoers.d/x",
                FILE,
                "pam_login_service",
                ByDoctor,
            ),
            // For `sudo -A`, which anybody may say.
            fault(
                "sudo-other-service:pam_askpass_service",
                "echo 'Defaults pam_askpass_service=login' >/etc/sudoers.d/x",
                FILE,
                "pam_askpass_service",
                ByDoctor,
            ),
            fault(
                "sudoers-other-password:targetpw",
                "echo 'Defaults targetpw' >/etc/sudoers.d/x",
                FILE,
                "targetpw",
                ByDoctor,
            ),
            fault(
                "sudoers-other-password:rootpw",
                "echo 'Defaults rootpw' >/etc/sudoers.d/x",
                FILE,
                "rootpw",
                ByDoctor,
            ),
            fault(
                "sudoers-long-timestamp:-1",
                "echo 'Defaults timestamp_timeout=-1' >/etc/sudoers.d/x",
                FILE,
                "timestamp_timeout",
                ByDoctor,
            ),
            fault(
                "sudoers-broken:sudo",
                "printf '\\nalice ALL\\n' >/etc/sudoers.d/x",
                FILE,
                "alice ALL",
                By("echo >/etc/sudoers.d/x"),
            ),
        ],
    );
}

/// What doctor calls a way round is one.
#[test]
fn sudo_asks_for_no_code_where_doctor_says_so() {
    const FILE: &str = "/etc/sudoers.d/x";
    let machine = set_up_right(Suite::Usual);
    machine.shell("usermod -aG staff alice; printf 'auth required pam_unix.so\\naccount required pam_unix.so\\n' >/etc/pam.d/plain");
    let _ = machine.sudo("alice").password("pw").assert_refused();
    machine.write(FILE, 0o440, "Defaults exempt_group=staff\n");
    let _ = machine.sudo("alice").assert_granted();
    machine.write(FILE, 0o440, "Defaults pam_service=plain\n");
    let _ = machine.sudo("alice").password("pw").assert_granted();
    machine.write(FILE, 0o440, "");
    let code = machine.token("alice").code();
    let _ = machine.sudo("alice").password("pw").code(&code).assert_granted();
}
