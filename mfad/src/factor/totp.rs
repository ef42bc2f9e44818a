//! Time-based one-time passwords: RFC 6238 over RFC 4226, by `totp-rs`.

use std::io::Write as _;

use mfa_proto::{answer::Code, identity::UnixTime};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{Match, Matched};

/// The steps that are looked at, relative to now (RFC 6238, 5.2 advises one step of delay).
pub const WINDOW: [i64; 3] = [0, -1, 1];
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

/// A count of periods since the epoch: `T` of RFC 6238, 4.2, with `T0 = 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimeStep(pub u64);

/// The parameters of a factor. Only [`Totp::new`] makes one, so they are in range everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct Totp(Parameters);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Parameters {
    algorithm: Algorithm,
    digits: u8,
    period: u16,
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

impl TryFrom<Parameters> for Totp {
    type Error = BadParameters;
    fn try_from(p: Parameters) -> Result<Self, BadParameters> {
        Self::new(p.algorithm, p.digits, p.period)
    }
}

impl From<Totp> for Parameters {
    fn from(totp: Totp) -> Self {
        totp.0
    }
}

impl Default for Totp {
    /// SHA-1, 6 digits, 30 seconds: what every app can do.
    fn default() -> Self {
        Self(Parameters { algorithm: Algorithm::Sha1, digits: 6, period: 30 })
    }
}

impl Totp {
    /// Checks the parameters; `period` in seconds.
    pub fn new(algorithm: Algorithm, digits: u8, period: u16) -> Result<Self, BadParameters> {
        if !(6..=8).contains(&digits) {
            return Err(BadParameters::Digits);
        }
        if !(15..=120).contains(&period) {
            return Err(BadParameters::Period);
        }
        Ok(Self(Parameters { algorithm, digits, period }))
    }

    /// The hash.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// Digits of a code.
    pub fn digits(&self) -> u8 {
        self.0.digits
    }

    /// Seconds of a step.
    pub fn period(&self) -> u16 {
        self.0.period
    }

    /// The step that `now` falls in: `T = now / X` (RFC 6238, 4.2).
    pub fn step(&self, now: UnixTime) -> TimeStep {
        TimeStep(now.0 / u64::from(self.0.period))
    }

    /// The second in which `step` begins.
    pub fn begins(&self, step: TimeStep) -> UnixTime {
        UnixTime(step.0.saturating_mul(u64::from(self.0.period)))
    }

    /// Seconds until the app shows another code.
    pub fn seconds_left(&self, now: UnixTime) -> u64 {
        let period = u64::from(self.0.period);
        period - now.0 % period
    }

    /// Writes the code of `step` into `text` and gives its digits: zero-padded ASCII.
    ///
    /// The library panics on digits and periods out of range; ours never are. Its own check of
    /// the seed's length is left out: weak seeds are a question of import, asked there.
    fn code<'a>(&self, seed: &[u8], step: TimeStep, text: &'a mut [u8; 8]) -> &'a [u8] {
        let library = totp_rs::Builder::new()
            .with_algorithm(self.0.algorithm.of_library())
            .with_digits(self.0.digits)
            .with_step_duration(u64::from(self.0.period))
            .with_secret(seed)
            .build_noncompliant();
        let token = library.generate(self.begins(step).0);
        let _ = write!(&mut text[..], "{token}"); // at most eight digits
        &text[..usize::from(self.0.digits)]
    }

    /// See [`FactorKind::matches`](super::FactorKind::matches). Every step of the window is
    /// compared, in constant time, whatever the earlier ones gave.
    pub(super) fn matches(&self, seed: &[u8], code: &Code, now: UnixTime, mark: Option<TimeStep>) -> Match {
        let mut found = Match::No;
        let at = self.step(now);
        for offset in WINDOW {
            let Some(step) = at.0.checked_add_signed(offset).map(TimeStep) else { continue };
            let mut text = [0; 8];
            let equal: bool = self.code(seed, step, &mut text).ct_eq(code.digits()).into();
            zeroize::Zeroize::zeroize(&mut text);
            if !equal || matches!(found, Match::Fresh(_)) {
                continue;
            }
            found = if mark.is_none_or(|mark| step > mark) {
                Match::Fresh(Matched { step })
            } else {
                Match::Spent
            };
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(totp: Totp, seed: &[u8], step: u64) -> String {
        let mut text = [0; 8];
        String::from_utf8(totp.code(seed, TimeStep(step), &mut text).to_vec()).unwrap()
    }

    fn code(text: &str) -> Code {
        Code::parse(text.as_bytes()).unwrap()
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
            assert_eq!(shown(Totp::default(), seed, counter), value);
        }
    }

    // S2: RFC 6238, appendix B, with its seeds of 20, 32 and 64 bytes; times past 2038 included.
    #[test]
    fn totp_values_are_those_of_rfc_6238() {
        let seed: Vec<u8> = b"1234567890".iter().copied().cycle().take(64).collect();
        let table = [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000, "65353130", "77737706", "47863826"),
        ];
        for (time, sha1, sha256, sha512) in table {
            for (algorithm, length, value) in [
                (Algorithm::Sha1, 20, sha1),
                (Algorithm::Sha256, 32, sha256),
                (Algorithm::Sha512, 64, sha512),
            ] {
                let totp = Totp::new(algorithm, 8, 30).unwrap();
                assert_eq!(shown(totp, &seed[..length], totp.step(UnixTime(time)).0), value);
            }
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
        let cases = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
        for _ in 0..cases {
            let algorithm = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][random() as usize % 3];
            let digits = 6 + (random() % 3) as u8;
            let length = 1 + random() as usize % 80;
            let seed: Vec<u8> = std::iter::repeat_with(|| random() as u8).take(length).collect();
            let totp = Totp::new(algorithm, digits, 30).unwrap();
            let counter = random() >> 16;
            assert_eq!(shown(totp, &seed, counter), naive(algorithm, &seed, counter, digits));
        }
    }

    // S3, S4: one step either way, never at or below the mark.
    #[test]
    fn a_code_is_fresh_within_one_step_and_above_the_mark() {
        let (totp, seed) = (Totp::default(), b"12345678901234567890");
        let now = UnixTime(5 * 30 + 7);
        let judge =
            |step, mark: Option<u64>| FactorView { totp, now }.judge(seed, &shown(totp, seed, step), mark);
        for step in [4, 5, 6] {
            assert!(matches!(judge(step, None), Match::Fresh(m) if m.step() == TimeStep(step)));
            assert_eq!(judge(step, Some(step)), Match::Spent);
            assert_eq!(judge(step, Some(6)), Match::Spent);
        }
        for step in [0, 3, 7, 8] {
            assert_eq!(judge(step, None), Match::No);
        }
    }

    struct FactorView {
        totp: Totp,
        now: UnixTime,
    }
    impl FactorView {
        fn judge(&self, seed: &[u8], text: &str, mark: Option<u64>) -> Match {
            self.totp.matches(seed, &code(text), self.now, mark.map(TimeStep))
        }
    }

    #[test]
    fn a_code_of_another_length_never_matches() {
        let (totp, seed) = (Totp::new(Algorithm::Sha1, 8, 30).unwrap(), b"12345678901234567890");
        let eight = shown(totp, seed, 1);
        let six = shown(Totp::default(), seed, 1);
        assert!(matches!(totp.matches(seed, &code(&eight), UnixTime(30), None), Match::Fresh(_)));
        assert_eq!(totp.matches(seed, &code(&six), UnixTime(30), None), Match::No);
        assert_eq!(Totp::default().matches(seed, &code(&eight), UnixTime(30), None), Match::No);
    }

    #[test]
    fn times_at_the_ends_of_the_clock_do_not_panic() {
        for now in [0, 1, u64::MAX] {
            assert_eq!(
                Totp::default().matches(b"x", &code("000000"), UnixTime(now), Some(TimeStep(u64::MAX))),
                Match::No
            );
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused_and_never_read_back() {
        assert_eq!(Totp::new(Algorithm::Sha1, 9, 30), Err(BadParameters::Digits));
        assert_eq!(Totp::new(Algorithm::Sha1, 6, 0), Err(BadParameters::Period));
        let bad = Parameters { algorithm: Algorithm::Sha1, digits: 10, period: 30 };
        let bytes = postcard::to_allocvec(&bad).unwrap();
        assert!(postcard::from_bytes::<Totp>(&bytes).is_err());
    }
}
