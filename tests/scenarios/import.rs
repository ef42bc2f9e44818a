//! Factors that move in from other systems: the same app goes on, and what was spent stays spent.

use mfa_tests::{Machine, Stack, Token};

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

/// Alice logs in with the old module, moves in, and logs in with ours: the same app goes on, and what it
/// showed at the old door is worth nothing at the new one.
fn moves_in(old: Stack, file: &str, content: &str, import: &[&str]) {
    let machine = Machine::new().user(not_enrolled("alice")).pam("sshd", old).start();
    machine.write(file, 0o600, content);
    if file.starts_with("/home/alice") {
        let (uid, gid) = machine.ids("alice");
        machine.give(file, uid, gid);
    }
    let app = Token::of_secret(SEED);
    let clock = machine.mfad().with_wall_clock();
    let code = app.code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
    machine.exec(&[import, GLASS].concat()).stdout_of_success();
    machine.write("/etc/pam.d/sshd", 0o644, Stack::password_then_mfa().text());
    for spent in [code, app.code_at(1)] {
        let _ = machine.ssh("alice").password("pw").code(&spent).assert_refused();
    }
    // Two steps later, by mfad's own clock.
    clock.moved(60);
    let later = app.code_at_time(mfa_tests::clock::now() + 60);
    let _ = machine.ssh("alice").password("pw").code(&later).assert_granted();
}

// S3
#[test]
fn the_app_of_pam_google_authenticator_goes_on_and_its_last_code_does_not() {
    let content = format!("{SEED}\n\" DISALLOW_REUSE\n\" WINDOW_SIZE 3\n\" TOTP_AUTH\n");
    let import = ["mfactl", "import", "google-authenticator", "alice"];
    moves_in(Stack::password_then_google(), FILE, &content, &import);
}

// S3
#[test]
fn the_app_of_pam_oath_goes_on_and_its_last_code_does_not() {
    let hex = "3132333435363738393031323334353637383930"; // the same seed
    let content = format!("HOTP/T30/6\talice\t-\t{hex}\n");
    let import = ["mfactl", "import", "oath", "alice"];
    moves_in(Stack::password_then_oath(), "/etc/users.oath", &content, &import);
}
