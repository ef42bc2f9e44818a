//! A rollout by stages: exemptions for a time, who is ready, and what auditors are given.

use mfa_tests::{Attempt, Blueprint, Machine, Stack, User, clock};
use serde_json::Value;

use crate::people::{REQUIRED, enrolled, not_enrolled};

const DAY: i64 = 86_400;

/// Alice with a key and a factor, and ada who administers, before sshd and sudo; everybody must have a factor.
fn alice_with_a_key() -> Blueprint {
    Machine::new()
        .user(enrolled("alice").ssh_key())
        .user(enrolled("ada"))
        .pam("sshd", Stack::key_passed_or_password())
        .pam("sudo", Stack::password_then_mfa())
        .sshd("AuthenticationMethods publickey,keyboard-interactive keyboard-interactive")
        .settings(&format!("{REQUIRED}[admin]\nusers = [\"ada\"]\n"))
}

/// Let in without any prompt.
fn is_not_asked(attempt: Attempt) {
    let outcome = attempt.assert_granted();
    assert_eq!(outcome.prompts(), [""; 0], "{outcome}");
}

/// Asked for a code, and refused with a wrong one.
fn is_asked(machine: &Machine, attempt: Attempt) {
    let wrong = machine.token("alice").wrong_code();
    let outcome = attempt.code(&wrong).assert_refused();
    assert!(!outcome.code_prompts().is_empty(), "{outcome}");
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value:#}"))
}

/// The one object that a report prints.
fn report(machine: &Machine, line: &str) -> Value {
    let said = machine.told("root", &format!("report {line}"));
    assert_eq!(said.len(), 1);
    let report = said.into_iter().next().expect("one object");
    assert_eq!(report["audit"]["intact"], true, "{report:#}");
    assert!(report["audit"]["verified"].as_u64() > Some(0), "{report:#}");
    assert_eq!(text(&report, "settings").len(), 64, "{report:#}");
    report
}

fn rows<'a>(report: &'a Value, key: &str) -> &'a [Value] {
    report[key].as_array().unwrap_or_else(|| panic!("no {key} in {report:#}"))
}

/// Comma-separated values, read as RFC 4180 says: every line ends with CR LF and has as many cells as the first.
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut lines, mut line, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if cell.is_empty() => loop {
                match rest.next().expect("the quotes are closed") {
                    '"' if rest.peek() == Some(&'"') => cell.extend(rest.next()),
                    '"' => break,
                    c => cell.push(c),
                }
            },
            ',' => line.push(std::mem::take(&mut cell)),
            '\r' => {
                assert_eq!(rest.next(), Some('\n'), "{text}");
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            '\n' | '"' => panic!("{c:?} stands bare in {text}"),
            c => cell.push(c),
        }
    }
    assert!(cell.is_empty() && line.is_empty(), "the last line has no end: {text}");
    assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{lines:#?}");
    lines
}

/// The column of that name, in every row.
fn column<'a>(table: &'a [Vec<String>], name: &str) -> Vec<&'a str> {
    let at = table[0].iter().position(|head| head == name);
    let at = at.unwrap_or_else(|| panic!("no {name} in {:?}", table[0]));
    table[1..].iter().map(|row| row[at].as_str()).collect()
}

// S25
#[test]
fn an_exempted_user_is_let_in_by_key_alone_where_the_exemption_says_and_until_it_ends() {
    let machine = alice_with_a_key().start();
    let ssh = |from: &str| machine.ssh("alice").key("alice").from(from);
    let sudo = || machine.sudo("alice").password("pw");
    is_asked(&machine, ssh("127.0.0.2"));
    let given = machine.administer("exempt add alice --service sshd --address 127.0.0.2 --for 3d");
    assert_eq!(text(&given, "only"), "service sshd; address 127.0.0.2/32");
    let left = given["until"].as_u64().expect("an end") - clock::now();
    assert!((3 * 86_400 - 60..=3 * 86_400).contains(&left), "{left}");

    is_not_asked(ssh("127.0.0.2"));
    machine.audit().assert_last("exempt", "alice", "sshd");
    is_asked(&machine, ssh("127.0.0.1"));
    is_asked(&machine, sudo());
    machine.mfad().restart();
    is_not_asked(ssh("127.0.0.2"));

    machine.administer(&format!("exempt end {}", text(&given, "id")));
    is_asked(&machine, ssh("127.0.0.2"));
    let alarm = machine.log().wait_for("exempted user=\"alice\"");
    assert!(alarm.starts_with("<81>") && alarm.contains("GLASS BROKEN"), "authpriv.alert: {alarm}");

    // With her key from wherever, and with no other.
    let key = machine.shell("ssh-keygen -lf /root/keys/alice.pub");
    let key = key.split_whitespace().nth(1).expect("a fingerprint");
    let other = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    machine.administer(&format!("exempt add alice --key {other}"));
    is_asked(&machine, ssh("127.0.0.2"));
    machine.administer(&format!("exempt add alice --key {key}"));
    is_not_asked(ssh("127.0.0.1"));
}

// S18, S25
#[test]
fn an_exemption_takes_a_code_of_the_administrator_and_lasts_seven_days_at_most() {
    let machine = alice_with_a_key().start();
    let (alice, ada) = (machine.token("alice"), machine.token("ada"));
    let add = "exempt add alice --reason CHG-7 --for 7d";
    let _ = machine.mfactl("root", add).assert_exit(3); // root has no factor
    let _ = machine.mfactl_with("root", &format!("{add} --as alice"), &alice.code()).assert_exit(4);
    let _ = machine.mfactl_with("root", &format!("{add} --as ada"), &alice.code()).assert_exit(1);
    let _ = machine.mfactl_with("ada", &format!("{add} --as ada"), &ada.code()).assert_exit(4); // no root
    let _ = machine.mfactl("root", "exempt add alice --reason x --for 8d --break-glass x").assert_exit(2);
    let _ = machine.mfactl("root", "exempt add nobody-here --reason x --break-glass x").assert_exit(1);
    is_asked(&machine, machine.ssh("alice").key("alice"));
    assert!(!machine.mfactl("root", "exempt list").stdout_of_success().contains("alice"));

    let said = machine.mfactl_with("root", &format!("{add} --as ada"), &ada.fresh_code()).stdout_of_success();
    assert!(said.contains("alice: not asked for a code EVERYWHERE, until 20"), "{said}");
    is_not_asked(machine.ssh("alice").key("alice"));
    let listed = machine.mfactl("root", "exempt list").stdout_of_success();
    assert!(listed.contains(" CHG-7\n") && listed.contains(" by ada\n"), "{listed}");
    let rows = machine.told("root", "exempt list");
    let granted = rows.iter().find(|row| row["kind"] == "granted").expect("it is listed");
    let id = text(granted, "id");
    let _ = machine.mfactl("root", &format!("exempt end {id} --reason x")).assert_exit(3);
    let _ = machine.mfactl("root", "exempt end 00000000 --reason x --break-glass x").assert_exit(1);
    for line in ["exempt list", "report coverage", "report exemptions", "report failures"] {
        let _ = machine.mfactl("alice", line).assert_exit(4);
    }
}

// S6, S25, S30
#[test]
fn an_exemption_ends_at_its_time_and_with_the_row_that_somebody_altered() {
    let machine = alice_with_a_key().start();
    let clock = machine.mfad().with_wall_clock();
    let ssh = || machine.ssh("alice").key("alice");
    machine.administer("exempt add alice --for 12h");
    is_not_asked(ssh());
    clock.moved(12 * 3600 + 60);
    is_asked(&machine, ssh());
    assert_eq!(machine.told("root", "exempt list").last().expect("it is listed")["state"], "over");
    machine.administer("exempt add alice --for 2d");
    clock.moved(DAY + 13 * 3600);
    is_not_asked(ssh());
    let told = machine.told("root", "exempt list");
    assert_eq!(told.last().expect("it is listed")["state"], "ends_soon", "{told:#?}");

    sql(&machine, "UPDATE meta SET value = zeroblob(length(value)) WHERE key = 'granted'");
    let ran = machine.mfactl("root", "exempt list").assert_exit(1);
    assert!(ran.stdout.contains("ALTERED: "), "{ran}");
    is_asked(&machine, ssh());
    let alarm = machine.log().wait_for("exemptions_altered");
    assert!(alarm.starts_with("<81>"), "authpriv.alert: {alarm}");
    is_asked(&machine, ssh());
    assert_eq!(machine.audit().with(&[("event", "exemptions_altered")]).len(), 1);
    machine.mfactl("root", "exempt list").stdout_of_success();
}

/// Runs SQL on the store, as root of the host could.
fn sql(machine: &Machine, statement: &str) {
    let store = "/var/lib/mfad/mfad.db";
    machine.exec(&["sqlite3", "-bail", "-cmd", ".timeout 5000", store, statement]).stdout_of_success();
}

/// A date, so many days from now.
fn day(days: u64) -> String {
    let seconds = clock::now() + days * 86_400;
    mfa_proto::time::day(seconds)
}

// S25
#[test]
fn one_list_has_every_exemption_and_what_needs_no_mfad_comes_first() {
    let settings = format!(
        "{REQUIRED}service_accounts = {{ uids = \"1-999\", users = [\"jobs\"] }}\n\
         [group.ops]\nmode = \"off\"\n[group.admins]\nmode = \"required\"\n\
         [[exempt]]\nuser = \"ansible\"\nservice = [\"sshd\"]\nreason = \"CHG-118\"\nuntil = {}\n\
         [[exempt]]\nuser = \"backup\"\nreason = \"CHG-9\"\nuntil = 2020-01-01\n\
         [[rule]]\nname = \"from the office\"\nwhen = {{ address = \"192.0.2.0/24\" }}\nthen = \"skip\"\n\
         reason = \"CHG-3\"\nuntil = {}\n",
        day(9),
        day(90),
    );
    let machine = Machine::new()
        .user(User::named("root").password("root's").ssh_key())
        .user(not_enrolled("bob"))
        .pam("sshd", Stack::password_then_mfa())
        .sshd("Match User root Address 10.0.0.0/8\n    AuthenticationMethods publickey\nMatch User deploy\n    AuthenticationMethods publickey\nMatch all")
        .settings(&settings)
        .start();
    machine.administer("exempt add bob --service sshd --for 2d");
    let rows = machine.told("root", "exempt list");
    let is_glass = |row: &&Value| row["kind"] == "break_glass";
    let glass = rows.iter().take_while(is_glass).count();
    assert!(glass >= 2 && rows.iter().filter(is_glass).count() == glass, "{rows:#?}");
    let by_console = |row: &Value| text(row, "reason").contains("root's password at the console");
    assert!(rows[..glass].iter().any(by_console), "{rows:#?}");
    assert!(rows[..glass].iter().any(|row| text(row, "only").contains("Match User root Address 10.0.0.0/8")));
    let told: Vec<[&str; 3]> =
        rows[glass..].iter().map(|row| ["kind", "who", "state"].map(|key| text(row, key))).collect();
    assert_eq!(
        told,
        [
            ["sshd", "deploy", "in_force"],
            ["service_accounts", "jobs, uid 1-999", "in_force"],
            ["group", "group ops", "in_force"],
            ["rule", "everybody", "in_force"],
            ["exempt", "ansible", "ends_soon"],
            ["exempt", "backup", "over"],
            ["granted", "bob", "in_force"],
        ]
    );
    // Where it is written is where it is found.
    for (who, line) in [("ansible", "user = \"ansible\""), ("backup", "user = \"backup\"")] {
        let row = rows.iter().find(|row| row["who"] == who).expect("it is listed");
        let (file, number) = text(row, "place").rsplit_once(':').expect("file and line");
        let number: usize = number.parse().expect("a number");
        let written = machine.read(file);
        assert_eq!(written.lines().nth(number), Some(line), "the line after [[exempt]]");
    }
    for exemption in &rows[glass + 1..] {
        assert_ne!(text(exemption, "reason"), "", "{exemption:#}");
        let endless = ["service_accounts", "group"].contains(&text(exemption, "kind"));
        assert_eq!(exemption["until"] == 0, endless, "{exemption:#}");
    }
    let group = rows.iter().find(|row| row["kind"] == "group").expect("it is listed");
    assert!(
        text(group, "reason").contains("mode off")
            && text(group, "place").starts_with("/etc/mfad/mfad.toml:")
    );
    let words = machine.mfactl("root", "exempt list").stdout_of_success();
    assert!(words.starts_with("break glass"), "{words}");
    assert!(words.contains("ENDS in 9 days") && words.contains("OVER since 2020-01-01"), "{words}");
    let table = csv(&machine.mfactl("root", "exempt list --csv").stdout_of_success());
    assert_eq!(column(&table, "who").len(), rows.len());
    // mfad says so by itself, at its start and each day.
    machine.mfad().restart();
    let line = machine.log().wait_for("the exemption of ansible (CHG-118, ");
    assert!(line.contains("ends in 9 days"), "{line}");
}

#[test]
fn reports_count_what_was_done() {
    let machine = alice_with_a_key().user(not_enrolled("bob")).user(not_enrolled("jobs")).start();
    machine.shell("groupadd ops; usermod -aG ops alice; usermod -aG ops bob");
    let wrong = machine.token("alice").wrong_code();
    let _ = machine.ssh("alice").password("pw").code(&wrong).code(&wrong).assert_refused();
    let _ = machine.sudo("alice").password("pw").code(&wrong).assert_refused();
    let _ = machine.ssh("bob").password("pw").code("123456").assert_refused();

    // Who was refused.
    let told = report(&machine, "failures --since 1h");
    let count = |told: &Value, user: &str, service: &str, reason: &str| {
        let is = |row: &&Value| row["user"] == user && row["service"] == service && row["reason"] == reason;
        rows(told, "rows").iter().filter(is).filter_map(|row| row["count"].as_u64()).sum::<u64>()
    };
    let refused = machine.audit().with(&[("event", "refused")]).len() as u64;
    assert!(count(&told, "alice", "sshd", "wrong_code") >= 2, "{told:#}");
    assert!(count(&told, "alice", "sudo", "wrong_code") >= 1, "{told:#}");
    assert!(count(&told, "bob", "sshd", "not_enrolled") >= 1, "{told:#}");
    assert!(told["refusals"].as_u64() >= Some(refused), "{told:#}");
    let door = &rows(&told, "doors")[0];
    assert_eq!((text(door, "door"), &door["users"]), ("address 127.0.0.1", &2.into()), "{told:#}");
    let none = report(&machine, &format!("failures --since {}", day(1)));
    assert_eq!((rows(&none, "rows").len(), &none["refusals"]), (0, &0.into()));
    let empty = machine.mfactl("root", &format!("report failures --since {} --csv", day(1)));
    let empty = csv(&empty.stdout_of_success());
    assert_eq!(
        (empty.len(), column(&empty, "user")),
        (2, vec![""]),
        "the head is there where nothing else is"
    );

    // Who was recovered.
    let recover = "user recover alice --verified-by passport --ticket";
    machine.administer(&format!("{recover} 1"));
    let code = machine.administer(&format!("{recover} 2"));
    let states = |machine: &Machine| {
        let told = report(machine, "recoveries --since 90d");
        let state =
            |row: &Value| [text(row, "ticket"), text(row, "verified_by"), text(row, "state")].join(" ");
        rows(&told, "rows").iter().map(state).collect::<Vec<_>>()
    };
    assert_eq!(states(&machine), ["1 passport replaced", "2 passport open"]);
    let code = text(&code, "recovery_code");
    let begun = machine.begin_enrolment("alice", "--recovery --label new", code);
    let _ = machine.confirm_enrolment("alice", &begun, &begun.code_at(-1));
    assert_eq!(states(&machine), ["1 passport replaced", "2 passport used"]);

    // Who is ready.
    let told = report(&machine, "coverage");
    let group = |told: &Value, name: &str| {
        let found = rows(told, "groups").iter().find(|row| row["group"] == name);
        let found = found.unwrap_or_else(|| panic!("no {name} in {told:#}"));
        ["people", "enrolled", "not_enrolled", "exempt"].map(|key| found[key].as_u64().expect("a number"))
    };
    assert_eq!(group(&told, "(all)"), [4, 2, 2, 0], "alice, ada; bob, jobs; root has no way in: {told:#}");
    assert_eq!(group(&told, "ops"), [2, 1, 1, 0]);
    machine.administer("exempt add jobs --for 2d");
    let given = machine.administer("exempt add bob --service sshd");
    assert_eq!(group(&report(&machine, "coverage"), "(all)"), [4, 2, 1, 1], "bob is exempt at sshd alone");
    let ops = report(&machine, "coverage --group ops");
    assert_eq!(rows(&ops, "groups").len(), 1);
    let words = machine.mfactl("root", "report coverage").stdout_of_success();
    assert!(words.contains("Not ready:\nbob ") && words.contains("no factor, exempt in part"), "{words}");
    let table = csv(&machine.mfactl("root", "report coverage --csv").stdout_of_success());
    assert_eq!(column(&table, "name"), ["alice", "ada", "bob", "jobs"]);
    assert_eq!(column(&table, "standing"), ["enrolled", "enrolled", "not_enrolled", "exempt"]);
    let settings = text(&ops, "settings");
    assert!(column(&table, "settings").iter().all(|hash| *hash == settings));

    // Who was exempt.
    machine.administer(&format!("exempt end {}", text(&given, "id")));
    let past = report(&machine, "exemptions --all-since 1h");
    let granted = rows(&past, "rows").iter().filter(|row| row["kind"] == "granted");
    let told: Vec<[&str; 2]> = granted.map(|row| [text(row, "who"), text(row, "state")]).collect();
    assert_eq!(told, [["jobs", "in_force"], ["bob", "ended"]]);

    // Other settings, another hash; a row that was altered, and it is said.
    machine.write("/etc/mfad/mfad.toml.d/50.toml", 0o644, "[policy]\ngrace = \"30d\"\n");
    let checked = machine.exec(&["mfad", "--check"]).stdout_of_success(); // asks no daemon
    machine.mfad().restart();
    let graced = report(&machine, "coverage");
    assert_ne!(text(&graced, "settings"), settings);
    let told = format!("mode required, SHA-256 {}\n", text(&graced, "settings"));
    assert!(checked.ends_with(&told), "{checked} is not {told}");
    sql(&machine, "UPDATE audit SET tag = zeroblob(length(tag)) WHERE seq = 3");
    let ran = machine.mfactl("root", "report coverage").assert_exit(1);
    assert!(ran.stdout.contains("Audit:     NOT INTACT from row 3 on"), "{ran}");
    let ran = machine.mfactl("root", "report coverage --csv").assert_exit(1);
    assert!(column(&csv(&ran.stdout), "audit").iter().all(|state| *state == "broken at 3"), "{ran}");
}

// S29
#[test]
fn no_name_and_no_reason_is_a_formula_or_a_row_of_its_own() {
    let machine = alice_with_a_key().start();
    machine.shell(
        "echo '=1+1:x:1500:1500::/tmp:/bin/bash' >>/etc/passwd; printf '%s\\n' '@x,\"y:x:1501:1501::/tmp:/bin/bash' >>/etc/passwd",
    );
    let add =
        ["mfactl", "exempt", "add", "=1+1", "--reason", "=HYPERLINK(\"x\")\r\n9,9", "--break-glass", "+1"];
    machine.exec(&add).stdout_of_success();
    let table = csv(&machine.mfactl("root", "report exemptions --csv").stdout_of_success());
    let at = column(&table, "kind").iter().position(|kind| *kind == "granted").expect("it is listed");
    assert_eq!(column(&table, "who")[at], "'=1+1");
    assert_eq!(column(&table, "reason")[at], "'=HYPERLINK(\"x\")\\x0d\\x0a9,9");
    assert_eq!(column(&table, "break_glass")[at], "'+1");
    let table = csv(&machine.mfactl("root", "report coverage --csv").stdout_of_success());
    let names = column(&table, "name");
    assert!(names.contains(&"'=1+1") && names.iter().any(|name| name.starts_with("'@x,")), "{names:?}");
    let told = report(&machine, "exemptions");
    assert!(rows(&told, "rows").iter().any(|row| row["who"] == "=1+1"), "JSON has it as it is: {told:#}");
}
