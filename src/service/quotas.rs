//! What users have in use, as other servers count it and tell it here (`contract/endpoints.md` §12).

use serde::Deserialize;

use super::requester::Requester;
use crate::clock::Clock;
use crate::domain::username::Username;
use crate::error::Error;
use crate::store::Store;

/// Usage that is told.
#[derive(Debug, Clone)]
pub struct Quotas {
    store: Store,
    clock: Clock,
}

/// What becomes of the usage on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageMode {
    /// What is told is added to it; it may be negative, and never leads below zero.
    Add,
    /// What is told takes its place.
    Reset,
}

impl UsageMode {
    /// The mode of this word; without one, what is told takes the place of what was.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another word.
    pub fn parse(word: Option<&str>) -> Result<Self, Error> {
        match word {
            None | Some("" | "reset") => Ok(Self::Reset),
            Some("add") => Ok(Self::Add),
            Some(_) => Err(Error::malformed("invalid mode: it must be add or reset")),
        }
    }

    fn apply(self, recorded: &mut i64, told: i64) -> Result<(), Error> {
        *recorded = match self {
            Self::Add => recorded.saturating_add(told).max(0),
            Self::Reset if told < 0 => {
                return Err(Error::malformed("usage cannot be negative unless it is added"));
            }
            Self::Reset => told,
        };
        Ok(())
    }
}

/// What a user has in use; what is not told is zero.
#[derive(Debug, Clone, Copy)]
pub enum Usage {
    /// On the disk.
    Storage(StorageUsage),
    /// On the network.
    Transfer(TransferUsage),
}

/// The body of `PUT /quotas/users/{username}/usage`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct StorageUsage {
    /// Bytes.
    pub used_quota_size: i64,
    /// Files.
    pub used_quota_files: i64,
}

/// The body of `PUT /quotas/users/{username}/transfer-usage`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct TransferUsage {
    /// Bytes.
    pub used_upload_data_transfer: i64,
    /// Bytes.
    pub used_download_data_transfer: i64,
}

impl Quotas {
    /// Usage of the users in `store`.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Notes what a user has in use. In the store's line of writers, so that of many who add at once nothing is
    /// lost. `updated_at` stays: nobody changed the user.
    ///
    /// # Errors
    /// [`Error::NotFound`] for no such user or one of another role, [`Error::Malformed`] for negative usage.
    pub async fn note(
        &self,
        requester: &Requester,
        name: &Username,
        usage: Usage,
        mode: UsageMode,
    ) -> Result<(), Error> {
        let (requester, name, now) = (requester.clone(), name.clone(), self.clock.now());
        self.store
            .write(move |txn| {
                let stored = txn.user(name.as_str())?.map(|stored| stored.value);
                let mut user =
                    stored.filter(|user| requester.sees_role(&user.role)).ok_or(Error::NotFound)?;
                match usage {
                    Usage::Storage(told) => {
                        mode.apply(&mut user.used_quota_size, told.used_quota_size)?;
                        mode.apply(&mut user.used_quota_files, told.used_quota_files)?;
                    }
                    Usage::Transfer(told) => {
                        mode.apply(&mut user.used_upload_data_transfer, told.used_upload_data_transfer)?;
                        mode.apply(&mut user.used_download_data_transfer, told.used_download_data_transfer)?;
                    }
                }
                user.last_quota_update = now;
                txn.put_user(&user).map(drop)
            })
            .await
    }
}
