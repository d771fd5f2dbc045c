//! `usersd api-key new`: a key whose hash stands in the settings file.

use clap::Args;
use serde::Serialize;

use super::failed;
use crate::app;
use crate::domain::permission::{Permission, Permissions};
use crate::error::Invalid;
use crate::exit::{Exit, Failure};
use crate::random;
use crate::settings::{Expiry, SecretText, Settings};

/// What the new key is to be.
#[derive(Debug, Args)]
pub(super) struct New {
    /// What the key is for; logs call it so
    #[arg(long, value_name = "TEXT")]
    name: String,

    /// What its bearer may do: permissions of admins, separated by commas, or * for everything
    #[arg(long, value_name = "WORD,…", required = true, value_delimiter = ',', value_parser = permission)]
    permissions: Vec<Permission>,

    /// When it ends, as 2027-01-01 or 2027-01-01T12:00:00Z (UTC) [default: never]
    #[arg(long, value_name = "MOMENT")]
    expires: Option<Expiry>,
}

fn permission(word: &str) -> Result<Permission, Invalid> {
    Permission::try_from(word.to_owned())
}

/// The lines for the settings file.
#[derive(Serialize)]
struct Lines {
    auth: Auth,
}

#[derive(Serialize)]
struct Auth {
    api_keys: [Key; 1],
}

/// As `settings::StaticApiKey`, but with a hash that can be seen.
#[derive(Serialize)]
struct Key {
    id: String,
    name: String,
    secret_hash: String,
    permissions: Permissions,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl New {
    /// Makes the key; the text is for the operator.
    pub(super) fn make(self, settings: &Settings) -> Result<String, Failure> {
        let (id, secret) = (random::short_id(), SecretText::new(random::short_id()));
        let secret_hash = app::hash_api_key_secret(settings, &secret)?;
        let key = Key {
            id: id.clone(),
            name: self.name,
            secret_hash,
            permissions: Permissions::parse(self.permissions)
                .map_err(|why| Failure::new(Exit::Usage, why.to_string()))?,
            expires_at: self.expires.map(|expiry| expiry.to_string()),
        };
        let lines = toml::to_string(&Lines { auth: Auth { api_keys: [key] } })
            .map_err(|why| failed("cannot write the lines for the settings file", why))?;
        Ok(format!(
            "# The key, shown once, to be sent in the header X-SFTPGO-API-KEY:\n# {id}.{}\n\n\
             # For the settings file; the key is valid after the next start:\n{lines}",
            secret.expose()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_can_be_loaded_and_do_not_hold_the_secret() {
        let new = New {
            name: "backup".into(),
            permissions: vec![Permission::ViewUsers, Permission::AddUsers],
            expires: Some("2027-01-01".parse().unwrap()),
        };
        let mut settings = Settings::default();
        settings.hashing.bcrypt_cost = 4;
        let text = new.make(&settings).unwrap();
        let (id, secret) = text.lines().nth(1).unwrap()[2..].split_once('.').unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("usersd.toml");
        std::fs::write(&file, &text).unwrap();
        let loaded = Settings::load(Some(&file), []).unwrap();
        let [key] = &loaded.auth.api_keys[..] else { panic!("one key, not {:?}", loaded.auth.api_keys) };
        assert_eq!((key.id.as_str(), key.name.as_str()), (id, "backup"));
        assert_eq!(key.permissions.as_slice(), [Permission::ViewUsers, Permission::AddUsers]);
        assert_eq!(key.expires_at.unwrap().to_string(), "2027-01-01T00:00:00Z");
        assert!(!key.secret_hash.expose().contains(secret));
    }
}
