//! yescrypt, `$y$<parameters>$<salt>$<hash>`, the default of current Linux distributions. Read are the
//! hashes that libxcrypt makes: its flavour, no extra time, with a bound on memory.

use ::yescrypt::{Mode, Params, PasswordVerifier, Yescrypt as Function};

use super::{CRYPT_PASSWORD_BYTES, Unusable};

/// The most memory, 128 MiB: libxcrypt's cost 8; the default, cost 5, takes 16 MiB.
const MAX_MEMORY_BYTES: u64 = 128 * 1024 * 1024;

/// The most lanes; libxcrypt always writes one.
const MAX_LANES: u32 = 16;

/// The length of the encoded hash of 32 bytes.
const HASH_CHARACTERS: usize = 43;

/// The longest salt: 64 bytes.
const MAX_SALT_CHARACTERS: usize = 86;

/// A well-formed hash of bearable cost.
pub(super) struct Yescrypt<'a>(&'a str);

impl<'a> Yescrypt<'a> {
    /// Looks at the parts of the whole text.
    pub(super) fn open(text: &'a str) -> Result<Self, Unusable> {
        let fields: Vec<&str> = text.split('$').collect();
        let ["", "y", params, salt, hash] = fields[..] else { return Err(Unusable::Broken) };
        if salt.is_empty() || salt.len() > MAX_SALT_CHARACTERS || hash.len() != HASH_CHARACTERS {
            return Err(Unusable::Broken);
        }
        let params: Params = params.parse().map_err(|_| Unusable::Broken)?;
        let memory = params.n().checked_mul(u64::from(params.r()) * 128);
        if memory.is_none_or(|bytes| bytes > MAX_MEMORY_BYTES) || params.p() > MAX_LANES {
            return Err(Unusable::TooCostly);
        }
        // The crate tells neither flavour nor extra time: parameters built from the rest alone
        // are equal to those read only if both have their defaults.
        match Params::new(Mode::default(), params.n(), params.r(), params.p()) {
            Ok(plain) if plain == params => Ok(Self(text)),
            Ok(_) | Err(_) => Err(Unusable::Broken),
        }
    }

    /// Computes the hash of the password and compares.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        password.len() <= CRYPT_PASSWORD_BYTES
            && Function::default().verify_password(password, self.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::password::{PasswordHash, Unusable};

    /// `TESTS-OK` of Openwall's yescrypt, all for one password; those that this server takes and that are cheap.
    #[test]
    fn the_vectors_of_openwall_match() {
        for text in [
            "$y$j80$LdJMENpBABJJ3h2$ysXVVJwuaVlI1BWoEKt/Bz3WNDDmdOWz/8KTQaHL1cC",
            "$y$j5..3$LdJMENpBAB3$xi27PTUNd8NsChHeLOz85JFnUOyibRHkWzprowRlR5/",
            "$y$j4/$LdJMENpBA/$tHlkpTQ8V/eEnTVau1uW36T97LIXlfPrEzdeV5SE5K7",
            "$y$j2..1$LdJME/$iLEt6kuTwHch6XdCxtTHfsQzYwWFmpUwgl6Ax8RH4d1",
        ] {
            let hash = PasswordHash::recognise(text).unwrap();
            assert!(hash.verify("pleaseletmein"), "{text}: {:?}", hash.check());
            assert!(!hash.verify("pleaseletme"), "{text}");
        }
    }

    /// Made with libxcrypt 4.4.33.
    #[test]
    fn the_hashes_of_libxcrypt_match() {
        for (text, password) in [
            ("$y$j9T$F5Jx5fExrKuPp53xLKQ..1$dcdi.Kj3Y1NH3BK2uZ3cZVoROm5iiTxn1keRYFNoCOA", "pleaseletmein"),
            ("$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC", "password"),
            ("$y$j75$abcd$NNGEoZ6nTRgOzg5zcLByPFuTsh/P0Eq.gTHTG3F3Hq4", "pleaseletmein"),
            ("$y$j75$abcd$eCNABnCYh9Yg4ibb.2WZzfD1Qm8EmjGIsb4F81qkaL2", ""),
            ("$y$j85$abcdefghijklmnopqrstu/$kvfL6CMtdS8QCxOtbUK6PQNe3rrB9ub8dIlVTQ8cYHD", "pleaseletmein"),
            ("$y$j7T.0$abcdefghijklmnopqrstu/$axYBt/nehbaurYed7e.z5cEFptDI6F4ywfdwdaFLmb1", "pleaseletmein"),
        ] {
            let hash = PasswordHash::recognise(text).unwrap();
            assert!(hash.verify(password), "{text}");
            assert!(!hash.verify("pleaseletme"), "{text}");
        }
    }

    #[test]
    fn costs_that_would_stall_the_server_are_not_computed() {
        let rest = "$F5Jx5fExrKuPp53xLKQ..1$dcdi.Kj3Y1NH3BK2uZ3cZVoROm5iiTxn1keRYFNoCOA";
        for (params, check) in [
            ("j9T", Ok(())),
            ("jCT", Ok(())),
            ("jDT", Err(Unusable::TooCostly)),
            ("jzT", Err(Unusable::Broken)),
            ("jxT", Err(Unusable::Broken)),
            ("j9T/zzzzz", Err(Unusable::Broken)),
            ("./A", Err(Unusable::Broken)),
            ("j9T.5", Ok(())),
            ("j9T.D", Err(Unusable::TooCostly)),
            ("j9T/.", Err(Unusable::Broken)),
            ("", Err(Unusable::Broken)),
        ] {
            let hash = PasswordHash::recognise(&format!("$y${params}{rest}")).unwrap();
            assert_eq!(hash.check(), check, "{params}");
        }
    }
}
