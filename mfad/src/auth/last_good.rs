//! The last settings that passed, kept sealed for the day on which they are broken. (S23)

use crate::{
    audit::Event,
    store::{Committed, Context, MetaKey, Store, StoreError},
};

/// Seals them to their purpose.
const KEPT: &[u8] = b"mfad 1 settings";

/// Keeps these, where they are not those that are kept.
pub async fn keep(store: &Store, text: String) -> Result<(), StoreError> {
    if kept(store).await?.is_some_and(|before| before == text) {
        return Ok(());
    }
    let keep = store.write(move |records, _| {
        let sealed = records.keys().seal(records.entropy(), KEPT, text.as_bytes())?;
        records.txn().set_meta(MetaKey::Settings, &sealed)
    });
    keep.await.map(Committed::into_inner)
}

/// Those that are kept; `None` where there are none, or they do not open.
pub async fn kept(store: &Store) -> Result<Option<String>, StoreError> {
    let Some(sealed) = store.read(|sound| sound.rows().meta(MetaKey::Settings)).await? else {
        return Ok(None);
    };
    let text = store.keys().open(KEPT, &sealed).ok();
    Ok(text.and_then(|text| String::from_utf8(text.expose().clone()).ok()))
}

/// Records that they stay in force, since newer ones are broken.
pub async fn stay(store: &Store, fault: String) -> Result<(), StoreError> {
    let event = Event::SettingsKept { fault };
    let told = store.write(move |records, _| records.audit(None, event.clone(), Context::none()));
    told.await.map(Committed::into_inner)
}
