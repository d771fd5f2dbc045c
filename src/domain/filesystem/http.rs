//! Provider 6: a server of the HTTP file protocol.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::Slot;
use super::rules::{Settings, is_zero, labelled, optional, present};
use crate::domain::secret::Secret;
use crate::domain::url::Url;
use crate::error::Invalid;

/// The settings of the HTTP provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct HttpConfig {
    #[serde(skip_serializing_if = "String::is_empty")]
    endpoint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "Not::not")]
    skip_tls_verify: bool,
    #[serde(skip_serializing_if = "is_zero")]
    equality_check_mode: i64,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    password: Secret,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    api_key: Secret,
}

impl Settings for HttpConfig {
    fn secrets(&self) -> Vec<(Slot, &Secret)> {
        vec![(Slot::HttpPassword, &self.password), (Slot::HttpApiKey, &self.api_key)]
    }

    fn secrets_mut(&mut self) -> Vec<(Slot, &mut Secret)> {
        vec![(Slot::HttpPassword, &mut self.password), (Slot::HttpApiKey, &mut self.api_key)]
    }

    fn templates_mut(&mut self) -> Vec<&mut String> {
        vec![&mut self.username]
    }

    fn settle(&mut self) -> Result<(), Invalid> {
        self.apply_rules().map_err(labelled("HTTP fs config"))
    }
}

impl HttpConfig {
    fn apply_rules(&mut self) -> Result<(), Invalid> {
        present("endpoint", &self.endpoint)?;
        self.endpoint.truncate(self.endpoint.trim_end_matches('/').len());
        check_endpoint(&self.endpoint)?;
        optional(Slot::HttpPassword, &self.password)?;
        optional(Slot::HttpApiKey, &self.api_key)
    }
}

/// Checks an address of the web; the host `unix` stands for a socket, whose path must then be told.
fn check_endpoint(endpoint: &str) -> Result<(), Invalid> {
    let url = Url::parse(endpoint).ok_or_else(|| Invalid::new("endpoint is not a URL"))?;
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        return Err(Invalid::new("endpoint must start with http:// or https://"));
    }
    let absolute = || url.parameter("socket_path").is_some_and(|path| path.starts_with('/'));
    if url.host == "unix" && !absolute() {
        return Err(Invalid::new("endpoint: the socket_path of a unix endpoint must be absolute"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_of_the_web() {
        for endpoint in [
            "http://x",
            "https://x.example.com/a?b",
            "http://127.0.0.1:9999/api",
            "http://[::1]:80",
            "http://unix?socket_path=%2Frun%2Fs",
            "http://unix/api?socket_path=/run/s",
            "http://unix:80",
            "http://Unix",
        ] {
            assert_eq!(check_endpoint(endpoint), Ok(()), "{endpoint:?}");
        }
        for endpoint in [
            "",
            "127.0.0.1:80",
            "x",
            "HTTP://x",
            "ftp://x",
            "http:",
            "http://%zz",
            "http://a b",
            "http://unix",
            "http://unix?socket_path=run",
            "http://unix?socket_path=",
        ] {
            assert!(check_endpoint(endpoint).is_err(), "{endpoint:?}");
        }
    }
}
