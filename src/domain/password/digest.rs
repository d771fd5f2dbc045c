//! Bare digests `{MD5}`, `{SHA256}` and `{SHA512}`: compared as text, so that only lower-case hex
//! matches (`contract/passwords.md` §1). No salt, no cost: good for letting old hashes in, no more.

use md5::{Digest as _, Md5};
use sha2::{Sha256, Sha512};

use super::Unusable;

/// A digest of the right length and alphabet.
pub(super) struct Digest<'a> {
    function: fn(&[u8]) -> String,
    expected: &'a str,
}

impl<'a> Digest<'a> {
    /// Takes what follows `{MD5}`.
    pub(super) fn open_md5(expected: &'a str) -> Result<Self, Unusable> {
        Self::open(expected, 32, |password| hex::encode(Md5::digest(password)))
    }

    /// Takes what follows `{SHA256}`.
    pub(super) fn open_sha256(expected: &'a str) -> Result<Self, Unusable> {
        Self::open(expected, 64, |password| hex::encode(Sha256::digest(password)))
    }

    /// Takes what follows `{SHA512}`.
    pub(super) fn open_sha512(expected: &'a str) -> Result<Self, Unusable> {
        Self::open(expected, 128, |password| hex::encode(Sha512::digest(password)))
    }

    fn open(expected: &'a str, characters: usize, function: fn(&[u8]) -> String) -> Result<Self, Unusable> {
        let is_hex = expected.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_hex && expected.len() == characters {
            Ok(Self { function, expected })
        } else {
            Err(Unusable::Broken)
        }
    }

    /// Computes the digest of the password and compares.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        super::same((self.function)(password).as_bytes(), self.expected.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::password::PasswordHash;

    /// The digests of `abc`: RFC 1321 §A.5 and FIPS 180-4's examples.
    #[test]
    fn the_published_digests_match_in_lower_case_only() {
        for (prefix, digest) in [
            ("{MD5}", "900150983cd24fb0d6963f7d28e17f72"),
            ("{SHA256}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "{SHA512}",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            let lower = PasswordHash::recognise(&format!("{prefix}{digest}")).unwrap();
            assert!(lower.verify("abc"), "{prefix}");
            assert!(!lower.verify("abC"), "{prefix}");
            let upper = PasswordHash::recognise(&format!("{prefix}{}", digest.to_uppercase())).unwrap();
            assert!(!upper.verify("abc"), "{prefix}");
            let longer = PasswordHash::recognise(&format!("{prefix}{digest}0")).unwrap();
            assert!(!longer.verify("abc"), "{prefix}");
        }
    }
}
