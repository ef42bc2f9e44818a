//! Whether anything keeps the clock right.

use std::path::Path;

use super::finding::{Finding, Report};
use super::kind::Kind;
use super::mend::Mend;
use crate::run;

/// systemd-timesyncd makes this file once it has set the clock. Source: systemd-timesyncd.service(8).
const TIMESYNCD: &str = "/run/systemd/timesync/synchronized";

/// Asks whoever may know.
pub(super) fn look(report: &mut Report) {
    if Path::new(TIMESYNCD).exists() {
        return;
    }
    // The kernel's own flag, whoever sets it.
    let mut seen = Vec::new();
    if let Ok(said) = run::ask("timedatectl", &["show", "--property=NTPSynchronized", "--value"])
        && said.well
    {
        match said.out.trim() {
            "yes" => return,
            other => seen.push(format!("timedatectl says NTPSynchronized={other}")),
        }
    }
    if let Ok(said) = run::ask("chronyc", &["-n", "tracking"])
        && said.well
    {
        match said.out.lines().find_map(|line| line.strip_prefix("Leap status")) {
            Some(status) if status.contains("Not synchronised") => seen.push("chronyc says so".into()),
            Some(_) => return,
            None => {}
        }
    }
    if let Ok(said) = run::ask("ntpq", &["-c", "rv 0 stratum,leap"])
        && said.well
        && said.out.contains("stratum=")
    {
        if !said.out.contains("leap=11") && !said.out.contains("stratum=16") {
            return;
        }
        seen.push("ntpq says so".into());
    }
    if seen.is_empty() {
        seen.push("neither timedatectl nor chronyc nor ntpq knows of anything".into());
    }
    report.found(Finding {
        kind: Kind::ClockUnsynchronised,
        subject: "clock".into(),
        spot: None,
        detail: seen.join(", "),
        mend: Mend::ByHand("timedatectl set-ntp true".into()),
    });
}
