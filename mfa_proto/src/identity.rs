//! Names and times, as types.

use std::fmt;

use serde::{Deserialize, Serialize};
use zbus::Type;

/// The longest user name that can be anybody's, in bytes (`LOGIN_NAME_MAX` is 256 with its NUL).
pub const LONGEST_USER_NAME: usize = 255;

/// A user name: bytes, which may hold anything. Never a path; printed escaped.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
pub struct UserName(Vec<u8>);

/// A PAM service name, as bytes. Printed escaped.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Type)]
pub struct ServiceName(Vec<u8>);

macro_rules! byte_name {
    ($name:ident) => {
        impl $name {
            /// Takes any bytes.
            pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
                Self(bytes.into())
            }
            /// The bytes as they came.
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }
        /// Escaped: printable ASCII as it is, all else as `\xNN`, a quote or a backslash escaped.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                escape(&self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.as_bytes().to_vec())
            }
        }
    };
}
byte_name!(UserName);
byte_name!(ServiceName);

impl UserName {
    /// Whether this could be the name of an account at all: not empty, at most
    /// [`LONGEST_USER_NAME`] bytes, no control character, no `:` or `/`, valid UTF-8.
    ///
    /// A name that could not is treated as an unknown user everywhere.
    pub fn is_plausible(&self) -> bool {
        !self.0.is_empty()
            && self.0.len() <= LONGEST_USER_NAME
            && std::str::from_utf8(&self.0)
                .is_ok_and(|name| !name.chars().any(|c| c.is_control() || c == ':' || c == '/'))
    }
}

/// Writes `bytes` so that no log line, terminal or record can be forged by them.
pub fn escape(bytes: &[u8], f: &mut dyn fmt::Write) -> fmt::Result {
    for &byte in bytes {
        match byte {
            b'\\' => f.write_str("\\\\")?,
            b'"' => f.write_str("\\\"")?,
            b' '..=b'~' => f.write_char(byte as char)?,
            _ => write!(f, "\\x{byte:02x}")?,
        }
    }
    Ok(())
}

/// [`escape`], as a string.
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let _ = escape(bytes, &mut text); // writing to a String cannot fail
    text
}

/// Seconds since the Unix epoch, as the daemon's clock shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Type)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// This time `seconds` later; stops at the end of time rather than wrapping.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` until this; 0 when `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_printed_so_that_it_forges_nothing() {
        let name = UserName::new(b"al\nice\x1b[2J\"\\\xff".to_vec());
        assert_eq!(name.to_string(), r#"al\x0aice\x1b[2J\"\\\xff"#);
    }

    #[test]
    fn names_that_nobody_has_are_not_plausible() {
        for bad in [&b""[..], b"a\nb", b"../x", b"a:b", b"\xff\xfe", &[b'a'; 300]] {
            assert!(!UserName::new(bad).is_plausible(), "{bad:?}");
        }
        for good in ["alice", "DOM\\alice", "alice@example.org", "josé", "a b"] {
            assert!(UserName::from(good).is_plausible(), "{good}");
        }
    }
}
