//! What `mfactl pam apply` kept, and is not so any more.

use super::finding::{Finding, Report, Spot};
use super::kind::Kind;
use super::mend::Mend;
use crate::pam::drift::{Drift, drift};
use crate::pam::{clock, record, status};

/// Looks at every family that was kept.
pub(super) fn look(report: &mut Report) {
    let mut kept = match record::kept() {
        Ok(kept) => kept,
        Err(failure) => return report.cannot_look("kept", failure, Mend::ByHand("mfactl pam status".into())),
    };
    if kept.contains_key("sshd") {
        blocks(report);
    }
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

/// Looks at whom sshd lets in otherwise: what our file was told of them, and what others say now.
fn blocks(report: &mut Report) {
    let found = match drift() {
        Ok(found) => found,
        Err(why) => return report.cannot_look("sshd-match", why, Mend::apply("sshd")),
    };
    for one in found {
        let (kind, block) = match &one {
            Drift::Stays(block) => (Kind::MatchBlockStays, block),
            Drift::Unheard(block) => (Kind::MatchBlockUnheard, block),
        };
        report.found(Finding {
            kind,
            subject: block.in_a_word(),
            spot: Some(Spot::from(&block.place)),
            detail: block.methods.clone().unwrap_or_default(),
            mend: Mend::apply("sshd"),
        });
    }
}
