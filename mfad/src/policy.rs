//! Who is asked. Pure: settings and facts in, a decision out.

use mfa_proto::step::Reason;
use serde::{Deserialize, Serialize};

/// What the host asks of its users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nobody is asked, and nothing is recorded.
    Off,
    /// Nobody is asked; what would have happened is recorded.
    Observe,
    /// Who has a factor is asked for it; others are let through.
    #[default]
    Optional,
    /// Everybody is asked; who has no factor is refused.
    Required,
}

impl Mode {
    /// As in the settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

/// Whose factor su asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SuSubject {
    /// Who calls su.
    #[default]
    Caller,
    /// Who one becomes.
    Target,
}

/// The policy in force. The settings file makes one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// See [`Mode`].
    pub mode: Mode,
    /// See [`SuSubject`].
    pub su: SuSubject,
    /// Services whose account phase must show a proof; none as shipped.
    pub account_enforce: Vec<String>,
    /// What an authenticator app shows beside the user's name.
    pub issuer: String,
}

/// What is known of an account when policy decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has a factor.
    Enrolled,
    /// It exists and was proven to have none.
    NotEnrolled,
    /// Nobody has that name: proven by every source of names.
    Unknown,
    /// It cannot be told: an altered record, two accounts, no caller.
    Unclear,
}

/// Proof that policy allowed an outcome. Only [`decide`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permitted(());

/// What to do with a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Ask for a factor; a proof is permitted to let in.
    Ask(Permitted),
    /// Ask all the same, so that nothing is told, and refuse whatever is answered.
    AskAndRefuse,
    /// Do not ask.
    Waive(Permitted, Reason),
}

/// Decides for one login. An unclear standing is never waived, except where nobody is asked.
pub fn decide(mode: Mode, standing: Standing) -> Decision {
    match (mode, standing) {
        (Mode::Off, _) => Decision::Waive(Permitted(()), Reason::PolicyOff),
        (Mode::Observe, _) => Decision::Waive(Permitted(()), Reason::Observed),
        (Mode::Optional | Mode::Required, Standing::Enrolled) => Decision::Ask(Permitted(())),
        (Mode::Optional, Standing::NotEnrolled | Standing::Unknown) => {
            Decision::Waive(Permitted(()), Reason::Optional)
        }
        (Mode::Optional, Standing::Unclear) | (Mode::Required, _) => Decision::AskAndRefuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_off_and_observe_let_an_unclear_account_through() {
        for mode in [Mode::Off, Mode::Observe] {
            assert!(matches!(decide(mode, Standing::Unclear), Decision::Waive(..)));
        }
        for mode in [Mode::Optional, Mode::Required] {
            assert_eq!(decide(mode, Standing::Unclear), Decision::AskAndRefuse);
        }
    }

    #[test]
    fn required_lets_nobody_through_without_a_factor() {
        for standing in [Standing::NotEnrolled, Standing::Unknown, Standing::Unclear] {
            assert_eq!(decide(Mode::Required, standing), Decision::AskAndRefuse);
        }
        assert!(matches!(decide(Mode::Required, Standing::Enrolled), Decision::Ask(_)));
    }
}
