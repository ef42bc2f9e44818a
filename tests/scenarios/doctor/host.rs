//! The module, and the host around it.

use mfa_tests::Suite;

use super::{By, ByDoctor, Fault, each_is_found_and_mended, fault, set_up_right};

#[test]
fn doctor_finds_and_mends_what_is_wrong_with_the_module_and_the_host() {
    let machine = set_up_right(Suite::Usual);
    // The module of the tests is bound in from outside: a file of the machine's own takes its place.
    let module = machine.shell("echo /usr/lib/*-linux-gnu/security/pam_mfa.so").trim().to_owned();
    machine.shell(&format!(
        "cp {module} /root/pam_mfa.so; umount {module}; install -m 0644 /root/pam_mfa.so {module}"
    ));
    // Anybody may write to these: `logger`.
    machine.shell(
        "printf '%s\\n' 'audit: type=1400 audit(9999999999.1:2): avc:  denied  { x } for comm=\"mfad\" permissive=0' \
         | tee /var/log/syslog >/var/log/kern.log",
    );
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
        // Over a network, as the kernel itself has it: sshfs, whose other end has gone.
        fault(
            "store-file-system:fuse.sshfs",
            "[ -c /dev/fuse ] || mknod /dev/fuse c 10 229
             mount -i -t fuse.sshfs -o fd=3,rootmode=40000,user_id=0,group_id=0 none /var/lib/mfad 3<>/dev/fuse",
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
            "/etc/mfad/machine-id",
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
        // A profile that keeps the daemon from what it needs, and one that keeps a host of PAM from its socket.
        fault(
            "lsm-denies:apparmor",
            "printf 'type=AVC msg=audit(%d.123:10): apparmor=\"DENIED\" operation=\"open\" class=\"file\" profile=\"/usr/sbin/mfad\" \
             name=\"/var/lib/mfad/mfad.db\" pid=7 comm=\"store\" requested_mask=\"rw\" denied_mask=\"rw\" fsuid=999 ouid=999\\n' \
             $(date +%s) >>/var/log/audit/audit.log",
            "/var/log/audit/audit.log",
            "profile=\"/usr/sbin/mfad\"",
            By("sed -i 's/audit([0-9]*/audit(1/' /var/log/audit/audit.log"),
        ),
        fault(
            "lsm-denies:apparmor",
            "printf 'type=AVC msg=audit(%d.123:11): apparmor=\"DENIED\" operation=\"connect\" class=\"file\" profile=\"/usr/sbin/cupsd\" \
             name=\"/run/mfad/pam.sock\" pid=7 comm=\"cupsd\" requested_mask=\"wr\" denied_mask=\"wr\" fsuid=0 ouid=999\\n' \
             $(date +%s) >>/var/log/audit/audit.log",
            "/var/log/audit/audit.log",
            "/run/mfad/pam.sock\" pid=7 comm=\"cupsd\"",
            By("sed -i 's/audit([0-9]*/audit(1/' /var/log/audit/audit.log"),
        ),
    ]);
}
