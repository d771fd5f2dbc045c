//! Provider 2: Google Cloud Storage.

use serde::{Deserialize, Serialize};

use super::Slot;
use super::rules::{Settings, clean_key_prefix, is_zero, labelled, optional, present, required, trim};
use crate::domain::secret::Secret;
use crate::error::Invalid;

/// The settings of the Google provider; what the credentials hold is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct GcsConfig {
    #[serde(skip_serializing_if = "String::is_empty")]
    bucket: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    key_prefix: String,
    #[serde(skip_serializing_if = "is_zero")]
    automatic_credentials: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    storage_class: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    acl: String,
    #[serde(skip_serializing_if = "is_zero")]
    upload_part_size: i64,
    #[serde(skip_serializing_if = "is_zero")]
    upload_part_max_time: i64,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    credentials: Secret,
}

impl Settings for GcsConfig {
    fn secrets(&self) -> Vec<(Slot, &Secret)> {
        vec![(Slot::GcsCredentials, &self.credentials)]
    }

    fn secrets_mut(&mut self) -> Vec<(Slot, &mut Secret)> {
        vec![(Slot::GcsCredentials, &mut self.credentials)]
    }

    fn templates_mut(&mut self) -> Vec<&mut String> {
        vec![&mut self.key_prefix]
    }

    fn settle(&mut self) -> Result<(), Invalid> {
        self.apply_rules().map_err(labelled("GCS config"))
    }
}

impl GcsConfig {
    fn apply_rules(&mut self) -> Result<(), Invalid> {
        if self.automatic_credentials == 1 {
            self.credentials = Secret::Empty;
        }
        present("bucket", &self.bucket)?;
        clean_key_prefix(&mut self.key_prefix)?;
        if self.automatic_credentials == 0 {
            required(Slot::GcsCredentials, &self.credentials)?;
        } else {
            optional(Slot::GcsCredentials, &self.credentials)?;
        }
        trim(&mut self.storage_class);
        trim(&mut self.acl);
        self.upload_part_size = self.upload_part_size.max(0);
        self.upload_part_max_time = self.upload_part_max_time.max(0);
        Ok(())
    }
}
