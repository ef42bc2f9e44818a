//! `mfactl report`: what a rollout is led by, and what auditors read. Each begins with where it comes from, and
//! with whether the record behind it is whole.

mod coverage;
mod exemptions;
mod failures;
mod head;
mod recoveries;

use mfa_proto::rollout::AuditEntry;

use self::head::Head;
use crate::bus::Bus;
use crate::cli::Report;
use crate::exit::Exit;
use crate::failure::Failure;

/// Does what `verb` asks.
pub(crate) async fn report(verb: Report) -> Result<Exit, Failure> {
    let bus = Bus::connect().await?;
    let head = Head::of(&bus).await?;
    match verb {
        Report::Coverage { group, form } => coverage::report(&bus, &head, group.as_deref(), form).await?,
        Report::Exemptions { all_since, form } => exemptions::report(&bus, &head, all_since, form).await?,
        Report::Recoveries { since, form } => recoveries::report(&bus, &head, since, form).await?,
        Report::Failures { since, form } => failures::report(&bus, &head, since, form).await?,
    }
    Ok(if head.audit.intact { Exit::Done } else { Exit::Refused })
}

/// Goes through the whole audit, oldest row first.
async fn each_entry(bus: &Bus, mut see: impl FnMut(AuditEntry)) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = bus.audit_entries(after).await?;
        if page.is_empty() {
            return Ok(());
        }
        for entry in page {
            if entry.row.seq <= after {
                return Err(Failure::Garbled("the audit is out of order".to_owned()));
            }
            after = entry.row.seq;
            see(entry);
        }
    }
}
