//! mfad's settings: whether they are in order, who may change them, and whether they ask anybody.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use toml::Table;

use super::finding::{Finding, Report, Spot};
use super::host::{Host, Service};
use super::kind::Kind;
use super::mend::{self, Mend};
use crate::pam::walk::asks_for_factor;
use crate::run;

const FILE: &str = "/etc/mfad/mfad.toml";
const FOLDER: &str = "/etc/mfad/mfad.toml.d";

/// All files merged; none where one cannot be read: `mfad --check` says more.
pub(super) fn read() -> Option<Table> {
    let mut merged = Table::new();
    for file in files() {
        merge(&mut merged, std::fs::read_to_string(file).ok()?.parse().ok()?);
    }
    Some(merged)
}

/// The file and its parts, in the order in which later ones win.
fn files() -> Vec<PathBuf> {
    let parts = std::fs::read_dir(FOLDER).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut parts: Vec<PathBuf> =
        parts.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    parts.sort();
    parts.insert(0, FILE.into());
    parts
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Looks at them.
pub(super) fn look(host: &Host, report: &mut Report) {
    let found_before = report.findings.len();
    for file in files() {
        modes(&file, report);
    }
    if report.findings.len() > found_before {
        return; // mfad says the same of them
    }
    match run::ask("mfad", &["--check"]) {
        Ok(said) if said.well => warned(&said.err, report),
        Ok(said) => return broken(&said.err, report),
        Err(why) => return report.cannot_look("settings", why, Mend::ByHand("mfad --check".into())),
    }
    enforced(host, report);
    let mode = host.setting("policy", "mode").and_then(toml::Value::as_str).unwrap_or_default();
    let asks_nobody = matches!(mode, "off" | "observe") && !a_group_is_asked(host);
    if asks_nobody && host.services.iter().any(Service::asks) {
        let spot = line_of_mode();
        let mend = match mend::on_line(&spot, "s/\"(off|observe)\"/\"optional\"/") {
            Mend::Run(command) => Mend::Run(format!("{command} && mfad --check && {}", reload())),
            by_hand @ Mend::ByHand(_) => by_hand,
        };
        report.found(Finding {
            kind: Kind::ModeAsksNobody,
            subject: mode.into(),
            spot: Some(spot),
            detail: String::new(),
            mend,
        });
    }
}

/// Whether a group is ahead of the others, as in the first stage of a rollout.
fn a_group_is_asked(host: &Host) -> bool {
    let groups = host.settings.as_ref().and_then(|settings| settings.get("group")?.as_table());
    let modes = groups.into_iter().flat_map(Table::values).filter_map(|group| group.get("mode")?.as_str());
    modes.into_iter().any(|mode| matches!(mode, "optional" | "required"))
}

/// What `mfad --check` warns of: settings by their old names, and what cannot be meant.
fn warned(said: &str, report: &mut Report) {
    for warning in said.lines().filter_map(|line| line.strip_prefix("mfad: warning: ")) {
        if warning.contains("is called ") {
            renamed(warning, report);
        } else if warning.contains(": a name service fails: ") {
            report.cannot_look("names-of-settings", warning, Mend::ByHand("mfad --check".into()));
        } else if !warning.contains(": ended on ") {
            doubtful(warning, report); // of what is over, `exemptions` tells
        }
    }
}

/// `/etc/mfad/mfad.toml:12: rule "office": does nothing: …`.
fn doubtful(warning: &str, report: &mut Report) {
    let (at, said) = warning.split_once(": ").unwrap_or((FILE, warning));
    let (file, line) = at.rsplit_once(':').unwrap_or((at, ""));
    let file = if file.starts_with('/') { file } else { FILE };
    let spot = Spot { file: file.into(), line: line.parse().ok() };
    let (subject, detail) = said.split_once(": ").or_else(|| said.split_once(' ')).unwrap_or((at, said));
    let (kind, subject, detail) = match nobody(detail) {
        Some(name) => (Kind::NameOfNobody, name, said),
        None => (Kind::SettingDoubtful, subject, detail),
    };
    report.found(Finding {
        kind,
        subject: subject.into(),
        mend: Mend::edit(&spot),
        spot: Some(spot),
        detail: detail.into(),
    });
}

/// `there is no group "opps" on this host`: whom there is not.
fn nobody(said: &str) -> Option<&str> {
    let rest =
        said.strip_prefix("there is no user \"").or_else(|| said.strip_prefix("there is no group \""))?;
    rest.strip_suffix("\" on this host")
}

/// `FILE: policy.account_enforce: is called …`.
fn renamed(warning: &str, report: &mut Report) {
    let old = warning.split(": ").nth(1).unwrap_or_default();
    let key = old.rsplit('.').next().unwrap_or_default();
    let spot = line_that(|line| line.trim_start().split(['=', ' ']).next() == Some(key));
    let spot = spot.unwrap_or_else(|| Spot::file(FILE));
    let mend = match warning
        .split_once("is called ")
        .and_then(|(_, rest)| rest.split(' ').next()?.rsplit('.').next())
    {
        Some(new) => mend::on_line(&spot, &format!("s/{}/{new}/", mend::literal(key))),
        None => Mend::edit(&spot),
    };
    let (kind, subject, detail) = (Kind::SettingRenamed, old.into(), warning.into());
    report.found(Finding { kind, subject, spot: Some(spot), detail, mend });
}

/// `account_enforce` on the line, and `sshd` in the policy: both or neither.
fn enforced(host: &Host, report: &mut Report) {
    let Some(sshd) = host.service("sshd") else { return };
    let line = sshd.account.iter().find(|step| asks_for_factor(step)).map(|step| Spot::from(&step.place));
    let (spot, detail, mend) = match (sshd.enforces(), host.policy_enforces()) {
        (true, false) => {
            let spot = Spot::file(FILE);
            let mend = Mend::edit(&spot);
            (Some(spot), "the policy does not name sshd", mend)
        }
        (false, true) => match line {
            Some(line) => {
                let mend = mend::on_line(&line, "s/pam_mfa\\.so/& account_enforce/");
                (Some(line), "the line does not say it", mend)
            }
            None => (None, "there is no account line", Mend::apply("sshd")),
        },
        _ => return,
    };
    let (kind, subject, detail) = (Kind::EnforcedByHalf, "sshd".into(), detail.into());
    report.found(Finding { kind, subject, spot, detail, mend });
}

/// The line that says the mode.
fn line_of_mode() -> Spot {
    let says = |line: &str| line.trim_start().split(['=', ' ']).next() == Some("mode");
    line_that(says).unwrap_or_else(|| Spot::file(FILE))
}

/// The first such line, in the last file that has one: that is the file that wins.
fn line_that(is: impl Fn(&str) -> bool) -> Option<Spot> {
    files().into_iter().rev().find_map(|file| {
        let text = std::fs::read_to_string(&file).ok()?;
        let (line, _) = (1..).zip(text.lines()).find(|(_, line)| is(line))?;
        Some(Spot { file, line: Some(line) })
    })
}

/// What makes a running mfad take its settings.
fn reload() -> &'static str {
    if Path::new("/run/systemd/system").exists() {
        "systemctl reload mfad"
    } else {
        "/usr/lib/mfad/steps reload"
    }
}

/// `/etc/mfad/mfad.toml: TOML parse error at line 3, column 1`, with the line beneath it.
fn broken(said: &str, report: &mut Report) {
    let said = said.trim().trim_start_matches("mfad: ");
    let file = said.split(": ").next().filter(|file| file.starts_with('/')).unwrap_or(FILE);
    let spot = said.lines().find_map(line_shown).and_then(|shown| line_that(|line| bare(line) == shown));
    let spot = spot.unwrap_or_else(|| Spot::file(file));
    let Mend::ByHand(edit) = Mend::edit(&spot) else { return };
    report.found(Finding {
        kind: Kind::SettingsBroken,
        subject: "mfad".into(),
        spot: Some(spot),
        detail: said.lines().last().unwrap_or_default().trim().into(),
        mend: Mend::ByHand(format!("{edit}; mfad --check")),
    });
}

/// `6 | mode = "of"`: what stands there. The number is that of all files merged, and of none of them.
fn line_shown(line: &str) -> Option<String> {
    let (number, text) = line.split_once(" | ")?;
    number.trim().parse::<usize>().ok()?;
    Some(bare(text))
}

fn bare(text: &str) -> String {
    text.split('#').next().unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect()
}

fn modes(file: &Path, report: &mut Report) {
    let Ok(about) = std::fs::metadata(file) else { return };
    if about.uid() == 0 && about.mode() & 0o022 == 0 {
        return;
    }
    let path = mend::quoted(&file.to_string_lossy());
    report.found(Finding {
        kind: Kind::SettingsModes,
        subject: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        spot: Some(Spot::file(file)),
        detail: format!("owner {}, mode {:04o}", about.uid(), about.mode() & 0o7777),
        mend: Mend::Run(format!("chown root:root {path} && chmod 0644 {path}")),
    });
}
