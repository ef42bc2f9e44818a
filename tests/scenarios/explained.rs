//! What `mfactl policy explain` says becomes of a login is what becomes of it, and what `mfactl policy simulate` says
//! would change is what changes.

use std::time::Duration;

use mfa_tests::document::Page;
use mfa_tests::{Attempt, Machine, Outcome, Presses, Stack, User, Verdict, wait};
use serde_json::Value;

use crate::people::{enrolled, not_enrolled};
use crate::rescue::booted;

const PAGE: &str = "packaging/doc/administration.md";

const FILE: &str = "/etc/mfad/mfad.toml";
const OPTIONAL: &str = "[policy]\nmode = \"optional\"\n";

/// Puts these settings in force, and waits until they are.
fn settings(machine: &Machine, text: &str) {
    machine.write(FILE, 0o644, text);
    machine.shell("pkill -HUP -x mfad");
    let sha256 = machine.shell(&format!("sha256sum {FILE} | cut -d' ' -f1"));
    wait::for_condition("the settings are in force", Duration::from_secs(5), || {
        let explained = explain(machine, "root");
        explained["settings"]["files"][0]["sha256"] == sha256.trim() && explained["settings"]["fault"] == ""
    });
}

fn explain(machine: &Machine, line: &str) -> Value {
    let words: Vec<String> = line.split(' ').map(|word| word.replace('\u{a0}', " ")).collect();
    let argv = ["mfactl", "policy", "explain", "--json"].into_iter().chain(words.iter().map(String::as_str));
    let ran = machine.exec(&argv.collect::<Vec<_>>());
    let said: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    let refused = ["refuse", "deny"].map(Value::from).contains(&said["verdict"]["decision"]);
    let _ = ran.assert_exit(i32::from(refused));
    said
}

/// What became of a login, as decisions are called.
fn became(outcome: &Outcome) -> &'static str {
    let asked = outcome.transcript.contains("Verification code: ");
    match (outcome.verdict, asked) {
        (Verdict::Granted, true) => "ask",
        (Verdict::Granted, false) => "let_in",
        (Verdict::Refused, true) => "refuse",
        (Verdict::Refused, false) => "deny",
        (Verdict::Unjudged, _) => panic!("nobody judged: {outcome}"),
    }
}

/// Alice with a token, bob without, carol who is locked; before sshd, sudo and su.
fn people() -> (Machine, Presses) {
    let stack = Stack::password_then_mfa;
    let machine = Machine::new()
        .user(not_enrolled("alice").ssh_key())
        .user(not_enrolled("bob"))
        .user(enrolled("carol"))
        .user(User::named("root").password("pw"))
        .pam("sshd", stack())
        .pam("sudo", stack())
        .pam("su", stack())
        .pam("strange", Stack::mfa_alone())
        .sshd("AuthenticationMethods publickey,keyboard-interactive keyboard-interactive\nTrustedUserCAKeys /root/keys/ca.pub")
        .settings(OPTIONAL)
        .start();
    // A certificate for the same key, which lies by another name, so that ssh does not take it for both.
    machine.shell(
        "cd /root/keys; ssh-keygen -q -t ed25519 -N '' -f ca; cp alice certified; cp alice.pub certified.pub
         ssh-keygen -q -s ca -I alice -n alice certified.pub",
    );
    machine.shell("groupadd ops && usermod -aG ops alice");
    let token = machine.begin_enrolment("alice", "--type hotp --label token", "");
    let _ = machine.confirm_enrolment("alice", &token, &token.code_of_counter(0));
    machine.administer("user lock carol");
    (machine, Presses::after(token, 1))
}

/// A kind of login: its name, and what of it `explain` is told. A space within an argument does not break.
const LOGINS: [(&str, &str); 7] = [
    ("alice", "alice --address 127.0.0.1 --tty ssh"),
    ("alice by key", "alice --address 127.0.0.1 --tty ssh --key /root/keys/alice.pub"),
    ("alice by certificate", "alice --address 127.0.0.1 --tty ssh --key /root/keys/certified-cert.pub"),
    ("bob", "bob --address 127.0.0.1 --tty ssh"),
    ("carol", "carol --address 127.0.0.1 --tty ssh"),
    ("sudo", "alice --service sudo --command /usr/bin/sh\u{a0}-c\u{a0}x"),
    ("su", "alice --service su --target root"),
];

fn attempt(machine: &Machine, login: &str) -> Attempt {
    match login {
        "alice" | "bob" | "carol" => machine.ssh(login),
        "alice by key" => machine.ssh("alice").key("alice"),
        "alice by certificate" => machine.ssh("alice").key("certified"),
        "sudo" => machine.sudo("alice"),
        "su" => machine.su("alice"),
        other => panic!("{other}"),
    }
}

/// Settings, and the logins that are tried under them.
fn policies(key: &str) -> Vec<(String, &'static [&'static str])> {
    let with = |mode: &str, more: &str| format!("[policy]\nmode = \"{mode}\"\n{more}\n");
    let skips = "reason = \"CHG-1\"\nuntil = 2999-01-01\n";
    vec![
        (with("off", ""), &["alice", "bob"]),
        (
            with("observe", "[[rule]]\nname = \"no\"\nwhen = { service = [\"sudo\"] }\nthen = \"deny\""),
            &["alice", "bob", "sudo"],
        ),
        (with("optional", ""), &["alice", "bob", "carol"]),
        (with("required", ""), &["alice", "bob", "su"]),
        (with("required", "grace = \"30d\""), &["bob", "carol"]),
        (with("required", "required_from = 2999-01-01"), &["bob", "sudo"]),
        (with("required", "service_accounts = { users = [\"bob\"] }"), &["bob", "alice"]),
        (
            with("required", &format!("[[exempt]]\nuser = \"alice\"\naddress = \"127.0.0.0/8\"\n{skips}")),
            &["alice", "sudo"],
        ),
        (with("required", "[[exempt]]\nuser = \"bob\"\nreason = \"CHG-2\"\nuntil = 2020-01-01\n"), &["bob"]),
        (
            with(
                "required",
                &format!("[[rule]]\nname = \"key\"\nwhen = {{ key = \"{key}\" }}\nthen = \"skip\"\n{skips}"),
            ),
            &["alice", "alice by key", "alice by certificate"],
        ),
        (
            with(
                "optional",
                "[networks]\nhere = \"127.0.0.0/8\"\n[[rule]]\nname = \"here\"\nwhen = { network = \"here\" }\n\
                 unless = { service = \"sudo\", command = \"/usr/bin/sh\" }\nthen = \"deny\"",
            ),
            &["alice", "bob", "sudo"],
        ),
        (with("optional", "[[rule]]\nname = \"all\"\nthen = \"ask_fresh\""), &["alice", "bob", "su"]),
        (with("off", "[group.ops]\nmode = \"required\""), &["alice", "bob", "carol"]),
        (with("required", "[service.su]\nsubject = \"target\""), &["su"]),
        (
            with(
                "optional",
                "[[rule]]\nname = \"sh\"\nwhen = { service = \"sudo\", command = \"/usr/bin/sh *\" }\nthen = \"deny\"\n\
                 [[rule]]\nname = \"never\"\nwhen = { command = \"/usr/bin/passwd\", service = \"sshd\" }\nthen = \"deny\"",
            ),
            &["sudo", "alice"],
        ),
    ]
}

#[test]
fn what_is_explained_is_what_happens() {
    let (machine, presses) = people();
    let key = machine.shell("ssh-keygen -lf /root/keys/alice.pub | cut -d' ' -f2");
    for (text, logins) in policies(key.trim()) {
        settings(&machine, &text);
        for login in logins {
            let (_, words) = LOGINS.iter().find(|(name, _)| name == login).expect("a kind of login");
            let explained = explain(&machine, words);
            let code = if *login == "carol" { machine.token("carol").code() } else { presses.code() };
            let outcome = attempt(&machine, login).password("pw").code(&code).run();
            let (verdict, sentence) = (&explained["verdict"], &explained["sentence"]);
            assert_eq!(verdict["decision"], became(&outcome), "{login} under\n{text}{sentence}\n{outcome}");
            if explained["asked"] != "off" {
                because(&machine, login, verdict["by"].as_str().expect("a part"));
            }
        }
    }
}

/// The audit names the same part of the settings for the last verdict.
fn because(machine: &Machine, login: &str, by: &str) {
    let audit = machine.audit();
    let verdict = |row: &&mfa_tests::Record| ["granted", "refused", "waived"].contains(&row.text("event"));
    let last = audit.records().iter().rfind(verdict).expect("a verdict");
    let said = last.text("because").split(": would ").next().unwrap_or_default().to_owned();
    assert_eq!(said, by, "{login}");
}

/// The rows of a simulation that are not its summary, and the summary.
fn simulate(machine: &Machine, text: &str, options: &str) -> (Vec<Value>, Value) {
    machine.write("/root/new.toml", 0o600, text);
    let ran = machine.mfactl("root", &format!("policy simulate --with /root/new.toml --json {options}"));
    let mut rows: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let summary = rows.pop().unwrap_or_else(|| panic!("no summary: {ran}"));
    let _ = ran.assert_exit(if summary["changed"] == 0 { 0 } else { 7 });
    (rows, summary)
}

/// User, service, change, and where what would decide it is written.
fn changes(rows: &[Value]) -> Vec<[&str; 4]> {
    rows.iter().map(row_text).collect()
}

fn row_text(row: &Value) -> [&str; 4] {
    [&row["user"], &row["service"], &row["change"], &row["would"]["at"]]
        .map(|value| value.as_str().expect("text"))
}

// S29
#[test]
fn a_simulation_tells_each_decision_that_would_change_and_no_other() {
    let (machine, presses) = people();
    let odd = "=x\u{1b}[31m";
    let _ = machine.ssh("alice").password("pw").code(&presses.code()).assert_granted();
    let _ = machine.ssh("bob").password("pw").assert_granted();
    let _ = machine.sudo("alice").password("pw").code(&presses.code()).assert_granted();
    let _ = machine.su("alice").password("pw").code(&presses.code()).assert_granted();
    let _ = machine.pamtester("strange", odd).code("123456").code("123456").code("123456").assert_refused();

    // The settings in force change nothing.
    let (rows, summary) = simulate(&machine, OPTIONAL, "--all");
    assert!(
        rows.len() >= 5 && summary["changed"] == 0 && summary["judged"] == rows.len(),
        "{summary} {rows:?}"
    );

    let required = "[policy]\nmode = \"required\"\n";
    let (rows, summary) = simulate(&machine, required, "");
    assert_eq!(summary["newly_refused"], rows.len(), "{summary}");
    let names: Vec<_> = changes(&rows);
    assert_eq!(names[0], ["bob", "sshd", "newly_refused", "/root/new.toml:2"], "{names:?}");
    assert!(names[1..].iter().all(|row| row[0].starts_with("=x")), "{names:?}");

    // Grace begins when they are taken.
    let (rows, _) = simulate(&machine, &format!("{required}grace = \"30d\"\n"), "");
    assert!(changes(&rows).iter().all(|row| row[0] != "bob"), "{rows:?}");

    let rules = format!(
        "{OPTIONAL}[[rule]]\nname = \"no \u{202e}su\"\nwhen = {{ service = \"su\" }}\nthen = \"deny\"\n\
         [[rule]]\nname = \"argument\"\nwhen = {{ command = \"/usr/bin/sh -c *\", service = \"sudo\" }}\nthen = \"deny\"\n\
         [[exempt]]\nuser = \"alice\"\nservice = \"sshd\"\nreason = \"CHG-1\"\nuntil = 2999-01-01\n"
    );
    let (rows, summary) = simulate(&machine, &rules, "");
    assert_eq!(
        changes(&rows),
        [
            ["alice", "sshd", "newly_let_in", "/root/new.toml:11"],
            ["alice", "sudo", "newly_refused", "/root/new.toml:7"],
            ["root", "su", "newly_refused", "/root/new.toml:3"],
        ]
    );
    assert_eq!(summary["by_program"], 1, "{summary}");
    let shown = machine.mfactl("root", "policy simulate --with /root/new.toml --csv").assert_exit(7);
    assert!(!shown.stdout.contains('\u{202e}') && shown.stdout.contains(r"no \u{202e}su"), "{shown}");

    // Neither a terminal nor a spreadsheet does what a name says.
    let (rows, _) = simulate(&machine, required, "");
    assert!(rows.iter().any(|row| row["user"] == r"=x\x1b[31m"), "{rows:?}");
    for line in ["", "--csv"] {
        let shown =
            machine.mfactl("root", &format!("policy simulate --with /root/new.toml {line}")).assert_exit(7);
        assert!(!shown.stdout.contains('\u{1b}') && shown.stdout.contains(r"=x\x1b[31m"), "{shown}");
        assert!(line.is_empty() || shown.stdout.contains(r",'=x\x1b"), "{shown}");
    }

    let off = "[policy]\nmode = \"off\"\n";
    assert_eq!(simulate(&machine, off, "").1["newly_let_in"], 3);
    // What is in mfad.toml.d holds as well, and what is broken is told with its place.
    machine.write("/etc/mfad/mfad.toml.d/50-mode.toml", 0o644, OPTIONAL);
    assert_eq!(simulate(&machine, off, "").1["changed"], 0);
    machine.write("/root/new.toml", 0o600, "[policy]\nmode = \"off\"\nmood = 1\n");
    let broken = machine.mfactl("root", "policy simulate --with /root/new.toml").assert_exit(2);
    assert!(broken.stderr.contains("/root/new.toml") && broken.stderr.contains("line 3"), "{broken}");

    // Nobody else may ask.
    machine.write("/tmp/new.toml", 0o644, off);
    let _ = machine.mfactl("alice", "policy simulate --with /tmp/new.toml").assert_exit(4);
    let _ = machine.mfactl("alice", "policy explain alice").assert_exit(4);
}

#[test]
fn a_policy_is_tried_before_it_holds() {
    let people = ["alice", "bob"].map(not_enrolled);
    let machine = booted(Machine::new().users(people).pam("sshd", Stack::password_then_mfa()));
    for _ in 0..2 {
        let _ = machine.ssh("bob").option("-oConnectionAttempts=10").password("pw").assert_granted();
    }
    Page::of(PAGE, "try-a-policy").play(&machine, &mut |_| "pw".into());
}
