//! `mfactl policy simulate`: what other settings would do with the logins of the audit.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};

use mfa_proto::identity::escaped;
use mfa_proto::policy::{LONGEST_SETTINGS, Rejudged, Simulated, Simulation, Verdict};
use serde::Serialize;

use super::VerdictView;
use crate::bus::Bus;
use crate::cli::Simulate;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pam::clock::now;
use crate::print::Out;
use crate::print::escape::shown;
use crate::print::time::utc;

/// The settings that are asked about, and from when on.
pub(super) fn simulation(asked: &Simulate) -> Result<Simulation, Failure> {
    let path = asked.with.display().to_string();
    let unread = |error| Failure::Unread(path.clone(), error);
    let mut settings = Vec::new();
    let most = LONGEST_SETTINGS as u64 + 1;
    File::open(&asked.with).map_err(unread)?.take(most).read_to_end(&mut settings).map_err(unread)?;
    if settings.len() > LONGEST_SETTINGS {
        return Err(Failure::Usage(format!("{path}: is larger than 1 MiB")));
    }
    let settings =
        String::from_utf8(settings).map_err(|_| Failure::Usage(format!("{path}: is no text in UTF-8")))?;
    if settings.contains('\0') {
        return Err(Failure::Usage(format!("{path}: is no text"))); // and no bus carries it
    }
    let since = asked.since.at(now());
    Ok(Simulation { settings, path, since, after: 0, last: 0, all: asked.all })
}

/// Page by page, from the oldest login asked for to the newest that there was.
pub(super) async fn simulate(bus: &Bus, mut asked: Simulation, how: &Simulate) -> Result<Exit, Failure> {
    let mut out = Out::stdout()?;
    let mut counts = Counts::default();
    if how.csv {
        out.csv(&COLUMNS.map(str::to_owned))?;
    }
    loop {
        let page = bus.simulate(&asked).await?;
        if page.next < asked.after || !page.ended && page.next == asked.after {
            return Err(Failure::Garbled("the simulation does not go on".to_owned()));
        }
        if asked.last == 0 {
            for warning in &page.warnings {
                let _ = writeln!(std::io::stderr(), "mfactl: {}: {}", shown(&asked.path), shown(warning));
            }
        }
        for login in &page.logins {
            match (how.shape.json, how.csv) {
                (true, _) => out.json(&RejudgedView::from(login))?,
                (_, true) => out.csv(&cells(login))?,
                _ => out.line(&login_lines(login))?,
            }
        }
        out.flush()?;
        counts.add(&page);
        (asked.after, asked.last) = (page.next, page.last);
        if page.ended {
            break;
        }
    }
    match (how.shape.json, how.csv) {
        (true, _) => out.json(&SummaryView::from(&counts))?,
        (_, true) => drop(writeln!(std::io::stderr(), "{}", counts.lines(&asked).join("\n"))),
        _ => out.line(&counts.lines(&asked).join("\n"))?,
    }
    out.flush()?;
    Ok(if counts.changed() == 0 { Exit::Done } else { Exit::Differs })
}

/// How many of what.
#[derive(Default)]
struct Counts {
    judged: u64,
    too_old: u64,
    unanswered: u64,
    by_program: u64,
    /// By kind of change.
    kinds: BTreeMap<&'static str, u64>,
    /// By user, escaped, and kind of change.
    users: BTreeMap<String, BTreeMap<&'static str, u64>>,
}

/// Kinds of change, and how they are said.
const KINDS: [(&str, &str); 4] = [
    ("newly_asked", "newly asked"),
    ("newly_refused", "newly refused"),
    ("newly_let_in", "newly let in without a code"),
    ("other", "refused by another way"),
];

impl Counts {
    fn add(&mut self, page: &Simulated) {
        self.judged += page.judged;
        self.too_old += page.too_old;
        self.unanswered += page.unanswered;
        self.by_program += page.by_program;
        for login in &page.logins {
            let Some((kind, _)) = KINDS.into_iter().find(|(kind, _)| *kind == login.change) else { continue };
            *self.kinds.entry(kind).or_default() += 1;
            *self.users.entry(who(login)).or_default().entry(kind).or_default() += 1;
        }
    }

    fn changed(&self) -> u64 {
        self.kinds.values().sum()
    }

    fn lines(&self, asked: &Simulation) -> Vec<String> {
        let said = |kinds: &BTreeMap<&str, u64>| {
            let of = |(kind, words): (&str, &str)| kinds.get(kind).map(|number| format!("{number} {words}"));
            KINDS.into_iter().filter_map(of).collect::<Vec<_>>().join(", ")
        };
        let (judged, since) = (counted(self.judged), utc(asked.since));
        let mut lines = Vec::new();
        match self.changed() {
            0 => lines.push(format!("No decision would change: {judged} since {since} were judged again.")),
            changed => {
                lines.push(format!(
                    "{changed} of {judged} since {since} would change: {}.",
                    said(&self.kinds)
                ));
                lines.extend(self.users.iter().map(|(user, kinds)| format!("  {user}: {}", said(kinds))));
            }
        }
        if self.too_old > 0 {
            lines.push(format!(
                "{} could not be judged: recorded by an older mfad, which did not keep what it judged by.",
                counted(self.too_old)
            ));
        }
        if self.unanswered > 0 {
            lines.push(format!(
                "{} could not be judged: a name service did not answer.",
                counted(self.unanswered)
            ));
        }
        if self.by_program > 0 {
            lines.push(format!(
                "Of {} at sudo the arguments are not on record, which a pattern asks for: taken the stricter way.",
                counted(self.by_program)
            ));
        }
        lines
    }
}

fn counted(logins: u64) -> String {
    if logins == 1 { "1 verdict".to_owned() } else { format!("{logins} verdicts") }
}

/// Whose decision it is.
fn who(login: &Rejudged) -> String {
    escaped(if login.subject.is_empty() { &login.user } else { &login.subject })
}

fn login_lines(login: &Rejudged) -> String {
    let to_become = if login.subject.is_empty() {
        String::new()
    } else {
        format!(" (to become {})", escaped(&login.user))
    };
    format!(
        "{:>6}  {}  {}{to_become} at {} from {}\n        is    {}\n        would {}",
        login.seq,
        utc(login.time),
        who(login),
        escaped(&login.service),
        shown(&login.door),
        verdict_words(&login.now),
        verdict_words(&login.would),
    )
}

fn verdict_words(verdict: &Verdict) -> String {
    let what = match (verdict.decision.as_str(), verdict.why.as_str()) {
        ("ask", "fresh") => "be asked for a fresh code".to_owned(),
        ("ask", _) => "be asked for a code".to_owned(),
        ("let_in", why) => format!("be let in without a code ({})", shown(why)),
        ("refuse", why) => format!("be refused ({})", shown(why)),
        _ => "be refused, whatever is answered".to_owned(),
    };
    let at = if verdict.at.is_empty() { String::new() } else { format!(" ({})", shown(&verdict.at)) };
    format!("{what}: {}{at}", shown(&verdict.by))
}

const COLUMNS: [&str; 15] = [
    "seq",
    "time",
    "user",
    "subject",
    "service",
    "from",
    "change",
    "now",
    "now_why",
    "now_by",
    "now_at",
    "would",
    "would_why",
    "would_by",
    "would_at",
];

fn cells(login: &Rejudged) -> [String; 15] {
    let of = |verdict: &Verdict| {
        [&verdict.decision, &verdict.why, &verdict.by, &verdict.at].map(|text| shown(text))
    };
    let [now, now_why, now_by, now_at] = of(&login.now);
    let [would, would_why, would_by, would_at] = of(&login.would);
    [
        login.seq.to_string(),
        utc(login.time),
        escaped(&login.user),
        escaped(&login.subject),
        escaped(&login.service),
        shown(&login.door),
        shown(&login.change),
        now,
        now_why,
        now_by,
        now_at,
        would,
        would_why,
        would_by,
        would_at,
    ]
}

/// A line of `mfactl policy simulate --json`.
#[derive(Serialize)]
struct RejudgedView {
    seq: u64,
    time: u64,
    user: String,
    subject: String,
    service: String,
    door: String,
    change: String,
    now: VerdictView,
    would: VerdictView,
}

impl From<&Rejudged> for RejudgedView {
    fn from(login: &Rejudged) -> Self {
        Self {
            seq: login.seq,
            time: login.time,
            user: escaped(&login.user),
            subject: escaped(&login.subject),
            service: escaped(&login.service),
            door: shown(&login.door),
            change: shown(&login.change),
            now: (&login.now).into(),
            would: (&login.would).into(),
        }
    }
}

/// The last line of `mfactl policy simulate --json`.
#[derive(Serialize)]
struct SummaryView {
    judged: u64,
    changed: u64,
    newly_asked: u64,
    newly_refused: u64,
    newly_let_in: u64,
    other: u64,
    too_old: u64,
    unanswered: u64,
    by_program: u64,
}

impl From<&Counts> for SummaryView {
    fn from(counts: &Counts) -> Self {
        let of = |kind: &str| counts.kinds.get(kind).copied().unwrap_or(0);
        Self {
            judged: counts.judged,
            changed: counts.changed(),
            newly_asked: of("newly_asked"),
            newly_refused: of("newly_refused"),
            newly_let_in: of("newly_let_in"),
            other: of("other"),
            too_old: counts.too_old,
            unanswered: counts.unanswered,
            by_program: counts.by_program,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    fn verdict(decision: &str, why: &str) -> Verdict {
        Verdict {
            decision: decision.into(),
            why: why.into(),
            by: "rule a\x1b".into(),
            at: "new.toml:3".into(),
        }
    }

    fn login() -> Rejudged {
        Rejudged {
            seq: 7,
            time: 1_795_424_700,
            user: b"=al\nice".to_vec(),
            subject: Vec::new(),
            service: b"sshd".to_vec(),
            door: "address 192.0.2.7".into(),
            now: verdict("let_in", "optional"),
            would: verdict("refuse", "not_enrolled"),
            change: "newly_refused".into(),
        }
    }

    fn counts() -> Counts {
        let mut counts = Counts::default();
        counts.add(&Simulated {
            logins: vec![login()],
            judged: 9,
            too_old: 1,
            unanswered: 1,
            by_program: 2,
            next: 9,
            last: 9,
            ended: true,
            warnings: Vec::new(),
        });
        counts
    }

    #[test]
    fn changes_are_counted_by_kind_and_by_user() {
        let asked = Simulation { since: 1_795_392_000, ..Simulation::default() };
        let lines = counts().lines(&asked);
        assert_eq!(
            lines[..2],
            [
                "1 of 9 verdicts since 2026-11-23 00:00:00 UTC would change: 1 newly refused.",
                r"  =al\x0aice: 1 newly refused",
            ]
        );
        assert!(
            lines[2].starts_with("1 verdict could not be judged: recorded by an older mfad"),
            "{}",
            lines[2]
        );
        assert!(Counts::default().lines(&asked)[0].starts_with("No decision would change"));
    }

    // S29
    #[test]
    fn each_shape_is_as_its_schema_says_and_no_name_drives_a_terminal_or_a_spreadsheet() {
        schema::holds("policy-simulate", &RejudgedView::from(&login()));
        schema::holds("policy-simulate-summary", &SummaryView::from(&counts()));
        let text = login_lines(&login());
        assert!(!text.contains('\x1b') && text.lines().count() == 3, "{text}");
        let row = crate::print::csv::line(&cells(&login()));
        assert!(row.contains(r",'=al\x0aice,") && !row.contains(['\n', '\x1b']), "{row}");
        assert_eq!(cells(&login()).len(), COLUMNS.len());
    }
}
