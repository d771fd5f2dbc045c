//! The kinds of one-time codes a server offers (`contract/mfa.md` §1): a setting, shown to clients as it
//! is. Codes have always 6 digits and live 30 seconds; a configuration chooses issuer and digest.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::quote::quote;
use crate::error::Invalid;

/// The digest below HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TotpAlgorithm {
    /// SHA-1, the only one that every authenticator knows.
    #[default]
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl fmt::Display for TotpAlgorithm {
    /// The word of `otpauth` URLs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        })
    }
}

/// One way to make codes, known to clients by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TotpConfiguration {
    /// The name that requests and accounts use.
    pub name: String,
    /// Who issues the codes, as authenticators show it.
    pub issuer: String,
    /// The digest.
    #[serde(default)]
    pub algo: TotpAlgorithm,
}

/// The configurations of a server, in the order of the settings: at least one, names unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TotpConfigurations(#[serde(deserialize_with = "checked")] Vec<TotpConfiguration>);

impl TotpConfigurations {
    /// Takes the list of the settings.
    ///
    /// # Errors
    /// When it is empty, or a name or an issuer is, or a name occurs twice.
    pub fn new(list: Vec<TotpConfiguration>) -> Result<Self, Invalid> {
        if list.is_empty() {
            return Err(Invalid::new("totp: at least one configuration is needed"));
        }
        for (at, configuration) in list.iter().enumerate() {
            let name = &configuration.name;
            if name.is_empty() || configuration.issuer.is_empty() {
                return Err(Invalid::new("totp: a configuration needs a name and an issuer"));
            }
            if list[..at].iter().any(|earlier| earlier.name == *name) {
                return Err(Invalid::new(format!("totp: two configurations are named {name:?}")));
            }
        }
        Ok(Self(list))
    }

    /// The configuration of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, name: &str) -> Result<&TotpConfiguration, Invalid> {
        self.0
            .iter()
            .find(|configuration| configuration.name == name)
            .ok_or_else(|| Invalid::new(format!("totp: no configuration {}", quote(name))))
    }

    /// All of them, in the order of the settings.
    pub fn as_slice(&self) -> &[TotpConfiguration] {
        &self.0
    }
}

impl Default for TotpConfigurations {
    /// `Default`, issued by `SFTPGo`, SHA-1.
    fn default() -> Self {
        let (name, issuer) = ("Default".to_owned(), "SFTPGo".to_owned());
        Self(vec![TotpConfiguration { name, issuer, algo: TotpAlgorithm::Sha1 }])
    }
}

fn checked<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<TotpConfiguration>, D::Error> {
    let list = Vec::deserialize(from)?;
    TotpConfigurations::new(list).map(|checked| checked.0).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn configurations_are_shown_as_they_are_set() {
        let shown = json!([
            {"name": "Default", "issuer": "SFTPGo", "algo": "sha1"},
            {"name": "Sha256", "issuer": "SFTPGo", "algo": "sha256"},
            {"name": "Sha512", "issuer": "SFTPGo", "algo": "sha512"},
        ]);
        let list: TotpConfigurations = from_value(shown.clone()).unwrap();
        assert_eq!(to_value(&list).unwrap(), shown);
        assert_eq!(list.find("Sha512").unwrap().algo, TotpAlgorithm::Sha512);
        assert_eq!(list.find("sha512").unwrap_err().to_string(), "totp: no configuration \"sha512\"");
        assert_eq!(to_value(TotpConfigurations::default()).unwrap(), json!([shown[0]]));
    }

    #[test]
    fn a_wrong_list_is_refused() {
        for list in [
            json!([]),
            json!([{"name": "", "issuer": "x", "algo": "sha1"}]),
            json!([{"name": "x", "issuer": "", "algo": "sha1"}]),
            json!([{"name": "x", "issuer": "y", "algo": "md5"}]),
            json!([{"name": "x", "issuer": "y", "digits": 8}]),
            json!([{"name": "x", "issuer": "y"}, {"name": "x", "issuer": "z"}]),
        ] {
            assert!(from_value::<TotpConfigurations>(list.clone()).is_err(), "{list}");
        }
    }
}
