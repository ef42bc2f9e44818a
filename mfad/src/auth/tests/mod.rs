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

mod administration;
mod allowed;
mod exempt;
mod explained;
mod factors;
mod first_enrolment;
mod life;
mod limits;
mod logins;

mod policy;
mod remembered;
mod signals;
mod ssh_keys;
mod tampering;

use super::{Auth, Policy, question::Via};
use crate::{
    account::{AccountId, Factor, FactorId, Lock},
    crypto::Keys,
    factor::{Algorithm, FactorKind, Totp},
    policy::{Entry, Mode, Rules},
    store::{Store, sqlite::Sqlite},
    world::{
        World,
        fake::{FakeClock, FakeEntropy, world},
        random,
    },
};

const NOON: u64 = 1_800_000_000;

/// A host with alice (1000) and bob (1001), and a daemon.
pub(crate) struct Host {
    dir: tempfile::TempDir,
    pub(crate) clock: Arc<FakeClock>,
    entropy: Arc<FakeEntropy>,
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
        let (clock, entropy) = (FakeClock::at(NOON), FakeEntropy::new());
        let entry = Entry { issuer: "host".into(), label: "{user}".into() };
        let read = |text: &str, path: &str| {
            let read = crate::settings::Settings::of_text(text, path, "host")?;
            Ok((read.rules, read.warnings))
        };
        let policy = Policy::new(Some(Rules { mode, entry, ..Rules::default() })).read_by(Arc::new(read));
        let auth = open(dir.path(), world(&clock, &entropy, &dir.path().join("passwd")), &policy);
        Self { dir, clock, entropy, policy, auth }
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
                let seed = records.fingerprint(&seed);
                account.state.factors.push(Factor::new(id, kind, "phone".to_owned(), seed, now.wall));
                account.state.locked = locked.contains(name).then_some(Lock::Administrator);
                records.keep(&mut account)?;
            }
            Ok(())
        });
        run(write).unwrap().into_inner();
        host
    }

    fn restart(&mut self) {
        let world = world(&self.clock, &self.entropy, &self.dir.path().join("passwd"));
        self.auth = open(self.dir.path(), world, &self.policy);
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

    /// Does `work` where everybody may enrol by wish.
    fn where_all_may_enrol<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.policy.get().unwrap();
        self.rule(|rules| rules.mode = Mode::Optional);
        let done = work();
        self.policy.set(Some(Rules::clone(&before)));
        done
    }

    /// Begins an enrolment as if everybody might.
    fn begin_enrolment(&self, uid: u32) -> mfa_proto::account::Enrollment {
        let begin = || run(self.auth.enroll_begin(uid, EnrollRequest::default(), None)).unwrap();
        self.where_all_may_enrol(begin)
    }

    /// Confirms it, likewise.
    fn confirm_enrolment(&self, uid: u32, id: &str, code: &str) -> mfa_proto::account::Enrolled {
        self.where_all_may_enrol(|| run(self.auth.enroll_confirm(uid, id, code.as_bytes())).unwrap())
    }

    /// Enrols and lets the confirming code's step pass.
    fn enrol(&self, uid: u32) -> Vec<u8> {
        let begun = self.begin_enrolment(uid);
        let seed = data_encoding::BASE32_NOPAD.decode(begun.secret.as_bytes()).unwrap();
        self.confirm_enrolment(uid, &begun.enrollment, &self.code(&seed, 0));
        self.clock.pass(30);
        seed
    }

    fn code(&self, seed: &[u8], step: i64) -> String {
        let now = crate::world::Clock::now(&*self.clock).wall.0;
        let at = UnixTime(now.checked_add_signed(step * 30).unwrap());
        totp_rs::Builder::new().with_secret(seed).build_noncompliant().generate(at.0).to_string()
    }

    fn begin(&self, user: &str, service: &str, facts: &Facts) -> Step {
        run(self.auth.begin(user.into(), service.into(), facts)).unwrap().step
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

fn open(folder: &std::path::Path, world: World, policy: &Policy) -> Auth {
    let (db, keys) = (folder.join("db"), Arc::new(Keys::new(&Secret::new([7; 32]))));
    if !db.exists() {
        Sqlite::create(&db, &keys).unwrap();
    }
    let engine = Sqlite::open(&db, &keys).unwrap();
    Auth::new(Store::new(engine, keys, world, Arc::new(|_| {})), policy.clone())
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
