//! PBKDF2 in the four forms `$pbkdf2-<digest>$<iterations>$<salt>$<key>` (RFC 8018 §5.2,
//! `contract/passwords.md` §1): the salt is literal text or, with `b64salt`, base64; the key is
//! padded base64 and its length is the length compared.

use ::pbkdf2::pbkdf2_hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::{SHORTEST_KEY_BYTES, Unusable};

/// The most iterations, times the blocks of the key: one to two seconds of one core, most with
/// SHA-512. The strongest common settings are Django's, about a million, and 1.3 million of SHA-1 for a
/// key of two blocks.
const MAX_ROUNDS: u64 = 3_000_000;

/// The longest salt that is hashed, in bytes; servers use 8 to 64. It is hashed anew for each block of the key, so
/// its length multiplies with that of the key and not with the iterations.
const MAX_SALT_BYTES: usize = 1024;

/// The longest key that is derived, in bytes; servers use 20 to 64.
const MAX_KEY_BYTES: usize = 1024;

/// A well-formed hash of bearable cost.
pub(super) struct Pbkdf2 {
    function: Function,
    iterations: u32,
    salt: Vec<u8>,
    expected: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Function {
    Sha1,
    Sha256,
    Sha512,
}

impl Function {
    fn block_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl Pbkdf2 {
    /// Takes `$pbkdf2-sha1$…` apart.
    pub(super) fn open_sha1(text: &str) -> Result<Self, Unusable> {
        Self::open(Function::Sha1, text, literal)
    }

    /// Takes `$pbkdf2-sha256$…` apart.
    pub(super) fn open_sha256(text: &str) -> Result<Self, Unusable> {
        Self::open(Function::Sha256, text, literal)
    }

    /// Takes `$pbkdf2-sha512$…` apart.
    pub(super) fn open_sha512(text: &str) -> Result<Self, Unusable> {
        Self::open(Function::Sha512, text, literal)
    }

    /// Takes `$pbkdf2-b64salt-sha256$…` apart.
    pub(super) fn open_b64salt_sha256(text: &str) -> Result<Self, Unusable> {
        Self::open(Function::Sha256, text, decode)
    }

    /// Takes the whole text apart: exactly four `$`.
    fn open(
        function: Function,
        text: &str,
        read_salt: fn(&str) -> Result<Vec<u8>, Unusable>,
    ) -> Result<Self, Unusable> {
        let fields: Vec<&str> = text.split('$').collect();
        let ["", _, iterations, salt, key] = fields[..] else { return Err(Unusable::Broken) };
        let iterations = iterations.parse().map_err(|_| Unusable::Broken)?;
        let (salt, expected) = (read_salt(salt)?, decode(key)?);
        if iterations == 0 || expected.len() < SHORTEST_KEY_BYTES {
            return Err(Unusable::Broken);
        }
        if salt.len() > MAX_SALT_BYTES || expected.len() > MAX_KEY_BYTES {
            return Err(Unusable::TooCostly);
        }
        let blocks = expected.len().div_ceil(function.block_bytes()) as u64;
        if u64::from(iterations) * blocks > MAX_ROUNDS {
            return Err(Unusable::TooCostly);
        }
        Ok(Self { function, iterations, salt, expected })
    }

    /// Derives the key from the password and compares.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        let mut made = vec![0; self.expected.len()];
        match self.function {
            Function::Sha1 => pbkdf2_hmac::<Sha1>(password, &self.salt, self.iterations, &mut made),
            Function::Sha256 => pbkdf2_hmac::<Sha256>(password, &self.salt, self.iterations, &mut made),
            Function::Sha512 => pbkdf2_hmac::<Sha512>(password, &self.salt, self.iterations, &mut made),
        }
        super::same(&made, &self.expected)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the sibling of a function that may fail")]
fn literal(salt: &str) -> Result<Vec<u8>, Unusable> {
    Ok(salt.as_bytes().to_vec())
}

fn decode(field: &str) -> Result<Vec<u8>, Unusable> {
    STANDARD.decode(field).map_err(|_| Unusable::Broken)
}

#[cfg(test)]
mod tests {
    use crate::domain::password::{PasswordHash, Unusable};

    /// RFC 7914 §11; the salt of the second one as base64, too.
    #[test]
    fn the_vectors_of_rfc_7914_match() {
        let keys = [
            "VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLxJypzM8Xm2RZkWZLOdd+8xfHG4RbHjC9UJESBB06GXgw==",
            "TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ==",
        ];
        for (text, password) in [
            (format!("$pbkdf2-sha256$1$salt${}", keys[0]), "passwd"),
            (format!("$pbkdf2-sha256$80000$NaCl${}", keys[1]), "Password"),
            (format!("$pbkdf2-b64salt-sha256$80000$TmFDbA==${}", keys[1]), "Password"),
        ] {
            let hash = PasswordHash::recognise(&text).unwrap();
            assert!(hash.verify(password) && !hash.verify("password"), "{text}");
        }
    }

    /// The SHA-1 keys are those of RFC 6070, those of SHA-256 and SHA-512 for 1 and 4096 rounds those of Python's
    /// own tests (`test_hashlib.py`); the others were made with `hashlib.pbkdf2_hmac`.
    #[test]
    fn the_vectors_of_rfc_6070_and_hashlib_match() {
        for text in [
            "$pbkdf2-sha1$1$salt$DGDID5YfDnHzqbUkr2ASBi/gN6Y=",
            "$pbkdf2-sha1$4096$salt$SwB5AbdlSJq+rUnZJvch0GWkKcE=",
            "$pbkdf2-sha256$1$salt$Eg+2z/z4syxD5yJSVsT4N6hlSMkszDVICAWYfLcL4Xs=",
            "$pbkdf2-sha256$4096$salt$xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o=",
            "$pbkdf2-sha512$1$salt$hn9wzxreAs/zdSWZo6U9xK80x6ZpgVrl1RNVThyM8lLALUcKKFoFAbrZmb/pQ8CPBQI119aLHaVeY/c7YKV/zg==",
            "$pbkdf2-sha512$4096$salt$0Zexsz2wFD4BixLz0dFHnmzevcyXxcD4f2kC4HL0V7UUPzBgJkGz1VzTNZiMs2uEN2Bg7NUy4Dm3QqI5Q0ry1Q==",
            "$pbkdf2-sha512$1000$salt$r+bFUweFtsxrHGRTOEcxvV7kMu5Un9Qv",
            "$pbkdf2-b64salt-sha256$1000$AAECAwQFBgcICQoLDA0ODw==$JeuGrMduQwGPGLmo+Qwv7UYtHHmeg9SK49fGkEamC2c=",
        ] {
            let hash = PasswordHash::recognise(text).unwrap();
            assert!(hash.verify("password"), "{text}");
            assert!(!hash.verify("passwor"), "{text}");
        }
    }

    #[test]
    fn what_is_not_whole_or_too_costly_matches_nothing() {
        let key = "DGDID5YfDnHzqbUkr2ASBi/gN6Y=";
        for (text, check) in [
            (format!("$pbkdf2-sha1$1$salt${key}$"), Err(Unusable::Broken)),
            (format!("$pbkdf2-sha1$0$salt${key}"), Err(Unusable::Broken)),
            (format!("$pbkdf2-sha1$-1$salt${key}"), Err(Unusable::Broken)),
            (format!("$pbkdf2-sha1$x$salt${key}"), Err(Unusable::Broken)),
            (format!("$pbkdf2-b64salt-sha256$1$sal${key}"), Err(Unusable::Broken)),
            ("$pbkdf2-sha1$1$salt$DGDID5YfDnHzqbUkr2ASBi/gN6Y".to_owned(), Err(Unusable::Broken)),
            ("$pbkdf2-sha1$1$salt$".to_owned(), Err(Unusable::Broken)),
            ("$pbkdf2-sha1$1$salt$DGDIDw==".to_owned(), Err(Unusable::Broken)),
            (format!("$pbkdf2-sha1$3000000$salt${key}"), Ok(())),
            (format!("$pbkdf2-sha1$3000001$salt${key}"), Err(Unusable::TooCostly)),
            (format!("$pbkdf2-sha1$4294967295$salt${key}"), Err(Unusable::TooCostly)),
            (format!("$pbkdf2-sha1$1000000$salt${}", "AAAA".repeat(20)), Ok(())),
            (format!("$pbkdf2-sha1$1000000$salt${}", "AAAA".repeat(21)), Err(Unusable::TooCostly)),
            (format!("$pbkdf2-sha1$1${}${key}", "s".repeat(1024)), Ok(())),
            (format!("$pbkdf2-sha1$1${}${key}", "s".repeat(1025)), Err(Unusable::TooCostly)),
            (format!("$pbkdf2-b64salt-sha256$1${}${key}", "AAAA".repeat(341)), Ok(())),
            (format!("$pbkdf2-b64salt-sha256$1${}${key}", "AAAA".repeat(342)), Err(Unusable::TooCostly)),
            (format!("$pbkdf2-sha512$1$salt${}", "AAAA".repeat(341)), Ok(())),
            (format!("$pbkdf2-sha512$1$salt${}", "AAAA".repeat(342)), Err(Unusable::TooCostly)),
        ] {
            assert_eq!(PasswordHash::recognise(&text).unwrap().check(), check, "{text}");
        }
    }
}
