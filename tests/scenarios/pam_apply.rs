//! `mfactl pam`: a second factor is put in front of real services, on trial, and taken away again.

use std::time::Duration;

use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Blueprint, Machine, Token, User, wait};
use serde_json::Value;

use crate::people::enrolled;

/// How long what is waited for may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a root's console needs: a password.
fn root() -> User {
    User::named("root").password("rootpw")
}

/// A host as Debian ships it, with alice, who has enrolled and may use sudo, and a root with a password.
pub(crate) fn host() -> Blueprint {
    Machine::new().user(enrolled("alice")).user(root())
}

/// The files that a change of the stack may touch, with all that is in them.
pub(crate) fn state(machine: &Machine) -> String {
    machine.shell("cd /etc; find pam.d ssh -type f -printf '%m %u %p ' -exec sha256sum {} \\;")
}

/// `mfactl pam` as alice runs it through sudo, at a terminal, up to the question that puts it in place.
pub(crate) fn apply(machine: &Machine, words: &str) -> Terminal {
    let line = format!("SUDO_USER=alice mfactl pam apply {words}");
    let mut terminal = Terminal::open(machine.inside(), "root", &line);
    let shown = prompt(&mut terminal);
    assert!(shown.ends_with("Root's password, to try the way in at the console (not kept): "), "{shown}");
    terminal.answer(b"rootpw");
    terminal
}

fn prompt(terminal: &mut Terminal) -> String {
    match terminal.next_within(PATIENCE) {
        Next::Prompt(shown) => shown,
        other => panic!("{other:?}: {}", terminal.transcript()),
    }
}

/// Says yes; it is in place when this returns.
pub(crate) fn say_yes(machine: &Machine, terminal: &mut Terminal) {
    terminal.shows("Type yes: ", PATIENCE);
    terminal.answer(b"yes");
    wait::for_condition("the trial has begun", PATIENCE, || machine.exists("/var/lib/mfactl/trial.json"));
    terminal.shows("In place, on trial.", PATIENCE);
}

pub(crate) fn ended(terminal: &mut Terminal) -> Option<i32> {
    match terminal.next_within(PATIENCE) {
        Next::Ended(code) => code,
        other => panic!("{other:?}: {}", terminal.transcript()),
    }
}

/// Puts it in front of sudo, and has alice prove it: it is kept.
fn keep_at_sudo(machine: &Machine) {
    let mut terminal = apply(machine, "sudo");
    say_yes(machine, &mut terminal);
    let token = machine.token("alice");
    let _ = machine.sudo("alice").password("pw").code(&code(&token)).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
}

fn status(machine: &Machine, code: i32) -> Vec<Value> {
    let ran = machine.exec(&["mfactl", "pam", "status", "--json"]).assert_exit(code);
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn code(token: &Token) -> String {
    token.fresh_code()
}

#[test]
fn a_stack_is_kept_when_a_login_through_each_service_was_seen() {
    let machine = host().start();
    let token = machine.token("alice");
    machine.start_sshd();
    let mut terminal = apply(&machine, "sshd sudo");
    say_yes(&machine, &mut terminal);
    // With an sshd that has read its new settings: password and code.
    let _ = machine.ssh("alice").password("pw").code(&token.wrong_code()).assert_refused();
    let _ = machine.ssh("alice").password("pw").code(&code(&token)).assert_granted();
    terminal.shows("sshd: proven by alice", PATIENCE);
    let _ = machine.sudo("alice").password("pw").code(&code(&token)).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    let said = terminal.transcript();
    for part in [
        "+auth     required   pam_mfa.so first_factor=requisite",
        "+++ /etc/ssh/sshd_config.d/00-mfad.conf",
        "Who (sshd):  1 of 2 people asked, 1 let in without: they have no factor\n",
        "Who (sudo):  1 of 1 people asked\n",
        "Break-glass: root's password at the console",
        "sshd: alice refused: wrong_code",
        "sudo: proven by alice (sudo, ",
        "Kept.",
    ] {
        assert!(said.contains(part), "{part} is missing: {said}");
    }
    assert!(!machine.exists("/var/lib/mfactl/trial.json"));
    let families = status(&machine, 0);
    let states: Vec<_> =
        families.iter().map(|line| (line["family"].as_str(), line["state"].as_str())).collect();
    assert_eq!(states, [(Some("sshd"), Some("kept")), (Some("sudo"), Some("kept"))]);
    // Both files of the family, and a second run has nothing to do.
    assert!(machine.read("/etc/pam.d/sudo-i").contains("pam_mfa.so"));
    let again = machine.exec(&["mfactl", "pam", "plan", "sshd", "sudo"]).assert_exit(0);
    assert_eq!(again.stdout.trim(), "nothing would change");
}

#[test]
fn what_is_not_proven_in_time_is_put_back() {
    let machine = host().start();
    let before = state(&machine);
    let mut terminal = apply(&machine, "sudo su --within 10");
    say_yes(&machine, &mut terminal);
    assert_ne!(state(&machine), before);
    let token = machine.token("alice");
    let _ = machine.sudo("alice").password("pw").code(&code(&token)).assert_granted();
    terminal.shows("sudo: proven by alice", PATIENCE);
    assert_eq!(ended(&mut terminal), Some(1), "{}", terminal.transcript());
    assert!(terminal.transcript().contains("not all of it was proven in 10 s"), "{}", terminal.transcript());
    assert_eq!(state(&machine), before);
    assert!(status(&machine, 0).is_empty());
}

#[test]
fn an_interrupt_puts_everything_back_and_so_does_a_terminal_that_is_gone() {
    for signal in ["INT", "HUP"] {
        let machine = host().start();
        machine.start_sshd();
        let before = state(&machine);
        let mut terminal = apply(&machine, "sshd sudo");
        say_yes(&machine, &mut terminal);
        assert_ne!(state(&machine), before);
        machine.shell(&format!("pkill -{signal} -x mfactl"));
        assert_eq!(ended(&mut terminal), Some(1), "{}", terminal.transcript());
        assert_eq!(state(&machine), before, "{signal}");
        let _ = machine.ssh("alice").password("pw").assert_granted();
    }
}

#[test]
fn a_command_that_is_killed_leaves_a_rollback_that_works_by_itself() {
    let machine = host().start();
    let before = state(&machine);
    let mut terminal = apply(&machine, "sudo --within 20");
    say_yes(&machine, &mut terminal);
    machine.shell("pkill -KILL -f '^mfactl pam apply'");
    assert_ne!(state(&machine), before, "nobody has put it back yet");
    wait::for_condition("the armed rollback has run", Duration::from_secs(60), || state(&machine) == before);
    wait::for_condition("the trial is over", PATIENCE, || !machine.exists("/var/lib/mfactl/trial.json"));
}

#[test]
fn a_rollback_after_somebody_elses_change_takes_out_our_lines_only() {
    let machine = host().start();
    let before = machine.read("/etc/pam.d/sudo");
    let mut terminal = apply(&machine, "sudo");
    say_yes(&machine, &mut terminal);
    machine.shell("echo '# of somebody else' >>/etc/pam.d/sudo");
    let rolled_back = machine.exec(&["mfactl", "pam", "rollback"]).stdout_of_success();
    assert!(rolled_back.contains("/etc/pam.d/sudo: somebody else has changed it since"), "{rolled_back}");
    assert!(rolled_back.contains("/etc/pam.d/sudo-i: put back as it was"), "{rolled_back}");
    assert_eq!(machine.read("/etc/pam.d/sudo"), before + "# of somebody else\n");
    terminal.give_up();
}

#[test]
fn nothing_is_put_in_place_that_could_not_be_proven_or_would_lock_out() {
    let refused = |machine: &Machine, user: &str, words: &str, why: &str| {
        let before = state(machine);
        let line = format!("SUDO_USER={user} mfactl pam apply {words}");
        let mut terminal = Terminal::open(machine.inside(), "root", &line);
        if why == "no way in that needs no mfad opens" {
            let _ = prompt(&mut terminal);
            terminal.answer(b"not root's password");
        }
        assert_eq!(ended(&mut terminal), Some(1), "{}", terminal.transcript());
        assert!(terminal.transcript().contains(why), "{why}: {}", terminal.transcript());
        assert_eq!(state(machine), before);
    };
    let machine = host().user(User::named("bob").password("pw")).start();
    refused(&machine, "bob", "sudo", "bob has no factor that could prove sudo");
    refused(&machine, "alice", "sudo", "no way in that needs no mfad opens");
    machine.write(
        "/etc/pam.d/odd",
        0o644,
        "auth sufficient pam_wheel.so trust\n@include common-auth\n@include common-account\n",
    );
    refused(&machine, "alice", "odd", "pam_wheel (/etc/pam.d/odd:1) succeeds");
    refused(&machine, "alice", "none", "it has no PAM file");
    for never in ["cron", "common-auth", "systemd-user"] {
        let ran = machine.exec(&["mfactl", "pam", "plan", never]).assert_exit(2);
        assert!(ran.stderr.contains(never), "{ran}");
    }
    machine.write("/etc/mfad/mfad.toml", 0o644, "[policy]\nmode = \"observe\"\n");
    machine.mfad().restart();
    refused(&machine, "alice", "sudo", "so nothing could be proven");
    // A password is no way in where login would not let its account in.
    machine.shell("chage --expiredate 1 root");
    refused(&machine, "alice", "sudo", "root's password at the console: root's account has expired (chage ");
    machine.shell("chage --expiredate -1 root; usermod -p '!' root");
    refused(&machine, "alice", "sudo", "root's password at the console: root has no password");
    refused(&machine, "alice", "sudo", "mfactl pam apply sshd --break-glass-from NETWORK");
    // A key of root's, where sshd looks for it, opens only where sshd lets root in by name.
    machine.shell(
        "mkdir -p /etc/keys; ssh-keygen -q -t ed25519 -N '' -f /root/key; cp /root/key.pub /etc/keys/root",
    );
    let sshd = machine.read("/etc/ssh/sshd_config");
    let from = "sshd --break-glass-from 127.0.0.0/30";
    refused(&machine, "alice", from, "there is no way in that needs no mfad");
    let at = |line: &str| {
        machine.write(
            "/etc/ssh/sshd_config",
            0o644,
            format!("AuthorizedKeysFile /etc/keys/%u\n{line}\n{sshd}"),
        );
    };
    at("AllowUsers alice");
    refused(&machine, "alice", from, "must let root in by name");
    at("");
    machine.shell(&format!("mfactl pam plan {from} || [ $? = 7 ]"));
    // sshd is asked about whom each block is for; where it cannot be, that is said.
    at(
        "Match Host *.example.org LocalPort 2222 LocalAddress 10.0.0.1\nAuthenticationMethods publickey\nMatch all",
    );
    let planned = machine.shell(&format!("mfactl pam plan {from} || [ $? = 7 ]"));
    assert!(planned.contains("Match Host *.example.org LocalPort 2222 LocalAddress 10.0.0.1"), "{planned}");
    at("Match User bob\nBanner none\nMatch RDomain blue\nBanner none\nMatch all");
    refused(
        &machine,
        "alice",
        from,
        "/etc/ssh/sshd_config:4: Match RDomain blue: what holds for Match rdomain cannot be asked of sshd",
    );
    // A line of root's own in the account phase, as the guide for administrators has it, is no flaw.
    at("");
    machine.shell(
        "sed -i '0,/^account/s//account sufficient pam_succeed_if.so quiet user = root\\n&/' /etc/pam.d/sshd",
    );
    machine.shell(&format!("mfactl pam plan {from} || [ $? = 7 ]"));
    machine.write("/etc/ssh/sshd_config", 0o644, sshd);
    machine.write("/etc/mfad/mfad.toml", 0o644, "[policy]\nmode = \"optional\"\n");
    machine.mfad().restart();
    // Without a terminal it never waits.
    let ran = machine.exec(&["mfactl", "pam", "apply", "sudo"]).assert_exit(2);
    assert!(ran.stderr.contains("a trial needs a terminal"), "{ran}");
}

#[test]
fn a_service_user_that_logs_in_by_key_alone_still_does_and_is_named() {
    let machine = host()
        .user(User::named("ansible").ssh_key())
        .sshd("Include /etc/ssh/sshd_config.d/*.conf")
        .file(
            "/etc/ssh/sshd_config.d/50-services.conf",
            0o644,
            "Match User ansible\n  AuthenticationMethods publickey\nMatch all\n",
        )
        .start();
    machine.start_sshd();
    let mut terminal = apply(&machine, "sshd");
    say_yes(&machine, &mut terminal);
    let said = terminal.transcript();
    assert!(
        said.contains("not asked at sshd: User ansible (/etc/ssh/sshd_config.d/50-services.conf:1)"),
        "{said}"
    );
    let token = machine.token("alice");
    let _ = machine.ssh("alice").password("pw").code(&code(&token)).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    let by_key = machine.shell(
        "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -i /root/keys/ansible ansible@127.0.0.1 id -un",
    );
    assert_eq!(by_key.trim(), "ansible", "{by_key}");
}

#[test]
fn a_key_first_then_the_code_and_a_password_no_longer() {
    let machine = Machine::new().user(enrolled("alice").ssh_key()).user(root()).start();
    machine.start_sshd();
    let mut terminal = apply(&machine, "sshd --first key");
    say_yes(&machine, &mut terminal);
    let token = machine.token("alice");
    let _ = machine.ssh("alice").password("pw").code(&code(&token)).assert_refused();
    let _ = machine.ssh("alice").key("alice").code(&code(&token)).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    let removed = machine.exec(&["mfactl", "pam", "remove", "sshd"]).stdout_of_success();
    assert!(removed.contains("/etc/pam.d/sshd: taken out"), "{removed}");
    let _ = machine.ssh("alice").password("pw").assert_granted();
    assert!(status(&machine, 0).is_empty());
}

#[test]
fn a_later_loss_is_seen_and_dated() {
    let machine = host().start();
    let shipped = machine.read("/etc/pam.d/sudo");
    keep_at_sudo(&machine);
    // What a package or a configuration tool does.
    machine.write("/etc/pam.d/sudo", 0o644, &shipped);
    let gone = &status(&machine, 1)[0];
    assert_eq!(gone["state"], "gone");
    assert!(gone["gone"].as_u64() > Some(0));
    let told = machine.exec(&["mfactl", "pam", "status"]).assert_exit(1);
    assert!(told.stdout.contains("GONE, seen since 20"), "{told}");
}

#[test]
fn a_change_that_still_protects_differs_from_what_was_kept() {
    let machine = host().start();
    keep_at_sudo(&machine);
    machine.shell("sed -i 's/pam_unix.so nullok/pam_unix.so nullok nodelay/' /etc/pam.d/common-auth");
    assert_eq!(status(&machine, 7)[0]["state"], "differs");
    machine.shell("sed -i 's/nullok nodelay/nullok/' /etc/pam.d/common-auth");
    assert_eq!(status(&machine, 0)[0]["state"], "kept");
}

#[test]
fn what_a_configuration_tool_put_there_is_kept_by_its_hash_and_its_loss_is_seen() {
    let machine = host().start();
    let shipped = machine.read("/etc/pam.d/sudo");
    keep_at_sudo(&machine);
    let hash = status(&machine, 0)[0]["hash"].as_str().expect("a hash").to_owned();
    // The files are there, and nothing is known of them.
    machine.shell("rm /var/lib/mfactl/kept.json");
    assert_eq!(status(&machine, 0)[0]["state"], "by_hand");
    let again = ["mfactl", "pam", "apply", "sudo", "--no-confirm", "--proven", &hash];
    assert!(machine.exec(&again).assert_exit(0).stdout.contains("it is so already"));
    assert_eq!(status(&machine, 0)[0]["state"], "kept");
    machine.write("/etc/pam.d/sudo", 0o644, &shipped);
    assert_eq!(status(&machine, 1)[0]["state"], "gone");
}

#[test]
fn everything_is_taken_out_where_sshd_cannot_read_its_settings() {
    let machine = host().start();
    machine.start_sshd();
    let mut terminal = apply(&machine, "sshd sudo");
    say_yes(&machine, &mut terminal);
    let token = machine.token("alice");
    let _ = machine.ssh("alice").password("pw").code(&code(&token)).assert_granted();
    let _ = machine.sudo("alice").password("pw").code(&code(&token)).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    machine.shell("echo 'NoSuchSetting yes' >>/etc/ssh/sshd_config");
    let removed = machine.exec(&["mfactl", "pam", "remove", "--all"]).assert_exit(1);
    assert!(removed.stderr.contains("sshd has not read its settings again"), "{removed}");
    let named = machine.exec(&["grep", "-rl", "pam_mfa", "/etc/pam.d"]).assert_exit(1);
    assert_eq!(named.stdout, "");
    let _ = machine.sudo("alice").password("pw").assert_granted();
}

#[test]
fn what_was_kept_on_one_host_is_rolled_out_to_others() {
    let first = host().start();
    keep_at_sudo(&first);
    let hash = status(&first, 0)[0]["hash"].as_str().expect("a hash").to_owned();

    let other = host().start();
    let rolled_out = |code| {
        other.exec(&["mfactl", "pam", "apply", "sudo", "--no-confirm", "--proven", &hash]).assert_exit(code)
    };
    let done = rolled_out(0);
    assert!(done.stdout.contains("in place: sudo"), "{done}");
    assert!(rolled_out(0).stdout.contains("nothing to change"));
    assert_eq!(status(&other, 0)[0]["hash"].as_str(), Some(hash.as_str()));
    let token = other.token("alice");
    let _ = other.sudo("alice").password("pw").assert_refused();
    let _ = other.sudo("alice").password("pw").code(&code(&token)).assert_granted();

    let unlike = host().start();
    unlike.shell("sed -i 's/pam_unix.so/pam_unix.so nodelay/' /etc/pam.d/common-auth");
    let before = state(&unlike);
    let differs =
        unlike.exec(&["mfactl", "pam", "apply", "sudo", "--no-confirm", "--proven", &hash]).assert_exit(7);
    assert!(differs.stdout.contains("this host would differ"), "{differs}");
    assert_eq!(state(&unlike), before);
}

#[test]
fn another_module_makes_way_in_its_own_place() {
    let machine = host().start();
    machine.shell(
        "sed -i '/^@include common-auth/a auth required pam_google_authenticator.so nullok' /etc/pam.d/sshd",
    );
    machine.start_sshd();
    let google = machine.read("/etc/pam.d/sshd");
    let mut terminal = apply(&machine, "sshd --replace pam_google_authenticator");
    say_yes(&machine, &mut terminal);
    let token = machine.token("alice");
    let _ = machine.ssh("alice").password("pw").code(&code(&token)).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    // Whoever puts the same in place again does not bring it back.
    let _ = machine.exec(&["mfactl", "pam", "plan", "sshd"]).assert_exit(0);
    assert!(
        !machine
            .read("/etc/pam.d/sshd")
            .lines()
            .any(|line| line.starts_with("auth") && line.contains("google"))
    );
    let _ = machine.exec(&["mfactl", "pam", "remove", "--all"]).assert_exit(0);
    assert_eq!(machine.read("/etc/pam.d/sshd"), google);
}

/// The usual set-up with keys: the prompt is the old module's alone, and sshd sees to the key.
#[test]
fn behind_a_key_another_module_makes_way_and_the_key_is_asked_for_by_the_stack() {
    let machine = Machine::new()
        .user(enrolled("alice").ssh_key())
        .user(root())
        .sshd("AuthenticationMethods publickey,keyboard-interactive")
        .start();
    machine.shell(
        "sed -i 's/^@include common-auth/#&\\nauth required pam_oath.so usersfile=\\/etc\\/users.oath window=20 digits=6/' /etc/pam.d/sshd
         echo 'HOTP/T30/6 alice - 3132333435363738393031323334353637383930' >/etc/users.oath; chmod 600 /etc/users.oath",
    );
    machine.start_sshd();
    let oath = machine.shell("oathtool --totp 3132333435363738393031323334353637383930");
    let _ = machine.ssh("alice").key("alice").code(oath.trim()).assert_granted();
    let mut terminal = apply(&machine, "sshd --replace pam_oath");
    say_yes(&machine, &mut terminal);
    let token = machine.token("alice");
    let _ = machine.ssh("alice").password("pw").code(&code(&token)).assert_refused();
    let login = machine.ssh("alice").key("alice").code(&code(&token)).assert_granted();
    let _ = login.assert_not_shown("assword");
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    let _ = machine.exec(&["mfactl", "pam", "plan", "sshd"]).assert_exit(0);
}
