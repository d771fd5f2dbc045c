//! A secret object of the API: what a client sends, what is stored, what is shown
//! (`contract/secrets.md`). Nothing is sealed or opened here: that is [`Sealer`](crate::domain::sealer)'s.
//! A plain text is never serialised, printed or left behind in memory.

mod sealed;

use std::fmt;

use serde::ser::{Error as _, SerializeMap as _};
use serde::{Deserialize, Serialize, Serializer};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::Invalid;
pub use sealed::{Cipher, Sealed};

/// What a secret object that cannot be understood is answered with, without any prefix
/// (`contract/endpoints.md` §3).
pub const INVALID_SECRET: &str = "invalid secret";

/// A secret of a user or an admin, in one of its states.
///
/// Its JSON is the normal view: status, payload and mode of a sealed secret, `{}` for none. What
/// must be hidden is reached through [`Secret::confidential`] and [`Secret::private_parts`] alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SecretWire")]
pub enum Secret {
    /// There is no secret.
    #[default]
    Empty,
    /// A text that a client sent, to be sealed before it is stored.
    Plain(PlainText),
    /// A sealed text: ours, or one from elsewhere that is taken on trust.
    Sealed(Sealed),
    /// "Keep what you have."
    Redacted,
}

impl Secret {
    /// Whether there is no secret at all; a plain secret without text is not empty but wrong.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// The sealed secret, if it is one.
    pub fn sealed(&self) -> Option<&Sealed> {
        match self {
            Self::Sealed(sealed) => Some(sealed),
            Self::Empty | Self::Plain(_) | Self::Redacted => None,
        }
    }

    /// Key and additional data of a sealed secret: the half of it that the normal view leaves out.
    pub fn private_parts(&self) -> Option<(&str, &str)> {
        self.sealed().map(|sealed| (sealed.key(), sealed.additional_data()))
    }

    /// Gives a secret that was read back from its normal view its other half.
    ///
    /// # Errors
    /// When the secret is not a sealed one.
    pub fn restore_private(&mut self, key: String, additional_data: String) -> Result<(), Invalid> {
        match self {
            Self::Sealed(sealed) => {
                sealed.restore_private(key, additional_data);
                Ok(())
            }
            Self::Empty | Self::Plain(_) | Self::Redacted => {
                Err(Invalid::new("only a sealed secret has a key"))
            }
        }
    }

    /// The secret as the confidential view shows it: with key and additional data
    /// (`contract/secrets.md` §5).
    pub fn confidential(&self) -> ConfidentialSecret<'_> {
        ConfidentialSecret(self)
    }

    /// Serialises the secret with or without its private half.
    fn view<S: Serializer>(&self, serializer: S, confidential: bool) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_map(Some(0))?.end(),
            Self::Sealed(sealed) => sealed.view(serializer, confidential),
            Self::Plain(_) | Self::Redacted => {
                Err(S::Error::custom("only a sealed secret may be shown or stored"))
            }
        }
    }
}

impl From<Sealed> for Secret {
    fn from(sealed: Sealed) -> Self {
        Self::Sealed(sealed)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.view(serializer, false)
    }
}

/// A secret that serialises with everything that opens it.
#[derive(Debug, Clone, Copy)]
pub struct ConfidentialSecret<'a>(&'a Secret);

impl Serialize for ConfidentialSecret<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.view(serializer, true)
    }
}

/// A text nobody but its user may see: wiped on drop, never printed, compared in constant time.
#[derive(Clone)]
pub struct PlainText(Zeroizing<String>);

impl PlainText {
    /// Takes a text into care.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Shows the text to who needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PlainText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainText(hidden)")
    }
}

impl PartialEq for PlainText {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for PlainText {}

/// A secret object as it stands in JSON.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SecretWire {
    status: String,
    payload: String,
    key: String,
    additional_data: String,
    mode: i64,
}

impl TryFrom<SecretWire> for Secret {
    type Error = Invalid;

    fn try_from(wire: SecretWire) -> Result<Self, Invalid> {
        let SecretWire { status, payload, key, additional_data, mode } = wire;
        if status.is_empty() {
            let bare = payload.is_empty() && key.is_empty() && additional_data.is_empty() && mode == 0;
            return if bare { Ok(Self::Empty) } else { Err(Invalid::new(INVALID_SECRET)) };
        }
        match status.as_str() {
            "Plain" => Ok(Self::Plain(PlainText::new(payload))),
            "Redacted" => Ok(Self::Redacted),
            status => {
                let cipher = Cipher::parse(status).ok_or_else(|| Invalid::new(INVALID_SECRET))?;
                let mut sealed = Sealed::public(cipher, payload, mode);
                sealed.restore_private(key, additional_data);
                Ok(Self::Sealed(sealed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn read(value: serde_json::Value) -> Result<Secret, String> {
        serde_json::from_value(value).map_err(|why| why.to_string())
    }

    #[test]
    fn a_secret_is_read_by_its_status() {
        let kind = |value| match read(value).unwrap() {
            Secret::Empty => "empty",
            Secret::Plain(_) => "plain",
            Secret::Sealed(_) => "sealed",
            Secret::Redacted => "redacted",
        };
        assert_eq!(kind(json!({})), "empty");
        assert_eq!(kind(json!({"status": "", "payload": "", "mode": 0})), "empty");
        assert_eq!(kind(json!({"status": "Plain", "payload": ""})), "plain");
        assert_eq!(kind(json!({"status": "Plain", "payload": " x ", "key": "k", "mode": 7})), "plain");
        assert_eq!(kind(json!({"status": "Redacted"})), "redacted");
        assert_eq!(kind(json!({"status": "Redacted", "payload": "[**redacted**]"})), "redacted");
        assert_eq!(kind(json!({"status": "Secretbox"})), "sealed");
        assert_eq!(kind(json!({"status": "AES-256-GCM", "payload": "x"})), "sealed");
    }

    #[test]
    fn an_unknown_status_or_members_without_one_are_an_invalid_secret() {
        for value in [
            json!({"status": "Rot13", "payload": "x"}),
            json!({"status": "plain", "payload": "x"}),
            json!({"status": "secretbox", "payload": "x"}),
            json!({"status": "VaultTransit", "payload": "x", "key": KEY}),
            json!({"status": "AWS"}),
            json!({"payload": "x"}),
            json!({"key": "x"}),
            json!({"additional_data": "x"}),
            json!({"mode": 1}),
            json!({"status": " "}),
        ] {
            assert_eq!(read(value.clone()), Err(INVALID_SECRET.to_owned()), "{value}");
        }
    }

    #[test]
    fn the_normal_view_hides_key_and_additional_data_and_the_confidential_one_shows_them() {
        let full =
            json!({"status": "Secretbox", "payload": "p", "key": KEY, "additional_data": "alice", "mode": 1});
        let secret = read(full.clone()).unwrap();
        let normal = json!({"status": "Secretbox", "payload": "p", "mode": 1});
        assert_eq!(serde_json::to_value(&secret).unwrap(), normal);
        assert_eq!(serde_json::to_value(secret.confidential()).unwrap(), full);

        let bare = read(json!({"status": "AES-256-GCM", "payload": "x"})).unwrap();
        assert_eq!(
            serde_json::to_value(bare.confidential()).unwrap(),
            json!({"status": "AES-256-GCM", "payload": "x"})
        );
        assert_eq!(serde_json::to_value(Secret::Empty).unwrap(), json!({}));
        assert_eq!(serde_json::to_value(Secret::Empty.confidential()).unwrap(), json!({}));
    }

    #[test]
    fn a_plain_or_redacted_secret_refuses_to_be_written() {
        let plain = Secret::Plain(PlainText::new("sesame".to_owned()));
        for secret in [plain, Secret::Redacted] {
            let why = serde_json::to_string(&secret).unwrap_err().to_string();
            assert!(!why.contains("sesame"), "{why}");
            assert!(serde_json::to_string(&secret.confidential()).is_err());
        }
    }

    #[test]
    fn both_halves_of_a_sealed_secret_make_it_whole_again() {
        let whole =
            read(json!({"status": "Secretbox", "payload": "p", "key": KEY, "additional_data": "a"})).unwrap();
        let mut again: Secret = serde_json::from_value(serde_json::to_value(&whole).unwrap()).unwrap();
        assert_ne!(again, whole);
        let (key, additional_data) = whole.private_parts().unwrap();
        again.restore_private(key.to_owned(), additional_data.to_owned()).unwrap();
        assert_eq!(again, whole);

        assert_eq!(Secret::Empty.private_parts(), None);
        assert!(Secret::Empty.restore_private(KEY.to_owned(), String::new()).is_err());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let plain = read(json!({"status": "Plain", "payload": "sesame"})).unwrap();
        let sealed =
            read(json!({"status": "Secretbox", "payload": "cGF5", "key": KEY, "additional_data": "ad"}))
                .unwrap();
        let printed = format!("{plain:?} {sealed:?}");
        for hidden in ["sesame", "cGF5", KEY, "\"ad\""] {
            assert!(!printed.contains(hidden), "{printed}");
        }
    }

    #[test]
    fn plain_texts_are_compared_by_their_text() {
        let text = |text: &str| PlainText::new(text.to_owned());
        assert_eq!(text("a"), text("a"));
        assert_ne!(text("a"), text("b"));
        assert_ne!(text("a"), text("aa"));
    }
}
