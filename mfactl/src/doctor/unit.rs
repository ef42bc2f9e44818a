//! The unit, under systemd: what was changed of it, and whether it comes at boot.

use std::path::Path;

use super::finding::{Finding, Report, Spot};
use super::kind::Kind;
use super::mend::Mend;
use crate::run;

/// Looks at it.
pub(super) fn look(report: &mut Report) {
    if !Path::new("/run/systemd/system").exists() {
        return;
    }
    for unit in ["mfad.service", "mfad.socket"] {
        match property(unit, "LoadState") {
            Ok(state) if state == "loaded" => {}
            Ok(_) => continue, // not set up as a unit: the bus starts it
            Err(why) => {
                return report.cannot_look("unit", why, Mend::ByHand(format!("systemctl status {unit}")));
            }
        }
        let parts = property(unit, "DropInPaths").unwrap_or_default();
        let own = property(unit, "FragmentPath").unwrap_or_default();
        let own = if own.starts_with("/etc/") { own.as_str() } else { "" };
        if let Some(path) = parts.split_whitespace().chain([own]).find(|path| !path.is_empty()) {
            report.found(Finding {
                kind: Kind::UnitChanged,
                subject: unit.into(),
                spot: Some(Spot::file(path)),
                detail: String::new(),
                mend: Mend::Run(format!("systemctl revert {unit} && systemctl restart {unit}")),
            });
        }
    }
    if property("mfad.socket", "UnitFileState").is_ok_and(|state| state == "disabled" || state == "masked") {
        report.found(Finding {
            kind: Kind::UnitDisabled,
            subject: "mfad.socket".into(),
            spot: None,
            detail: String::new(),
            mend: Mend::Run("systemctl unmask mfad.socket && systemctl enable --now mfad.socket".into()),
        });
    }
}

fn property(unit: &str, name: &str) -> Result<String, String> {
    let said = run::ask("systemctl", &["show", unit, &format!("--property={name}"), "--value"])?;
    if said.well { Ok(said.out.trim().to_owned()) } else { Err(said.err.trim().to_owned()) }
}
