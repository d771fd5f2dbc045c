//! The filesystem as a client sends it, and its way to one that can be stored.

use serde::Deserialize;

use super::azure::AzureConfig;
use super::crypt::CryptConfig;
use super::gcs::GcsConfig;
use super::http::HttpConfig;
use super::local::LocalConfig;
use super::rules::Settings;
use super::s3::S3Config;
use super::sftp::SftpConfig;
use super::{Config, Filesystem, Provider};
use crate::domain::sealer::Sealer;
use crate::domain::secret::Secret;
use crate::error::Invalid;

/// What a client says about the filesystem: a provider, and settings of any of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FilesystemDraft {
    provider: i64,
    osconfig: LocalConfig,
    s3config: S3Config,
    gcsconfig: GcsConfig,
    azblobconfig: AzureConfig,
    cryptconfig: CryptConfig,
    sftpconfig: SftpConfig,
    httpconfig: HttpConfig,
    /// Whether a secret that is absent is one that shall not be, whatever the provider.
    #[serde(skip)]
    is_complete: bool,
}

impl FilesystemDraft {
    /// The provider asked for; an unknown one is the local one.
    pub fn provider(&self) -> Provider {
        Provider::from_code(self.provider)
    }

    /// Whether [`FilesystemDraft::settle`] has a private key to read, which takes milliseconds, and up to
    /// seconds when the key is encrypted: work for where waiting is allowed. All else takes microseconds.
    pub fn needs_slow_check(&self) -> bool {
        self.provider() == Provider::Sftp && self.sftpconfig.has_plain_key()
    }

    /// Says that the draft holds everything the filesystem shall have: Google's credentials, too, are gone when
    /// they are absent.
    pub fn keep_no_absent_secrets(&mut self) {
        self.is_complete = true;
    }

    /// Refuses a redacted secret of the provider asked for: rule 6 of `contract/validation.md` §1, for
    /// where there is nothing to keep.
    ///
    /// # Errors
    /// When there is one.
    pub fn refuse_redacted(&self) -> Result<(), Invalid> {
        self.refuse_redacted_of("user")
    }

    /// The same for the filesystem of something else, named in the message.
    ///
    /// # Errors
    /// When there is one.
    pub fn refuse_redacted_of(&self, what: &str) -> Result<(), Invalid> {
        if self.settings().secrets().iter().any(|(_, secret)| **secret == Secret::Redacted) {
            return Err(Invalid::new(format!("cannot save a {what} with a redacted secret")));
        }
        Ok(())
    }

    /// Makes it a filesystem that can be stored: takes over secrets of the one stored before
    /// (`contract/secrets.md` §4), holds it to the rules of its provider (`contract/validation.md` §6),
    /// drops the settings of all others and seals what is plain, bound to the owner's name.
    ///
    /// Without a stored one this is a creation, where a redacted secret is refused.
    ///
    /// # Errors
    /// When a secret is redacted and there is nothing to keep, or a rule of the provider is broken.
    pub fn settle(
        self,
        stored: Option<&Filesystem>,
        owner: &str,
        sealer: &Sealer,
    ) -> Result<Filesystem, Invalid> {
        if stored.is_none() {
            self.refuse_redacted()?;
        }
        let is_complete = self.is_complete;
        let mut config = self.into_config();
        if let Some(stored) = stored {
            config.keep_secrets(stored, is_complete);
        }
        config.settings_mut().settle()?;
        config.seal(owner, sealer)?;
        Ok(Filesystem(config))
    }

    /// The settings of the provider asked for.
    fn settings(&self) -> &dyn Settings {
        match self.provider() {
            Provider::Local => &self.osconfig,
            Provider::S3 => &self.s3config,
            Provider::Gcs => &self.gcsconfig,
            Provider::Azure => &self.azblobconfig,
            Provider::Crypt => &self.cryptconfig,
            Provider::Sftp => &self.sftpconfig,
            Provider::Http => &self.httpconfig,
        }
    }

    /// The settings of the provider asked for; those of the others are dropped.
    pub(super) fn into_config(self) -> Config {
        match self.provider() {
            Provider::Local => Config::Local(self.osconfig),
            Provider::S3 => Config::S3(self.s3config),
            Provider::Gcs => Config::Gcs(self.gcsconfig),
            Provider::Azure => Config::Azure(self.azblobconfig),
            Provider::Crypt => Config::Crypt(self.cryptconfig),
            Provider::Sftp => Config::Sftp(self.sftpconfig),
            Provider::Http => Config::Http(self.httpconfig),
        }
    }
}
