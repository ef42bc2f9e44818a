//! `SQLite`: WAL, `synchronous=FULL`, one thread that writes, and one connection to read.
//!
//! A batch is whatever queued while the last fsync ran: each job has a savepoint of its own, all
//! share one commit. No two share a verdict: jobs run one after the other, each sees what the one
//! before it did.

mod reserve;
mod rows;
mod schema;
mod writer;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use rusqlite::{Connection, ErrorCode, ffi};

use super::{Engine, Head, Job, Look, StoreError};
use crate::crypto::Keys;
use rows::Db;
use writer::Writer;

/// Work that may wait; more is refused at once.
const QUEUE: usize = 1024;

/// The engine: a queue to write, a connection to read.
pub struct Sqlite {
    jobs: mpsc::SyncSender<Box<dyn Job>>,
    reader: Mutex<Db>,
}

impl Sqlite {
    /// Makes a new, empty store at `path`, under `keys`; an error where a file is.
    pub fn create(path: &Path, keys: &Keys) -> Result<(), StoreError> {
        let mut db = Db::new(schema::create(path)?);
        Head::begin(&mut db, keys)
    }

    /// Looks whether [`Sqlite::open`] would open the database at `path`, and changes nothing of it: others may write it
    /// in the meantime. `Ok(false)` when the roster is not sound.
    pub fn check(path: &Path, keys: &Keys) -> Result<bool, StoreError> {
        let mut db = Db::new(schema::open_to_check(path)?);
        db.execute("BEGIN")?; // all of it as of one moment
        Head::roster_agrees(&mut db, keys)
    }

    /// Opens the database at `path`, which is there, and starts its thread. Verifies the head and compares the
    /// roster with it: the first transaction tells when that is not sound.
    pub fn open(path: &Path, keys: &Arc<Keys>) -> Result<Self, StoreError> {
        let writer = Writer::open(path, keys)?;
        let mut reader = Db::new(schema::open_to_read(path)?);
        reader.share_roster(writer.db());
        let (jobs, to_write) = mpsc::sync_channel(QUEUE);
        spawn("store-write", move || writer.serve(&to_write));
        Ok(Self { jobs, reader: Mutex::new(reader) })
    }
}

impl Engine for Sqlite {
    fn submit(&self, job: Box<dyn Job>) {
        match self.jobs.try_send(job) {
            Ok(()) => {}
            Err(mpsc::TrySendError::Full(job)) => job.settle(Err(StoreError::Busy)),
            Err(mpsc::TrySendError::Disconnected(job)) => job.settle(Err(StoreError::Closed)),
        }
    }

    /// Runs the look at once, where it is: a few rows that lie in memory cost less than handing
    /// them to another thread and back. One snapshot a look, locked once; nobody who
    /// writes is waited for.
    fn look(&self, look: Box<dyn Look>) {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        match reader.execute("BEGIN") {
            // A look that panics ends as an error for its caller, whose channel it drops.
            Ok(()) => drop(catch_unwind(AssertUnwindSafe(|| look.run(Ok(&mut *reader))))),
            Err(error) => look.run(Err(error)),
        }
        let _ = reader.execute("ROLLBACK"); // nothing was written
    }
}

/// Runs `body` in a thread whose panic ends the process: its state cannot be trusted after one.
fn spawn(name: &str, body: impl FnOnce() + Send + 'static) {
    let run = move || {
        if catch_unwind(AssertUnwindSafe(body)).is_err() {
            std::process::abort();
        }
    };
    if thread::Builder::new().name(name.to_owned()).spawn(run).is_err() {
        std::process::abort(); // no thread, no store: systemd starts it again
    }
}

fn database(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error() {
        Some(cause) if cause.code == ErrorCode::DiskFull => StoreError::Full,
        // The index of the log of changes could not grow.
        Some(cause) if cause.extended_code == ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full,
        _ => StoreError::Database(error.to_string().into()),
    }
}

fn pragma(conn: &Connection, name: &str, value: impl rusqlite::ToSql) -> Result<(), StoreError> {
    conn.pragma_update(None, name, value).map_err(|error| database(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{crypto::KEY_BYTES, store::conformance};
    use mfa_proto::secret::Secret;

    fn keys() -> Arc<Keys> {
        Arc::new(Keys::new(&Secret::new([1; KEY_BYTES])))
    }

    #[test]
    fn sqlite_holds_the_conformance_suite() {
        let folders = tempfile::tempdir().unwrap();
        let number = std::cell::Cell::new(0);
        conformance::holds(|| {
            number.set(number.get() + 1);
            let path = folders.path().join(number.get().to_string());
            Sqlite::create(&path, &keys()).unwrap();
            let open = move || Sqlite::open(&path, &keys()).unwrap();
            (open(), Box::new(open) as Box<dyn Fn() -> Sqlite>)
        });
    }

    #[test]
    fn a_check_finds_what_opening_would_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        assert!(Sqlite::check(&path, &keys()).is_err(), "there is none");
        std::fs::write(&path, "").unwrap();
        assert!(matches!(Sqlite::check(&path, &keys()), Err(StoreError::NoStore { .. })));
        std::fs::remove_file(&path).unwrap();
        Sqlite::create(&path, &keys()).unwrap();
        let bytes = || std::fs::read(&path).unwrap();
        let before = bytes();
        assert!(Sqlite::check(&path, &keys()).unwrap());
        let serving = Sqlite::open(&path, &keys()).unwrap();
        assert!(Sqlite::check(&path, &keys()).unwrap(), "beside one that serves");
        drop(serving);
        let other = Keys::new(&Secret::new([2; KEY_BYTES]));
        assert!(matches!(Sqlite::check(&path, &other), Err(StoreError::WrongKey)));
        assert_eq!(bytes().len(), before.len());
    }

    #[test]
    fn the_store_of_the_next_release_is_gone_on_with_where_that_says_so_and_refused_where_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        Sqlite::create(&path, &keys()).unwrap();
        let next = Connection::open(&path).unwrap();
        next.execute_batch("ALTER TABLE account ADD COLUMN colour TEXT; PRAGMA user_version = 3").unwrap();
        let says = |oldest: &str| {
            let sql = "UPDATE meta SET value = CAST(?1 AS BLOB) WHERE key = 'readable_by'";
            assert_eq!(next.execute(sql, [oldest]).unwrap(), 1);
        };
        let too_new =
            |result: Result<bool, StoreError>| matches!(result, Err(StoreError::TooNew { found: 3, .. }));
        says("1");
        assert!(Sqlite::check(&path, &keys()).unwrap());
        drop(Sqlite::open(&path, &keys()).unwrap());
        assert_eq!(next.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).unwrap(), 3);
        for refused in ["3", "0", "", "-1", "x"] {
            says(refused);
            assert!(too_new(Sqlite::check(&path, &keys())), "{refused}");
            assert!(too_new(Sqlite::open(&path, &keys()).map(|_| true)), "{refused}");
        }
        next.execute("DELETE FROM meta WHERE key = 'readable_by'", []).unwrap();
        assert!(too_new(Sqlite::check(&path, &keys())));
    }

    #[test]
    fn the_store_of_the_first_schema_is_brought_to_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        Sqlite::create(&path, &keys()).unwrap();
        let first = Connection::open(&path).unwrap();
        let sql = "ALTER TABLE seen DROP COLUMN first; INSERT INTO seen VALUES (7, 3, 4, x'05'); PRAGMA user_version = 1";
        first.execute_batch(sql).unwrap();
        drop(Sqlite::open(&path, &keys()).unwrap());
        let seen = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        assert_eq!(first.query_row("SELECT first, time FROM seen", [], seen).unwrap(), (0, 3));
    }

    // S31, S32: the settings that make a commit durable are in force.
    #[test]
    fn a_commit_is_durable() {
        let folder = tempfile::tempdir().unwrap();
        let conn = schema::create(&folder.path().join("db")).unwrap();
        let pragma = |name| {
            conn.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap()
        };
        assert_eq!(pragma("journal_mode"), rusqlite::types::Value::Text("wal".into()));
        assert_eq!(pragma("synchronous"), rusqlite::types::Value::Integer(2));
    }

    // S32: a database that somebody else locks refuses within the deadline, and recovers.
    #[test]
    fn a_locked_database_is_an_error_in_time_and_serves_again() {
        struct Nothing(mpsc::Sender<Result<(), StoreError>>);
        impl Job for Nothing {
            fn run(&mut self, _: &mut dyn crate::store::Txn) -> Result<(), StoreError> {
                Ok(())
            }
            fn settle(self: Box<Self>, outcome: Result<(), StoreError>) {
                let _ = self.0.send(outcome);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        Sqlite::create(&path, &keys()).unwrap();
        let engine = Sqlite::open(&path, &keys()).unwrap();
        let outcome = || {
            let (done, outcome) = mpsc::channel();
            engine.submit(Box::new(Nothing(done)));
            outcome.recv_timeout(std::time::Duration::from_secs(4)).expect("an answer in time")
        };
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(matches!(outcome(), Err(StoreError::Database(_))));
        other.execute_batch("ROLLBACK").unwrap();
        assert!(outcome().is_ok());
    }
}
