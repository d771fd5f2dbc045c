//! A sealed text with what is needed to open it; whether it can be opened, only the opening tells.

use std::fmt;

use serde::Serializer;
use serde::ser::SerializeStruct as _;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::Invalid;

/// How many characters the key of a usable sealed secret has: 32 bytes in hexadecimal.
const KEY_LEN: usize = 64;

/// The local ciphers a secret may be sealed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// `NaCl`'s secretbox, what this server seals with (`contract/secrets.md` §2).
    Secretbox,
    /// The older cipher, kept as it comes (`contract/secrets.md` §3).
    Aes256Gcm,
}

impl Cipher {
    /// The cipher with this status word, which is case-sensitive.
    pub(super) fn parse(status: &str) -> Option<Self> {
        [Self::Secretbox, Self::Aes256Gcm].into_iter().find(|cipher| cipher.status() == status)
    }

    /// The word that stands for it in `status`.
    pub fn status(self) -> &'static str {
        match self {
            Self::Secretbox => "Secretbox",
            Self::Aes256Gcm => "AES-256-GCM",
        }
    }
}

/// A sealed text: cipher, payload and mode, which everybody may see, key and additional data, which
/// may not.
#[derive(Clone)]
pub struct Sealed {
    cipher: Cipher,
    payload: String,
    key: Zeroizing<String>,
    additional_data: String,
    mode: i64,
}

impl Sealed {
    /// The half that everybody may see; [`Sealed::restore_private`] adds the other.
    pub(super) fn public(cipher: Cipher, payload: String, mode: i64) -> Self {
        Self { cipher, payload, key: Zeroizing::default(), additional_data: String::new(), mode }
    }

    /// A secretbox that was closed just now.
    pub(in crate::domain) fn secretbox(
        payload: String,
        key: String,
        additional_data: String,
        mode: i64,
    ) -> Self {
        Self { cipher: Cipher::Secretbox, payload, key: Zeroizing::new(key), additional_data, mode }
    }

    /// Sets key and additional data.
    pub(super) fn restore_private(&mut self, key: String, additional_data: String) {
        self.key = Zeroizing::new(key);
        self.additional_data = additional_data;
    }

    /// What it is sealed with.
    pub fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// The sealed text in the cipher's own writing.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// The key of this one secret, hexadecimal.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the secret is bound to: its owner's name, when this server sealed it.
    pub fn additional_data(&self) -> &str {
        &self.additional_data
    }

    /// 1 when a master key is needed to open it, else 0.
    pub fn mode(&self) -> i64 {
        self.mode
    }

    /// Checks what can be told without opening: a payload, and a key of the right length
    /// (`contract/validation.md` §6).
    ///
    /// # Errors
    /// When either is missing or the key has another length.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.payload.is_empty() {
            return Err(Invalid::new("the secret has no payload"));
        }
        if self.key.chars().count() != KEY_LEN {
            return Err(Invalid::new("an encrypted secret needs a key of 64 characters"));
        }
        Ok(())
    }

    /// Serialises it with or without key and additional data; what is empty is left out.
    pub(super) fn view<S: Serializer>(&self, serializer: S, confidential: bool) -> Result<S::Ok, S::Error> {
        let key = if confidential { self.key.as_str() } else { "" };
        let additional_data = if confidential { self.additional_data.as_str() } else { "" };
        let texts = [("payload", self.payload.as_str()), ("key", key), ("additional_data", additional_data)];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let members = 1 + texts.clone().count() + usize::from(self.mode != 0);

        let mut out = serializer.serialize_struct("Secret", members)?;
        out.serialize_field("status", self.cipher.status())?;
        for (name, text) in texts {
            out.serialize_field(name, text)?;
        }
        if self.mode != 0 {
            out.serialize_field("mode", &self.mode)?;
        }
        out.end()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("cipher", &self.cipher)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        self.cipher == other.cipher
            && self.mode == other.mode
            && self.payload == other.payload
            && self.additional_data == other.additional_data
            && bool::from(self.key.as_bytes().ct_eq(other.key.as_bytes()))
    }
}

impl Eq for Sealed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usable_secret_has_a_payload_and_a_key_of_64_characters() {
        let sealed =
            |payload: &str, key: String| Sealed::secretbox(payload.to_owned(), key, String::new(), 0);
        assert!(sealed("x", "0".repeat(64)).check().is_ok());
        assert!(sealed("x", "no hexadecimal".repeat(5)[..64].to_owned()).check().is_ok());
        for (payload, key) in
            [("", "0".repeat(64)), ("x", "0".repeat(63)), ("x", "0".repeat(65)), ("x", String::new())]
        {
            assert!(sealed(payload, key.clone()).check().is_err(), "{payload:?} {key:?}");
        }
    }
}
