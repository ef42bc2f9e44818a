//! The thread that writes: takes what is queued in batches, one transaction and one commit each.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, mpsc},
};

use super::{
    super::{Job, Roster, StoreError},
    reserve::Reserve,
    rows::Db,
    schema,
};
use crate::{audit::Event, crypto::Keys};

/// Jobs that share one commit.
const BATCH: usize = 32;

/// See the module.
pub(super) struct Writer {
    db: Db,
    keys: Arc<Keys>,
    /// `PRAGMA data_version` when the roster was last compared: it changes when somebody else
    /// commits.
    seen: i64,
    /// For the day on which the disk is full.
    reserve: Reserve,
}

impl Writer {
    /// Opens the database at `path`, and compares its roster with its head. On a disk that is full, with what was
    /// set aside.
    pub(super) fn open(path: &Path, keys: &Arc<Keys>) -> Result<Self, StoreError> {
        let mut reserve = Reserve::of(path);
        let opened = match schema::open(path) {
            Err(StoreError::Full) if reserve.give_up() => schema::open(path),
            opened => opened,
        };
        let mut db = Db::new(opened?);
        reserve.make();
        db.news.extend((!reserve.is_held()).then_some(Event::ReserveGone));
        let mut writer = Self { db, keys: Arc::clone(keys), seen: 0, reserve };
        writer.compare_roster()?;
        Ok(writer)
    }

    /// Its connection.
    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// Does what is queued until nobody can queue any more.
    pub(super) fn serve(mut self, queue: &mpsc::Receiver<Box<dyn Job>>) {
        while let Ok(first) = queue.recv() {
            let mut batch = vec![first];
            batch.extend(queue.try_iter().take(BATCH - 1));
            let results = self.run(&mut batch);
            for (job, result) in batch.into_iter().zip(results) {
                job.settle(result);
            }
        }
    }

    fn run(&mut self, batch: &mut [Box<dyn Job>]) -> Vec<Result<(), StoreError>> {
        let mut outcome = self.transact(batch);
        if matches!(outcome, Err(StoreError::Full)) && self.reserve.give_up() {
            self.db.news.push_back(Event::ReserveGone);
            outcome = self.transact(batch);
        }
        match outcome {
            Ok(results) => {
                if self.reserve.make() {
                    self.db.news.push_back(Event::ReserveMade);
                }
                results
            }
            Err(error) => batch.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// One transaction with all of them. An error: it came to nothing, for none of them.
    fn transact(&mut self, batch: &mut [Box<dyn Job>]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        self.db.execute("BEGIN IMMEDIATE")?;
        let compared = self.compare_if_changed(); // nobody else can write any more
        let news = self.db.news.clone();
        let ended = compared.and_then(|()| self.all(batch));
        let ended = ended.and_then(|results| self.db.execute("COMMIT").map(|()| results));
        if ended.is_err() {
            let _ = self.db.execute("ROLLBACK"); // some failures have rolled back already
            self.db.news = news;
        }
        ended
    }

    /// Each of them in its turn; an error where the disk is full, which ends more than the job that
    /// met it.
    fn all(&mut self, batch: &mut [Box<dyn Job>]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let mut results = Vec::with_capacity(batch.len());
        for job in batch {
            match self.one(&mut **job) {
                Err(StoreError::Full) => return Err(StoreError::Full),
                result => results.push(result),
            }
        }
        Ok(results)
    }

    /// Runs one job under a savepoint: an error or a panic takes back what it did, and no more.
    fn one(&mut self, job: &mut dyn Job) -> Result<(), StoreError> {
        self.db.execute("SAVEPOINT job")?;
        let news = self.db.news.clone();
        let result =
            catch_unwind(AssertUnwindSafe(|| job.run(&mut self.db))).unwrap_or(Err(StoreError::Panicked));
        if let Err(error) = &result {
            self.db.news = news;
            match (error, self.db.execute("ROLLBACK TO job")) {
                (StoreError::Full, _) => return result, // it may have taken the whole transaction back
                (_, back) => back?,
            }
        }
        self.db.execute("RELEASE job")?;
        result
    }

    fn compare_if_changed(&mut self) -> Result<(), StoreError> {
        if self.db.data_version()? == self.seen { Ok(()) } else { self.compare_roster() }
    }

    /// Compares the roster, and has the next transaction tell where it was altered.
    fn compare_roster(&mut self) -> Result<(), StoreError> {
        let version = self.db.data_version()?;
        let roster = Roster::compare(&mut self.db, &self.keys)?;
        if !roster.is_sound() {
            self.db.news.push_back(Event::RosterAltered);
        }
        self.db.set_roster(roster);
        self.seen = version; // only now: what failed is done again
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    };

    use mfa_proto::secret::Secret;

    use super::*;
    use crate::{
        crypto::KEY_BYTES,
        store::{Rows, Txn, sqlite::Sqlite},
    };

    /// What a job saw when it ran, run by run.
    type Saw = Arc<Mutex<Vec<Option<Event>>>>;

    /// Takes the news, and ends so: given how often it ran before.
    struct Takes<F>(Saw, AtomicU32, F);

    impl<F: Fn(u32) -> Result<(), StoreError> + Send> Job for Takes<F> {
        fn run(&mut self, txn: &mut dyn Txn) -> Result<(), StoreError> {
            self.0.lock().unwrap().push(txn.take_news());
            (self.2)(self.1.fetch_add(1, Ordering::Relaxed))
        }
        fn settle(self: Box<Self>, _: Result<(), StoreError>) {}
    }

    fn takes(ends: impl Fn(u32) -> Result<(), StoreError> + Send + 'static) -> (Saw, Box<dyn Job>) {
        let saw = Saw::default();
        (Arc::clone(&saw), Box::new(Takes(saw, AtomicU32::new(0), ends)))
    }

    fn writer() -> (tempfile::TempDir, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mfad.db");
        let keys = Arc::new(Keys::new(&Secret::new([1; KEY_BYTES])));
        Sqlite::create(&path, &keys).unwrap();
        let writer = Writer::open(&path, &keys).unwrap();
        (folder, writer)
    }

    // S32
    #[test]
    fn a_disk_that_is_full_runs_the_whole_batch_again_with_the_reserve_given_up_and_told() {
        let (folder, mut writer) = writer();
        let reserve = folder.path().join("mfad.reserve");
        assert!(reserve.exists() && writer.db.news.is_empty());
        let (first, one) = takes(|_| Ok(()));
        let there = reserve.clone();
        let full_at_first = move |ran| match ran {
            0 => Err(StoreError::Full),
            _ => {
                if there.exists() {
                    Err(StoreError::Closed)
                } else {
                    Ok(())
                }
            }
        };
        let (second, two) = takes(full_at_first);
        let results = writer.run(&mut [one, two]);
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(*first.lock().unwrap(), [None, Some(Event::ReserveGone)]);
        assert_eq!(*second.lock().unwrap(), [None, None], "told once");
        // There is room here: it is set aside again, which the next one tells.
        assert!(reserve.exists());
        let (third, three) = takes(|_| Ok(()));
        assert!(writer.run(&mut [three])[0].is_ok());
        assert_eq!(*third.lock().unwrap(), [Some(Event::ReserveMade)]);
    }

    // S32, S9
    #[test]
    fn without_a_reserve_a_full_disk_is_an_error_for_each_of_the_batch_once() {
        let (_folder, mut writer) = writer();
        let (_, one) = takes(|_| Ok(()));
        let (second, two) = takes(|_| Err(StoreError::Full));
        let results = writer.run(&mut [one, two]);
        assert!(results.iter().all(|result| matches!(result, Err(StoreError::Full))), "{results:?}");
        assert_eq!(second.lock().unwrap().len(), 2, "once with the reserve, once without");
        let (third, three) = takes(|_| Err(StoreError::Full));
        assert!(writer.run(&mut [three])[0].is_err());
        assert_eq!(*third.lock().unwrap(), [Some(Event::ReserveGone)], "still to be told; and not run again");
    }

    #[test]
    fn news_are_told_by_the_first_job_that_is_kept() {
        let (_folder, mut writer) = writer();
        writer.db.news.push_back(Event::ReserveMade);
        let (fails, one) = takes(|_| Err(StoreError::Conflict));
        let (holds, two) = takes(|_| Ok(()));
        let (late, three) = takes(|_| Ok(()));
        let results = writer.run(&mut [one, two, three]);
        assert!(results[0].is_err() && results[1].is_ok() && results[2].is_ok());
        assert_eq!(*fails.lock().unwrap(), [Some(Event::ReserveMade)]);
        assert_eq!(*holds.lock().unwrap(), [Some(Event::ReserveMade)]);
        assert_eq!(*late.lock().unwrap(), [None]);
        assert!(writer.db.roster().is_sound());
    }
}
