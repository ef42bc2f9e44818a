//! mfad is killed while many log in.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use mfa_tests::{Machine, Stack, wait};

use crate::people::enrolled;

const USERS: usize = 8;

/// How often mfad is killed.
const KILLS: usize = 12;

/// Kills mfad whenever it has judged a little more; the logins have it started again. How often it could.
fn kill_in_the_midst_of_it(machine: &Machine) -> usize {
    // A login that was answered, and asked for another code.
    let judged = || machine.log().matching("reason=no_conversation").len();
    let mut seen = judged();
    let mut kill = |_: &usize| {
        let found =
            wait::until(Duration::from_secs(10), || (judged() > seen + 3).then(|| machine.mfad().pid())?);
        let Some(pid) = found else { return false };
        seen = judged();
        let _ = machine.exec(&["kill", "-KILL", &pid]);
        true
    };
    (0..KILLS).take_while(&mut kill).count()
}

// S31, S3, S9
#[test]
fn killed_again_and_again_under_load_it_lets_no_code_in_twice() {
    let names: Vec<String> = (0..USERS).map(|number| format!("user{number}")).collect();
    let machine = Machine::new()
        .users(names.iter().map(|name| enrolled(name)))
        .pam("door", Stack::mfa_alone())
        .start()
        .with_pam_host();
    let codes: Vec<[String; 2]> =
        names.iter().map(|name| [machine.token(name).code(), machine.token(name).code_at(1)]).collect();
    let granted: Vec<[AtomicUsize; 2]> = names.iter().map(|_| <[AtomicUsize; 2]>::default()).collect();
    let done = AtomicBool::new(false);
    let log_in = |user: usize, which: usize| {
        let report = machine.pam_host("door", &names[user], &["--answer", &codes[user][which]]);
        granted[user][which].fetch_add(usize::from(report.granted()), Ordering::Relaxed);
    };

    let killed = thread::scope(|scope| {
        // Two for each user, with the same two codes, until the killing is over.
        for user in (0..USERS).chain(0..USERS) {
            let (log_in, done) = (&log_in, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    log_in(user, 0);
                    log_in(user, 1);
                }
            });
        }
        let _done = wait::Raises(&done);
        kill_in_the_midst_of_it(&machine)
    });
    let log = machine.log().lines();
    assert_eq!(
        killed,
        KILLS,
        "mfad did not come again in time:\n{}",
        log[log.len().saturating_sub(60)..].join("\n")
    );

    // Each code once more, now that it is quiet.
    for user in 0..USERS {
        log_in(user, 0);
        log_in(user, 1);
    }
    let counts: Vec<[usize; 2]> =
        granted.iter().map(|two| [0, 1].map(|which| two[which].load(Ordering::Relaxed))).collect();
    assert!(counts.iter().flatten().all(|count| *count <= 1), "a code was accepted twice: {counts:?}");
    assert!(counts.iter().flatten().sum::<usize>() > 0, "nobody was ever let in: {counts:?}");
    let rows = machine.audit().with(&[("event", "granted")]).len();
    assert!(rows >= counts.iter().flatten().sum(), "a login without its row");
    machine.exec(&["mfactl", "audit", "verify"]).stdout_of_success();
}

// S31, S9: what was counted before the kill still counts, however often.
#[test]
fn killed_after_every_wrong_try_it_gives_no_more_tries_than_without() {
    let machine =
        Machine::new().user(enrolled("alice")).pam("door", Stack::mfa_alone()).start().with_pam_host();
    let wrong = machine.token("alice").wrong_code();
    for _ in 0..8 {
        assert!(!machine.pam_host("door", "alice", &["--answer", &wrong]).granted());
        machine.mfad().kill();
    }
    let judged = machine.audit().with(&[("event", "refused"), ("reason", "wrong_code")]).len();
    assert_eq!(judged, 5);
    let code = machine.token("alice").code();
    assert!(!machine.pam_host("door", "alice", &["--answer", &code]).granted());
}
