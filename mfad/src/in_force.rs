//! The settings in force: taken whole at the start and at each SIGHUP, or not at all.

use std::path::Path;

use mfad::{
    audit::Event,
    auth::{Policy, grace},
    deliver::{Log, Notice},
    settings::{self, Settings},
    store::{Committed, Context, MetaKey, Store, StoreError},
};
use nix::sys::signal::{SigSet, Signal};

/// Seals the kept settings to their purpose.
const KEPT: &[u8] = b"mfad 1 settings";

/// The signal that has them read again.
fn again() -> SigSet {
    SigSet::from(Signal::SIGHUP)
}

/// Keeps the signal for [`take_at_each_signal`]: before there is a thread that it could end us in.
pub(crate) fn hold_signal() -> Result<(), String> {
    again().thread_block().map_err(|error| format!("SIGHUP: {error}"))
}

/// Reads the settings again at each signal. Runs in a thread of its own, and does not end.
pub(crate) fn take_at_each_signal(store: &Store, policy: &Policy, log: &Log) {
    while again().wait().is_ok() {
        zbus::block_on(take(store, policy, log));
    }
}

/// Puts the settings in force: those of the file when they are in order, else the last good ones
/// with an alarm, else none: then everybody is refused.
pub(crate) async fn take(store: &Store, policy: &Policy, log: &Log) {
    let host = crate::host_name();
    let fault = match Settings::read(Path::new(settings::FILE), &host) {
        Ok(settings) => {
            let mode = settings.rules.mode.word();
            policy.set(Some(settings.rules.clone()));
            log.tell(Notice::SettingsTaken, &format!("{} is in force, mode {mode}", settings::FILE));
            for warning in &settings.warnings {
                log.tell(Notice::SettingsRenamed, warning);
            }
            if let Err(error) = grace::keep_date(store, &settings.rules).await {
                let text = format!("the date from which grace runs was not kept: {error}");
                log.tell(Notice::SettingsNotKept, &text);
            }
            if let Err(error) = keep(store, settings.text).await {
                let text = format!("the settings are in force, but were not kept for a bad day: {error}");
                log.tell(Notice::SettingsNotKept, &text);
            }
            return;
        }
        Err(error) => error.to_string(),
    };
    match kept(store).await.ok().flatten().map(|text| Settings::parse(&text, &host)) {
        Some(Ok(settings)) => {
            policy.set(Some(settings.rules));
            let text = format!("broken settings, the last good ones are in force: {fault}");
            log.tell(Notice::SettingsBroken, &text);
            let event = Event::SettingsKept { fault };
            let told = store.write(move |records, _| records.audit(None, event.clone(), Context::none()));
            if let Err(error) = told.await.map(Committed::into_inner) {
                log.tell(Notice::AuditFails, &format!("the audit does not take records: {error}"));
            }
        }
        // Those that are in force stay so, where the store cannot be asked for them.
        _ if policy.get().is_some() => {
            let text = format!("broken settings, those that were in force stay so: {fault}");
            log.tell(Notice::SettingsBroken, &text);
        }
        _ => {
            let text =
                format!("broken settings and none that were good before: everybody is refused: {fault}");
            log.tell(Notice::SettingsBroken, &text);
        }
    }
}

async fn keep(store: &Store, text: String) -> Result<(), StoreError> {
    if kept(store).await?.is_some_and(|before| before == text) {
        return Ok(());
    }
    let keep = store.write(move |records, _| {
        let sealed = records.keys().seal(records.entropy(), KEPT, text.as_bytes())?;
        records.txn().set_meta(MetaKey::Settings, &sealed)
    });
    keep.await.map(Committed::into_inner)
}

async fn kept(store: &Store) -> Result<Option<String>, StoreError> {
    let Some(sealed) = store.read(|sound| sound.rows().meta(MetaKey::Settings)).await? else {
        return Ok(None);
    };
    let text = store.keys().open(KEPT, &sealed).ok();
    Ok(text.and_then(|text| String::from_utf8(text.expose().clone()).ok()))
}
