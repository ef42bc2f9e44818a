//! Hashes that are slow by purpose, for codes that people keep on paper.
//!
//! What is hashed is no text of a person's but a keyed hash of the code, so that who has the
//! database and not the key cannot even begin to guess.

use mfa_proto::{one_time::OneTimeCode, secret::Secret};
use subtle::ConstantTimeEq;

use super::{Keys, Purpose};
use crate::world::{Entropy, NoEntropy, random};

/// The cost: 2^10 rounds, some 50 ms.
const COST: u32 = 10;
/// Bytes of salt in a hash; bcrypt's 24 follow.
const SALT: usize = 16;
/// The length of a hash, in bytes.
const LENGTH: usize = SALT + 24;

/// A salt and the bcrypt hash under it.
pub type SlowHash = [u8; LENGTH];

/// What is hashed: 64 hexadecimal digits and the NUL that ends bcrypt's passwords, below the 72
/// bytes that bcrypt looks at.
pub struct Peppered(Secret<String>);

/// Whether a code and a hash belong together. Only the comparison makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowlyEqual(bool);

impl SlowlyEqual {
    /// What the comparison gave.
    pub fn is_equal(self) -> bool {
        self.0
    }

    /// As if compared.
    #[cfg(test)]
    pub fn for_tests(equal: bool) -> Self {
        Self(equal)
    }
}

impl Peppered {
    /// Of a code, for one account: the same code of another account is another hash.
    pub fn new(keys: &Keys, account: &[u8; 16], code: &OneTimeCode) -> Self {
        let tag = keys.tag(Purpose::Pepper, &[account, code.canonical()]);
        Self(Secret::new(data_encoding::HEXLOWER.encode(&tag) + "\0"))
    }

    /// A new hash. Takes some 50 ms: never in a transaction.
    pub fn hash(&self, entropy: &dyn Entropy) -> Result<SlowHash, NoEntropy> {
        Ok(self.hash_with(random(entropy)?))
    }

    /// Compares with `hash`, in the time that hashing takes, whatever the hash is.
    pub fn compare(&self, hash: &SlowHash) -> SlowlyEqual {
        let mut salt = [0; SALT];
        salt.copy_from_slice(&hash[..SALT]);
        SlowlyEqual(self.hash_with(salt).ct_eq(hash).into())
    }

    fn hash_with(&self, salt: [u8; SALT]) -> SlowHash {
        let mut hash = [0; LENGTH];
        hash[..SALT].copy_from_slice(&salt);
        hash[SALT..].copy_from_slice(&bcrypt::bcrypt(COST, salt, self.0.expose().as_bytes()));
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::KernelEntropy;

    fn keys(byte: u8) -> Keys {
        Keys::new(&Secret::new([byte; super::super::KEY_BYTES]))
    }

    fn code(text: &str) -> OneTimeCode {
        OneTimeCode::parse(text.as_bytes()).unwrap()
    }

    // S14: the code, the account and the pepper, and nothing else.
    #[test]
    fn only_the_same_code_of_the_same_account_under_the_same_key_is_equal() {
        let alice = [1; 16];
        let of = |keys: &Keys, account, text| Peppered::new(keys, account, &code(text));
        let hash = of(&keys(1), &alice, "3-7KQ2M-X4TPD-H9WC").hash(&KernelEntropy).unwrap();
        let equal = |keys: &Keys, account, text| of(keys, account, text).compare(&hash).is_equal();
        assert!(equal(&keys(1), &alice, "3-7KQ2M-X4TPD-H9WC"));
        assert!(!equal(&keys(1), &alice, "3-7KQ2M-X4TPD-H9WD"));
        assert!(!equal(&keys(1), &alice, "4-7KQ2M-X4TPD-H9WC"));
        assert!(!equal(&keys(1), &[2; 16], "3-7KQ2M-X4TPD-H9WC"));
        assert!(!equal(&keys(2), &alice, "3-7KQ2M-X4TPD-H9WC"));
    }

    #[test]
    fn a_hash_that_is_none_equals_nothing() {
        let peppered = Peppered::new(&keys(1), &[1; 16], &code("3-7KQ2M-X4TPD-H9WC"));
        for odd in [[0; LENGTH], [b'-'; LENGTH], [0xff; LENGTH]] {
            assert!(!peppered.compare(&odd).is_equal());
        }
    }
}
