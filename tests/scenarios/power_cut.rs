//! The power is cut while mfad writes: the page cache is gone, and what was not synchronised is there in part.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mfa_proto::answer::Answer;
use mfa_proto::facts::{self, Facts};
use mfa_proto::step::{Kind, Reason};
use mfa_tests::writes::{Change, Disk, Writes};
use mfa_tests::{Machine, Stack, Totp};
use mfad::auth::{Auth, Policy, question::Via};
use mfad::crypto::Keys;
use mfad::policy::{Mode, Rules};
use mfad::store::{Store, sqlite::Sqlite};
use mfad::world::{Clock, KernelClock, KernelEntropy, Moment, Names, World};

use crate::people::{enrolled, not_enrolled};

/// Logins that are not asked: each is a commit, and all together fill the log of changes, so that it begins anew.
const WAIVED: &str = "300";
/// One in so many of their commits is looked at.
const SOME: usize = 40;

/// What was answered, so that it must be there ever after.
#[derive(Debug)]
enum Answered {
    /// This user has a factor.
    Enrolled(&'static str),
    /// So many wrong tries of this user were counted.
    Failures(&'static str, u32),
    /// This user was let in by that code, at that moment.
    Spent(&'static str, String, Moment),
}

/// mfad stands still at a moment.
struct At(Moment);

impl Clock for At {
    fn now(&self) -> Moment {
        self.0
    }
}

/// Where the disks are, while the test runs.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0); // none was made yet, where a test ended before
    }
}

/// A host with the disk that a power cut left.
struct After<'a> {
    folder: &'a Path,
    keys: &'a Arc<Keys>,
    passwd: &'a Path,
}

impl After<'_> {
    /// mfad at that moment, as it starts: by itself, whatever the disk is like.
    fn mfad(&self, now: Moment) -> Auth {
        let engine =
            Sqlite::open(&self.folder.join("mfad.db"), self.keys).expect("the store opens by itself");
        let clock = Arc::new(At(now));
        let names = Names::of_file(self.passwd, clock.clone());
        let world = World::new(clock, Arc::new(KernelEntropy), names);
        let store = Store::new(engine, Arc::clone(self.keys), world, Arc::new(|_| {}));
        Auth::new(store, Policy::new(Some(Rules { mode: Mode::Optional, ..Rules::default() })))
    }

    fn assert_holds(&self, answered: &[&Answered], now: Moment) {
        let mfad = self.mfad(now);
        for answer in answered {
            match answer {
                Answered::Enrolled(user) => {
                    let shown = zruntime::block_on(mfad.user_show(user.as_bytes().to_vec()));
                    assert!(shown.is_ok_and(|user| !user.factors.is_empty()), "{answer:?}");
                }
                Answered::Failures(user, count) => {
                    let shown = zruntime::block_on(mfad.user_show(user.as_bytes().to_vec())).expect("a user");
                    let counted: u32 = shown.doors.iter().map(|door| door.failures).sum();
                    assert!(counted >= *count, "{answer:?}: {counted}");
                }
                Answered::Spent(user, code, then) => {
                    let mfad = self.mfad(*then); // in whose window the code is
                    let attested = Facts::from([(facts::FIRST_FACTOR.into(), facts::REQUISITE.to_vec())]);
                    let asked = zruntime::block_on(mfad.begin((*user).into(), "door".into(), &attested));
                    let asked = asked.expect("a question");
                    assert_eq!(asked.step.kind(), Kind::Ask, "{answer:?}");
                    let typed = Answer::parse(code.as_bytes());
                    let again = zruntime::block_on(mfad.answer(Via::Login, &asked.step.token, typed));
                    assert_eq!(again.expect("a verdict").reason(), Some(Reason::Spent), "{answer:?}");
                }
            }
        }
        let state = zruntime::block_on(mfad.audit_verify()).expect("an audit");
        assert!(state.intact, "{state:?}");
    }
}

/// A life with enrolment, wrong and right codes, and a log of changes that begins anew; with each answer, how many
/// changes of the disk came before it.
fn lived() -> (Machine, Writes, Vec<(usize, Answered)>) {
    let machine = Machine::new()
        .users(["alice", "dave"].map(enrolled))
        .users(["bob", "carol"].map(not_enrolled))
        .pam("door", Stack::mfa_alone())
        .start()
        .with_pam_host();
    let fill_the_log = || drop(machine.exec(&["pam_host", "loop", "door", "carol", WAIVED]));
    fill_the_log(); // by half
    let clock = KernelClock::new().expect("clocks");
    let writing = machine.mfad().writing();
    let mut answered = Vec::new();
    let mut says = |answer| answered.push((writing.changes(), answer));
    let enters = |user: &str, code: &str| machine.pam_host("door", user, &["--answer", code]).granted();

    machine.enrol("bob", &Totp::sha1());
    says(Answered::Enrolled("bob"));
    assert!(!enters("dave", &machine.token("dave").wrong_code()));
    says(Answered::Failures("dave", 1));
    for offset in 0..2 {
        for user in ["alice", "bob"] {
            let (code, now) = (machine.token(user).code_at(offset), clock.now());
            assert!(enters(user, &code));
            says(Answered::Spent(user, code, now));
        }
        if offset == 0 {
            fill_the_log();
        }
    }
    let code = machine.backup_codes("alice").remove(0);
    let now = clock.now();
    assert!(enters("alice", &code));
    says(Answered::Spent("alice", code, now));
    assert!(!enters("dave", &machine.token("dave").wrong_code()));
    says(Answered::Failures("dave", 2));
    let writes = writing.end();
    (machine, writes, answered)
}

// S31, S3, S9
#[test]
fn a_power_cut_at_any_write_loses_nothing_that_was_answered() {
    let (machine, writes, answered) = lived();
    let owner = machine.path("/etc/mfad/key").metadata().expect("a key").uid();
    let keys = Arc::new(mfad::keys::read(&machine.path("/etc/mfad/key"), owner).expect("a key"));
    let now = KernelClock::new().expect("clocks").now();
    let passwd = machine.path("/etc/passwd");
    let place = Place(PathBuf::from(format!("/dev/shm/mfad-power-cut-{}", std::process::id())));

    let (mut disk, mut cuts, mut anew) = (Disk::before(&writes), 0, 0);
    for done in 0..=writes.changes.len() {
        let next = writes.changes.get(done);
        // Then all that is uncertain may be there, or not.
        let synchronising = matches!(next, Some((_, Change::Sync)));
        let checkpoint = synchronising && disk.open().any(|file| file == "mfad.db");
        anew += usize::from(checkpoint);
        let near = answered.iter().any(|(at, _)| done.abs_diff(*at) < 12);
        if answered.iter().any(|(at, _)| *at == done)
            || synchronising && (near || checkpoint || done % SOME == 0)
        {
            let held: Vec<&Answered> =
                answered.iter().filter(|(at, _)| *at <= done).map(|(_, answer)| answer).collect();
            let number = disk.open().count();
            let variants: [&dyn Fn(usize) -> usize; 4] = [
                &|_| 0,
                &|_| usize::MAX,
                &|this| if this + 1 == number { 2048 } else { usize::MAX }, // torn
                &|this| if (this * 7 + done) % 3 == 0 { 0 } else { usize::MAX }, // in another order
            ];
            for survives in variants.into_iter().take(if number == 0 { 1 } else { 4 }) {
                let folder = disk.after_a_cut(place.0.join(cuts.to_string()), survives);
                After { folder: &folder, keys: &keys, passwd: &passwd }.assert_holds(&held, now);
                std::fs::remove_dir_all(&folder).expect("a folder of ours");
                cuts += 1;
            }
        }
        if let Some(change) = next {
            disk.take(change);
        }
    }
    eprintln!("{} changes of the disk, {anew} of a checkpoint, {cuts} cuts", writes.changes.len());
    assert!(cuts > 40 && anew > 0, "{cuts} cuts, {anew} in a checkpoint");
}
