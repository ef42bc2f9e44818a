//! Who may get a first factor.

use mfa_proto::identity::{UnixTime, UserName};
use serde::Deserialize;

use super::{Permitted, Rules};

/// What an authenticator app shows for an account of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterGrace {
    /// By an administrator's invitation.
    #[default]
    Invite,
    /// Not at all: an administrator must recover the account.
    Deny,
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

/// Whether an account without a factor may get one now. `demanded`: whether any login of it may need one.
pub fn may_enrol(rules: &Rules, demanded: bool, leave: Leave, grace: Option<UnixTime>) -> Option<Permitted> {
    let allowed = match leave {
        Leave::Recovery => true,
        Leave::Invitation => rules.after_grace == AfterGrace::Invite || grace.is_some(),
        Leave::Wish => !demanded || grace.is_some(),
    };
    allowed.then(Permitted::by_policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    // S19
    #[test]
    fn after_grace_it_takes_an_administrator_to_enrol() {
        let rules = |after_grace| Rules { after_grace, ..Rules::default() };
        let (invite, deny, grace) = (rules(AfterGrace::Invite), rules(AfterGrace::Deny), Some(UnixTime(9)));
        assert!(may_enrol(&invite, true, Leave::Wish, None).is_none());
        assert!(may_enrol(&invite, true, Leave::Wish, grace).is_some());
        assert!(may_enrol(&invite, true, Leave::Invitation, None).is_some());
        assert!(may_enrol(&deny, true, Leave::Invitation, None).is_none());
        assert!(may_enrol(&deny, true, Leave::Recovery, None).is_some());
        assert!(may_enrol(&invite, false, Leave::Wish, None).is_some());
    }
}
