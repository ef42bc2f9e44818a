//! Exemptions: those whose end is near or has come, and whether those of the command line are as they were given.

use mfa_proto::identity::escaped;
use mfa_proto::rollout::Exemption;

use super::finding::{Finding, Report, Spot};
use super::host::Host;
use super::kind::Kind;
use super::mend::Mend;
use crate::print::escape::shown;
use crate::print::time::utc;

/// Looks at all of them.
pub(super) async fn look(host: &Host, report: &mut Report) {
    let Some(bus) = &host.bus else { return }; // told of already
    let told = match bus.exempt_list().await {
        Ok(told) => told,
        Err(failure) => {
            return report.cannot_look("exemptions", failure, Mend::ByHand("mfactl exempt list".into()));
        }
    };
    if !told.intact {
        report.found(Finding {
            kind: Kind::ExemptionsAltered,
            subject: "mfad".into(),
            spot: None,
            detail: String::new(),
            mend: Mend::ByHand("mfactl audit".into()),
        });
    }
    for exemption in told.all.iter().filter(|exemption| exemption.is_due(told.time)) {
        let spot = spot(&exemption.defined_at);
        let kind = match (exemption.over, &spot) {
            (false, _) => Kind::ExemptionEnds,
            (true, Some(_)) => Kind::ExemptionOver,
            (true, None) => continue, // mfad forgets it by itself
        };
        let mend = spot.as_ref().map_or_else(|| Mend::ByHand("mfactl exempt list".into()), Mend::edit);
        let detail = format!("{}: until {}", shown(&exemption.reason), utc(exemption.until));
        report.found(Finding { kind, subject: subject(exemption), spot, detail, mend });
    }
}

/// Whose it is.
fn subject(exemption: &Exemption) -> String {
    let users = exemption.users.iter().map(|name| escaped(name));
    let who: Vec<String> = users.chain(exemption.groups.iter().map(|group| shown(group))).collect();
    if who.is_empty() { shown(&exemption.id) } else { who.join(",") }
}

/// `/etc/mfad/mfad.toml:12`.
fn spot(defined_at: &str) -> Option<Spot> {
    let (file, line) = defined_at.rsplit_once(':')?;
    Some(Spot { file: file.into(), line: line.parse().ok() })
}
