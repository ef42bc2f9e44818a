//! The vocabulary of libpam as safe types: return codes, items, message styles, flags.

use std::ffi::c_int;
use std::fmt;

/// What a libpam function returned.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub c_int);

/// The names of `_pam_types.h`, in the order of their values.
const NAMES: [&str; 32] = [
    "PAM_SUCCESS",
    "PAM_OPEN_ERR",
    "PAM_SYMBOL_ERR",
    "PAM_SERVICE_ERR",
    "PAM_SYSTEM_ERR",
    "PAM_BUF_ERR",
    "PAM_PERM_DENIED",
    "PAM_AUTH_ERR",
    "PAM_CRED_INSUFFICIENT",
    "PAM_AUTHINFO_UNAVAIL",
    "PAM_USER_UNKNOWN",
    "PAM_MAXTRIES",
    "PAM_NEW_AUTHTOK_REQD",
    "PAM_ACCT_EXPIRED",
    "PAM_SESSION_ERR",
    "PAM_CRED_UNAVAIL",
    "PAM_CRED_EXPIRED",
    "PAM_CRED_ERR",
    "PAM_NO_MODULE_DATA",
    "PAM_CONV_ERR",
    "PAM_AUTHTOK_ERR",
    "PAM_AUTHTOK_RECOVERY_ERR",
    "PAM_AUTHTOK_LOCK_BUSY",
    "PAM_AUTHTOK_DISABLE_AGING",
    "PAM_TRY_AGAIN",
    "PAM_IGNORE",
    "PAM_ABORT",
    "PAM_AUTHTOK_EXPIRED",
    "PAM_MODULE_UNKNOWN",
    "PAM_BAD_ITEM",
    "PAM_CONV_AGAIN",
    "PAM_INCOMPLETE",
];

impl Code {
    /// The call did what was asked; the only answer that lets a user in.
    pub const SUCCESS: Self = Self(0);
    /// Out of memory, as libpam says it.
    pub const BUF_ERR: Self = Self(5);
    /// Wrong, replayed or refused.
    pub const AUTH_ERR: Self = Self(7);
    /// The conversation failed, or there is none.
    pub const CONV_ERR: Self = Self(19);
    /// A name that cannot be a C string was passed in.
    pub const BAD_ITEM: Self = Self(29);

    /// Whether this is `PAM_SUCCESS`.
    pub fn is_success(self) -> bool {
        self == Self::SUCCESS
    }

    /// The name in `_pam_types.h`, or `PAM_?` for a value outside the enum.
    pub fn name(self) -> &'static str {
        usize::try_from(self.0).ok().and_then(|value| NAMES.get(value).copied()).unwrap_or("PAM_?")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

/// The string items of a handle that a host sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// `PAM_SERVICE`: the stack's name.
    Service,
    /// `PAM_USER`: who wants in.
    User,
    /// `PAM_TTY`: `ssh` for sshd, a device for others.
    Tty,
    /// `PAM_RHOST`: name or address of the client.
    Rhost,
    /// `PAM_RUSER`: the caller, as sudo and su set it.
    Ruser,
}

impl Item {
    pub(super) fn number(self) -> c_int {
        match self {
            Self::Service => 1,
            Self::User => 2,
            Self::Tty => 3,
            Self::Rhost => 4,
            Self::Ruser => 8,
        }
    }
}

/// How a message wants to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A question whose answer is not shown.
    EchoOff,
    /// A question whose answer is shown.
    EchoOn,
    /// An error to show.
    ErrorMessage,
    /// A text to show.
    TextInfo,
    /// A style that `_pam_types.h` does not list.
    Other(c_int),
}

impl Style {
    pub(super) fn from_number(number: c_int) -> Self {
        match number {
            1 => Self::EchoOff,
            2 => Self::EchoOn,
            3 => Self::ErrorMessage,
            4 => Self::TextInfo,
            other => Self::Other(other),
        }
    }

    /// Whether an answer is expected.
    pub fn asks(self) -> bool {
        matches!(self, Self::EchoOff | Self::EchoOn)
    }

    /// A short name for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::EchoOff => "echo_off",
            Self::EchoOn => "echo_on",
            Self::ErrorMessage => "error",
            Self::TextInfo => "text",
            Self::Other(_) => "other",
        }
    }
}

/// One message of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Whether it asks, and whether the answer may be seen.
    pub style: Style,
    /// Its bytes; libpam promises no encoding.
    pub text: Vec<u8>,
}

/// The `flags` argument of the entry points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub c_int);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Modules shall show nothing: sudo sets it for ordinary commands.
    pub const SILENT: Self = Self(0x8000);
    /// For `setcred`: set the credentials up.
    pub const ESTABLISH_CRED: Self = Self(2);
    /// For `setcred`: take them away.
    pub const DELETE_CRED: Self = Self(4);

    /// Both sets of flags.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_the_name_of_the_header() {
        assert_eq!(Code(0).name(), "PAM_SUCCESS");
        assert_eq!(Code(25).name(), "PAM_IGNORE");
        assert_eq!(Code(31).name(), "PAM_INCOMPLETE");
        assert_eq!(Code(32).name(), "PAM_?");
        assert_eq!(Code(-1).name(), "PAM_?");
    }
}
