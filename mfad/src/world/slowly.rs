//! A small pool of threads for work that is slow by nature: hashing backup codes, asking name
//! services. It neither holds up logins nor takes more of the machine than its share.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use futures_channel::oneshot;

/// Threads: as much is done at one time.
const THREADS: usize = 2;
/// Work that may wait; more is refused at once.
const WAITING: usize = 64;

/// Why slow work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much slow work is waiting")]
pub struct TooBusy;

type Work = Box<dyn FnOnce() + Send>;

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Slowly(Arc<mpsc::SyncSender<Work>>);

impl Slowly {
    /// Starts the threads. They end with the last handle.
    pub fn start() -> Self {
        let (queue, work) = mpsc::sync_channel::<Work>(WAITING);
        let work = Arc::new(Mutex::new(work));
        for _ in 0..THREADS {
            let work = Arc::clone(&work);
            thread::spawn(move || {
                loop {
                    let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(next) = next else { break };
                    // What panics ends as an error for who asked; the thread goes on.
                    let _ = catch_unwind(AssertUnwindSafe(next));
                }
            });
        }
        Self(Arc::new(queue))
    }

    /// Hands `f` to the pool at once, and answers when it was run.
    pub fn run<T, F>(&self, f: F) -> impl Future<Output = Result<T, TooBusy>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (done, answer) = oneshot::channel();
        let work = move || {
            let done: oneshot::Sender<T> = done;
            if !done.is_canceled() {
                let _ = done.send(f()); // who asked may have given up
            }
        };
        let taken = self.0.try_send(Box::new(work));
        async move {
            taken.map_err(|_| TooBusy)?;
            answer.await.map_err(|_| TooBusy)
        }
    }
}
