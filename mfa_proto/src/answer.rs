//! What a person may type at the one prompt, canonicalised once, here, before anything is keyed
//! by it.

use std::fmt;

use zeroize::Zeroize;

use crate::one_time::OneTimeCode;

/// The fewest and the most digits of a one-time code (RFC 4226, 5.3; RFC 6238).
pub const DIGITS: std::ops::RangeInclusive<usize> = 6..=8;
/// The longest answer that is looked at, in bytes.
const LONGEST: usize = 64;
/// Stands on the wire for an answer that cannot be a code; its text stays in the login process.
const NO_CODE: &[u8] = b"\0";

/// A one-time code: 6 to 8 ASCII digits, spaces and dashes dropped. Wiped when dropped.
///
/// ```
/// use mfa_proto::answer::Code;
/// assert_eq!(Code::parse(b" 123 456 ").unwrap().digits(), b"123456");
/// assert_eq!(Code::parse(b"123-456").unwrap().digits(), b"123456");
/// assert!(Code::parse(b"12345").is_none());
/// assert!(Code::parse("１２３４５６".as_bytes()).is_none());
/// ```
pub struct Code {
    digits: [u8; 8],
    len: usize,
}

impl Code {
    /// The code that `typed` spells, if it can be one.
    pub fn parse(typed: &[u8]) -> Option<Self> {
        if typed.len() > LONGEST {
            return None;
        }
        let mut code = Self { digits: [0; 8], len: 0 };
        for &byte in typed {
            match byte {
                b' ' | b'-' | b'\t' | b'\r' | b'\n' => {}
                b'0'..=b'9' if code.len < code.digits.len() => {
                    code.digits[code.len] = byte;
                    code.len += 1;
                }
                _ => return None,
            }
        }
        DIGITS.contains(&code.len).then_some(code)
    }

    /// The ASCII digits, nothing else.
    pub fn digits(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        self.digits.zeroize();
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// One answer to the prompt.
#[derive(Debug)]
pub enum Answer {
    /// A code to be judged.
    Code(Code),
    /// A backup code, an invitation or a recovery code.
    OneTime(OneTimeCode),
    /// `e`: enrol now, where that was offered.
    Enrol,
    /// Enter alone: go on, where that was offered.
    Nothing,
    /// `b`: ask again, showing what is typed.
    Visible,
    /// `?`: ask again, with help.
    Help,
    /// Nothing typed that could be a code: no try, whatever it was.
    NoCode,
}

impl Answer {
    /// What `typed` means. Takes what the person typed, or what [`Answer::to_wire`] made of it.
    pub fn parse(typed: &[u8]) -> Self {
        match typed.trim_ascii() {
            b"b" | b"B" => Self::Visible,
            b"?" => Self::Help,
            b"e" | b"E" => Self::Enrol,
            b"" => Self::Nothing,
            trimmed => {
                let one_time = || OneTimeCode::parse(trimmed).map(Self::OneTime);
                Code::parse(trimmed).map(Self::Code).or_else(one_time).unwrap_or(Self::NoCode)
            }
        }
    }

    /// The bytes that travel to the daemon: canonical, and never the text of what is no code.
    pub fn to_wire(&self) -> &[u8] {
        match self {
            Self::Code(code) => code.digits(),
            Self::OneTime(code) => code.canonical(),
            Self::Enrol => b"e",
            Self::Nothing => b"",
            Self::Visible => b"b",
            Self::Help => b"?",
            Self::NoCode => NO_CODE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_code_is_one_code() {
        for spelling in ["123456", "123 456", "123-456", " 12 34 56", "1-2-3-4-5-6\r\n", "\t123456"] {
            let Answer::Code(code) = Answer::parse(spelling.as_bytes()) else { panic!("{spelling:?}") };
            assert_eq!(code.digits(), b"123456", "{spelling:?}");
        }
    }

    #[test]
    fn what_cannot_be_a_code_never_travels() {
        let junk: [&[u8]; 9] = [
            b"0",
            b"12345",
            b"123456789",
            b"hunter2",
            b"\x08\n\r\x7fIN",
            b"+12345",
            b"12345\0",
            &[b'1'; 4096],
            "१२३४५६".as_bytes(),
        ];
        for typed in junk {
            let answer = Answer::parse(typed);
            assert!(matches!(answer, Answer::NoCode), "{typed:?}");
            assert_eq!(answer.to_wire(), NO_CODE);
        }
    }

    #[test]
    fn the_wire_form_means_the_same_to_its_reader() {
        for typed in [&b"b"[..], b"?", b"12 34 56 78", b"x", b"", b"E", b"r-7kq2m-x4tpd-h9wc"] {
            let answer = Answer::parse(typed);
            assert_eq!(Answer::parse(answer.to_wire()).to_wire(), answer.to_wire());
        }
    }
}
