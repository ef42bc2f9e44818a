//! Each system call of the module fails in turn: an error is never a grant, and never an exemption.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use mfa_tests::{Machine, Stack};
use serde_json::Value;

use crate::people::{REQUIRED, enrolled, not_enrolled};

/// How many logins are made at one time; a refusal is mostly waiting.
const AT_ONCE: usize = 16;

/// Errors that calls are made to fail with.
const ERRORS: [&str; 5] = ["EIO", "ENOMEM", "EINTR", "EMFILE", "ECONNRESET"];

/// How often a login may be asked for a code.
const PROMPTS: usize = 3;

/// Ours between two files that nobody has, which the trace shows being looked for. What ours ignores, the auth
/// phase passes; the account phase fails there, since nothing else in it says yes.
fn marked() -> Stack {
    let phase = |name: &str| {
        let echo = format!("{name} optional pam_echo.so file=");
        format!("{echo}/ours-begins\n{name} required pam_mfa.so\n{echo}/ours-ends\n")
    };
    Stack::raw(&(phase("auth") + "auth required pam_permit.so\n" + &phase("account")))
}

/// The system calls that our module makes in `trace`, each with its number among those of its name in the
/// process. The few by which `pam_echo` says in the log that its file is missing are among them.
fn calls_of_ours(trace: &str) -> Vec<(String, usize)> {
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut ours = false;
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((name, _)) = line.split_once('(') else { continue };
        let count = counts.entry(name).or_default();
        *count += 1;
        if line.contains("\"/ours-begins\"") {
            ours = true;
        } else if line.contains("\"/ours-ends\"") {
            ours = false;
        } else if ours {
            calls.push((name.to_owned(), *count));
        }
    }
    calls
}

/// One login of `user` under strace with these options, who types the same at every prompt.
fn under_strace(machine: &Machine, user: &str, typed: &str, options: &[&str]) -> Value {
    let answers = ["--answer", typed].repeat(PROMPTS);
    let host = [&["pam_host", "login", "door", user, "--keep-going"], &answers[..]].concat();
    let ran = machine.exec(&[&["strace", "-qq"], options, &host].concat());
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{options:?} ended the host: {error}\n{ran}"))
}

/// What the phase of that name answered in a login.
fn code_of<'a>(report: &'a Value, phase: &str) -> Option<&'a str> {
    let phases = report["phases"].as_array()?;
    phases.iter().find(|one| one["phase"] == phase)?["code"].as_str()
}

/// Lets each call of ours fail with each of the errors, in logins that are to be refused anyway: all of them
/// are, and most of the faults came about (a fault may end the login before the next one of its kind).
fn assert_no_fault_lets_in(machine: &Machine, users: &[(String, String)]) {
    let (user, typed) = &users[0];
    // mfad is started by the first.
    for _ in 0..2 {
        let _ = under_strace(machine, user, typed, &["-o", "/tmp/trace"]);
    }
    let calls = calls_of_ours(&machine.read("/tmp/trace"));
    assert!(calls.len() > 20, "too few calls of ours: {calls:?}");
    let faults: Vec<String> = calls
        .iter()
        .flat_map(|(name, when)| ERRORS.map(|error| format!("inject={name}:error={error}:when={when}")))
        .collect();
    let faults: Vec<(usize, &String)> = faults.iter().enumerate().collect();
    let mut injected = 0;
    for some in faults.chunks(AT_ONCE) {
        injected += thread::scope(|scope| {
            let trying = some.iter().map(|(number, fault)| {
                let (user, typed) = &users[number % users.len()];
                scope.spawn(move || {
                    let trace = format!("/tmp/trace{number}");
                    let report = under_strace(machine, user, typed, &["-o", &trace, "-e", fault]);
                    for phase in ["authenticate", "acct_mgmt"] {
                        let code = code_of(&report, phase)
                            .unwrap_or_else(|| panic!("{fault}: no {phase}: {report}"));
                        assert!(!["PAM_SUCCESS", "PAM_IGNORE"].contains(&code), "{fault}: {phase}: {report}");
                    }
                    usize::from(machine.read(trace).contains("(INJECTED)"))
                })
            });
            let trying: Vec<_> = trying.collect();
            trying.into_iter().map(|thread| thread.join().expect("refused")).sum::<usize>()
        });
    }
    assert!(injected * 10 >= faults.len() * 9, "only {injected} of {} faults came about", faults.len());
}

// S22
#[test]
fn no_system_call_that_fails_lets_in_who_typed_a_wrong_code() {
    let names: Vec<String> = (0..24).map(|number| format!("user{number}")).collect();
    let machine = Machine::new()
        .users(names.iter().map(|name| enrolled(name)))
        .pam("door", marked())
        .start()
        .with_pam_host();
    let users: Vec<(String, String)> =
        names.into_iter().map(|name| (name.clone(), machine.token(&name).wrong_code())).collect();
    assert_no_fault_lets_in(&machine, &users);
}

// S22
#[test]
fn no_system_call_that_fails_lets_in_who_must_have_a_factor_and_has_none() {
    let machine = Machine::new()
        .user(not_enrolled("alice"))
        .pam("door", marked())
        .settings(REQUIRED)
        .start()
        .with_pam_host();
    assert_no_fault_lets_in(&machine, &[("alice".into(), "123456".into())]);
}

/// As `marked`, but with somebody in the account phase who says yes: what ours ignores there is a grant.
fn marked_beside_permit() -> Stack {
    Stack::raw(&(marked().text() + "account required pam_permit.so\n"))
}

/// The calls of the account phase alone, which begins where the markers come for the second time.
fn calls_of_the_account_phase(trace: &str) -> Vec<(String, usize)> {
    let before = trace.find("\"/ours-ends\"").expect("the auth phase was marked");
    let before = calls_of_ours(&trace[..before]);
    let mut calls = calls_of_ours(trace);
    calls.retain(|call| !before.contains(call));
    calls
}

// S22, S24
#[test]
fn no_system_call_that_fails_grants_a_login_that_was_not_settled() {
    // Measured with the first of them; each fault then has a user of its own, whose code is right.
    let names: Vec<String> = (0..150).map(|number| format!("user{number}")).collect();
    let machine = Machine::new()
        .user(enrolled("first"))
        .users(names.iter().map(|name| enrolled(name)))
        .pam("door", marked_beside_permit())
        .start()
        .with_pam_host();
    let login = |user: &str, options: &[&str]| {
        // No host goes on to the account phase after an auth phase that failed.
        let (code, strace) = (machine.token(user).code_at(1), ["strace", "-qq"]);
        let host = ["pam_host", "login", "door", user, "--answer", &code];
        let ran = machine.exec(&[&strace, options, &host].concat());
        serde_json::from_str::<Value>(&ran.stdout)
            .unwrap_or_else(|error| panic!("{options:?}: {error}\n{ran}"))
    };
    let report = login("first", &["-o", "/tmp/trace"]);
    assert_eq!(code_of(&report, "acct_mgmt"), Some("PAM_SUCCESS"), "{report}");
    let calls = calls_of_the_account_phase(&machine.read("/tmp/trace"));
    assert!(calls.len() > 10, "too few calls of ours: {calls:?}");
    let faults: Vec<String> = calls
        .iter()
        .flat_map(|(name, when)| ERRORS.map(|error| format!("inject={name}:error={error}:when={when}")))
        .collect();
    assert!(faults.len() <= names.len(), "{} faults need as many users", faults.len());

    let faults: Vec<(&String, &String)> = names.iter().zip(&faults).collect();
    let mut reports = Vec::new();
    for some in faults.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let (login, machine) = (&login, &machine);
            let trying = some.iter().map(|&(user, fault)| {
                scope.spawn(move || {
                    let trace = format!("/tmp/trace-{user}");
                    let report = login(user, &["-o", &trace, "-e", fault]);
                    (user, fault, report, machine.read(trace).contains("(INJECTED)"))
                })
            });
            let trying: Vec<_> = trying.collect();
            reports.extend(trying.into_iter().map(|thread| thread.join().expect("it was judged")));
        });
    }

    let audit = machine.audit();
    let settled: BTreeSet<&str> =
        audit.with(&[("event", "settled")]).into_iter().map(|row| row.text("user")).collect();
    let (mut injected, mut refused) = (0, 0);
    for (user, fault, report, came) in &reports {
        injected += usize::from(*came);
        let code = code_of(report, "acct_mgmt");
        refused += usize::from(code.is_some_and(|code| code != "PAM_SUCCESS"));
        let granted = code == Some("PAM_SUCCESS");
        assert!(!granted || settled.contains(user.as_str()), "{fault}: granted, not settled: {report}");
    }
    assert!(injected * 10 >= faults.len() * 9, "only {injected} of {} faults came about", faults.len());
    assert!(refused > 10, "the faults hardly meet the call: {refused}");
}
