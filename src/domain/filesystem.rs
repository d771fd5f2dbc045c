//! Where the files of a user are: one of seven providers with its settings (`contract/user-model.md` §3,
//! `contract/validation.md` §6). A [`Filesystem`] has passed its provider's rules, holds the settings of
//! that provider alone, and none but sealed secrets.

mod azure;
mod confidential;
mod crypt;
mod draft;
mod gcs;
mod http;
mod local;
mod provider;
mod rules;
mod s3;
mod sftp;
mod slot;

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

use crate::domain::placeholders::Placeholders;
use crate::domain::sealer::Sealer;
use crate::domain::secret::Secret;
use crate::error::Invalid;

use azure::AzureConfig;
use crypt::CryptConfig;
use gcs::GcsConfig;
use http::HttpConfig;
use local::LocalConfig;
use rules::Settings;
use s3::S3Config;
use sftp::SftpConfig;

pub use draft::FilesystemDraft;
pub use provider::Provider;
pub use slot::Slot;

/// The provider of a user's files and its settings.
///
/// It serialises as the normal view, which is also what the store keeps: `provider` and all seven
/// sections, six of them empty. Read back from there, its secrets lack the half that the view hides;
/// [`Filesystem::secrets_mut`] and [`Secret::restore_private`] give it back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FilesystemDraft")]
pub struct Filesystem(Config);

/// The settings of the one provider in use.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Config {
    Local(LocalConfig),
    S3(S3Config),
    Gcs(GcsConfig),
    Azure(AzureConfig),
    Crypt(CryptConfig),
    Sftp(SftpConfig),
    Http(HttpConfig),
}

impl Filesystem {
    /// Which provider it is.
    pub fn provider(&self) -> Provider {
        self.0.provider()
    }

    /// Whether it is anything but a plain directory of the machine.
    pub fn is_remote_or_encrypted(&self) -> bool {
        self.provider() != Provider::Local
    }

    /// The same for one member of a group: prefixes and user names with their placeholders filled in.
    ///
    /// # Errors
    /// When a name cannot stand for a placeholder.
    pub fn filled(&self, placeholders: &Placeholders<'_>) -> Result<Self, Invalid> {
        let mut filled = self.clone();
        for template in filled.0.settings_mut().templates_mut() {
            *template = placeholders.fill(template)?;
        }
        Ok(filled)
    }

    /// The secrets of its provider, empty ones too, each with its place.
    pub fn secrets(&self) -> impl Iterator<Item = (Slot, &Secret)> {
        self.0.settings().secrets().into_iter()
    }

    /// The secrets of its provider, to be completed from where their private half is kept.
    pub fn secrets_mut(&mut self) -> impl Iterator<Item = (Slot, &mut Secret)> {
        self.0.settings_mut().secrets_mut().into_iter()
    }

    /// Its secrets that are not empty, each with the member it stands in, such as `s3config.access_secret`.
    pub fn named_secrets_mut(&mut self) -> impl Iterator<Item = (String, &mut Secret)> {
        let named = self.secrets_mut().filter(|(_, secret)| !secret.is_empty());
        named.map(|(slot, secret)| (format!("{}.{}", slot.section(), slot.member()), secret))
    }

    /// The secret in a place; none if the place is another provider's.
    pub fn secret(&self, slot: Slot) -> Option<&Secret> {
        self.secrets().find_map(|(at, secret)| (at == slot).then_some(secret))
    }
}

impl Default for Filesystem {
    fn default() -> Self {
        Self(Config::Local(LocalConfig::default()))
    }
}

impl TryFrom<FilesystemDraft> for Filesystem {
    type Error = Invalid;

    /// Takes back what was stored: it passed the rules when it was settled, and its secrets cannot be
    /// held to them before their private half is restored.
    fn try_from(stored: FilesystemDraft) -> Result<Self, Invalid> {
        let filesystem = Self(stored.into_config());
        let sealed = |secret: &Secret| secret.is_empty() || secret.sealed().is_some();
        if filesystem.secrets().all(|(_, secret)| sealed(secret)) {
            Ok(filesystem)
        } else {
            Err(Invalid::new("filesystem: a stored secret is not sealed"))
        }
    }
}

impl Serialize for Filesystem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Nothing {}

        let active = self.provider();
        let mut out = serializer.serialize_struct("Filesystem", 1 + Provider::ALL.len())?;
        out.serialize_field("provider", &active.code())?;
        for provider in Provider::ALL {
            let section = provider.section();
            if provider == active {
                match &self.0 {
                    Config::Local(config) => out.serialize_field(section, config)?,
                    Config::S3(config) => out.serialize_field(section, config)?,
                    Config::Gcs(config) => out.serialize_field(section, config)?,
                    Config::Azure(config) => out.serialize_field(section, config)?,
                    Config::Crypt(config) => out.serialize_field(section, config)?,
                    Config::Sftp(config) => out.serialize_field(section, config)?,
                    Config::Http(config) => out.serialize_field(section, config)?,
                }
            } else {
                out.serialize_field(section, &Nothing {})?;
            }
        }
        out.end()
    }
}

impl Config {
    fn provider(&self) -> Provider {
        match self {
            Self::Local(_) => Provider::Local,
            Self::S3(_) => Provider::S3,
            Self::Gcs(_) => Provider::Gcs,
            Self::Azure(_) => Provider::Azure,
            Self::Crypt(_) => Provider::Crypt,
            Self::Sftp(_) => Provider::Sftp,
            Self::Http(_) => Provider::Http,
        }
    }

    fn settings(&self) -> &dyn Settings {
        match self {
            Self::Local(config) => config,
            Self::S3(config) => config,
            Self::Gcs(config) => config,
            Self::Azure(config) => config,
            Self::Crypt(config) => config,
            Self::Sftp(config) => config,
            Self::Http(config) => config,
        }
    }

    fn settings_mut(&mut self) -> &mut dyn Settings {
        match self {
            Self::Local(config) => config,
            Self::S3(config) => config,
            Self::Gcs(config) => config,
            Self::Azure(config) => config,
            Self::Crypt(config) => config,
            Self::Sftp(config) => config,
            Self::Http(config) => config,
        }
    }

    /// Merges the secrets of the stored filesystem into this one (`contract/secrets.md` §4).
    ///
    /// | sent | becomes |
    /// |---|---|
    /// | plain | itself |
    /// | nothing | nothing; Google's credentials: the stored one, unless the draft is complete |
    /// | sealed, redacted | the stored one, or nothing |
    fn keep_secrets(&mut self, stored: &Filesystem, is_complete: bool) {
        for (slot, secret) in self.settings_mut().secrets_mut() {
            let keeps = match secret {
                Secret::Plain(_) => false,
                Secret::Empty => slot == Slot::GcsCredentials && !is_complete,
                Secret::Sealed(_) | Secret::Redacted => true,
            };
            if keeps {
                *secret = stored.secret(slot).cloned().unwrap_or_default();
            }
        }
    }

    /// Seals what is still plain, bound to its owner's name.
    fn seal(&mut self, owner: &str, sealer: &Sealer) -> Result<(), Invalid> {
        for (slot, secret) in self.settings_mut().secrets_mut() {
            if let Secret::Plain(plain) = secret {
                if plain.expose().is_empty() {
                    return Err(Invalid::new(format!(
                        "{}.{}: the secret has no payload",
                        slot.section(),
                        slot.member()
                    )));
                }
                *secret = sealer.seal(plain.expose(), owner).into();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
