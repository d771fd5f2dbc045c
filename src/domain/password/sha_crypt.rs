//! sha256-crypt `$5$` and sha512-crypt `$6$` of crypt(3): `[rounds=N$]<salt>$<hash>`, after Ulrich
//! Drepper's specification. The rounds come from the `sha-crypt` crate; reading the text is done
//! here, because that crate takes a `rounds=` out of range for a salt.

use ::sha_crypt::{Params, sha256_crypt, sha512_crypt};

use super::{CRYPT_PASSWORD_BYTES, Unusable, crypt64};

/// Rounds when the text names none.
const DEFAULT_ROUNDS: u32 = 5_000;

/// The most rounds: one to two seconds of one core. Common libraries use up to 656 000; the text could ask for
/// 999 999 999.
const MAX_ROUNDS: u32 = 2_000_000;

/// The most rounds, times the bytes hashed in one: as much as 656 000 rounds cost with the longest password, and
/// 2 000 000 with one of 81 bytes. Each round hashes the whole password, so neither bound is enough alone.
const MAX_WORK: u64 = 656_000 * (CRYPT_PASSWORD_BYTES as u64 + BYTES_BESIDE_PASSWORD);

/// What a round hashes beside the password, about: the salt, the digest before, the padding.
const BYTES_BESIDE_PASSWORD: u64 = 128;

/// The salt's length; what follows is ignored, as the specification says.
const SALT_BYTES: usize = 16;

const SHA256_CHARACTERS: usize = 43;
const SHA512_CHARACTERS: usize = 86;

const SHA256_ORDER: [usize; 32] = [
    20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3, 14, 4, 24, 5, 25, 15, 26, 16, 6, 17, 7, 27, 8, 28, 18, 29,
    19, 9, 30, 31,
];

const SHA512_ORDER: [usize; 64] = [
    42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3, 4, 46, 25, 26, 5, 47, 48, 27, 6, 7, 49, 28, 29, 8, 50, 51,
    30, 9, 10, 52, 31, 32, 11, 53, 54, 33, 12, 13, 55, 34, 35, 14, 56, 57, 36, 15, 16, 58, 37, 38, 17, 59,
    60, 39, 18, 19, 61, 40, 41, 20, 62, 63,
];

/// A well-formed hash of bearable cost.
pub(super) struct ShaCrypt<'a> {
    function: Function,
    rounds: u32,
    salt: &'a [u8],
    expected: &'a str,
}

#[derive(Clone, Copy)]
enum Function {
    Sha256,
    Sha512,
}

impl<'a> ShaCrypt<'a> {
    /// Takes apart what follows `$5$`.
    pub(super) fn open_sha256(rest: &'a str) -> Result<Self, Unusable> {
        Self::open(Function::Sha256, rest)
    }

    /// Takes apart what follows `$6$`.
    pub(super) fn open_sha512(rest: &'a str) -> Result<Self, Unusable> {
        Self::open(Function::Sha512, rest)
    }

    fn open(function: Function, rest: &'a str) -> Result<Self, Unusable> {
        let (rounds, rest) = match rest.strip_prefix("rounds=") {
            Some(rest) => {
                let (rounds, rest) = rest.split_once('$').ok_or(Unusable::Broken)?;
                (rounds.parse::<u32>().map_err(|_| Unusable::Broken)?, rest)
            }
            None => (DEFAULT_ROUNDS, rest),
        };
        let (salt, expected) = rest.split_once('$').ok_or(Unusable::Broken)?;
        let characters = match function {
            Function::Sha256 => SHA256_CHARACTERS,
            Function::Sha512 => SHA512_CHARACTERS,
        };
        if expected.len() != characters {
            return Err(Unusable::Broken);
        }
        if rounds > MAX_ROUNDS {
            return Err(Unusable::TooCostly);
        }
        // Fewer rounds than the least are raised to it, as the specification says.
        let rounds = rounds.max(Params::ROUNDS_MIN);
        let salt = &salt.as_bytes()[..salt.len().min(SALT_BYTES)];
        Ok(Self { function, rounds, salt, expected })
    }

    /// Computes the hash of the password and compares.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        if !self.is_bearable(password) {
            return false;
        }
        let Ok(rounds) = Params::new(self.rounds) else { return false };
        let made = match self.function {
            Function::Sha256 => crypt64::encode(&sha256_crypt(password, self.salt, rounds), &SHA256_ORDER),
            Function::Sha512 => crypt64::encode(&sha512_crypt(password, self.salt, rounds), &SHA512_ORDER),
        };
        super::same(made.as_bytes(), self.expected.as_bytes())
    }

    /// Whether the hash of this password is cheap enough to be computed.
    fn is_bearable(&self, password: &[u8]) -> bool {
        password.len() <= CRYPT_PASSWORD_BYTES
            && u64::from(self.rounds) * (password.len() as u64 + BYTES_BESIDE_PASSWORD) <= MAX_WORK
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::password::{PasswordHash, Unusable};

    const LONG: &str = "a very much longer text to encrypt.  This one even stretches over morethan one line.";
    const LEAST: &str = "the minimum number is still observed";

    /// Salts and passwords of Drepper's specification ("Unix crypt using SHA-256 and SHA-512"), hashes
    /// made with libxcrypt 4.4.33.
    #[test]
    fn the_vectors_of_the_specification_match() {
        for (text, password) in [
            ("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"),
            ("$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA", "Hello world!"),
            ("$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1", LONG),
            ("$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC", LEAST),
            (
                "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
                "Hello world!",
            ),
            (
                "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
                "Hello world!",
            ),
            (
                "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1",
                LONG,
            ),
            (
                "$6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.",
                LEAST,
            ),
        ] {
            let hash = PasswordHash::recognise(text).unwrap();
            assert!(hash.verify(password), "{text}");
            assert!(!hash.verify("Hello world"), "{text}");
        }
    }

    #[test]
    fn too_few_rounds_are_raised_and_a_long_salt_is_cut() {
        for (text, password) in [
            ("$5$rounds=10$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC", LEAST),
            (
                "$5$rounds=10000$saltstringsaltstring$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
                "Hello world!",
            ),
        ] {
            assert!(PasswordHash::recognise(text).unwrap().verify(password), "{text}");
        }
    }

    #[test]
    fn rounds_that_would_stall_the_server_are_not_computed() {
        let rest = "$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC";
        for (rounds, check) in [
            ("656000", Ok(())),
            ("2000000", Ok(())),
            ("2000001", Err(Unusable::TooCostly)),
            ("999999999", Err(Unusable::TooCostly)),
            ("99999999999", Err(Unusable::Broken)),
            ("-1", Err(Unusable::Broken)),
            ("", Err(Unusable::Broken)),
        ] {
            let hash = PasswordHash::recognise(&format!("$5$rounds={rounds}{rest}")).unwrap();
            assert_eq!(hash.check(), check, "{rounds}");
        }
    }

    #[test]
    fn the_more_rounds_the_shorter_the_password_that_is_hashed() {
        let rest = "$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC";
        for (rounds, longest) in [(5_000, 512), (656_000, 512), (1_000_000, 291), (2_000_000, 81)] {
            let text = format!("rounds={rounds}{rest}");
            let hash = super::ShaCrypt::open_sha256(&text).unwrap();
            assert!(hash.is_bearable(&vec![b'x'; longest]), "{rounds}");
            assert!(!hash.is_bearable(&vec![b'x'; longest + 1]), "{rounds}");
        }
    }

    #[test]
    fn a_very_long_password_is_not_hashed() {
        let hash = PasswordHash::recognise(
            "$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC",
        );
        assert!(!hash.unwrap().verify(&"x".repeat(10_000_000)));
    }
}
