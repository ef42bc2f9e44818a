//! The packages, in clean machines of both releases of Debian: installed, upgraded, downgraded, removed, purged.

use std::thread;
use std::time::Duration;

use mfa_tests::package::{Version, deb};
use mfa_tests::{Booted, Inside, Machine, Suite, Totp, User, wait};

/// Where an administrator writes.
const SETTINGS: &str = "/etc/mfad/mfad.toml";

/// Does it on both releases of Debian, side by side: most of it is waiting.
fn on_both(story: impl Fn(Suite) + Sync) {
    thread::scope(|scope| {
        for suite in [Suite::Bookworm, Suite::Trixie] {
            let story = &story;
            scope.spawn(move || story(suite));
        }
    });
}

/// Alice's machine as Debian ships it, with nothing of mfad.
fn clean(suite: Suite) -> Booted {
    let machine = Machine::bare().user(User::named("alice").password("pw")).suite(suite).boot();
    machine.shell("userdel mfad"); // the other machines' image has it
    machine
}

/// The same with the package installed.
fn installed(suite: Suite) -> Booted {
    let machine = clean(suite);
    machine.install(&deb(Version::This)).stdout_of_success();
    machine.wait_active("mfad.service");
    machine
}

/// The same with alice enrolled, and sshd asking for her code.
pub(crate) fn protected(suite: Suite) -> Booted {
    let machine = installed(suite);
    mfa_tests::clock::with_seconds_left(10);
    machine.enrol("alice", &Totp::sha1());
    protect_sshd(&machine);
    machine
}

/// Adds the lines by hand that the manual names, to what Debian ships.
fn protect_sshd(machine: &Inside) {
    machine.shell(
        "sed -i -e '/^@include common-auth/a auth required pam_mfa.so first_factor=requisite' \
                -e '/^@include common-account/i account required pam_mfa.so' /etc/pam.d/sshd",
    );
}

/// Takes them out again.
fn unprotect_sshd(machine: &Inside) {
    machine.shell("sed -i /pam_mfa.so/d /etc/pam.d/sshd");
}

pub(crate) fn main_pid(machine: &Inside) -> String {
    let pid = machine.unit("mfad.service", "MainPID");
    assert_ne!(pid, "0", "mfad runs");
    pid
}

#[test]
fn a_clean_machine_has_a_package_installed_and_logs_in_with_codes_once_the_lines_are_there() {
    on_both(|suite| {
        let machine = clean(suite);
        let before = machine.hashes("/etc/pam.d /etc/ssh /etc/nsswitch.conf");
        assert!(before.len() > 10, "{before:?}");

        machine.install(&deb(Version::This)).stdout_of_success();

        assert_eq!(
            machine.hashes("/etc/pam.d /etc/ssh /etc/nsswitch.conf"),
            before,
            "nothing of PAM is touched"
        );
        machine.wait_active("mfad.socket");
        machine.wait_active("mfad.service");
        let modes = machine.shell(
            "stat -c '%n %a %U' /var/lib/mfad /var/lib/mfad/mfad.db /run/mfad /run/mfad/pam.sock /etc/mfad \
             /etc/mfad/mfad.toml; stat -c '%a %U' /etc/mfad/key /etc/credstore.encrypted/mfad.key 2>/dev/null || true",
        );
        assert_eq!(
            modes.lines().take(6).collect::<Vec<_>>(),
            [
                "/var/lib/mfad 700 mfad",
                "/var/lib/mfad/mfad.db 600 mfad",
                "/run/mfad 755 mfad",
                "/run/mfad/pam.sock 600 root",
                "/etc/mfad 755 root",
                "/etc/mfad/mfad.toml 644 root",
            ]
        );
        let key = modes.lines().nth(6).expect("there is a key");
        assert!(["400 mfad", "600 root"].contains(&key), "{modes}");
        assert_eq!(
            machine.dpkg(&["--verify", "mfad"]).stdout_of_success(),
            "",
            "all files are as they were packed"
        );
        let outcome = machine.ssh("alice").password("pw").assert_granted();
        assert_eq!(outcome.prompts().len(), 1, "{outcome}");

        mfa_tests::clock::with_seconds_left(10);
        let token = machine.enrol("alice", &Totp::sha1());
        protect_sshd(&machine);
        let outcome = machine.ssh("alice").password("pw").code(&token.code()).assert_granted();
        assert_eq!(outcome.prompts().len(), 2, "{outcome}");
        let _ = machine.ssh("alice").password("pw").code(&token.code()).assert_refused();
    });
}

/// The addresses that fail2ban's filter finds in these lines, by the one set of its expressions or the other.
fn guessers(machine: &Inside, lines: &str, of: &str) -> Vec<String> {
    machine.write("/root/lines", 0o600, lines);
    let filter = format!("mfad[of={of}]");
    let found = machine.exec(&["fail2ban-regex", "-o", "ip", "/root/lines", &filter]).stdout_of_success();
    found.lines().map(str::to_owned).collect()
}

#[test]
fn fail2ban_finds_who_guesses_and_nobody_else() {
    on_both(|suite| {
        let machine = protected(suite);
        let token = machine.token("alice");
        let (wrong, right) = (token.wrong_code(), token.code());
        let _ = machine.ssh("alice").password("pw").code(&wrong).assert_refused(); // hangs up before it is told
        let thrice = machine.ssh("alice").password("pw").code(&wrong).code("my password").code(&wrong);
        let _ = thrice.assert_refused();
        let _ = machine.ssh("alice").password("pw").code(&right).assert_granted();
        let again = machine.ssh("alice").password("pw").code(&right).code(&right).code(&right);
        let _ = again.assert_refused(); // spent: an honest slip
        machine.shell("journalctl --sync");
        let lines = machine.shell("journalctl --quiet -o short");

        let guesses = guessers(&machine, &lines, "daemon");
        assert_eq!(guesses, ["127.0.0.1"; 4], "each guess: {lines}");
        assert_eq!(
            guessers(&machine, &lines, "module"),
            ["127.0.0.1"],
            "each login that was not given up: {lines}"
        );

        // A name that would have somebody else banned.
        let name = r#""x\" service=\"sshd\" door=\"address 198.51.100.9\" reason=wrong_code \"""#;
        let forged = format!(
            "Nov 25 12:00:00 host mfad[9]: refused user={name} service=\"sshd\" door=\"address 2001:db8:1:2::/64\" \
             reason=unknown_user seq=1\n"
        );
        assert_eq!(guessers(&machine, &forged, "daemon"), ["2001:db8:1:2::/64"]);
        let forged = "Nov 25 12:00:00 host sshd[9]: pam_mfa(sshd:auth): authentication failure; rhost=192.0.2.7 \
                      user=\"x\\\" reason=y rhost=198.51.100.9 user=z\" reason=unknown_user try=1/3\n";
        assert_eq!(guessers(&machine, forged, "module"), ["192.0.2.7"]);
    });
}

#[test]
fn an_upgrade_keeps_what_was_and_answers_a_login_that_was_open() {
    on_both(|suite| {
        let machine = protected(suite);
        let token = machine.token("alice");
        let spent = token.code();
        let _ = machine.ssh("alice").password("pw").code(&spent).assert_granted();
        // A setting by the name that it had before.
        let settings = "[policy]\nmode = \"required\"\naccount_enforce = [\"sshd\"]\n";
        machine.write(SETTINGS, 0o644, settings);
        let old = main_pid(&machine);

        let inside = machine.inside().clone();
        let (done, upgraded) = std::sync::mpsc::channel();
        let code = token.code_at(1);
        let attempt = machine.ssh("alice").password("pw").code(&code).code(&code).before_code(move || {
            let _ = done.send(inside.install(&deb(Version::Later)));
        });
        let outcome = attempt.patience(Duration::from_secs(60)).assert_granted();

        let said = upgraded.recv().expect("it was upgraded");
        assert!(said.status.success(), "{said}");
        assert!(said.stderr.contains("policy.enforce_account now"), "the old name is warned of: {said}");
        assert_ne!(main_pid(&machine), old, "the new one serves");
        assert_eq!(machine.read(SETTINGS), settings, "the settings are the administrator's");
        assert!(outcome.prompts().len() <= 3, "at most asked once more: {outcome}");
        let _ = machine.ssh("alice").password("pw").code(&spent).assert_refused();
        machine.audit().assert_last("spent_code", "alice", "sshd");
        machine.log().wait_for("policy.account_enforce: is called policy.enforce_account now");
    });
}

#[test]
fn a_downgrade_by_a_release_reads_the_store_and_revives_no_code() {
    on_both(|suite| {
        let machine = protected(suite);
        machine.install(&deb(Version::Later)).stdout_of_success();
        let token = machine.token("alice");
        let spent = token.code();
        let _ = machine.ssh("alice").password("pw").code(&spent).assert_granted();
        // What the later one would have done to the store, had it a schema of its own.
        machine.systemctl("stop mfad.service").stdout_of_success();
        machine.shell(
            "sqlite3 /var/lib/mfad/mfad.db \"ALTER TABLE account ADD COLUMN colour TEXT; PRAGMA user_version = 3;
             SELECT CAST(value AS TEXT) FROM meta WHERE key = 'readable_by'\" | grep -x 1",
        );

        machine.install(&deb(Version::This)).stdout_of_success();

        machine.wait_active("mfad.service");
        let _ = machine.ssh("alice").password("pw").code(&spent).assert_refused();
        machine.audit().assert_last("spent_code", "alice", "sshd");
        let _ = machine.ssh("alice").password("pw").code(&token.code_at(1)).assert_granted();
        machine.exec(&["mfactl", "audit", "verify"]).stdout_of_success();
    });
}

/// Breaks something by a script, expects the upgrade to fail with these words and the old mfad to serve on, mends it,
/// and expects the upgrade to come to its end.
fn is_not_upgraded(suite: Suite, breaking: &str, words: &[&str], mending: &str) {
    let machine = protected(suite);
    let token = machine.token("alice");
    machine.shell(breaking);
    let old = main_pid(&machine);

    let said = machine.install(&deb(Version::Later)).assert_exit(1);

    for word in words.iter().chain(&["goes on serving", "dpkg --configure mfad"]) {
        assert!(said.stderr.contains(word), "{word} is not in\n{said}");
    }
    assert_eq!(machine.package_state("mfad"), "half-configured");
    assert_eq!(main_pid(&machine), old);
    let _ = machine.ssh("alice").password("pw").code(&token.code()).assert_granted();

    machine.shell(mending);
    machine.dpkg(&["--configure", "mfad"]).stdout_of_success();
    assert_eq!(machine.package_state("mfad"), "installed");
    assert_ne!(main_pid(&machine), old);
    machine.wait_active("mfad.service");
    let _ = machine.ssh("alice").password("pw").code(&token.code_at(1)).assert_granted();
}

#[test]
fn broken_settings_leave_the_old_mfad_running_until_they_are_mended() {
    on_both(|suite| {
        let breaking = "cp /etc/mfad/mfad.toml /root/; echo 'mood = 1' >>/etc/mfad/mfad.toml";
        is_not_upgraded(suite, breaking, &[SETTINGS, "mood"], "cp /root/mfad.toml /etc/mfad/");
    });
}

#[test]
fn a_store_that_the_new_mfad_does_not_know_leaves_the_old_one_running() {
    let set = |version: u32, readable_by: u32| {
        format!(
            "sqlite3 /var/lib/mfad/mfad.db \"PRAGMA user_version = {version};
             UPDATE meta SET value = CAST('{readable_by}' AS BLOB) WHERE key = 'readable_by'\""
        )
    };
    is_not_upgraded(Suite::Usual, &set(99, 98), &["schema 99 is newer"], &set(2, 1));
}

#[test]
fn a_key_that_does_not_open_the_store_leaves_the_old_mfad_running() {
    let swap = "for key in /etc/mfad/key /etc/credstore.encrypted/mfad.key; do test ! -e $key || mv $key /root/; done
                head -c 32 /dev/urandom >/root/other; install -o mfad -g mfad -m 400 /root/other /etc/mfad/key";
    let back = "rm /etc/mfad/key
                test ! -e /root/key || mv /root/key /etc/mfad/
                test ! -e /root/mfad.key || mv /root/mfad.key /etc/credstore.encrypted/";
    is_not_upgraded(Suite::Usual, swap, &["another key"], back);
}

#[test]
fn a_package_is_not_removed_while_pam_names_its_module() {
    on_both(|suite| {
        let machine = protected(suite);
        machine.write(
            "/etc/pam.d/commented",
            0o644,
            "# auth required pam_mfa.so\nauth required pam_deny.so # pam_mfa.so\n",
        );
        machine.write("/etc/pam.d/sshd.dpkg-old", 0o644, "auth required pam_mfa.so\n");
        machine.write("/etc/pam.d/continued", 0o644, "auth \\\n  required \\\n  pam_mfa.so prompt=x\n");
        machine.write("/usr/lib/pam.d/vendor", 0o644, "auth required /lib/security/pam_mfa.so\n");
        machine.write(
            "/etc/pam.conf",
            0o644,
            "other auth required pam_deny.so\ndoor auth required pam_mfa.so\n",
        );

        let said = machine.dpkg(&["--remove", "mfad"]).assert_exit(1);

        let lines = machine.shell("grep -n pam_mfa.so /etc/pam.d/sshd");
        let mut named: Vec<String> =
            lines.lines().map(|line| format!("/etc/pam.d/sshd:{}", line.replacen(':', ": ", 1))).collect();
        named.insert(0, "/etc/pam.d/continued:3:   pam_mfa.so prompt=x".into());
        named.insert(0, "/etc/pam.conf:2: door auth required pam_mfa.so".into());
        named.push("/usr/lib/pam.d/vendor:1: auth required /lib/security/pam_mfa.so".into());
        let told: Vec<&str> = said.stderr.lines().filter(|line| line.contains("pam_mfa.so")).collect();
        assert_eq!(told, named, "{said}");
        assert!(said.stderr.contains("mfactl pam remove --all"), "{said}");
        assert_eq!(machine.package_state("mfad"), "installed");
        machine.wait_active("mfad.service");
        let code = machine.token("alice").code();
        let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();

        // Who cannot look finds nothing: that is no reason to remove it.
        for tool in ["find", "awk", "sort"] {
            machine.write(format!("/root/without/{tool}"), 0o755, "#!/bin/sh\nexit 127\n");
            let without = "PATH=/root/without:/usr/sbin:/usr/bin:/sbin:/bin";
            let said = machine.exec(&["env", without, "dpkg", "--remove", "mfad"]).assert_exit(1);
            assert!(said.stderr.contains("whether PAM names its module cannot be told"), "{tool}: {said}");
            assert_eq!(machine.package_state("mfad"), "installed", "{tool}");
            machine.shell(&format!("rm /root/without/{tool}"));
        }

        // What only an administrator's own hand can have put there is taken out by hand.
        machine.shell("rm /etc/pam.d/continued /usr/lib/pam.d/vendor /etc/pam.conf");
        machine.exec(&["mfactl", "pam", "remove", "--all"]).stdout_of_success();
        machine.dpkg(&["--remove", "mfad"]).stdout_of_success();
        let _ = machine.ssh("alice").password("pw").assert_granted();

        // Who takes all that was left away, and installs it again, begins anew.
        machine.shell("rm -r /var/lib/mfad /etc/mfad; rm -f /etc/credstore.encrypted/mfad.key");
        assert_eq!(machine.package_state("mfad"), "config-files");
        machine.install(&deb(Version::This)).stdout_of_success();
        machine.wait_active("mfad.service");
        assert_eq!(machine.factor_labels("alice").len(), 0);
    });
}

#[test]
fn what_was_removed_is_found_again_and_purging_keeps_it_unless_somebody_says_otherwise() {
    on_both(|suite| {
        let machine = protected(suite);
        let token = machine.token("alice");
        let spent = token.code();
        let _ = machine.ssh("alice").password("pw").code(&spent).assert_granted();
        unprotect_sshd(&machine);

        machine.dpkg(&["--remove", "mfad"]).stdout_of_success();
        assert_eq!(machine.package_state("mfad"), "config-files");
        assert!(!machine.exists("/usr/sbin/mfad") && machine.exists(SETTINGS));
        wait::for_condition("mfad is gone", Duration::from_secs(10), || machine.processes("mfad").is_empty());
        assert!(!machine.exists("/run/mfad/pam.sock"), "nothing listens");
        let _ = machine.ssh("alice").password("pw").assert_granted();

        machine.install(&deb(Version::This)).stdout_of_success();
        machine.wait_active("mfad.socket");
        assert_eq!(machine.factor_labels("alice").len(), 1);

        machine.dpkg(&["--purge", "mfad"]).stdout_of_success();
        assert_eq!(machine.package_state("mfad"), "");
        assert!(!machine.exists(SETTINGS));
        assert!(machine.exists("/var/lib/mfad/mfad.db"), "nobody said that it was to go");

        machine.install(&deb(Version::This)).stdout_of_success();
        protect_sshd(&machine);
        let _ = machine.ssh("alice").password("pw").code(&spent).assert_refused();
        let _ = machine.ssh("alice").password("pw").code(&token.code_at(1)).assert_granted();
        unprotect_sshd(&machine);

        // What is typed before the question is there is no answer.
        let asked = machine.shell(
            "touch /root/shown
             ( until grep -q 'yes/no' /root/shown; do sleep 0.05; done; echo yes
               while [ -n \"$(dpkg-query -W mfad 2>/dev/null)\" ]; do sleep 0.05; done ) |
               script -q -e -f -c 'DEBIAN_FRONTEND=readline dpkg --purge mfad' /root/shown",
        );
        assert!(asked.contains("Delete every user's second factor?"), "{asked}");
        let left = machine.shell(
            "find / -xdev -path /proc -prune -o -path /sys -prune -o -path /root -prune -o -name '*mfad*' -print",
        );
        let own = |line: &&str| {
            !line.starts_with("/run/systemd") && !line.contains("/var/cache") && !line.contains("/tmp/")
        };
        assert_eq!(left.lines().filter(own).collect::<Vec<_>>(), Vec::<&str>::new());
        assert_eq!(machine.systemctl("is-system-running").stdout.trim(), "running");
    });
}

#[test]
fn a_host_without_systemd_has_its_mfad_started_by_the_bus_and_replaced_by_an_upgrade() {
    let machine = Machine::bare().user(User::named("alice").password("pw")).start();
    machine.shell("userdel mfad");
    machine.bus().start();
    machine.install(&deb(Version::This)).stdout_of_success();
    mfa_tests::clock::with_seconds_left(10);
    let token = machine.enrol("alice", &Totp::sha1());
    protect_sshd(&machine);
    // As Debian has it, sshd's settings apart: the fixture's say that PAM converses.
    let _ = machine.ssh("alice").password("pw").code(&token.code()).assert_granted();
    let old = machine.mfad().pid().expect("it runs");

    machine.install(&deb(Version::Later)).stdout_of_success();

    assert_ne!(machine.mfad().pid(), Some(old));
    let _ = machine.ssh("alice").password("pw").code(&token.code_at(1)).assert_granted();
    let said = machine.dpkg(&["--remove", "mfad"]).assert_exit(1);
    assert!(said.stderr.contains("/etc/pam.d/sshd:"), "{said}");
    unprotect_sshd(&machine);
    machine.dpkg(&["--remove", "mfad"]).stdout_of_success();
    assert_eq!(machine.mfad().pid(), None);
}

#[test]
fn a_check_of_the_store_by_root_opens_nothing_as_root() {
    let machine = installed(Suite::Usual);
    let said = machine.exec(&["mfad", "--check", "--store"]).stdout_of_success();
    assert!(said.contains("in order, and the key opens it"), "{said}");
    let trace = "strace -f -o /root/trace -e trace=setresuid,openat mfad --check --store";
    machine.shell(trace);
    let trace = machine.read("/root/trace");
    let (as_root, afterwards) = trace.split_once("setresuid(").expect("root is given up");
    assert!(!as_root.contains("mfad.db") && afterwards.contains("mfad.db"), "{trace}");
    let owners = machine.shell("stat -c '%U %a' /var/lib/mfad/mfad.db*");
    assert!(owners.lines().all(|line| line == "mfad 600"), "{owners}");
    // The daemon's user alone may look as well; anybody else may not.
    machine.systemctl("stop mfad.service").stdout_of_success();
    machine.shell("mfad --check --store; ls -l /var/lib/mfad; systemctl start mfad.service");
    let _ = machine.exec_as("alice", &["mfad", "--check", "--store"]).assert_exit(1);
}
