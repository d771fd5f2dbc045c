//! Where the user's name stands in a TLS client certificate (`contract/validation.md` §8, rule 6).

use serde::{Deserialize, Serialize};

use super::word::{self, Word};
use crate::error::Invalid;

/// Which field of a TLS client certificate holds the user's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum TlsUsername {
    /// Nothing is said about it; left out of answers.
    #[default]
    Unset,
    /// No field: the certificate does not have to name the user.
    None,
    /// The subject's common name.
    CommonName,
}

impl TlsUsername {
    /// Whether nothing is said about it.
    pub fn is_unset(&self) -> bool {
        *self == Self::Unset
    }
}

impl Word for TlsUsername {
    const ALL: &'static [Self] = &[Self::Unset, Self::None, Self::CommonName];

    fn word(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::None => "None",
            Self::CommonName => "CommonName",
        }
    }
}

impl TryFrom<String> for TlsUsername {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        word::parse("filters.tls_username", &text)
    }
}

impl From<TlsUsername> for &'static str {
    fn from(field: TlsUsername) -> Self {
        field.word()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_words_are_known() {
        for (sent, field) in [
            (r#""""#, TlsUsername::Unset),
            (r#""None""#, TlsUsername::None),
            (r#""CommonName""#, TlsUsername::CommonName),
        ] {
            assert_eq!(serde_json::from_str::<TlsUsername>(sent).unwrap(), field);
            assert_eq!(serde_json::to_string(&field).unwrap(), sent);
        }
        for sent in [r#""none""#, r#""Email""#, r#"" ""#] {
            assert!(serde_json::from_str::<TlsUsername>(sent).is_err(), "{sent}");
        }
    }
}
