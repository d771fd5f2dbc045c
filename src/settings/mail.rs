//! `[smtp]` and `[log]`: what the server tells people, by mail and on its standard error.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};

use super::SecretText;
use super::auth::at_most_one;
use super::problem::Problems;
use super::values::{seconds, text_option};
use crate::domain::reset_link::ResetLink;

/// How the server proves itself to the mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpAuth {
    /// AUTH PLAIN.
    Plain,
    /// AUTH LOGIN.
    Login,
    /// XOAUTH2; the password is an access token.
    Xoauth2,
}

/// How the connection to the mail server is kept from others' eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpEncryption {
    /// Not at all.
    None,
    /// STARTTLS; without it nothing is sent.
    Starttls,
    /// TLS from the first byte.
    Tls,
}

/// `[smtp]`: the mail server. Without a host there is no mail, and forgotten passwords stay forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmtpSettings {
    /// Name or address of the mail server. Default: absent, no mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its port. Default 587.
    pub port: NonZeroU16,
    /// Sender, as `Name <address>` or an address. Default: absent, `user` if that is an address.
    #[serde(with = "text_option", skip_serializing_if = "Option::is_none")]
    pub from: Option<Mailbox>,
    /// Where answers go. Default: absent, to the sender.
    #[serde(with = "text_option", skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Mailbox>,
    /// User at the mail server. Default: absent, no authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its password; better kept in a file or a credential. Default: absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretText>,
    /// File that holds the password. Default: absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Name of a systemd credential that holds the password. Default: absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_credential: Option<String>,
    /// Way of authentication: `plain`, `login` or `xoauth2`. Default `plain`.
    pub auth: SmtpAuth,
    /// `starttls` (mandatory), `tls` (from the start) or `none`. Default `starttls`.
    pub encryption: SmtpEncryption,
    /// File of certificates (PEM) to trust besides the public ones. Default: absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Name to greet with (EHLO). Default: absent, the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Seconds a mail may take, from connecting to goodbye. Default 10.
    #[serde(rename = "timeout_secs", with = "seconds")]
    pub timeout: Duration,
    /// Whether a password may cross the network with `encryption = "none"`. Default false.
    pub allow_plaintext_credentials: bool,
    /// Whether a request for a reset code is answered alike for known, unknown and mail-less accounts.
    /// Default true; false gives the reference's texts, which tell strangers who has an account.
    pub uniform_answers: bool,
    /// The page where a code is entered, shown in mails; `{username}` and `{kind}` are filled in. Default: absent,
    /// no link.
    #[serde(with = "text_option", skip_serializing_if = "Option::is_none")]
    pub reset_url: Option<ResetLink>,
    /// Folder of templates that replace the built-in mails. Default: absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templates_dir: Option<PathBuf>,
}

impl Default for SmtpSettings {
    fn default() -> Self {
        Self {
            host: None,
            port: NonZeroU16::MIN.saturating_add(586),
            from: None,
            reply_to: None,
            user: None,
            password: None,
            password_file: None,
            password_credential: None,
            auth: SmtpAuth::Plain,
            encryption: SmtpEncryption::Starttls,
            ca_file: None,
            domain: None,
            timeout: Duration::from_secs(10),
            allow_plaintext_credentials: false,
            uniform_answers: true,
            reset_url: None,
            templates_dir: None,
        }
    }
}

impl SmtpSettings {
    /// Who mails come from: `from`, else `user` where that is an address.
    #[must_use]
    pub fn sender(&self) -> Option<Mailbox> {
        self.from.clone().or_else(|| self.user.as_deref()?.parse().ok())
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        let sources =
            [self.password.is_some(), self.password_file.is_some(), self.password_credential.is_some()];
        at_most_one(&sources, "smtp.password", problems);
        let Some(host) = &self.host else { return };
        let plain = |character: char| character.is_ascii_alphanumeric() || "-._:[]".contains(character);
        problems.unless(
            !host.is_empty() && host.chars().all(plain),
            "smtp.host",
            "must be the name or address of a mail server; to have no mail, leave it out",
        );
        problems.unless(
            self.sender().is_some(),
            "smtp.host",
            "is set without smtp.from: mails must come from an address",
        );
        let password = sources.contains(&true);
        problems.unless(password || self.user.is_none(), "smtp.user", "is set without a password");
        problems.unless(!password || self.user.is_some(), "smtp.user", "is needed: a password is set");
        let open = password && self.encryption == SmtpEncryption::None;
        problems.unless(
            !open || self.allow_plaintext_credentials,
            "smtp.encryption",
            "\"none\" would send the password in clear text: choose \"starttls\" or \"tls\", or set \
             smtp.allow_plaintext_credentials = true",
        );
    }
}

/// `[log]`: what is written to standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// Which messages, in the grammar of `RUST_LOG` (`info`, `warn,usersd::store=debug`); that variable
    /// counts too. Default `info`.
    pub filter: String,
    /// Whether each request is written, one line each without body, query or secrets. Default true.
    pub requests: bool,
    /// Whether it is written who changed what, signed in or was shown secrets, from where, and what came of it:
    /// one line each, without values. Default true.
    pub audit: bool,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: "info".to_owned(), requests: true, audit: true }
    }
}

impl LogSettings {
    pub(super) fn check(&self, problems: &mut Problems) {
        for part in self.filter.split(',').map(str::trim) {
            let level = part.split_once('=').map_or("", |(_, level)| level.trim());
            if !level.is_empty() && level.parse::<log::LevelFilter>().is_err() {
                let why = format!("{level:?} is not one of off, error, warn, info, debug, trace");
                problems.add("log.filter", why);
            }
        }
    }
}
