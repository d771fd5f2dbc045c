//! Provider 1: Amazon's S3 or what speaks like it.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::Slot;
use super::rules::{
    Settings, clean_key_prefix, is_zero, labelled, optional, present, trim, within, within_or_zero,
};
use crate::domain::secret::Secret;
use crate::error::Invalid;

/// The settings of the S3 provider; sizes in MB, times in seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct S3Config {
    #[serde(skip_serializing_if = "String::is_empty")]
    bucket: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    key_prefix: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    region: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    access_key: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    role_arn: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    session_token: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    endpoint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    storage_class: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    acl: String,
    #[serde(skip_serializing_if = "is_zero")]
    upload_part_size: i64,
    #[serde(skip_serializing_if = "is_zero")]
    upload_concurrency: i64,
    #[serde(skip_serializing_if = "is_zero")]
    download_part_size: i64,
    #[serde(skip_serializing_if = "is_zero")]
    upload_part_max_time: i64,
    #[serde(skip_serializing_if = "is_zero")]
    download_concurrency: i64,
    #[serde(skip_serializing_if = "is_zero")]
    download_part_max_time: i64,
    #[serde(skip_serializing_if = "Not::not")]
    force_path_style: bool,
    #[serde(skip_serializing_if = "Not::not")]
    skip_tls_verify: bool,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    access_secret: Secret,
}

impl Settings for S3Config {
    fn secrets(&self) -> Vec<(Slot, &Secret)> {
        vec![(Slot::S3AccessSecret, &self.access_secret)]
    }

    fn secrets_mut(&mut self) -> Vec<(Slot, &mut Secret)> {
        vec![(Slot::S3AccessSecret, &mut self.access_secret)]
    }

    fn templates_mut(&mut self) -> Vec<&mut String> {
        vec![&mut self.key_prefix]
    }

    fn settle(&mut self) -> Result<(), Invalid> {
        self.apply_rules().map_err(labelled("s3config"))
    }
}

impl S3Config {
    fn apply_rules(&mut self) -> Result<(), Invalid> {
        present("bucket", &self.bucket)?;
        if self.region.is_empty() && self.endpoint.is_empty() {
            return Err(Invalid::new("region or endpoint is required"));
        }
        if self.access_key.is_empty() != self.access_secret.is_empty() {
            return Err(Invalid::new("access_key and access_secret must be given both or not at all"));
        }
        optional(Slot::S3AccessSecret, &self.access_secret)?;
        clean_key_prefix(&mut self.key_prefix)?;
        trim(&mut self.storage_class);
        trim(&mut self.acl);
        within_or_zero("upload_part_size", self.upload_part_size, &(5..=5000))?;
        within("upload_concurrency", self.upload_concurrency, &(0..=64))?;
        within_or_zero("download_part_size", self.download_part_size, &(5..=5000))?;
        within("download_concurrency", self.download_concurrency, &(0..=64))
    }
}
