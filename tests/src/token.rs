//! A user's authenticator: the thing in the hand that shows codes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use totp_rs::{Algorithm, Builder, Secret};

use crate::clock;

/// An authenticator that has read the enrolment's secret. Clones are the same thing in the same hand.
#[derive(Debug, Clone)]
pub struct Token {
    enrolment: String,
    secret: String,
    uri: String,
    algorithm: Algorithm,
    digits: u8,
    period: u64,
    last_shown: Arc<Mutex<u64>>,
}

impl Token {
    /// From what `mfactl enroll begin --json` printed.
    pub fn begun(json: &str) -> Self {
        let begun: Value =
            serde_json::from_str(json).unwrap_or_else(|error| panic!("no JSON: {error}\n{json}"));
        let text =
            |name: &str| begun[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}")).to_owned();
        Self::new(text("enrollment"), &text("secret"), text("uri"))
    }

    /// From a base32 secret alone, with the parameters that every authenticator takes for granted.
    pub fn of_secret(base32: &str) -> Self {
        Self::new(String::new(), base32, String::new())
    }

    /// From the `otpauth://` URI of a QR code, as an authenticator reads it.
    pub fn of_uri(uri: &str) -> Self {
        let (_, query) = uri.split_once('?').unwrap_or_else(|| panic!("no URI of a token: {uri}"));
        let secret = query.split('&').find_map(|pair| pair.strip_prefix("secret="));
        let secret = secret.unwrap_or_else(|| panic!("no secret in {uri}")).to_owned();
        Self::new(String::new(), &secret, uri.to_owned())
    }

    fn new(enrolment: String, secret: &str, uri: String) -> Self {
        let parameter = |name: &str| {
            let query = uri.split_once('?').map_or("", |(_, query)| query);
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        let algorithm = match parameter("algorithm").as_deref() {
            None | Some("SHA1") => Algorithm::SHA1,
            Some("SHA256") => Algorithm::SHA256,
            Some("SHA512") => Algorithm::SHA512,
            Some(other) => panic!("no algorithm: {other}"),
        };
        let number = |name: &str| parameter(name).map(|text| text.parse::<u64>().expect("a number"));
        let digits = number("digits").map_or(6, |digits| u8::try_from(digits).expect("few digits"));
        let period = number("period").unwrap_or(clock::PERIOD);
        let secret = secret.replace(' ', "");
        Self { enrolment, secret, uri, algorithm, digits, period, last_shown: Arc::default() }
    }

    /// The id of the enrolment, as `mfactl enroll confirm` wants it.
    pub fn enrolment(&self) -> &str {
        &self.enrolment
    }

    /// The secret in base32.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The secret itself.
    pub fn seed(&self) -> Vec<u8> {
        Secret::try_from_base32(&self.secret).expect("a secret is base32").as_ref().to_vec()
    }

    /// The `otpauth://` URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The code of the present step.
    pub fn code(&self) -> String {
        self.code_at(0)
    }

    /// The code of the step that is `offset` after the present one.
    pub fn code_at(&self, offset: i64) -> String {
        let step = (clock::now() / self.period).checked_add_signed(offset).expect("a step after 1970");
        self.code_of_step(step)
    }

    /// A code that no earlier call returned and that is later than all of them: of the present step, or the
    /// next; where both are gone, it waits. Not for mixing with [`Token::code_at`].
    pub fn fresh_code(&self) -> String {
        let mut last = self.last_shown.lock().unwrap_or_else(PoisonError::into_inner);
        let step = (clock::now() / self.period).max(*last + 1);
        while clock::now() / self.period + 1 < step {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        *last = step;
        self.code_of_step(step)
    }

    /// The code at `time`, in seconds since the Unix epoch.
    pub fn code_at_time(&self, time: u64) -> String {
        self.code_of_step(time / self.period)
    }

    /// The code at that place of the counter, of a token that shows a new one at each press.
    pub fn code_of_counter(&self, counter: u64) -> String {
        self.code_of_step(counter) // a step is what a token by time counts
    }

    /// A code that is wrong now, and at any time that a verifier could allow for.
    pub fn wrong_code(&self) -> String {
        let right: Vec<String> = (-30..=30).map(|offset| self.code_at(offset)).collect();
        let width = usize::from(self.digits);
        let mut candidates = (0..).map(|number| format!("{number:0width$}"));
        candidates.find(|code| !right.contains(code)).expect("most codes are wrong")
    }

    fn code_of_step(&self, step: u64) -> String {
        let secret = Secret::try_from_base32(&self.secret).expect("a secret is base32");
        let totp = Builder::new()
            .with_algorithm(self.algorithm)
            .with_digits(self.digits)
            .with_step_duration(self.period)
            .with_secret(secret)
            .build_noncompliant();
        totp.generate(step * self.period).to_string()
    }
}

/// A token with a button: each press shows the next code of its counter, so there is no waiting for one.
#[derive(Debug)]
pub struct Presses {
    token: Token,
    next: AtomicU64,
}

impl Presses {
    /// That token, after so many presses.
    pub fn after(token: Token, presses: u64) -> Self {
        Self { token, next: AtomicU64::new(presses) }
    }

    /// Presses it.
    pub fn code(&self) -> String {
        self.token.code_of_counter(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    /// The secret of RFC 6238, appendix B, in base32.
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn the_rfc_vector_comes_out() {
        let uri = "otpauth://totp/x?secret=y&digits=8".to_owned();
        let token = Token::new(String::new(), RFC, uri);
        assert_eq!(token.code_at_time(1_111_111_109), "07081804");
    }

    #[test]
    fn fresh_codes_are_never_the_same_twice() {
        let token = Token::of_secret(RFC);
        assert_ne!(token.fresh_code(), token.fresh_code());
    }

    #[test]
    fn a_wrong_code_has_the_shape_of_a_right_one() {
        let token = Token::of_secret(RFC);
        assert_eq!(token.wrong_code().len(), token.code().len());
        assert_ne!(token.wrong_code(), token.code());
    }
}
