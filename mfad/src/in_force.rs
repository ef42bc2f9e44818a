//! The settings in force: taken whole at the start and at each SIGHUP, or not at all.

use std::path::Path;

use mfa_proto::time;
use mfad::{
    auth::{File, Policy, Reader, Source, grace, last_good},
    deliver::{Log, Notice},
    places::Places,
    settings::{self, Settings},
    store::Store,
};
use nix::sys::signal::{SigSet, Signal};

/// The signal that has them read again.
fn again() -> SigSet {
    SigSet::from(Signal::SIGHUP)
}

/// Keeps the signal for [`take_at_each_signal`]: before there is a thread that it could end us in.
pub(crate) fn hold_signal() -> Result<(), String> {
    again().thread_block().map_err(|error| format!("SIGHUP: {error}"))
}

/// Where the settings are used.
#[derive(Clone, Default)]
pub(crate) struct InForce {
    /// What is decided by.
    pub(crate) policy: Policy,
    /// The databases that they name.
    pub(crate) places: Places,
}

/// Reads the settings again at each signal. Runs in a thread of its own, and does not end.
pub(crate) fn take_at_each_signal(store: &Store, force: &InForce, log: &Log) {
    while again().wait().is_ok() {
        zbus::block_on(take(store, force, log));
    }
}

/// How a text is read that is to stand in the settings file's place one day: with all that is in `mfad.toml.d`.
pub(crate) fn reader() -> Reader {
    std::sync::Arc::new(|text, path| {
        let read = Settings::of_text_at(text, path, Path::new(settings::FILE), &crate::host_name())?;
        Ok((read.rules, read.warnings))
    })
}

/// Puts the settings in force: those of the file when they are in order, else the last good ones
/// with an alarm, else none: then everybody is refused.
pub(crate) async fn take(store: &Store, force: &InForce, log: &Log) {
    let host = crate::host_name();
    let read = Settings::read(Path::new(settings::FILE), &host).map_err(|error| error.to_string());
    put(read, &host, store, force, &|notice, text| log.tell(notice, text)).await;
}

/// The same with settings that were read, or why not.
async fn put(
    read: Result<Settings, String>,
    host: &str,
    store: &Store,
    InForce { policy, places }: &InForce,
    tell: &dyn Fn(Notice, &str),
) {
    let fault = match read {
        Ok(settings) => {
            let mode = settings.rules.mode.word();
            open(places, &settings, tell); // first: no login finds the new rules with the old places
            policy.take(Some(settings.rules.clone()), source(&settings, store));
            tell(Notice::SettingsTaken, &format!("{} is in force, mode {mode}", settings::FILE));
            for warning in &settings.warnings {
                tell(Notice::SettingsRenamed, warning);
            }
            match grace::keep_dates(store, &settings.rules).await {
                Ok(again) if settings.rules.grace > 0 => {
                    for (name, since) in again {
                        let day = time::utc(since.0);
                        let text = format!(
                            "{name} demands a factor again: grace goes on from {day}, and does not begin anew"
                        );
                        tell(Notice::GraceGoesOn, &text);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let text = format!("the date from which grace runs was not kept: {error}");
                    tell(Notice::SettingsNotKept, &text);
                }
            }
            if let Err(error) = last_good::keep(store, settings.text).await {
                let text = format!("the settings are in force, but were not kept for a bad day: {error}");
                tell(Notice::SettingsNotKept, &text);
            }
            return;
        }
        Err(fault) => fault,
    };
    // Those that are in force stay so: what is kept may be older, where keeping them failed.
    if policy.get().is_none() {
        let kept = last_good::kept(store).await.ok().flatten();
        let kept = kept.and_then(|text| Settings::parse(&text, host).ok());
        if let Some(settings) = &kept {
            open(places, settings, tell);
            policy.take(Some(settings.rules.clone()), source(settings, store));
        }
    }
    policy.stay(&fault);
    if policy.get().is_none() {
        let text = format!("broken settings and none that were good before: everybody is refused: {fault}");
        return tell(Notice::SettingsBroken, &text);
    }
    tell(Notice::SettingsBroken, &format!("broken settings, the last good ones are in force: {fault}"));
    if let Err(error) = last_good::stay(store, fault).await {
        tell(Notice::AuditFails, &format!("the audit does not take records: {error}"));
    }
}

/// Where the rules of `settings` come from.
fn source(settings: &Settings, store: &Store) -> Source {
    let file = |file: &settings::SourceFile| File { path: file.path.clone(), sha256: file.sha256 };
    Source {
        files: settings.files.iter().map(file).collect(),
        digest: Source::digest_of(&settings.text),
        taken: store.world().clock.now().wall,
        fault: String::new(),
    }
}

/// Takes the databases of places. One that cannot be read keeps no settings back: then its places are not known.
fn open(places: &Places, settings: &Settings, tell: &dyn Fn(Notice, &str)) {
    for wrong in places.read(&settings.databases) {
        tell(Notice::PlacesUnread, &format!("{wrong}: what was read of it before goes on, if anything was"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use mfa_proto::secret::Secret;
    use mfad::{
        crypto::{KEY_BYTES, Keys},
        policy::Mode,
        store::{Engine, Job, Look, StoreError, sqlite::Sqlite},
        world::{KernelClock, KernelEntropy, Names, World},
    };

    use super::*;

    /// A store on a disk that is full when it is said to be.
    struct Disk(Sqlite, Arc<AtomicBool>);

    impl Engine for Disk {
        fn submit(&self, job: Box<dyn Job>) {
            if self.1.load(Ordering::Relaxed) {
                job.settle(Err(StoreError::Full));
            } else {
                self.0.submit(job);
            }
        }

        fn look(&self, look: Box<dyn Look>) {
            self.0.look(look);
        }
    }

    /// A store on such a disk, in that folder.
    fn store_in(folder: &Path, full: &Arc<AtomicBool>) -> Store {
        let path = folder.join("db");
        let keys = Arc::new(Keys::new(&Secret::new([1; KEY_BYTES])));
        Sqlite::create(&path, &keys).unwrap();
        let disk = Disk(Sqlite::open(&path, &keys).unwrap(), Arc::clone(full));
        let clock = Arc::new(KernelClock::new().unwrap());
        let world = World::new(clock.clone(), Arc::new(KernelEntropy), Names::of_host(clock));
        Store::new(disk, keys, world, Arc::new(|_| {}))
    }

    // S19
    #[test]
    fn it_is_told_where_grace_goes_on_from_an_earlier_day() {
        let folder = tempfile::tempdir().unwrap();
        let store = store_in(folder.path(), &Arc::default());
        let force = InForce::default();
        let put = |mode: &str, rest: &str| {
            let told = std::sync::Mutex::new(Vec::new());
            let tell = |notice: Notice, text: &str| {
                if notice == Notice::GraceGoesOn {
                    told.lock().unwrap().push(text.to_owned());
                }
            };
            let text = format!("[policy]\nmode = \"{mode}\"\n{rest}");
            zbus::block_on(put(Settings::parse(&text, "host"), "host", &store, &force, &tell));
            told.into_inner().unwrap()
        };
        let none: [String; 0] = [];
        let grace = "grace = \"30d\"\n";
        for mode in ["required", "required", "observe"] {
            assert_eq!(put(mode, grace), none);
        }
        let told = put("required", grace);
        assert!(told.len() == 1 && told[0].starts_with("policy demands a factor again: "), "{told:?}");
        assert_eq!(put("required", grace), none);
        assert_eq!((put("observe", ""), put("required", "")), (vec![], vec![]), "where there is no grace");
        let anew = format!("required_from = 2999-01-01\n{grace}");
        assert_eq!((put("observe", grace), put("required", &anew)), (vec![], vec![]), "where it begins anew");
    }

    // S23
    #[test]
    fn broken_settings_leave_those_in_force_that_could_not_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let full = Arc::new(AtomicBool::new(false));
        let store = store_in(folder.path(), &full);
        let put = |text: &str, force: &InForce| {
            let told = std::sync::Mutex::new(Vec::new());
            let tell = |notice: Notice, _: &str| told.lock().unwrap().push(notice);
            zbus::block_on(put(Settings::parse(text, "host"), "host", &store, force, &tell));
            let mode = force.policy.get().map(|rules| rules.mode);
            (mode, told.into_inner().unwrap())
        };
        let (policy, broken) = (InForce::default(), "[policy]\nmode = \"of\"\n");
        let (mode, told) = put(broken, &policy);
        assert_eq!(mode, None);
        assert!(matches!(told[..], [Notice::SettingsBroken]), "everybody is refused");

        let (mode, told) = put("[policy]\nmode = \"optional\"\n", &policy);
        assert!(mode == Some(Mode::Optional) && matches!(told[..], [Notice::SettingsTaken]));
        full.store(true, Ordering::Relaxed);
        let (mode, told) = put("[policy]\nmode = \"required\"\n", &policy);
        assert_eq!(mode, Some(Mode::Required));
        assert!(told.iter().any(|notice| matches!(notice, Notice::SettingsNotKept)));
        for disk_is_full in [true, false] {
            full.store(disk_is_full, Ordering::Relaxed);
            assert_eq!(put(broken, &policy).0, Some(Mode::Required), "full: {disk_is_full}");
        }
        // Only who has none in force takes those that were kept.
        assert_eq!(put(broken, &InForce::default()).0, Some(Mode::Optional));
    }
}
