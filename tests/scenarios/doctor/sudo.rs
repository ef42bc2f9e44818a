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
