//! What administrators do: lock, recover, remove, import, with a factor of their own.

use mfa_proto::admin::Import;

use super::{life::*, *};

#[test]
fn where_a_factor_is_required_the_last_one_is_not_removed() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(ALICE);
    let id = run(host.auth.status(ALICE)).unwrap().factors[0].id.clone();
    let proven = host.prove(ALICE, &host.code(&seed, 0));
    let refused = run(host.auth.factor_remove(ALICE, &id, proven.clone())).unwrap_err();
    assert_eq!(refused.fault, Fault::NotPermitted);
    host.rule(|rules| rules.mode = Mode::Optional);
    run(host.auth.factor_remove(ALICE, &id, proven)).unwrap();
    assert_eq!(run(host.auth.status(ALICE)).unwrap().codes.left, 0, "backup codes stand in for a factor");
}

// S13, S18: administrators.
#[test]
fn an_administrators_change_takes_the_own_factor_or_broken_glass() {
    let host = Host::new(Mode::Optional);
    host.enrol(ALICE);
    let bobs = host.enrol(BOB);
    let why = || Why { reason: "left".into(), break_glass: String::new() };
    let lock = |why, proven| run(host.auth.user_lock(b"alice".to_vec(), why, proven)).map_err(|f| f.fault);
    assert_eq!(lock(why(), None), Err(Fault::NeedsProof));
    // Bob proves a factor of his own, but not as an administrator.
    assert_eq!(lock(why(), host.prove(BOB, &host.code(&bobs, 0))), Err(Fault::NeedsProof));
    let not = run(host.auth.admin_step_up_begin(b"bob".to_vec())).unwrap_err().fault;
    assert_eq!(not, Fault::NotPermitted, "bob is no administrator");
    host.rule(|rules| rules.admins.users.push("bob".into()));
    host.clock.pass(30);
    let proven = host.prove_as("bob", &host.code(&bobs, 0));
    // What was proven as an administrator's is no proof for the own account.
    assert_eq!(run(host.auth.codes_renew(BOB, proven.clone())).unwrap_err().fault, Fault::NeedsProof);
    assert_eq!(lock(why(), proven), Ok(()));
    let rows = run(host.auth.audit(0, 500, Vec::new())).unwrap();
    let locked = rows.iter().find(|row| row.event == "locked").unwrap();
    assert!(locked.detail.contains("by bob: left"), "{}", locked.detail);
    assert_eq!(lock(glass("fire"), None), Ok(()));
}

#[test]
fn a_locked_account_lets_nobody_in_until_it_is_unlocked() {
    let host = Host::new(Mode::Optional);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    run(host.auth.user_lock(b"alice".to_vec(), glass("left"), None)).unwrap();
    for typed in [&host.code(&seed, 0), &codes[0]] {
        assert_eq!(reason(&host.login("alice", &attested(HOME), typed)), (Kind::Ask, Some(Reason::Locked)));
    }
    run(host.auth.user_unlock(b"alice".to_vec(), false, glass("back"), None)).unwrap();
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).kind(), Kind::Proven);
    let said = run(host.auth.not_me(ALICE)).unwrap();
    assert!(said.contains("locked"), "{said}");
    assert_eq!(host.login("alice", &attested(HOME), &codes[0]).reason(), Some(Reason::Locked));
}

// S16, S17
#[test]
fn a_recovery_code_lets_its_user_enrol_again_and_ends_what_was() {
    let host = Host::new(Mode::Required);
    let (old, codes) = host.enrol_with_codes(ALICE);
    let recover = |by: &str| {
        run(host.auth.user_recover(b"alice".to_vec(), by.into(), String::new(), glass("lost"), None))
    };
    assert_eq!(recover("  ").unwrap_err().fault, Fault::InvalidArgument, "how was it verified?");
    let (code, _) = recover("passport").unwrap();
    // It logs nobody in where the first factor is not known to be right.
    assert_eq!(reason(&host.login("alice", &from(HOME), &code)), (Kind::Ask, Some(Reason::WrongCode)));
    let shown = host.login("alice", &attested(HOME), &code);
    assert_eq!(reason(&shown), (Kind::Ask, Some(Reason::Enrolling)));
    // Until it is settled the old factors go on.
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&old, 0)).kind(), Kind::Proven);
    let new = secret_in(&shown.text);
    let proven = host.answer(&shown, &host.code(&new, 0));
    assert_eq!(proven.kind(), Kind::Proven);
    assert_eq!(host.login("alice", &attested(HOME), &codes[1]).kind(), Kind::Proven, "not settled yet");
    let settled = host.settle(&proven);
    assert_eq!(settled.kind(), Kind::Proven);
    assert!(settled.text.contains("Backup codes"), "{}", settled.text);
    host.clock.pass(30);
    for typed in [&host.code(&old, 0), &codes[0]] {
        assert_eq!(host.login("alice", &attested(HOME), typed).reason(), Some(Reason::WrongCode));
    }
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&new, 0)).kind(), Kind::Proven);
    assert_eq!(host.login("alice", &attested(HOME), &code).reason(), Some(Reason::WrongCode), "good once");
    // Or by mfactl, and no later than a day after.
    let (code, _) = recover("passport").unwrap();
    host.clock.pass(86_400);
    let request = EnrollRequest { code: code.into(), ..Default::default() };
    assert_eq!(run(host.auth.enroll_begin(ALICE, request, None)).unwrap_err().fault, Fault::WrongCode);
}

// S16: redeemed twice at one moment.
#[test]
fn a_recovery_code_redeemed_by_two_makes_one_factor() {
    let host = Host::new(Mode::Required);
    host.enrol(ALICE);
    let recovered =
        host.auth.user_recover(b"alice".to_vec(), "passport".into(), String::new(), glass("lost"), None);
    let (code, _) = run(recovered).unwrap();
    let [one, two] = [HOME, AWAY].map(|door| host.login("alice", &attested(door), &code));
    let (first, second) = (secret_in(&one.text), secret_in(&two.text));
    assert_ne!(first, second, "nobody is shown what another is about to confirm");
    assert_ne!(host.answer(&one, &host.code(&first, 0)).kind(), Kind::Proven, "the later one counts");
    let proven = host.answer(&two, &host.code(&second, 0));
    // The code is given out again: what was begun on the old one ends.
    let recovered =
        host.auth.user_recover(b"alice".to_vec(), "passport".into(), String::new(), glass("lost"), None);
    let (code, _) = run(recovered).unwrap();
    assert_eq!(host.settle(&proven).kind(), Kind::Refused);
    let shown = host.login("alice", &attested(HOME), &code);
    let proven = host.answer(&shown, &host.code(&secret_in(&shown.text), 0));
    assert_eq!(host.settle(&proven).kind(), Kind::Proven);
    assert_eq!(host.factors(ALICE).len(), 1);
}

// S1, S3
#[test]
fn an_imported_seed_revives_no_code_and_comes_once() {
    let host = Host::new(Mode::Required);
    let take = |import| run(host.auth.import(import, glass("moving in"), None)).map(|done| done.outcome);
    let seed = [9; 20];
    assert_eq!(take(Import { dry_run: true, ..import(&seed) }).unwrap(), "imported");
    assert_eq!(host.begin("alice", "sshd", &attested(HOME)).reason(), Some(Reason::NotEnrolled));
    assert_eq!(take(Import { secret: vec![9; 10], ..import(&seed) }).unwrap(), "weak");
    assert_eq!(take(import(&seed)).unwrap(), "imported");
    assert_eq!(take(import(&seed)).unwrap(), "known");
    for step in [-1, 0, 1] {
        let refused = host.login("alice", &attested(HOME), &host.code(&seed, step));
        assert_eq!(refused.reason(), Some(Reason::Spent), "{step}");
    }
    host.clock.pass(60);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).kind(), Kind::Proven);
    // The scratch code came along, weak and good once.
    assert_eq!(run(host.auth.status(ALICE)).unwrap().codes.weak, 1);
    assert_eq!(host.login("alice", &attested(HOME), "1234 5678").kind(), Kind::Proven);
    assert_eq!(host.login("alice", &attested(HOME), "12345678").reason(), Some(Reason::Spent));
    // Ended and brought in again, it stays ended.
    run(host.auth.user_reset(b"alice".to_vec(), glass("lost"), None)).unwrap();
    assert_eq!(take(import(&seed)).unwrap(), "ended");
    let of_bob = |import| Import { user: b"bob".to_vec(), ..import };
    let weak = Import { secret: vec![9; 10], allow_weak: true, ..import(&seed) };
    assert_eq!(take(of_bob(weak)).unwrap(), "imported");
    let second = Import { label: "token".into(), ..import(&[8; 20]) };
    assert_eq!(take(of_bob(second)).unwrap(), "imported", "several of one user move in");
}

// S17: whoever chose the factors before, nobody but the user chooses the next one.
#[test]
fn an_administrator_ends_a_factor_and_chooses_no_other() {
    let host = Host::new(Mode::Required);
    let take = |import| run(host.auth.import(import, glass("moving in"), None)).map(|done| done.outcome);
    let reset = |user: &str| run(host.auth.user_reset(user.into(), glass("lost"), None)).unwrap();
    host.enrol(ALICE);
    assert_eq!(take(import(&[7; 20])).unwrap(), "enrolled", "nor is one put beside it");
    reset("alice");
    for refresh in [false, true] {
        let outcome = take(Import { refresh, ..import(&[7; 20]) }).unwrap();
        assert_eq!(outcome, if refresh { "nothing" } else { "had_factor" });
    }
    let dry = Import { dry_run: true, ..import(&[7; 20]) };
    assert_eq!(take(dry).unwrap(), "had_factor", "and it is told before");
    assert!(host.factors(ALICE).is_empty());
    // One that moved in and was used is the user's too.
    let of_bob = |seed| Import { user: b"bob".to_vec(), ..import(seed) };
    assert_eq!(take(of_bob(&[6; 20])).unwrap(), "imported");
    reset("bob");
    assert_eq!(take(of_bob(&[5; 20])).unwrap(), "had_factor");
    // The user comes back by an invitation, and an account that was only invited may still move in.
    let code = run(host.auth.user_invite(b"alice".to_vec(), 0, glass("lost"), None)).unwrap();
    let request = EnrollRequest { code: code.into(), ..Default::default() };
    assert!(run(host.auth.enroll_begin(ALICE, request, None)).is_ok());
    let fresh = Host::new(Mode::Required);
    run(fresh.auth.user_invite(b"alice".to_vec(), 0, glass("new"), None)).unwrap();
    let moved = run(fresh.auth.import(import(&[7; 20]), glass("moving in"), None)).unwrap();
    assert_eq!(moved.outcome, "imported");
}

// S30: an open question outlives its account.
#[test]
fn a_question_that_is_open_while_its_account_is_removed_breaks_nothing() {
    let mut host = Host::new(Mode::Optional);
    let seed = host.enrol(ALICE);
    let open = host.begin("alice", "sshd", &from(AWAY));
    assert_eq!(run(host.auth.user_remove(b"alice".to_vec(), glass("left"), None)), Ok(1));
    assert_ne!(host.answer(&open, &host.code(&seed, 0)).kind(), Kind::Proven);
    host.restart();
    assert_eq!(host.begin("bob", "sshd", &from(HOME)).kind(), Kind::Waived);
}

// S18: a proof is worth nothing once the account is locked.
#[test]
fn a_locked_account_is_changed_by_nobody_but_an_administrator() {
    let host = Host::new(Mode::Optional);
    let seed = host.enrol(ALICE);
    let proven = host.prove(ALICE, &host.code(&seed, 0));
    let id = run(host.auth.status(ALICE)).unwrap().factors[0].id.clone();
    run(host.auth.not_me(ALICE)).unwrap();
    let refused = Fault::NotPermitted;
    assert_eq!(run(host.auth.factor_remove(ALICE, &id, proven.clone())).unwrap_err().fault, refused);
    assert_eq!(run(host.auth.codes_renew(ALICE, proven.clone())).unwrap_err().fault, refused);
    assert_eq!(run(host.auth.enroll_begin(ALICE, ask_for("x"), proven)).unwrap_err().fault, refused);
}

// S20
#[test]
fn a_removed_account_is_found_no_more_and_its_name_may_come_back_as_another() {
    let host = Host::new(Mode::Required);
    let seed = host.enrol(ALICE);
    assert_eq!(run(host.auth.user_remove(b"alice".to_vec(), glass("left"), None)), Ok(1));
    assert_eq!(host.begin("alice", "sshd", &attested(HOME)).reason(), Some(Reason::NotEnrolled));
    let text = "root:x:0:\nalice:x:2000:\nbob:x:1001:\n";
    std::fs::write(host.dir.path().join("passwd"), text).unwrap();
    let again = host.enrol(2000);
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).reason(), Some(Reason::WrongCode));
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&again, 0)).kind(), Kind::Proven);
}
