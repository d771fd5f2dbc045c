//! Provider 4: a directory of the machine, encrypted.

use serde::{Deserialize, Serialize};

use super::Slot;
use super::local::check_buffers;
use super::rules::{Settings, is_zero, labelled, required};
use crate::domain::secret::Secret;
use crate::error::Invalid;

/// The settings of the encrypted provider: buffers in MB, and the passphrase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct CryptConfig {
    #[serde(skip_serializing_if = "is_zero")]
    read_buffer_size: i64,
    #[serde(skip_serializing_if = "is_zero")]
    write_buffer_size: i64,
    #[serde(skip_serializing_if = "Secret::is_empty")]
    passphrase: Secret,
}

impl Settings for CryptConfig {
    fn secrets(&self) -> Vec<(Slot, &Secret)> {
        vec![(Slot::CryptPassphrase, &self.passphrase)]
    }

    fn secrets_mut(&mut self) -> Vec<(Slot, &mut Secret)> {
        vec![(Slot::CryptPassphrase, &mut self.passphrase)]
    }

    fn settle(&mut self) -> Result<(), Invalid> {
        required(Slot::CryptPassphrase, &self.passphrase).map_err(labelled("crypt fs config"))?;
        check_buffers(self.read_buffer_size, self.write_buffer_size)
    }
}
