//! What HOTP and TOTP share: RFC 4226, by `totp-rs`.

use std::io::Write as _;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use mfa_proto::answer::Code;

/// The length of a new seed, in bytes (RFC 4226, 4, R6 recommends 160 bits).
pub const SEED_BYTES: usize = 20;
/// The shortest seed that is taken without a word, in bytes (RFC 4226, 4, R6 requires 128 bits).
pub const SHORTEST_SEED: usize = 16;

/// The hash under the HMAC (RFC 6238, 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

impl Algorithm {
    /// As `otpauth://` URIs spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// Reads the spelling of `otpauth://` URIs.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|a| a.word() == word)
    }

    fn of_library(self) -> totp_rs::Algorithm {
        match self {
            Self::Sha1 => totp_rs::Algorithm::SHA1,
            Self::Sha256 => totp_rs::Algorithm::SHA256,
            Self::Sha512 => totp_rs::Algorithm::SHA512,
        }
    }
}

/// What moves from code to code: the counter `C` of RFC 4226, 5.1, or the step
/// `T = time / period` of RFC 6238, 4.2, with `T0 = 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MovingFactor(pub u64);

impl MovingFactor {
    /// The one `offset` further on; none beyond the ends.
    pub fn offset(self, offset: i64) -> Option<Self> {
        self.0.checked_add_signed(offset).map(Self)
    }
}

/// Why parameters are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadParameters {
    /// RFC 4226, 5.3.
    #[error("a code has 6, 7 or 8 digits")]
    Digits,
    /// Beyond these no app shows codes that a person can use.
    #[error("a period is 15 to 120 seconds")]
    Period,
}

/// How a seed and a moving factor become a code. Only [`Oath::new`] makes one, so the digits are in
/// range everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct Oath(Parameters);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Parameters {
    algorithm: Algorithm,
    digits: u8,
}

impl TryFrom<Parameters> for Oath {
    type Error = BadParameters;
    fn try_from(p: Parameters) -> Result<Self, BadParameters> {
        Self::new(p.algorithm, p.digits)
    }
}

impl From<Oath> for Parameters {
    fn from(oath: Oath) -> Self {
        oath.0
    }
}

impl Default for Oath {
    /// SHA-1, 6 digits: what every app can do.
    fn default() -> Self {
        Self(Parameters { algorithm: Algorithm::Sha1, digits: 6 })
    }
}

impl Oath {
    /// Checks the parameters.
    pub fn new(algorithm: Algorithm, digits: u8) -> Result<Self, BadParameters> {
        if !(6..=8).contains(&digits) {
            return Err(BadParameters::Digits);
        }
        Ok(Self(Parameters { algorithm, digits }))
    }

    /// The hash.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// Digits of a code.
    pub fn digits(&self) -> u8 {
        self.0.digits
    }

    /// Writes the code of `moving` into `text` and gives its digits: zero-padded ASCII.
    ///
    /// The library has no HOTP, and a period of one gives it. It panics on digits out of range; ours
    /// never are. Its own check of the seed's length is left out: weak seeds are a question of import,
    /// asked there.
    pub(super) fn code<'a>(&self, seed: &[u8], moving: MovingFactor, text: &'a mut [u8; 8]) -> &'a [u8] {
        let library = totp_rs::Builder::new()
            .with_algorithm(self.0.algorithm.of_library())
            .with_digits(self.0.digits)
            .with_step_duration(1)
            .with_secret(seed)
            .build_noncompliant();
        let token = library.generate(moving.0);
        let _ = write!(&mut text[..], "{token}"); // at most eight digits
        &text[..usize::from(self.0.digits)]
    }

    /// Whether `typed` is the code of `moving`; in constant time.
    pub(super) fn is(&self, seed: &[u8], moving: MovingFactor, typed: &Code) -> bool {
        let mut text = [0; 8];
        let equal = self.code(seed, moving, &mut text).ct_eq(typed.digits()).into();
        zeroize::Zeroize::zeroize(&mut text);
        equal
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::factor) fn shown(oath: Oath, seed: &[u8], moving: u64) -> String {
        let mut text = [0; 8];
        String::from_utf8(oath.code(seed, MovingFactor(moving), &mut text).to_vec()).unwrap()
    }

    // S2: RFC 4226, appendix D.
    #[test]
    fn hotp_values_are_those_of_rfc_4226() {
        let seed = b"12345678901234567890";
        let values = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (counter, value) in (0..).zip(values) {
            assert_eq!(shown(Oath::default(), seed, counter), value);
        }
    }

    // S2: a second implementation, written from the RFCs, over a million random cases.
    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "random bits are cut to size")]
    fn agrees_with_a_second_implementation() {
        use hmac::{Hmac, KeyInit, Mac};
        fn naive(algorithm: Algorithm, seed: &[u8], counter: u64, digits: u8) -> String {
            macro_rules! hash {
                ($hash:ty) => {{
                    let mut mac = Hmac::<$hash>::new_from_slice(seed).unwrap();
                    mac.update(&counter.to_be_bytes());
                    mac.finalize().into_bytes().to_vec()
                }};
            }
            let hash = match algorithm {
                Algorithm::Sha1 => hash!(sha1::Sha1),
                Algorithm::Sha256 => hash!(sha2::Sha256),
                Algorithm::Sha512 => hash!(sha2::Sha512),
            };
            let at = usize::from(hash[hash.len() - 1] & 15);
            let number = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
            format!(
                "{:0width$}",
                u64::from(number) % 10u64.pow(u32::from(digits)),
                width = usize::from(digits)
            )
        }
        // SplitMix64, seeded: the same cases each time.
        let mut state = 6238u64;
        let mut random = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        for _ in 0..1_000_000 {
            let algorithm = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][random() as usize % 3];
            let digits = 6 + (random() % 3) as u8;
            let length = 1 + random() as usize % 80;
            let words: [u64; 10] = std::array::from_fn(|_| random());
            let seed = &words.map(u64::to_le_bytes).concat()[..length];
            let oath = Oath::new(algorithm, digits).unwrap();
            let counter = random() >> 16;
            assert_eq!(shown(oath, seed, counter), naive(algorithm, seed, counter, digits));
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused_and_never_read_back() {
        assert_eq!(Oath::new(Algorithm::Sha1, 9), Err(BadParameters::Digits));
        let bad = Parameters { algorithm: Algorithm::Sha1, digits: 10 };
        let bytes = postcard::to_allocvec(&bad).unwrap();
        assert!(postcard::from_bytes::<Oath>(&bytes).is_err());
    }
}
