//! Provider 5: another SFTP server.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::Slot;
use super::rules::{Settings, is_zero, labelled, optional, present, within};
use crate::domain::secret::{PlainText, Secret};
use crate::domain::{path, private_key};
use crate::error::Invalid;

/// The settings of the SFTP provider; the buffer in MB.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SftpConfig {
    #[serde(skip_serializing_if = "String::is_empty")]
    endpoint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fingerprints: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    prefix: String,
    #[serde(skip_serializing_if = "Not::not")]
    disable_concurrent_reads: bool,
    #[serde(skip_serializing_if = "is_zero")]
    buffer_size: i64,
    #[serde(skip_serializing_if = "is_zero")]
    equality_check_mode: i64,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    password: Secret,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    private_key: Secret,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    key_passphrase: Secret,
}

impl Settings for SftpConfig {
    fn secrets(&self) -> Vec<(Slot, &Secret)> {
        vec![
            (Slot::SftpPassword, &self.password),
            (Slot::SftpPrivateKey, &self.private_key),
            (Slot::SftpKeyPassphrase, &self.key_passphrase),
        ]
    }

    fn secrets_mut(&mut self) -> Vec<(Slot, &mut Secret)> {
        vec![
            (Slot::SftpPassword, &mut self.password),
            (Slot::SftpPrivateKey, &mut self.private_key),
            (Slot::SftpKeyPassphrase, &mut self.key_passphrase),
        ]
    }

    fn templates_mut(&mut self) -> Vec<&mut String> {
        vec![&mut self.prefix, &mut self.username]
    }

    fn settle(&mut self) -> Result<(), Invalid> {
        self.apply_rules().map_err(labelled("SFTP fs config"))
    }
}

impl SftpConfig {
    /// Whether a private key was sent that must be read before it is sealed.
    pub(super) fn has_plain_key(&self) -> bool {
        plain(&self.private_key).is_some()
    }

    fn apply_rules(&mut self) -> Result<(), Invalid> {
        present("endpoint", &self.endpoint)?;
        if !self.endpoint.contains(':') {
            self.endpoint.push_str(":22");
        }
        check_host_and_port(&self.endpoint)?;
        present("username", &self.username)?;
        within("buffer_size", self.buffer_size, &(0..=16))?;
        if self.password.is_empty() && self.private_key.is_empty() {
            return Err(Invalid::new("password or private_key is required"));
        }
        for (slot, secret) in self.secrets() {
            optional(slot, secret)?;
        }
        self.prefix = path::clean(&format!("/{}", self.prefix));
        if let Some(key) = plain(&self.private_key) {
            let passphrase = plain(&self.key_passphrase).map(PlainText::expose);
            private_key::check(key.expose(), passphrase)
                .map_err(|why| Invalid::new(format!("private_key: {why}")))?;
        }
        Ok(())
    }
}

/// The text of a secret that is still plain.
fn plain(secret: &Secret) -> Option<&PlainText> {
    match secret {
        Secret::Plain(plain) => Some(plain),
        Secret::Empty | Secret::Sealed(_) | Secret::Redacted => None,
    }
}

/// Checks that a text is a host and a port with a colon between; an address with colons of its own
/// stands in brackets. Neither half is looked at further.
fn check_host_and_port(endpoint: &str) -> Result<(), Invalid> {
    let split = match endpoint.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => endpoint.split_once(':'),
    };
    match split {
        Some((host, port)) if !host.contains(['[', ']']) && !port.contains([':', '[', ']']) => Ok(()),
        _ => Err(Invalid::new("endpoint must be host:port")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_host_and_port() {
        for endpoint in ["h:22", "h:abc", "h:", ":22", "[::1]:22", "[h]:22", "ü:1"] {
            assert_eq!(check_host_and_port(endpoint), Ok(()), "{endpoint:?}");
        }
        for endpoint in
            ["::1", "a:b:c", "[::1]", "[::1", "[::1]22", "[::1]:2:2", "h]:22", "h:[22", "[[::1]]:22"]
        {
            assert!(check_host_and_port(endpoint).is_err(), "{endpoint:?}");
        }
    }
}
