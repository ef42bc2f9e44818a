//! A small pool of threads for work that is slow by nature: hashing backup codes, asking name
//! services. It neither holds up logins nor takes more of the machine than its share.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use futures_channel::oneshot;

/// Why slow work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much slow work is waiting")]
pub struct TooBusy;

type Work = Box<dyn FnOnce() + Send>;

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Slowly {
    queue: Arc<mpsc::SyncSender<Work>>,
    /// How many places are taken.
    taken: Arc<AtomicUsize>,
    places: usize,
    /// How much work it was given.
    #[cfg(test)]
    pub(crate) given: Arc<AtomicUsize>,
}

/// A place in the pool, kept before the work is known: given back when dropped.
#[must_use]
pub struct Place {
    taken: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Slowly {
    /// Starts so many threads, before which so much work may wait; more is refused at once. The
    /// threads end with the last handle.
    pub fn start(threads: usize, waiting: usize) -> Self {
        let (queue, work) = mpsc::sync_channel::<Work>(threads + waiting);
        let work = Arc::new(Mutex::new(work));
        for _ in 0..threads {
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
        Self {
            queue: Arc::new(queue),
            taken: Arc::default(),
            places: threads + waiting,
            #[cfg(test)]
            given: Arc::default(),
        }
    }

    /// Keeps a place, if more than `spare` are free: who has one finds the pool free enough.
    pub fn place(&self, spare: usize) -> Option<Place> {
        let take = |taken: usize| (taken + spare < self.places).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).ok()?;
        Some(Place { taken: Arc::clone(&self.taken) })
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
        #[cfg(test)]
        self.given.fetch_add(1, Ordering::AcqRel);
        let taken = self.queue.try_send(Box::new(work));
        async move {
            taken.map_err(|_| TooBusy)?;
            answer.await.map_err(|_| TooBusy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_places_as_work_that_is_taken() {
        let pool = Slowly::start(1, 3);
        let mut places: Vec<_> = (0..9).map_while(|_| pool.place(1)).collect();
        assert_eq!(places.len(), 3, "one is spared");
        places.extend(pool.place(0));
        assert!(places.len() == 4 && pool.place(0).is_none());
        // All who have a place are taken, before the thread has begun with the first.
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let held = Arc::new(held);
        let work: Vec<_> = (0..4)
            .map(|_| {
                let held = Arc::clone(&held);
                pool.run(move || held.lock().unwrap().recv().is_err())
            })
            .collect();
        drop(release);
        for work in work {
            assert_eq!(zruntime::block_on(work), Ok(true));
        }
        places.pop();
        assert!(pool.place(0).is_some());
    }

    #[test]
    fn work_that_panics_is_an_error_and_the_pool_goes_on() {
        let pool = Slowly::start(1, 3);
        let panicked = pool.run(|| -> u8 { panic!("on purpose") });
        assert_eq!(zruntime::block_on(panicked), Err(TooBusy));
        assert_eq!(zruntime::block_on(pool.run(|| 7)), Ok(7));
    }
}
