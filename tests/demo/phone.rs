//! Alice's telephone: an authenticator app that has read what `mfactl enroll` showed.

use mfa_tests::{Token, clock};

use crate::failure::Failure;
use crate::paper::Paper;

/// For how many seconds a code must still be right when it is chosen: time to type a command, a password and it.
const ENOUGH_SECONDS: u64 = 10;

/// The app, and the last step whose code was read from it.
#[derive(Debug)]
pub(crate) struct Phone {
    token: Token,
    last: u64,
}

/// A code, and which one it is.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    /// The digits.
    pub(crate) digits: String,
    /// Its step, seen from the present.
    pub(crate) which: &'static str,
}

impl Phone {
    /// Types the secret into the app that stands in groups of four behind `Secret` on the screen.
    pub(crate) fn reads(screen: &str) -> Result<Self, Failure> {
        let secret = screen
            .lines()
            .find_map(|line| line.trim().strip_prefix("Secret "))
            .ok_or_else(|| Failure::of("a line with the secret", screen))?;
        Ok(Self { token: Token::of_secret(secret), last: 0 })
    }

    /// The secret in base32, without spaces.
    pub(crate) fn secret(&self) -> &str {
        self.token.secret()
    }

    /// The earliest code after the last that mfad will take for some seconds yet; waits where there is none.
    ///
    /// mfad takes the code of the step before, of the present one and of the next, each once.
    pub(crate) fn next_code(&mut self, paper: Paper) -> Code {
        let right_till = |step: u64| (step + 2) * clock::PERIOD;
        let mut step = (clock::step() - 1).max(self.last + 1);
        if right_till(step) < clock::now() + ENOUGH_SECONDS {
            step += 1;
        }
        paper.wait_until((step - 1) * clock::PERIOD);
        self.last = step;
        let which = match step.cmp(&clock::step()) {
            std::cmp::Ordering::Less => "of the 30 seconds before these",
            std::cmp::Ordering::Equal => "of these 30 seconds",
            std::cmp::Ordering::Greater => "of the next 30 seconds",
        };
        Code { digits: self.token.code_at_time(step * clock::PERIOD), which }
    }
}

#[cfg(test)]
mod tests {
    use super::Phone;

    #[test]
    fn the_secret_is_found_in_its_groups() {
        let phone = Phone::reads("x\n  Codes   by time\n  Secret             JBSW Y3DP\n\n").unwrap();
        assert_eq!(phone.secret(), "JBSWY3DP");
        assert!(Phone::reads("no such line\n").is_err());
    }
}
