//! Who has a session has not the account: changes take a code.

use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Machine, Presses};

use crate::people::{REQUIRED, alice_at_sshd_and_sudo, enrolled, not_enrolled};

/// What somebody would do with a session that was left open.
const CHANGES: [&str; 4] =
    ["enroll begin --label mine --json", "factor remove phone", "factor rename phone mine", "codes renew"];

/// The bus's own words for the same, without mfactl.
fn call(machine: &Machine, user: &str, interface: &str, method: &str, arguments: &[&str]) -> String {
    let method = format!("org.mfad1.{interface}.{method}");
    let send = ["dbus-send", "--system", "--print-reply", "--dest=org.mfad1", "/org/mfad1", &method];
    let ran = machine.exec_as(user, &[&send[..], arguments].concat());
    assert!(!ran.status.success(), "{ran}");
    ran.stderr
}

/// Alice has what she had.
fn assert_unchanged(machine: &Machine) {
    assert_eq!(changed(machine), [1, 0, 0, 1]);
    assert_eq!(machine.factor_labels("alice"), ["phone"]);
}

/// How often something changed in the life of alice's account.
fn changed(machine: &Machine) -> [usize; 4] {
    let audit = machine.audit();
    ["enrollment_begun", "factor_ended", "factor_renamed", "codes_made"]
        .map(|event| audit.with(&[("event", event), ("user", "alice")]).len())
}

// S18
#[test]
fn a_session_without_a_code_changes_nothing() {
    let machine = alice_at_sshd_and_sudo().start();
    let wrong = machine.token("alice").wrong_code();
    for change in CHANGES {
        let _ = machine.mfactl("alice", change).assert_exit(2);
    }
    for change in CHANGES {
        let _ = machine.mfactl_with("alice", change, &wrong).assert_exit(1);
    }
    machine.mfad().restart(); // these are more calls than one user has, and it is tries that count here
    let id = machine.told("alice", "factor list")[0]["id"].as_str().expect("an id").to_owned();
    let said = call(&machine, "alice", "Account", "CodesRenew", &[]);
    assert!(said.contains("org.mfad1.Error.NeedsProof"), "{said}");
    let said = call(&machine, "alice", "Account", "FactorRemove", &[&format!("string:{id}")]);
    assert!(said.contains("org.mfad1.Error.NeedsProof"), "{said}");
    let said = call(&machine, "alice", "Account", "SshKeyBegin", &["string:key", "string:"]);
    assert!(said.contains("org.mfad1.Error.NeedsProof"), "{said}");
    assert_unchanged(&machine);
    // S9: those were tries, and they run out.
    let _ = machine.mfactl_with("alice", "codes renew", &wrong).assert_exit(1);
    let _ = machine.mfactl_with("alice", "codes renew", &machine.token("alice").code()).assert_exit(6);
}

// S18
#[test]
fn what_was_proven_in_one_connection_serves_no_other() {
    let machine = alice_at_sshd_and_sudo().start();
    let codes = machine.backup_codes("alice");
    let mut own = Terminal::open(machine.inside(), "alice", "mfactl enroll --label tablet --qr none");
    let patience = std::time::Duration::from_secs(20);
    let Next::Prompt(asked) = own.next_within(patience) else { panic!("{}", own.transcript()) };
    assert!(asked.contains("This needs a code of your own factor"), "{asked}");
    own.answer(codes[0].as_bytes());
    let Next::Prompt(shown) = own.next_within(patience) else { panic!("{}", own.transcript()) };
    assert!(shown.contains("Secret"), "the proof was taken: {shown}");

    // That connection is open, and proven.
    for change in CHANGES {
        let _ = machine.mfactl("alice", change).assert_exit(2);
    }
    let said = call(&machine, "alice", "Account", "CodesRenew", &[]);
    assert!(said.contains("org.mfad1.Error.NeedsProof"), "{said}");
    assert_eq!(changed(&machine), [2, 0, 0, 1], "that connection began its enrolment");
    // And the code that made the proof makes no second one.
    let _ = machine.mfactl_with("alice", "codes renew", &codes[0]).assert_exit(1);
    own.give_up();
}

// S18
#[test]
fn whatever_the_host_asks_of_its_logins_a_change_takes_a_code() {
    let machine = alice_at_sshd_and_sudo().start();
    let codes = machine.backup_codes("alice");
    let mut renamed = 0;
    for (mode, code) in ["off", "observe", "optional", "required"].iter().zip(&codes) {
        machine.write("/etc/mfad/mfad.toml", 0o644, format!("[policy]\nmode = \"{mode}\"\n"));
        machine.mfad().restart();
        for change in CHANGES {
            let _ = machine.mfactl("alice", change).assert_exit(2);
        }
        let said = call(&machine, "alice", "Account", "CodesRenew", &[]);
        assert!(said.contains("org.mfad1.Error.NeedsProof"), "in {mode}: {said}");
        assert_eq!(changed(&machine), [1, 0, renamed, 1], "in {mode}");
        machine.mfactl_with("alice", "factor rename phone phone", code).stdout_of_success();
        renamed += 1;
        assert_eq!(changed(&machine), [1, 0, renamed, 1], "in {mode}");
    }
}

/// Ada, an administrator with a token, bob, who is none and has one, and alice.
fn administrators() -> (Machine, Presses, Presses) {
    let machine = alice_at_sshd_and_sudo().user(not_enrolled("ada")).user(not_enrolled("bob")).start();
    machine.shell("usermod -aG sudo ada");
    let [ada, bob] = ["ada", "bob"].map(|user| {
        let token = machine.begin_enrolment(user, "--type hotp --label token", "");
        let _ = machine.confirm_enrolment(user, &token, &token.code_of_counter(0));
        Presses::after(token, 1)
    });
    (machine, ada, bob)
}

const RESET: &str = "user reset alice --reason lost";

// S18
#[test]
fn an_administrator_acts_by_a_code_of_the_own_factor_and_the_audit_says_who() {
    let (machine, ada, bob) = administrators();
    let as_ada = format!("{RESET} --as ada");
    let _ = machine.mfactl("root", RESET).assert_exit(3); // root has no factor
    let _ = machine.mfactl("root", &as_ada).assert_exit(2);
    let _ = machine.mfactl_with("root", &as_ada, "000000").assert_exit(1);
    let _ = machine.mfactl_with("root", &format!("{RESET} --as bob"), &bob.code()).assert_exit(4);
    let _ = machine.mfactl_with("root", &as_ada, &bob.code()).assert_exit(1);
    let _ = machine.mfactl_with("ada", &as_ada, &ada.code()).assert_exit(4); // no root, though an administrator
    assert_unchanged_of_alice(&machine);

    machine.mfactl_with("root", &as_ada, &ada.code()).stdout_of_success();
    let _ = machine.mfactl("alice", "factor list").assert_exit(3);
    let reset = machine.audited("the reset", |row| row.text("event") == "reset");
    assert_eq!(reset.text("user"), "alice");
    assert!(reset.text("detail").contains("by ada: lost"), "{}", reset.text("detail"));
    let logged = machine.log().wait_for("reset user=");
    assert!(!logged.starts_with("<81>"), "no alarm: {logged}");
}

fn assert_unchanged_of_alice(machine: &Machine) {
    assert_eq!(machine.factor_labels("alice"), ["phone"]);
}

// S18: whom sudo made root is asked, without saying so.
#[test]
fn who_became_root_by_sudo_is_asked_for_the_own_code() {
    let (machine, ada, _) = administrators();
    let line = format!("SUDO_USER=ada mfactl {RESET}");
    let input = format!("{}\n", ada.code());
    machine.exec_with("root", &["sh", "-c", &line], input.as_bytes()).stdout_of_success();
    let reset = machine.audited("the reset", |row| row.text("event") == "reset");
    assert!(reset.text("detail").contains("by ada: lost"), "{}", reset.text("detail"));
}

// S18: without a factor only by breaking the glass, which is heard.
#[test]
fn without_a_factor_an_administrator_breaks_the_glass_and_an_alarm_is_raised() {
    let machine = alice_at_sshd_and_sudo().user(enrolled("bob")).settings(REQUIRED).start();
    let changes =
        ["reset alice", "lock alice", "unlock alice", "recover alice --verified-by x", "remove bob"];
    for change in changes {
        let _ = machine.mfactl("root", &format!("user {change} --reason night")).assert_exit(3);
    }
    assert_unchanged_of_alice(&machine);
    for change in changes {
        let before = machine.log().matching("<81>").len();
        let line = format!("user {change} --reason night --break-glass fire-in-the-hall");
        machine.mfactl("root", &line).stdout_of_success();
        let alarm = || machine.log().matching("<81>").into_iter().nth(before);
        let alarm = mfa_tests::wait::until(std::time::Duration::from_secs(5), alarm);
        let alarm = alarm.unwrap_or_else(|| panic!("no alarm after {change}"));
        assert!(alarm.contains("fire-in-the-hall") && alarm.contains("night"), "{alarm}");
    }
    let rows = machine.audit();
    let broken = rows.records().iter().filter(|row| row.text("detail").contains("fire-in-the-hall"));
    assert_eq!(broken.count(), changes.len(), "{}", rows.printed());
}
