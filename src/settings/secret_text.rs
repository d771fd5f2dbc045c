//! Text from the settings that nobody may see: passwords, keys, hashes of key secrets. It is never
//! printed, masked when settings are shown, and wiped when dropped.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What stands in place of a secret wherever settings are shown.
pub const MASK: &str = "********";

/// Text that is kept out of logs and listings; only [`SecretText::expose`] gives it away.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text into custody.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(hidden)")
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for SecretText {}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOnly)
    }
}

/// Takes text and nothing else; unlike serde's own visitors it never repeats a wrong value.
struct TextOnly;

impl TextOnly {
    fn refuse<E: de::Error>() -> Result<SecretText, E> {
        Err(E::custom("a secret must be text in quotes"))
    }
}

impl Visitor<'_> for TextOnly {
    type Value = SecretText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text in quotes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretText, E> {
        Ok(SecretText::new(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<SecretText, E> {
        Ok(SecretText::new(text))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretText, E> {
        Self::refuse()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretText, E> {
        Self::refuse()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<SecretText, E> {
        Self::refuse()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretText, E> {
        Self::refuse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Holder {
        password: SecretText,
    }

    #[test]
    fn neither_debug_nor_serialisation_shows_the_text() {
        let holder = Holder { password: SecretText::new("planted-marker".into()) };
        assert!(!format!("{holder:?}").contains("planted"));
        assert_eq!(toml::to_string(&holder).unwrap(), "password = \"********\"\n");
        assert_eq!(holder.password.expose(), "planted-marker");
    }

    #[test]
    fn a_secret_of_another_type_is_refused_without_repeating_it() {
        for wrong in ["password = 12345678", "password = 1.5e9", "password = true"] {
            let why = toml::from_str::<Holder>(wrong).unwrap_err();
            assert_eq!(why.message(), "a secret must be text in quotes");
        }
    }
}
