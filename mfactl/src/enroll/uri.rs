//! What an authenticator app will make of an `otpauth://` URI.
//!
//! Source: the key URI format of Google Authenticator's wiki, which the apps follow.

/// The entry that the app will show.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Who the code is for; may be empty.
    pub(crate) issuer: String,
    /// Whose account.
    pub(crate) account: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub(crate) algorithm: String,
    /// How many digits a code has.
    pub(crate) digits: u32,
    /// When the app shows another code.
    pub(crate) moves: Moves,
}

/// What makes an app show another code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moves {
    /// Time: after this many seconds (`totp`).
    ByTime(u32),
    /// A press of the user (`hotp`).
    ByCounter,
}

impl Entry {
    /// Reads `uri`; `None` if no app would. The secret is passed over, and copied nowhere.
    pub(crate) fn read(uri: &str) -> Option<Self> {
        if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (by_counter, rest) = match uri.strip_prefix("otpauth://hotp/") {
            Some(rest) => (true, rest),
            None => (false, uri.strip_prefix("otpauth://totp/")?),
        };
        let (label, query) = rest.split_once('?')?;
        let label = decoded(label);
        let (issuer, account) = match label.split_once(':') {
            Some((issuer, account)) => (issuer.to_owned(), account.trim_start().to_owned()),
            None => (String::new(), label),
        };
        let moves = if by_counter { Moves::ByCounter } else { Moves::ByTime(30) };
        let mut entry = Self { issuer, account, algorithm: "SHA1".to_owned(), digits: 6, moves };
        let (mut has_secret, mut has_counter) = (false, false);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match name {
                "secret" => has_secret = !value.is_empty(),
                "issuer" => entry.issuer = decoded(value),
                "algorithm" => entry.algorithm = decoded(value),
                "digits" => entry.digits = value.parse().ok()?,
                "period" if !by_counter => entry.moves = Moves::ByTime(value.parse().ok()?),
                "counter" if by_counter => has_counter = value.parse::<u64>().is_ok(),
                _ => {}
            }
        }
        (has_secret && has_counter == by_counter).then_some(entry)
    }

    /// The name in the app's list.
    pub(crate) fn name(&self) -> String {
        match (self.issuer.as_str(), self.account.as_str()) {
            ("", account) => account.to_owned(),
            (issuer, "") => issuer.to_owned(),
            (issuer, account) => format!("{issuer} ({account})"),
        }
    }
}

/// Percent-decoded; what is then no UTF-8 is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex(*high) << 4 | hex(*low));
                rest = tail;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_uri_means_the_defaults() {
        let entry = Entry::read("otpauth://totp/alice?secret=JBSWY3DPEHPK3PXP").unwrap();
        assert_eq!(entry.name(), "alice");
        assert_eq!((entry.algorithm.as_str(), entry.digits, entry.moves), ("SHA1", 6, Moves::ByTime(30)));
    }

    #[test]
    fn an_issuer_and_odd_characters_are_read_as_an_app_reads_them() {
        let uri = "otpauth://totp/Example%20Org:jos%C3%A9%40x?secret=A&issuer=Example%20Org&algorithm=SHA256\
                   &digits=8&period=60";
        let entry = Entry::read(uri).unwrap();
        assert_eq!(entry.name(), "Example Org (josé@x)");
        assert_eq!((entry.algorithm.as_str(), entry.digits, entry.moves), ("SHA256", 8, Moves::ByTime(60)));
        assert_eq!(Entry::read("otpauth://totp/Org%3A%20al?secret=A").unwrap().name(), "Org (al)");
    }

    #[test]
    fn a_counter_is_needed_where_codes_go_by_it_and_nowhere_else() {
        let entry = Entry::read("otpauth://hotp/alice?secret=JBSWY3DPEHPK3PXP&counter=0").unwrap();
        assert_eq!((entry.name().as_str(), entry.digits, entry.moves), ("alice", 6, Moves::ByCounter));
        assert_eq!(Entry::read("otpauth://hotp/alice?secret=A"), None);
        assert_eq!(Entry::read("otpauth://hotp/alice?secret=A&counter=-1"), None);
        let entry = Entry::read("otpauth://totp/alice?secret=A&counter=0").unwrap();
        assert_eq!(entry.moves, Moves::ByTime(30));
    }

    #[test]
    fn what_no_app_would_take_is_no_entry() {
        for uri in [
            "",
            "https://example.org/?secret=A",
            "otpauth://totp/alice",
            "otpauth://totp/alice?secret=",
            "otpauth://totp/alice?secret=A&digits=six",
            "otpauth://totp/al ice?secret=A",
            "otpauth://totp/alice?secret=A\x1b[2J",
        ] {
            assert_eq!(Entry::read(uri), None, "{uri:?}");
        }
    }

    #[test]
    fn a_broken_escape_is_taken_as_it_stands() {
        assert_eq!(decoded("100%25%4%zz%"), "100%%4%zz%");
    }
}
