//! Alice's telephone: an authenticator app that has read what `mfactl enroll` showed.

use std::cmp::Ordering;

use mfa_tests::screen::{Ground, Picture};
use mfa_tests::{Token, clock};

use crate::failure::Failure;
use crate::paper::Paper;

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
    /// Its step, seen from the moment when it was read.
    pub(crate) which: &'static str,
    /// When mfad will take it for too old, in seconds since the Unix epoch.
    right_till: u64,
}

impl Code {
    /// Whether it would still be right `seconds` from now, if it were not spent.
    pub(crate) fn is_right_for(&self, seconds: u64) -> bool {
        clock::now() + seconds < self.right_till
    }
}

impl Phone {
    /// Scans the QR code on the screen, and looks whether the secret beside it is the same.
    pub(crate) fn scans(screen: &str) -> Result<Self, Failure> {
        let token = Token::of_uri(&Picture::of(screen, Ground::Light).scanned());
        let line = screen.lines().find_map(|line| line.trim().strip_prefix("Secret "));
        let secret = line.unwrap_or_default().replace(' ', "");
        if secret != token.secret() {
            return Err(Failure::of(format!("the secret of the picture, {}", token.secret()), secret));
        }
        Ok(Self { token, last: 0 })
    }

    /// The secret in base32, without spaces.
    pub(crate) fn secret(&self) -> &str {
        self.token.secret()
    }

    /// The earliest code after the last that is right for `seconds` more; waits where there is none yet.
    ///
    /// mfad takes the code of the step before, of the present one and of the next, each once.
    pub(crate) fn next_code(&mut self, paper: &Paper, seconds: u64) -> Code {
        let right_till = |step: u64| (step + 2) * clock::PERIOD;
        let mut step = (clock::step() - 1).max(self.last + 1);
        while right_till(step) <= clock::now() + seconds {
            step += 1;
        }
        paper.wait_until((step - 1) * clock::PERIOD);
        self.last = step;
        let which = match step.cmp(&clock::step()) {
            Ordering::Less => "of the 30 seconds before these",
            Ordering::Equal => "of these 30 seconds",
            Ordering::Greater => "of the next 30 seconds",
        };
        let digits = self.token.code_at_time(step * clock::PERIOD);
        Code { digits, which, right_till: right_till(step) }
    }
}
