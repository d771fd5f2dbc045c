//! The settings: one tree, filled from defaults, a TOML file and the environment, in this order. This
//! is the one module that looks at the environment, and it is read once, where the server is put
//! together; the parts get typed values and never see the tree.
//!
//! An unknown key or a wrong value never passes: the complaint names the file and line, or the
//! variable. "Off" is absence. `config/usersd.toml` shows every setting with its default.

mod accounts;
mod api_key;
mod auth;
mod defender;
mod document;
mod http;
mod keys;
mod mail;
mod problem;
mod secret_text;
#[cfg(test)]
mod tests;
mod values;
mod variables;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use accounts::{
    AdminsSettings, HashAlgorithm, HashingSettings, StoreSettings, TotpHash, TotpSettings, UsersSettings,
};
pub use api_key::{Expiry, StaticApiKey};
pub use auth::{AuthSettings, IpBinding, ResetCodeSettings, SecretsSettings};
pub use defender::DefenderSettings;
pub use http::HttpSettings;
pub use keys::SigningKey;
pub use mail::{LogSettings, SmtpAuth, SmtpEncryption, SmtpSettings};
pub use problem::SettingsError;
pub use secret_text::{MASK, SecretText};

use document::Document;
use problem::{Problem, Problems};
use variables::Variables;

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `[http]`: where the server listens and how long it waits.
    pub http: HttpSettings,
    /// `[store]`: the files that hold everything.
    pub store: StoreSettings,
    /// `[users]`: rules for users.
    pub users: UsersSettings,
    /// `[admins]`: rules for admins.
    pub admins: AdminsSettings,
    /// `[hashing]`: how passwords are hashed.
    pub hashing: HashingSettings,
    /// `[auth]`: tokens and API keys.
    pub auth: AuthSettings,
    /// `[defender]`: failed proofs and what follows from them.
    pub defender: DefenderSettings,
    /// `[secrets]`: how users' secrets are sealed.
    pub secrets: SecretsSettings,
    /// `[[totp]]`: configurations of one-time codes; those in a file replace the default one.
    pub totp: Vec<TotpSettings>,
    /// `[smtp]`: the mail server.
    pub smtp: SmtpSettings,
    /// `[reset_codes]`: limits of forgotten passwords.
    pub reset_codes: ResetCodeSettings,
    /// `[log]`: what is written to standard error.
    pub log: LogSettings,
    /// The admin to make when the store is empty; from the environment only.
    #[serde(skip)]
    pub first_admin: FirstAdmin,
    /// What the service manager said about itself; from the environment only.
    #[serde(skip)]
    pub surroundings: Surroundings,
    /// What the operator should know of the file they came from, though it is no reason to stop; for the log.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: HttpSettings::default(),
            store: StoreSettings::default(),
            users: UsersSettings::default(),
            admins: AdminsSettings::default(),
            hashing: HashingSettings::default(),
            auth: AuthSettings::default(),
            defender: DefenderSettings::default(),
            secrets: SecretsSettings::default(),
            totp: vec![TotpSettings::default()],
            smtp: SmtpSettings::default(),
            reset_codes: ResetCodeSettings::default(),
            log: LogSettings::default(),
            first_admin: FirstAdmin::default(),
            surroundings: Surroundings::default(),
            warnings: Vec::new(),
        }
    }
}

/// The admin made on an empty store: `USERSD_FIRST_ADMIN`, `USERSD_FIRST_ADMIN_PASSWORD`. What is absent
/// is chosen by the server, a password at random, and printed once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstAdmin {
    /// The name.
    pub name: Option<String>,
    /// The password.
    pub password: Option<SecretText>,
}

/// What the service manager tells its services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The folder of credentials, `CREDENTIALS_DIRECTORY`.
    pub credentials: Option<PathBuf>,
    /// Device and inode of the journal's stream, `JOURNAL_STREAM`.
    pub journal: Option<(u64, u64)>,
}

impl Surroundings {
    fn read(environment: &[(String, String)]) -> Self {
        let journal = value_of(environment, "JOURNAL_STREAM").and_then(|text| {
            let (device, inode) = text.split_once(':')?;
            Some((device.parse().ok()?, inode.parse().ok()?))
        });
        Self { credentials: value_of(environment, "CREDENTIALS_DIRECTORY").map(PathBuf::from), journal }
    }
}

fn value_of<'a>(environment: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = environment.iter().find(|(known, _)| known == name);
    found.map(|(_, text)| text.as_str()).filter(|text| !text.is_empty())
}

impl Settings {
    /// Loads the settings of this process: defaults, `file`, its environment.
    ///
    /// # Errors
    /// When the file cannot be read, or a key is unknown, or a value is wrong.
    pub fn from_process(file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut environment = Vec::new();
        for (name, text) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match text.into_string() {
                Ok(text) => environment.push((name, text)),
                Err(_) if name.starts_with("USERSD_") => {
                    return Err(SettingsError::Wrong(vec![format!("{name}: is not UTF-8")]));
                }
                Err(_) => {}
            }
        }
        Self::load(file, environment)
    }

    /// Loads settings from a file, or none, and the given variables.
    ///
    /// # Errors
    /// When the file cannot be read, or a key is unknown, or a value is wrong.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let environment: Vec<_> = environment.into_iter().collect();
        let document = file.map(Document::read).transpose()?;
        let variables = Variables::parse(&environment)?;
        let table = document.as_ref().map_or_else(|| Ok(toml::Table::new()), Document::table)?;
        let settings = variables.over(table).and_then(config::Config::try_deserialize::<Self>);
        // File and variables were tried apart; together they can only disagree about what is a list.
        let settings = settings.map_err(|why| SettingsError::Wrong(vec![why.to_string()]))?;
        let problems = settings.problems();
        if !problems.is_empty() {
            let located = problems.iter().map(|problem| locate(problem, document.as_ref(), &variables));
            return Err(SettingsError::Wrong(located.collect()));
        }
        Ok(Self {
            first_admin: FirstAdmin {
                name: value_of(&environment, "USERSD_FIRST_ADMIN").map(ToOwned::to_owned),
                password: value_of(&environment, "USERSD_FIRST_ADMIN_PASSWORD")
                    .map(|text| SecretText::new(text.to_owned())),
            },
            surroundings: Surroundings::read(&environment),
            warnings: document.iter().filter_map(|document| document.exposure(&document::SECRETS)).collect(),
            ..settings
        })
    }

    /// The settings as a file would say them, secrets masked.
    ///
    /// # Errors
    /// When a value has no form in TOML, which is true of none that was loaded.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Problems::default();
        self.http.check(&mut problems);
        self.store.check(&mut problems);
        self.users.check(&mut problems);
        self.admins.check(&mut problems);
        self.hashing.check(&mut problems);
        self.auth.check(&mut problems);
        self.defender.check(&mut problems);
        self.secrets.check(&mut problems);
        TotpSettings::check(&self.totp, &mut problems);
        self.smtp.check(&mut problems);
        self.reset_codes.check(&mut problems);
        self.log.check(&mut problems);
        problems.0
    }
}

/// The problem in one line that begins with who set the value.
fn locate(problem: &Problem, document: Option<&Document>, variables: &Variables) -> String {
    let Problem { key, why } = problem;
    if let Some(name) = variables.name_of(key) {
        return format!("{name}: {key} {why}");
    }
    match document.and_then(|document| document.line_of(key)) {
        Some(line) => format!("{line}: {key} {why}"),
        None => format!("{key} {why}"),
    }
}
