//! `mfactl audit`: what happened, row by row, and whether the record is whole.

use std::os::unix::ffi::OsStrExt;

use mfa_proto::admin::{AuditRow, AuditState};
use mfa_proto::identity::escaped;
use serde::Serialize;

use crate::bus::Bus;
use crate::cli::{Audit, AuditVerb, Shape};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::print::json::AuditView;
use crate::print::time::utc;

/// Does what `verb` asks.
pub(crate) async fn audit(verb: Audit) -> Result<Exit, Failure> {
    let bus = Bus::connect().await?;
    match verb.verb {
        Some(AuditVerb::Verify(shape)) => verify(&bus, shape).await,
        None => list(&bus, verb).await,
    }
}

/// Page by page, from the oldest row asked for to the newest.
async fn list(bus: &Bus, wanted: Audit) -> Result<Exit, Failure> {
    let user = wanted.user.unwrap_or_default();
    let mut out = Out::stdout()?;
    if !wanted.shape.json {
        out.line(HEAD)?;
    }
    let mut after = wanted.since_seq;
    loop {
        let page = bus.audit(after, user.as_bytes()).await?;
        for row in &page {
            if row.seq <= after {
                return Err(Failure::Garbled("the audit is out of order".to_owned()));
            }
            after = row.seq;
            if wanted.shape.json { out.json(&AuditView::from(row))? } else { out.line(&row_line(row))? }
        }
        out.flush()?;
        if page.is_empty() {
            return Ok(Exit::Done);
        }
    }
}

const HEAD: &str =
    "   SEQ  TIME (UTC)           WHAT                  USER      SERVICE   FROM                  BECAUSE OF";

/// What a person looks for, in about 110 columns. The rest is in `--json`.
fn row_line(row: &AuditRow) -> String {
    let user = if row.subject.is_empty() || row.subject == row.user {
        escaped(&row.user)
    } else {
        format!("{} (for {})", escaped(&row.subject), escaped(&row.user))
    };
    let time = utc(row.time);
    let line = format!(
        "{:>6}  {}  {:<20}  {:<8}  {:<8}  {:<20}  {}",
        row.seq,
        time.strip_suffix(" UTC").unwrap_or(&time),
        format!("{} {}", shown(&row.event), shown(&row.reason)).trim_end(),
        or_dash(user),
        or_dash(escaped(&row.service)),
        or_dash(shown(&row.door)),
        shown(&row.because),
    );
    line.trim_end().to_owned()
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

/// `mfactl audit verify --json`.
#[derive(Serialize)]
struct Verified {
    intact: bool,
    rows: u64,
    broken_at: u64,
    head: String,
}

impl From<&AuditState> for Verified {
    fn from(state: &AuditState) -> Self {
        let &AuditState { intact, rows, broken_at, .. } = state;
        Self { intact, rows, broken_at, head: shown(&state.head) }
    }
}

async fn verify(bus: &Bus, shape: Shape) -> Result<Exit, Failure> {
    let state = bus.audit_verify().await?;
    let mut out = Out::stdout()?;
    if shape.json {
        out.json(&Verified::from(&state))?;
    } else {
        out.line(&verdict(&state))?;
        out.line(&format!("Head: {}", shown(&state.head)))?;
    }
    out.flush()?;
    Ok(if state.intact { Exit::Done } else { Exit::Refused })
}

fn verdict(state: &AuditState) -> String {
    if state.intact {
        format!("Intact: each of {} rows follows from the one before, up to the head.", state.rows)
    } else {
        format!(
            "NOT INTACT: row {} does not follow from the one before ({} rows read). \
             Do not trust the rows from there on; compare with the copy in the system log.",
            state.broken_at, state.rows
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    fn row() -> AuditRow {
        AuditRow {
            seq: 17,
            time: 1_795_424_700,
            event: "refused".into(),
            reason: "wrong_code".into(),
            user: b"alice".to_vec(),
            subject: Vec::new(),
            service: b"sshd".to_vec(),
            door: "address 192.0.2.7".into(),
            detail: "try 2 of 5".into(),
            because: "policy".into(),
        }
    }

    #[test]
    fn a_row_is_one_neat_line() {
        assert_eq!(
            row_line(&row()),
            "    17  2026-11-23 09:05:00  refused wrong_code    alice     sshd      address 192.0.2.7     policy"
        );
        assert_eq!(HEAD.find("WHAT"), row_line(&row()).find("refused"));
        assert_eq!(HEAD.find("FROM"), row_line(&row()).find("address"));
        assert_eq!(HEAD.find("BECAUSE"), row_line(&row()).find("policy"));
    }

    // S29
    #[test]
    fn no_field_begins_a_line_of_its_own() {
        let row = AuditRow {
            user: b"a\n99".to_vec(),
            detail: "x\n\x1b[A".into(),
            because: "y\n\x1b[A".into(),
            ..row()
        };
        let line = row_line(&row);
        assert!(!line.contains(['\n', '\x1b']), "{line}");
    }

    #[test]
    fn whose_factor_was_asked_is_named_where_it_is_another_s() {
        let row = AuditRow { user: b"root".to_vec(), subject: b"alice".to_vec(), ..row() };
        assert!(row_line(&row).contains("alice (for root)"));
    }

    #[test]
    fn a_broken_chain_says_where() {
        let state = AuditState { intact: false, rows: 9, broken_at: 4, head: "ff".into() };
        schema::holds("audit-verify", &Verified::from(&state));
        assert!(verdict(&state).starts_with("NOT INTACT: row 4 "));
    }
}
