//! What every format comes down to: a token, and what there is to say about it.

use std::fmt;

use mfa_proto::secret::Secret;

/// Seeds below this many bits are weak: taken only where the administrator says so.
pub(crate) const WEAK_BELOW_BITS: u32 = 128;
/// The longest seed that mfad takes, in bytes. Too long is an error: nothing is cut.
pub(crate) const LONGEST_SEED: usize = 128;

/// What makes a code change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moving {
    /// Time, in steps of so many seconds (RFC 6238).
    Time { period: u32 },
    /// A counter (RFC 4226).
    Event,
}

impl Moving {
    /// The word on the wire, and for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Time { .. } => "totp",
            Self::Event => "hotp",
        }
    }

    /// Seconds of a step; 0 where there is none.
    pub(crate) fn period(self) -> u32 {
        match self {
            Self::Time { period } => period,
            Self::Event => 0,
        }
    }
}

/// A factor of another system. All of them know SHA-1 only.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) moving: Moving,
    pub(crate) digits: u32,
    pub(crate) seed: Secret<Vec<u8>>,
    /// The first step or counter that is not known to be used; 0: nothing is known.
    pub(crate) next: u64,
    /// Unused scratch codes, as ASCII digits.
    pub(crate) scratch_codes: Vec<Secret<Vec<u8>>>,
    pub(crate) notes: Vec<Note>,
}

impl Token {
    /// The length of the seed.
    pub(crate) fn bits(&self) -> u32 {
        u32::try_from(self.seed.expose().len() * 8).unwrap_or(u32::MAX)
    }

    /// Whether the seed is below what is taken without being asked for.
    pub(crate) fn is_weak(&self) -> bool {
        self.bits() < WEAK_BELOW_BITS
    }

    /// Whether both make the same codes, so that a code spent with one is spent with the other.
    pub(crate) fn is_twin_of(&self, other: &Self) -> bool {
        (self.moving, self.digits) == (other.moving, other.digits)
            && self.seed.expose() == other.seed.expose()
    }
}

/// What does not come along, or ought to be known. Numbers only: never text of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// The seed is short.
    Weak { bits: u32 },
    /// More codes were accepted than mfad accepts.
    WideWindow { codes: u64 },
    /// The token's clock was so many steps off.
    Skewed { steps: i64 },
    /// There were more scratch codes than a set has.
    ScratchCodesCut,
    /// The file goes on with lines that are none of its format.
    LinesUnread,
    /// Others may read the file.
    Exposed,
    /// The same token stands on several lines.
    Repeated,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weak { bits } => write!(
                f,
                "the seed has {bits} bits, fewer than {WEAK_BELOW_BITS}; have a new factor enrolled soon"
            ),
            Self::WideWindow { codes } => {
                write!(f, "the window of {codes} codes is not copied; mfad's own applies")
            }
            Self::Skewed { steps } => write!(
                f,
                "the app's clock was {steps} steps off, which is not copied; its user has to set that clock right"
            ),
            Self::ScratchCodesCut => f.write_str("only the first ten scratch codes come along"),
            Self::LinesUnread => {
                f.write_str("the file ends with lines that are no scratch codes; they are left out")
            }
            Self::Exposed => f.write_str("others may read the file; have a new factor enrolled soon"),
            Self::Repeated => f.write_str(
                "the same token stands on several lines; it comes along once, with the highest mark",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(seed: &[u8]) -> Token {
        Token {
            moving: Moving::Event,
            digits: 6,
            seed: Secret::new(seed.to_vec()),
            next: 0,
            scratch_codes: Vec::new(),
            notes: Vec::new(),
        }
    }

    // S1
    #[test]
    fn a_seed_below_128_bits_is_weak() {
        assert!(token(&[0; 15]).is_weak());
        assert!(!token(&[0; 16]).is_weak());
    }

    #[test]
    fn twins_make_the_same_codes() {
        assert!(token(b"ab").is_twin_of(&token(b"ab")));
        assert!(!token(b"ab").is_twin_of(&token(b"ac")));
        assert!(!token(b"ab").is_twin_of(&Token { digits: 8, ..token(b"ab") }));
        assert!(!token(b"ab").is_twin_of(&Token { moving: Moving::Time { period: 30 }, ..token(b"ab") }));
    }
}
