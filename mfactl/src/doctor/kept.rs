//! What `mfactl pam apply` kept, and is not so any more.

use super::finding::{Finding, Report, Spot};
use super::kind::Kind;
use super::mend::Mend;
use crate::pam::{clock, record, status};

/// Looks at every family that was kept.
pub(super) fn look(report: &mut Report) {
    let mut kept = match record::kept() {
        Ok(kept) => kept,
        Err(failure) => return report.cannot_look("kept", failure, Mend::ByHand("mfactl pam status".into())),
    };
    for view in status::views(&mut kept, clock::now()) {
        let kind = match view.state {
            "gone" => Kind::ProtectionGone,
            "differs" => Kind::ProtectionDiffers,
            _ => continue,
        };
        report.found(Finding {
            kind,
            spot: Some(Spot::file(format!("/etc/pam.d/{}", view.family))),
            detail: String::new(),
            mend: Mend::apply(&view.family),
            subject: view.family,
        });
    }
}
