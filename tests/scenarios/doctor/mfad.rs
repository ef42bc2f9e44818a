//! What the daemon stands on.

use mfa_tests::package::{Version, deb};
use mfa_tests::{Machine, Suite, User};

use super::{
    By, ByDoctor, Fault, RIGHT, each_is_found_and_mended, fault, found, people, set_up, set_up_right,
};

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
            // Another process of that name and user, as of a container: no command here may end it.
            fault("store-modes:mfad", "cp /usr/bin/sleep /tmp/mfad; chmod 755 /tmp/mfad
             setpriv --reuid mfad --clear-groups /tmp/mfad 600 >/dev/null 2>&1 & echo $! >/root/another; chmod 0755 /var/lib/mfad", "/var/lib/mfad", "", ByDoctor),
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
                By("rm /etc/dbus-1/system.d/more.conf; kill $(cat /root/another)"),
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

#[test]
fn doctor_finds_nothing_amiss_with_what_the_package_put_in_place() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let machine = Machine::bare().user(User::named("alice").password("pw")).suite(suite).boot();
        machine.shell("userdel mfad"); // the image has it for the other machines
        machine.install(&deb(Version::This)).stdout_of_success();
        machine.wait_active("mfad.service");
        machine.shell(RIGHT);
        machine.shell("cp -a /usr/share/pam-as-shipped/. /etc/pam.d/");
        found(&machine, &["nothing-asks:pam", "without-factor:alice"]);
    }
}
