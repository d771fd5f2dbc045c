//! bcrypt under its names `$2a$`, `$2b$` and `$2y$`: the crate's function, with a bound on the cost.

use ::bcrypt::{HashParts, Version};

use super::Unusable;
use crate::random;

/// The highest cost that is computed: about two seconds of one core. Installations use 10 to 14.
pub(super) const MAX_COST: u32 = 15;

/// The lowest cost that bcrypt knows.
pub(super) const MIN_COST: u32 = 4;

/// What bcrypt can tell apart: it ignores what follows these many bytes.
pub(super) const PASSWORD_BYTES: usize = 72;

/// A well-formed hash of bearable cost.
pub(super) struct Bcrypt(HashParts);

impl Bcrypt {
    /// Takes the whole text apart: `$2a$<cost>$<salt><hash>`.
    pub(super) fn open(text: &str) -> Result<Self, Unusable> {
        let parts: HashParts = text.parse().map_err(|_| Unusable::Broken)?;
        match parts.get_cost() {
            0..MIN_COST => Err(Unusable::Broken),
            MIN_COST..=MAX_COST => Ok(Self(parts)),
            _ => Err(Unusable::TooCostly),
        }
    }

    /// The cost: each one more is twice the work.
    pub(super) fn cost(&self) -> u32 {
        self.0.get_cost()
    }

    /// Compares by the first 72 bytes, as did whoever made the hash.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let expected = self.0.format_for_version(Version::TwoA);
        ::bcrypt::hash_with_salt(password, self.0.get_cost(), self.0.get_salt_raw()).is_ok_and(|made| {
            super::same(made.format_for_version(Version::TwoA).as_bytes(), expected.as_bytes())
        })
    }
}

/// Hashes with a fresh salt, in the form `$2a$` that every server reads.
///
/// # Errors
/// When the cost is out of range.
pub(super) fn hash(password: &str, cost: u32) -> Result<String, ::bcrypt::BcryptError> {
    let made = ::bcrypt::hash_with_salt(password, cost, random::bytes())?;
    Ok(made.format_for_version(Version::TwoA))
}

#[cfg(test)]
mod tests {
    use crate::domain::password::{PasswordHash, Unusable};

    /// The first two stand in Openwall's own tests (`crypt_blowfish`, `wrapper.c`), the others were made with
    /// libxcrypt 4.4.33.
    #[test]
    fn the_hashes_of_openwall_and_libxcrypt_match() {
        for (text, password) in [
            ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
            ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", ""),
            ("$2b$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm", "password"),
            ("$2y$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm", "password"),
        ] {
            let hash = PasswordHash::recognise(text).unwrap();
            assert!(hash.verify(password), "{text}");
            assert!(!hash.verify("U*U*"), "{text}");
        }
    }

    /// Made with libxcrypt 4.4.33 from 36 and from 40 times `ü`, two bytes each.
    #[test]
    fn a_stored_hash_is_compared_by_the_72_bytes_it_holds() {
        let text = "$2b$04$abcdefghijklmnopqrstuuOpC9dTG2WsKNcYAQYyllT7OMl4pRk1S";
        let hash = PasswordHash::recognise(text).unwrap();
        assert!(hash.verify(&"ü".repeat(36)));
        assert!(hash.verify(&"ü".repeat(40)));
        assert!(!hash.verify(&"ü".repeat(35)));
    }

    #[test]
    fn a_cost_that_would_stall_the_server_is_not_computed() {
        let rest = "$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm";
        for (cost, check) in [
            ("00", Err(Unusable::Broken)),
            ("03", Err(Unusable::Broken)),
            ("04", Ok(())),
            ("15", Ok(())),
            ("16", Err(Unusable::TooCostly)),
            ("31", Err(Unusable::TooCostly)),
            ("xx", Err(Unusable::Broken)),
        ] {
            let hash = PasswordHash::recognise(&format!("$2a${cost}{rest}")).unwrap();
            assert_eq!(hash.check(), check, "{cost}");
        }
    }
}
