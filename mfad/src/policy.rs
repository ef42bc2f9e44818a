//! Who is asked. Pure: settings and facts in, a decision out.

use mfa_proto::{
    identity::{UnixTime, UserName},
    step::Reason,
};
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
    pub enforce_account: Vec<String>,
    /// What an authenticator app shows for an account.
    pub entry: Entry,
    /// For how long after a factor became required nobody is hindered for having none, in seconds.
    pub grace: u64,
    /// See [`AfterGrace`].
    pub after_grace: AfterGrace,
    /// Who may change the accounts of others.
    pub admins: Admins,
    /// Whether a security key counts only where it knew by a PIN or a finger who enrolled it.
    pub ssh_key_pin: bool,
}

/// What an authenticator app shows for an account of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who issues the codes.
    pub issuer: String,
    /// Whose they are, with `{user}` for the user's name.
    pub label: String,
}

impl Entry {
    /// The label for that user.
    pub fn label_of(&self, user: &UserName) -> String {
        self.label.replace("{user}", &user.to_string())
    }
}

/// How a user comes to a first factor once there is no grace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterGrace {
    /// By an administrator's invitation.
    #[default]
    Invite,
    /// Not at all: an administrator must recover the account.
    Deny,
}

/// Whose factor an administrator's change may be proven with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admins {
    /// By name; root is always one.
    pub users: Vec<String>,
    /// Members of these.
    pub groups: Vec<String>,
}

impl Default for Admins {
    /// Whom Debian, Red Hat and SUSE let use sudo.
    fn default() -> Self {
        Self { users: Vec::new(), groups: vec!["sudo".into(), "wheel".into()] }
    }
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

/// What of a login counts before anybody is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Already {
    /// Nothing.
    Nothing,
    /// A security key that the account has enrolled opened it.
    SecurityKey,
}

/// Decides for one login. `grace`: until when an account without a factor is not hindered, while
/// that time has not come. An unclear standing is never waived, except where nobody is asked.
pub fn decide(mode: Mode, standing: Standing, grace: Option<UnixTime>, already: Already) -> Decision {
    match (mode, standing) {
        (Mode::Off, _) => Decision::Waive(Permitted(()), Reason::PolicyOff),
        (Mode::Observe, _) => Decision::Waive(Permitted(()), Reason::Observed),
        (Mode::Optional | Mode::Required, Standing::Enrolled) if already == Already::SecurityKey => {
            Decision::Waive(Permitted(()), Reason::SecurityKey)
        }
        (Mode::Optional | Mode::Required, Standing::Enrolled) => Decision::Ask(Permitted(())),
        (Mode::Optional, Standing::NotEnrolled | Standing::Unknown) => {
            Decision::Waive(Permitted(()), Reason::Optional)
        }
        (Mode::Required, Standing::NotEnrolled) if grace.is_some() => {
            Decision::Waive(Permitted(()), Reason::Grace)
        }
        (Mode::Optional, Standing::Unclear) | (Mode::Required, _) => Decision::AskAndRefuse,
    }
}

/// On what a first enrolment rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The user's own wish.
    Wish,
    /// An administrator's invitation.
    Invitation,
    /// An administrator's recovery code.
    Recovery,
}

/// Whether an account without a factor may get one now.
pub fn may_enrol(rules: &Rules, leave: Leave, grace: Option<UnixTime>) -> Option<Permitted> {
    let allowed = match leave {
        Leave::Recovery => true,
        Leave::Invitation => rules.after_grace == AfterGrace::Invite || grace.is_some(),
        Leave::Wish => rules.mode != Mode::Required || grace.is_some(),
    };
    allowed.then_some(Permitted(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_off_and_observe_let_an_unclear_account_through() {
        for mode in [Mode::Off, Mode::Observe] {
            assert!(matches!(
                decide(mode, Standing::Unclear, Some(UnixTime(9)), Already::Nothing),
                Decision::Waive(..)
            ));
        }
        for mode in [Mode::Optional, Mode::Required] {
            assert_eq!(
                decide(mode, Standing::Unclear, Some(UnixTime(9)), Already::Nothing),
                Decision::AskAndRefuse
            );
        }
    }

    #[test]
    fn required_lets_nobody_through_without_a_factor() {
        for standing in [Standing::NotEnrolled, Standing::Unknown, Standing::Unclear] {
            assert_eq!(decide(Mode::Required, standing, None, Already::Nothing), Decision::AskAndRefuse);
        }
        assert!(matches!(
            decide(Mode::Required, Standing::Enrolled, None, Already::Nothing),
            Decision::Ask(_)
        ));
    }

    // S19
    #[test]
    fn grace_is_for_known_accounts_without_a_factor_and_for_nobody_else() {
        let grace = Some(UnixTime(9));
        assert!(matches!(
            decide(Mode::Required, Standing::NotEnrolled, grace, Already::Nothing),
            Decision::Waive(..)
        ));
        for standing in [Standing::Unknown, Standing::Unclear] {
            assert_eq!(decide(Mode::Required, standing, grace, Already::Nothing), Decision::AskAndRefuse);
        }
        assert!(matches!(
            decide(Mode::Required, Standing::Enrolled, grace, Already::Nothing),
            Decision::Ask(_)
        ));
    }

    // S19
    #[test]
    fn after_grace_it_takes_an_administrator_to_enrol() {
        let rules = |after_grace| Rules { mode: Mode::Required, after_grace, ..Rules::default() };
        let (invite, deny, grace) = (rules(AfterGrace::Invite), rules(AfterGrace::Deny), Some(UnixTime(9)));
        assert!(may_enrol(&invite, Leave::Wish, None).is_none());
        assert!(may_enrol(&invite, Leave::Wish, grace).is_some());
        assert!(may_enrol(&invite, Leave::Invitation, None).is_some());
        assert!(may_enrol(&deny, Leave::Invitation, None).is_none());
        assert!(may_enrol(&deny, Leave::Recovery, None).is_some());
        assert!(may_enrol(&Rules::default(), Leave::Wish, None).is_some());
    }
}
