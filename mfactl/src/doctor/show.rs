//! What doctor says: the worst first, on one screen, or as JSON.

use serde::Serialize;

use super::finding::{Finding, Spot};
use super::kind::{Kind, Severity};
use super::mend::Mend;
use crate::print::escape::shown;

/// How many findings are told of in full: what stays on a screen of 24 rows.
const IN_FULL: usize = 4;

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

    /// Lines for people; all in full, or as many as a screen holds.
    pub(super) fn lines(&self, all: bool) -> Vec<String> {
        let mut lines = vec![self.head()];
        let full = if all { self.findings.len() } else { IN_FULL };
        for finding in self.findings.iter().take(full) {
            lines.push(String::new());
            lines.push(heading(finding));
            let means = finding.kind.means();
            lines.push(format!("  {}. {means}", capital(finding.kind.title())));
            if !finding.detail.is_empty() {
                lines.push(format!("  Seen: {}", shown(&finding.detail)));
            }
            lines.push(format!("  Mend: {}", shown(finding.mend.command())));
        }
        if self.findings.len() > full {
            lines.push(String::new());
            lines.extend(self.findings.iter().skip(full).map(|finding| heading(finding)));
            lines.push("`mfactl doctor --all` tells of these in full.".into());
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

fn capital(text: &str) -> String {
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

/// Every kind, for `--list`.
pub(super) fn list() -> Vec<String> {
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
    fn all_that_is_found_stays_on_one_screen_and_drives_no_terminal() {
        let found = vec![finding(Kind::WayRound); 3];
        let lines = said(&found, &[]).lines(false);
        assert!(lines.len() <= 24);
        assert_eq!(lines[0], "MFAD CRITICAL - 3 critical");
        assert_eq!(lines[2], "CRITICAL  way-round:sshd  /etc/pam.d/sshd:4");
        assert_eq!(lines[4], r"  Seen: a\x1b[2Jb");
        let ignored = [finding(Kind::UseDns)];
        let lines = said(&[], &ignored).lines(false);
        assert_eq!(lines, ["MFAD OK - 1 ignored", "", r"ignored   use-dns:sshd: so\x0ait is"]);
    }
}
