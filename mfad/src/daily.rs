//! What the daemon says once a day: which exemptions end soon.

use std::time::Duration;

use mfad::{
    auth::Auth,
    deliver::{Log, Notice},
};
use zruntime::SharedRuntime;

const DAY: Duration = Duration::from_secs(86_400);

/// Says it now, and then each day. Does not end.
pub(crate) async fn tell(runtime: SharedRuntime, auth: Auth, log: Log) {
    loop {
        // Where there are no settings or no store, others say so.
        for due in auth.exemptions_due().await.unwrap_or_default() {
            log.tell(Notice::ExemptionEnds, &due);
        }
        runtime.sleep(DAY).await;
    }
}
