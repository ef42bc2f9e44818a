//! Who does not know the password learns nothing: not who exists, not who is enrolled, not who is locked.

use std::time::Duration;

use mfa_tests::{Machine, Outcome, Stack, User};

use crate::people::{REQUIRED, enrolled, not_enrolled};

/// What a stranger can see of an outcome, without the name that the stranger gave.
fn seen(outcome: &Outcome, name: &str) -> (String, Option<i32>) {
    (outcome.transcript.replace(name, "NAME"), outcome.exit)
}

fn machine() -> Machine {
    Machine::new()
        .user(enrolled("alice"))
        .user(not_enrolled("bob"))
        .user(User::named("root").password("pw"))
        .pam("sshd", Stack::password_then_mfa_unattested())
        .pam("door", Stack::password_then_mfa_unattested())
        .sshd("PermitRootLogin prohibit-password")
        .settings(REQUIRED)
        .start()
}

// S21
#[test]
fn over_ssh_enrolled_not_enrolled_unknown_and_forbidden_look_alike() {
    let machine = machine();
    let wrong = machine.token("alice").wrong_code();
    let guess = |name: &str| {
        let attempt = machine.ssh(name).password("wrong").code(&wrong).code(&wrong).code(&wrong);
        seen(&attempt.assert_refused(), name)
    };
    let alice = guess("alice");
    for name in ["bob", "nobody-of-that-name", "root"] {
        assert_eq!(guess(name), alice, "{name}");
    }
}

// S21
#[test]
fn a_right_code_looks_like_a_wrong_one_where_the_password_is_wrong() {
    let machine = machine();
    let token = machine.token("alice");
    let wrong = machine.ssh("alice").password("wrong").code(&token.wrong_code()).assert_refused();
    let right = machine.ssh("alice").password("wrong").code(&token.code()).assert_refused();
    assert_eq!(wrong.code_prompts()[0], right.code_prompts()[0]);
}

// S21
#[test]
fn every_refusal_leaves_on_the_same_timer() {
    let machine = machine();
    let wrong = machine.token("alice").wrong_code();
    let median = |name: &str| {
        let try_once = |_| {
            let attempt = machine.pamtester("door", name).operations(&["authenticate"]);
            let outcome = attempt.password("wrong").code(&wrong).assert_refused();
            outcome.exchanges[1].then
        };
        let mut times: Vec<Duration> = (0..5).map(try_once).collect();
        times.sort();
        times[2]
    };
    let alice = median("alice");
    // On the beat: what came back when the work was done would come back sooner, and tell how long it took.
    assert!(alice >= Duration::from_millis(300), "{alice:?}");
    for name in ["bob", "nobody-of-that-name"] {
        let other = median(name);
        // Coarse, over a whole host program; the bench compares ten thousand calls.
        assert!(alice.abs_diff(other) < Duration::from_millis(30), "{name}: {other:?}, alice: {alice:?}");
    }
}
