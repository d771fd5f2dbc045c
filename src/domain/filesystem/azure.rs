//! Provider 3: Azure Blob.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::Slot;
use super::rules::{Settings, clean_key_prefix, is_zero, labelled, optional, present, required, within};
use crate::domain::secret::Secret;
use crate::domain::url::Url;
use crate::error::Invalid;

/// The words `access_tier` may be, besides none.
const ACCESS_TIERS: [&str; 3] = ["Archive", "Hot", "Cool"];

/// The settings of the Azure provider; sizes in MB.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct AzureConfig {
    #[serde(skip_serializing_if = "String::is_empty")]
    container: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    account_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    endpoint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    key_prefix: String,
    #[serde(skip_serializing_if = "is_zero")]
    upload_part_size: i64,
    #[serde(skip_serializing_if = "is_zero")]
    upload_concurrency: i64,
    #[serde(skip_serializing_if = "is_zero")]
    download_part_size: i64,
    #[serde(skip_serializing_if = "is_zero")]
    download_concurrency: i64,
    #[serde(skip_serializing_if = "Not::not")]
    use_emulator: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    access_tier: String,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    account_key: Secret,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    sas_url: Secret,
}

impl Settings for AzureConfig {
    fn secrets(&self) -> Vec<(Slot, &Secret)> {
        vec![(Slot::AzureAccountKey, &self.account_key), (Slot::AzureSasUrl, &self.sas_url)]
    }

    fn secrets_mut(&mut self) -> Vec<(Slot, &mut Secret)> {
        vec![(Slot::AzureAccountKey, &mut self.account_key), (Slot::AzureSasUrl, &mut self.sas_url)]
    }

    fn templates_mut(&mut self) -> Vec<&mut String> {
        vec![&mut self.key_prefix]
    }

    fn settle(&mut self) -> Result<(), Invalid> {
        self.apply_rules().map_err(labelled("Azure Blob config"))
    }
}

impl AzureConfig {
    fn apply_rules(&mut self) -> Result<(), Invalid> {
        if self.sas_url.is_empty() {
            present("container", &self.container)?;
        }
        self.check_credentials()?;
        clean_key_prefix(&mut self.key_prefix)?;
        within("upload_part_size", self.upload_part_size, &(0..=100))?;
        within("upload_concurrency", self.upload_concurrency, &(0..=64))?;
        within("download_part_size", self.download_part_size, &(0..=100))?;
        within("download_concurrency", self.download_concurrency, &(0..=64))?;
        if !self.access_tier.is_empty() && !ACCESS_TIERS.contains(&self.access_tier.as_str()) {
            return Err(Invalid::new("access_tier must be empty, Archive, Hot or Cool"));
        }
        Ok(())
    }

    /// A signed address says everything; without one the account and its key are needed.
    fn check_credentials(&self) -> Result<(), Invalid> {
        if self.sas_url.is_empty() {
            present("account_name", &self.account_name)?;
            return required(Slot::AzureAccountKey, &self.account_key);
        }
        optional(Slot::AzureSasUrl, &self.sas_url)?;
        match &self.sas_url {
            Secret::Plain(url) if Url::parse(url.expose()).is_none() => {
                Err(Invalid::new("sas_url is not a URL"))
            }
            Secret::Empty | Secret::Plain(_) | Secret::Sealed(_) | Secret::Redacted => Ok(()),
        }
    }
}
