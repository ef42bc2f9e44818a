//! Several factors, backup codes, step-up, and what a user is told.

use mfa_proto::one_time::{OneTimeCode, Purpose};

use super::{life::*, *};

// S14
#[test]
fn each_backup_code_works_once_in_every_spelling() {
    let host = Host::new(Mode::Required);
    let (_, codes) = host.enrol_with_codes(ALICE);
    assert_eq!(codes.len(), 10);
    assert_eq!(host.login("alice", &attested(HOME), &codes[3]).kind(), Kind::Proven);
    for typed in [codes[3].clone(), codes[3].to_lowercase(), codes[3].replace('-', " ")] {
        let again = host.login("alice", &attested(HOME), &typed);
        assert_eq!(reason(&again), (Kind::Ask, Some(Reason::Spent)), "{typed}");
    }
    assert_eq!(run(host.auth.status(ALICE)).unwrap().codes.left, 9);
    assert_eq!(host.login("alice", &attested(HOME), &codes[4].to_lowercase()).kind(), Kind::Proven);
    let wrong = OneTimeCode::new(Purpose::Backup(5), &[7; 14]);
    let refused = host.login("alice", &attested(HOME), &wrong.for_people());
    assert_eq!(reason(&refused), (Kind::Ask, Some(Reason::WrongCode)));
    // Another's code at the same slot is nobody's.
    let (_, bobs) = host.enrol_with_codes(BOB);
    assert_eq!(host.login("alice", &attested(HOME), &bobs[5]).reason(), Some(Reason::WrongCode));
    assert_eq!(host.login("bob", &attested(HOME), &bobs[5]).kind(), Kind::Proven);
}

// S9, S12: counted before it is hashed, and the limit comes first.
#[test]
fn wrong_backup_codes_run_out_and_right_ones_count_nothing() {
    let host = Host::new(Mode::Required);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    for code in &codes[..4] {
        assert_eq!(host.login("alice", &attested(HOME), code).kind(), Kind::Proven);
    }
    let wrong = OneTimeCode::new(Purpose::Backup(5), &[7; 14]).for_people();
    for _ in 0..5 {
        assert_eq!(host.login("alice", &attested(AWAY), &wrong).reason(), Some(Reason::WrongCode));
    }
    let limited = host.login("alice", &attested(AWAY), &codes[5]);
    assert_eq!(limited.reason(), Some(Reason::Limited));
    // The other shape of answer has a count of its own, and so has the known door.
    assert_eq!(host.login("alice", &attested(AWAY), &host.code(&seed, 0)).kind(), Kind::Proven);
    assert_eq!(host.login("alice", &attested(HOME), &codes[5]).kind(), Kind::Proven);
}

// S14: 200 at one moment, exactly one.
#[test]
fn one_backup_code_in_two_hundred_parallel_logins_is_good_once() {
    let host = Host::new(Mode::Required);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).kind(), Kind::Proven);
    // From a door each, or the budget of one would be all that is judged.
    let granted: usize = std::thread::scope(|scope| {
        let (host, codes) = (&host, &codes);
        let login = |n: usize| {
            let door = attested(&format!("192.0.2.{n}"));
            host.login("alice", &door, &codes[0]).kind() == Kind::Proven
        };
        let all: Vec<_> = (0..200).map(|n| scope.spawn(move || login(n))).collect();
        all.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
    });
    assert_eq!(granted, 1);
    assert_eq!(run(host.auth.status(ALICE)).unwrap().codes.left, 9);
}

// S3, S15: whichever comes first, nothing void is accepted after it, and nothing twice.
#[test]
fn renewal_against_use_and_removal_against_use() {
    let (mut used, mut refused) = (0, 0);
    for _ in 0..12 {
        let host = Host::new(Mode::Optional);
        let (seed, codes) = host.enrol_with_codes(ALICE);
        let proven = host.prove(ALICE, &host.code(&seed, 0));
        let renew = || drop(run(host.auth.codes_renew(ALICE, proven.clone())).unwrap());
        let (during, after) = race(|| host.login("alice", &attested(HOME), &codes[0]), renew);
        assert_ne!(after, Kind::Proven, "void or used");
        *(if during == Kind::Proven { &mut used } else { &mut refused }) += 1;

        // A second factor that is removed while it is used.
        host.clock.pass(30);
        let proven = host.prove(ALICE, &host.code(&seed, 0));
        let begun = run(host.auth.enroll_begin(ALICE, ask_for("tablet"), proven.clone())).unwrap();
        let tablet = seed_of(&begun.secret);
        assert_eq!(host.confirm(ALICE, &begun.enrollment, &host.code(&tablet, 0)), Ok(()));
        host.clock.pass(30);
        let code = host.code(&tablet, 0);
        let remove = || run(host.auth.factor_remove(ALICE, &begun.enrollment, proven.clone())).unwrap();
        let (during, after) = race(|| host.login("alice", &attested(HOME), &code), remove);
        assert_ne!(after, Kind::Proven, "gone or used");
        *(if during == Kind::Proven { &mut used } else { &mut refused }) += 1;
    }
    assert_eq!(used + refused, 24);
}

// S15
#[test]
fn renewal_replaces_the_set_and_takes_a_fresh_proof() {
    let host = Host::new(Mode::Required);
    let (seed, old) = host.enrol_with_codes(ALICE);
    assert_eq!(run(host.auth.codes_renew(ALICE, None)).unwrap_err().fault, Fault::NeedsProof);
    let proven = host.prove(ALICE, &host.code(&seed, 0));
    assert_eq!(run(host.auth.codes_renew(BOB, proven.clone())).unwrap_err().fault, Fault::NeedsProof);
    let new = run(host.auth.codes_renew(ALICE, proven)).unwrap();
    assert_eq!(host.login("alice", &attested(HOME), &old[0]).reason(), Some(Reason::WrongCode));
    assert_eq!(host.login("alice", &attested(HOME), &new[0]).kind(), Kind::Proven);
}

// S18
#[test]
fn a_session_alone_neither_adds_removes_renames_nor_renews() {
    let host = Host::new(Mode::Optional);
    let seed = host.enrol(ALICE);
    let id = run(host.auth.status(ALICE)).unwrap().factors[0].id.clone();
    let of_bob = {
        let bobs = host.enrol(BOB);
        host.prove(BOB, &host.code(&bobs, 0))
    };
    for proven in [None, of_bob] {
        let needs = Fault::NeedsProof;
        let begun = run(host.auth.enroll_begin(ALICE, ask_for("mine"), proven.clone()));
        assert_eq!(begun.unwrap_err().fault, needs);
        assert_eq!(run(host.auth.factor_remove(ALICE, &id, proven.clone())).unwrap_err().fault, needs);
        assert_eq!(run(host.auth.factor_rename(ALICE, &id, "x", proven.clone())).unwrap_err().fault, needs);
        assert_eq!(run(host.auth.codes_renew(ALICE, proven)).unwrap_err().fault, needs);
    }
    assert_eq!(host.prove(ALICE, "000000"), None, "a wrong code proves nothing");
    let code = host.code(&seed, 0);
    let proven = host.prove(ALICE, &code);
    assert!(proven.is_some());
    assert_eq!(host.prove(ALICE, &code), None, "nor does a spent one");
    run(host.auth.factor_rename(ALICE, &id, "old phone", proven.clone())).unwrap();
    let begun = run(host.auth.enroll_begin(ALICE, ask_for("tablet"), proven.clone())).unwrap();
    assert_eq!(host.confirm(ALICE, &begun.enrollment, &host.code(&seed_of(&begun.secret), 0)), Ok(()));
    assert_eq!(host.factors(ALICE), ["old phone", "tablet"]);
    run(host.auth.factor_remove(ALICE, &id, proven)).unwrap();
    assert_eq!(host.factors(ALICE), ["tablet"]);
}

// S18: even where logins are not asked.
#[test]
fn a_change_is_proven_in_every_mode() {
    for mode in [Mode::Off, Mode::Observe, Mode::Optional, Mode::Required] {
        let host = Host::new(mode);
        let seed = host.enrol(ALICE);
        assert_eq!(host.prove(ALICE, "000000"), None, "{mode:?}");
        assert!(host.prove(ALICE, &host.code(&seed, 0)).is_some(), "{mode:?}");
    }
}

#[test]
fn a_new_phone_takes_the_old_ones_place_when_it_is_confirmed() {
    let host = Host::new(Mode::Required);
    let old = host.enrol(ALICE);
    let proven = host.prove(ALICE, &host.code(&old, 0));
    let request = EnrollRequest { replace: "phone".into(), ..Default::default() };
    let begun = run(host.auth.enroll_begin(ALICE, request, proven)).unwrap();
    host.clock.pass(30);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&old, 0)).kind(), Kind::Proven);
    let new = seed_of(&begun.secret);
    assert_eq!(host.confirm(ALICE, &begun.enrollment, &host.code(&new, 0)), Ok(()));
    assert_eq!(host.factors(ALICE), ["phone"]);
    host.clock.pass(30);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&old, 0)).reason(), Some(Reason::WrongCode));
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&new, 0)).kind(), Kind::Proven);
}

// S3, S5
#[test]
fn a_token_by_counter_goes_forward_only_and_finds_back_by_two_codes() {
    let host = Host::new(Mode::Optional);
    let request = EnrollRequest { kind: "hotp".into(), label: "token".into(), ..Default::default() };
    let begun = run(host.auth.enroll_begin(ALICE, request, None)).unwrap();
    assert!(begun.uri.starts_with("otpauth://hotp/") && begun.uri.ends_with("counter=0"));
    let seed = seed_of(&begun.secret);
    let code = |counter| Host::hotp_code(&seed, counter);
    assert_eq!(host.confirm(ALICE, &begun.enrollment, &code(0)), Ok(()));
    let login = |counter| reason(&host.login("alice", &attested(HOME), &code(counter)));
    let proven = (Kind::Proven, Some(Reason::Plain));
    assert_eq!(login(0), (Kind::Ask, Some(Reason::Spent)), "the confirming code");
    assert_eq!(login(5), proven);
    assert_eq!(login(3), (Kind::Ask, Some(Reason::Spent)));
    assert_eq!(login(40), (Kind::Ask, Some(Reason::Ahead)));
    assert_eq!(login(42), (Kind::Ask, Some(Reason::Ahead)), "not in a row");
    assert_eq!(login(43), proven);
    assert_eq!(login(43), (Kind::Ask, Some(Reason::Spent)));
    assert_eq!(login(44), proven);
    assert_eq!(login(500), (Kind::Ask, Some(Reason::WrongCode)));
}

// S14: told to the owner, not to whoever used it.
#[test]
fn a_backup_code_used_in_an_unattested_login_is_news_at_the_next_one() {
    let host = Host::new(Mode::Required);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    let used = host.settle(&host.login("alice", &from(AWAY), &codes[0]));
    assert_eq!(used.text, "", "the thief reads nothing of it");
    let owner = host.settle(&host.login("alice", &from(HOME), &host.code(&seed, 0)));
    assert!(owner.text.contains("A backup code was used"), "{}", owner.text);
    host.clock.pass(30);
    let next = host.login("alice", &from(HOME), &host.code(&seed, 0));
    assert!(next.token.is_empty() || host.settle(&next).text.is_empty(), "told once");
}

// S13: the user is told.
#[test]
fn a_used_backup_code_is_announced_at_the_next_prompt() {
    let host = Host::new(Mode::Required);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    assert_eq!(host.login("alice", &attested(HOME), &codes[0]).kind(), Kind::Proven);
    let asked = host.begin("alice", "sshd", &attested(HOME)); // in the same second
    assert!(
        asked.text.contains("A backup code was used") && asked.text.contains("9 are left"),
        "{}",
        asked.text
    );
    assert!(!host.begin("alice", "sshd", &from(AWAY)).text.contains("backup"), "told to nobody else");
    assert_eq!(host.answer(&asked, &host.code(&seed, 0)).kind(), Kind::Proven);
    assert!(!host.begin("alice", "sshd", &attested(HOME)).text.contains("backup"));
}

// An own slip of the hand was read at once; a thief's, in the same second, was not.
#[test]
fn the_own_wrong_code_is_told_in_its_dialogue_and_another_s_at_the_next_one() {
    for (wrong, meanwhile) in [("000000", None), ("000000", Some("111111")), ("0-7KQ2M-X4TPD-H9WC", None)] {
        let host = Host::new(Mode::Required);
        let (seed, _) = host.enrol_with_codes(ALICE);
        let asked = host.begin("alice", "sshd", &attested(HOME));
        if let Some(thiefs) = meanwhile {
            assert_eq!(host.login("alice", &attested(AWAY), thiefs).kind(), Kind::Ask);
        }
        let again = host.answer(&asked, wrong);
        assert_eq!(again.kind(), Kind::Ask);
        assert_eq!(host.answer(&again, &host.code(&seed, 0)).kind(), Kind::Proven);
        let text = host.begin("alice", "sshd", &attested(HOME)).text;
        assert_eq!(text.contains("after the right password"), meanwhile.is_some(), "{wrong}: {text}");
        assert_eq!(text.contains(&format!("from address {AWAY}")), meanwhile.is_some(), "{wrong}: {text}");
        assert_eq!(text.contains("2 wrong codes"), meanwhile.is_some(), "{wrong}: {text}");
    }
}

// S18: nor do an intruder's logins with factors of the intruder's own; and its owner is told of one's own once.
#[test]
fn an_added_factor_is_told_until_somebody_proves_one_of_before() {
    let host = Host::new(Mode::Required);
    let (owners, _) = host.enrol_with_codes(ALICE);
    let added = "was added to your account";
    let told = |seed: &[u8]| {
        host.clock.pass(30);
        let asked = host.begin("alice", "sshd", &attested(HOME));
        assert_eq!(host.answer(&asked, &host.code(seed, 0)).kind(), Kind::Proven);
        asked.text.matches(added).count()
    };
    let add = |label: &str| {
        host.clock.pass(30);
        let proven = host.prove(ALICE, &host.code(&owners, 0));
        let begun = run(host.auth.enroll_begin(ALICE, ask_for(label), proven)).unwrap();
        let seed = seed_of(&begun.secret);
        assert_eq!(host.confirm(ALICE, &begun.enrollment, &host.code(&seed, 0)), Ok(()));
        seed
    };
    let (second, third) = (add("second"), add("third"));
    let seen = [&third, &second, &third, &second].map(|seed| told(seed));
    assert_eq!(seen, [2, 2, 2, 2]);
    assert_eq!([told(&owners), told(&second)], [2, 0], "heard of it");
    // After two weeks it is no news any more to who uses the new one only.
    let fourth = add("fourth");
    assert_eq!([told(&fourth), told(&fourth)], [1, 1]);
    host.clock.pass(15 * 86_400);
    assert_eq!([told(&fourth), told(&fourth)], [1, 0]);
}

// S14: a thief's own login, whose question is older than what was done meanwhile, silences nothing of it.
#[test]
fn what_was_done_since_the_question_stays_to_be_told() {
    let host = Host::new(Mode::Required);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    let asked = host.begin("alice", "sshd", &attested(AWAY));
    assert_eq!(host.login("alice", &attested(AWAY), &codes[0]).kind(), Kind::Proven);
    assert_eq!(host.answer(&asked, &host.code(&seed, 0)).kind(), Kind::Proven);
    let owner = host.begin("alice", "sshd", &attested(HOME));
    assert!(owner.text.contains("A backup code was used"), "{}", owner.text);
}

/// Takes the one thread that compares until the sender is dropped.
fn hold_up(host: &Host) -> (std::sync::mpsc::Sender<()>, impl Future) {
    let (release, held) = std::sync::mpsc::channel::<()>();
    (release, host.auth.world().comparing.run(move || held.recv()))
}

/// A code like that one, and not that one.
fn another(code: &str) -> String {
    let last = if code.ends_with('W') { "X" } else { "W" };
    code[..code.len() - 1].to_owned() + last
}

fn compared(host: &Host) -> usize {
    host.auth.world().comparing.given.load(std::sync::atomic::Ordering::SeqCst)
}

// S12
#[test]
fn one_guess_of_a_backup_code_is_one_hash_and_a_limited_one_is_none() {
    let host = Host::new(Mode::Required);
    let (_, codes) = host.enrol_with_codes(ALICE);
    let wrong = another(&codes[0]);
    let guess = |facts: &Facts| host.login("alice", facts, &wrong).reason();
    let before = compared(&host);
    for n in 1..=5 {
        assert_eq!(guess(&from(AWAY)), Some(Reason::WrongCode));
        assert_eq!(compared(&host), before + n);
    }
    for _ in 0..20 {
        assert_eq!(guess(&from(AWAY)), Some(Reason::Limited));
    }
    assert_eq!(compared(&host), before + 5, "the limit comes first");
    // Whom there is nothing to compare with costs as much as anybody, and no more.
    for n in 1..=9 {
        let _ = host.login("nobody-here", &from(AWAY), &wrong);
        assert_eq!(compared(&host), before + 5 + n.min(5));
    }
    assert_eq!(guess(&attested(HOME)), Some(Reason::WrongCode), "another door");
    assert_eq!(compared(&host), before + 11);
}

// S11, S12: whoever tries many codes under many names, from one address.
#[test]
fn a_flood_from_one_door_leaves_a_backup_code_of_another_its_place() {
    let host = Host::new(Mode::Required);
    let (_, codes) = host.enrol_with_codes(ALICE);
    let before = compared(&host);
    let (release, holds_up) = hold_up(&host);
    let wrong = another(&codes[1]);
    std::thread::scope(|scope| {
        let flood: Vec<_> = (0..40)
            .map(|n| {
                scope.spawn({
                    let (host, wrong) = (&host, &wrong);
                    move || host.login(&format!("user{n}"), &from(AWAY), wrong).reason()
                })
            })
            .collect();
        // Each is refused, or waits; then comes alice.
        let settled = || flood.iter().filter(|one| one.is_finished()).count() + compared(&host) - before - 1;
        while settled() < 40 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let waiting = compared(&host);
        let alice = scope.spawn(|| host.login("alice", &from(HOME), &codes[0]).kind());
        while compared(&host) == waiting && !alice.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        drop(release);
        assert_eq!(alice.join().unwrap(), Kind::Proven);
        let came_of: Vec<_> = flood.into_iter().map(|one| one.join().unwrap()).collect();
        let busy = came_of.iter().filter(|reason| **reason == Some(Reason::Busy)).count();
        assert_eq!(busy, 38, "{came_of:?}");
    });
    drop(holds_up);
}

// S12: with strangers from everywhere the pool is full, and who has the password still finds a place.
#[test]
fn who_finds_no_place_is_told_so_and_loses_no_try() {
    let host = Host::new(Mode::Required);
    let (_, codes) = host.enrol_with_codes(ALICE);
    let (release, holds_up) = hold_up(&host);
    let full: Vec<_> = std::iter::from_fn(|| host.auth.world().comparing.place(8)).collect();
    assert_eq!(host.login("alice", &from(HOME), &codes[0]).reason(), Some(Reason::Busy));
    let all: Vec<_> = std::iter::from_fn(|| host.auth.world().comparing.place(0)).collect();
    assert_eq!(all.len(), 8);
    let mut asked = host.begin("alice", "sshd", &attested(HOME));
    for _ in 0..4 {
        asked = host.answer(&asked, &codes[0]);
        assert_eq!((asked.kind(), asked.reason()), (Kind::Ask, Some(Reason::Busy)));
        assert!(asked.text.contains("type it again"), "{}", asked.text);
    }
    // A stranger at sshd is answered as who is nobody, whose answers are junk there: three, and no more.
    let mut stranger = host.begin("alice", "sshd", &from(AWAY));
    for n in 1..=3 {
        stranger = host.answer(&stranger, &codes[0]);
        assert_eq!((stranger.kind() == Kind::Ask, stranger.reason()), (n < 3, Some(Reason::Busy)));
    }
    drop((full, all, release));
    assert_eq!(host.answer(&asked, &codes[0]).kind(), Kind::Proven);
    drop(holds_up);
}

/// Does `meanwhile` while a login's backup code is being compared: counted, and not judged yet.
fn while_compared(host: &Host, code: &str, meanwhile: impl FnOnce()) -> Step {
    let (release, holds_up) = hold_up(host);
    let step = std::thread::scope(|scope| {
        let login = scope.spawn(|| host.login("alice", &attested(HOME), code));
        let counted = || {
            let shown = run(host.auth.user_show(b"alice".to_vec())).unwrap();
            shown.doors.iter().any(|door| door.failures > 0)
        };
        while !counted() {
            std::thread::yield_now();
        }
        meanwhile();
        drop(release);
        login.join().unwrap()
    });
    drop(holds_up); // work that nobody waits for any more is not done
    step
}

// S3, S15: what is void by the time that it is judged is void.
#[test]
fn a_code_that_is_compared_while_its_set_is_renewed_or_its_account_locked_lets_nobody_in() {
    let host = Host::new(Mode::Required);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    let proven = host.prove(ALICE, &host.code(&seed, 0));
    let renew = || drop(run(host.auth.codes_renew(ALICE, proven.clone())).unwrap());
    assert_eq!(while_compared(&host, &codes[0], renew).reason(), Some(Reason::WrongCode));
    let new = run(host.auth.codes_renew(ALICE, proven)).unwrap();
    run(host.auth.user_unlock(b"alice".to_vec(), false, glass("a typo"), None)).unwrap();
    let lock = || run(host.auth.user_lock(b"alice".to_vec(), glass("left"), None)).unwrap();
    assert_eq!(while_compared(&host, &new[0], lock).reason(), Some(Reason::Locked));
}
