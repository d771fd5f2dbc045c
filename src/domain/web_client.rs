//! What is switched off for a user in self service (`contract/validation.md` §8, rule 8).

use serde::{Deserialize, Serialize};

use super::word::{self, Word};
use crate::error::Invalid;

/// One thing of self service that is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum WebClientOption {
    /// No writing through the web client.
    WriteDisabled,
    /// No change of the own password.
    PasswordChangeDisabled,
    /// No reset of a forgotten password.
    PasswordResetDisabled,
    /// No change of the own public keys.
    PublicKeyChangeDisabled,
    /// No change of the own TLS certificates.
    TlsCertChangeDisabled,
    /// No second factor.
    MfaDisabled,
    /// No change of whether API keys may sign in.
    ApiKeyAuthChangeDisabled,
    /// No change of e-mail and description.
    InfoChangeDisabled,
    /// No shares.
    SharesDisabled,
    /// No shares without a password.
    SharesWithoutPasswordDisabled,
}

impl Word for WebClientOption {
    const ALL: &'static [Self] = &[
        Self::WriteDisabled,
        Self::PasswordChangeDisabled,
        Self::PasswordResetDisabled,
        Self::PublicKeyChangeDisabled,
        Self::TlsCertChangeDisabled,
        Self::MfaDisabled,
        Self::ApiKeyAuthChangeDisabled,
        Self::InfoChangeDisabled,
        Self::SharesDisabled,
        Self::SharesWithoutPasswordDisabled,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::WriteDisabled => "write-disabled",
            Self::PasswordChangeDisabled => "password-change-disabled",
            Self::PasswordResetDisabled => "password-reset-disabled",
            Self::PublicKeyChangeDisabled => "publickey-change-disabled",
            Self::TlsCertChangeDisabled => "tls-cert-change-disabled",
            Self::MfaDisabled => "mfa-disabled",
            Self::ApiKeyAuthChangeDisabled => "api-key-auth-change-disabled",
            Self::InfoChangeDisabled => "info-change-disabled",
            Self::SharesDisabled => "shares-disabled",
            Self::SharesWithoutPasswordDisabled => "shares-without-password-disabled",
        }
    }
}

impl TryFrom<String> for WebClientOption {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        word::parse("filters.web_client", &text)
    }
}

impl From<WebClientOption> for &'static str {
    fn from(option: WebClientOption) -> Self {
        option.word()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        word::assert_table::<WebClientOption>(10);
    }

    #[test]
    fn another_spelling_is_another_word() {
        for sent in [r#""write_disabled""#, r#""WRITE-DISABLED""#, r#""""#] {
            assert!(serde_json::from_str::<WebClientOption>(sent).is_err(), "{sent}");
        }
    }
}
