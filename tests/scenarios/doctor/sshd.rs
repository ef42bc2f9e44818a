//! What sshd makes of a stack that is right.

use mfa_tests::Suite;

use super::{By, ByDoctor, apply, each_is_found_and_mended, fault, found, set_up_right};

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

#[test]
fn doctor_sees_where_match_blocks_and_the_file_that_repeats_them_have_come_apart() {
    let machine = set_up_right(Suite::Usual);
    machine.shell("cp -a /usr/share/pam-as-shipped/. /etc/pam.d/; rm /etc/ssh/sshd_config.d/00-mfad.conf");
    apply(&machine, "");
    let methods = || {
        let visitor = "user=deploy,addr=192.0.2.1,host=x,laddr=192.0.2.2,lport=22";
        machine.shell(&format!("sshd -T -C {visitor} | sed -n 's/^authenticationmethods //p'"))
    };
    let blocks = "Match User deploy,drop\n AuthenticationMethods publickey\nMatch User drop\n PermitTTY no\n";
    machine.write("/etc/ssh/sshd_config.d/10-jobs.conf", 0o644, blocks);
    found(&machine, &["match-block-unheard:user=deploy,drop"]);
    let status = machine.mfactl("root", "pam status").assert_exit(1).stdout;
    let why =
        "/etc/ssh/sshd_config.d/10-jobs.conf:1: Match User deploy,drop has no effect: mfactl pam apply sshd";
    assert!(status.contains(why), "{status}");
    assert!(methods().contains("keyboard-interactive"), "{}", methods());

    // One block is one finding, whatever else repeats it or says more of the same people.
    apply(&machine, "");
    found(&machine, &["match-block-skips:user=deploy,drop"]);
    let _ = machine.mfactl("root", "pam status").assert_exit(0);
    assert_eq!(methods(), "publickey\n");
    machine.shell("mfactl doctor --ignore match-block-skips:user=deploy,drop --reason 'a test'");
    let _ = machine.mfactl("root", "doctor").assert_exit(0);

    // What was decided of the block is not for what is left of it.
    machine.shell("rm /etc/ssh/sshd_config.d/10-jobs.conf");
    assert_eq!(methods(), "publickey\n");
    let _ = machine.mfactl("root", "doctor").assert_exit(2);
    machine.shell("mfactl doctor --unignore match-block-skips:user=deploy,drop");
    found(&machine, &["match-block-stays:user=deploy,drop", "match-block-skips:user=deploy,drop"]);
    let status = machine.mfactl("root", "pam status").assert_exit(1).stdout;
    assert!(status.contains("Match User deploy,drop still lets in, and no other file has it"), "{status}");
    apply(&machine, "");
    found(&machine, &[]);
    assert!(methods().contains("keyboard-interactive"), "{}", methods());
}
