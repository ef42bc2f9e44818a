//! One-time codes that mfad makes itself, for people to keep on paper or to hand over: backup
//! codes, invitations and recovery codes. One shape, canonicalised once, here.
//!
//! ```text
//!   3-7KQ2M-X4TPD-H9WC      backup code of slot 3        0 to 9
//!   I-7KQ2M-X4TPD-H9WC      invitation                   I
//!   R-7KQ2M-X4TPD-H9WC      recovery code                R
//! ```
//!
//! What follows the first character is 70 random bits in Crockford's base 32, which has no letter
//! that is read as a digit; `O` is read as 0, `I` and `L` as 1, and case does not matter.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// Characters after the first one, of five bits each.
const RANDOM: usize = 14;
/// Characters in all, without dashes.
const LENGTH: usize = 1 + RANDOM;
/// Crockford's base 32.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Random bytes that a code is made of: one a character, of which five bits are used.
pub const ENTROPY_BYTES: usize = RANDOM;
/// How many backup codes a set has: one a slot.
pub const SLOTS: u8 = 10;

/// What a one-time code is for: its first character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// One of the ten backup codes, by its slot, 0 to 9.
    Backup(u8),
    /// To enrol for the first time.
    Invitation,
    /// To enrol again, when everything is lost.
    Recovery,
}

impl Purpose {
    fn letter(self) -> u8 {
        match self {
            Self::Backup(slot) => b'0' + slot % SLOTS,
            Self::Invitation => b'I',
            Self::Recovery => b'R',
        }
    }

    fn of_letter(letter: u8) -> Option<Self> {
        match letter {
            b'0'..=b'9' => Some(Self::Backup(letter - b'0')),
            b'O' => Some(Self::Backup(0)),
            b'L' => Some(Self::Backup(1)),
            b'I' => Some(Self::Invitation),
            b'R' => Some(Self::Recovery),
            _ => None,
        }
    }
}

/// A one-time code, canonical: 15 ASCII characters. Wiped when dropped.
///
/// ```
/// use mfa_proto::one_time::{OneTimeCode, Purpose};
/// let code = OneTimeCode::parse(b"3-7kq2m x4tpd h9wc").unwrap();
/// assert_eq!(code.purpose(), Purpose::Backup(3));
/// assert_eq!(&*code.for_people(), "3-7KQ2M-X4TPD-H9WC");
/// assert!(OneTimeCode::parse(b"3-7KQ2M-X4TPD").is_none());
/// ```
pub struct OneTimeCode {
    text: [u8; LENGTH],
}

impl OneTimeCode {
    /// A new code for `purpose`, from random bytes.
    pub fn new(purpose: Purpose, entropy: &[u8; ENTROPY_BYTES]) -> Self {
        let mut text = [purpose.letter(); LENGTH];
        for (character, byte) in text[1..].iter_mut().zip(entropy) {
            *character = ALPHABET[usize::from(byte & 31)];
        }
        Self { text }
    }

    /// The code that `typed` spells, if it has the shape of one.
    pub fn parse(typed: &[u8]) -> Option<Self> {
        let mut code = Self { text: [0; LENGTH] };
        let mut length = 0;
        for byte in typed.iter().map(u8::to_ascii_uppercase) {
            if matches!(byte, b' ' | b'-' | b'\t' | b'\r' | b'\n') {
                continue;
            }
            let character = match (length, byte) {
                (0, letter) => Purpose::of_letter(letter)?.letter(),
                (_, b'O') => b'0',
                (_, b'I' | b'L') => b'1',
                (_, byte) if ALPHABET.contains(&byte) => byte,
                _ => return None,
            };
            *code.text.get_mut(length)? = character;
            length += 1;
        }
        (length == LENGTH).then_some(code)
    }

    /// What it is for.
    pub fn purpose(&self) -> Purpose {
        Purpose::of_letter(self.text[0]).unwrap_or(Purpose::Backup(0)) // one that was checked or chosen
    }

    /// The canonical characters: what is hashed, and what travels.
    pub fn canonical(&self) -> &[u8] {
        &self.text
    }

    /// In groups, as people read and type it.
    pub fn for_people(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH + 3));
        for (at, &byte) in self.text.iter().enumerate() {
            if matches!(at, 1 | 6 | 11) {
                text.push('-');
            }
            text.push(char::from(byte));
        }
        text
    }
}

impl Drop for OneTimeCode {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OneTimeCode({:?}, …)", self.purpose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // S3, S14
    #[test]
    fn every_spelling_of_a_code_is_one_code() {
        for spelling in [
            "3-70101-X4TPD-H9WC",
            "370101X4TPDH9WC",
            "3-7oIoL-x4tpd-h9wc",
            " 3 70101 X4TPD H9WC \r\n",
            "3-7-0-1-0-1-X4TPD-H9WC",
        ] {
            let code = OneTimeCode::parse(spelling.as_bytes()).unwrap_or_else(|| panic!("{spelling}"));
            assert_eq!(code.canonical(), b"370101X4TPDH9WC", "{spelling}");
        }
    }

    #[test]
    fn what_has_another_shape_is_none() {
        for typed in [
            &b""[..],
            b"123456",
            b"12345678",
            b"3-7KQ2M-X4TPD-H9W",
            b"3-7KQ2M-X4TPD-H9WCC",
            b"U-7KQ2M-X4TPD-H9WC",
            b"3-7KQ2M-X4TPD-H9W\xc3",
            b"3-7KQ2M-X4TPD-H9WU",
            &[b'3'; 4096],
        ] {
            assert!(OneTimeCode::parse(typed).is_none(), "{typed:?}");
        }
    }

    #[test]
    fn a_code_that_was_made_is_read_back() {
        for purpose in (0..SLOTS).map(Purpose::Backup).chain([Purpose::Invitation, Purpose::Recovery]) {
            let made = OneTimeCode::new(purpose, b"\x00\x1f\x20\xff0123456789");
            assert_eq!(made.purpose(), purpose);
            let read = OneTimeCode::parse(made.for_people().as_bytes()).unwrap();
            assert_eq!(read.canonical(), made.canonical());
        }
    }
}
