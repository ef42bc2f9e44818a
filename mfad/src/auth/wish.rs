//! What a user wishes to enrol, as it travels: checked, and filled in where nothing is said.

use mfa_proto::{account::EnrollRequest, fault::Fault};

use super::Failure;
use crate::{
    account::FactorId,
    factor::{Algorithm, FactorKind, Hotp, Oath, Totp},
};

/// The longest label, in bytes.
const LABEL: usize = 64;

/// What a new enrolment is to be.
#[derive(Clone)]
pub(super) struct Wish {
    pub(super) kind: FactorKind,
    pub(super) label: String,
    /// Label or id of the factor that it replaces; empty: none.
    pub(super) replace: String,
}

/// Checks a label.
pub(super) fn label(text: &str) -> Result<String, Failure> {
    if text.is_empty() || text.len() > LABEL || text.chars().any(char::is_control) {
        return Err(Failure::new(Fault::InvalidArgument, "a label is 1 to 64 bytes of printable text"));
    }
    Ok(text.to_owned())
}

/// Reads the parameters of a factor as they travel. Zeros and empty words are the defaults.
pub(super) fn kind(word: &str, algorithm: &str, digits: u32, period: u32) -> Result<FactorKind, Failure> {
    let bad = |said: &str| Failure::new(Fault::InvalidArgument, said);
    let algorithm = match algorithm {
        "" => Algorithm::Sha1,
        word => Algorithm::from_word(word).ok_or_else(|| bad("an algorithm is SHA1, SHA256 or SHA512"))?,
    };
    let digits = u8::try_from(if digits == 0 { 6 } else { digits }).unwrap_or(u8::MAX);
    match word {
        "" | "totp" => {
            let period = u16::try_from(if period == 0 { 30 } else { period }).unwrap_or(u16::MAX);
            Totp::new(algorithm, digits, period).map(FactorKind::Totp)
        }
        "hotp" if period == 0 => Oath::new(algorithm, digits).map(|oath| FactorKind::Hotp(Hotp::new(oath))),
        "hotp" => return Err(bad("a hotp has no period")),
        _ => return Err(bad("the type of a factor is totp or hotp")),
    }
    .map_err(|error| bad(&error.to_string()))
}

/// Reads a request.
pub(super) fn wish(request: &EnrollRequest) -> Result<Wish, Failure> {
    let kind = kind(&request.kind, &request.algorithm, request.digits, request.period)?;
    let named = match (request.label.as_str(), request.replace.as_str()) {
        ("", "") => "phone",
        ("", replaced) if FactorId::from_hex(replaced).is_none() => replaced,
        ("", _) => "phone",
        (label, _) => label,
    };
    Ok(Wish { kind, label: label(named)?, replace: request.replace.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_out_of_range_are_refused_with_a_reason() {
        let refused = |request: EnrollRequest| wish(&request).map(|_| ()).unwrap_err().fault;
        for request in [
            EnrollRequest { kind: "sms".into(), ..Default::default() },
            EnrollRequest { kind: "hotp".into(), period: 30, ..Default::default() },
            EnrollRequest { digits: 9, ..Default::default() },
            EnrollRequest { period: 100_000, ..Default::default() },
            EnrollRequest { label: "a\nb".into(), ..Default::default() },
            EnrollRequest { label: "x".repeat(65), ..Default::default() },
        ] {
            assert_eq!(refused(request.clone()), Fault::InvalidArgument, "{request:?}");
        }
        assert!(wish(&EnrollRequest::default()).is_ok());
        let replacing = EnrollRequest { replace: "tablet".into(), ..Default::default() };
        assert_eq!(wish(&replacing).map(|wish| wish.label).unwrap(), "tablet");
    }
}
