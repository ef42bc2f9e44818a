//! Which administrator acts: whose factor is asked before an account of another is changed.
//!
//! This chooses a name and grants nothing: mfad asks that person for a code, and decides.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use mfa_proto::admin::Why;
use nix::unistd::{User, getuid};

use crate::cli::Authority;

/// On whose authority a change is made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Acting {
    /// By a code of this administrator.
    Named(Vec<u8>),
    /// Without a code, for this reason: an alarm.
    GlassBroken(String),
}

impl Acting {
    /// What the command line says; else who called sudo; else who calls.
    pub(crate) fn of(authority: Authority) -> Self {
        Self::chosen(authority, sudo_user(), || {
            let uid = getuid();
            let name = User::from_uid(uid).ok().flatten().map(|user| user.name.into_bytes());
            name.unwrap_or_else(
                || if uid.is_root() { b"root".to_vec() } else { uid.to_string().into_bytes() },
            )
        })
    }

    fn chosen(authority: Authority, sudo_user: OsString, caller: impl FnOnce() -> Vec<u8>) -> Self {
        if let Some(reason) = authority.break_glass {
            return Self::GlassBroken(reason);
        }
        let named = authority.acting.unwrap_or(sudo_user);
        Self::Named(if named.is_empty() { caller() } else { named.into_vec() })
    }

    /// What mfad is told of `reason`.
    pub(crate) fn why(&self, reason: &str) -> Why {
        let break_glass = match self {
            Self::Named(_) => String::new(),
            Self::GlassBroken(reason) => reason.clone(),
        };
        Why { reason: reason.to_owned(), break_glass }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "chooses whose factor is asked, and whoever it names has to show it"
)]
fn sudo_user() -> OsString {
    std::env::var_os("SUDO_USER").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(acting: Option<&str>, break_glass: Option<&str>, sudo_user: &str) -> Acting {
        let authority =
            Authority { acting: acting.map(Into::into), break_glass: break_glass.map(str::to_owned) };
        Acting::chosen(authority, sudo_user.into(), || b"root".to_vec())
    }

    #[test]
    fn who_acts_is_who_is_named_then_who_called_sudo_then_who_calls() {
        assert_eq!(chosen(Some("ada"), None, "alice"), Acting::Named(b"ada".to_vec()));
        assert_eq!(chosen(None, None, "alice"), Acting::Named(b"alice".to_vec()));
        assert_eq!(chosen(None, None, ""), Acting::Named(b"root".to_vec()));
    }

    // S18
    #[test]
    fn only_a_broken_glass_is_told_as_one() {
        let broken = chosen(Some("ada"), Some("fire"), "alice");
        let (reason, break_glass) = ("lost".to_owned(), "fire".to_owned());
        assert_eq!(broken.why("lost"), Why { reason: reason.clone(), break_glass });
        assert_eq!(chosen(None, None, "alice").why("lost"), Why { reason, break_glass: String::new() });
    }
}
