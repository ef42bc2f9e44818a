//! `mfactl report recoveries`: whose lost factors were given up, on whose word.

use mfa_proto::identity::escaped;
use mfa_proto::rollout::AuditEntry;
use serde::Serialize;

use super::each_entry;
use super::head::{Head, Whole};
use crate::bus::Bus;
use crate::cli::{Form, Since};
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::print::time::{iso, utc};

/// The longest that a recovery code is good, in seconds. (S16)
const GOOD: u64 = 24 * 3600;

/// One recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Row {
    /// When the code was given, Unix seconds.
    time: u64,
    /// Whose account.
    user: String,
    /// Who proved a factor for it.
    by: String,
    /// Why nobody did.
    break_glass: String,
    /// How it was verified who asked.
    verified_by: String,
    /// Of the help desk.
    ticket: String,
    /// Why.
    reason: String,
    /// `used`, `open`, `replaced` (by a later one), `void` (taken back) or `expired`.
    state: &'static str,
    /// When it was used, Unix seconds; 0: never.
    used: u64,
    /// The row of the audit.
    seq: u64,
}

const COLUMNS: [&str; 10] =
    ["given", "user", "by", "break_glass", "verified_by", "ticket", "reason", "state", "used", "audit_row"];

impl Row {
    fn cells(&self) -> Vec<String> {
        let Self { time, user, by, break_glass, verified_by, ticket, reason, state, used, seq } =
            self.clone();
        let (given, used) = (iso(time), iso(used));
        vec![given, user, by, break_glass, verified_by, ticket, reason, state.into(), used, seq.to_string()]
    }

    fn line(&self) -> String {
        let Self { user, verified_by, ticket, reason, state, .. } = self;
        let by = match (self.by.as_str(), self.break_glass.as_str()) {
            (by, "") => by.to_owned(),
            ("", why) => format!("GLASS BROKEN ({why})"),
            (by, why) => format!("{by}, GLASS BROKEN ({why})"),
        };
        let ticket = if ticket.is_empty() { "no ticket".to_owned() } else { format!("ticket {ticket}") };
        let state = if self.used > 0 { format!("used {}", utc(self.used)) } else { (*state).to_owned() };
        let first = format!("{}  {user}: {state}", utc(self.time));
        format!("{first}\n  by {by}; verified by {verified_by}; {ticket}; {reason}")
    }
}

pub(super) async fn report(bus: &Bus, head: &Head, since: Since, form: Form) -> Result<(), Failure> {
    let since = since.at(head.time);
    let mut rows = Vec::new();
    each_entry(bus, |entry| note(&mut rows, &entry)).await?;
    rows.retain(|row: &Row| row.time >= since);
    for row in rows.iter_mut().filter(|row| row.state == "open") {
        if row.time.saturating_add(GOOD) <= head.time {
            row.state = "expired";
        }
    }
    let mut out = Out::stdout()?;
    if form.json {
        out.json(&Whole { head, rows: &rows })?;
    } else if form.csv {
        head.csv(&mut out, &COLUMNS, &rows.iter().map(Row::cells).collect::<Vec<_>>())?;
    } else {
        head.lines().iter().try_for_each(|line| out.line(line))?;
        out.line(&format!("Since:     {}", utc(since)))?;
        out.line("")?;
        rows.iter().try_for_each(|row| out.line(&row.line()))?;
        let used = rows.iter().filter(|row| row.state == "used").count();
        out.line(&format!("{} in all, {used} used", rows.len()))?;
    }
    out.flush()?;
    Ok(())
}

/// Takes from a row of the audit what it tells of recoveries.
fn note(rows: &mut Vec<Row>, entry: &AuditEntry) {
    let user = escaped(&entry.row.user);
    let open = rows.iter_mut().rev().find(|row| row.user == user && row.state == "open");
    match entry.row.event.as_str() {
        "recovery_given" => {
            if let Some(before) = open {
                before.state = "replaced";
            }
            rows.push(Row {
                time: entry.row.time,
                user,
                by: shown(&entry.by),
                break_glass: shown(&entry.break_glass),
                verified_by: shown(&entry.verified_by),
                ticket: shown(&entry.ticket),
                reason: shown(&entry.reason),
                state: "open",
                used: 0,
                seq: entry.row.seq,
            });
        }
        "redeemed" if entry.what == "recovery" => {
            if let Some(row) = open {
                (row.state, row.used) = ("used", entry.row.time);
            }
        }
        // All that was handed out ends with these; another voucher takes the place of the one before.
        "reset" | "removed" | "not_me" | "invited" => {
            if let Some(row) = open {
                row.state = "void";
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::failures::tests::entry;
    use super::super::head::tests::head;
    use super::*;
    use crate::print::schema;

    #[test]
    fn what_became_of_each_code_is_told() {
        let given = |user: &[u8], time| AuditEntry {
            verified_by: "passport".into(),
            ticket: "=7".into(),
            by: "ada".into(),
            ..entry("recovery_given", "", user, time)
        };
        let mut rows = Vec::new();
        let used = AuditEntry { what: "recovery".into(), ..entry("redeemed", "", b"al", 3) };
        let invited = AuditEntry { what: "invitation".into(), ..entry("redeemed", "", b"cy", 3) };
        for entry in [
            given(b"al", 1),
            given(b"bo", 1),
            given(b"al", 2),
            used,
            entry("not_me", "", b"bo", 4),
            given(b"cy", 5),
            invited,
        ] {
            note(&mut rows, &entry);
        }
        let states: Vec<(&str, &str)> = rows.iter().map(|row| (row.user.as_str(), row.state)).collect();
        assert_eq!(states, [("al", "replaced"), ("bo", "void"), ("al", "used"), ("cy", "open")]);
        schema::holds("report-recoveries", &Whole { head: &head(), rows: &rows[..1] });
        assert_eq!(rows[0].cells().len(), COLUMNS.len());
        assert!(
            rows[0].line().contains("al: replaced\n  by ada; verified by passport; ticket =7;"),
            "{}",
            rows[0].line()
        );
    }
}
