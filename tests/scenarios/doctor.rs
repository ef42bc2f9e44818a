//! What `mfactl doctor` finds: each fault is planted in a machine that was set up right, found where it was
//! planted, mended by the command that is printed where that does it all, and gone.

use std::fs;
use std::process::Command;

use mfa_tests::{Blueprint, Machine, Suite, Totp, image};
use serde_json::Value;

use crate::people::enrolled;

/// How a fault is mended.
enum Mended {
    /// By the command that doctor prints, as it stands.
    ByDoctor,
    /// By somebody who does what the command begins.
    By(&'static str),
}
use Mended::{By, ByDoctor};

/// A fault: how it is planted, what doctor is to call it, and where it has to see it.
struct Fault {
    /// `id:subject`.
    name: &'static str,
    plant: &'static str,
    /// The file; none: doctor names none.
    file: Option<&'static str>,
    /// What the line that is named says; empty: none is.
    line: &'static str,
    mended: Mended,
}

/// A fault whose line says `line` in `file`.
const fn fault(
    name: &'static str,
    plant: &'static str,
    file: &'static str,
    line: &'static str,
    mended: Mended,
) -> Fault {
    Fault { name, plant, file: Some(file), line, mended }
}

/// What Debian ships, with the lines of the module where they belong, before sshd, sudo and su.
const RIGHT: &str = "
    cp -a /usr/share/pam-as-shipped/. /etc/pam.d/
    for service in sshd sudo sudo-i su; do
      sed -i -e '/^@include common-auth/a auth required pam_mfa.so first_factor=requisite' \
             -e '/^@include common-account/a account required pam_mfa.so' /etc/pam.d/$service
    done
    # As timesyncd does once it has set the clock, which no machine of the tests may.
    mkdir -p /run/systemd/timesync /etc/ssh/sshd_config.d; touch /run/systemd/timesync/synchronized
    cp -a /etc/pam.d /root/pam.d";

const SSHD: &str = "KbdInteractiveAuthentication yes
PasswordAuthentication no
AuthenticationMethods publickey,keyboard-interactive keyboard-interactive
";

/// Alice has a factor, root a password for the console.
fn people(suite: Suite) -> Blueprint {
    Machine::new()
        .suite(suite)
        .user(mfa_tests::User::named("root").password("root's"))
        .user(enrolled("alice"))
        .file("/etc/machine-id", 0o444, "5bd5a4a1d6f14c6ab7f1d1c2b0a8e9f7\n")
        .file("/etc/ssh/sshd_config.d/00-mfad.conf", 0o644, SSHD)
}

/// A machine that was set up right.
fn set_up_right(suite: Suite) -> Machine {
    let machine = people(suite).start();
    set_up(&machine, suite);
    machine
}

fn set_up(machine: &Machine, suite: Suite) {
    let shipped = fs::read(image::root(suite).join("etc/ssh/sshd_config")).expect("Debian ships one");
    machine.write("/etc/ssh/sshd_config", 0o644, shipped);
    machine.shell(RIGHT);
}

/// What doctor finds, as JSON; its exit code is that of its answer.
fn doctor(machine: &Machine) -> Value {
    let ran = machine.exec(&["mfactl", "doctor", "--json"]);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    assert_eq!(ran.status.code().map(Value::from), Some(said["code"].clone()), "{ran}");
    said
}

/// `id:subject` of every finding.
fn names(said: &Value) -> Vec<String> {
    let name = |finding: &Value| {
        format!(
            "{}:{}",
            finding["id"].as_str().expect("an id"),
            finding["subject"].as_str().expect("a subject")
        )
    };
    said["findings"].as_array().expect("a list").iter().map(name).collect()
}

/// Plants each fault in turn, sees it found, mends it, and sees it gone with nothing left behind.
fn each_is_found_and_mended(machine: &Machine, faults: &[Fault]) {
    assert_eq!(names(&doctor(machine)), [""; 0], "a machine that was set up right");
    for Fault { name, plant, file, line, mended } in faults {
        machine.shell(plant);
        let said = doctor(machine);
        let at = names(&said).iter().position(|found| found == name);
        let at = at.unwrap_or_else(|| panic!("{name} is not found after {plant:?}: {said:#}"));
        let finding = &said["findings"][at];
        assert_eq!(finding["file"].as_str(), *file, "{name}: {finding:#}");
        let number = file.filter(|_| !line.is_empty()).map(|file| {
            let text = machine.read(file);
            let number = text.lines().position(|text| text.contains(line));
            number.unwrap_or_else(|| panic!("{name}: {line:?} is not in {text}")) + 1
        });
        assert_eq!(finding["line"].as_u64(), number.map(|number| number as u64), "{name}: {finding:#}");

        let printed = finding["mend"].as_str().expect("a command");
        match mended {
            ByDoctor => {
                assert_eq!(finding["mends"], true, "{name}: {finding:#}");
                let ran = machine.exec(&["sh", "-c", printed]);
                assert!(ran.status.success(), "{name}: {ran}");
            }
            By(script) => {
                assert_eq!(finding["mends"], false, "{name}: {finding:#}");
                machine.shell(script);
            }
        }
        let after = doctor(machine);
        assert_eq!(names(&after), [""; 0], "{name}: after `{printed}`: {after:#}");
    }
}

/// Puts PAM's files back as they were.
const PAM_BACK: &str = "rm -rf /etc/pam.d; cp -a /root/pam.d /etc/pam.d";

#[test]
fn doctor_finds_nothing_on_a_machine_that_was_set_up_right() {
    let machine = set_up_right(Suite::Usual);
    let ran = machine.mfactl("root", "doctor").assert_exit(0);
    assert_eq!(ran.stdout, "MFAD OK - nothing found\n");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
    assert_eq!(names(&doctor(&machine)), [""; 0]);
}

/// Puts the second factor before sshd, sudo and su as a fleet does it, without a trial.
fn apply(machine: &Machine) {
    let plan = machine.exec(&["mfactl", "pam", "plan", "sshd", "sudo", "su", "--json"]).assert_exit(7);
    let plan: Value = serde_json::from_str(&plan.stdout).expect("JSON");
    let hash = plan["hash"].as_str().expect("a hash");
    machine.shell(&format!("mfactl pam apply sshd sudo su --no-confirm --proven {hash}"));
}

#[test]
fn doctor_finds_nothing_where_mfactl_pam_apply_was_and_sees_what_is_lost_of_it_later() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let machine = set_up_right(suite);
        machine
            .shell("cp -a /usr/share/pam-as-shipped/. /etc/pam.d/; rm /etc/ssh/sshd_config.d/00-mfad.conf");
        apply(&machine);
        found(&machine, &[]);
        machine.shell("sed -i 's/^auth.*pam_mfa.so.*/& debug/' /etc/pam.d/su");
        found(&machine, &["protection-differs:su"]);
        machine.shell("sed -i 's/ debug$//' /etc/pam.d/su");
        found(&machine, &[]);
        machine.shell("cp /usr/share/pam-as-shipped/sudo* /etc/pam.d/");
        found(&machine, &["protection-gone:sudo", "door-here:sudo"]);
        apply(&machine);
        found(&machine, &[]);
    }
}

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
            "sed -i '/^@include common-account/i account sufficient pam_unix.so' /etc/pam.d/sshd",
            FILE,
            "account sufficient",
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
    // Elsewhere root's answers are thrown away: that is so, and said.
    assert_eq!(names(&doctor(&machine)), ["root-answers-replaced:sshd"]);
}

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
                ByDoctor,
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

#[test]
fn doctor_finds_and_mends_what_mfad_stands_on() {
    const POLICY: &str = "/usr/share/dbus-1/system.d/org.mfad1.conf";
    let machine = set_up_right(Suite::Usual);
    machine.shell(&format!(
        "cp -p {POLICY} /root/policy; cp -p /usr/share/dbus-1/system-services/org.mfad1.service /root/"
    ));
    each_is_found_and_mended(
        &machine,
        &[
            fault("key-modes:key", "chmod 0440 /etc/mfad/key", "/etc/mfad/key", "", ByDoctor),
            fault("key-modes:key", "chown root /etc/mfad/key", "/etc/mfad/key", "", ByDoctor),
            fault(
                "key-missing:key",
                "mv /etc/mfad/key /root/key",
                "/etc/mfad/key",
                "",
                By("mv /root/key /etc/mfad/key"),
            ),
            fault(
                "store-unreadable:mfad",
                "cp -p /etc/mfad/key /root/key; head -c 32 /dev/urandom >/root/other; chmod u+w /etc/mfad/key
             cat /root/other >/etc/mfad/key; chmod u-w /etc/mfad/key",
                "/var/lib/mfad",
                "",
                By("cp -p /root/key /etc/mfad/key"),
            ),
            fault("store-modes:mfad", "chmod 0755 /var/lib/mfad", "/var/lib/mfad", "", ByDoctor),
            fault("socket-modes:mfad", "chown alice /run/mfad", "/run/mfad", "", ByDoctor),
            fault(
                "socket-modes:pam.sock",
                "chmod 0666 /run/mfad/pam.sock",
                "/run/mfad/pam.sock",
                "",
                ByDoctor,
            ),
            fault("socket-modes:pam.sock", "rm /run/mfad/pam.sock", "/run/mfad/pam.sock", "", ByDoctor),
            fault(
                "settings-modes:mfad.toml",
                "chmod 0666 /etc/mfad/mfad.toml",
                "/etc/mfad/mfad.toml",
                "",
                ByDoctor,
            ),
            fault(
                "settings-broken:mfad",
                "cp -p /etc/mfad/mfad.toml /root/; sed -i 's/^mode = .*/mode = \"of\"/' /etc/mfad/mfad.toml",
                "/etc/mfad/mfad.toml",
                "mode = \"of\"",
                By("cp -p /root/mfad.toml /etc/mfad/"),
            ),
            fault(
                "mode-asks-nobody:observe",
                "sed -i 's/^mode = .*/mode = \"observe\"/' /etc/mfad/mfad.toml",
                "/etc/mfad/mfad.toml",
                "mode = \"observe\"",
                ByDoctor,
            ),
            fault(
                "enforced-by-half:sshd",
                "sed -i 's/^#enforce_account = .*/enforce_account = [\"sshd\"]/' /etc/mfad/mfad.toml",
                "/etc/pam.d/sshd",
                "account required pam_mfa.so",
                ByDoctor,
            ),
            fault(
                "enforced-by-half:sshd",
                "sed -i 's/^enforce_account = .*/enforce_account = []/' /etc/mfad/mfad.toml",
                "/etc/mfad/mfad.toml",
                "",
                By("sed -i 's/ account_enforce$//; s/so account_enforce/so/' /etc/pam.d/sshd"),
            ),
            fault(
                "setting-renamed:policy.account_enforce",
                "sed -i 's/^enforce_account = /account_enforce = /' /etc/mfad/mfad.toml",
                "/etc/mfad/mfad.toml",
                "account_enforce = ",
                ByDoctor,
            ),
            fault(
                "bus-policy-missing:org.mfad1.conf",
                "rm /usr/share/dbus-1/system.d/org.mfad1.conf",
                POLICY,
                "",
                By("cp -p /root/policy /usr/share/dbus-1/system.d/org.mfad1.conf"),
            ),
            fault(
                "bus-policy-changed:org.mfad1.conf",
                "sed -i 's/<deny own=/<allow own=/' /usr/share/dbus-1/system.d/org.mfad1.conf",
                POLICY,
                "",
                By("cp -p /root/policy /usr/share/dbus-1/system.d/org.mfad1.conf"),
            ),
            fault(
                "bus-policy-changed:more.conf",
                "mkdir -p /etc/dbus-1/system.d; echo '<busconfig><policy user=\"alice\"><allow send_destination=\"org.mfad1\"/></policy></busconfig>' >/etc/dbus-1/system.d/more.conf",
                "/etc/dbus-1/system.d/more.conf",
                "",
                By("rm /etc/dbus-1/system.d/more.conf"),
            ),
            Fault {
                name: "mfad-silent:mfad",
                plant: "rm /usr/share/dbus-1/system-services/org.mfad1.service
                    dbus-send --system --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
                      org.freedesktop.DBus.ReloadConfig >/dev/null
                    pkill -KILL -x mfad; while pgrep -x mfad >/dev/null; do :; done",
                file: None,
                line: "",
                mended: By("cp -p /root/org.mfad1.service /usr/share/dbus-1/system-services/
                    dbus-send --system --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
                      org.freedesktop.DBus.ReloadConfig >/dev/null"),
            },
        ],
    );
}

#[test]
fn doctor_finds_and_mends_what_is_wrong_with_the_module_and_the_host() {
    let machine = set_up_right(Suite::Usual);
    // The module of the tests is bound in from outside: a file of the machine's own takes its place.
    let module = machine.shell("echo /usr/lib/*-linux-gnu/security/pam_mfa.so").trim().to_owned();
    machine.shell(&format!(
        "cp {module} /root/pam_mfa.so; umount {module}; install -m 0644 /root/pam_mfa.so {module}"
    ));
    let module: &'static str = module.leak();
    each_is_found_and_mended(&machine, &[
        fault("module-writable:pam_mfa.so", "chmod 0666 /usr/lib/*-linux-gnu/security/pam_mfa.so", module, "", ByDoctor),
        fault(
            "module-missing:pam_mfa",
            "rm /usr/lib/*-linux-gnu/security/pam_mfa.so",
            module,
            "",
            By("install -m 0644 /root/pam_mfa.so $(echo /usr/lib/*-linux-gnu/security)/pam_mfa.so"),
        ),
        // In memory: what this machine of the tests is in, too, but for all that it sees of it.
        fault(
            "store-file-system:tmpfs",
            "mkdir /root/store; cp -a /var/lib/mfad/. /root/store/; mount -t tmpfs -o mode=700 none /var/lib/mfad
             cp -a /root/store/. /var/lib/mfad/; chown mfad: /var/lib/mfad",
            "/var/lib/mfad",
            "",
            By("umount -l /var/lib/mfad"),
        ),
        fault(
            "disk-low:disk",
            "mount -t tmpfs -o mode=700,size=30m none /var/lib/mfad; cp -a /root/store/. /var/lib/mfad/; chown mfad: /var/lib/mfad",
            "/var/lib/mfad",
            "",
            By("umount -l /var/lib/mfad"),
        ),
        fault(
            "host-cloned:00000000000000000000000000000001",
            "chmod u+w /etc/machine-id; echo 00000000000000000000000000000001 >/etc/machine-id",
            "/var/lib/mfad/machine-id",
            "",
            ByDoctor,
        ),
        Fault {
            name: "clock-unsynchronised:clock",
            plant: "rm /run/systemd/timesync/synchronized",
            file: None,
            line: "",
            mended: By("touch /run/systemd/timesync/synchronized"),
        },
        fault(
            "lsm-denies:selinux",
            "mkdir -p /var/log/audit; printf 'type=AVC msg=audit(%d.123:9): avc:  denied  { connectto } for  pid=7 comm=\"sshd\" \
             path=\"/run/mfad/pam.sock\" scontext=system_u:system_r:sshd_t:s0 tclass=unix_stream_socket permissive=0\\n' \
             $(date +%s) >/var/log/audit/audit.log",
            "/var/log/audit/audit.log",
            "avc:  denied",
            By("sed -i 's/audit([0-9]*/audit(1/' /var/log/audit/audit.log"), // what was before the boot is over
        ),
    ]);
}

#[test]
fn doctor_finds_and_mends_what_was_changed_of_the_unit() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let machine = people(suite).boot();
        set_up(&machine, suite);
        each_is_found_and_mended(
            &machine,
            &[
                fault(
                    "unit-changed:mfad.service",
                    "mkdir -p /etc/systemd/system/mfad.service.d
                 printf '[Service]\\nPrivateNetwork=no\\n' >/etc/systemd/system/mfad.service.d/net.conf
                 systemctl daemon-reload",
                    "/etc/systemd/system/mfad.service.d/net.conf",
                    "",
                    ByDoctor,
                ),
                fault(
                    "unit-changed:mfad.service",
                    "sed 's/^NoNewPrivileges=.*/NoNewPrivileges=no/' /usr/lib/systemd/system/mfad.service \
                   >/etc/systemd/system/mfad.service; systemctl daemon-reload",
                    "/etc/systemd/system/mfad.service",
                    "",
                    ByDoctor,
                ),
                Fault {
                    name: "unit-disabled:mfad.socket",
                    plant: "systemctl --quiet disable mfad.socket",
                    file: None,
                    line: "",
                    mended: ByDoctor,
                },
            ],
        );
        let code = machine.token("alice").fresh_code();
        let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
    }
}

/// A source of names that reads its users from a file, as far as it may.
const SOURCE: &str = r#"
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
enum nss_status _nss_elsewhere_getpwnam_r(const char *name, struct passwd *found, char *room, size_t size, int *error)
{
    FILE *file = fopen("/etc/elsewhere", "re");
    struct passwd *one = NULL;
    *error = 0;
    if (!file)
        return NSS_STATUS_NOTFOUND;
    while (fgetpwent_r(file, found, room, size, &one) == 0 && strcmp(one->pw_name, name) != 0)
        one = NULL;
    fclose(file);
    return one ? NSS_STATUS_SUCCESS : NSS_STATUS_NOTFOUND;
}
"#;

#[test]
fn doctor_finds_people_who_are_not_looked_after() {
    let machine = set_up_right(Suite::Usual);
    // Dave is of a directory that root sees.
    let library = machine.shell("dirname /usr/lib/*/security").trim().to_owned() + "/libnss_elsewhere.so.2";
    machine.write("/root/source.c", 0o644, SOURCE);
    let mut compile = Command::new("gcc");
    compile.args(["-shared", "-fPIC", "-o"]).arg(machine.path(library)).arg(machine.path("/root/source.c"));
    assert!(compile.status().expect("gcc is needed").success());
    machine.write("/etc/elsewhere", 0o644, "dave:x:5000:5000::/home/dave:/bin/bash\n");
    machine.shell(
        "sed -i 's/^passwd:.*/passwd: files elsewhere/' /etc/nsswitch.conf; sed -i 's/^sudo:.*/&dave/' /etc/group
         pkill -TERM -x mfad; while pgrep -x mfad >/dev/null; do :; done",
    );
    found(&machine, &[]);

    machine
        .shell("chmod 0600 /etc/elsewhere; pkill -TERM -x mfad; while pgrep -x mfad >/dev/null; do :; done");
    found(&machine, &["name-unseen:dave"]);
    machine
        .shell("chmod 0644 /etc/elsewhere; pkill -TERM -x mfad; while pgrep -x mfad >/dev/null; do :; done");
    found(&machine, &[]);

    machine.shell("useradd --create-home --shell /bin/bash carol");
    found(&machine, &["without-factor:carol"]);
    let mode = |words: &str| {
        let script = format!("s/^mode = .*/mode = {words}/; /^grace = /d");
        machine.exec(&["sed", "-i", &script, "/etc/mfad/mfad.toml"]).stdout_of_success();
        machine.mfad().restart();
    };
    mode("\"required\"\\ngrace = \"12h\"");
    found(&machine, &["without-factor:carol", "grace-ends:grace"]);
    mode("\"required\"\\ngrace = \"30d\"");
    found(&machine, &["without-factor:carol"]);
    mode("\"optional\"");
    machine.enrol("carol", &Totp::sha1());
    found(&machine, &[]);

    let seed = "3132333435363738393031323334353637383930";
    machine.shell("useradd --create-home --shell /bin/bash bob");
    machine.write("/etc/users.oath", 0o600, format!("HOTP bob - {seed}\n"));
    machine.mfactl("root", "import oath bob --reason test --break-glass test").stdout_of_success();
    found(&machine, &["single-factor:bob"]);
    let code = machine.shell(&format!("oathtool --hotp {seed}"));
    machine.mfactl_with("bob", "codes renew --json", code.trim()).stdout_of_success();
    found(&machine, &[]);

    machine.shell("userdel bob");
    found(&machine, &["account-gone:bob"]);
    machine.administer("user remove bob");
    found(&machine, &[]);
}

/// Doctor finds this and nothing else.
fn found(machine: &Machine, expected: &[&str]) {
    let said = doctor(machine);
    assert_eq!(names(&said), expected, "{said:#}");
}

#[test]
fn what_is_ignored_is_kept_with_its_reason_and_counts_no_more() {
    let machine = set_up_right(Suite::Usual);
    machine
        .shell("echo 'alice ALL=(ALL) NOPASSWD: /bin/true' >/etc/sudoers.d/x; chmod 0440 /etc/sudoers.d/x");
    machine.shell("chmod 0666 /etc/pam.d/sshd");
    let ends = |code: i32| {
        let ran = machine.mfactl("root", "doctor").assert_exit(code);
        ran.stdout.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(ends(2), "MFAD CRITICAL - 1 critical, 1 warning");
    machine.shell("mfactl doctor --ignore pam-file-writable --reason 'a test'");
    assert_eq!(ends(1), "MFAD WARNING - 1 warning, 1 ignored");
    machine.shell("mfactl doctor --ignore sudoers-nopasswd:alice --reason 'runs from a timer'");
    assert_eq!(ends(0), "MFAD OK - 2 ignored");
    let said = machine.mfactl("root", "doctor").stdout;
    assert!(said.contains("ignored   sudoers-nopasswd:alice: runs from a timer\n"), "{said}");
    assert_eq!(doctor(&machine)["findings"][0]["ignored"], "a test");

    // Whoever could write it could hide what was done.
    machine.shell("chmod 0666 /etc/mfad/doctor.toml");
    assert_eq!(ends(2), "MFAD CRITICAL - 1 critical, 1 warning, 1 could not be looked at");
    machine.shell("chmod 0644 /etc/mfad/doctor.toml");
    machine.shell("mfactl doctor --unignore sudoers-nopasswd:alice");
    assert_eq!(ends(1), "MFAD WARNING - 1 warning, 1 ignored");
    for (line, code) in
        [("--unignore use-dns", 2), ("--ignore no-such-thing --reason x", 2), ("--ignore use-dns", 2)]
    {
        let _ = machine.mfactl("root", &format!("doctor {line}")).assert_exit(code);
    }
    let _ = machine.mfactl("alice", "doctor --ignore use-dns --reason x").assert_exit(4);
}

#[test]
fn each_finding_of_doctor_has_a_scenario_that_plants_it() {
    let machine = Machine::new().start();
    let listed = machine.mfactl("root", "doctor --list").assert_exit(0).stdout;
    let ids: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert!(ids.len() >= 25, "{listed}");
    for id in ids {
        assert!(include_str!("doctor.rs").contains(&format!("\"{id}:")), "nothing plants {id}");
    }
}

#[test]
fn what_doctor_cannot_look_at_is_no_health() {
    let machine = set_up_right(Suite::Usual);
    let ran = machine.mfactl("alice", "doctor").assert_exit(3);
    assert!(ran.stdout.starts_with("MFAD UNKNOWN - "), "{ran}");
    // A program that it would ask is not there, or does not answer.
    machine.shell("mv /usr/sbin/sshd /root/sshd; printf '#!/bin/sh\nexit 1\n' >/usr/sbin/sshd; chmod 755 /usr/sbin/sshd");
    found(&machine, &["cannot-look:sshd"]);
    let _ = machine.mfactl("root", "doctor").assert_exit(3);
    machine.shell("mv /root/sshd /usr/sbin/sshd; cp /etc/machine-id /root/; rm /etc/machine-id");
    found(&machine, &["cannot-look:machine-id"]);
    machine.shell("cp /root/machine-id /etc/machine-id; echo 'sudoers: files sss' >>/etc/nsswitch.conf");
    found(&machine, &["cannot-look:sudoers-directory"]);
    machine.shell("sed -i -e '/^sudoers:/d' -e 's/^passwd:.*/passwd: files sss/' /etc/nsswitch.conf");
    found(&machine, &["cannot-look:names"]);
}
