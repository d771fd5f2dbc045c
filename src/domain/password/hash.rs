//! A recognised hash and what may be asked of it. The prefix alone decides what counts as a hash
//! (`contract/passwords.md` §1); a broken one is stored as sent and matches no password.

use std::borrow::Cow;
use std::fmt;

use super::{HashingScheme, NewPassword, argon2, bcrypt, digest, md5_crypt, pbkdf2, sha_crypt, yescrypt};
use crate::error::Invalid;

/// The families of hashes that usersd can check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// bcrypt: `$2a$`, `$2b$` and `$2y$`, three names of one function.
    Bcrypt,
    /// Argon2id as a PHC string.
    Argon2id,
    /// PBKDF2-HMAC-SHA1, literal salt.
    Pbkdf2Sha1,
    /// PBKDF2-HMAC-SHA256, literal salt.
    Pbkdf2Sha256,
    /// PBKDF2-HMAC-SHA512, literal salt.
    Pbkdf2Sha512,
    /// PBKDF2-HMAC-SHA256 with the salt in base64.
    Pbkdf2B64SaltSha256,
    /// md5-crypt of crypt(3).
    Md5Crypt,
    /// The variant of md5-crypt that Apache's htpasswd makes.
    Apr1,
    /// sha256-crypt of crypt(3).
    Sha256Crypt,
    /// sha512-crypt of crypt(3).
    Sha512Crypt,
    /// yescrypt of crypt(3).
    Yescrypt,
    /// A bare MD5 digest in lower-case hex.
    Md5,
    /// A bare SHA-256 digest in lower-case hex.
    Sha256,
    /// A bare SHA-512 digest in lower-case hex.
    Sha512,
}

/// Prefix ⇄ scheme; no prefix begins with another, so the order does not matter.
const PREFIXES: [(&str, Scheme); 16] = [
    ("$2a$", Scheme::Bcrypt),
    ("$2b$", Scheme::Bcrypt),
    ("$2y$", Scheme::Bcrypt),
    ("$argon2id$", Scheme::Argon2id),
    ("$pbkdf2-sha1$", Scheme::Pbkdf2Sha1),
    ("$pbkdf2-sha256$", Scheme::Pbkdf2Sha256),
    ("$pbkdf2-sha512$", Scheme::Pbkdf2Sha512),
    ("$pbkdf2-b64salt-sha256$", Scheme::Pbkdf2B64SaltSha256),
    ("$1$", Scheme::Md5Crypt),
    ("$apr1$", Scheme::Apr1),
    ("$5$", Scheme::Sha256Crypt),
    ("$6$", Scheme::Sha512Crypt),
    ("$y$", Scheme::Yescrypt),
    ("{MD5}", Scheme::Md5),
    ("{SHA256}", Scheme::Sha256),
    ("{SHA512}", Scheme::Sha512),
];

/// The longest hash that is taken or computed. Real ones have at most some 200 bytes, 4 KiB leave room for any salt
/// and key; what is longer only costs memory and time.
const MAX_BYTES: usize = 4096;

/// Why no password at all can match a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// What follows the prefix is not a hash of its scheme.
    #[error("the password hash is malformed")]
    Broken,
    /// Checking it would take more time or memory than a server may be made to spend.
    #[error("the password hash asks for more work than this server does")]
    TooCostly,
}

/// A hash as it was sent or made; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    scheme: Scheme,
    text: String,
}

impl PasswordHash {
    /// Takes a text that begins like a hash, for users; `None` means that it is plain text.
    ///
    /// Follows `contract/passwords.md` §1, with `$2b$` and `$2y$` as `contract/differences.md` §1.
    pub fn recognise(text: &str) -> Option<Self> {
        let (_, scheme) = PREFIXES.iter().find(|(prefix, _)| text.starts_with(prefix))?;
        Some(Self { scheme: *scheme, text: text.to_owned() })
    }

    /// Takes a text that begins like a hash, for admins and API keys: bcrypt and Argon2id only.
    pub fn recognise_strong(text: &str) -> Option<Self> {
        Self::recognise(text).filter(|hash| matches!(hash.scheme, Scheme::Bcrypt | Scheme::Argon2id))
    }

    /// Holds a hash that somebody sends to the greatest length, 4096 bytes; `member` says where it stood.
    ///
    /// A stored one is never refused: where it is longer, no password is right, see [`PasswordHash::check`].
    ///
    /// # Errors
    /// When it is longer.
    pub fn within_bounds(self, member: &str) -> Result<Self, Invalid> {
        if self.text.len() <= MAX_BYTES {
            return Ok(self);
        }
        Err(Invalid::new(format!("{member}: a password hash may have at most {MAX_BYTES} bytes")))
    }

    /// A hash that [`HashingScheme`] has just made.
    pub(super) fn made(scheme: Scheme, text: String) -> Self {
        Self { scheme, text }
    }

    /// The family it belongs to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The hash as it was sent or made: for storing it and for the confidential view.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The hash for other servers, which may know bcrypt under the name `$2a$` only.
    pub fn exported(&self) -> Cow<'_, str> {
        match self.text.strip_prefix("$2b$").or_else(|| self.text.strip_prefix("$2y$")) {
            Some(rest) => Cow::Owned(format!("$2a${rest}")),
            None => Cow::Borrowed(&self.text),
        }
    }

    /// Whether this is the hash of the password; takes as long as the hash was meant to take.
    ///
    /// A hash that is broken or too costly matches nothing, at once.
    pub fn verify(&self, password: &str) -> bool {
        self.open().is_ok_and(|opened| opened.matches(password.as_bytes()))
    }

    /// Tells why no password can match this hash, without computing it.
    ///
    /// # Errors
    /// [`Unusable`] when it is malformed or too costly.
    pub fn check(&self) -> Result<(), Unusable> {
        self.open().map(|_| ())
    }

    /// Whether it may cost less work than a hash that this scheme makes: so does one of lower costs, and so may one
    /// of another family.
    pub fn costs_less_than(&self, scheme: &HashingScheme) -> bool {
        match self.open() {
            Ok(Opened::Bcrypt(hash)) => !scheme.is_reached_by_bcrypt(hash.cost()),
            Ok(Opened::Argon2id(hash)) => !scheme.is_reached_by_argon2id(hash.work_kib()),
            Ok(
                Opened::Pbkdf2(_)
                | Opened::Md5Crypt(_)
                | Opened::ShaCrypt(_)
                | Opened::Yescrypt(_)
                | Opened::Digest(_),
            )
            | Err(_) => true,
        }
    }

    /// Whether a login should replace it by a hash of the family in use (`contract/passwords.md` §4);
    /// another cost of the same family is left alone.
    ///
    /// bcrypt has compared 72 bytes and says nothing of what follows them: a longer password is not taken over, for
    /// it may be another one than the owner's.
    pub fn needs_conversion(&self, to: &HashingScheme, password: &NewPassword) -> bool {
        let is_proved = self.scheme != Scheme::Bcrypt || password.expose().len() <= bcrypt::PASSWORD_BYTES;
        self.scheme != to.scheme() && is_proved
    }

    fn open(&self) -> Result<Opened<'_>, Unusable> {
        if self.text.len() > MAX_BYTES {
            return Err(Unusable::TooCostly);
        }
        let rest = |prefix: &str| self.text.strip_prefix(prefix).ok_or(Unusable::Broken);
        Ok(match self.scheme {
            Scheme::Bcrypt => Opened::Bcrypt(bcrypt::Bcrypt::open(&self.text)?),
            Scheme::Argon2id => Opened::Argon2id(argon2::Argon2id::open(rest("$argon2id$")?)?),
            Scheme::Pbkdf2Sha1 => Opened::Pbkdf2(pbkdf2::Pbkdf2::open_sha1(&self.text)?),
            Scheme::Pbkdf2Sha256 => Opened::Pbkdf2(pbkdf2::Pbkdf2::open_sha256(&self.text)?),
            Scheme::Pbkdf2Sha512 => Opened::Pbkdf2(pbkdf2::Pbkdf2::open_sha512(&self.text)?),
            Scheme::Pbkdf2B64SaltSha256 => Opened::Pbkdf2(pbkdf2::Pbkdf2::open_b64salt_sha256(&self.text)?),
            Scheme::Md5Crypt => Opened::Md5Crypt(md5_crypt::Md5Crypt::open("$1$", rest("$1$")?)?),
            Scheme::Apr1 => Opened::Md5Crypt(md5_crypt::Md5Crypt::open("$apr1$", rest("$apr1$")?)?),
            Scheme::Sha256Crypt => Opened::ShaCrypt(sha_crypt::ShaCrypt::open_sha256(rest("$5$")?)?),
            Scheme::Sha512Crypt => Opened::ShaCrypt(sha_crypt::ShaCrypt::open_sha512(rest("$6$")?)?),
            Scheme::Yescrypt => Opened::Yescrypt(yescrypt::Yescrypt::open(&self.text)?),
            Scheme::Md5 => Opened::Digest(digest::Digest::open_md5(rest("{MD5}")?)?),
            Scheme::Sha256 => Opened::Digest(digest::Digest::open_sha256(rest("{SHA256}")?)?),
            Scheme::Sha512 => Opened::Digest(digest::Digest::open_sha512(rest("{SHA512}")?)?),
        })
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({:?}, redacted)", self.scheme)
    }
}

/// A hash taken apart and found usable.
enum Opened<'a> {
    Bcrypt(bcrypt::Bcrypt),
    Argon2id(argon2::Argon2id),
    Pbkdf2(pbkdf2::Pbkdf2),
    Md5Crypt(md5_crypt::Md5Crypt<'a>),
    ShaCrypt(sha_crypt::ShaCrypt<'a>),
    Yescrypt(yescrypt::Yescrypt<'a>),
    Digest(digest::Digest<'a>),
}

impl Opened<'_> {
    fn matches(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt(hash) => hash.matches(password),
            Self::Argon2id(hash) => hash.matches(password),
            Self::Pbkdf2(hash) => hash.matches(password),
            Self::Md5Crypt(hash) => hash.matches(password),
            Self::ShaCrypt(hash) => hash.matches(password),
            Self::Yescrypt(hash) => hash.matches(password),
            Self::Digest(hash) => hash.matches(password),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash(text: &str) -> PasswordHash {
        PasswordHash::recognise(text).unwrap_or_else(|| panic!("{text} is not recognised"))
    }

    #[test]
    fn the_prefix_alone_decides_what_is_a_hash() {
        for (prefix, scheme) in PREFIXES {
            let text = format!("{prefix}nonsense");
            assert_eq!(hash(&text).scheme(), scheme, "{prefix}");
            assert_eq!(hash(&text).expose(), text);
            assert!(PasswordHash::recognise(&prefix[..prefix.len() - 1]).is_none(), "{prefix} cut");
            let strong = matches!(scheme, Scheme::Bcrypt | Scheme::Argon2id);
            assert_eq!(PasswordHash::recognise_strong(&text).is_some(), strong, "{prefix}");
        }
        let plain =
            ["", "x", "$", "$2$", "$2x$10$", "$argon2i$", "$argon2d$", "{SHA}", "{SSHA}", "{CRYPT}", "{md5}"];
        for text in plain.into_iter().chain(["$scrypt$", "$7$", "$x$y", " $2a$10$", "$pbkdf2-sha224$"]) {
            assert!(PasswordHash::recognise(text).is_none(), "{text:?}");
        }
    }

    /// Hashes of the word `password`, as recorded in `conformance/cases/passwords.json`.
    #[test]
    fn the_recorded_hashes_match_their_password_and_no_other() {
        let recorded = [
            "$2a$10$M4cv3AWzoO3TZQQ91FtVwuPE8b.a1QlTFT9MWXHEo24y/4TvlFPUq",
            "$2y$10$APcMA36ND0MAMaefm.QJuOtIQ2VACeW9AHIj2r3SI/45BVnTDyq/S",
            "$argon2id$v=19$m=8192,t=1,p=1$fC1j5f0gROVsK9x/PhA9gg$d4IxqHw4t/Yx24QqNuBkkIK0ey3o0ODD9MPnxTK2g1w",
            "$pbkdf2-sha1$1000$E86a9YMX3zC7$WB0NoYmaP6aG9Zyj84x863JZtHI=",
            "$pbkdf2-sha256$1000$E86a9YMX3zC7$8Rbu9K72rKgZYxNIMgWjvA2u7l9i/qhEv+APDjQLyUI=",
            "$6$rounds=1000$abcdefgh$wuAp2XWwaaguzVxZjeM2bd1yLSqbC/I9sr9DFeOfIPoAZiIj3ecL6rf9ibuAg8RDmh1vqbaeL0NSLJtGPF7b60",
            "$6$abcdefgh$yVfUwsw5T.JApa8POvClA1pQ5peiq97DUNyXCZN5IrF.BMSkiaLQ5kvpuEm/VQ1Tvh/KV2TcaWh8qinoW5dhA1",
            "$apr1$abcdefgh$FBwExRW4dCc8aL.OvjpIE1",
            "$y$j9T$abcdefghijklmnopqrstu1$JhicGH8FLOLAo.PIcdNLaoQ.1C32WhFBXZlTgIthWO8",
            "{MD5}5f4dcc3b5aa765d61d8327deb882cf99",
            "{SHA512}b109f3bbbc244eb82441917ed06d618b9008dd09b3befd1b5e07394c706a8bb980b1d7785e5976ec049b46df5f1326af5a2ea6d103fd07c95385ffab0cacbc86",
        ];
        for text in recorded {
            assert!(hash(text).verify("password"), "{text}");
            assert!(!hash(text).verify("Password"), "{text}");
            assert!(!hash(text).verify(text), "{text}");
        }
    }

    #[test]
    fn a_broken_hash_matches_nothing() {
        for (prefix, _) in PREFIXES {
            for rest in
                ["", "$", "$$", "$$$$", "x", "10$", "1$$", "1000$salt$", "j9T$$", "v=19$m=8,t=1,p=1$$"]
            {
                let hash = hash(&format!("{prefix}{rest}"));
                assert!(!hash.verify(""), "{prefix}{rest}");
                assert!(!hash.verify("password"), "{prefix}{rest}");
                assert_eq!(hash.check(), Err(Unusable::Broken), "{prefix}{rest}");
            }
        }
    }

    #[test]
    fn a_hash_of_any_kind_has_a_greatest_length() {
        for (prefix, _) in PREFIXES {
            let of_length = |length: usize| hash(&format!("{prefix}{}", "x".repeat(length - prefix.len())));
            assert!(of_length(MAX_BYTES).within_bounds("password").is_ok(), "{prefix}");
            let long = of_length(MAX_BYTES + 1);
            assert_eq!(long.check(), Err(Unusable::TooCostly), "{prefix}");
            let why = long.within_bounds("password").unwrap_err().to_string();
            assert_eq!(why, "password: a password hash may have at most 4096 bytes");
        }
    }

    #[test]
    fn only_the_name_of_bcrypt_changes_on_export() {
        assert_eq!(hash("$2y$10$abc").exported(), "$2a$10$abc");
        assert_eq!(hash("$2b$10$abc").exported(), "$2a$10$abc");
        assert_eq!(hash("$2a$10$abc").exported(), "$2a$10$abc");
        assert_eq!(hash("{MD5}$2b$").exported(), "{MD5}$2b$");
    }

    #[test]
    fn another_family_is_converted_and_another_cost_is_not() {
        let bcrypt = HashingScheme::bcrypt(10).unwrap();
        let argon2id = HashingScheme::argon2id(65_536, 1, 2).unwrap();
        for (text, to_bcrypt, to_argon2id) in [
            ("$2a$04$x", false, true),
            ("$2y$12$x", false, true),
            ("$argon2id$v=19$m=8,t=1,p=1$x", true, false),
            ("$6$x", true, true),
            ("{MD5}x", true, true),
            ("$pbkdf2-sha256$1$x$x", true, true),
        ] {
            let password = NewPassword::new("x".repeat(72));
            assert_eq!(hash(text).needs_conversion(&bcrypt, &password), to_bcrypt, "{text}");
            assert_eq!(hash(text).needs_conversion(&argon2id, &password), to_argon2id, "{text}");
        }
    }

    #[test]
    fn what_bcrypt_has_not_looked_at_is_not_taken_over() {
        let argon2id = HashingScheme::argon2id(65_536, 1, 2).unwrap();
        for (text, bytes, converts) in
            [("$2a$04$x", 72, true), ("$2a$04$x", 73, false), ("$6$x", 73, true), ("{MD5}x", 200, true)]
        {
            let password = NewPassword::new("x".repeat(bytes));
            assert_eq!(hash(text).needs_conversion(&argon2id, &password), converts, "{text} {bytes}");
        }
    }

    #[test]
    fn a_hash_of_lower_costs_or_of_another_family_costs_less() {
        let bcrypt = HashingScheme::bcrypt(10).unwrap();
        let argon2id = HashingScheme::argon2id(65_536, 2, 2).unwrap();
        let key = "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let rest = "$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm";
        for (text, than_bcrypt, than_argon2id) in [
            (format!("$2a$09{rest}"), true, true),
            (format!("$2y$10{rest}"), false, true),
            (format!("$2b$15{rest}"), false, true),
            (format!("$argon2id$v=19$m=65536,t=1,p=2{key}"), true, true),
            (format!("$argon2id$v=19$m=65536,t=2,p=1{key}"), true, false),
            (format!("$argon2id$v=19$m=131072,t=1,p=1{key}"), true, false),
            ("{MD5}5f4dcc3b5aa765d61d8327deb882cf99".to_owned(), true, true),
            ("$2a$10$broken".to_owned(), true, true),
        ] {
            assert_eq!(hash(&text).costs_less_than(&bcrypt), than_bcrypt, "{text}");
            assert_eq!(hash(&text).costs_less_than(&argon2id), than_argon2id, "{text}");
        }
    }

    #[test]
    fn a_hash_is_not_printed() {
        assert_eq!(format!("{:?}", hash("{MD5}5f4dcc3b")), "PasswordHash(Md5, redacted)");
    }

    proptest! {
        #[test]
        fn no_hash_panics(which in 0..PREFIXES.len(), rest in "[ -~é]{0,80}", password in ".{0,80}") {
            let hash = hash(&format!("{}{rest}", PREFIXES[which].0));
            prop_assert!(!hash.verify(&password));
        }

        #[test]
        fn no_shape_of_a_hash_panics(
            which in 0..PREFIXES.len(),
            fields in prop::collection::vec("(rounds=)?[./0-9A-Za-z+=,]{0,24}", 0..5),
        ) {
            let hash = hash(&format!("{}{}", PREFIXES[which].0, fields.join("$")));
            let _opened = hash.check();
        }
    }
}
