//! What an authenticator app reads from a QR code.

use data_encoding::HEXLOWER;
use mfa_proto::identity::UserName;
use zeroize::Zeroizing;

use crate::{
    factor::{Algorithm, FactorKind},
    policy::Entry,
};

/// The shortest URI that an app understands: parameters at their defaults are left out, so that
/// the QR stays small, and the issuer is said once. Format: Key Uri Format of Google Authenticator.
pub(super) fn uri(entry: &Entry, user: &UserName, kind: &FactorKind, secret: &str) -> String {
    let word = kind.word();
    let Some(oath) = kind.oath() else { return String::new() }; // no app reads a security key
    let label = percent(&entry.label_of(user));
    let issuer = percent(&entry.issuer);
    let mut uri = Zeroizing::new(format!("otpauth://{word}/{label}?secret={secret}&issuer={issuer}"));
    if oath.algorithm() != Algorithm::Sha1 {
        uri.push_str("&algorithm=");
        uri.push_str(oath.algorithm().word());
    }
    if oath.digits() != 6 {
        uri.push_str(&format!("&digits={}", oath.digits()));
    }
    match kind {
        FactorKind::Totp(totp) if totp.period() != 30 => {
            uri.push_str(&format!("&period={}", totp.period()));
        }
        FactorKind::Totp(_) | FactorKind::SshSk(_) => {}
        FactorKind::Hotp(_) => uri.push_str("&counter=0"), // not to be left out
    }
    std::mem::take(&mut *uri)
}

/// Percent-encodes what is not unreserved (RFC 3986, 2.3).
fn percent(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{}", HEXLOWER.encode(&[byte]).to_uppercase()),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::{Hotp, Totp};

    #[test]
    fn the_uri_is_short_and_its_parts_are_escaped() {
        let user = UserName::from("al ice");
        let entry = |issuer: &str| Entry { issuer: issuer.into(), label: "{user}".into() };
        let host = entry("host");
        let plain = uri(&host, &user, &FactorKind::Totp(Totp::default()), "JBSW");
        assert_eq!(plain, "otpauth://totp/al%20ice?secret=JBSW&issuer=host");
        let odd = FactorKind::Totp(Totp::new(Algorithm::Sha512, 8, 60).unwrap());
        assert!(
            uri(&entry("a&b"), &user, &odd, "JBSW")
                .ends_with("issuer=a%26b&algorithm=SHA512&digits=8&period=60")
        );
        let counter = uri(&host, &user, &FactorKind::Hotp(Hotp::default()), "JBSW");
        assert_eq!(counter, "otpauth://hotp/al%20ice?secret=JBSW&issuer=host&counter=0");
    }
}
