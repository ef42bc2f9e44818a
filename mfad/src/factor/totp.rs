//! Time-based one-time passwords: RFC 6238.

use mfa_proto::{answer::Code, identity::UnixTime};
use serde::{Deserialize, Serialize};

use super::{
    Match, Matched,
    oath::{Algorithm, BadParameters, MovingFactor, Oath},
};

/// The steps that are looked at, relative to now (RFC 6238, 5.2 advises one step of delay).
pub const WINDOW: [i64; 3] = [0, -1, 1];
/// How far into the future a step is accepted.
pub const AHEAD: u64 = 1;

/// The parameters of a factor. Only [`Totp::new`] makes one, so they are in range everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct Totp(Parameters);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Parameters {
    oath: Oath,
    period: u16,
}

impl TryFrom<Parameters> for Totp {
    type Error = BadParameters;
    fn try_from(p: Parameters) -> Result<Self, BadParameters> {
        Self::of(p.oath, p.period)
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
        Self(Parameters { oath: Oath::default(), period: 30 })
    }
}

impl Totp {
    /// Checks the parameters; `period` in seconds.
    pub fn new(algorithm: Algorithm, digits: u8, period: u16) -> Result<Self, BadParameters> {
        Self::of(Oath::new(algorithm, digits)?, period)
    }

    fn of(oath: Oath, period: u16) -> Result<Self, BadParameters> {
        if !(15..=120).contains(&period) {
            return Err(BadParameters::Period);
        }
        Ok(Self(Parameters { oath, period }))
    }

    /// How a code is made.
    pub fn oath(&self) -> Oath {
        self.0.oath
    }

    /// Seconds of a step.
    pub fn period(&self) -> u16 {
        self.0.period
    }

    /// The step that `now` falls in: `T = now / X` (RFC 6238, 4.2).
    pub fn step(&self, now: UnixTime) -> MovingFactor {
        MovingFactor(now.0 / u64::from(self.0.period))
    }

    /// The second in which `step` begins.
    pub fn begins(&self, step: MovingFactor) -> UnixTime {
        UnixTime(step.0.saturating_mul(u64::from(self.0.period)))
    }

    /// Seconds until the app shows another code.
    pub fn seconds_left(&self, now: UnixTime) -> u64 {
        let period = u64::from(self.0.period);
        period - now.0 % period
    }

    /// See [`FactorKind::matches`](super::FactorKind::matches). Every step of the window is
    /// compared, in constant time, whatever the earlier ones gave.
    pub(super) fn matches(
        &self,
        seed: &[u8],
        code: &Code,
        now: UnixTime,
        mark: Option<MovingFactor>,
    ) -> Match {
        let mut found = Match::No;
        let at = self.step(now);
        for step in WINDOW.iter().filter_map(|offset| at.offset(*offset)) {
            if !self.0.oath.is(seed, step, code) || matches!(found, Match::Fresh(_)) {
                continue;
            }
            found = if mark.is_none_or(|mark| step > mark) {
                Match::Fresh(Matched::moving(step))
            } else {
                Match::Spent
            };
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{super::oath::tests::shown, *};

    fn code(text: &str) -> Code {
        Code::parse(text.as_bytes()).unwrap()
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
                assert_eq!(shown(totp.oath(), &seed[..length], totp.step(UnixTime(time)).0), value);
            }
        }
    }

    // S3, S4: one step either way, never at or below the mark.
    #[test]
    fn a_code_is_fresh_within_one_step_and_above_the_mark() {
        let (totp, seed) = (Totp::default(), b"12345678901234567890");
        let now = UnixTime(5 * 30 + 7);
        let judge = |step, mark: Option<u64>| {
            totp.matches(seed, &code(&shown(totp.oath(), seed, step)), now, mark.map(MovingFactor))
        };
        for step in [4, 5, 6] {
            assert_eq!(judge(step, None), Match::Fresh(Matched::moving(MovingFactor(step))));
            assert_eq!(judge(step, Some(step)), Match::Spent);
            assert_eq!(judge(step, Some(6)), Match::Spent);
        }
        for step in [0, 3, 7, 8] {
            assert_eq!(judge(step, None), Match::No);
        }
    }

    #[test]
    fn a_code_of_another_length_never_matches() {
        let (totp, seed) = (Totp::new(Algorithm::Sha1, 8, 30).unwrap(), b"12345678901234567890");
        let eight = shown(totp.oath(), seed, 1);
        let six = shown(Oath::default(), seed, 1);
        assert!(matches!(totp.matches(seed, &code(&eight), UnixTime(30), None), Match::Fresh(_)));
        assert_eq!(totp.matches(seed, &code(&six), UnixTime(30), None), Match::No);
        assert_eq!(Totp::default().matches(seed, &code(&eight), UnixTime(30), None), Match::No);
    }

    #[test]
    fn times_at_the_ends_of_the_clock_do_not_panic() {
        for now in [0, 1, u64::MAX] {
            assert_eq!(
                Totp::default().matches(b"x", &code("000000"), UnixTime(now), Some(MovingFactor(u64::MAX))),
                Match::No
            );
        }
    }

    #[test]
    fn a_period_out_of_range_is_refused_and_never_read_back() {
        assert_eq!(Totp::new(Algorithm::Sha1, 6, 0), Err(BadParameters::Period));
        let bad = Parameters { oath: Oath::default(), period: 0 };
        let bytes = postcard::to_allocvec(&bad).unwrap();
        assert!(postcard::from_bytes::<Totp>(&bytes).is_err());
    }
}
