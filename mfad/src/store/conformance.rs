//! What every engine must hold, as one suite: an engine's tests call [`holds`] with a way to open
//! a fresh database and to open the same one again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use mfa_proto::identity::{UnixTime, UserName};

use super::{AuditRow, Engine, FactorRow, Job, Look, MetaKey, Rows, StateRow, StoreError, Txn};
use crate::account::{AccountId, FactorId};

const ALICE: AccountId = AccountId([1; 16]);
const BOB: AccountId = AccountId([2; 16]);

/// Runs the whole suite. `fresh` gives an engine over a new database, and a way to open that same
/// database once more after the engine was dropped.
pub(super) fn holds<E: Engine>(fresh: impl Fn() -> (E, Box<dyn Fn() -> E>)) {
    rows_are_found_by_what_they_are_keyed_by(&fresh().0);
    a_state_is_written_only_over_the_version_that_was_read(&fresh().0);
    an_error_or_a_panic_takes_back_its_own_job_and_no_other(&fresh().0);
    what_was_committed_is_there_after_opening_again(fresh());
    a_nonce_is_spent_once_however_many_race(&fresh().0);
    racing_writers_lose_nothing(&fresh().0);
    an_audit_seq_is_given_once(&fresh().0);
}

struct Run<F> {
    f: F,
    done: std::sync::mpsc::Sender<Result<(), StoreError>>,
}

impl<F: FnMut(&mut dyn Txn) -> Result<(), StoreError> + Send> Job for Run<F> {
    fn run(&mut self, txn: &mut dyn Txn) -> Result<(), StoreError> {
        (self.f)(txn)
    }
    fn settle(self: Box<Self>, outcome: Result<(), StoreError>) {
        let _ = self.done.send(outcome);
    }
}

struct See<F>(F);

impl<F: FnOnce(&mut dyn Rows) + Send> Look for See<F> {
    fn run(self: Box<Self>, rows: Result<&mut dyn Rows, StoreError>) {
        (self.0)(rows.expect("a look is served"));
    }
}

fn write(
    engine: &impl Engine,
    f: impl FnMut(&mut dyn Txn) -> Result<(), StoreError> + Send + 'static,
) -> Result<(), StoreError> {
    let (done, outcome) = std::sync::mpsc::channel();
    engine.submit(Box::new(Run { f, done }));
    outcome.recv().expect("a job is settled")
}

fn read<T: Send + 'static>(engine: &impl Engine, f: impl FnOnce(&mut dyn Rows) -> T + Send + 'static) -> T {
    let (done, value) = std::sync::mpsc::channel();
    engine.look(Box::new(See(move |rows: &mut dyn Rows| drop(done.send(f(rows))))));
    value.recv().expect("a look answers")
}

fn state(version: u64) -> StateRow {
    StateRow { version, body: vec![7; 3], tag: vec![8; 32] }
}

fn rows_are_found_by_what_they_are_keyed_by(engine: &impl Engine) {
    let factor = FactorRow { account: ALICE, version: 1, sealed: Some(vec![1, 2, 3]) };
    let id = FactorId([9; 16]);
    let kept = factor.clone();
    write(engine, move |txn| {
        txn.add_account(ALICE, 1000, &"alice".into())?;
        txn.add_account(BOB, 1001, &UserName::new(b"b\xffb".to_vec()))?;
        txn.put_state(ALICE, None, &state(1))?;
        txn.put_factor(id, &kept)?;
        txn.set_meta(MetaKey::Settings, b"one")?;
        txn.set_meta(MetaKey::Settings, b"two")
    })
    .expect("rows are written");
    read(engine, move |rows| {
        assert_eq!(rows.account_of_uid(1000).unwrap(), Some(ALICE));
        assert_eq!(rows.account_of_uid(1002).unwrap(), None);
        assert_eq!(rows.account_of_name(&UserName::new(b"b\xffb".to_vec())).unwrap(), Some(BOB));
        assert_eq!(rows.account_of_name(&"ALICE".into()).unwrap(), None, "names are bytes");
        let mut ids = |after: &str| {
            let page = rows.accounts(&after.into(), 9).unwrap();
            page.into_iter().map(|entry| (entry.id, entry.uid, entry.version)).collect::<Vec<_>>()
        };
        assert_eq!(ids(""), [(ALICE, 1000, 1), (BOB, 1001, 0)]);
        assert_eq!(ids("alice"), [(BOB, 1001, 0)]);
        assert_eq!(rows.state(ALICE).unwrap(), Some(state(1)));
        assert_eq!(rows.state(BOB).unwrap(), None);
        assert_eq!(rows.factor(id).unwrap(), Some(factor));
        assert_eq!(rows.meta(MetaKey::Settings).unwrap().as_deref(), Some(&b"two"[..]));
        let mut versions = Vec::new();
        rows.each_account(&mut |entry| versions.push((entry.uid, entry.version))).unwrap();
        versions.sort_unstable();
        assert_eq!(versions, [(1000, 1), (1001, 0)]);
    });
    let same_uid = write(engine, |txn| txn.add_account(AccountId([3; 16]), 1000, &"other".into()));
    let same_name = write(engine, |txn| txn.add_account(AccountId([3; 16]), 7, &"alice".into()));
    assert!(same_uid.is_err() && same_name.is_err(), "a uid and a name lead to one account");
    let stolen = FactorRow { account: BOB, version: 2, sealed: None };
    assert!(write(engine, move |txn| txn.put_factor(id, &stolen)).is_err(), "a factor stays its account's");
    write(engine, move |txn| txn.end_factor(id, UnixTime(5))).expect("a factor ends");
    assert_eq!(read(engine, move |rows| rows.factor(id).unwrap().unwrap().sealed), None);
    write(engine, move |txn| txn.drop_factor(id)).expect("a row is dropped");
    assert_eq!(read(engine, move |rows| rows.factor(id).unwrap()), None);
    let seen = super::SeenRow { first: UnixTime(2), time: UnixTime(3), offered: UnixTime(4), tag: vec![5] };
    let kept = seen.clone();
    write(engine, move |txn| txn.set_seen(1000, &kept)).expect("seen");
    assert_eq!(read(engine, |rows| rows.seen(1000).unwrap()), Some(seen));
    write(engine, |txn| txn.forget_seen(1000)).expect("forgotten");
    assert_eq!(read(engine, |rows| rows.seen(1000).unwrap()), None);
    write(engine, |txn| txn.remove_account(ALICE)).expect("removed");
    read(engine, |rows| {
        assert_eq!(rows.account_of_uid(1000).unwrap(), None);
        assert_eq!(rows.account_of_name(&"alice".into()).unwrap(), None);
        assert_eq!(rows.state(ALICE).unwrap(), None, "nothing of it is left to be written to");
    });
}

fn a_state_is_written_only_over_the_version_that_was_read(engine: &impl Engine) {
    write(engine, |txn| txn.put_state(ALICE, None, &state(1))).expect("the first");
    for was in [None, Some(0), Some(2)] {
        let conflict = write(engine, move |txn| txn.put_state(ALICE, was, &state(3)));
        assert!(matches!(conflict, Err(StoreError::Conflict)), "{was:?}: {conflict:?}");
    }
    write(engine, |txn| txn.put_state(ALICE, Some(1), &state(2))).expect("the next");
    assert_eq!(read(engine, |rows| rows.state(ALICE).unwrap().unwrap().version), 2);
}

fn an_error_or_a_panic_takes_back_its_own_job_and_no_other(engine: &impl Engine) {
    let failed = write(engine, |txn| {
        txn.set_meta(MetaKey::Settings, b"failed")?;
        Err(StoreError::Conflict)
    });
    assert!(matches!(failed, Err(StoreError::Conflict)));
    let panicked = write(engine, |txn| {
        txn.set_meta(MetaKey::Settings, b"panicked")?;
        panic!("on purpose")
    });
    assert!(matches!(panicked, Err(StoreError::Panicked)));
    assert_eq!(read(engine, |rows| rows.meta(MetaKey::Settings).unwrap()), None);
    write(engine, |txn| txn.set_meta(MetaKey::Settings, b"good")).expect("the store goes on");
}

fn what_was_committed_is_there_after_opening_again<E: Engine>((engine, again): (E, Box<dyn Fn() -> E>)) {
    write(&engine, |txn| txn.put_state(ALICE, None, &state(1))).expect("written");
    drop(engine);
    assert_eq!(read(&again(), |rows| rows.state(ALICE).unwrap()), Some(state(1)));
}

fn a_nonce_is_spent_once_however_many_race(engine: &impl Engine) {
    let (nonce, boot, granted) = ([5; 16], [6; 16], Arc::new(AtomicU32::new(0)));
    thread::scope(|scope| {
        for _ in 0..16 {
            let granted = Arc::clone(&granted);
            scope.spawn(move || {
                let was_first = Arc::new(AtomicU32::new(0));
                let told = Arc::clone(&was_first);
                write(engine, move |txn| {
                    told.store(u32::from(txn.spend(&nonce, &boot, 100)?), Ordering::SeqCst);
                    Ok(())
                })
                .expect("spending commits");
                granted.fetch_add(was_first.load(Ordering::SeqCst), Ordering::SeqCst);
            });
        }
    });
    assert_eq!(granted.load(Ordering::SeqCst), 1);
    write(engine, move |txn| txn.forget_spent(&boot, 100)).expect("forgetting commits");
    let still =
        write(
            engine,
            move |txn| if txn.spend(&nonce, &boot, 100)? { Err(StoreError::Conflict) } else { Ok(()) },
        );
    still.expect("a nonce in its time is remembered");
    write(engine, move |txn| {
        txn.forget_spent(&boot, 101)?;
        if txn.spend(&nonce, &boot, 200)? { Ok(()) } else { Err(StoreError::Conflict) }
    })
    .expect("one past its time is forgotten");
}

fn racing_writers_lose_nothing(engine: &impl Engine) {
    write(engine, |txn| txn.put_state(ALICE, None, &state(0))).expect("the first");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    write(engine, |txn| {
                        let before = txn.state(ALICE)?.ok_or(StoreError::Conflict)?.version;
                        txn.put_state(ALICE, Some(before), &state(before + 1))
                    })
                    .expect("nobody meets a conflict: jobs run one after the other");
                }
            });
        }
    });
    assert_eq!(read(engine, |rows| rows.state(ALICE).unwrap().unwrap().version), 400);
}

fn an_audit_seq_is_given_once(engine: &impl Engine) {
    let row =
        |seq, user: &str, account| AuditRow { seq, account, user: user.into(), body: vec![1], tag: vec![2] };
    let (first, second) = (row(1, "alice", Some(ALICE)), row(2, "bob", None));
    let (a, b, again) = (first.clone(), second.clone(), row(2, "eve", None));
    write(engine, move |txn| txn.append_audit(&a).and_then(|()| txn.append_audit(&b))).expect("appended");
    assert!(matches!(write(engine, move |txn| txn.append_audit(&again)), Err(StoreError::Conflict)));
    read(engine, move |rows| {
        assert_eq!(rows.audit(0, 9).unwrap(), [first.clone(), second.clone()]);
        assert_eq!(rows.audit(1, 9).unwrap(), [second]);
        assert_eq!(rows.last_audit(ALICE).unwrap(), Some(first));
        assert_eq!(rows.last_audit(BOB).unwrap(), None);
    });
}
