//! Whether a way in is left on the day on which mfad fails: root at the console, or root by key.

use nix::unistd::geteuid;

use super::finding::{Finding, Report, Spot};
use super::host::{Host, Service};
use super::kind::Kind;
use super::mend::Mend;
use super::sshd::Sshd;
use crate::pam::glass::{account, console, roots_password};
use crate::pam::root::is_for_root_alone;

/// Looks for one.
pub(super) fn look(host: &Host, sshd: Option<&Sshd>, report: &mut Report) {
    if !host.services.iter().any(Service::asks) {
        return;
    }
    // An account phase that asks mfad about logins by key closes that way, but for a line of root's own before.
    let lets_root = |service: &Service| service.account.first().is_some_and(is_for_root_alone);
    let closed = host.enforced_at_sshd() && !host.service("sshd").is_some_and(lets_root);
    let by_key = sshd.is_some_and(|sshd| sshd.root_by_key() && sshd.root_has_key()) && !closed;
    // Whether root's account has expired is for root to ask.
    let account = if geteuid().is_root() { account::is_open() } else { Ok(()) };
    if by_key && account.is_ok() {
        return;
    }
    if !geteuid().is_root() {
        return report.cannot_look(
            "break-glass",
            "/etc/shadow is root's",
            Mend::ByHand("sudo mfactl doctor".into()),
        );
    }
    if console(&host.files).is_ok() {
        return;
    }
    let (detail, file, mend) = if let Err(shut) = account {
        (shut.why, shut.file, shut.mend)
    } else if roots_password() {
        let detail = "the console asks mfad, and root has no key that is enough";
        (detail.to_owned(), "/etc/pam.d/login", "mfactl pam remove login")
    } else {
        ("root has no password, and no key that is enough".to_owned(), "/etc/shadow", "passwd root")
    };
    report.found(Finding {
        kind: Kind::NoBreakGlass,
        subject: "root".into(),
        spot: Some(Spot::file(file)),
        detail,
        mend: Mend::ByHand(mend.into()),
    });
}
