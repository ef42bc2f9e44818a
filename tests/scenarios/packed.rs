//! What is in the packages, and the one of RPM systems at work: its scripts under a real rpm and a real systemd.

use std::collections::BTreeSet;
use std::process::Command;

use mfa_tests::package::{Version, deb, rpm};
use mfa_tests::{Booted, Machine, Totp, User};

use crate::packages::main_pid;

/// Where the module is on RPM systems; Debian's libpam finds it by its path only.
const MODULE: &str = "/usr/lib64/security/pam_mfa.so";

/// What both kinds of package hold, whatever else.
const FILES: [&str; 23] = [
    "/usr/sbin/mfad",
    "/usr/bin/mfactl",
    "/usr/lib/mfad/steps",
    "/usr/lib/systemd/system/mfad.service",
    "/usr/lib/systemd/system/mfad.socket",
    "/usr/lib/systemd/catalog/mfad.catalog",
    "/usr/lib/sysusers.d/mfad.conf",
    "/usr/lib/tmpfiles.d/mfad.conf",
    "/usr/share/dbus-1/system.d/org.mfad1.conf",
    "/usr/share/dbus-1/system-services/org.mfad1.service",
    "/etc/fail2ban/filter.d/mfad.conf",
    "/usr/share/mfad/mfad.toml",
    "/usr/share/mfad/schema/status.json",
    "/usr/share/man/man1/mfactl.1.gz",
    "/usr/share/man/man1/mfactl-enroll.1.gz",
    "/usr/share/man/man5/mfad.toml.5.gz",
    "/usr/share/man/man8/mfad.8.gz",
    "/usr/share/man/man8/pam_mfa.8.gz",
    "/usr/share/bash-completion/completions/mfactl",
    "/usr/share/fish/vendor_completions.d/mfactl.fish",
    "/usr/share/doc/mfad/README.md",
    "/usr/share/doc/mfad/sbom/mfad.cdx.json",
    "/usr/share/doc/mfad/sbom/pam_mfa.cdx.json",
];

fn assert_holds(listed: &BTreeSet<String>, more: &[&str]) {
    for file in FILES.iter().chain(more) {
        assert!(listed.contains(*file), "{file} is missing: {listed:#?}");
    }
    let in_etc: Vec<&String> = listed.iter().filter(|path| path.starts_with("/etc/")).collect();
    assert_eq!(in_etc, ["/etc/fail2ban/filter.d/mfad.conf"], "nothing else of the administrator's");
    let profile = listed.iter().find(|path| path.contains("pam-configs") || path.contains("pam.d"));
    assert_eq!(profile, None, "common-auth is not ours");
}

fn lines(command: &mut Command) -> BTreeSet<String> {
    let ran = command.output().expect("it starts");
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn the_package_of_debian_holds_what_it_should_and_nothing_of_pam_s() {
    let listed = lines(Command::new("dpkg-deb").arg("--contents").arg(deb(Version::This)));
    let path =
        |line: &String| line.split_whitespace().nth(5).expect("a path").trim_start_matches('.').to_owned();
    let plain: BTreeSet<String> = listed.iter().filter(|line| !line.starts_with('d')).map(path).collect();
    let module = format!("/usr/lib/{}-linux-gnu/security/pam_mfa.so", std::env::consts::ARCH);
    assert_holds(
        &plain,
        &[&module, "/usr/share/zsh/vendor-completions/_mfactl", "/usr/share/doc/mfad/copyright"],
    );
    for line in &listed {
        assert!(line.contains(" root/root ") || line.contains(" 0/0 "), "{line}");
        let runs = path(line).contains("bin/") || path(line).ends_with("/steps");
        let mode = &line[..10];
        assert!(mode.starts_with('d') || mode == if runs { "-rwxr-xr-x" } else { "-rw-r--r--" }, "{line}");
    }
}

// S38
#[test]
fn each_program_has_a_bill_of_all_that_it_is_made_of() {
    let machine = installed();
    for program in ["mfad", "mfactl", "pam_mfa"] {
        let bill = machine.read(format!("/usr/share/doc/mfad/sbom/{program}.cdx.json"));
        assert!(
            !bill.contains(env!("CARGO_MANIFEST_DIR").trim_end_matches("/tests")),
            "the builder's folders"
        );
        let bill: serde_json::Value = serde_json::from_str(&bill).expect("JSON");
        assert_eq!(
            (&bill["bomFormat"], &bill["metadata"]["component"]["name"]),
            (&"CycloneDX".into(), &program.into())
        );
        let word = |component: &serde_json::Value, field: &str| {
            component[field].as_str().unwrap_or_default().to_owned()
        };
        let components = bill["components"].as_array().expect("components");
        let listed: BTreeSet<String> = components
            .iter()
            .map(|part| format!("{} v{}", word(part, "name"), word(part, "version")))
            .collect();
        let tree =
            ["tree", "--locked", "--offline", "-p", program, "-e", "normal", "--prefix", "none", "-f", "{p}"];
        let made_of = lines(Command::new(env!("CARGO")).current_dir(env!("CARGO_MANIFEST_DIR")).args(tree));
        let name = |line: &String| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let made_of: BTreeSet<String> =
            made_of.iter().map(name).filter(|part| !part.starts_with(&format!("{program} "))).collect();
        assert!(made_of.len() > 20);
        assert_eq!(made_of.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "of {program}");
    }
}

fn installed() -> Booted {
    let machine = Machine::bare().user(User::named("alice").password("pw")).boot();
    machine.shell("userdel mfad"); // the other machines' image has it
    // As Fedora has it, and those that come of it: what no preset names is not enabled.
    machine.write("/usr/lib/systemd/system-preset/99-default-disable.preset", 0o644, "disable *\n");
    let package = machine.take_in(&rpm(Version::This));
    machine.exec(&["rpm", "--install", "--nodeps", &package]).stdout_of_success();
    machine
}

#[test]
fn the_package_of_rpm_systems_holds_what_it_should_and_needs_what_it_uses() {
    let machine = Machine::bare().start();
    let package = machine.take_in(&rpm(Version::This));
    let ask = |what: &str| -> BTreeSet<String> {
        let told = machine.exec(&["rpm", "--query", "--package", what, &package]).stdout_of_success();
        told.lines().map(|line| line.trim().to_owned()).collect()
    };
    assert_holds(
        &ask("--list"),
        &[
            MODULE,
            "/usr/lib/systemd/system-preset/90-mfad.preset",
            "/usr/share/zsh/site-functions/_mfactl",
            "/usr/share/licenses/mfad/LICENSE-MIT",
        ],
    );
    let needs = ask("--requires");
    for need in ["coreutils", "dbus", "findutils", "gawk", "pam", "shadow-utils", "/bin/sh"] {
        assert!(needs.contains(need), "{need}: {needs:?}");
    }
    assert!(needs.iter().any(|need| need.starts_with("libc.so.6")), "{needs:?}");
    let kept = ask("--configfiles");
    assert_eq!(kept.iter().collect::<Vec<_>>(), ["/etc/fail2ban/filter.d/mfad.conf"]);
}

#[test]
fn the_scripts_of_rpm_install_upgrade_and_refuse_as_those_of_debian_do() {
    let machine = installed();
    for unit in ["mfad.socket", "mfad.service", "mfad-pam-status.path", "mfad-pam-status.timer"] {
        machine.wait_active(unit);
        assert_eq!(machine.systemctl(&format!("is-enabled {unit}")).stdout.trim(), "enabled", "{unit}");
    }
    mfa_tests::clock::with_seconds_left(10);
    let token = machine.enrol("alice", &Totp::sha1());
    machine.shell(&format!(
        "sed -i -e '/^@include common-auth/a auth required {MODULE} first_factor=requisite' \
                -e '/^@include common-account/i account required {MODULE}' /etc/pam.d/sshd"
    ));
    let spent = token.code();
    let _ = machine.ssh("alice").password("pw").code(&spent).assert_granted();

    // What is gone of it comes back as doctor says, here as on a system of RPM's own.
    machine.shell(&format!("mv /usr/bin/apt-get /root/; rm {MODULE}"));
    let said: serde_json::Value =
        serde_json::from_str(&machine.exec(&["mfactl", "doctor", "--json"]).stdout).expect("JSON");
    let mut findings = said["findings"].as_array().expect("a list").iter();
    let missing = findings.find(|finding| finding["id"] == "module-missing").expect("it is found");
    let mend = missing["mend"].as_str().expect("a command").replace("rpm ", "rpm --nodeps ");
    machine.shell(&format!("cd /root; {mend}"));
    assert!(machine.exists(MODULE), "{mend}");

    let old = main_pid(&machine);
    let later = machine.take_in(&rpm(Version::Later));

    machine.shell("cp /etc/mfad/mfad.toml /root/; echo 'mood = 1' >>/etc/mfad/mfad.toml");
    let said = machine.exec(&["rpm", "--upgrade", "--nodeps", &later]);
    assert!(said.stderr.contains("mood") && said.stderr.contains("goes on serving"), "{said}");
    assert_eq!(main_pid(&machine), old);

    machine.shell("cp /root/mfad.toml /etc/mfad/");
    let again = ["rpm", "--upgrade", "--force", "--nodeps", &later];
    machine.exec(&again).stdout_of_success();
    assert_ne!(main_pid(&machine), old, "it was started again");
    machine.wait_active("mfad.service");
    let _ = machine.ssh("alice").password("pw").code(&spent).assert_refused();

    let said = machine.exec(&["rpm", "--erase", "mfad"]);
    assert!(!said.status.success() && said.stderr.contains("/etc/pam.d/sshd:"), "{said}");
    assert!(said.stderr.contains("mfactl pam remove --all") && machine.exists(MODULE), "{said}");
    let _ = machine.ssh("alice").password("pw").code(&token.code_at(1)).assert_granted();

    machine.shell("sed -i /pam_mfa.so/d /etc/pam.d/sshd");
    machine.exec(&["rpm", "--erase", "mfad"]).stdout_of_success();
    assert!(!machine.exists(MODULE) && machine.processes("mfad").is_empty());
    assert!(machine.exists("/var/lib/mfad/mfad.db") && machine.exists("/etc/mfad/mfad.toml"), "state stays");
    let _ = machine.ssh("alice").password("pw").assert_granted();
}
