//! One field with a password and a code: where the one ends and the other begins. (`forward_pass`)
//!
//! ```text
//!   correct horse123456                     the last six digits, or as many as `digits=` says
//!   correct horse3-7KQ2M-X4TPD-H9WC         a one-time code, in groups as it was printed
//! ```
//!
//! Each field has one reading, since each reading would be one guess more: a code of the app has its
//! digits together at the very end, a one-time code its dashes, so nothing is both. Neither is
//! looked for elsewhere, and no space is dropped: a password may end in one.

use std::ffi::CStr;

use mfa_proto::answer::{Answer, Code};
use mfa_proto::one_time::OneTimeCode;
use mfa_proto::secret::Secret;

/// The length of a one-time code in groups, and where its dashes are.
const GROUPED: usize = 18;
const DASHES: [usize; 3] = [1, 7, 13];

/// A field, taken apart.
#[derive(Debug)]
pub(crate) struct Split {
    /// What stands before the code; the whole field, where it holds none.
    pub(crate) password: Password,
    /// The code; [`Answer::NoCode`], where there is none.
    pub(crate) answer: Answer,
}

impl Split {
    /// Takes a field apart, whose code of an app has so many digits.
    pub(crate) fn of(field: &[u8], digits: usize) -> Self {
        let tail = |length: usize| Some(field.split_at(field.len().checked_sub(length)?));
        let code = || {
            let (password, code) = tail(digits)?;
            let code = Code::parse(code).filter(|code| code.digits().len() == digits)?;
            Some((password, Answer::Code(code)))
        };
        let one_time = || {
            let (password, code) = tail(GROUPED)?;
            let grouped = (0..GROUPED).all(|at| (code[at] == b'-') == DASHES.contains(&at));
            let code = OneTimeCode::parse(code).filter(|_| grouped)?;
            Some((password, Answer::OneTime(code)))
        };
        // A code alone is no password and code. It stays whole, so that the next module has something
        // to refuse, as it has for a name that nobody has: an empty password would have it ask anew,
        // and tell a stranger which names exist. (S21)
        let split = code().or_else(one_time).filter(|(password, _)| !password.is_empty());
        let (password, answer) = split.unwrap_or((field, Answer::NoCode));
        Self { password: Password::new(password), answer }
    }
}

/// A password for the modules that come after: wiped when it is dropped.
#[derive(Debug)]
pub(crate) struct Password {
    /// With the NUL that C wants, so that no further copy has to be made.
    text: Secret<Vec<u8>>,
}

impl Password {
    fn new(bytes: &[u8]) -> Self {
        // In one piece: what a vector leaves behind when it grows is not wiped.
        let mut text = Vec::with_capacity(bytes.len() + 1);
        text.extend_from_slice(bytes);
        text.push(0);
        Self { text: Secret::new(text) }
    }

    /// The password as C has it. `None` for one that is empty: it is never handed on, since there are
    /// modules, and servers behind them, that take a login without a password for an anonymous one,
    /// and say yes. Whoever comes after finds none, and asks or refuses.
    pub(crate) fn as_c(&self) -> Option<&CStr> {
        CStr::from_bytes_with_nul(self.text.expose()).ok().filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(field: &[u8], digits: usize) -> (Option<Vec<u8>>, Vec<u8>) {
        let split = Split::of(field, digits);
        let password = split.password.as_c().map(|text| text.to_bytes().to_vec());
        (password, split.answer.to_wire().to_vec())
    }

    fn parts(password: &[u8], code: &[u8]) -> (Option<Vec<u8>>, Vec<u8>) {
        (Some(password.to_vec()), code.to_vec())
    }

    #[test]
    fn the_digits_at_the_end_are_the_code() {
        assert_eq!(split(b"hunter123456", 6), parts(b"hunter", b"123456"));
        assert_eq!(split(b"hunter2123456", 6), parts(b"hunter2", b"123456"));
        assert_eq!(split(b"12345678", 6), parts(b"12", b"345678"));
        assert_eq!(split(b"hunter212345678", 8), parts(b"hunter2", b"12345678"));
        assert_eq!(split(b"hunter1234567", 7), parts(b"hunter", b"1234567"));
        assert_eq!(split(b" p\xff\xfe w 000000", 6), parts(b" p\xff\xfe w ", b"000000"));
    }

    // S14
    #[test]
    fn a_one_time_code_at_the_end_is_one_in_its_groups_alone() {
        assert_eq!(split(b"hunter23-7KQ2M-X4TPD-H9WC", 6), parts(b"hunter2", b"37KQ2MX4TPDH9WC"));
        assert_eq!(split(b"pw3-7kq2m-x4tpd-h9wc", 8), parts(b"pw", b"37KQ2MX4TPDH9WC"));
        assert_eq!(split(b"pwR-7KQ2M-X4TPD-H9WC", 6), parts(b"pw", b"R7KQ2MX4TPDH9WC"));
        for none in [
            &b"pw37KQ2MX4TPDH9WC"[..],
            b"pw3-7KQ2MX-4TPD-H9WC",
            b"pw3 7KQ2M X4TPD H9WC",
            b"pw3-7KQ2M-X4TPD-H9WC ",
            b"pwU-7KQ2M-X4TPD-H9WC",
            b"pw3-7KQ2M-X4TPD-H9WU",
            b"7KQ2M-X4TPD-H9WC",
        ] {
            assert_eq!(split(none, 6), parts(none, b"\0"), "{none:?}");
        }
    }

    /// host-realities 7 and 8: a password alone, and what sshd puts in the place of a stranger's.
    #[test]
    fn a_field_without_a_code_is_all_password_and_travels_as_a_marker() {
        for field in [
            &b"hunter2"[..],
            b"\x08\n\r\x7fINCORRECT\x08\n\r\x7f",
            b"12345",
            b"pw12345 6",
            b"pw123456 ",
            b"pw123-456",
            b"pw12345\xff",
            "pw１２３４５６".as_bytes(),
            &[b'x'; 4096],
        ] {
            assert_eq!(split(field, 6), parts(field, b"\0"), "{field:?}");
        }
        assert_eq!(split(b"pw123456", 8), parts(b"pw123456", b"\0"));
        assert_eq!(split(b"?", 6), parts(b"?", b"\0"));
    }

    // S21: the next module has something to refuse, as it has for a name that nobody has.
    #[test]
    fn a_code_alone_is_no_password_and_code() {
        for field in [&b"123456"[..], b"3-7KQ2M-X4TPD-H9WC"] {
            assert_eq!(split(field, 6), parts(field, b"\0"));
        }
        assert_eq!(split(b"", 6), (None, b"\0".to_vec()));
    }

    /// S8.
    #[test]
    fn neither_is_printed() {
        assert_eq!(
            format!("{:?}", Split::of(b"hunter2123456", 6)),
            "Split { password: Password { text: Secret(…) }, answer: Code(Code(…)) }"
        );
    }
}
