//! What doctor calls a way in lets somebody in, what it calls a lock-out keeps somebody out, and its commands end both.

use mfa_tests::{Machine, Suite, Verdict};

use super::{apply, doctor, names, set_up};
use crate::packages;
use crate::people::not_enrolled;

/// Runs what doctor prints against that finding, in root's home.
fn mend(machine: &Machine, name: &str) {
    let said = doctor(machine);
    let at = names(&said).iter().position(|found| found == name);
    let at = at.unwrap_or_else(|| panic!("{name} is not found: {said:#}"));
    machine.shell(&format!("cd /root; {}", said["findings"][at]["mend"].as_str().expect("a command")));
}

/// How a login of that user over ssh ends, with the password and that code.
fn ssh(machine: &Machine, user: &str, code: &str) -> Verdict {
    machine.ssh(user).password("pw").code(code).run().verdict
}

#[test]
fn what_doctor_finds_is_so_and_its_commands_end_it() {
    let machine = super::people(Suite::Usual).user(not_enrolled("bob").ssh_key()).start();
    set_up(&machine, Suite::Usual);
    machine.shell("sed -i 's/pam_unix.so nullok/& nodelay/' /etc/pam.d/common-auth");
    machine.start_sshd();
    let token = machine.token("alice");
    let back = || machine.shell("cp /root/pam.d/sshd /etc/pam.d/sshd");

    machine.shell("sed -i 's/^auth required pam_mfa/auth optional pam_mfa/' /etc/pam.d/sshd");
    let wrong = token.wrong_code();
    let guess = || machine.ssh("alice").password("pw").code(&wrong).code(&wrong).code(&wrong).run().verdict;
    assert_eq!(guess(), Verdict::Granted);
    mend(&machine, "refusal-ignored:sshd");
    assert_eq!(guess(), Verdict::Refused);
    back();

    machine.shell("sed -i '/^@include common-auth/i auth sufficient pam_unix.so' /etc/pam.d/sshd");
    let unasked = machine.ssh("alice").password("pw").run();
    assert_eq!((unasked.verdict, unasked.prompts().len()), (Verdict::Granted, 1), "{unasked}");
    mend(&machine, "way-round:sshd");
    assert_eq!(ssh(&machine, "alice", &token.wrong_code()), Verdict::Refused);
    back();

    machine.shell(
        "sed -i -e '/^@include common-auth/i auth [success=1 default=ignore] pam_unix.so' \
                -e 's/^@include common-auth/auth requisite pam_deny.so/' /etc/pam.d/sshd",
    );
    assert_eq!(ssh(&machine, "bob", ""), Verdict::Refused, "who is not asked is locked out");
    mend(&machine, "nothing-succeeds:sshd");
    assert_eq!(ssh(&machine, "bob", ""), Verdict::Granted);
    back();

    let by_key = || machine.ssh("bob").key("bob").run().verdict;
    machine.shell("sed -i '/^AuthenticationMethods/d' /etc/ssh/sshd_config.d/00-mfad.conf");
    machine.shell("kill -HUP \"$(cat /run/sshd.pid)\"");
    machine.shell(LISTENS);
    assert_eq!(by_key(), Verdict::Granted);
    mend(&machine, "key-skips-code:sshd");
    machine.shell(LISTENS);
    assert_ne!(by_key(), Verdict::Granted);

    // Root's own key is not to become a way in for whoever knows root's password: root has no factor.
    machine.shell(
        "mkdir -p -m 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/key
         cp /root/key.pub /root/.ssh/authorized_keys",
    );
    let by_password = || machine.ssh("root").password("root's").run().verdict;
    assert_eq!(by_password(), Verdict::Refused);
    let said = doctor(&machine);
    let at =
        names(&said).iter().position(|found| found == "root-answers-replaced:sshd").expect("it is found");
    let (printed, mends) = (&said["findings"][at]["mend"], &said["findings"][at]["mends"]);
    if *mends == true {
        machine.shell(printed.as_str().expect("a command"));
    } else {
        assert_eq!(*printed, "mfactl pam apply sshd --break-glass-from NETWORK");
        apply(&machine, "--break-glass-from 10.1.2.0/24");
    }
    machine.shell(LISTENS);
    assert_eq!(by_password(), Verdict::Refused);
    assert!(!names(&doctor(&machine)).contains(&"root-answers-replaced:sshd".to_owned()));

    let sudo = || machine.exec_as("alice", &["sudo", "-n", "true"]).status.success();
    assert!(!sudo());
    machine.shell("echo 'alice ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/x; chmod 0440 /etc/sudoers.d/x");
    assert!(sudo());
    mend(&machine, "sudoers-nopasswd:alice");
    assert!(!sudo());
}

/// sshd was told to read its settings: it listens again.
const LISTENS: &str =
    "sleep 0.2; until [ -s /run/sshd.pid ] && ss -ltn | grep -q ':22 '; do sleep 0.05; done";

/// In no repository is this package: only the file that it came in puts its files back.
#[test]
fn what_is_gone_of_the_package_comes_back_out_of_the_file_that_it_came_in() {
    let machine = packages::protected(Suite::Usual);
    let policy = "/usr/share/dbus-1/system.d/org.mfad1.conf";
    machine.shell(&format!("rm /usr/lib/*/security/pam_mfa.so; sed -i 's/<deny own=/<allow own=/' {policy}"));
    let by_name = machine.exec(&["apt-get", "install", "--reinstall", "mfad"]);
    assert!(by_name.stdout.contains("cannot be downloaded"), "{by_name}");
    let said = doctor(&machine);
    assert!(names(&said).contains(&"bus-policy-changed:org.mfad1.conf".to_owned()), "{said:#}");
    mend(&machine, "module-missing:pam_mfa");

    machine.shell(&format!("rm {policy}"));
    mend(&machine, "bus-policy-missing:org.mfad1.conf");
    let said = doctor(&machine);
    let ours = |name: &String| name.starts_with("module") || name.starts_with("bus-policy");
    assert!(!names(&said).iter().any(ours), "{said:#}");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
}
