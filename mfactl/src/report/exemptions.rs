//! `mfactl report exemptions`: those in force, and on request those that were given and have ended.

use mfa_proto::identity::escaped;
use mfa_proto::rollout::AuditEntry;

use super::each_entry;
use super::head::{Head, Whole};
use crate::bus::Bus;
use crate::cli::{Form, Since};
use crate::exempt::{ALTERED, all, row::Row};
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;

pub(super) async fn report(bus: &Bus, head: &Head, since: Option<Since>, form: Form) -> Result<(), Failure> {
    let (mut rows, intact, now) = all(bus).await?;
    if let Some(since) = since {
        let (since, mut past) = (since.at(now), Vec::new());
        each_entry(bus, |entry| note(&mut past, &entry)).await?;
        let is_listed = |past: &Row| rows.iter().any(|row| row.kind == "granted" && row.id == past.id);
        past.retain(|past: &Row| past.until >= since && !is_listed(past));
        rows.append(&mut past);
    }
    let mut out = Out::stdout()?;
    if form.json {
        out.json(&Whole { head, rows: &rows })?;
    } else if form.csv {
        let cells: Vec<Vec<String>> = rows.iter().map(Row::cells).collect();
        head.csv(&mut out, &Row::COLUMNS, &cells)?;
    } else {
        head.lines().iter().try_for_each(|line| out.line(line))?;
        out.line("")?;
        if !intact {
            out.line(ALTERED)?;
        }
        let lines = rows.iter().flat_map(|row| row.lines(now));
        lines.collect::<Vec<_>>().iter().try_for_each(|line| out.line(line))?;
        out.line(&format!("{} in all", rows.len()))?;
    }
    out.flush()?;
    Ok(())
}

/// Takes from a row of the audit what it tells of exemptions.
fn note(past: &mut Vec<Row>, entry: &AuditEntry) {
    match entry.row.event.as_str() {
        "exempted" => past.push(Row {
            kind: "granted".into(),
            id: shown(&entry.what),
            who: escaped(&entry.row.user),
            only: shown(&entry.only),
            reason: shown(&entry.reason),
            until: entry.until,
            state: "over",
            given: entry.row.time,
            by: shown(&entry.by),
            break_glass: shown(&entry.break_glass),
            place: String::new(),
        }),
        "exemption_ended" => {
            if let Some(row) = past.iter_mut().rev().find(|row| row.id == entry.what) {
                (row.state, row.until) = ("ended", entry.row.time);
            }
        }
        "exemptions_altered" => {
            for row in past.iter_mut().filter(|row| row.until > entry.row.time) {
                (row.state, row.until) = ("ended", entry.row.time);
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
    use crate::exempt::row::tests::row;
    use crate::print::schema;

    // S25
    #[test]
    fn what_was_given_and_ended_is_told_with_its_end() {
        let given = |id: &str, until| AuditEntry {
            what: id.into(),
            until,
            by: "ada".into(),
            ..entry("exempted", "", b"al", 10)
        };
        let ended = AuditEntry { what: "a".into(), ..entry("exemption_ended", "", b"al", 20) };
        let mut past = Vec::new();
        for entry in [
            given("a", 100),
            given("b", 15),
            ended,
            given("c", 100),
            entry("exemptions_altered", "", b"", 30),
        ] {
            note(&mut past, &entry);
        }
        let told: Vec<_> = past.iter().map(|row| (row.id.as_str(), row.state, row.until)).collect();
        assert_eq!(told, [("a", "ended", 20), ("b", "over", 15), ("c", "ended", 30)]);
    }

    #[test]
    fn the_report_has_this_shape() {
        schema::holds("report-exemptions", &Whole { head: &head(), rows: &[row()] });
    }
}
