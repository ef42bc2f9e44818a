//! What each end of a call is to libpam.
//!
//! An administrator's control flags act upon these codes, so each has one meaning. An error is
//! never `PAM_SUCCESS` and never `PAM_IGNORE`: a stack that skips what is ignored would let in whoever
//! breaks mfad.

use mfa_proto::step::Reason;
use pam::constants::PamResultCode;

use crate::context::Context;
use crate::dialogue::{Ended, Verdict};
use crate::failed::Failed;

/// How a PAM call ends. (A panic ends as `PAM_ABORT`, by the guard of pam-bindings.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The factor is proven; or policy waives it, and sshd says that another method has passed.
    Granted,
    /// Not asked here, by policy or by the set-up. It grants nothing: another module must.
    NotAsked,
    /// Wrong, used before, or refused.
    Refused,
    /// Too many tries, told only to somebody whose first factor passed.
    TooMany,
    /// A factor is required and there is none, told in the account phase only.
    NotEnrolled,
    /// Refused in the account phase.
    Denied,
    /// mfad is out of reach, or could not judge.
    Unavailable,
    /// No way to ask the user.
    NoConversation,
    /// The module's line, or the host's use of it, is wrong.
    Misconfigured,
}

impl Outcome {
    /// Every outcome.
    #[cfg(test)]
    const ALL: [Self; 9] = [
        Self::Granted,
        Self::NotAsked,
        Self::Refused,
        Self::TooMany,
        Self::NotEnrolled,
        Self::Denied,
        Self::Unavailable,
        Self::NoConversation,
        Self::Misconfigured,
    ];

    /// The code that libpam gets.
    pub(crate) const fn code(self) -> PamResultCode {
        match self {
            Self::Granted => PamResultCode::PAM_SUCCESS,
            Self::NotAsked => PamResultCode::PAM_IGNORE,
            Self::Refused => PamResultCode::PAM_AUTH_ERR,
            Self::TooMany => PamResultCode::PAM_MAXTRIES,
            Self::NotEnrolled => PamResultCode::PAM_USER_UNKNOWN,
            Self::Denied => PamResultCode::PAM_PERM_DENIED,
            Self::Unavailable => PamResultCode::PAM_AUTHINFO_UNAVAIL,
            Self::NoConversation => PamResultCode::PAM_CONV_ERR,
            Self::Misconfigured => PamResultCode::PAM_SERVICE_ERR,
        }
    }

    /// The outcome of an auth phase in which mfad gave a verdict.
    pub(crate) fn of_auth(verdict: &Verdict, context: &Context) -> Self {
        match (&verdict.ended, verdict.reason) {
            (Ended::Proven(_), _) => Self::Granted,
            (Ended::Waived { .. }, _) => Self::of_waiver(context),
            (Ended::OutOfTries(_), _) | (Ended::Refused(_), Some(Reason::Limited | Reason::DoorClosed))
                if context.is_attested() =>
            {
                Self::TooMany
            }
            // Not enrolled, unknown, limited, wrong: one code to whoever has not passed the first
            // factor, or the code itself would tell them apart. (S21)
            (Ended::OutOfTries(_) | Ended::Refused(_), _) => Self::Refused,
        }
    }

    /// A waiver is a success only where sshd itself says that a method has passed: alone in a stack
    /// it must let nobody in.
    pub(crate) fn of_waiver(context: &Context) -> Self {
        if context.is_sshd() && context.method_passed() { Self::Granted } else { Self::NotAsked }
    }

    /// The outcome of an account phase that mfad refused.
    pub(crate) fn of_account_refusal(reason: Option<Reason>) -> Self {
        match reason {
            Some(Reason::NotEnrolled) => Self::NotEnrolled,
            _ => Self::Denied,
        }
    }
}

impl From<&Failed> for Outcome {
    fn from(failed: &Failed) -> Self {
        match failed {
            // No verdict was understood, and what is not understood is a refusal.
            Failed::NotUnderstood | Failed::NotOwnAccount => Self::Refused,
            Failed::NoConversation => Self::NoConversation,
            Failed::Unreachable
            | Failed::Untrusted(_)
            | Failed::Lost
            | Failed::Silent
            | Failed::Fault(_)
            | Failed::System(_) => Self::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::tests::Table;

    fn verdict(ended: Ended, reason: Reason) -> Verdict {
        Verdict { ended, reason: Some(reason), tries: 1 }
    }

    fn attested() -> Context {
        Table::login("sshd", b"alice").env("SSH_AUTH_INFO_0", b"password\n").read()
    }

    fn stranger() -> Context {
        Table::login("sshd", b"alice").read()
    }

    #[test]
    fn each_outcome_has_its_own_code_and_errors_grant_nothing() {
        let codes: Vec<i32> = Outcome::ALL.iter().map(|outcome| outcome.code() as i32).collect();
        assert_eq!(codes, [0, 25, 7, 11, 10, 6, 9, 19, 3]);
    }

    /// S22.
    #[test]
    fn no_failure_is_a_success_or_ignored() {
        let text = || "x".to_owned();
        for failed in [
            Failed::Unreachable,
            Failed::Untrusted("x"),
            Failed::Lost,
            Failed::Silent,
            Failed::Fault(text()),
            Failed::System(text()),
            Failed::NotUnderstood,
            Failed::NotOwnAccount,
            Failed::NoConversation,
        ] {
            let outcome = Outcome::from(&failed);
            assert!(!matches!(outcome, Outcome::Granted | Outcome::NotAsked), "{failed:?}");
        }
    }

    /// S21: for the stranger at the door, every refusal has one code.
    #[test]
    fn a_refusal_has_one_code_until_the_first_factor_is_known() {
        for &reason in Reason::ALL {
            for ended in [Ended::Refused("text".into()), Ended::OutOfTries(String::new())] {
                assert_eq!(Outcome::of_auth(&verdict(ended, reason), &stranger()), Outcome::Refused);
            }
        }
    }

    #[test]
    fn limits_are_told_to_the_attested() {
        let refused = |reason| verdict(Ended::Refused(String::new()), reason);
        assert_eq!(Outcome::of_auth(&refused(Reason::Limited), &attested()), Outcome::TooMany);
        assert_eq!(Outcome::of_auth(&refused(Reason::DoorClosed), &attested()), Outcome::TooMany);
        assert_eq!(Outcome::of_auth(&refused(Reason::WrongCode), &attested()), Outcome::Refused);
        assert_eq!(Outcome::of_auth(&refused(Reason::NotEnrolled), &attested()), Outcome::Refused);
        let out = verdict(Ended::OutOfTries(String::new()), Reason::WrongCode);
        assert_eq!(Outcome::of_auth(&out, &attested()), Outcome::TooMany);
    }

    #[test]
    fn a_waiver_is_a_success_only_where_sshd_names_a_method() {
        let waived = verdict(Ended::Waived { ticket: Vec::new(), text: String::new() }, Reason::PolicyOff);
        assert_eq!(Outcome::of_auth(&waived, &attested()), Outcome::Granted);
        assert_eq!(Outcome::of_auth(&waived, &stranger()), Outcome::NotAsked);
        let sudo = Table::login("sudo", b"alice").env("SSH_AUTH_INFO_0", b"password\n").read();
        assert_eq!(Outcome::of_auth(&waived, &sudo), Outcome::NotAsked);
    }

    #[test]
    fn the_account_phase_tells_who_is_not_enrolled() {
        assert_eq!(Outcome::of_account_refusal(Some(Reason::NotEnrolled)), Outcome::NotEnrolled);
        assert_eq!(Outcome::of_account_refusal(Some(Reason::Altered)), Outcome::Denied);
        assert_eq!(Outcome::of_account_refusal(None), Outcome::Denied);
    }
}
