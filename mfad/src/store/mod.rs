//! The store: synchronous transactions, asynchronous durability.
//!
//! A use case is a closure over [`Records`]; it runs on the store's own thread, perhaps more than
//! once, and its value comes back as [`Committed`] after the commit that holds it. Nothing else
//! makes a `Committed`, so no verdict leaves before it is on disk.

#[cfg(test)]
mod conformance;
mod ended;
mod head;
mod records;
mod roster;
mod rows;
pub mod sqlite;

use std::{future::Future, path::PathBuf, sync::Arc};

use futures_channel::oneshot;

pub use head::Head;
pub use records::{Account, Context, Found, Granted, Hashes, Records, Seen, Sound};
pub use roster::{Roster, Shown};
pub use rows::{AuditRow, FactorRow, MetaKey, RosterEntry, Rows, SeenRow, StateRow, Txn};

use crate::{
    audit::Record,
    crypto::Keys,
    world::{Moment, World},
};

/// Told of every audit record once it is on disk. Must not block.
pub type Sink = Arc<dyn Fn(&Record) + Send + Sync>;

/// Why the store could not answer. None of these lets a user in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It is shutting down, or its thread is gone.
    #[error("the store is closed")]
    Closed,
    /// More work waits than is reasonable.
    #[error("the store is busy: its queue is full")]
    Busy,
    /// There is no room for a commit, and none set aside any more.
    #[error(
        "the disk is full, and what was set aside for that day is used up: make room, mfad goes on by itself"
    )]
    Full,
    /// The database said no.
    #[error("the database fails: {0}")]
    Database(Arc<str>),
    /// A row was another than the one that was read.
    #[error("a row changed under its writer")]
    Conflict,
    /// The closure panicked; its transaction was rolled back.
    #[error("the request ended in a panic; nothing of it was kept")]
    Panicked,
    /// The database was written by a newer mfad.
    #[error(
        "{path}: schema {found} is newer than the {known} this mfad knows: upgrade mfad, or restore a backup"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// There is a file, and no store in it.
    #[error("{path}: is no store of mfad, or an empty one: put it back, or restore a backup")]
    NoStore {
        /// The file.
        path: PathBuf,
    },
    /// The head does not verify under this key.
    #[error(
        "the store was sealed under another key, or its head was altered: put the right key back, or restore a backup"
    )]
    WrongKey,
    /// A row that must decode does not.
    #[error("a row of {0} is malformed")]
    Malformed(&'static str),
    /// The kernel gives no randomness.
    #[error(transparent)]
    NoEntropy(#[from] crate::world::NoEntropy),
}

/// A value that was worked out in a transaction which is now on disk. Only the store makes one.
#[must_use]
#[derive(Debug)]
pub struct Committed<T>(T);

impl<T> Committed<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// One unit of work for the writer: run under a savepoint, told of the outcome after the commit,
/// which it may share with others.
pub trait Job: Send {
    /// May run more than once.
    fn run(&mut self, txn: &mut dyn Txn) -> Result<(), StoreError>;
    /// Called once, after the commit or instead of it.
    fn settle(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// One unit of work for a reader.
pub trait Look: Send {
    /// Called once.
    fn run(self: Box<Self>, rows: Result<&mut dyn Rows, StoreError>);
}

/// What a database must offer. `SQLite` is a thread that writes and a connection to read.
pub trait Engine: Send + Sync + 'static {
    /// Queues a job, or settles it with an error.
    fn submit(&self, job: Box<dyn Job>);
    /// Runs a look, at once or soon, or runs it with an error.
    fn look(&self, look: Box<dyn Look>);
}

struct Work<F, T> {
    f: F,
    value: Option<(T, Vec<Record>)>,
    done: oneshot::Sender<Result<Committed<T>, StoreError>>,
    sink: Sink,
}

impl<F, T> Job for Work<F, T>
where
    F: Fn(&mut dyn Txn) -> Result<(T, Vec<Record>), StoreError> + Send,
    T: Send,
{
    fn run(&mut self, txn: &mut dyn Txn) -> Result<(), StoreError> {
        self.value = None;
        self.value = Some((self.f)(txn)?);
        Ok(())
    }

    fn settle(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, done, sink, .. } = *self;
        let answer = outcome.and_then(|()| value.ok_or(StoreError::Closed)).map(|(value, written)| {
            for record in &written {
                sink(record);
            }
            Committed(value)
        });
        let _ = done.send(answer); // the caller may have hung up: what was counted stands
    }
}

/// A job that does nothing: it is settled when its turn came.
struct Turn(oneshot::Sender<Result<(), StoreError>>);

impl Job for Turn {
    fn run(&mut self, _: &mut dyn Txn) -> Result<(), StoreError> {
        Ok(())
    }

    fn settle(self: Box<Self>, outcome: Result<(), StoreError>) {
        let _ = self.0.send(outcome); // who asked may have given up
    }
}

struct Reading<F, T> {
    f: F,
    done: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Look for Reading<F, T>
where
    F: FnOnce(&mut dyn Rows) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(self: Box<Self>, rows: Result<&mut dyn Rows, StoreError>) {
        let _ = self.done.send(rows.and_then(self.f)); // the caller may have hung up
    }
}

/// The store, as use cases see it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    keys: Arc<Keys>,
    world: World,
    sink: Sink,
}

impl Store {
    /// A store over that engine; `sink` is told of every audit record that was committed.
    pub fn new(engine: impl Engine, keys: Arc<Keys>, world: World, sink: Sink) -> Self {
        Self { engine: Arc::new(engine), keys, world, sink }
    }

    /// Runs `f` in a write transaction and answers once it is durable. `f` may run again, with
    /// the time of that run, so it changes nothing but through its records.
    pub fn write<T, F>(
        &self,
        f: F,
    ) -> impl Future<Output = Result<Committed<T>, StoreError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: Fn(&mut Records<'_>, Moment) -> Result<T, StoreError> + Send + 'static,
    {
        let (done, answer) = oneshot::channel();
        let (keys, world) = (Arc::clone(&self.keys), self.world.clone());
        let run = move |txn: &mut dyn Txn| {
            let now = world.clock.now();
            let mut records = Records::begin(txn, &keys, &*world.entropy, now)?;
            let value = f(&mut records, now)?;
            Ok((value, records.finish()?))
        };
        self.engine.submit(Box::new(Work { f: run, value: None, done, sink: Arc::clone(&self.sink) }));
        async move { answer.await.unwrap_or(Err(StoreError::Closed)) }
    }

    /// Runs `f` over what was last committed.
    pub fn read<T, F>(&self, f: F) -> impl Future<Output = Result<T, StoreError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&mut Sound<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (done, answer) = oneshot::channel();
        let keys = Arc::clone(&self.keys);
        let run = move |rows: &mut dyn Rows| f(&mut Sound::new(rows, &keys));
        self.engine.look(Box::new(Reading { f: run, done }));
        async move { answer.await.unwrap_or(Err(StoreError::Closed)) }
    }

    /// Answers when a read that verified and a turn of the writer came through: that the store is
    /// alive, not that the disk takes a commit. Does not answer where a thread of it hangs.
    pub async fn beat(&self) -> Result<(), StoreError> {
        let (done, turn) = oneshot::channel();
        self.engine.submit(Box::new(Turn(done)));
        self.read(|sound| sound.head().map(drop)).await?;
        match turn.await.unwrap_or(Err(StoreError::Closed)) {
            Err(error @ (StoreError::Closed | StoreError::Busy)) => Err(error),
            _ => Ok(()), // a disk that fails is told of where it matters, and starting again mends none
        }
    }

    /// The keys under which it verifies.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The world it runs in.
    pub fn world(&self) -> &World {
        &self.world
    }
}
