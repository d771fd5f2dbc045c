//! Provider 0: a directory of the machine.

use serde::{Deserialize, Serialize};

use super::Slot;
use super::rules::{Settings, is_zero, within};
use crate::domain::secret::Secret;
use crate::error::Invalid;

/// The settings of the local provider: buffers in MB.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LocalConfig {
    #[serde(skip_serializing_if = "is_zero")]
    read_buffer_size: i64,
    #[serde(skip_serializing_if = "is_zero")]
    write_buffer_size: i64,
}

impl Settings for LocalConfig {
    fn secrets(&self) -> Vec<(Slot, &Secret)> {
        Vec::new()
    }

    fn secrets_mut(&mut self) -> Vec<(Slot, &mut Secret)> {
        Vec::new()
    }

    fn settle(&mut self) -> Result<(), Invalid> {
        check_buffers(self.read_buffer_size, self.write_buffer_size)
    }
}

/// Holds the buffers of both local providers to their range.
pub(super) fn check_buffers(read: i64, write: i64) -> Result<(), Invalid> {
    within("read_buffer_size", read, &(0..=10))?;
    within("write_buffer_size", write, &(0..=10))
}
