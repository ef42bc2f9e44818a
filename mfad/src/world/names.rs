//! Who is who: `/etc/passwd` first, then the rest of NSS in threads of its own.
//!
//! An unknown user is a positive answer of both; an error or a time-out is never taken for one.

use std::{
    collections::HashMap,
    ffi::CString,
    fs::File,
    io::ErrorKind,
    os::unix::fs::{FileExt, MetadataExt},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mfa_proto::identity::{UnixTime, UserName};
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

use super::{Clock, Slowly, passwd::PasswdFile};

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
/// Of whom it was asked, `None` of it for a name that is nobody's.
type Memberships = Mutex<HashMap<(UserName, Vec<String>), (UnixTime, Option<Vec<String>>)>>;

/// A record of logins that nobody wrote to for so long is not kept, in seconds.
const LASTLOG_KEPT: u64 = 30 * 86_400;
/// Questions that may wait for NSS at one time.
const WAITING: usize = 64;
/// Threads that ask NSS.
const THREADS: usize = 2;
/// Questions that may wait for a thread of their own, where they are asked for the time that they take alone: however
/// many names strangers make up, users' groups are told.
const WAITING_FOR_NOBODY: usize = 8;
/// How long NSS may take for one question.
const DEADLINE: Duration = Duration::from_secs(3);
/// How long it may take for all that one login asks: the module waits five seconds for its answer.
const OF_A_LOGIN: Duration = Duration::from_secs(4);
/// How long an answer of NSS is believed, in seconds. Errors are never kept.
const KEPT: u64 = 5;
/// How many answers are kept.
const CACHE: usize = 256;

/// Looks names up. Cheap to clone.
#[derive(Clone)]
pub struct Names {
    inner: Arc<Inner>,
    /// When NSS is waited for no longer, in milliseconds since the machine started.
    until: Option<u64>,
}

struct Inner {
    file: Mutex<PasswdFile>,
    cache: Mutex<HashMap<Question, (UnixTime, Option<Person>)>>,
    source: Source,
    services: Slowly,
    /// What was answered lately of who is in which groups.
    memberships: Memberships,
    /// The same two for names that are nobody's.
    services_for_nobody: Slowly,
    memberships_of_nobody: Memberships,
    probes: AtomicU64,
    /// The host's record of logins, where there is one.
    lastlog: Option<File>,
    clock: Arc<dyn Clock>,
}

impl Names {
    /// Names of this host: the file, then NSS.
    pub fn of_host(clock: Arc<dyn Clock>) -> Self {
        Self::new(PasswdFile::new("/etc/passwd"), clock, Source::Nss)
    }

    /// Names of `path` alone, in the form of passwd(5): for tests.
    pub fn of_file(path: impl Into<std::path::PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self::new(PasswdFile::new(path), clock, Source::Nothing)
    }

    fn new(file: PasswdFile, clock: Arc<dyn Clock>, source: Source) -> Self {
        let (file, cache) = (Mutex::new(file), Mutex::default());
        let services = Slowly::start(THREADS, WAITING);
        let (memberships, memberships_of_nobody) = (Memberships::default(), Memberships::default());
        let services_for_nobody = Slowly::start(1, WAITING_FOR_NOBODY);
        let (lastlog, probes) = (source.lastlog(), AtomicU64::new(0));
        let inner = Inner {
            file,
            cache,
            source,
            services,
            memberships,
            services_for_nobody,
            memberships_of_nobody,
            probes,
            lastlog,
            clock,
        };
        Self { inner: Arc::new(inner), until: None }
    }

    /// The same names for one login, whose questions share the time that one may take.
    #[must_use]
    pub fn of_a_login(&self) -> Self {
        let now = self.inner.clock.now().boot_ms;
        Self { inner: Arc::clone(&self.inner), until: Some(now.saturating_add(millis(OF_A_LOGIN))) }
    }

    /// The account of that name; `None` when every source says there is none.
    pub async fn by_name(&self, name: &UserName) -> Found {
        if !name.is_plausible() {
            return Ok(None);
        }
        let found = self.inner.file.lock().unwrap_or_else(PoisonError::into_inner).by_name(name);
        match found.map_err(|_| NamesError::File)? {
            Some(person) => Ok(Some(person)),
            None => self.slowly(Question::Name(name.clone())).await,
        }
    }

    /// The first account of that uid; `None` when every source says there is none.
    pub async fn by_uid(&self, uid: u32) -> Found {
        let found = self.inner.file.lock().unwrap_or_else(PoisonError::into_inner).by_uid(uid);
        match found.map_err(|_| NamesError::File)? {
            Some(person) => Ok(Some(person)),
            None => self.slowly(Question::Uid(uid)).await,
        }
    }

    async fn slowly(&self, question: Question) -> Found {
        let now = self.inner.clock.now().wall;
        let lock = || self.inner.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, person)) = lock().get(&question)
            && now >= *when
            && now.since(*when) < KEPT
        {
            return Ok(person.clone());
        }
        let (source, asked) = (self.inner.source, question.clone());
        let person = self.ask(&self.inner.services, move || source.person(&asked)).await?;
        let mut cache = lock();
        if cache.len() >= CACHE {
            cache.clear();
        }
        cache.insert(question, (now, person.clone()));
        Ok(person)
    }

    /// Whether that user is in one of `groups`, by every source.
    pub async fn is_in(&self, person: &Person, groups: &[String]) -> Result<bool, NamesError> {
        self.groups_of(person, groups.to_vec()).await.map(|of| !of.is_empty())
    }

    /// Those of `groups` that the user is in, by every source.
    pub async fn groups_of(&self, person: &Person, groups: Vec<String>) -> Result<Vec<String>, NamesError> {
        self.memberships(&person.name, groups, true).await?.ok_or(NamesError::Service)
    }

    /// Does for a name that is nobody's what [`Names::groups_of`] does for a user, so that it takes as long.
    pub async fn groups_of_nobody(&self, name: &UserName, groups: Vec<String>) {
        if name.is_plausible() && !groups.is_empty() {
            let _ = self.memberships(name, groups, false).await; // there is nothing to know of them
        }
    }

    async fn memberships(
        &self,
        name: &UserName,
        groups: Vec<String>,
        is_known: bool,
    ) -> Result<Option<Vec<String>>, NamesError> {
        let now = self.inner.clock.now();
        let (services, kept) = if is_known {
            (&self.inner.services, &self.inner.memberships)
        } else {
            (&self.inner.services_for_nobody, &self.inner.memberships_of_nobody)
        };
        let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = (name.clone(), groups.clone());
        if let Some((when, of)) = lock().get(&asked)
            && now.wall >= *when
            && now.wall.since(*when) < KEPT
        {
            return Ok(of.clone());
        }
        let (source, name) = (self.inner.source, name.clone());
        // Another name each time, or a cache would answer for a source that is away.
        let nobodys =
            format!("{NO_GROUP}-{}-{}", now.boot_ms, self.inner.probes.fetch_add(1, Ordering::Relaxed));
        let of = self.ask(services, move || source.groups_of(&name, groups, &nobodys)).await?;
        let mut kept = lock();
        if kept.len() >= CACHE {
            kept.clear();
        }
        kept.insert(asked, (now.wall, of.clone()));
        Ok(of)
    }

    /// The uids of `/etc/passwd`.
    pub fn uids_of_file(&self) -> Result<Vec<u32>, NamesError> {
        self.inner.file.lock().unwrap_or_else(PoisonError::into_inner).uids().map_err(|_| NamesError::File)
    }

    /// When that user last logged in, 0 for never; `None` where the host keeps no record of it. The
    /// record is lastlog(5): 292 bytes a uid, which begin with the time as 32 bits. One that is empty,
    /// or that nobody wrote to for a month, is not kept any more.
    pub fn last_login(&self, uid: u32) -> Option<UnixTime> {
        const RECORD: u64 = 292;
        let file = self.inner.lastlog.as_ref()?;
        let meta = file.metadata().ok()?;
        let written = UnixTime(u64::try_from(meta.mtime()).ok()?);
        if meta.len() == 0 || self.inner.clock.now().wall.since(written) > LASTLOG_KEPT {
            return None;
        }
        let mut time = [0; 4];
        match file.read_exact_at(&mut time, u64::from(uid) * RECORD) {
            Ok(()) => Some(UnixTime(u64::from(u32::from_ne_bytes(time)))),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Some(UnixTime(0)),
            Err(_) => None,
        }
    }

    /// Asks the name services, in threads of their own and not for ever.
    async fn ask<T: Send + 'static>(
        &self,
        services: &Slowly,
        question: impl FnOnce() -> Result<T, NamesError> + Send + 'static,
    ) -> Result<T, NamesError> {
        let runtime = zruntime::SharedRuntime::current().map_err(|_| NamesError::Slow)?;
        let left = self.until.map(|until| until.saturating_sub(self.inner.clock.now().boot_ms));
        let patience = left.map_or(DEADLINE, |left| DEADLINE.min(Duration::from_millis(left)));
        let answer = runtime.timeout(patience, services.run(question)).await;
        answer.map_err(|_| NamesError::Slow)?.map_err(|_| NamesError::Slow)?
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What is asked beyond `/etc/passwd`.
#[derive(Clone, Copy)]
enum Source {
    /// NSS, with all its services.
    Nss,
    /// Nothing: for tests.
    Nothing,
}

impl Source {
    fn lastlog(self) -> Option<File> {
        match self {
            Self::Nss => File::open("/var/log/lastlog").ok(),
            Self::Nothing => None,
        }
    }

    fn person(self, question: &Question) -> Found {
        match self {
            Self::Nss => ask_nss(question),
            Self::Nothing => Ok(None),
        }
    }

    fn groups_of(
        self,
        name: &UserName,
        groups: Vec<String>,
        nobodys: &str,
    ) -> Result<Option<Vec<String>>, NamesError> {
        match self {
            Self::Nss => groups_by_nss(name, groups, nobodys),
            Self::Nothing => Ok(Some(Vec::new())),
        }
    }
}

/// How a group is called that nobody has.
const NO_GROUP: &str = "no-group-has-this-name";
/// The group of who has none: the last there can be, which is given to nobody.
const NOBODYS: Gid = Gid::from_raw(u32::MAX - 1);

/// A source that is away is an error, and somebody whom NSS does not find is `None`: neither is ever "in none".
fn groups_by_nss(
    name: &UserName,
    mut groups: Vec<String>,
    nobodys: &str,
) -> Result<Option<Vec<String>>, NamesError> {
    let text = std::str::from_utf8(name.as_bytes()).map_err(|_| NamesError::Service)?;
    let failed = |_| NamesError::Service;
    let user = User::from_name(text).map_err(failed)?;
    // getgrouplist says nothing of a source that is away, and of what that has nothing: so each is asked for a
    // group that none has, which they all must deny.
    Group::from_name(nobodys).map_err(failed)?;
    let name = CString::new(text).map_err(|_| NamesError::Service)?;
    // The same for a name that is nobody's, which is to take as long.
    let own = getgrouplist(&name, user.as_ref().map_or(NOBODYS, |user| user.gid)).map_err(failed)?;
    let mut unknown = None;
    groups.retain(|group| match Group::from_name(group) {
        Ok(group) => group.is_some_and(|group| own.contains(&group.gid)),
        Err(error) => unknown.replace(error).is_some(),
    });
    unknown.map_or(Ok(user.map(|_| groups)), |error| Err(failed(error)))
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
