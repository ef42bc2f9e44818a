//! The use cases over a real store, with a clock that moves when told.

use std::{path::PathBuf, sync::Arc};

use mfa_proto::{
    account::EnrollRequest,
    admin::Why,
    answer::Answer,
    facts::{self, Facts},
    fault::Fault,
    identity::UnixTime,
    secret::Secret,
    step::{Kind, Reason, Step},
};

mod life;

use super::{Auth, Policy, question::Via};
use crate::{
    account::{AccountId, Factor, FactorId, Lock},
    crypto::Keys,
    factor::{Algorithm, FactorKind, Totp},
    policy::{Mode, Rules},
    store::{Store, sqlite::Sqlite},
    world::{
        fake::{FakeClock, world},
        random,
    },
};

const NOON: u64 = 1_800_000_000;

/// A host with alice (1000) and bob (1001), and a daemon.
pub(crate) struct Host {
    dir: tempfile::TempDir,
    pub(crate) clock: Arc<FakeClock>,
    policy: Policy,
    pub(crate) auth: Auth,
}

fn run<T>(future: impl Future<Output = T>) -> T {
    zruntime::block_on(future)
}

impl Host {
    fn new(mode: Mode) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("passwd"), "root:x:0:\nalice:x:1000:\nbob:x:1001:\n").unwrap();
        let clock = FakeClock::at(NOON);
        let policy = Policy::new(Some(Rules { mode, issuer: "host".into(), ..Rules::default() }));
        let auth = open(&dir.path().join("db"), &dir.path().join("passwd"), &clock, &policy);
        Self { dir, clock, policy, auth }
    }

    /// A host on which everybody must have a factor, with many users: some enrolled, some not, some of
    /// the enrolled locked.
    pub(crate) fn with_users(
        enrolled: impl Iterator<Item = String>,
        bare: impl Iterator<Item = String>,
        locked: impl Iterator<Item = String>,
    ) -> Self {
        let host = Self::new(Mode::Required);
        let (enrolled, locked): (Vec<_>, std::collections::HashSet<_>) =
            (enrolled.collect(), locked.collect());
        let everybody = enrolled.iter().cloned().chain(bare);
        let passwd: String =
            (5000..).zip(everybody).map(|(uid, name)| format!("{name}:x:{uid}:\n")).collect();
        std::fs::write(host.dir.path().join("passwd"), passwd).unwrap();
        let write = host.auth.store.write(move |records, now| {
            for (uid, name) in (5000..).zip(&enrolled) {
                let mut account =
                    records.create(AccountId(random(records.entropy())?), uid, &name.as_str().into())?;
                let id = FactorId(random(records.entropy())?);
                let (kind, seed) = (FactorKind::Totp(Totp::default()), [uid.to_le_bytes()[0]; 20]);
                records.put_seed(&account, id, 1, &kind, &seed)?;
                let (label, seed) = ("phone".to_owned(), records.fingerprint(&seed));
                let (created, last_used) = (now.wall, None);
                account.state.factors.push(Factor {
                    id,
                    version: 1,
                    kind,
                    label,
                    created,
                    last_used,
                    seed,
                    attested_failures: 0,
                    ahead: None,
                    imported: false,
                });
                account.state.locked = locked.contains(name).then_some(Lock::Administrator);
                records.keep(&mut account)?;
            }
            Ok(())
        });
        run(write).unwrap().into_inner();
        host
    }

    fn restart(&mut self) {
        self.auth = open(&self.db(), &self.dir.path().join("passwd"), &self.clock, &self.policy);
    }

    fn db(&self) -> PathBuf {
        self.dir.path().join("db")
    }

    fn sql(&self, sql: &str) {
        rusqlite::Connection::open(self.db()).unwrap().execute_batch(sql).unwrap();
    }

    /// Puts changed rules in force.
    fn rule(&self, change: impl FnOnce(&mut Rules)) {
        let mut rules = Rules::clone(&self.policy.get().unwrap());
        change(&mut rules);
        self.policy.set(Some(rules));
    }

    /// Begins an enrolment as if everybody might.
    fn begin_enrolment(&self, uid: u32) -> mfa_proto::account::Enrollment {
        let before = self.policy.get().unwrap();
        self.rule(|rules| rules.mode = Mode::Optional);
        let begun = run(self.auth.enroll_begin(uid, EnrollRequest::default(), None)).unwrap();
        self.policy.set(Some(Rules::clone(&before)));
        begun
    }

    /// Enrols and lets the confirming code's step pass.
    fn enrol(&self, uid: u32) -> Vec<u8> {
        let begun = self.begin_enrolment(uid);
        let seed = data_encoding::BASE32_NOPAD.decode(begun.secret.as_bytes()).unwrap();
        run(self.auth.enroll_confirm(uid, &begun.enrollment, self.code(&seed, 0).as_bytes())).unwrap();
        self.clock.pass(30);
        seed
    }

    fn code(&self, seed: &[u8], step: i64) -> String {
        let now = crate::world::Clock::now(&*self.clock).wall.0;
        let at = UnixTime(now.checked_add_signed(step * 30).unwrap());
        totp_rs::Builder::new().with_secret(seed).build_noncompliant().generate(at.0).to_string()
    }

    fn begin(&self, user: &str, service: &str, facts: &Facts) -> Step {
        run(self.auth.begin(user.into(), service.into(), facts)).unwrap()
    }

    fn answer(&self, asked: &Step, typed: &str) -> Step {
        run(self.auth.answer(Via::Login, &asked.token, Answer::parse(typed.as_bytes()))).unwrap()
    }

    /// One question, one answer.
    fn login(&self, user: &str, facts: &Facts, typed: &str) -> Step {
        let asked = self.begin(user, "sshd", facts);
        assert_eq!(asked.kind(), Kind::Ask);
        self.answer(&asked, typed)
    }

    fn settle(&self, proven: &Step) -> Step {
        run(self.auth.settle(&proven.token)).unwrap()
    }

    fn audited(&self) -> Vec<(String, String)> {
        let rows = run(self.auth.audit(0, 500, Vec::new())).unwrap();
        rows.into_iter().map(|row| (row.event, row.reason)).collect()
    }
}

fn open(db: &std::path::Path, passwd: &std::path::Path, clock: &Arc<FakeClock>, policy: &Policy) -> Auth {
    let keys = Arc::new(Keys::new(&Secret::new([7; 32])));
    if !db.exists() {
        Sqlite::create(db, &keys).unwrap();
    }
    let (engine, _) = Sqlite::open(db, &keys).unwrap();
    Auth::new(Store::new(engine, keys, world(clock, passwd), Arc::new(|_| {})), policy.clone())
}

fn from(address: &str) -> Facts {
    Facts::from([(facts::SSH_CONNECTION.into(), format!("{address} 1 192.0.2.1 22").into_bytes())])
}

fn attested(address: &str) -> Facts {
    let mut facts = from(address);
    facts.insert(facts::FIRST_FACTOR.into(), facts::REQUISITE.to_vec());
    facts
}

/// An administrator's reason, with the glass broken.
fn glass(reason: &str) -> Why {
    Why { reason: reason.into(), break_glass: "no factor yet".into() }
}

const HOME: &str = "192.0.2.7";
const AWAY: &str = "198.51.100.9";

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
    run(host.auth.enroll_confirm(1000, &begun.enrollment, code.as_bytes())).unwrap();
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

// S30
#[test]
fn swapped_sealed_rows_refuse_and_never_refuse_others() {
    let host = Host::new(Mode::Required);
    let (alice, bob) = (host.enrol(1000), host.enrol(1001));
    host.sql(
        "CREATE TABLE other AS SELECT * FROM factor; \
         UPDATE factor SET sealed = (SELECT sealed FROM other WHERE other.id <> factor.id);",
    );
    for (user, seed) in [("alice", &bob), ("alice", &alice), ("bob", &alice)] {
        let step = host.login(user, &attested(HOME), &host.code(seed, 0));
        assert_eq!((step.kind(), step.reason()), (Kind::Refused, Some(Reason::Altered)));
    }
}

// S30
#[test]
fn an_altered_older_or_missing_state_refuses_that_account_only() {
    for attack in [
        "UPDATE account_state SET body = zeroblob(length(body)) WHERE account = (SELECT id FROM account WHERE name = CAST('alice' AS BLOB))",
        "UPDATE account_state SET tag = zeroblob(32) WHERE account = (SELECT id FROM account WHERE name = CAST('alice' AS BLOB))",
        "DELETE FROM account_state WHERE account = (SELECT id FROM account WHERE name = CAST('alice' AS BLOB))",
        "UPDATE account SET uid = CASE uid WHEN 1000 THEN 5 ELSE uid END, name = CASE uid WHEN 1000 THEN CAST('x' AS BLOB) ELSE name END",
        "DELETE FROM account WHERE uid = 1000",
    ] {
        for mode in [Mode::Optional, Mode::Required] {
            let mut host = Host::new(mode);
            let (alice, bob) = (host.enrol(1000), host.enrol(1001));
            host.sql(attack);
            for restarted in [false, true] {
                if restarted {
                    host.restart();
                    host.clock.pass(30);
                }
                let asked = host.begin("alice", "sshd", &attested(HOME));
                assert_eq!(asked.kind(), Kind::Ask, "{attack} {mode:?} restarted {restarted}");
                let refused = host.answer(&asked, &host.code(&alice, 0));
                assert!(
                    matches!(refused.reason(), Some(Reason::Altered | Reason::NotEnrolled)),
                    "{attack} {mode:?} restarted {restarted}: {refused:?}"
                );
                assert_eq!(
                    host.login("bob", &attested(HOME), &host.code(&bob, 0)).kind(),
                    Kind::Proven,
                    "{attack}"
                );
            }
        }
    }
}

// S30: an older row with a valid code of its own.
#[test]
fn a_state_set_back_to_an_older_one_is_seen_while_running_and_at_the_next_start() {
    let mut host = Host::new(Mode::Required);
    let (alice, bob) = (host.enrol(1000), host.enrol(1001));
    host.sql("CREATE TABLE old AS SELECT * FROM account_state");
    let code = host.code(&alice, 0);
    assert_eq!(host.login("alice", &attested(HOME), &code).kind(), Kind::Proven);
    host.sql("REPLACE INTO account_state SELECT * FROM old WHERE account = (SELECT id FROM account WHERE uid = 1000)");
    assert_eq!(host.login("alice", &attested(HOME), &code).reason(), Some(Reason::Altered));
    host.restart();
    assert_eq!(host.login("alice", &attested(HOME), &code).reason(), Some(Reason::Altered));
    assert_eq!(host.login("bob", &attested(HOME), &host.code(&bob, 0)).kind(), Kind::Proven);
}

// S30: another's account put under one's name.
#[test]
fn an_index_that_leads_to_another_account_is_refused() {
    let host = Host::new(Mode::Required);
    let (_alice, bob) = (host.enrol(1000), host.enrol(1001));
    host.sql(
        "UPDATE account SET uid = uid + 5000, name = CAST(name || '_' AS BLOB); \
              UPDATE account SET uid = CASE uid WHEN 6000 THEN 1001 ELSE 1000 END, \
                                 name = CAST(CASE uid WHEN 6000 THEN 'bob' ELSE 'alice' END AS BLOB);",
    );
    let step = host.login("alice", &attested(HOME), &host.code(&bob, 0));
    assert_eq!((step.kind(), step.reason()), (Kind::Refused, Some(Reason::Altered)));
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

// S30
#[test]
fn an_altered_inserted_or_removed_audit_row_breaks_the_chain_where_it_is() {
    for (attack, at) in [
        ("UPDATE audit SET body = CAST('x' AS BLOB) WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", 8),
        ("UPDATE audit SET tag = (SELECT tag FROM audit WHERE seq = 1) WHERE seq = 2", 2),
    ] {
        let host = Host::new(Mode::Required);
        host.enrol(1000);
        for _ in 0..5 {
            host.login("alice", &from(HOME), "000000");
        }
        let sound = run(host.auth.audit_verify()).unwrap();
        assert!(sound.intact && sound.rows == 8, "{sound:?}");
        host.sql(attack);
        let broken = run(host.auth.audit_verify()).unwrap();
        assert_eq!((broken.intact, broken.broken_at), (false, at), "{attack}: {broken:?}");
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

// S30: nothing is the same as a store in which nobody is enrolled.
#[test]
fn a_store_that_is_gone_empty_or_without_its_head_is_never_taken_for_a_new_one() {
    let keys = Arc::new(Keys::new(&Secret::new([7; 32])));
    let host = Host::new(Mode::Optional);
    host.enrol(1000);
    host.sql("DELETE FROM meta; DELETE FROM account; DELETE FROM account_state; DELETE FROM audit");
    assert!(matches!(Sqlite::open(&host.db(), &keys), Err(crate::store::StoreError::WrongKey)));
    assert!(Sqlite::create(&host.db(), &keys).is_err(), "and none is made over it");
    let empty = host.dir.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    assert!(matches!(Sqlite::open(&empty, &keys), Err(crate::store::StoreError::NoStore { .. })));
    assert!(Sqlite::open(&host.dir.path().join("gone"), &keys).is_err());
}

// S23
#[test]
fn another_key_opens_nothing_and_a_newer_schema_is_left_alone() {
    let host = Host::new(Mode::Required);
    host.enrol(1000);
    let other = Arc::new(Keys::new(&Secret::new([8; 32])));
    assert!(matches!(Sqlite::open(&host.db(), &other), Err(crate::store::StoreError::WrongKey)));
    host.sql("PRAGMA user_version = 99");
    let keys = Arc::new(Keys::new(&Secret::new([7; 32])));
    let refused = Sqlite::open(&host.db(), &keys).err().unwrap().to_string();
    assert!(refused.contains("schema 99 is newer than the 1"), "{refused}");
}
