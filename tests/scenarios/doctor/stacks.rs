//! Stacks that do not hold what they should, and services that do not ask at all.

use mfa_tests::Suite;

use super::{By, ByDoctor, each_is_found_and_mended, fault, found, set_up_right};

/// Puts PAM's files back as they were.
const PAM_BACK: &str = "rm -rf /etc/pam.d; cp -a /root/pam.d /etc/pam.d";

#[test]
fn doctor_finds_and_mends_what_is_wrong_with_a_stack() {
    const FILE: &str = "/etc/pam.d/sshd";
    const ASKS: &str = "pam_mfa.so first_factor=requisite";
    let machine = set_up_right(Suite::Usual);
    each_is_found_and_mended(&machine, &[
        fault(
            "way-round:sshd",
            "sed -i '/^@include common-auth/i auth sufficient pam_unix.so' /etc/pam.d/sshd",
            FILE,
            "pam_unix.so",
            ByDoctor,
        ),
        fault(
            "way-round:sshd",
            "cp /root/pam.d/sshd /etc/pam.d/sshd
             printf 'auth sufficient pam_unix.so\\nauth required pam_deny.so\\n' >/etc/pam.d/system-auth
             sed -i -e 's/^@include common-auth/auth include system-auth/' -e 's/ first_factor=requisite//' /etc/pam.d/sshd",
            "/etc/pam.d/system-auth",
            "pam_unix.so",
            ByDoctor,
        ),
        fault(
            "way-round:sudo",
            "rm -rf /etc/pam.d; cp -a /root/pam.d /etc/pam.d
             sed -i -e 's/^@include common-auth/auth [success=1 default=ignore] pam_unix.so/' -e '/^auth required pam_mfa/a auth required pam_permit.so' /etc/pam.d/sudo",
            "/etc/pam.d/sudo",
            "success=1",
            By(PAM_BACK),
        ),
        fault(
            "refusal-ignored:sshd",
            "sed -i 's/^auth required pam_mfa/auth optional pam_mfa/' /etc/pam.d/sshd",
            FILE,
            ASKS,
            ByDoctor,
        ),
        fault(
            "code-alone:sshd",
            "sed -i -e 's/^@include common-auth/auth required pam_permit.so/' -e 's/ first_factor=requisite//' /etc/pam.d/sshd",
            FILE,
            "auth required pam_mfa.so",
            By(PAM_BACK),
        ),
        fault(
            "nobody-passes:sshd",
            "sed -i '/^@include common-auth/i auth required pam_deny.so' /etc/pam.d/sshd",
            FILE,
            ASKS,
            By(PAM_BACK),
        ),
        fault(
            "nothing-succeeds:sshd",
            "sed -i -e '/^@include common-auth/i auth [success=1 default=ignore] pam_unix.so' \
                    -e 's/^@include common-auth/auth requisite pam_deny.so/' /etc/pam.d/sshd",
            FILE,
            ASKS,
            ByDoctor,
        ),
        fault(
            "key-without-code:sshd",
            "cp /root/pam.d/sshd /etc/pam.d/sshd
             sed -i '/^@include common-auth/i auth sufficient pam_mfa.so key-passed' /etc/pam.d/sshd",
            FILE,
            "key-passed",
            By(PAM_BACK),
        ),
        fault(
            "account-line-missing:sudo",
            "sed -i '/^account required pam_mfa/d' /etc/pam.d/sudo",
            "/etc/pam.d/sudo",
            "",
            ByDoctor,
        ),
        fault(
            "account-line-skipped:sshd",
            "sed -i '/^account required pam_mfa/i account sufficient pam_unix.so' /etc/pam.d/sshd",
            FILE,
            "account sufficient",
            ByDoctor,
        ),
            // Who has to renew a password: Debian's common-account is done with them.
            fault(
                "account-line-skipped:sudo",
                "sed -i -e '/^account required pam_mfa/d' \
                        -e '/^@include common-account/a account required pam_mfa.so debug' /etc/pam.d/sudo",
                "/etc/pam.d/common-account",
                "new_authtok_reqd=done",
                ByDoctor,
            ),
        fault(
            "asked-twice:sudo-i",
            "sed -i '/^auth required pam_mfa/a auth requisite pam_mfa.so first_factor=requisite' /etc/pam.d/sudo-i",
            "/etc/pam.d/sudo-i",
            "auth requisite pam_mfa",
            ByDoctor,
        ),
        fault(
            "first-factor-not-held:sshd",
            "cp /root/pam.d/sshd /etc/pam.d/sshd
             sed -i 's/^@include common-auth/auth required pam_unix.so/' /etc/pam.d/sshd",
            FILE,
            ASKS,
            ByDoctor,
        ),
        fault(
            "first-factor-unsaid:su",
            "cp /root/pam.d/sshd /etc/pam.d/sshd; sed -i 's/ first_factor=requisite//' /etc/pam.d/su",
            "/etc/pam.d/su",
            "auth required pam_mfa.so",
            ByDoctor,
        ),
        fault(
            "argument-unknown:sshd",
            "sed -i 's/first_factor=requisite/& nullok/' /etc/pam.d/sshd",
            FILE,
            "nullok",
            ByDoctor,
        ),
        fault(
            "pam-line-broken:sshd",
            "sed -i '/^@include common-auth/i auth requierd pam_env.so' /etc/pam.d/sshd",
            FILE,
            "requierd",
            By(PAM_BACK),
        ),
        fault(
            "line-in-shared-file:common-account",
            "echo 'account required pam_mfa.so' >>/etc/pam.d/common-account",
            "/etc/pam.d/common-account",
            "pam_mfa",
            ByDoctor,
        ),
        fault(
            "other-second-factor:sshd",
            "sed -i '/^auth required pam_mfa/a auth required pam_google_authenticator.so' /etc/pam.d/sshd",
            FILE,
            "pam_google",
            ByDoctor,
        ),
        fault(
            "faillock-counts:sshd",
            "sed -i '/^auth required pam_mfa/a auth [default=ignore] pam_faillock.so authfail' /etc/pam.d/sshd",
            FILE,
            "pam_faillock",
            By(PAM_BACK),
        ),
        fault(
            "pam-file-writable:sudo",
            "chmod 0664 /etc/pam.d/sudo; chown alice /etc/pam.d/sudo",
            "/etc/pam.d/sudo",
            "",
            ByDoctor,
        ),
    ]);
}

#[test]
fn doctor_finds_services_that_do_not_ask() {
    let machine = set_up_right(Suite::Usual);
    each_is_found_and_mended(
        &machine,
        &[
            fault(
                "sudo-login-unasked:sudo-i",
                "cp /usr/share/pam-as-shipped/sudo-i /etc/pam.d/",
                "/etc/pam.d/sudo-i",
                "",
                By(PAM_BACK),
            ),
            fault(
                "door-from-network:vsftpd",
                "printf '@include common-auth\\n@include common-account\\n' >/etc/pam.d/vsftpd",
                "/etc/pam.d/vsftpd",
                "",
                By(PAM_BACK),
            ),
            fault(
                "door-from-network:cockpit",
                "printf '@include common-auth\\n@include common-account\\n' >/etc/pam.d/cockpit",
                "/etc/pam.d/cockpit",
                "",
                By(PAM_BACK),
            ),
            fault(
                "door-from-network:xrdp-sesman",
                "printf '@include common-auth\\n@include common-account\\n' >/etc/pam.d/xrdp-sesman",
                "/etc/pam.d/xrdp-sesman",
                "",
                By(PAM_BACK),
            ),
            // Distributions ship it where it is read last.
            fault(
                "door-here:polkit-1",
                "mkdir -p /usr/lib/pam.d; printf '@include common-auth\\n@include common-account\\n' >/usr/lib/pam.d/polkit-1",
                "/usr/lib/pam.d/polkit-1",
                "",
                By("rm /usr/lib/pam.d/polkit-1"),
            ),
            fault(
                "door-here:su",
                "cp /usr/share/pam-as-shipped/su /etc/pam.d/",
                "/etc/pam.d/su",
                "",
                By(PAM_BACK),
            ),
            fault(
                "nothing-asks:pam",
                "cp /usr/share/pam-as-shipped/* /etc/pam.d/",
                "/etc/pam.d",
                "",
                By(PAM_BACK),
            ),
            // The way in for the day on which mfad fails.
            fault("no-break-glass:root", "passwd -l root", "/etc/shadow", "", By("passwd -u root")),
            fault(
                "no-break-glass:root",
                "chage --expiredate 1 root",
                "/etc/shadow",
                "",
                By("chage --expiredate -1 root"),
            ),
            fault(
                "no-break-glass:root",
                "cp /etc/pam.d/sudo /etc/pam.d/login",
                "/etc/pam.d/login",
                "",
                By(PAM_BACK),
            ),
        ],
    );
    // A key of root's from a network of its own is one as well, and no fault.
    machine.shell(
        "passwd -l root; mkdir -p -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/key
         cp /root/key.pub /root/.ssh/authorized_keys
         printf 'Match User root Address 10.1.2.0/24\\n AuthenticationMethods publickey\\n' >>/etc/ssh/sshd_config",
    );
    found(&machine, &[]);
    machine.shell("sed -i '1i AllowUsers alice' /etc/ssh/sshd_config");
    found(&machine, &["no-break-glass:root"]);
    machine.shell("sed -i 1d /etc/ssh/sshd_config");
    // By hand: a line that leaves root out of all that may hang on mfad.
    machine.shell(
        "sed -i '0,/^account/s//account sufficient pam_succeed_if.so quiet user = root\\n&/' /etc/pam.d/sshd
         sed -i 's/^#enforce_account = .*/enforce_account = [\"sshd\"]/' /etc/mfad/mfad.toml
         sed -i '/^account/s/pam_mfa.so/& account_enforce/' /etc/pam.d/sshd",
    );
    found(&machine, &[]);
    machine.shell("sed -i '/^account sufficient/d' /etc/pam.d/sshd");
    found(&machine, &["no-break-glass:root"]);
}
