//! How a user comes to a first factor: by wish, in grace, by invitation, in the login itself.

use super::{life::*, *};
use crate::policy::AfterGrace;

// S19
#[test]
fn after_grace_a_first_factor_takes_an_invitation() {
    let host = Host::new(Mode::Required);
    let enrol_with = |code: &str| {
        let request = EnrollRequest { code: code.into(), ..Default::default() };
        run(host.auth.enroll_begin(ALICE, request, None)).map_err(|failure| failure.fault)
    };
    assert_eq!(enrol_with("").unwrap_err(), Fault::NotPermitted);
    let invite = |user: &str| run(host.auth.user_invite(user.into(), 1, glass("new"), None)).unwrap();
    assert_eq!(enrol_with(&invite("bob")).unwrap_err(), Fault::WrongCode, "another's");
    let invitation = invite("alice");
    let begun = enrol_with(&invitation.to_lowercase()).unwrap();
    assert_eq!(host.confirm(ALICE, &begun.enrollment, &host.code(&seed_of(&begun.secret), 0)), Ok(()));
    assert_eq!(enrol_with(&invitation).unwrap_err(), Fault::WrongCode, "good once");
    // One that has ended, by either clock.
    let late = run(host.auth.user_invite(b"bob".to_vec(), 1, glass("new"), None)).unwrap();
    host.clock.pass(3600);
    host.clock.set_wall(NOON);
    let request = EnrollRequest { code: late.into(), ..Default::default() };
    assert_eq!(run(host.auth.enroll_begin(BOB, request, None)).unwrap_err().fault, Fault::WrongCode);
    host.rule(|rules| rules.after_grace = AfterGrace::Deny);
    let denied = EnrollRequest { code: invite("bob").into(), ..Default::default() };
    assert_eq!(run(host.auth.enroll_begin(BOB, denied, None)).unwrap_err().fault, Fault::NotPermitted);
}

// S19
#[test]
fn grace_runs_from_a_stored_date_for_those_who_were_there_and_are_not_dormant() {
    let mut host = in_grace();
    let begin = |host: &Host| reason(&host.begin("alice", "sshd", &from(HOME)));
    let waived = (Kind::Waived, Some(Reason::Grace));
    assert_eq!(begin(&host), waived);
    let passwd = host.dir.path().join("passwd");
    let text = std::fs::read_to_string(&passwd).unwrap() + "carol:x:1002:\n";
    std::fs::write(&passwd, text).unwrap();
    assert_eq!(host.begin("carol", "sshd", &from(HOME)).kind(), Kind::Ask, "made later");
    host.keep_date();
    assert_eq!(host.begin("carol", "sshd", &from(HOME)).kind(), Kind::Ask, "whatever is read again");
    host.restart();
    host.clock.pass(29 * 86_400);
    assert_eq!(begin(&host), waived);
    assert_eq!(host.begin("bob", "sshd", &from(AWAY)).kind(), Kind::Waived, "a stranger at bob's name");
    let offer = host.begin("alice", "sshd", &attested(HOME)); // alice herself
    assert_eq!(host.answer(&offer, "").kind(), Kind::Waived);
    host.clock.pass(2 * 86_400);
    assert_eq!(begin(&host), waived, "alice was here two days ago");
    assert_eq!(host.begin("bob", "sshd", &from(HOME)).kind(), Kind::Ask, "bob is dormant");
    host.clock.pass(10 * 86_400);
    assert_eq!(begin(&host).0, Kind::Ask, "grace is over");
    host.clock.set_wall(NOON);
    assert_eq!(begin(&host).0, Kind::Ask, "whatever the clock is set to");
    assert_eq!(
        run(host.auth.enroll_begin(ALICE, EnrollRequest::default(), None)).unwrap_err().fault,
        Fault::NotPermitted
    );
}

// S19
#[test]
fn a_login_in_grace_offers_to_enrol_and_binds_when_settled() {
    let host = in_grace();
    let asked = host.begin("alice", "sshd", &attested(HOME));
    assert_eq!(reason(&asked), (Kind::Ask, Some(Reason::Grace)));
    assert!(asked.text.contains("40 days left"), "{}", asked.text);
    assert_eq!(reason(&host.answer(&asked, "")), (Kind::Waived, Some(Reason::Grace)));
    // Offered a moment ago: not again, until a day has passed.
    assert_eq!(host.begin("alice", "sshd", &attested(HOME)).kind(), Kind::Waived);
    host.clock.pass(21 * 3600);
    let shown = host.answer(&host.begin("alice", "sshd", &attested(HOME)), "e");
    assert_eq!(reason(&shown), (Kind::Ask, Some(Reason::Enrolling)));
    let seed = secret_in(&shown.text);
    let ascii = host.answer(&shown, "?");
    assert!(ascii.text.is_ascii() && secret_in(&ascii.text) == seed, "{}", ascii.text);
    let proven = host.answer(&ascii, &host.code(&seed, 0));
    assert_eq!(proven.kind(), Kind::Proven);
    assert_eq!(host.factors(ALICE), [""; 0], "not bound before it is settled");
    let settled = host.settle(&proven);
    assert!(settled.text.contains("Backup codes"), "{}", settled.text);
    assert_eq!(host.factors(ALICE), ["phone"]);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).reason(), Some(Reason::Spent));
    host.clock.pass(30);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).kind(), Kind::Proven);
}

// S7, S24: what was shown and not settled.
#[test]
fn an_enrolment_in_a_login_that_ended_asks_for_its_code_in_the_next_one() {
    let host = in_grace();
    let shown = host.answer(&host.begin("alice", "sshd", &attested(HOME)), "e");
    let seed = secret_in(&shown.text);
    // The right code, and then the stack fails: nothing is bound.
    assert_eq!(host.answer(&shown, &host.code(&seed, 0)).kind(), Kind::Proven);
    host.clock.pass(130);
    let resumed = host.begin("alice", "sshd", &attested(HOME));
    assert_eq!(reason(&resumed), (Kind::Ask, Some(Reason::Enrolling)));
    assert!(!resumed.text.contains('\u{2588}'), "the code alone: {}", resumed.text);
    // The app has it, and the code is all that is missing.
    let proven = host.answer(&resumed, &host.code(&seed, 0));
    assert_eq!(proven.kind(), Kind::Proven);
    host.clock.pass(130); // that one is not settled either
    // S7: whoever logs in next is shown no secret that somebody else is about to confirm.
    let resumed = host.begin("alice", "sshd", &attested(AWAY));
    assert!(!host.answer(&resumed, "?").text.contains('\u{2588}'));
    let anew = host.answer(&host.begin("alice", "sshd", &attested(AWAY)), "e");
    assert_ne!(secret_in(&anew.text), seed);
    let proven = host.answer(&anew, &host.code(&secret_in(&anew.text), 0));
    assert_eq!(host.settle(&proven).kind(), Kind::Proven);
    assert_eq!(host.factors(ALICE), ["phone"]);
    // Where the first factor is not known to be right, nothing of it is shown.
    let other = Host::new(Mode::Required);
    other.rule(|rules| rules.grace = 40 * 86_400);
    other.keep_date();
    assert_eq!(other.begin("alice", "sshd", &from(HOME)).kind(), Kind::Waived);
}

// S24: a stranger's wrong password.
#[test]
fn an_unattested_login_never_enrols_whatever_is_answered() {
    let host = Host::new(Mode::Required);
    let invitation = run(host.auth.user_invite(b"alice".to_vec(), 1, glass("new"), None)).unwrap();
    let mut step = host.begin("alice", "sshd", &from(HOME));
    for typed in ["e", &invitation, ""] {
        assert_eq!(step.kind(), Kind::Ask);
        step = host.answer(&step, typed);
    }
    assert_eq!(step.kind(), Kind::Refused);
    assert_eq!(host.factors(ALICE), [""; 0]);
}

// S19: in the login, by invitation.
#[test]
fn an_invitation_is_redeemed_in_an_attested_login() {
    let host = Host::new(Mode::Required);
    let invitation = run(host.auth.user_invite(b"alice".to_vec(), 1, glass("new"), None)).unwrap();
    let asked = host.begin("alice", "sshd", &attested(HOME));
    assert!(asked.text.contains("invitation"), "{}", asked.text);
    let shown = host.answer(&asked, &invitation);
    let wrong = host.answer(&shown, "000000");
    assert_eq!(reason(&wrong), (Kind::Ask, Some(Reason::WrongCode)));
    let seed = secret_in(&shown.text);
    let proven = host.answer(&wrong, &host.code(&seed, 0));
    assert_eq!(host.settle(&proven).kind(), Kind::Proven);
    assert_eq!(host.factors(ALICE), ["phone"]);
}

// S18: an enrolment that was begun by wish is none once there is a factor.
#[test]
fn a_pending_wish_is_no_way_past_a_factor_that_came_meanwhile() {
    let host = in_grace();
    let shown = host.answer(&host.begin("alice", "sshd", &attested(HOME)), "e");
    let wish = secret_in(&shown.text);
    let proven = host.answer(&shown, &host.code(&wish, 0));
    assert_eq!(
        run(host.auth.import(import(&[9; 20]), glass("moving in"), None)).unwrap().outcome,
        "imported"
    );
    assert_eq!(host.settle(&proven).kind(), Kind::Refused);
    assert_eq!(host.factors(ALICE), ["old phone"]);
}

// S19: a source of names that ignores case has bob for BOB.
#[test]
fn another_spelling_of_a_name_is_offered_no_enrolment_that_a_rule_forbids() {
    use crate::auth::{
        enrolling::{Opening, opening},
        identify::target,
    };
    use crate::policy::{Conditions, Effect, Rule, Standing};
    let host = Host::new(Mode::Optional);
    let rule = Rule {
        name: "bob at sudo".into(),
        when: Conditions { user: vec!["bob".into()], service: vec!["sudo".into()], ..Conditions::default() },
        unless: Conditions::default(),
        then: Effect::Ask,
        reason: String::new(),
        until: None,
        defined_at: String::new(),
    };
    host.rule(|rules| (rules.rules, rules.grace) = (vec![rule], 10 * 86_400));
    host.keep_date();
    host.clock.pass(9 * 86_400);
    host.rule(|rules| rules.mode = Mode::Required);
    host.keep_date();
    host.clock.pass(2 * 86_400); // of the mode's grace 8 days are left, and of the rule's none
    let offers = |user: &str, typed: &str| {
        let rules = host.policy.get().unwrap();
        let (mut login, subject) =
            run(host.auth.identify(&rules, user.into(), "sshd".into(), &attested(HOME))).unwrap();
        if typed != user {
            (login.user, login.subject, login.signals.name) = (typed.into(), typed.into(), Some(user.into()));
        }
        let (store, now) = (host.auth.store.clone(), crate::world::Clock::now(&*host.clock));
        let look = move |sound: &mut crate::store::Sound<'_>| {
            let target = target(sound, store.keys(), &login, &subject)?;
            opening(sound, &rules, &login, &target, (Standing::NotEnrolled, None), now)
        };
        matches!(run(host.auth.store.read(look)).unwrap(), Opening::Offer(_))
    };
    assert!(!offers("bob", "bob"));
    assert!(!offers("bob", "BOB"));
    assert!(offers("alice", "alice"));
}

// S30: what was refused leaves nothing, and the roster is sound.
#[test]
fn a_refused_enrolment_of_somebody_unknown_leaves_the_roster_sound() {
    let mut host = Host::new(Mode::Optional);
    let request = EnrollRequest { replace: "typo".into(), ..Default::default() };
    assert_eq!(run(host.auth.enroll_begin(ALICE, request, None)).unwrap_err().fault, Fault::NotFound);
    host.restart();
    assert_eq!(host.begin("alice", "sshd", &from(HOME)).kind(), Kind::Waived);
    assert_eq!(host.begin("bob", "sshd", &from(HOME)).kind(), Kind::Waived);
}

// S19: an offer that stays open until there is a factor waives nothing.
#[test]
fn an_offer_that_is_answered_after_an_enrolment_waives_nothing() {
    let host = in_grace();
    let [one, two] = [0, 1].map(|_| host.begin("alice", "sshd", &attested(HOME)));
    assert_eq!(one.reason(), Some(Reason::Grace));
    let shown = host.answer(&one, "e");
    let proven = host.answer(&shown, &host.code(&secret_in(&shown.text), 0));
    assert_eq!(host.settle(&proven).kind(), Kind::Proven);
    if two.kind() == Kind::Ask {
        assert_ne!(host.answer(&two, "").kind(), Kind::Waived);
    }
    run(host.auth.user_reset(b"alice".to_vec(), glass("lost"), None)).unwrap();
    assert_eq!(
        host.begin("alice", "sshd", &attested(HOME)).reason(),
        Some(Reason::NotEnrolled),
        "no second grace"
    );
}

// S19: whoever had a factor before one was required has no grace after a reset either.
#[test]
fn a_reset_gives_no_grace_back() {
    let host = Host::new(Mode::Optional);
    host.enrol(ALICE);
    host.rule(|rules| (rules.mode, rules.grace) = (Mode::Required, 40 * 86_400));
    host.keep_date();
    run(host.auth.user_reset(b"alice".to_vec(), glass("stolen"), None)).unwrap();
    assert_eq!(host.begin("alice", "sshd", &from(HOME)).kind(), Kind::Ask);
    assert_eq!(host.begin("bob", "sshd", &from(HOME)).kind(), Kind::Waived);
}

// S1
#[test]
fn a_generator_that_fails_begins_no_enrolment_and_a_seed_has_160_bits() {
    let host = in_grace();
    let nothing_is_pending = |what: &str| {
        let count = "SELECT (SELECT count(*) FROM account) + (SELECT count(*) FROM factor)";
        let db = rusqlite::Connection::open(host.db()).unwrap();
        assert_eq!(db.query_row(count, [], |row| row.get::<_, u32>(0)).unwrap(), 0, "{what}");
    };
    // In the login.
    let offer = host.begin("alice", "sshd", &attested(HOME));
    host.entropy.give(0);
    assert!(run(host.auth.answer(Via::Login, &offer.token, Answer::parse(b"e"))).is_err());
    nothing_is_pending("in the login");
    host.entropy.give(u32::MAX);
    let other = in_grace();
    let shown = other.answer(&other.begin("alice", "sshd", &attested(HOME)), "e");
    assert_eq!(secret_in(&shown.text).len(), 20);

    // By wish, whenever it fails.
    let enrol = || run(host.auth.enroll_begin(ALICE, EnrollRequest::default(), None));
    for gives in 0.. {
        host.entropy.give(gives);
        match enrol() {
            Err(failure) => {
                assert_eq!(failure.fault, Fault::Unavailable);
                nothing_is_pending(&format!("after {gives}"));
            }
            Ok(begun) => {
                assert!(gives > 3, "a seed, two ids and what seals the seed: {gives}");
                assert_eq!(seed_of(&begun.secret).len(), 20);
                break;
            }
        }
    }
}
