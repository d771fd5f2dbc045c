//! The second factor of a login: time-based codes ([`totp`]), the settings they are made with
//! ([`configuration`]) and spare codes ([`recovery_code`]); `contract/mfa.md`. Here are the two forms in which
//! an account's choice stands in its `filters`; who may change it, and when, is not decided here.

pub mod configuration;
pub mod qr_code;
pub mod recovery_code;
pub mod totp;

use serde::{Deserialize, Serialize};

use self::configuration::TotpConfigurations;
use crate::domain::protocol::MfaProtocol;
use crate::domain::secret::Secret;
use crate::domain::word::{self, Word as _};
use crate::error::Invalid;

/// `filters.totp_config` of a user; switched off it is written `{"secret":{}}`.
///
/// The words are kept as they were sent, because requests that change a user carry this object and it is
/// ignored there; [`UserTotp::check`] is for the one request that sets it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserTotp {
    /// Whether a code is asked for.
    #[serde(skip_serializing_if = "is_false")]
    pub enabled: bool,
    /// The name of the configuration the secret belongs to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub config_name: String,
    /// The secret shared with the authenticator, in base32.
    pub secret: Secret,
    /// For which protocols a code is asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protocols: Vec<String>,
}

impl UserTotp {
    /// Checks an enabled second factor, in the order of `contract/mfa.md` §3.
    ///
    /// # Errors
    /// [`Invalid`] naming the first member that is missing or wrong.
    pub fn check(&self, known: &TotpConfigurations) -> Result<(), Invalid> {
        check_members(&self.config_name, &self.secret, known)?;
        if self.protocols.is_empty() {
            return Err(Invalid::new("totp: protocols must name at least one protocol"));
        }
        self.protocols
            .iter()
            .try_for_each(|text| word::parse::<MfaProtocol>("totp: protocols", text).map(drop))
    }

    /// Whether a login over this protocol needs a code.
    pub fn is_asked_for(&self, protocol: MfaProtocol) -> bool {
        self.enabled && self.protocols.iter().any(|word| word == protocol.word())
    }
}

/// `filters.totp_config` of an admin; switched off it is written `{}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdminTotp {
    /// Whether a code is asked for.
    #[serde(skip_serializing_if = "is_false")]
    pub enabled: bool,
    /// The name of the configuration the secret belongs to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub config_name: String,
    /// The secret shared with the authenticator, in base32.
    #[serde(skip_serializing_if = "Secret::is_empty")]
    pub secret: Secret,
}

impl AdminTotp {
    /// Checks an enabled second factor, in the order of `contract/mfa.md` §3.
    ///
    /// # Errors
    /// [`Invalid`] naming the first member that is missing or wrong.
    pub fn check(&self, known: &TotpConfigurations) -> Result<(), Invalid> {
        check_members(&self.config_name, &self.secret, known)
    }
}

/// One recovery code of an account, as it stands in `filters.recovery_codes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecoveryCodeEntry {
    /// The code.
    pub secret: Secret,
    /// Whether it has been spent.
    #[serde(skip_serializing_if = "is_false")]
    pub used: bool,
}

fn check_members(config_name: &str, secret: &Secret, known: &TotpConfigurations) -> Result<(), Invalid> {
    if config_name.is_empty() {
        return Err(Invalid::new("totp: config_name is missing"));
    }
    known.find(config_name)?;
    if secret.is_empty() {
        return Err(Invalid::new("totp: secret is missing"));
    }
    Ok(())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde's skip_serializing_if calls")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    fn secret() -> Value {
        json!({"status": "Secretbox", "payload": "c2VhbGVk"})
    }

    #[test]
    fn switched_off_a_user_shows_an_empty_secret_and_an_admin_nothing() {
        assert_eq!(to_value(UserTotp::default()).unwrap(), json!({"secret": {}}));
        assert_eq!(to_value(AdminTotp::default()).unwrap(), json!({}));
        assert_eq!(from_value::<UserTotp>(json!({})).unwrap(), UserTotp::default());
        assert_eq!(from_value::<AdminTotp>(json!({"secret": {}})).unwrap(), AdminTotp::default());
    }

    #[test]
    fn switched_on_every_member_is_written_and_read_back() {
        let user = json!({"enabled": true, "config_name": "Default", "secret": secret(), "protocols": ["HTTP", "SSH"]});
        assert_eq!(to_value(from_value::<UserTotp>(user.clone()).unwrap()).unwrap(), user);
        let admin = json!({"enabled": true, "config_name": "Default", "secret": secret()});
        assert_eq!(to_value(from_value::<AdminTotp>(admin.clone()).unwrap()).unwrap(), admin);
        for code in [json!({"secret": secret()}), json!({"secret": secret(), "used": true})] {
            assert_eq!(to_value(from_value::<RecoveryCodeEntry>(code.clone()).unwrap()).unwrap(), code);
        }
    }

    #[test]
    fn a_second_factor_is_checked_in_the_order_of_the_contract() {
        let known = TotpConfigurations::default();
        for (body, why) in [
            (json!({}), "totp: config_name is missing"),
            (json!({"config_name": "x"}), "totp: no configuration \"x\""),
            (json!({"config_name": "Default"}), "totp: secret is missing"),
            (
                json!({"config_name": "Default", "secret": secret()}),
                "totp: protocols must name at least one protocol",
            ),
            (
                json!({"config_name": "Default", "secret": secret(), "protocols": ["SSH", "DAV"]}),
                "totp: protocols: unknown word \"DAV\"",
            ),
        ] {
            let totp: UserTotp = from_value(body).unwrap();
            assert_eq!(totp.check(&known).unwrap_err().to_string(), why);
        }
        let body =
            json!({"config_name": "Default", "secret": secret(), "protocols": ["SSH", "HTTP", "FTP", "FTP"]});
        assert!(from_value::<UserTotp>(body.clone()).unwrap().check(&known).is_ok());
        assert!(from_value::<AdminTotp>(body).unwrap().check(&known).is_ok());
        assert!(AdminTotp::default().check(&known).is_err());
    }

    #[test]
    fn a_code_is_asked_for_the_named_protocols_while_enabled() {
        let mut totp = UserTotp { enabled: true, protocols: vec!["SSH".to_owned()], ..UserTotp::default() };
        assert!(totp.is_asked_for(MfaProtocol::Ssh));
        assert!(!totp.is_asked_for(MfaProtocol::Http));
        totp.enabled = false;
        assert!(!totp.is_asked_for(MfaProtocol::Ssh));
    }
}
