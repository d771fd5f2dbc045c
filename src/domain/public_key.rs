//! SSH public keys of a user (`contract/validation.md` §9): stored as they were sent, understood as
//! sshd(8) understands a line of `authorized_keys`. What a key is, its blob says, not the word before it.

mod blob;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD_NO_PAD};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use self::blob::{Blob, Family};
use super::word::distinct;
use crate::error::Invalid;

/// The fewest bits an RSA key may have.
const RSA_BITS: usize = 2048;

/// Base64 as key generators write it; the unused bits of the last character do not matter.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// A public key that is strong enough to sign in with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    text: String,
    digest: [u8; 32],
}

impl PublicKey {
    /// Reads a text with the key's line in it. Options before the key, comments, and lines that hold no
    /// key are passed over; the first line with a key counts.
    ///
    /// # Errors
    /// When no line holds a key, or the first key is a DSA key or a short RSA key.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let blob = text
            .lines()
            .find_map(key_of_line)
            .ok_or_else(|| Invalid::new("not a public key as in authorized_keys"))?;
        match blob.family {
            Family::Dsa => Err(Invalid::new("DSA keys are not accepted")),
            Family::Rsa { bits } if bits < RSA_BITS => {
                Err(Invalid::new(format!("RSA keys must have at least {RSA_BITS} bits, this one has {bits}")))
            }
            Family::Rsa { .. } | Family::Ecdsa | Family::Ed25519 => {
                Ok(Self { text: text.to_owned(), digest: Sha256::digest(&blob.plain).into() })
            }
        }
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The fingerprint as `ssh-keygen -l` shows it: `SHA256:` and base64. A certificate has that of the
    /// key it certifies.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(self.digest))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

/// The key of one line, if there is one: `[options] word blob [comment]`.
fn key_of_line(line: &str) -> Option<Blob> {
    let line = line.trim_matches([' ', '\t']);
    if line.starts_with('#') {
        return None;
    }
    key_behind_word(line).or_else(|| key_behind_word(behind_options(line)))
}

/// The key of `word blob [comment]`. Old files have words that do not fit, so the word is not looked at.
fn key_behind_word(text: &str) -> Option<Blob> {
    let (_, rest) = text.split_once([' ', '\t'])?;
    let encoded = rest.trim_start_matches([' ', '\t']).split([' ', '\t']).next()?;
    blob::parse(&BASE64.decode(encoded).ok()?)
}

/// What follows the options: these end at the first blank outside quotation marks.
fn behind_options(line: &str) -> &str {
    let (mut quoted, mut previous) = (false, ' ');
    let end = line.find(|c| {
        if c == '"' && previous != '\\' {
            quoted = !quoted;
        }
        previous = c;
        !quoted && matches!(c, ' ' | '\t')
    });
    end.map_or("", |end| line[end..].trim_start_matches([' ', '\t']))
}

/// The public keys of a user: empty texts and exact copies are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct PublicKeys(Vec<PublicKey>);

impl PublicKeys {
    /// Reads a list of keys; the positions in messages count from 0, empty texts included.
    ///
    /// # Errors
    /// As [`PublicKey::parse`], for the first that is refused.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, Invalid> {
        let keys = texts.iter().map(AsRef::as_ref).enumerate().filter(|(_, text)| !text.is_empty());
        let keys: Vec<PublicKey> = keys
            .map(|(place, text)| {
                PublicKey::parse(text).map_err(|why| Invalid::new(format!("public_keys[{place}]: {why}")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self(distinct(keys)))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys in the order in which they were given.
    pub fn as_slice(&self) -> &[PublicKey] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for PublicKeys {
    type Error = Invalid;

    fn try_from(texts: Vec<String>) -> Result<Self, Invalid> {
        Self::parse(&texts)
    }
}

#[cfg(test)]
mod tests;
