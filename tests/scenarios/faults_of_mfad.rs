//! Each system call of mfad fails in turn while people log in: an error is never a grant, and never an exemption.

use std::collections::BTreeMap;
use std::thread;

use mfa_tests::host::Report;
use mfa_tests::{Machine, Presses, Stack};

use crate::administration::with_a_button;
use crate::people::not_enrolled;

/// What is tried at most of the calls of one name in one thread, from the first one on.
const DEEP: usize = 6;
/// Errors that calls are made to fail with, in turn.
const ERRORS: [&str; 4] = ["EIO", "ENOMEM", "EINTR", "ENOSPC"];
/// Who logs in.
const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// What is typed that is no code of anybody's now; a right one is that by a chance of eight in a million.
const WRONG: &str = "000000";
/// Machines that share the faults; a refusal is mostly waiting.
const MACHINES: usize = 3;
/// Where strace writes.
const TRACE: &str = "/tmp/trace";

/// What ours ignores, this passes, in both phases.
fn beside_permit() -> Stack {
    let phase = |name: &str| format!("{name} required pam_mfa.so\n{name} required pam_permit.so\n");
    Stack::raw(&(phase("auth") + &phase("account")))
}

/// The names of the calls in `trace`, each with how often one thread made it at most.
fn calls(trace: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::<(&str, &str), usize>::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some((name, _)) = call.split_once('(')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            *counts.entry((thread, name)).or_default() += 1;
        }
    }
    let mut most = BTreeMap::<String, usize>::new();
    for ((_, name), count) in counts {
        let most = most.entry(name.to_owned()).or_default();
        *most = count.max(*most);
    }
    most
}

/// One login by that code; nothing is typed at a second prompt.
fn log_in(machine: &Machine, user: &str, code: &str) -> Report {
    machine.pam_host("door", user, &["--answer", code])
}

/// A machine with an mfad that has judged before, and the buttons of its people's tokens. No backup codes are made:
/// they cost more than all the rest.
fn machine() -> (Machine, Vec<(&'static str, Presses)>) {
    let machine = Machine::new()
        .users(PEOPLE.map(not_enrolled))
        .pam("door", beside_permit())
        .settings("[policy]\nmode = \"optional\"\n[factors]\nallowed = [\"hotp\"]\n")
        .start()
        .with_pam_host();
    let people: Vec<_> = PEOPLE.into_iter().map(|user| (user, with_a_button(&machine, user))).collect();
    for (user, token) in &people {
        assert!(log_in(&machine, user, &token.code()).granted());
    }
    (machine, people)
}

/// What each call is made to fail with, by the calls that a refused login and a granted one make.
fn faults() -> Vec<(String, String)> {
    let (machine, people) = machine();
    let (user, token) = &people[0];
    let traced = machine.mfad().traced(TRACE, &[]);
    assert!(!log_in(&machine, user, WRONG).granted());
    assert!(log_in(&machine, user, &token.code()).granted());
    let calls = calls(&traced.end());
    // Those of one name are not tried one after the other: a token must not run ahead of its counter.
    let places = (1..=DEEP).flat_map(|when| {
        let made = calls.iter().filter(move |(_, most)| **most >= when);
        made.map(move |(name, _)| (name, when))
    });
    let fault = |((name, when), error): ((&String, usize), &&str)| {
        (name.clone(), format!("inject={name}:error={error}:when={when}"))
    };
    places.zip(ERRORS.iter().cycle()).map(fault).collect()
}

/// What came of some faults.
#[derive(Default)]
struct Came {
    about: usize,
    granted: usize,
}

/// At each of the faults one of the people types the right code, and another one a wrong one.
fn meet(faults: &[&(String, String)]) -> Came {
    let (machine, people) = machine();
    let (mfad, mut came) = (machine.mfad(), Came::default());
    let serving = || {
        if mfad.pid().is_none() {
            mfad.start();
        }
    };
    for (number, (call, fault)) in faults.iter().enumerate() {
        serving();
        let (user, token) = &people[number % people.len()];
        let (other, _) = &people[(number + 1) % people.len()];
        let code = token.code();
        let traced = mfad.traced(TRACE, &["-e", &format!("trace={call}"), "-e", fault]);
        thread::scope(|scope| {
            let refused = scope.spawn(|| log_in(&machine, other, WRONG));
            came.granted += usize::from(log_in(&machine, user, &code).granted());
            let refused = refused.join().expect("a report");
            assert!(!refused.granted(), "{fault}: let in with a wrong code: {refused}");
        });
        came.about += usize::from(traced.end().contains("(INJECTED)"));
        if call == "fcntl" {
            mfad.kill(); // a lock that the kernel did not take back goes with its process only; until then all are refused
        }
    }
    serving();
    for (user, token) in &people {
        let report = log_in(&machine, user, &token.code());
        let log = machine.log().lines();
        let last = log[log.len().saturating_sub(40)..].join("\n");
        assert!(report.granted(), "mfad does not serve {user} again after {faults:?}: {report}\n{last}");
    }
    let recorded = machine.audit().with(&[("event", "granted")]).len();
    assert!(recorded >= came.granted + 2 * people.len(), "somebody was let in without a record");
    machine.exec(&["mfactl", "audit", "verify"]).stdout_of_success();
    came
}

// S22
#[test]
fn no_system_call_of_mfad_that_fails_lets_in_who_typed_a_wrong_code() {
    let faults = faults();
    assert!(faults.len() > 40, "too few calls of mfad: {faults:?}");
    let came = thread::scope(|scope| {
        let share = |machine| faults.iter().skip(machine).step_by(MACHINES).collect::<Vec<_>>();
        let meeting: Vec<_> =
            (0..MACHINES).map(|machine| scope.spawn(move || meet(&share(machine)))).collect();
        meeting.into_iter().map(|thread| thread.join().expect("all held")).fold(
            Came::default(),
            |sum, came| Came { about: sum.about + came.about, granted: sum.granted + came.granted },
        )
    });
    eprintln!("{} faults, {} came about, {} let in", faults.len(), came.about, came.granted);
    assert!(came.about * 10 >= faults.len() * 8, "only {} of {} came about", came.about, faults.len());
    assert!(came.granted < faults.len(), "the faults meet nothing");
}
