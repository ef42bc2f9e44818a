//! `mfactl report failures`: who was refused, where from and why, and what alarmed.

use std::collections::BTreeMap;

use mfa_proto::identity::escaped;
use mfa_proto::rollout::AuditEntry;
use serde::Serialize;

use super::each_entry;
use super::head::Head;
use crate::bus::Bus;
use crate::cli::{Form, Since};
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::print::time::{clock, day, iso, utc};

/// How many doors are told of for people.
const TOP: usize = 10;
/// Refusals that say that a limit was hit.
const LIMITS: [&str; 3] = ["limited", "door_closed", "disabled"];

/// Refusals of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Row {
    /// Whose factor was asked.
    user: String,
    /// The PAM service.
    service: String,
    /// Where from.
    door: String,
    /// Why.
    reason: String,
    /// How often.
    count: u64,
    /// When first, Unix seconds.
    first: u64,
    /// When last.
    last: u64,
}

const COLUMNS: [&str; 8] = ["event", "user", "service", "door", "reason", "count", "first", "last"];

impl Row {
    fn cells(&self) -> Vec<String> {
        let Self { user, service, door, reason, count, first, last } = self.clone();
        vec!["refused".into(), user, service, door, reason, count.to_string(), iso(first), iso(last)]
    }

    fn line(&self) -> String {
        let Self { user, service, door, reason, count, last, .. } = self;
        let (day, clock) = (day(*last), clock(*last));
        format!("{day} {}  {count:>5}  {user:<10}  {service:<8}  {reason:<12}  {door}", &clock[..5])
    }
}

/// How much came from one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct DoorRow {
    door: String,
    count: u64,
    /// How many users it was about.
    users: u64,
}

/// What somebody should have looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Alarm {
    seq: u64,
    time: u64,
    event: String,
    reason: String,
    user: String,
    detail: String,
}

impl Alarm {
    /// Those that are no refusal: refusals are counted above.
    fn cells(&self) -> Vec<String> {
        let Self { time, event, user, detail, .. } = self.clone();
        vec![event, user, String::new(), String::new(), detail, "1".into(), iso(time), iso(time)]
    }

    fn line(&self) -> String {
        let Self { seq, event, reason, user, detail, .. } = self;
        let first = format!("{}  row {seq}  {event} {reason}", utc(self.time));
        format!("{}  {user}\n  {detail}", first.trim_end()).trim_end().to_owned()
    }
}

/// `mfactl report failures --json`.
#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    head: &'a Head,
    since: u64,
    refusals: u64,
    limits_hit: u64,
    rows: Vec<Row>,
    doors: Vec<DoorRow>,
    alarms: Vec<Alarm>,
}

/// What is gathered.
#[derive(Default)]
struct Gathered {
    rows: BTreeMap<[String; 4], Row>,
    alarms: Vec<Alarm>,
}

impl Gathered {
    fn note(&mut self, entry: &AuditEntry) {
        let row = &entry.row;
        let subject = if row.subject.is_empty() { &row.user } else { &row.subject };
        let (user, service, door, reason) =
            (escaped(subject), escaped(&row.service), shown(&row.door), shown(&row.reason));
        if entry.alarm {
            self.alarms.push(Alarm {
                seq: row.seq,
                time: row.time,
                event: shown(&row.event),
                reason: reason.clone(),
                user: user.clone(),
                detail: shown(&row.detail),
            });
        }
        if entry.refusals == 0 {
            return;
        }
        let key = [user.clone(), service.clone(), door.clone(), reason.clone()];
        let (first, last) = (row.time, row.time);
        let new = || Row { user, service, door, reason, count: 0, first, last };
        let of_kind = self.rows.entry(key).or_insert_with(new);
        of_kind.count += u64::from(entry.refusals);
        (of_kind.first, of_kind.last) = (of_kind.first.min(row.time), of_kind.last.max(row.time));
    }

    fn view(self, head: &Head, since: u64) -> View<'_> {
        let mut rows: Vec<Row> = self.rows.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.count));
        let mut doors: BTreeMap<&str, (u64, std::collections::BTreeSet<&str>)> = BTreeMap::new();
        for row in &rows {
            let door = doors.entry(&row.door).or_default();
            door.0 += row.count;
            door.1.insert(&row.user);
        }
        let of_door = |(door, (count, users)): (&str, (u64, std::collections::BTreeSet<&str>))| DoorRow {
            door: door.to_owned(),
            count,
            users: users.len() as u64,
        };
        let mut doors: Vec<DoorRow> = doors.into_iter().map(of_door).collect();
        doors.sort_by_key(|door| std::cmp::Reverse(door.count));
        let limits = rows.iter().filter(|row| LIMITS.contains(&row.reason.as_str()));
        View {
            head,
            since,
            refusals: rows.iter().map(|row| row.count).sum(),
            limits_hit: limits.map(|row| row.count).sum(),
            doors,
            rows,
            alarms: self.alarms,
        }
    }
}

pub(super) async fn report(bus: &Bus, head: &Head, since: Since, form: Form) -> Result<(), Failure> {
    let since = since.at(head.time);
    let mut gathered = Gathered::default();
    each_entry(bus, |entry| {
        if entry.row.time >= since {
            gathered.note(&entry);
        }
    })
    .await?;
    let view = gathered.view(head, since);
    let mut out = Out::stdout()?;
    if form.json {
        out.json(&view)?;
    } else if form.csv {
        let alarms = view.alarms.iter().filter(|alarm| alarm.event != "refused").map(Alarm::cells);
        head.csv(&mut out, &COLUMNS, &view.rows.iter().map(Row::cells).chain(alarms).collect::<Vec<_>>())?;
    } else {
        lines(&view).iter().try_for_each(|line| out.line(line))?;
    }
    out.flush()?;
    Ok(())
}

fn times(count: u64) -> String {
    match count {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

/// For people.
fn lines(view: &View<'_>) -> Vec<String> {
    let mut lines = view.head.lines().to_vec();
    lines.push(format!("Since:     {}", utc(view.since)));
    lines.push(format!("Refused:   {}, {} by a limit", times(view.refusals), times(view.limits_hit)));
    if !view.rows.is_empty() {
        lines.extend([
            String::new(),
            "LAST (UTC)        TIMES  USER        SERVICE   WHY           WHERE FROM".to_owned(),
        ]);
        lines.extend(view.rows.iter().map(Row::line));
        lines.extend([String::new(), "Most from:".to_owned()]);
        let top = view.doors.iter().take(TOP);
        let or_unknown = |door: &str| if door.is_empty() { "not known".to_owned() } else { door.to_owned() };
        lines.extend(top.map(|DoorRow { door, count, users }| {
            format!("{count:>6}  {}; users: {users}", or_unknown(door))
        }));
    }
    if !view.alarms.is_empty() {
        lines.extend([String::new(), "Alarms:".to_owned()]);
        lines.extend(view.alarms.iter().map(Alarm::line));
    }
    lines
}

#[cfg(test)]
pub(super) mod tests {
    use mfa_proto::admin::AuditRow;

    use super::super::head::tests::head;
    use super::*;
    use crate::print::schema;

    pub(in crate::report) fn entry(event: &str, reason: &str, user: &[u8], time: u64) -> AuditEntry {
        AuditEntry {
            row: AuditRow {
                seq: time,
                time,
                event: event.into(),
                reason: reason.into(),
                user: user.to_vec(),
                subject: Vec::new(),
                service: b"sshd".to_vec(),
                door: "address 192.0.2.7".into(),
                detail: String::new(),
                because: String::new(),
            },
            alarm: false,
            refusals: u32::from(event == "refused"),
            by: String::new(),
            reason: String::new(),
            break_glass: String::new(),
            verified_by: String::new(),
            ticket: String::new(),
            what: String::new(),
            only: String::new(),
            until: 0,
        }
    }

    // S29
    #[test]
    fn refusals_are_counted_by_kind_and_what_alarmed_is_told() {
        let mut gathered = Gathered::default();
        gathered.note(&entry("refused", "wrong_code", b"al\n", 1));
        gathered.note(&AuditEntry { refusals: 5, ..entry("refused", "wrong_code", b"al\n", 3) });
        gathered.note(&AuditEntry { alarm: true, ..entry("refused", "door_closed", b"bo", 4) });
        gathered.note(&AuditEntry { alarm: true, ..entry("not_me", "", b"=bo", 5) });
        gathered.note(&entry("granted", "", b"al", 6));
        let head = head();
        let view = gathered.view(&head, 0);
        assert_eq!((view.refusals, view.limits_hit), (7, 1));
        assert_eq!((view.rows[0].count, view.rows[0].first, view.rows[0].last), (6, 1, 3));
        assert_eq!((view.doors[0].count, view.doors[0].users, view.doors.len()), (7, 2, 1));
        assert_eq!(view.alarms.len(), 2);
        let text = lines(&view).join("\n");
        assert!(text.contains("al\\x0a") && text.contains("Refused:   7 times, once by a limit"), "{text}");
        assert!(crate::print::csv::line(&view.alarms[1].cells()).starts_with("not_me,'=bo,"));
        for cells in [view.rows[0].cells(), view.alarms[0].cells()] {
            assert_eq!(cells.len(), COLUMNS.len());
        }
        schema::holds("report-failures", &view);
    }
}
