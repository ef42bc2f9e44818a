//! What sshd makes of a stack that is right.

use mfa_tests::Suite;

use super::{By, ByDoctor, each_is_found_and_mended, fault, set_up_right};

#[test]
fn doctor_finds_and_mends_what_sshd_does_with_it() {
    const OURS: &str = "/etc/ssh/sshd_config.d/00-mfad.conf";
    const MAIN: &str = "/etc/ssh/sshd_config";
    let machine = set_up_right(Suite::Usual);
    machine.start_sshd();
    each_is_found_and_mended(
        &machine,
        &[
            fault(
                "keyboard-interactive-off:sshd",
                "sed -i '/^Kbd/s/yes/no/' /etc/ssh/sshd_config.d/00-mfad.conf",
                OURS,
                "KbdInteractiveAuthentication",
                ByDoctor,
            ),
            // sshd takes the first value: what a cloud's image sets beats a file of a later name.
            fault(
                "setting-beaten:PasswordAuthentication",
                "mv /etc/ssh/sshd_config.d/00-mfad.conf /etc/ssh/sshd_config.d/99-mfad.conf
             echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/50-cloud-init.conf",
                "/etc/ssh/sshd_config.d/99-mfad.conf",
                "PasswordAuthentication",
                ByDoctor,
            ),
            fault(
                "password-feeds-code:sshd",
                "mv /etc/ssh/sshd_config.d/99-mfad.conf /etc/ssh/sshd_config.d/00-mfad.conf
             sed -i -e '/^Password/s/no/yes/' -e '/^AuthenticationMethods/s/$/ password/' /etc/ssh/sshd_config.d/00-mfad.conf",
                OURS,
                "PasswordAuthentication",
                ByDoctor,
            ),
            fault(
                "key-skips-code:sshd",
                "sed -i '/^AuthenticationMethods/d' /etc/ssh/sshd_config.d/00-mfad.conf",
                MAIN,
                "",
                ByDoctor,
            ),
            fault(
                "match-block-skips:user=alice",
                "printf 'Match User alice\\n  AuthenticationMethods publickey\\n' >>/etc/ssh/sshd_config",
                MAIN,
                "  AuthenticationMethods publickey",
                ByDoctor,
            ),
            fault(
                "sshd-without-pam:sshd",
                "sed -i 's/^UsePAM yes/UsePAM no/' /etc/ssh/sshd_config",
                MAIN,
                "UsePAM no",
                ByDoctor,
            ),
            fault(
                "sshd-config-broken:sshd",
                "sed -i '1i UsePAN yes' /etc/ssh/sshd_config",
                MAIN,
                "UsePAN",
                By("sed -i 1d /etc/ssh/sshd_config"),
            ),
            fault(
                "grace-time-short:sshd",
                "sed -i '1i LoginGraceTime 20' /etc/ssh/sshd_config",
                MAIN,
                "LoginGraceTime 20",
                ByDoctor,
            ),
            fault(
                "key-pin-unasked:sshd",
                "mkdir -p /etc/mfad/mfad.toml.d
             printf '[factors]\\nssh_key_pin = true\\n' >/etc/mfad/mfad.toml.d/pin.toml",
                MAIN,
                "",
                ByDoctor,
            ),
            fault(
                "max-auth-tries-low:sshd",
                "sed -i '1i MaxAuthTries 1' /etc/ssh/sshd_config",
                MAIN,
                "MaxAuthTries 1",
                ByDoctor,
            ),
            fault(
                "use-dns:sshd",
                "sed -i '1i UseDNS yes' /etc/ssh/sshd_config",
                MAIN,
                "UseDNS yes",
                ByDoctor,
            ),
            fault(
                "old-keyword:sshd",
                "sed -i '1i ChallengeResponseAuthentication yes' /etc/ssh/sshd_config",
                MAIN,
                "ChallengeResponse",
                ByDoctor,
            ),
            fault(
                "root-answers-replaced:sshd",
                "mkdir -p -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/key
             cp /root/key.pub /root/.ssh/authorized_keys",
                MAIN,
                "",
                By("rm /root/.ssh/authorized_keys"),
            ),
        ],
    );
    // What was mended by its commands lets in who is right: but for alice's own block, which wants a key.
    machine.shell(
        "sed -i '/^Match User alice/,$d' /etc/ssh/sshd_config; kill -HUP \"$(cat /run/sshd.pid)\"
         sleep 0.1; until ss -ltn | grep -q ':22 '; do sleep 0.05; done",
    );
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}

#[test]
fn doctor_asks_about_the_service_that_sshd_calls_itself() {
    // OpenSSH names it since 9.9.
    let machine = set_up_right(Suite::Trixie);
    each_is_found_and_mended(
        &machine,
        &[fault(
            "sshd-other-service:sshd",
            "sed -i '1i PAMServiceName login' /etc/ssh/sshd_config",
            "/etc/ssh/sshd_config",
            "PAMServiceName",
            ByDoctor,
        )],
    );
}
