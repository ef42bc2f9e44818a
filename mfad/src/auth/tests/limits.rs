//! How often one may guess, what strangers learn, and what an administrator opens again.

use super::*;

// S9, S10, S11
#[test]
fn the_sixth_try_is_refused_though_right_and_only_from_that_door() {
    let mut host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).kind(), Kind::Proven);
    host.clock.pass(30);
    for _ in 0..5 {
        assert_eq!(host.login("alice", &from(AWAY), "000000").reason(), Some(Reason::WrongCode));
    }
    host.restart();
    let code = host.code(&seed, 0);
    assert_eq!(host.login("alice", &from(AWAY), &code).reason(), Some(Reason::Limited));
    let told = host.login("alice", &attested(AWAY), &code);
    assert!(told.text.contains("Try again in 5 minutes."), "{told:?}");
    assert_eq!(host.login("alice", &attested(HOME), &code).kind(), Kind::Proven);
    host.clock.pass(300);
    assert_eq!(host.login("alice", &from(AWAY), &host.code(&seed, 0)).kind(), Kind::Proven);
}

// S9: what is right but spent costs no try, and neither does what cannot be a code.
#[test]
fn spent_codes_and_no_codes_cost_no_try() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let code = host.code(&seed, 0);
    assert_eq!(host.login("alice", &attested(HOME), &code).kind(), Kind::Proven);
    for _ in 0..16 {
        assert_eq!(host.login("alice", &attested(AWAY), &code).reason(), Some(Reason::Spent));
        assert_eq!(host.login("alice", &attested(AWAY), "hunter2").reason(), Some(Reason::NoCode));
    }
    assert_eq!(host.login("alice", &attested(AWAY), &host.code(&seed, 1)).kind(), Kind::Proven);
}

// S21
#[test]
fn strangers_see_the_same_steps_whoever_they_ask_for() {
    let host = Host::new(Mode::Required);
    host.enrol(1000);
    let odd = ["x".repeat(300), "../../etc".into(), "al\nice".into()];
    let names = ["alice", "bob", "nobody-here"].into_iter().chain(odd.iter().map(String::as_str));
    let dialogues: Vec<Vec<(u32, bool, u32, String)>> = names
        .map(|user| {
            let mut step = host.begin(user, "sshd", &from(HOME));
            let mut seen = Vec::new();
            for n in 0..9 {
                seen.push((step.kind, step.echo, step.seconds, step.text.clone()));
                step = match step.kind() {
                    Kind::Ask => host.answer(&step, "000000"),
                    _ if n < 6 => host.begin(user, "sshd", &from(HOME)), // and on, into the limit
                    _ => break,
                };
            }
            seen
        })
        .collect();
    // `seconds` of a refusal would tell who is limited: the last step's must be equal too.
    for dialogue in &dialogues {
        let said =
            |d: &Vec<(u32, bool, u32, String)>| d.iter().map(|s| (s.0, s.1, s.3.clone())).collect::<Vec<_>>();
        assert_eq!(said(dialogue), said(&dialogues[0]));
    }
}

#[test]
fn unlock_opens_the_doors_and_mends_a_poisoned_mark_downwards_only() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    for _ in 0..5 {
        host.login("alice", &from(AWAY), "000000");
    }
    host.clock.reboot(86_400 * 400); // over a reboot any time is believed
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).kind(), Kind::Proven);
    host.clock.set_wall(NOON + 3600);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).reason(), Some(Reason::Spent));
    assert_eq!(
        run(host.auth.user_unlock(b"alice".to_vec(), true, glass(""), None)).unwrap_err().fault,
        Fault::InvalidArgument
    );
    run(host.auth.user_unlock(b"alice".to_vec(), true, glass("clock was wrong"), None)).unwrap();
    let now = host.code(&seed, 0);
    assert_eq!(
        host.login("alice", &attested(HOME), &now).reason(),
        Some(Reason::Spent),
        "not below now + window"
    );
    host.clock.pass(60);
    assert_eq!(host.login("alice", &from(AWAY), &host.code(&seed, 0)).kind(), Kind::Proven);
}

// S20
#[test]
fn a_reset_account_starts_anew_and_its_seed_is_gone() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    assert_eq!(run(host.auth.user_reset(b"alice".to_vec(), glass("lost phone"), None)), Ok(1));
    assert_eq!(
        host.login("alice", &attested(HOME), &host.code(&seed, 0)).reason(),
        Some(Reason::NotEnrolled)
    );
    let left: i64 = rusqlite::Connection::open(host.db())
        .unwrap()
        .query_row("SELECT count(sealed) FROM factor", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
    let again = host.enrol(1000);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&again, 0)).kind(), Kind::Proven);
    assert_eq!(
        run(host.auth.user_reset(b"bob".to_vec(), glass("x"), None)).unwrap_err().fault,
        Fault::NotEnrolled
    );
    assert_eq!(
        run(host.auth.user_reset(b"zed".to_vec(), glass("x"), None)).unwrap_err().fault,
        Fault::NotFound
    );
}

// S10, S3: sixteen at one moment.
#[test]
fn in_parallel_one_code_is_granted_once_and_wrong_tries_stay_within_the_budget() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let race = |typed: String, address: &'static str| {
        let asked: Vec<Step> = (0..16).map(|_| host.begin("alice", "sshd", &attested(address))).collect();
        let threads: Vec<_> = asked
            .into_iter()
            .map(|asked| {
                let (auth, typed) = (host.auth.clone(), typed.clone());
                std::thread::spawn(move || {
                    run(auth.answer(Via::Login, &asked.token, Answer::parse(typed.as_bytes()))).unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    };
    let granted = race(host.code(&seed, 0), HOME);
    assert_eq!(granted.iter().filter(|step| step.kind() == Kind::Proven).count(), 1);
    assert_eq!(granted.iter().filter(|step| step.reason() == Some(Reason::Spent)).count(), 15);
    let wrong = race("000000".into(), AWAY);
    assert_eq!(wrong.iter().filter(|step| step.reason() == Some(Reason::WrongCode)).count(), 5);
    assert_eq!(wrong.iter().filter(|step| step.reason() == Some(Reason::Limited)).count(), 11);
}

#[test]
fn refusals_of_a_door_without_tries_are_recorded_once_a_minute_with_their_count() {
    let host = Host::new(Mode::Required);
    host.enrol(1000);
    for _ in 0..5 {
        host.login("alice", &from(AWAY), "000000");
    }
    let limited = || host.audited().iter().filter(|(_, reason)| reason == "limited").count();
    for _ in 0..50 {
        host.login("alice", &from(AWAY), "000000");
    }
    assert_eq!(limited(), 1);
    host.clock.pass(61);
    host.login("alice", &from(AWAY), "000000");
    assert_eq!(limited(), 2);
    let rows = run(host.auth.audit(0, 500, Vec::new())).unwrap();
    assert!(rows.last().unwrap().detail.contains("49 more like it"), "{:?}", rows.last());
}

// The first of each kind in a minute is seen with its reason: a replay is to be noticed.
#[test]
fn refusals_that_cost_no_try_are_recorded_once_a_minute_of_each_kind_with_their_count() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let code = host.code(&seed, 0);
    assert_eq!(host.login("alice", &attested(HOME), &code).kind(), Kind::Proven);
    let flood = || {
        for user in ["alice", "nobody-here"] {
            for _ in 0..50 {
                assert_eq!(host.login(user, &from(AWAY), "hunter2").reason(), Some(Reason::NoCode));
            }
        }
        let answered = host.begin("alice", "sshd", &from(AWAY));
        let _ = host.answer(&answered, "hunter2");
        for _ in 0..50 {
            assert_eq!(host.login("alice", &from(AWAY), &code).reason(), Some(Reason::Spent));
            assert_eq!(host.answer(&answered, &code).reason(), Some(Reason::Expired));
        }
    };
    let before = host.audited().len();
    flood();
    let mut first: Vec<_> = host.audited().drain(before..).map(|(_, reason)| reason).collect();
    first.sort();
    assert_eq!(first, ["expired", "no_code", "no_code", "spent_code"]);
    // Another door is another matter.
    assert_eq!(host.login("alice", &from(HOME), &code).reason(), Some(Reason::Spent));
    assert_eq!(host.audited().len(), before + 5);
    host.clock.pass(15);
    host.clock.pass(46);
    assert_eq!(host.login("alice", &from(AWAY), "hunter2").reason(), Some(Reason::NoCode));
    let rows = run(host.auth.audit(0, 500, Vec::new())).unwrap();
    assert!(rows.last().unwrap().detail.contains("50 more like it"), "{:?}", rows.last());
}

#[test]
fn who_is_denied_and_comes_again_and_again_is_recorded_some_times_a_minute() {
    let host = Host::new(Mode::Required);
    host.enrol(1000);
    let deny = |rules: &mut Rules| {
        let text = "[policy]\nmode = \"required\"\n[[rule]]\nname = \"no\"\nwhen = { service = \"sshd\" }\nthen = \"deny\"\n";
        *rules = crate::settings::Settings::of_text(text, "t", "host").unwrap().rules;
    };
    host.rule(deny);
    let before = host.audited().len();
    for user in ["alice", "bob"] {
        for _ in 0..20 {
            assert_eq!(host.begin(user, "sshd", &attested(HOME)).reason(), Some(Reason::Denied));
        }
    }
    assert_eq!(host.audited().len(), before + 2 * 16);
}

#[test]
fn who_comes_without_a_proof_again_and_again_is_recorded_once_a_minute() {
    let host = Host::new(Mode::Required);
    host.enrol(1000);
    host.rule(|rules| rules.enforce_account = vec!["sshd".into()]);
    let before = host.audited().len();
    for user in ["alice", "bob"] {
        for _ in 0..20 {
            let step = run(host.auth.admit(user.into(), "sshd".into(), &attested(HOME))).unwrap();
            assert_eq!(step.kind(), Kind::Refused);
        }
    }
    assert_eq!(host.audited().len(), before + 2);
}

// S6: guesses under a clock that was a year ahead, and one that is a year behind for a minute.
#[test]
fn a_wait_is_no_longer_and_no_shorter_by_a_clock_that_was_wrong() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(1000);
    let (year, now) = (365 * 86_400, || crate::world::Clock::now(&*host.clock).wall.0);
    let guess = || host.login("alice", &attested(AWAY), "000000").reason();
    host.clock.set_wall(now() + year);
    while guess() != Some(Reason::Limited) {}
    host.clock.set_wall(now() - year);
    assert_eq!(guess(), Some(Reason::Limited));
    host.clock.set_wall(now() + year);
    assert_eq!(guess(), Some(Reason::Limited), "not over by a clock that was behind for a moment");
    host.clock.set_wall(now() - year);
    assert_eq!(guess(), Some(Reason::Limited));
    host.clock.pass(3600);
    assert_eq!(guess(), Some(Reason::Limited), "it begins, by a clock that has gone steadily");
    host.clock.pass(300);
    assert_eq!(host.login("alice", &attested(AWAY), &host.code(&seed, 0)).kind(), Kind::Proven);
}

#[test]
fn what_is_never_recorded_leaves_no_token_behind() {
    let host = Host::new(Mode::Required);
    host.enrol(1000);
    for _ in 0..200 {
        assert_eq!(host.login("alice", &attested(HOME), "?").reason(), Some(Reason::Help));
        host.clock.pass(2);
    }
    let left: i64 = rusqlite::Connection::open(host.db())
        .unwrap()
        .query_row("SELECT count(*) FROM spent", [], |row| row.get(0))
        .unwrap();
    assert!(left <= 81, "{left} of the last 160 seconds");
}
