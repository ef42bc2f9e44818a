//! The daemon's life: hardened first, then key, store, settings, doors.

use std::{
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_channel::oneshot;
use mfa_proto::names::{RUN_DIR, SOCKET};
use mfad::{
    auth::{Auth, Policy, start},
    bus,
    crypto::Keys,
    deliver::{Log, log::last_words},
    keys,
    store::{Store, sqlite::Sqlite},
    world::{HostId, KernelClock, KernelEntropy, Names, World},
};
use nix::{
    fcntl::{Flock, FlockArg},
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
        stat::{Mode, umask},
    },
    unistd::geteuid,
};
use zruntime::SharedRuntime;

use crate::{daily, in_force, systemd};

/// The daemon's user.
pub(crate) const USER: &str = "mfad";
/// The state folder, 0700, the daemon's.
pub(crate) const STATE_DIR: &str = "/var/lib/mfad";
/// The database in it.
pub(crate) const DATABASE: &str = "mfad.db";

/// Serves until it is ended. Why it does not start is in the log too: where the bus starts it,
/// nobody reads its error stream.
pub(crate) fn run() -> Result<(), String> {
    serve().inspect_err(|why| {
        last_words(&format!("mfad does not serve: {why}"));
        systemd::rest();
    })
}

fn serve() -> Result<(), String> {
    harden()?;
    in_force::hold_signal()?;
    let given = systemd::login_socket()?;
    let clock = Arc::new(KernelClock::new().map_err(|error| format!("boot id: {error}"))?);
    let names = Names::of_host(clock.clone());
    let world = World::new(clock.clone(), Arc::new(KernelEntropy), names);
    let log = Log::start().map_err(|error| format!("log: {error}"))?;
    let keys = Arc::new(key()?);
    let _only_one = lock(&Path::new(STATE_DIR).join("lock"))?;
    let database = Path::new(STATE_DIR).join(DATABASE);
    let engine = Sqlite::open(&database, &keys).map_err(|error| error.to_string())?;
    let world = world.on(HostId::of_this(&database)); // of the file that is open now
    let store = Store::new(engine, keys, world, log.sink());
    let listener = match given {
        Some(listener) => listener,
        None => bus::socket::bind(Path::new(SOCKET))
            .map_err(|error| format!("{SOCKET}: {error}: is {RUN_DIR} there and mine? (mfad init)"))?,
    };
    zbus::block_on(async move {
        let policy = Policy::default().read_by(in_force::reader());
        let force = in_force::InForce { policy, ..in_force::InForce::default() };
        start::begin(&store).await.map_err(|error| error.to_string())?;
        in_force::take(&store, &force, &log).await;
        let (serving, told) = oneshot::channel();
        let runtime = SharedRuntime::current().map_err(|error| format!("runtime: {error}"))?;
        let report = systemd::report(runtime.clone(), store.clone(), log.clone(), told);
        runtime.spawn("systemd", report).detach();
        let auth = Auth::new(store.clone(), force.policy.clone()).with_places(force.places.clone());
        runtime.spawn("daily", daily::tell(runtime.clone(), auth.clone(), log.clone())).detach();
        let desk = bus::system::Desk {
            auth: auth.clone(),
            quotas: bus::Quotas::new(clock.clone()),
            proofs: bus::Proofs::new(clock.clone()),
            clock: clock.clone(),
            log: log.clone(),
        };
        thread("system-bus", move || zbus::block_on(bus::system::serve(desk, serving)))?;
        let told = log.clone();
        thread("settings", move || in_force::take_at_each_signal(&store, &force, &told))?;
        bus::socket::serve(listener, auth, clock, log).await.map_err(|error| format!("{SOCKET}: {error}"))
    })
}

/// Before anything secret is read: no core file, no ptrace by others, nothing for others to read.
fn harden() -> Result<(), String> {
    if geteuid().is_root() {
        return Err(format!(
            "the daemon runs as user {USER}, never as root: let systemd or the bus start it"
        ));
    }
    let failed = |what: &'static str| move |error: nix::Error| format!("{what}: {error}");
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(failed("RLIMIT_CORE"))?;
    prctl::set_dumpable(false).map_err(failed("PR_SET_DUMPABLE"))?;
    umask(Mode::from_bits_truncate(0o077));
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed("RLIMIT_NOFILE"))?;
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(8192), hard).map_err(failed("RLIMIT_NOFILE"))
}

/// The key: systemd's credential, or the file.
#[expect(
    clippy::disallowed_methods,
    reason = "systemd names the credentials folder so, and this is no login process"
)]
pub(crate) fn key() -> Result<Keys, String> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let read = match folder.filter(|folder| folder.join(keys::CREDENTIAL).exists()) {
        Some(folder) => keys::read_credential(&folder),
        None => keys::read(Path::new(keys::KEY_FILE), geteuid().as_raw()),
    };
    read.map_err(|error| error.to_string())
}

/// Starts a thread that must not end: where it does, the daemon does, and is started again.
fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), String> {
    struct Ends;
    impl Drop for Ends {
        fn drop(&mut self) {
            std::process::abort();
        }
    }
    let run = move || {
        let _ends = Ends;
        body();
    };
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map(drop).map_err(|error| format!("thread {name}: {error}"))
}

fn lock(path: &Path) -> Result<Flock<std::fs::File>, String> {
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(|error| {
        format!("{}: {error}: is {STATE_DIR} there and mine? (mfad init)", path.display())
    })?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| "another mfad serves already".to_owned())
}
