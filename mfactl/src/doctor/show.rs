//! What doctor says: the worst first, on one screen, or as JSON.

use serde::Serialize;

use super::finding::{Finding, Spot};
use super::kind::{Kind, Severity};
use super::mend::Mend;
use crate::print::escape::shown;

/// A screen: what is told of in full has to leave room for the rest.
const ROWS: usize = 24;
/// Of these, for what is not told of in full, and for the shell's next line.
const LAST_ROWS: usize = 4;
/// Names at the beginning of titles.
const NAMES: [&str; 6] = ["sshd", "sudo", "mfad", "pam_mfa", "libpam", "first_factor"];
/// How wide lines of words are.
const COLUMNS: usize = 79;

/// All that is to be said.
pub(super) struct Said<'a> {
    /// The worst first.
    pub(super) findings: Vec<&'a Finding>,
    /// What is left out, with the reason.
    pub(super) ignored: Vec<(&'a Finding, &'a str)>,
    /// How it ends.
    pub(super) worst: Severity,
}

/// The exit code that monitoring plugins have for it, and its word.
pub(super) const fn plugin(worst: Severity) -> (u8, &'static str) {
    match worst {
        Severity::Info => (0, "OK"),
        Severity::Warning => (1, "WARNING"),
        Severity::Critical => (2, "CRITICAL"),
        Severity::Unknown => (3, "UNKNOWN"),
    }
}

impl Said<'_> {
    /// The first line: what a monitoring system shows.
    fn head(&self) -> String {
        let count = |severity: Severity| {
            self.findings.iter().filter(|finding| finding.kind.severity() == severity).count()
        };
        let parts = [
            (count(Severity::Critical), "critical"),
            (count(Severity::Warning), "warning"),
            (count(Severity::Unknown), "could not be looked at"),
            (count(Severity::Info), "to know"),
            (self.ignored.len(), "ignored"),
        ];
        let said: Vec<String> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        let said = if said.is_empty() { "nothing found".to_owned() } else { said.join(", ") };
        format!("MFAD {} - {said}", plugin(self.worst).1)
    }

    /// Lines for people; all of it, or as much as a screen holds.
    pub(super) fn lines(&self, all: bool) -> Vec<String> {
        let mut lines = vec![self.head()];
        let screen = if all { usize::MAX } else { ROWS - LAST_ROWS };
        let mut rows = 1;
        let mut findings = self.findings.iter().peekable();
        while let Some(finding) = findings.peek() {
            let told = told(finding);
            rows += told.iter().map(|line| line.len().div_ceil(COLUMNS).max(1)).sum::<usize>();
            if rows > screen && lines.len() > 1 {
                break;
            }
            lines.extend(told);
            findings.next();
        }
        let rest: Vec<&&Finding> = findings.collect();
        if let [next, others @ ..] = rest.as_slice() {
            lines.extend([String::new(), heading(next)]);
            let others =
                if others.is_empty() { String::new() } else { format!("and {} more; ", others.len()) };
            lines.push(format!("{others}`mfactl doctor --all` tells of all in full."));
        }
        if !self.ignored.is_empty() {
            lines.push(String::new());
        }
        for (finding, reason) in &self.ignored {
            lines.push(format!("ignored   {}: {}", name(finding), shown(reason)));
        }
        lines
    }
}

/// A finding in full.
fn told(finding: &Finding) -> Vec<String> {
    let mut lines = vec![String::new(), heading(finding)];
    wrap(&format!("{}. {}", capital(finding.kind.title()), finding.kind.means()), &mut lines);
    if !finding.detail.is_empty() {
        wrap(&format!("Seen: {}", shown(&finding.detail)), &mut lines);
    }
    // In one piece, however long: it is there to be copied.
    lines.push(format!("  Mend: {}", shown(finding.mend.command())));
    lines
}

/// Words in lines, two spaces before each.
fn wrap(text: &str, lines: &mut Vec<String>) {
    let mut line = " ".to_owned();
    for word in text.split_whitespace() {
        if line.len() > 1 && line.len() + 1 + word.len() > COLUMNS {
            lines.push(std::mem::replace(&mut line, " ".to_owned()));
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push(line);
}

/// `CRITICAL  way-round:sshd  /etc/pam.d/sshd:4`.
fn heading(finding: &Finding) -> String {
    let word = finding.kind.severity().word().to_uppercase();
    let place = finding.spot.as_ref().map(place).unwrap_or_default();
    format!("{word:<8}  {}  {}", name(finding), shown(&place)).trim_end().to_owned()
}

/// What `--ignore` takes.
fn name(finding: &Finding) -> String {
    format!("{}:{}", finding.kind.id(), shown(&finding.subject))
}

fn place(spot: &Spot) -> String {
    let file = spot.file.to_string_lossy();
    spot.line.map_or(file.clone().into_owned(), |line| format!("{file}:{line}"))
}

/// A sentence begins with a capital, and a name is spelt as it is.
fn capital(text: &str) -> String {
    let first = text.split_whitespace().next().unwrap_or_default();
    if NAMES.iter().any(|name| first.starts_with(name)) {
        return text.to_owned();
    }
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// `mfactl doctor --json`.
#[derive(Serialize)]
pub(super) struct View {
    status: &'static str,
    code: u8,
    findings: Vec<FindingView>,
}

#[derive(Serialize)]
struct FindingView {
    id: &'static str,
    severity: &'static str,
    subject: String,
    title: &'static str,
    means: &'static str,
    file: Option<String>,
    line: Option<usize>,
    detail: String,
    mend: String,
    /// Whether the command does it all.
    mends: bool,
    /// Why it is ignored, where it is.
    ignored: Option<String>,
}

impl FindingView {
    fn of(finding: &Finding, ignored: Option<&str>) -> Self {
        let Finding { kind, subject, spot, detail, mend } = finding;
        Self {
            id: kind.id(),
            severity: kind.severity().word(),
            subject: shown(subject),
            title: kind.title(),
            means: kind.means(),
            file: spot.as_ref().map(|spot| shown(&spot.file.to_string_lossy())),
            line: spot.as_ref().and_then(|spot| spot.line),
            detail: shown(detail),
            mend: shown(mend.command()),
            mends: matches!(mend, Mend::Run(_)),
            ignored: ignored.map(shown),
        }
    }
}

impl From<&Said<'_>> for View {
    fn from(said: &Said<'_>) -> Self {
        let (code, _) = plugin(said.worst);
        let status = match said.worst {
            Severity::Info => "ok",
            worst => worst.word(),
        };
        let counted = said.findings.iter().map(|finding| FindingView::of(finding, None));
        let ignored = said.ignored.iter().map(|(finding, reason)| FindingView::of(finding, Some(reason)));
        Self { status, code, findings: counted.chain(ignored).collect() }
    }
}

/// Every kind, for `--list` and the manual.
pub(crate) fn list() -> Vec<String> {
    let line = |kind: &Kind| format!("{:<8}  {:<24}  {}", kind.severity().word(), kind.id(), kind.title());
    Kind::ALL.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    fn finding(kind: Kind) -> Finding {
        Finding {
            kind,
            subject: "sshd".into(),
            spot: Some(Spot { file: "/etc/pam.d/sshd".into(), line: Some(4) }),
            detail: "a\x1b[2Jb".into(),
            mend: Mend::Run("true".into()),
        }
    }

    fn said<'a>(findings: &'a [Finding], ignored: &'a [Finding]) -> Said<'a> {
        let worst = super::super::finding::worst(findings.iter());
        let ignored = ignored.iter().map(|finding| (finding, "so\nit is")).collect();
        Said { findings: findings.iter().collect(), ignored, worst }
    }

    #[test]
    fn a_report_has_this_shape() {
        let (found, ignored) = ([finding(Kind::WayRound)], [finding(Kind::UseDns)]);
        schema::holds("doctor", &View::from(&said(&found, &ignored)));
        let nowhere = [Finding { spot: None, ..finding(Kind::CannotLook) }];
        let view = serde_json::to_value(View::from(&said(&nowhere, &[]))).unwrap();
        assert_eq!((&view["status"], &view["code"]), (&"unknown".into(), &3.into()));
        assert!(view["findings"][0]["file"].is_null());
    }

    #[test]
    fn the_worst_decides_how_it_ends() {
        let end = |kinds: &[Kind]| {
            let found: Vec<Finding> = kinds.iter().map(|kind| finding(*kind)).collect();
            plugin(said(&found, &[]).worst)
        };
        assert_eq!(end(&[]), (0, "OK"));
        assert_eq!(end(&[Kind::UseDns]), (0, "OK"));
        assert_eq!(end(&[Kind::UseDns, Kind::CannotLook]), (3, "UNKNOWN"));
        assert_eq!(end(&[Kind::CannotLook, Kind::AccountLineMissing]), (1, "WARNING"));
        assert_eq!(end(&[Kind::AccountLineMissing, Kind::WayRound, Kind::CannotLook]), (2, "CRITICAL"));
    }

    #[test]
    fn what_is_found_stays_on_one_screen_and_drives_no_terminal() {
        let lines_of = |count: usize, all| said(&vec![finding(Kind::WayRound); count], &[]).lines(all);
        for count in 1..40 {
            let lines = lines_of(count, false);
            assert!(lines.len() < ROWS, "{count}: {lines:#?}");
            assert!(lines.iter().all(|line| line.len() <= COLUMNS));
            let in_full = lines.iter().filter(|line| line.contains("Mend:")).count();
            assert!(in_full == count || in_full >= 3, "{count}: {lines:#?}");
            assert_eq!(lines_of(count, true).iter().filter(|line| line.contains("Mend:")).count(), count);
        }
        let lines = lines_of(1, false);
        assert_eq!(lines[0], "MFAD CRITICAL - 1 critical");
        assert_eq!(lines[2], "CRITICAL  way-round:sshd  /etc/pam.d/sshd:4");
        assert_eq!(lines[5..], [r"  Seen: a\x1b[2Jb", "  Mend: true"]);
        assert!(
            lines_of(9, false).iter().any(|line| line.starts_with("and 5 more; ")),
            "{:#?}",
            lines_of(9, false)
        );
        let ignored = [finding(Kind::UseDns)];
        let lines = said(&[], &ignored).lines(false);
        assert_eq!(lines, ["MFAD OK - 1 ignored", "", r"ignored   use-dns:sshd: so\x0ait is"]);
    }
}
