//! `[auth]`, `[secrets]` and `[reset_codes]`: proofs of who is calling, and the limits of guessing one.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::SecretText;
use super::api_key::StaticApiKey;
use super::problem::Problems;
use super::values::seconds;

/// How firmly a token is bound to the address it was issued to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpBinding {
    /// The very address.
    Ip,
    /// Its network: /24 of IPv4, /64 of IPv6.
    Prefix,
    /// Any address.
    None,
}

/// `[auth]`: tokens and API keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// Text of at least 32 characters that tokens are signed with. Default: absent; without any of the
    /// three `signing_key…` a key is made at the first start and kept in the store's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<SecretText>,
    /// File that holds such a text. Default: absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_key_file: Option<PathBuf>,
    /// Name of a systemd credential that holds such a text. Default: absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_key_credential: Option<String>,
    /// Seconds a token is valid. Default 1200.
    #[serde(rename = "token_lifetime_secs", with = "seconds")]
    pub token_lifetime: Duration,
    /// What a token is bound to: `ip`, `prefix` (/24 or /64) or `none`. Default `ip`.
    pub ip_binding: IpBinding,
    /// Whether API keys are refused while their account must set up a second factor or change its
    /// password. Default false: automation goes on, as with the reference.
    pub api_keys_respect_requirements: bool,
    /// Whether a recovery code signs in where a one-time code is asked for, once each. Default true.
    pub recovery_codes_sign_in: bool,
    /// Whether changing the own password or second factor, or losing the latter, ends the account's
    /// other tokens too. Default true.
    pub changes_end_other_tokens: bool,
    /// `[[auth.api_keys]]`: API keys that stand in this file (`usersd api-key new`). Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_keys: Vec<StaticApiKey>,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            signing_key: None,
            signing_key_file: None,
            signing_key_credential: None,
            token_lifetime: Duration::from_secs(1200),
            ip_binding: IpBinding::Ip,
            api_keys_respect_requirements: false,
            recovery_codes_sign_in: true,
            changes_end_other_tokens: true,
            api_keys: Vec::new(),
        }
    }
}

impl AuthSettings {
    pub(super) fn check(&self, problems: &mut Problems) {
        let sources = [
            self.signing_key.is_some(),
            self.signing_key_file.is_some(),
            self.signing_key_credential.is_some(),
        ];
        at_most_one(&sources, "auth.signing_key", problems);
        problems.unless(
            self.token_lifetime <= Duration::from_secs(86_400),
            "auth.token_lifetime_secs",
            "must be at most 86400, a day",
        );
        for (index, key) in self.api_keys.iter().enumerate() {
            key.check(&format!("auth.api_keys.{index}"), problems);
            let known = self.api_keys.iter().take(index).any(|other| other.id == key.id);
            problems.unless(
                !known,
                &format!("auth.api_keys.{index}.id"),
                "there is another key with this id",
            );
        }
    }
}

/// `[secrets]`: how the secrets of users' file systems are sealed (`contract/secrets.md` §2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsSettings {
    /// File with the master key, a text. Default: absent; without a master key whoever holds the store
    /// can open the secrets in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_key_file: Option<PathBuf>,
    /// Name of a systemd credential with the master key. Default: absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_key_credential: Option<String>,
}

impl SecretsSettings {
    pub(super) fn check(&self, problems: &mut Problems) {
        let sources = [self.master_key_file.is_some(), self.master_key_credential.is_some()];
        at_most_one(&sources, "secrets.master_key", problems);
    }
}

/// `[reset_codes]`: limits of forgotten passwords (`contract/password-reset.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResetCodeSettings {
    /// Seconds a code is valid. Default 600.
    #[serde(rename = "lifetime_secs", with = "seconds")]
    pub lifetime: Duration,
    /// Mails to one account within an hour. Default 5.
    pub mails_per_hour: NonZeroU32,
    /// Codes asked for from one address within an hour. Default 20.
    pub requests_per_hour: NonZeroU32,
    /// Wrong codes from one address within a minute. Default 5.
    pub wrong_codes_per_minute: NonZeroU32,
    /// Whether the name in the path must be that of the account the code was made for. Default true; the
    /// reference goes by the code alone.
    pub name_must_match: bool,
}

impl Default for ResetCodeSettings {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(600),
            mails_per_hour: NonZeroU32::MIN.saturating_add(4),
            requests_per_hour: NonZeroU32::MIN.saturating_add(19),
            wrong_codes_per_minute: NonZeroU32::MIN.saturating_add(4),
            name_must_match: true,
        }
    }
}

impl ResetCodeSettings {
    pub(super) fn check(&self, problems: &mut Problems) {
        let most = Duration::from_secs(86_400);
        problems.unless(self.lifetime <= most, "reset_codes.lifetime_secs", "must be at most 86400, a day");
    }
}

/// Notes a problem when a secret is given in more than one way.
pub(super) fn at_most_one(sources: &[bool], key: &str, problems: &mut Problems) {
    let given = sources.iter().filter(|given| **given).count();
    if given > 1 {
        problems
            .add(key, format!("is given in {given} ways: keep one of {key}, {key}_file, {key}_credential"));
    }
}
