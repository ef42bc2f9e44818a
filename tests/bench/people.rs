//! The people who log in: names, uids, addresses and seeds, all from one number, so that a run can be repeated.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The uid of the first of them; far from what Debian gives out.
const FIRST_UID: u32 = 200_000;

/// Bytes of a TOTP seed: RFC 4226, section 4, recommends 160 bits.
const SEED_BYTES: usize = 20;

/// Makes people.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Town {
    /// What all seeds are derived from.
    pub(crate) seed: u64,
}

/// One of them.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) uid: u32,
    /// Where this person's client is: an address of the range for benchmarks (RFC 2544).
    pub(crate) address: String,
    pub(crate) secret: [u8; SEED_BYTES],
}

impl Town {
    /// The person of this number.
    pub(crate) fn person(self, number: u32) -> Person {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(number.to_be_bytes());
        let digest = hash.finalize();
        let mut secret = [0; SEED_BYTES];
        secret.copy_from_slice(&digest[..SEED_BYTES]);
        Person {
            name: format!("p{number:06}"),
            uid: FIRST_UID + number,
            address: format!("198.{}.{}.{}", 18 + (number >> 16 & 1), number >> 8 & 255, number & 255),
            secret,
        }
    }

    /// The people from `first` on.
    pub(crate) fn people(self, first: u32, count: u32) -> impl Iterator<Item = Person> {
        (first..first + count).map(move |number| self.person(number))
    }
}

impl Person {
    /// The seed as google-authenticator keeps it and as `pam_host` takes it.
    pub(crate) fn secret_base32(&self) -> String {
        const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        // 40 bits are 8 digits: 20 bytes come out even.
        let groups = self
            .secret
            .chunks_exact(5)
            .map(|chunk| chunk.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)));
        groups
            .flat_map(|bits| (0..8).rev().map(move |at| char::from(DIGITS[(bits >> (5 * at) & 31) as usize])))
            .collect()
    }

    /// The seed as `pam_oath` keeps it.
    pub(crate) fn secret_hex(&self) -> String {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        self.secret.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_reads_the_same_in_both_notations() {
        let person = Person {
            name: String::new(),
            uid: 0,
            address: String::new(),
            secret: *b"12345678901234567890", // RFC 6238, appendix B
        };
        assert_eq!(person.secret_base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(person.secret_hex(), "3132333435363738393031323334353637383930");
    }

    #[test]
    fn people_differ_and_come_again() {
        let town = Town { seed: 7 };
        assert_eq!(town.person(3).secret, town.person(3).secret);
        assert_ne!(town.person(3).secret, town.person(4).secret);
        assert_ne!(town.person(3).secret, Town { seed: 8 }.person(3).secret);
        assert_eq!(town.person(99_999).address, "198.19.134.159");
    }
}
