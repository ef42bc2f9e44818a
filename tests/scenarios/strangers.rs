//! Who does not know the password learns nothing: not who exists, not who is enrolled, not who is locked.

use std::time::{Duration, Instant};

use mfa_proto::facts::{self, Facts};
use mfa_tests::{Machine, Outcome, Stack, User};

use crate::people::{REQUIRED, enrolled, not_enrolled};
use crate::{name_services, wire};

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
        // Coarse, over a whole host program; mfad's own tests compare five thousand answers of each kind.
        assert!(alice.abs_diff(other) < Duration::from_millis(30), "{name}: {other:?}, alice: {alice:?}");
    }
}

// S21: where rules name groups, a directory service is asked for them, and takes its time.
#[test]
fn how_long_the_question_takes_does_not_tell_who_is_known() {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .user(not_enrolled("bob"))
        .settings("[policy]\nmode = \"required\"\n[group.ops]\nmode = \"off\"\n")
        .start();
    machine.shell("sed -i 's/^group:.*/group: files source/' /etc/nsswitch.conf");
    name_services::add_source(&machine);
    machine.write("/etc/name-source", 0o644, "empty, 40 ms late");
    let asked_within = |name: &str, facts: &Facts| {
        let mut wire = wire::connect(&machine).expect("mfad accepts");
        #[expect(clippy::disallowed_methods, reason = "a stranger has a clock of their own")]
        let began = Instant::now();
        assert!(wire::begin(&mut wire, name, "sshd", facts).expect("an answer"), "{name} is asked");
        began.elapsed()
    };
    // Asked for the first time, and when the answer is still known. The least of three: what comes on top is the
    // machine's own business.
    let mut least = [[Duration::MAX; 3]; 2];
    for _ in 0..3 {
        machine.mfad().restart();
        for times in &mut least {
            for (time, name) in times.iter_mut().zip(["alice", "bob", "nobody-of-that-name"]) {
                *time = asked_within(name, &Facts::new()).min(*time);
            }
        }
    }
    for times in least {
        assert!(times.iter().all(|time| time.abs_diff(times[0]) < Duration::from_millis(30)), "{least:?}");
    }
    // Who has shown a password or a key waits for no beat.
    let attested = Facts::from([(facts::SSH_AUTH_INFO.to_owned(), b"password".to_vec())]);
    let known = asked_within("alice", &attested);
    assert!(known < Duration::from_millis(200), "{known:?}");
}
