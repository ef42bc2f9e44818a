//! People who are not looked after.

use std::process::Command;

use mfa_tests::{Suite, Totp, clock};

use super::{By, ByDoctor, doctor, each_is_found_and_mended, fault, found, names, set_up_right};
use crate::name_services::add_source;

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
    // Root's own account is nobody else's: grace runs for carol, whatever root has.
    machine.enrol("root", &Totp::sha1());
    mode("\"required\"\\ngrace = \"12h\"");
    found(&machine, &["without-factor:carol", "grace-ends:grace"]);
    // Those who go first are asked, though the host looks on.
    mode("\"observe\"");
    found(&machine, &["mode-asks-nobody:observe", "without-factor:carol"]);
    machine.write("/etc/mfad/mfad.toml.d/50.toml", 0o644, "[group.sudo]\nmode = \"required\"\n");
    machine.mfad().restart();
    found(&machine, &["without-factor:carol"]);
    machine.shell("rm /etc/mfad/mfad.toml.d/50.toml");
    mode("\"optional\"");
    machine.enrol("carol", &Totp::sha1());
    found(&machine, &[]);

    let seed = "3132333435363738393031323334353637383930";
    machine.shell("useradd --create-home --shell /bin/bash bob");
    machine.write("/etc/users.oath", 0o600, format!("HOTP bob - {seed}\n"));
    machine.mfactl("root", "import oath bob --reason test --break-glass test").stdout_of_success();
    found(&machine, &["single-factor:bob"]);
    // Not by root in bob's name.
    let finding = &doctor(&machine)["findings"][0];
    assert_eq!(
        (&finding["mend"], &finding["mends"]),
        (&"ask bob to run: mfactl codes renew".into(), &false.into())
    );
    let code = machine.shell(&format!("oathtool --hotp {seed}"));
    machine.mfactl_with("bob", "codes renew --json", code.trim()).stdout_of_success();
    found(&machine, &[]);

    machine.shell("userdel bob");
    found(&machine, &["account-gone:bob"]);
    machine.administer("user remove bob");
    found(&machine, &[]);
}

// S25, S30
#[test]
fn doctor_finds_exemptions_whose_end_is_near_or_has_come_and_those_that_were_altered() {
    let machine = set_up_right(Suite::Usual);
    let in_days = |days: u64| mfa_proto::time::day(clock::now() + days * 86_400);
    let exempt = |until: String| {
        let text = format!("[[exempt]]\nuser = \"alice\"\nreason = \"CHG-118\"\nuntil = {until}\n");
        machine.write("/etc/mfad/mfad.toml.d/50.toml", 0o644, text);
        machine.mfad().restart();
    };
    exempt(in_days(30));
    found(&machine, &[]);
    exempt(in_days(13));
    found(&machine, &["exemption-ends:alice"]);
    let finding = &doctor(&machine)["findings"][0];
    let (file, line) = ("/etc/mfad/mfad.toml.d/50.toml", 1);
    assert_eq!((&finding["file"], &finding["line"]), (&file.into(), &line.into()), "{finding:#}");
    exempt(in_days(0));
    found(&machine, &["exemption-over:alice"]);
    machine.shell("rm /etc/mfad/mfad.toml.d/50.toml");
    machine.mfad().restart();
    machine.administer("exempt add alice --for 3d");
    found(&machine, &[]);
    machine.administer("exempt add alice --for 12h");
    found(&machine, &["exemption-ends:alice"]);
    let altered = "UPDATE meta SET value = zeroblob(length(value)) WHERE key = 'granted'";
    machine.exec(&["sqlite3", "-cmd", ".timeout 5000", "/var/lib/mfad/mfad.db", altered]).stdout_of_success();
    found(&machine, &["exemptions-altered:mfad"]);
    // A start ends them, and says so in the audit.
    machine.mfad().restart();
    found(&machine, &[]);
    // What else `mfad --check` warns of is a finding too.
    machine.write(
        "/etc/mfad/mfad.toml.d/50.toml",
        0o644,
        "[networks]\na = \"10.0.0.0/8\"\nb = \"10.1.0.0/16\"\n",
    );
    machine.mfad().restart();
    found(&machine, &["setting-doubtful:networks.b"]);
    machine.shell("rm /etc/mfad/mfad.toml.d/50.toml");
    machine.mfad().restart();
    found(&machine, &[]);
}

#[test]
fn doctor_finds_an_enrolled_security_key_that_needs_no_touch() {
    const KEYS: &str = "/home/alice/.ssh/authorized_keys";
    let machine = set_up_right(Suite::Usual);
    let (key, other) =
        (machine.security_key("yubikey", "ed25519-sk", ""), machine.security_key("other", "ecdsa-sk", ""));
    let challenge = machine.challenge("alice", "", &machine.token("alice").code());
    let confirm = format!("enroll confirm {} --signature -", challenge.enrolment());
    machine.mfactl_with("alice", &confirm, key.sign(&challenge).trim_end()).stdout_of_success();
    key.authorize("alice", "");
    // One that is no factor is sshd's affair alone.
    other.authorize("alice", "no-touch-required ");
    each_is_found_and_mended(
        &machine,
        &[
            // What it prints, nobody knows before it is asked for somebody's keys.
            fault(
                "key-touch-unasked:sshd",
                "sed -i '1i AuthorizedKeysCommand /usr/bin/true\\nAuthorizedKeysCommandUser nobody' /etc/ssh/sshd_config",
                "/etc/ssh/sshd_config",
                "",
                ByDoctor,
            ),
            fault(
                "key-without-touch:alice",
                "sed -i '/^PubkeyAuthOptions/d; /^AuthorizedKeysCommand/d' /etc/ssh/sshd_config
                 sed -i '1s/^/command=\"a, b\",no-touch-required /' /home/alice/.ssh/authorized_keys",
                KEYS,
                "command",
                By(
                    "sed -i -E '1s/,no-touch-required|no-touch-required,?//I' /home/alice/.ssh/authorized_keys",
                ),
            ),
            // Or sshd asks for it whatever stands there.
            fault(
                "key-without-touch:alice",
                "sed -i '1s/^.*\" /no-touch-required /' /home/alice/.ssh/authorized_keys",
                KEYS,
                "yubikey",
                By("sed -i '1i PubkeyAuthOptions touch-required' /etc/ssh/sshd_config"),
            ),
        ],
    );
    machine.shell("sed -i 1d /etc/ssh/sshd_config");
    let finding = doctor(&machine)["findings"][0].clone();
    let mend = "ask alice to run: sed -i -E '1s/,no-touch-required|no-touch-required,?//I' /home/alice/.ssh/authorized_keys";
    assert_eq!((&finding["mend"], &finding["detail"]), (&mend.into(), &"security key".into()));
    // It is read as she could read it: a link to what is root's alone leads to nothing.
    machine.shell(&format!(
        "mv {KEYS} /root/keys/hers; chown root /root/keys/hers; ln -s /root/keys/hers {KEYS}"
    ));
    found(&machine, &[]);
}

#[test]
fn doctor_finds_users_and_groups_of_the_settings_whom_nobody_is() {
    const FILE: &str = "/etc/mfad/mfad.toml.d/50.toml";
    let machine = set_up_right(Suite::Usual);
    machine.shell("mkdir -p /etc/mfad/mfad.toml.d; groupadd admins; useradd --system ansible");
    machine.write(
        "/root/right.toml",
        0o644,
        "[group.admins]\nmode = \"required\"\n\
        [[rule]]\nname = \"r\"\nwhen = { user = \"alice\" }\nunless = { group = \"mfad\" }\nthen = \"ask\"\n\
        [[exempt]]\nuser = \"ansible\"\nservice = \"sshd\"\nreason = \"CHG-118\"\nuntil = 2099-01-01\n",
    );
    machine.shell(&format!("cp /root/right.toml {FILE}"));
    let planted = |name: &'static str, plant: &'static str, line: &'static str| {
        fault(name, plant, FILE, line, By("cp /root/right.toml /etc/mfad/mfad.toml.d/50.toml"))
    };
    each_is_found_and_mended(
        &machine,
        &[
            planted(
                "name-of-nobody:admns",
                "sed -i 's/group.admins/group.admns/' /etc/mfad/mfad.toml.d/50.toml",
                "mode = ",
            ),
            planted(
                "name-of-nobody:alise",
                "sed -i 's/alice/alise/' /etc/mfad/mfad.toml.d/50.toml",
                "[[rule]]",
            ),
            planted(
                "name-of-nobody:opps",
                "sed -i 's/\"mfad\"/\"opps\"/' /etc/mfad/mfad.toml.d/50.toml",
                "[[rule]]",
            ),
            fault(
                "name-of-nobody:ansible",
                "userdel ansible",
                FILE,
                "[[exempt]]",
                By("useradd --system ansible"),
            ),
        ],
    );

    // A source that fails has not said that there is nobody.
    add_source(&machine);
    machine.write("/etc/name-source", 0o644, "empty");
    machine.shell("sed -i -E 's/^(passwd|group):.*/\\1: files source/' /etc/nsswitch.conf");
    machine.shell("sed -i 's/alice/alise/' /etc/mfad/mfad.toml.d/50.toml");
    let check = || machine.exec(&["mfad", "--check"]).assert_exit(0).stderr;
    assert!(check().contains("there is no user \"alise\" on this host"), "{}", check());
    machine.write("/etc/name-source", 0o644, "away");
    let said = check();
    assert!(said.contains("a name service fails") && !said.contains("alise"), "{said}");
    let ids = names(&doctor(&machine));
    assert!(ids.contains(&"cannot-look:names-of-settings".to_owned()), "{ids:?}");
}
