//! Who is who: `/etc/passwd` first, then the rest of NSS in threads of its own.
//!
//! An unknown user is a positive answer of both; an error or a time-out is never taken for one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use futures_channel::oneshot;
use mfa_proto::identity::{UnixTime, UserName};
use nix::unistd::{Uid, User};

use super::{Clock, passwd::PasswdFile};

/// An account of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// As the source spells it.
    pub name: UserName,
    /// Numeric id.
    pub uid: u32,
}

/// Why it is not known who that is. Never "nobody".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamesError {
    /// `/etc/passwd` cannot be read.
    #[error("/etc/passwd cannot be read")]
    File,
    /// A source behind NSS failed.
    #[error("a name service failed")]
    Service,
    /// No answer within the deadline, or too many questions waiting.
    #[error("a name service does not answer")]
    Slow,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Question {
    Name(UserName),
    Uid(u32),
}

type Found = Result<Option<Person>, NamesError>;

/// Questions that may wait for NSS at one time.
const WAITING: usize = 64;
/// Threads that ask NSS.
const THREADS: usize = 2;
/// How long NSS may take for one question.
const DEADLINE: Duration = Duration::from_secs(3);
/// How long an answer of NSS is believed, in seconds. Errors are never kept.
const KEPT: u64 = 5;
/// How many answers are kept.
const CACHE: usize = 256;

type Slow = (Question, oneshot::Sender<Found>);

/// Looks names up. Cheap to clone.
#[derive(Clone)]
pub struct Names(Arc<Inner>);

struct Inner {
    file: Mutex<PasswdFile>,
    cache: Mutex<HashMap<Question, (UnixTime, Option<Person>)>>,
    ask: mpsc::SyncSender<Slow>,
    clock: Arc<dyn Clock>,
}

impl Names {
    /// Names of this host: the file, then NSS.
    pub fn of_host(clock: Arc<dyn Clock>) -> Self {
        Self::new(PasswdFile::new("/etc/passwd"), clock, ask_nss)
    }

    /// Names of `path` alone, in the form of passwd(5): for tests.
    pub fn of_file(path: impl Into<std::path::PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self::new(PasswdFile::new(path), clock, |_| Ok(None))
    }

    fn new(file: PasswdFile, clock: Arc<dyn Clock>, source: fn(&Question) -> Found) -> Self {
        let (ask, questions) = mpsc::sync_channel::<Slow>(WAITING);
        let questions = Arc::new(Mutex::new(questions));
        for _ in 0..THREADS {
            let questions = Arc::clone(&questions);
            thread::spawn(move || {
                loop {
                    let next = questions.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((question, answer)) = next else { break };
                    if !answer.is_canceled() {
                        let _ = answer.send(source(&question)); // the caller may have given up
                    }
                }
            });
        }
        let (file, cache) = (Mutex::new(file), Mutex::default());
        Self(Arc::new(Inner { file, cache, ask, clock }))
    }

    /// The account of that name; `None` when every source says there is none.
    pub async fn by_name(&self, name: &UserName) -> Found {
        if !name.is_plausible() {
            return Ok(None);
        }
        let found = self.0.file.lock().unwrap_or_else(PoisonError::into_inner).by_name(name);
        match found.map_err(|_| NamesError::File)? {
            Some(person) => Ok(Some(person)),
            None => self.slowly(Question::Name(name.clone())).await,
        }
    }

    /// The first account of that uid; `None` when every source says there is none.
    pub async fn by_uid(&self, uid: u32) -> Found {
        let found = self.0.file.lock().unwrap_or_else(PoisonError::into_inner).by_uid(uid);
        match found.map_err(|_| NamesError::File)? {
            Some(person) => Ok(Some(person)),
            None => self.slowly(Question::Uid(uid)).await,
        }
    }

    async fn slowly(&self, question: Question) -> Found {
        let now = self.0.clock.now().wall;
        let lock = || self.0.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, person)) = lock().get(&question)
            && now >= *when
            && now.since(*when) < KEPT
        {
            return Ok(person.clone());
        }
        let (send, answer) = oneshot::channel();
        self.0.ask.try_send((question.clone(), send)).map_err(|_| NamesError::Slow)?;
        let runtime = zruntime::SharedRuntime::current().map_err(|_| NamesError::Slow)?;
        let found = runtime.timeout(DEADLINE, answer).await;
        let person = found.map_err(|_| NamesError::Slow)?.map_err(|_| NamesError::Slow)??;
        let mut cache = lock();
        if cache.len() >= CACHE {
            cache.clear();
        }
        cache.insert(question, (now, person.clone()));
        Ok(person)
    }
}

fn ask_nss(question: &Question) -> Found {
    let found = match question {
        Question::Uid(uid) => User::from_uid(Uid::from_raw(*uid)),
        Question::Name(name) => match std::str::from_utf8(name.as_bytes()) {
            Ok(name) => User::from_name(name),
            Err(_) => return Ok(None), // `is_plausible` has said so before
        },
    };
    let person = |user: User| Person { name: UserName::from(user.name.as_str()), uid: user.uid.as_raw() };
    found.map(|user| user.map(person)).map_err(|_| NamesError::Service)
}
