//! One exemption, as it is listed.

use mfa_proto::identity::escaped;
use mfa_proto::rollout::Exemption;
use serde::Serialize;

use super::until;
use crate::print::escape::shown;
use crate::print::time::{iso, utc};

/// A line of `mfactl exempt list --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    /// `break_glass`, `sshd`, `service_accounts`, `group`, `rule`, `exempt` or `granted`.
    pub(crate) kind: String,
    /// `granted`: its ID. `rule`: its name.
    pub(crate) id: String,
    /// Who is not asked.
    pub(crate) who: String,
    /// What else must hold.
    pub(crate) only: String,
    /// Why.
    pub(crate) reason: String,
    /// Unix seconds; 0: no end.
    pub(crate) until: u64,
    /// `in_force`, `ends_soon`, `over` or `ended`.
    pub(crate) state: &'static str,
    /// `granted`: when, Unix seconds.
    pub(crate) given: u64,
    /// `granted`: who proved a factor.
    pub(crate) by: String,
    /// `granted`: why nobody did.
    pub(crate) break_glass: String,
    /// Where it is written.
    pub(crate) place: String,
}

impl Row {
    /// The columns of `--csv`.
    pub(crate) const COLUMNS: [&'static str; 11] =
        ["kind", "id", "who", "only", "reason", "until", "state", "given", "by", "break_glass", "place"];

    /// Of one that mfad knows.
    pub(crate) fn of(exemption: &Exemption, now: u64) -> Self {
        let users = exemption.users.iter().map(|name| escaped(name));
        let groups = exemption.groups.iter().map(|group| format!("group {}", shown(group)));
        let mut who: Vec<String> = users.chain(groups).collect();
        let mut only: Vec<String> = exemption.only.iter().map(|part| shown(part)).collect();
        if exemption.kind == "service_accounts" {
            who.append(&mut only); // uids are who they are, not where
        }
        let state = match (exemption.over, exemption.is_due(now)) {
            (true, _) => "over",
            (false, true) => "ends_soon",
            (false, false) => "in_force",
        };
        Self {
            kind: shown(&exemption.kind),
            id: shown(&exemption.id),
            who: if who.is_empty() { "everybody".to_owned() } else { who.join(", ") },
            only: only.join("; "),
            reason: shown(&exemption.reason),
            until: exemption.until,
            state,
            given: exemption.given,
            by: shown(&exemption.by),
            break_glass: shown(&exemption.break_glass),
            place: shown(&exemption.defined_at),
        }
    }

    /// Of `--csv`.
    pub(crate) fn cells(&self) -> Vec<String> {
        let Self { kind, id, who, only, reason, until, state, given, by, break_glass, place } = self.clone();
        vec![kind, id, who, only, reason, iso(until), state.to_owned(), iso(given), by, break_glass, place]
    }

    /// For people.
    pub(crate) fn lines(&self, now: u64) -> Vec<String> {
        let Self { kind, id, who, only, reason, by, break_glass, place, .. } = self;
        let mut lines = vec![format!("{:<16}  {who}", kind.replace('_', " "))];
        let mut more = |text: String| lines.push(format!("{:<16}  {text}", ""));
        if !only.is_empty() {
            more(only.clone());
        }
        more(if kind == "rule" { format!("rule {id}: {reason}") } else { reason.clone() });
        if kind == "granted" {
            let by = match (by.as_str(), break_glass.as_str()) {
                (by, "") => by.to_owned(),
                ("", why) => format!("GLASS BROKEN ({why})"),
                (by, why) => format!("{by}, GLASS BROKEN ({why})"),
            };
            more(format!("ID {id}, given {}", utc(self.given)));
            more(format!("by {by}"));
        }
        if !matches!(kind.as_str(), "break_glass" | "sshd") {
            more(until(self, now));
        }
        if !place.is_empty() {
            more(place.clone());
        }
        lines
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::print::schema;

    pub(crate) fn row() -> Row {
        Row::of(
            &Exemption {
                kind: "granted".into(),
                id: "3fa9c2d1".into(),
                users: vec![b"al\n".to_vec()],
                only: vec!["service sshd".into(), "address 192.0.2.10/32".into()],
                reason: "=CHG-7".into(),
                until: 1_795_424_700,
                given: 1_795_424_600,
                by: "ada".into(),
                ..Exemption::default()
            },
            1_795_424_600,
        )
    }

    #[test]
    fn an_exemption_has_this_shape() {
        schema::holds("exempt-list", &row());
        assert_eq!(row().cells().len(), Row::COLUMNS.len());
    }

    // S25, S29
    #[test]
    fn who_why_and_until_when_is_told_and_no_name_forges_a_line() {
        let text = row().lines(1_795_424_600).join("\n");
        for part in [
            "al\\x0a",
            "service sshd; address",
            "=CHG-7\n",
            "ID 3fa9c2d1, given 2026-11-23",
            "by ada",
            "ENDS in 1 day",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(crate::print::csv::line(&row().cells()).contains(",'=CHG-7,2026-11-23T09:05:00Z,ends_soon,"));
    }

    #[test]
    fn near_is_fourteen_days_in_the_settings_and_one_on_the_command_line() {
        let state = |kind: &str, left: u64| {
            let exemption = Exemption { kind: kind.into(), until: 10_000_000 + left, ..Exemption::default() };
            Row::of(&exemption, 10_000_000).state
        };
        let day = 86_400;
        assert_eq!((state("exempt", 14 * day), state("exempt", 14 * day + 1)), ("ends_soon", "in_force"));
        assert_eq!((state("granted", day), state("granted", day + 1)), ("ends_soon", "in_force"));
    }
}
