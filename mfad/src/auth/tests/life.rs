//! The life of an account: further factors, backup codes, step-up, invitation, recovery, enrolment
//! in the login, grace, import.

use mfa_proto::{
    account::EnrollRequest,
    admin::Import,
    names::TRIES,
    one_time::{OneTimeCode, Purpose},
};

use super::*;
use crate::{
    auth::{grace, step_up::Fresh},
    policy::AfterGrace,
};

const ALICE: u32 = 1000;
const BOB: u32 = 1001;

impl Host {
    /// Enrols, and gives the backup codes too.
    fn enrol_with_codes(&self, uid: u32) -> (Vec<u8>, Vec<String>) {
        let begun = self.begin_enrolment(uid);
        let seed = seed_of(&begun.secret);
        let code = self.code(&seed, 0);
        let enrolled = run(self.auth.enroll_confirm(uid, &begun.enrollment, code.as_bytes())).unwrap();
        self.clock.pass(30);
        (seed, enrolled.backup_codes)
    }

    /// A fresh proof of the account, by a code.
    fn prove(&self, uid: u32, code: &str) -> Option<Fresh> {
        let via = Via::OwnChange(uid);
        let asked = run(self.auth.step_up_begin(uid)).unwrap();
        run(self.auth.step_up_answer(via, &asked.token, Answer::parse(code.as_bytes()))).unwrap().1
    }

    /// The same, of an administrator.
    fn prove_as(&self, name: &str, code: &str) -> Option<Fresh> {
        let asked = run(self.auth.admin_step_up_begin(name.into())).unwrap();
        run(self.auth.step_up_answer(Via::AdminChange, &asked.token, Answer::parse(code.as_bytes())))
            .unwrap()
            .1
    }

    fn confirm(&self, uid: u32, id: &str, code: &str) -> Result<(), Fault> {
        run(self.auth.enroll_confirm(uid, id, code.as_bytes())).map(drop).map_err(|failure| failure.fault)
    }

    fn factors(&self, uid: u32) -> Vec<String> {
        run(self.auth.status(uid)).unwrap().factors.into_iter().map(|factor| factor.label).collect()
    }

    fn hotp_code(seed: &[u8], counter: u64) -> String {
        let library = totp_rs::Builder::new().with_step_duration(1).with_secret(seed).build_noncompliant();
        library.generate(counter).to_string()
    }

    fn keep_date(&self) {
        run(grace::keep_date(&self.auth.store, &self.policy.get().unwrap())).unwrap();
    }
}

fn seed_of(base32: &str) -> Vec<u8> {
    data_encoding::BASE32_NOPAD.decode(base32.as_bytes()).unwrap()
}

fn secret_in(prompt: &str) -> Vec<u8> {
    let line = prompt.lines().find(|line| line.starts_with("  ") && line.len() > 30 && line.is_ascii());
    seed_of(&line.unwrap_or_else(|| panic!("no secret in {prompt}")).replace(' ', ""))
}

fn reason(step: &Step) -> (Kind, Option<Reason>) {
    (step.kind(), step.reason())
}

fn ask_for(label: &str) -> EnrollRequest {
    EnrollRequest { label: label.into(), ..Default::default() }
}

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
    for slot in 0..4 {
        assert_eq!(host.login("alice", &attested(HOME), &codes[slot]).kind(), Kind::Proven);
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

// S14: 64 at one moment, exactly one.
#[test]
fn one_backup_code_in_many_parallel_logins_is_good_once() {
    let host = Host::new(Mode::Required);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    // From a known door, so that five of them are judged at a time.
    assert_eq!(host.login("alice", &attested(HOME), &host.code(&seed, 0)).kind(), Kind::Proven);
    let granted: usize = std::thread::scope(|scope| {
        let login = || host.login("alice", &attested(HOME), &codes[0]).kind() == Kind::Proven;
        let all: Vec<_> = (0..64).map(|_| scope.spawn(login)).collect();
        all.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
    });
    assert_eq!(granted, 1);
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

// S19
#[test]
fn after_grace_a_first_factor_takes_an_invitation() {
    let host = Host::new(Mode::Required);
    let begin = |code: &str| {
        let request = EnrollRequest { code: code.into(), ..Default::default() };
        run(host.auth.enroll_begin(ALICE, request, None)).map_err(|failure| failure.fault)
    };
    assert_eq!(begin("").unwrap_err(), Fault::NotPermitted);
    let invite = |user: &str| run(host.auth.user_invite(user.into(), 1, glass("new"), None)).unwrap();
    assert_eq!(begin(&invite("bob")).unwrap_err(), Fault::WrongCode, "another's");
    let invitation = invite("alice");
    let begun = begin(&invitation.to_lowercase()).unwrap();
    assert_eq!(host.confirm(ALICE, &begun.enrollment, &host.code(&seed_of(&begun.secret), 0)), Ok(()));
    assert_eq!(begin(&invitation).unwrap_err(), Fault::WrongCode, "good once");
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

// S16, S17
#[test]
fn a_recovery_code_lets_its_user_enrol_again_and_ends_what_was() {
    let host = Host::new(Mode::Required);
    let (old, codes) = host.enrol_with_codes(ALICE);
    let recover = |by: &str| {
        run(host.auth.user_recover(b"alice".to_vec(), by.into(), String::new(), glass("lost"), None))
    };
    assert_eq!(recover("  ").unwrap_err().fault, Fault::InvalidArgument, "how was it verified?");
    let code = recover("passport").unwrap();
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
    let code = recover("passport").unwrap();
    host.clock.pass(86_400);
    let request = EnrollRequest { code: code.into(), ..Default::default() };
    assert_eq!(run(host.auth.enroll_begin(ALICE, request, None)).unwrap_err().fault, Fault::WrongCode);
}

// S16: redeemed twice at one moment.
#[test]
fn a_recovery_code_redeemed_by_two_makes_one_factor() {
    let host = Host::new(Mode::Required);
    host.enrol(ALICE);
    let code =
        run(host.auth.user_recover(b"alice".to_vec(), "passport".into(), String::new(), glass("lost"), None));
    let code = code.unwrap();
    let [one, two] = [HOME, AWAY].map(|door| host.login("alice", &attested(door), &code));
    let (first, second) = (secret_in(&one.text), secret_in(&two.text));
    assert_eq!(first, second, "what is shown again is the same");
    let typed = host.code(&first, 0);
    let proven = [host.answer(&one, &typed), host.answer(&two, &typed)];
    assert_eq!(proven.iter().filter(|step| step.kind() == Kind::Proven).count(), 1);
    let settled: Vec<_> =
        proven.iter().filter(|step| step.kind() == Kind::Proven).map(|p| host.settle(p)).collect();
    assert_eq!(settled[0].kind(), Kind::Proven);
    assert_eq!(host.factors(ALICE).len(), 1);
}

/// A host in grace, with alice and bob there when it began.
fn in_grace() -> Host {
    let host = Host::new(Mode::Required);
    host.rule(|rules| rules.grace = 40 * 86_400);
    host.keep_date();
    host
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
    host.clock.pass(2 * 86_400);
    assert_eq!(begin(&host), waived, "alice was here two days ago");
    assert_eq!(host.begin("bob", "sshd", &from(HOME)).kind(), Kind::Ask, "bob is dormant");
    host.clock.pass(10 * 86_400);
    assert_eq!(begin(&host).0, Kind::Ask, "grace is over");
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
    let again = host.answer(&resumed, "e");
    assert_eq!(secret_in(&again.text), seed);
    let proven = host.answer(&again, &host.code(&seed, 0));
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
    assert!(TRIES == 3);
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
    assert!(wrong.text.ends_with("\nCode that the app shows now: "), "the same question: {}", wrong.text);
    let seed = secret_in(&shown.text);
    let proven = host.answer(&wrong, &host.code(&seed, 0));
    assert_eq!(host.settle(&proven).kind(), Kind::Proven);
    assert_eq!(host.factors(ALICE), ["phone"]);
}

fn import(seed: &[u8]) -> Import {
    Import {
        user: b"alice".to_vec(),
        label: "old phone".into(),
        kind: "totp".into(),
        algorithm: "SHA1".into(),
        digits: 6,
        period: 30,
        secret: seed.to_vec(),
        next: 0,
        scratch_codes: vec![b"12345678".to_vec()],
        allow_weak: false,
        refresh: false,
        dry_run: false,
    }
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
    let weak = Import { secret: vec![9; 10], allow_weak: true, ..import(&seed) };
    assert_eq!(take(weak).unwrap(), "imported");
}

// S13: the user is told.
#[test]
fn a_used_backup_code_is_announced_at_the_next_prompt() {
    let host = Host::new(Mode::Required);
    let (seed, codes) = host.enrol_with_codes(ALICE);
    assert_eq!(host.login("alice", &attested(HOME), &codes[0]).kind(), Kind::Proven);
    let asked = host.begin("alice", "sshd", &attested(HOME));
    assert!(
        asked.text.contains("A backup code was used") && asked.text.contains("9 are left"),
        "{}",
        asked.text
    );
    assert!(!host.begin("alice", "sshd", &from(AWAY)).text.contains("backup"), "told to nobody else");
    assert_eq!(host.answer(&asked, &host.code(&seed, 0)).kind(), Kind::Proven);
    assert!(!host.begin("alice", "sshd", &attested(HOME)).text.contains("backup"));
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
