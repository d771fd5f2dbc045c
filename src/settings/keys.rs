//! Key material: read from a file, a systemd credential or the settings themselves, and the signing
//! key made at the first start. Files that others may read or change are refused.

use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{SecretText, Settings, SettingsError};
use crate::random;

/// Name of the signing key's file in the store's folder.
const SIGNING_KEY_FILE: &str = "signing.key";

/// Fewest characters of a signing key given as text: 32 of hex are 128 bits, of base64 192.
const SIGNING_KEY_LENGTH: usize = 32;

/// The key that tokens are signed with: SHA-256 of the configured text (`contract/auth.md` §1).
#[derive(Clone)]
pub struct SigningKey(Zeroizing<[u8; 32]>);

impl SigningKey {
    /// Derives the key from its text.
    #[must_use]
    pub fn derive(text: &SecretText) -> Self {
        Self(Zeroizing::new(Sha256::digest(text.expose().as_bytes()).into()))
    }

    /// The key itself.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(hidden)")
    }
}

/// The three ways to give a secret; at most one is used, which the sections' checks see to.
struct Source<'a> {
    /// The name of the secret; the keys of the ways are made from it.
    file_key: &'static str,
    credential_key: &'static str,
    inline: Option<&'a SecretText>,
    file: Option<&'a Path>,
    credential: Option<&'a str>,
}

impl Settings {
    /// The key for signing tokens. Without a configured one the key in the store's folder is used, which
    /// is made, readable for its owner only, when it is not there.
    ///
    /// # Errors
    /// When the text is too short, or the file cannot be read or written, or is open to others.
    pub fn signing_key(&self) -> Result<SigningKey, SettingsError> {
        if let Some(key) = self.given_signing_key()? {
            return Ok(key);
        }
        let file = self.store.path.join(SIGNING_KEY_FILE);
        if !file.exists() {
            create(&file).map_err(|why| refused("auth.signing_key_file", &file, why.to_string()))?;
        }
        let text = read("auth.signing_key_file", &file, Guard::OwnerOnly)?;
        strong(&text, &file).map(|()| SigningKey::derive(&text))
    }

    /// The master key that users' secrets are sealed with, if there is one.
    ///
    /// # Errors
    /// When its file cannot be read, is empty or is open to others.
    pub fn master_key(&self) -> Result<Option<SecretText>, SettingsError> {
        self.obtain(&Source {
            file_key: "secrets.master_key_file",
            credential_key: "secrets.master_key_credential",
            inline: None,
            file: self.secrets.master_key_file.as_deref(),
            credential: self.secrets.master_key_credential.as_deref(),
        })
    }

    /// The master key of another server, in a file that its operator names.
    ///
    /// # Errors
    /// When the file cannot be read, is empty or is open to others.
    pub fn master_key_in(file: &Path) -> Result<SecretText, SettingsError> {
        read("master-key-file", file, Guard::NotForAll)
    }

    /// The password for the mail server, if there is one.
    ///
    /// # Errors
    /// When its file cannot be read, is empty or is open to others.
    pub fn smtp_password(&self) -> Result<Option<SecretText>, SettingsError> {
        self.obtain(&Source {
            file_key: "smtp.password_file",
            credential_key: "smtp.password_credential",
            inline: self.smtp.password.as_ref(),
            file: self.smtp.password_file.as_deref(),
            credential: self.smtp.password_credential.as_deref(),
        })
    }

    /// Reads every configured secret and makes none, for a look at the settings without a start.
    ///
    /// # Errors
    /// As the single readers.
    pub fn check_secrets(&self) -> Result<(), SettingsError> {
        self.given_signing_key()?;
        self.master_key()?;
        self.smtp_password()?;
        Ok(())
    }

    fn given_signing_key(&self) -> Result<Option<SigningKey>, SettingsError> {
        let text = self.obtain(&Source {
            file_key: "auth.signing_key_file",
            credential_key: "auth.signing_key_credential",
            inline: self.auth.signing_key.as_ref(),
            file: self.auth.signing_key_file.as_deref(),
            credential: self.auth.signing_key_credential.as_deref(),
        })?;
        let Some(text) = text else { return Ok(None) };
        let file = self.auth.signing_key_file.as_deref().unwrap_or(Path::new("auth.signing_key"));
        strong(&text, file).map(|()| Some(SigningKey::derive(&text)))
    }

    fn obtain(&self, source: &Source<'_>) -> Result<Option<SecretText>, SettingsError> {
        if let Some(text) = source.inline {
            return Ok(Some(text.clone()));
        }
        if let Some(file) = source.file {
            return read(source.file_key, file, Guard::NotForAll).map(Some);
        }
        let Some(name) = source.credential else { return Ok(None) };
        let Some(folder) = &self.surroundings.credentials else {
            let why = "there are no credentials: the service manager sets CREDENTIALS_DIRECTORY where it \
                       hands some over (LoadCredential=)";
            return Err(refused(source.credential_key, Path::new(name), why.to_owned()));
        };
        read(source.credential_key, &folder.join(name), Guard::Manager).map(Some)
    }
}

/// Who may have access to a file besides its owner.
#[derive(Clone, Copy, PartialEq)]
enum Guard {
    /// Nobody: the file is ours.
    OwnerOnly,
    /// Its group may read it: files that an administrator or a container platform provides.
    NotForAll,
    /// Whoever the service manager lets in: it guards credentials itself.
    Manager,
}

impl Guard {
    const fn forbidden(self) -> u32 {
        match self {
            Self::OwnerOnly => 0o077,
            Self::NotForAll => 0o037,
            Self::Manager => 0,
        }
    }
}

/// Reads a secret; blanks and line ends around it do not count (`contract/config.md` §5).
fn read(key: &'static str, file: &Path, guard: Guard) -> Result<SecretText, SettingsError> {
    let unreadable = |why: std::io::Error| refused(key, file, why.to_string());
    let mode = fs::metadata(file).map_err(unreadable)?.permissions().mode();
    if mode & guard.forbidden() != 0 {
        let why = format!("others may read or change it (mode {:04o}): chmod 600 it", mode & 0o7777);
        return Err(refused(key, file, why));
    }
    let whole = Zeroizing::new(fs::read_to_string(file).map_err(unreadable)?);
    let text = whole.trim();
    if text.is_empty() {
        return Err(refused(key, file, "is empty".to_owned()));
    }
    Ok(SecretText::new(text.to_owned()))
}

/// Writes a fresh key. It appears under its name whole or not at all.
fn create(file: &Path) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut bytes = random::bytes::<32>();
    let text = Zeroizing::new(format!("{}\n", hex::encode(bytes)));
    bytes.zeroize();
    let partial = PathBuf::from(format!("{}.new", file.display()));
    if let Err(why) = fs::remove_file(&partial)
        && why.kind() != ErrorKind::NotFound
    {
        return Err(why);
    }
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(&partial, file)
}

fn strong(text: &SecretText, file: &Path) -> Result<(), SettingsError> {
    if text.expose().chars().count() >= SIGNING_KEY_LENGTH {
        return Ok(());
    }
    let why =
        format!("must have at least {SIGNING_KEY_LENGTH} characters, such as `openssl rand -hex 32` writes");
    Err(refused("auth.signing_key", file, why))
}

fn refused(key: &'static str, file: &Path, why: String) -> SettingsError {
    SettingsError::Secret { key, file: file.to_owned(), why }
}
