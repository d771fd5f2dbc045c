//! Passwords: the plain one that a client gives ([`NewPassword`]), the hash that is stored
//! ([`PasswordHash`]) and the way new hashes are made ([`HashingScheme`]), as `contract/passwords.md`.
//! Each format of hashes has its own file; nothing here knows whose password it is.

mod argon2;
mod bcrypt;
mod crypt64;
mod digest;
mod hash;
mod hashing_scheme;
mod md5_crypt;
mod pbkdf2;
mod sha_crypt;
pub mod strength;
mod yescrypt;

use std::fmt;

use serde::Deserialize;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use hash::{PasswordHash, Scheme, Unusable};
pub use hashing_scheme::HashingScheme;

/// The longest password that the crypt(3) formats are asked about, as libxcrypt's
/// `CRYPT_MAX_PASSPHRASE_SIZE`: their work grows with the password, with sha-crypt by its square.
const CRYPT_PASSWORD_BYTES: usize = 512;

/// Hashes shorter than this (in bytes) match too many passwords by chance to let anyone in.
const SHORTEST_KEY_BYTES: usize = 8;

/// A password in clear text: never printed, wiped when dropped, never trimmed.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct NewPassword(Zeroizing<String>);

impl NewPassword {
    /// Takes the text over as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The password in clear text, for hashing, comparing and sending it to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for NewPassword {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl Default for NewPassword {
    /// No text at all, as a request without the member has it.
    fn default() -> Self {
        Self::new("")
    }
}

impl PartialEq for NewPassword {
    fn eq(&self, other: &Self) -> bool {
        same(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for NewPassword {}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(redacted)")
    }
}

/// Compares in a time that tells nothing but a difference in length.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_password_is_kept_as_it_is_and_never_printed() {
        let password: NewPassword = serde_json::from_str("\" x y \"").unwrap();
        assert_eq!(password.expose(), " x y ");
        assert_eq!(format!("{password:?}"), "NewPassword(redacted)");
        assert_eq!(password, NewPassword::new(" x y "));
        assert_ne!(password, NewPassword::new("x y"));
        assert!(NewPassword::default().is_empty());
    }
}
