//! Whether a way in is left on the day on which mfad fails: root at the console, or root by key.

use super::finding::{Finding, Report, Spot};
use super::host::{Host, Service};
use super::kind::Kind;
use super::mend::Mend;
use super::sshd::Sshd;
use crate::pam::walk::{Ours, Walk};

const SHADOW: &str = "/etc/shadow";

/// Looks for one.
pub(super) fn look(host: &Host, sshd: Option<&Sshd>, report: &mut Report) {
    if !host.services.iter().any(Service::asks) {
        return;
    }
    let by_key =
        sshd.is_some_and(|sshd| sshd.root_by_key() && sshd.has_key("root")) && !host.enforced_at_sshd();
    if by_key {
        return;
    }
    let password = match root_has_password() {
        Ok(has) => has,
        Err(error) => {
            return report.cannot_look("break-glass", error, Mend::ByHand("passwd --status root".into()));
        }
    };
    let open = host.service("login").is_some_and(lets_in_without_us);
    if open && password {
        return;
    }
    let (detail, spot, mend) = if open {
        ("root has no password, and no key that is enough", Spot::file(SHADOW), "passwd root")
    } else {
        (
            "the console asks mfad, and root has no key that is enough",
            Spot::file("/etc/pam.d/login"),
            "mfactl pam remove login",
        )
    };
    report.found(Finding {
        kind: Kind::NoBreakGlass,
        subject: "root".into(),
        spot: Some(spot),
        detail: detail.into(),
        mend: Mend::ByHand(mend.into()),
    });
}

/// Whether some way of a service grants without asking mfad.
fn lets_in_without_us(service: &Service) -> bool {
    let walk = Walk::through(&service.auth);
    walk.ends.iter().any(|end| end.granted && end.seen.ours == Ours::Unasked)
}

/// Whether root's password can be right.
fn root_has_password() -> std::io::Result<bool> {
    let shadow = std::fs::read_to_string(SHADOW)?;
    let root = shadow.lines().find_map(|line| line.strip_prefix("root:"));
    Ok(root.and_then(|rest| rest.split(':').next()).is_some_and(is_usable))
}

fn is_usable(hash: &str) -> bool {
    !hash.starts_with(['!', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_that_nothing_gives_is_no_password() {
        assert!(is_usable("$y$j9T$x$y") && is_usable(""));
        assert!(!is_usable("*") && !is_usable("!") && !is_usable("!$y$j9T$x$y"));
    }
}
