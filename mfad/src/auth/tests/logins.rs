//! Codes, questions, tickets, modes: a login from its first question to its end.

use mfa_proto::admin::NEW_SESSION;

use super::*;

// S3
#[test]
fn a_code_is_good_once_and_no_older_one_after_it() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let (older, code) = (host.code(&seed, -1), host.code(&seed, 0));
    assert_eq!(host.login("alice", &attested(HOME), &code).kind(), Kind::Proven);
    for typed in
        [&code, &older, &format!("{} {}", &code[..3], &code[3..]), &format!("{}-{}", &code[..1], &code[1..])]
    {
        let refused = host.login("alice", &attested(HOME), typed);
        assert_eq!((refused.kind(), refused.reason()), (Kind::Ask, Some(Reason::Spent)), "{typed}");
    }
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 1)).kind(), Kind::Proven);
}

// S3, S31
#[test]
fn a_spent_code_stays_spent_over_a_restart_and_a_reboot() {
    let mut host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let code = host.code(&seed, 0);
    assert_eq!(host.login("alice", &attested(HOME), &code).kind(), Kind::Proven);
    host.restart();
    assert_eq!(host.login("alice", &attested(HOME), &code).reason(), Some(Reason::Spent));
    host.clock.reboot(5);
    host.restart();
    assert_eq!(host.login("alice", &attested(HOME), &code).reason(), Some(Reason::Spent));
}

// S7
#[test]
fn a_confirming_code_is_spent_and_nothing_is_active_before_it() {
    let host = Host::new(Mode::Required);
    let begun = host.begin_enrolment(1000);
    let seed = data_encoding::BASE32_NOPAD.decode(begun.secret.as_bytes()).unwrap();
    let code = host.code(&seed, 0);
    assert_eq!(host.login("alice", &attested(HOME), &code).reason(), Some(Reason::NotEnrolled));
    host.confirm_enrolment(1000, &begun.enrollment, &code);
    assert_eq!(host.login("alice", &attested(HOME), &code).reason(), Some(Reason::Spent));
}

// S7
#[test]
fn an_enrolment_ends_after_15_minutes_five_wrong_codes_or_a_clock_set_back() {
    let host = Host::new(Mode::Optional);
    let begin = || {
        let begun = run(host.auth.enroll_begin(1000, EnrollRequest::default(), None)).unwrap();
        let seed = data_encoding::BASE32_NOPAD.decode(begun.secret.as_bytes()).unwrap();
        (begun.enrollment, seed)
    };
    let confirm =
        |id: &str, code: &str| run(host.auth.enroll_confirm(1000, id, code.as_bytes())).map_err(|e| e.fault);
    let (id, seed) = begin();
    host.clock.pass(900);
    assert_eq!(confirm(&id, &host.code(&seed, 0)), Err(Fault::Expired));
    let (id, seed) = begin();
    for _ in 0..4 {
        assert_eq!(confirm(&id, &host.code(&seed, 99)), Err(Fault::WrongCode));
    }
    assert_eq!(confirm(&id, &host.code(&seed, 99)), Err(Fault::Expired));
    assert_eq!(confirm(&id, &host.code(&seed, 0)), Err(Fault::NotFound));
    let (id, seed) = begin();
    host.clock.set_wall(NOON);
    assert_eq!(confirm(&id, &host.code(&seed, 0)), Err(Fault::Expired));
    let (id, seed) = begin();
    assert_eq!(
        run(host.auth.enroll_confirm(1001, &id, host.code(&seed, 0).as_bytes())).unwrap_err().fault,
        Fault::NotFound
    );
    assert!(confirm(&id, &host.code(&seed, 0)).is_ok());
    assert_eq!(
        run(host.auth.enroll_begin(1000, EnrollRequest::default(), None)).unwrap_err().fault,
        Fault::NeedsProof
    );
}

// S24: what is proven in auth binds nothing before it is settled.
#[test]
fn an_unattested_proof_binds_only_when_settled() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let known = |host: &Host| {
        let shown = run(host.auth.user_show(b"alice".to_vec())).unwrap();
        shown.doors.iter().filter(|door| door.known).count()
    };
    for _ in 0..4 {
        host.login("alice", &from(HOME), "000000");
    }
    let proven = host.login("alice", &from(HOME), &host.code(&seed, 0));
    assert_eq!(proven.kind(), Kind::Proven);
    assert_eq!(known(&host), 0, "a right code with a wrong password teaches no door");
    assert_eq!(host.login("alice", &from(HOME), "000000").reason(), Some(Reason::WrongCode));
    assert_eq!(
        host.login("alice", &from(HOME), "000000").reason(),
        Some(Reason::Limited),
        "and resets no count"
    );
    assert_eq!(host.settle(&proven).kind(), Kind::Proven);
    assert_eq!(known(&host), 1);
    assert_eq!(host.settle(&proven).kind(), Kind::Refused, "a ticket settles once");
    host.clock.pass(30);
    let next = host.login("alice", &from(HOME), &host.code(&seed, 0));
    assert_eq!((next.kind(), next.token.len()), (Kind::Proven, 0), "nothing pending, no call");
}

#[test]
fn a_ticket_dies_after_two_minutes_and_with_a_reboot() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let proven = host.login("alice", &from(HOME), &host.code(&seed, 0));
    host.clock.pass(120);
    assert_eq!(host.settle(&proven).kind(), Kind::Refused);
    let proven = host.login("alice", &from(HOME), &host.code(&seed, 0));
    host.clock.reboot(1);
    assert_eq!(host.settle(&proven).kind(), Kind::Refused);
}

#[test]
fn a_question_is_answered_once_in_time_and_by_whom_it_was_asked() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let asked = host.begin("alice", "sshd", &attested(HOME));
    assert_eq!(host.answer(&asked, "000000").reason(), Some(Reason::WrongCode));
    assert_eq!(host.answer(&asked, &host.code(&seed, 0)).reason(), Some(Reason::Expired));
    let asked = host.begin("alice", "sshd", &attested(HOME));
    let stolen = run(host.auth.answer(Via::Locker(1001), &asked.token, Answer::parse(b"000000"))).unwrap();
    assert_eq!((stolen.kind(), stolen.reason()), (Kind::Refused, Some(Reason::Expired)));
    host.clock.pass(100);
    assert_eq!(host.answer(&asked, &host.code(&seed, 0)).reason(), Some(Reason::Expired));
    let mut forged = host.begin("alice", "sshd", &attested(HOME));
    forged.token[20] ^= 1;
    assert_eq!(host.answer(&forged, &host.code(&seed, 0)).kind(), Kind::Refused);
}

#[test]
fn a_question_survives_a_restart() {
    let mut host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let asked = host.begin("alice", "sshd", &attested(HOME));
    host.restart();
    assert_eq!(host.answer(&asked, &host.code(&seed, 0)).kind(), Kind::Proven);
}

#[test]
fn the_modes_do_what_they_say() {
    let host = Host::new(Mode::Optional);
    let seed = host.enrol(1000);
    let waived = |host: &Host, user: &str| {
        let step = host.begin(user, "sshd", &from(HOME));
        (step.kind() == Kind::Waived).then(|| step.reason().unwrap())
    };
    let set = |mode| host.policy.set(Some(Rules { mode, ..Rules::default() }));
    assert_eq!(waived(&host, "bob"), Some(Reason::Optional));
    assert_eq!(waived(&host, "nobody-here"), Some(Reason::Optional));
    assert_eq!(waived(&host, "alice"), None);
    set(Mode::Required);
    assert_eq!((waived(&host, "alice"), waived(&host, "bob")), (None, None));
    set(Mode::Observe);
    assert_eq!(waived(&host, "alice"), Some(Reason::Observed));
    set(Mode::Off);
    assert_eq!(waived(&host, "alice"), Some(Reason::PolicyOff));
    assert_eq!(host.audited().iter().filter(|(event, _)| event == "waived").count(), 3);
    host.policy.set(None);
    assert_eq!(
        run(host.auth.begin("bob".into(), "sshd".into(), &from(HOME))).unwrap_err().fault,
        Fault::Unavailable
    );
    set(Mode::Required);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).kind(), Kind::Proven);
}

// S24
#[test]
fn su_asks_its_caller_and_refuses_without_one() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    host.enrol(1001);
    let called_by = |name: &str| Facts::from([(facts::RUSER.into(), name.as_bytes().to_vec())]);
    let asked = host.begin("bob", "su", &called_by("alice"));
    assert_eq!(host.answer(&asked, &host.code(&seed, 0)).kind(), Kind::Proven);
    let asked = host.begin("bob", "su", &Facts::new());
    assert_eq!(host.answer(&asked, &host.code(&seed, 1)).reason(), Some(Reason::NoCaller));
}

#[test]
fn a_locker_proves_and_binds_nothing() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let asked = run(host.auth.begin_locker(1000, "i3lock".into())).unwrap();
    let proven =
        run(host.auth.answer(Via::Locker(1000), &asked.token, Answer::parse(host.code(&seed, 0).as_bytes())))
            .unwrap();
    assert_eq!((proven.kind(), proven.token.len()), (Kind::Proven, 0));
    let shown = run(host.auth.user_show(b"alice".to_vec())).unwrap();
    assert!(shown.doors.iter().all(|door| !door.known));
}

// S6
#[test]
fn a_clock_that_jumps_is_recorded_and_neither_revives_a_code_nor_poisons_the_mark() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let code = host.code(&seed, 0);
    assert_eq!(host.login("alice", &attested(HOME), &code).kind(), Kind::Proven);
    let now = NOON + 30;
    host.clock.set_wall(now - 86_400);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).reason(), Some(Reason::Spent));
    host.clock.set_wall(now);
    assert_eq!(host.login("alice", &attested(HOME), &code).reason(), Some(Reason::Spent));
    host.clock.set_wall(now + 10 * 365 * 86_400);
    let step = host.login("alice", &attested(HOME), &host.code(&seed, 0));
    assert_eq!(step.reason(), Some(Reason::Clock), "a step years ahead is refused and not stored");
    host.clock.set_wall(now + 60);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).kind(), Kind::Proven);
    assert!(host.audited().iter().filter(|(event, _)| event == "clock_jumped").count() >= 3);
}

// S6: neither a second try, nor another user's, nor a restart has a clock believed that was set years ahead.
#[test]
fn a_clock_that_is_years_ahead_is_not_believed_at_the_next_try_either() {
    let mut host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let later =
        |host: &Host, code: i64| host.login("alice", &attested(HOME), &host.code(&seed, code)).reason();
    let years = |host: &Host| {
        let now = crate::world::Clock::now(&*host.clock).wall.0;
        host.clock.set_wall(now + 400 * 86_400);
        now
    };
    let right = years(&host);
    assert_eq!(later(&host, 0), Some(Reason::Clock));
    assert_eq!(later(&host, 1), Some(Reason::Clock), "the second try");
    assert_eq!(host.login("bob", &from(AWAY), "000000").reason(), Some(Reason::NotEnrolled));
    host.restart();
    run(host.auth.store.write(|records, _| {
        records.audit(None, crate::audit::Event::Started, crate::store::Context::none())
    }))
    .unwrap()
    .into_inner();
    for _ in 0..59 {
        host.clock.pass(60);
        assert_eq!(later(&host, 0), Some(Reason::Clock));
    }
    // It is set right again, and nothing was poisoned.
    host.clock.set_wall(right + 3600);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).kind(), Kind::Proven);
}

// S6: it was right after all.
#[test]
fn a_clock_that_was_set_far_ahead_is_believed_after_an_hour_a_boot_or_an_administrators_word() {
    for step in ["hour", "word", "boot", "network"] {
        let host = Host::new(Mode::Required);
        let seed = host.enrol(1000);
        let month = crate::world::Clock::now(&*host.clock).wall.0 + 30 * 86_400;
        let login = || host.login("alice", &attested(HOME), &host.code(&seed, 0));
        match step {
            "boot" => host.clock.reboot(30 * 86_400),
            // A machine whose clock stands still while it is off: right a minute after it has begun.
            "network" => {
                host.clock.reboot(0);
                assert_eq!(host.login("bob", &from(AWAY), "000000").reason(), Some(Reason::NotEnrolled));
                host.clock.pass(60);
                host.clock.set_wall(month);
            }
            _ => {
                host.clock.set_wall(month);
                assert_eq!(login().reason(), Some(Reason::Clock), "{step}");
                match step {
                    "hour" => host.clock.pass(3600),
                    _ => {
                        drop(run(host.auth.user_unlock(b"alice".to_vec(), true, glass("it is right"), None)));
                    }
                }
            }
        }
        assert_eq!(login().kind(), Kind::Proven, "{step}");
        host.clock.pass(3600);
        assert_eq!(login().kind(), Kind::Proven, "{step}, and later");
        host.clock.set_wall(month + 900 * 86_400);
        assert_eq!(login().reason(), Some(Reason::Clock), "{step}: on guard again");
    }
}

#[test]
fn every_algorithm_and_length_logs_in() {
    for (algorithm, digits, period) in
        [(Algorithm::Sha256, 7, 60), (Algorithm::Sha512, 8, 30), (Algorithm::Sha1, 8, 15)]
    {
        let host = Host::new(Mode::Optional);
        let request = EnrollRequest {
            algorithm: algorithm.word().into(),
            digits: u32::from(digits),
            period: u32::from(period),
            ..EnrollRequest::default()
        };
        let begun = run(host.auth.enroll_begin(1000, request, None)).unwrap();
        let seed = data_encoding::BASE32_NOPAD.decode(begun.secret.as_bytes()).unwrap();
        let library = totp_rs::Builder::new()
            .with_algorithm(match algorithm {
                Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
                Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
                Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
            })
            .with_digits(digits)
            .with_step_duration(u64::from(period))
            .with_secret(seed)
            .build_noncompliant();
        run(host.auth.enroll_confirm(1000, &begun.enrollment, library.generate(NOON).to_string().as_bytes()))
            .unwrap();
        host.clock.pass(u64::from(period));
        let code = library.generate(NOON + u64::from(period)).to_string();
        assert_eq!(host.login("alice", &attested(HOME), &code).kind(), Kind::Proven);
        assert_eq!(Totp::new(algorithm, digits, period).map(|t| t.oath().digits()), Ok(digits));
    }
}

/// The row of a settled login says whether the login began while somebody waited for it.
#[test]
fn a_login_that_began_before_somebody_waits_is_not_what_is_waited_for() {
    let host = Host::new(Mode::Optional);
    let seed = host.enrol(1000);
    let watch = |seconds| run(host.auth.watch(seconds)).unwrap();
    let loaded = |ms: u64| {
        let mut facts = attested(HOME);
        facts.insert(facts::LOADED.into(), ms.to_string().into_bytes());
        facts
    };
    let settled = |asked: &Step, wrong_first: bool| {
        let retried = wrong_first.then(|| host.answer(asked, "000000"));
        let proven = host.answer(retried.as_ref().unwrap_or(asked), &host.code(&seed, 0));
        assert_eq!(host.settle(&proven).kind(), Kind::Proven);
        host.clock.pass(30);
        host.audited().pop().unwrap()
    };
    let row = |reason: &str| ("settled".to_owned(), reason.to_owned());

    // Asked before: by its first question, however often it is asked again.
    let before = host.begin("alice", "sshd", &attested(HOME));
    host.clock.pass(1);
    watch(60);
    host.clock.pass(1);
    assert_eq!(settled(&before, true), row(""));
    watch(60);
    let since = host.begin("alice", "sshd", &attested(HOME));
    assert_eq!(settled(&since, true), row(NEW_SESSION));
    // Asked since, of a stack that was read before.
    watch(60);
    let old_stack = host.begin("alice", "sshd", &loaded(1));
    assert_eq!(settled(&old_stack, false), row(""));
    // What the module says is never later than it is.
    watch(60);
    let early = host.begin("alice", "sshd", &loaded(u64::MAX));
    watch(0);
    host.clock.pass(1);
    watch(60);
    assert_eq!(settled(&early, false), row(""), "another waits now");
    // Setting the wall clock makes no login younger.
    let old = host.begin("alice", "sshd", &attested(HOME));
    watch(0);
    host.clock.pass(1);
    watch(60);
    let now = crate::world::Clock::now(&*host.clock).wall.0;
    host.clock.set_wall(now + 30);
    assert_eq!(settled(&old, false), row(""));
}
