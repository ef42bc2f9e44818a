//! Values that must leave no trace.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// `JBSW Y3DP EHPK 3PXP`: groups of four, as people read and type.
pub fn in_fours(secret: &str) -> Zeroizing<String> {
    let mut grouped = Zeroizing::new(String::with_capacity(secret.len() * 2));
    for (at, c) in secret.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(c);
    }
    grouped
}

/// `Debug` of a struct that holds a secret: the fields named, and that there are others.
macro_rules! without_secrets {
    ($name:ident { $($field:ident),* }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use without_secrets;

/// Holds a value that is wiped when dropped, never printed, copied or serialised.
///
/// ```
/// use mfa_proto::secret::Secret;
/// let seed = Secret::new(vec![1u8, 2, 3]);
/// assert_eq!(format!("{seed:?}"), "Secret(…)");
/// assert_eq!(seed.expose(), &[1, 2, 3]);
/// ```
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes `value` into custody. The caller keeps no copy.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
