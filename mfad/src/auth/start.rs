//! The daemon begins to serve.

use crate::{
    audit::Event,
    store::{Committed, Context, Store, StoreError},
};

/// Records the start, and ends exemptions from the command line that were altered.
pub async fn begin(store: &Store) -> Result<(), StoreError> {
    let written = store.write(|records, _| {
        records.end_altered_grants()?;
        records.audit(None, Event::Started, Context::none())
    });
    written.await.map(Committed::into_inner)
}
