//! md5-crypt, `$1$<salt>$<hash>`, and Apache's variant `$apr1$`, which differs in the name mixed in.
//! Written after the published description of the algorithm of FreeBSD 2.0; only good for letting old
//! hashes in.

use md5::{Digest, Md5};

use super::{CRYPT_PASSWORD_BYTES, Unusable, crypt64};

/// The salt's length; what follows is ignored by every implementation.
const SALT_BYTES: usize = 8;

/// The length of the encoded digest.
const HASH_CHARACTERS: usize = 22;

/// The order in which the digest's bytes are written.
const ORDER: [usize; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

/// A well-formed hash; its cost is fixed.
pub(super) struct Md5Crypt<'a> {
    prefix: &'static str,
    salt: &'a [u8],
    expected: &'a str,
}

impl<'a> Md5Crypt<'a> {
    /// Takes apart what follows the prefix.
    pub(super) fn open(prefix: &'static str, rest: &'a str) -> Result<Self, Unusable> {
        let (salt, expected) = rest.split_once('$').ok_or(Unusable::Broken)?;
        if expected.len() != HASH_CHARACTERS {
            return Err(Unusable::Broken);
        }
        let salt = &salt.as_bytes()[..salt.len().min(SALT_BYTES)];
        Ok(Self { prefix, salt, expected })
    }

    /// Computes the hash of the password and compares.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        password.len() <= CRYPT_PASSWORD_BYTES
            && super::same(self.hash(password).as_bytes(), self.expected.as_bytes())
    }

    fn hash(&self, password: &[u8]) -> String {
        let inner = Md5::new_with_prefix(password).chain_update(self.salt).chain_update(password).finalize();
        let mut outer = Md5::new_with_prefix(password).chain_update(self.prefix).chain_update(self.salt);
        for chunk in password.chunks(inner.len()) {
            outer.update(&inner[..chunk.len()]);
        }
        let mut bits = password.len();
        while bits > 0 {
            // A zero for each one, the first character for each zero: an oversight of 1994, kept for ever.
            outer.update(if bits & 1 == 1 { &[0] } else { &password[..1] });
            bits >>= 1;
        }
        let mut digest = outer.finalize();
        for round in 0..1000 {
            let mut next = Md5::new();
            let odd = round % 2 == 1;
            next.update(if odd { password } else { &digest });
            if round % 3 != 0 {
                next.update(self.salt);
            }
            if round % 7 != 0 {
                next.update(password);
            }
            next.update(if odd { &digest } else { password });
            digest = next.finalize();
        }
        crypt64::encode(&digest, &ORDER)
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::password::{PasswordHash, Unusable};

    /// The first of each kind stands in the manual page openssl-passwd(1); the others were made with libxcrypt 4.4.33
    /// (`$1$`) and `openssl passwd` 3.0 (`$apr1$` and the one before them).
    #[test]
    fn the_hashes_of_libxcrypt_and_openssl_match() {
        for (text, password) in [
            ("$1$xxxxxxxx$UYCIxa628.9qXjpQCjM4a.", "password"),
            ("$apr1$xxxxxxxx$dxHfLAsjHkDRmG83UXe8K0", "password"),
            ("$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", "password"),
            ("$1$ab$rn6aQS/o7141mj179E/zA.", ""),
            ("$1$x/y.z012$RXv2et4qRfsTNgRmlIioS1", "Ⓗello wörld, a longer one"),
            ("$1$x.y/z012$uZqoiEhzzEpaH59rM4CJN.", "Hello world, a longer one"),
            ("$apr1$abcdefgh$FBwExRW4dCc8aL.OvjpIE1", "password"),
            ("$apr1$ab$S8K6Sgp3W8c9Jb6LxgywZ.", ""),
            ("$apr1$x.y/z012$PJ/PcGWp/5HE.Ls1JGEa2.", "Hello world, a longer one"),
        ] {
            let hash = PasswordHash::recognise(text).unwrap();
            assert!(hash.verify(password), "{text}");
            assert!(!hash.verify("Hello world"), "{text}");
        }
    }

    #[test]
    fn the_salt_ends_after_eight_characters() {
        let hash = PasswordHash::recognise("$1$saltsaltXY$qjXMvbEw8oaL.CzflDtaK/").unwrap();
        assert!(hash.verify("password"));
    }

    #[test]
    fn a_hash_of_another_length_is_broken() {
        for text in
            ["$1$saltsalt$", "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK", "$1$qjXMvbEw8oaL.CzflDtaK/", "$apr1$"]
        {
            assert_eq!(PasswordHash::recognise(text).unwrap().check(), Err(Unusable::Broken), "{text}");
        }
    }

    #[test]
    fn a_very_long_password_is_not_hashed() {
        let hash = PasswordHash::recognise("$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/").unwrap();
        assert!(!hash.verify(&"x".repeat(10_000_000)));
    }
}
