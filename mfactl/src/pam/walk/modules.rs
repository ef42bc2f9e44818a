//! What is known of modules: what each may answer, and what its success says.

use crate::pam::control::{Action, Control, IGNORE, RENEW, SUCCESS};
use crate::pam::stack::Step;

/// What a module answers, as far as a stack can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// `PAM_SUCCESS`.
    Success,
    /// `PAM_IGNORE`.
    Ignore,
    /// `PAM_NEW_AUTHTOK_REQD`: in the account phase hosts have the password changed, and let in.
    Renew,
    /// Anything else, with the action that the line has for it.
    Failure,
}

/// Modules that know a password, a ticket or a device: their success says who it is.
const FIRST_FACTORS: [&str; 14] = [
    "pam_unix",
    "pam_sss",
    "pam_krb5",
    "pam_ldap",
    "pam_winbind",
    "pam_systemd_home",
    "pam_himmelblau",
    "pam_authd",
    "pam_userdb",
    "pam_pwdfile",
    "pam_tcb",
    "pam_unix_auth",
    "pam_ssh_agent_auth",
    "pam_radius_auth",
];

/// Our module.
pub(crate) const OURS: &str = "pam_mfa";

/// Whether a step is our line that asks.
pub(crate) fn asks_for_factor(step: &Step) -> bool {
    step.asks(OURS) && !step.has_argument("key-passed")
}

/// Whether a module can say who it is.
pub(crate) fn knows_first_factor(module: &str) -> bool {
    FIRST_FACTORS.contains(&module)
}

/// What a module may answer, and what is done then.
pub(super) fn anything(control: &Control, module: &str, _arguments: &[String]) -> Vec<(Answer, Action)> {
    let success = (Answer::Success, control.on(SUCCESS));
    let ignore = (Answer::Ignore, control.on(IGNORE));
    let renew = (Answer::Renew, control.on(RENEW));
    let failures = control.others().into_iter().map(|action| (Answer::Failure, action));
    let others: &[(Answer, Action)] = match module {
        "pam_permit" => return vec![success],
        "pam_deny" => &[],
        "pam_unix" => &[success, renew],
        OURS | "pam_succeed_if" => &[success, ignore],
        _ => &[success, ignore, renew],
    };
    others.iter().copied().chain(failures).collect()
}
