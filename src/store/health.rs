//! How the store fares: figures for health checks and metrics, and a probe that really writes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::fault::Fault;
use super::handle::Store;
use super::{keys, view};
use crate::error::Error;

/// How the store fares at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The revision of the last durable write.
    pub revision: u64,
    /// How many users there are.
    pub users: usize,
    /// Why no writes are taken, if none are; for the log and the operator, not for clients.
    pub read_only: Option<String>,
    /// Whether that is for want of room on the disk, which a new start does not mend.
    pub is_full: bool,
    /// How long ago the last write became durable; `None` before the first since the start.
    pub last_sync: Option<Duration>,
    /// How often the writer waited for the disk since the start.
    pub syncs: u64,
}

impl Store {
    /// How the store fares now.
    pub fn health(&self) -> Health {
        let shared = self.shared();
        let (revision, users) = {
            let view = shared.view.read();
            (view.durable, view.users.len())
        };
        let refusal = shared.refusal();
        Health {
            revision,
            users,
            is_full: matches!(refusal, Some(Fault::Full { .. })),
            read_only: refusal.map(|fault| fault.to_string()),
            last_sync: shared.last_sync.lock().map(|moment| moment.elapsed()),
            syncs: shared.groups.load(Ordering::Relaxed),
        }
    }

    /// Writes a mark, waits until it is durable and reads it again: the store is ready when this succeeds.
    ///
    /// # Errors
    /// When it cannot be written or does not come back.
    pub async fn probe(&self) -> Result<(), Error> {
        let written = self
            .write(|txn| {
                let mark = txn.revision();
                txn.stage(keys::PROBE.to_vec(), Some(mark.to_le_bytes().to_vec()))?;
                Ok(mark)
            })
            .await?;
        let read =
            self.shared().read(keys::PROBE)?.map_or(Ok(0), |value| view::number(keys::PROBE, &value))?;
        // Another probe may have written since.
        if read >= written { Ok(()) } else { Err(Error::internal("the probe's mark did not come back")) }
    }
}
