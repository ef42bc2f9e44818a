//! Factors that move in from other systems: the same app goes on, and what was spent stays spent.

use mfa_tests::{Machine, Stack};

use crate::people::{enrolled, not_enrolled};

const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const FILE: &str = "/home/alice/.google_authenticator";
const IMPORT: &[&str] = &["mfactl", "import", "google-authenticator", "alice", "--json"];
const GLASS: &[&str] = &["--break-glass", "test"];

fn alice_with_a_file_of(seed: &str, options: &str) -> Machine {
    let machine = Machine::new().user(not_enrolled("alice")).pam("sshd", Stack::password_then_mfa()).start();
    machine.write(FILE, 0o600, format!("{seed}\n{options}"));
    let (uid, gid) = machine.ids("alice");
    machine.give(FILE, uid, gid);
    machine
}

fn import(machine: &Machine, more: &[&str], exit: i32) -> String {
    let ran = machine.exec(&[IMPORT, more].concat()).assert_exit(exit);
    let row: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran}"));
    row["outcome"].as_str().unwrap_or_else(|| panic!("{ran}")).to_owned()
}

// S3
#[test]
fn an_imported_app_logs_in_and_a_code_that_was_spent_before_does_not() {
    let machine = alice_with_a_file_of(SEED, "\" HOTP_COUNTER 5\n24681357\n");
    let code =
        |counter: u32| machine.shell(&format!("oathtool --hotp -c {counter} -b {SEED}")).trim().to_owned();
    assert_eq!(import(&machine, &["--dry-run"], 7), "imported");
    assert_eq!(import(&machine, GLASS, 0), "imported");
    assert_eq!(import(&machine, &["--dry-run"], 0), "known");
    assert_eq!(import(&machine, GLASS, 0), "known");
    assert!(machine.exists(FILE), "the file stays");

    let _ = machine.ssh("alice").password("pw").code(&code(4)).assert_refused();
    let _ = machine.ssh("alice").password("pw").code(&code(5)).assert_granted();
    let _ = machine.ssh("alice").password("pw").code(&code(5)).assert_refused();
    assert_eq!(import(&machine, &[GLASS, &["--refresh"]].concat(), 0), "refreshed");
    let _ = machine.ssh("alice").password("pw").code(&code(5)).assert_refused();
    let _ = machine.ssh("alice").password("pw").code(&code(6)).assert_granted();
}

// S3
#[test]
fn a_code_that_the_old_door_could_have_seen_does_not_open_the_new_one() {
    let machine = alice_with_a_file_of(SEED, "\" TOTP_AUTH\n");
    assert_eq!(import(&machine, GLASS, 0), "imported");
    let code = machine.shell(&format!("oathtool --totp -b {SEED}"));
    let _ = machine.ssh("alice").password("pw").code(code.trim()).assert_refused();
}

// S1
#[test]
fn a_weak_seed_comes_over_only_where_the_administrator_says_so() {
    let machine = alice_with_a_file_of(&SEED[..16], "\" TOTP_AUTH\n");
    assert_eq!(import(&machine, &["--dry-run"], 1), "weak");
    assert_eq!(import(&machine, GLASS, 1), "weak");
    assert_eq!(import(&machine, &[GLASS, &["--allow-weak"]].concat(), 0), "imported");
}

// S18
#[test]
fn root_alone_imports_nothing() {
    let machine = alice_with_a_file_of(SEED, "\" TOTP_AUTH\n");
    let ran = machine.exec(IMPORT);
    assert!(!ran.status.success() && ran.stdout.contains("not_asked"), "{ran}");
    assert_eq!(import(&machine, &["--dry-run"], 7), "imported");
}

// S18
#[test]
fn one_code_of_an_administrator_s_own_factor_imports_everyone() {
    let machine = Machine::new()
        .user(enrolled("ada"))
        .user(not_enrolled("alice"))
        .user(not_enrolled("bob"))
        .settings("[policy]\nmode = \"optional\"\n[admin]\ngroups = [\"ada\"]\n")
        .start();
    for user in ["alice", "bob"] {
        let file = format!("/home/{user}/.google_authenticator");
        machine.write(&file, 0o600, format!("{SEED}\n\" TOTP_AUTH\n"));
        let (uid, gid) = machine.ids(user);
        machine.give(&file, uid, gid);
    }
    let all = ["mfactl", "import", "google-authenticator", "--all", "--as", "ada"];
    let ran = machine.exec_with("root", &all, machine.token("ada").code().as_bytes()).assert_exit(0);
    assert!(ran.stdout.contains("4 users: 2 imported, 2 no file"), "{ran}");
    assert!(ran.stdout.contains("runuser -u bob -- rm -- /home/bob/.google_authenticator"), "{ran}");
    let list = machine.exec(&["mfactl", "user", "list", "--json"]).stdout_of_success();
    assert_eq!(list.lines().count(), 3, "{list}");
}
