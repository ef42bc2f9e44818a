//! The PAM stacks that are compared.
//!
//! Each peer is set as a careful administrator would set it: codes used up once, no rate limit (ours keeps
//! its own), a window of one step each way, state on the same disk as ours.

use serde::{Deserialize, Serialize};

/// One stack, in its two phases as sshd calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stack {
    /// `pam_permit` alone: what libpam itself costs.
    Empty,
    /// Ours, where the first factor is known to have passed: two calls.
    Mfa,
    /// Ours, where the account phase settles what auth proved: three calls.
    MfaSettle,
    /// `pam_google_authenticator`, a file a user.
    Google,
    /// `pam_oath`, one file for all.
    Oath,
}

/// The file of `pam_oath`, below the state folder.
pub(crate) const OATH_FILE: &str = "users.oath";

impl Stack {
    /// Those that need nothing of ours.
    pub(crate) const PEERS: [Self; 3] = [Self::Empty, Self::Google, Self::Oath];

    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 5] = [Self::Empty, Self::Mfa, Self::MfaSettle, Self::Google, Self::Oath];

    /// Whether our module answers here.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Mfa | Self::MfaSettle)
    }

    /// The name in tables.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Empty => "empty stack",
            Self::Mfa => "pam_mfa",
            Self::MfaSettle => "pam_mfa, settling in account",
            Self::Google => "pam_google_authenticator",
            Self::Oath => "pam_oath",
        }
    }

    /// The PAM service.
    pub(crate) fn service(self) -> &'static str {
        match self {
            Self::Empty => "bench-empty",
            Self::Mfa => "bench-mfa",
            Self::MfaSettle => "bench-mfa-settle",
            Self::Google => "bench-google",
            Self::Oath => "bench-oath",
        }
    }

    /// The text of the service's file, given the folder that holds state.
    pub(crate) fn text(self, state: &str) -> String {
        match self {
            Self::Empty => "auth required pam_permit.so\naccount required pam_permit.so\n".to_owned(),
            Self::Mfa => {
                // pam_permit stands for what an account stack always has: a module that only settles says IGNORE alone.
                "auth required pam_mfa.so first_factor=requisite\n\
                 account required pam_mfa.so\naccount required pam_permit.so\n"
                    .to_owned()
            }
            Self::MfaSettle => {
                "auth required pam_mfa.so\naccount required pam_mfa.so\naccount required pam_permit.so\n"
                    .to_owned()
            }
            Self::Google => format!(
                "auth required pam_google_authenticator.so secret={state}/home/${{USER}}/.google_authenticator\n\
                 account required pam_permit.so\n"
            ),
            Self::Oath => format!(
                "auth required pam_oath.so usersfile={state}/{OATH_FILE} window=1 digits=6\n\
                 account required pam_permit.so\n"
            ),
        }
    }
}
