//! mfad's settings: whether they are in order, who may change them, and whether they ask anybody.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use toml::Table;

use super::finding::{Finding, Report, Spot};
use super::host::{Host, Service};
use super::kind::Kind;
use super::mend::{self, Mend};
use super::run;

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
        Ok(said) if said.well => {}
        Ok(said) => return broken(&said.err, report),
        Err(why) => return report.cannot_look("settings", why, Mend::ByHand("mfad --check".into())),
    }
    let mode = host.setting("policy", "mode").and_then(toml::Value::as_str).unwrap_or_default();
    if matches!(mode, "off" | "observe") && host.services.iter().any(Service::asks) {
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

/// The last line that says the mode: that of the file that wins.
fn line_of_mode() -> Spot {
    let says = |line: &str| {
        line.trim_start().strip_prefix("mode").is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let found = files().into_iter().rev().find_map(|file| {
        let text = std::fs::read_to_string(&file).ok()?;
        let (line, _) = (1..).zip(text.lines()).find(|(_, line)| says(line))?;
        Some(Spot { file, line: Some(line) })
    });
    found.unwrap_or_else(|| Spot::file(FILE))
}

/// What makes a running mfad take its settings.
pub(super) fn reload() -> &'static str {
    if Path::new("/run/systemd/system").exists() {
        "systemctl restart mfad"
    } else {
        "pkill -TERM -x -U mfad mfad" // the bus starts it at the next call
    }
}

/// `/etc/mfad/mfad.toml: TOML parse error at line 3, column 1`, with the line beneath it.
fn broken(said: &str, report: &mut Report) {
    let said = said.trim().trim_start_matches("mfad: ");
    let file = said.split(": ").next().filter(|file| file.starts_with('/')).unwrap_or(FILE);
    let spot = said.lines().find_map(line_shown).and_then(|line| line_of(&line));
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

/// Where a line stands that is the same but for spaces: in the last file that has it.
fn line_of(wanted: &str) -> Option<Spot> {
    files().into_iter().rev().find_map(|file| {
        let text = std::fs::read_to_string(&file).ok()?;
        let (line, _) = (1..).zip(text.lines()).find(|(_, line)| bare(line) == wanted)?;
        Some(Spot { file, line: Some(line) })
    })
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
