//! The way back from a backup into an empty store. The file is read to its end before anything is written; a restore
//! that is cut off leaves a store that refuses to open, never one that looks whole and is not.

use std::io::{BufRead, Seek};
use std::path::PathBuf;

use super::backup::{BackupSummary, BadBackup, Reader, user_meta, verify_backup};
use super::fault::because;
use super::handle::Store;
use super::open::{OpenError, Purpose, StoreOptions};
use super::{disk, guards, keys};
use crate::domain::time::UnixMillis;
use crate::error::Error;

/// Entries of one write.
const BATCH_ENTRIES: usize = 1000;
/// Bytes from which a write takes no further entry.
const BATCH_BYTES: usize = 4 << 20;
/// How far the revisions of a restored store are above those of the backup at least: what was written after the backup
/// and is lost has used some of them, and a client may hold them. So has whatever was written after another restore of
/// the same backup: the time tells the two apart.
const REVISIONS_AHEAD: u64 = 1 << 32;

/// Why nothing was restored, or not all.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup cannot be used; nothing was written.
    #[error("the backup cannot be restored, nothing was written: {0}")]
    Backup(BadBackup),
    /// There is something in the store; nothing was written.
    #[error("the store at {} is not empty, nothing was written: move it away first", path.display())]
    NotEmpty {
        /// The store.
        path: PathBuf,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A write failed, or the file changed meanwhile.
    #[error("the restore was not finished: {why}; empty {} and restore again", path.display())]
    Unfinished {
        /// The store.
        path: PathBuf,
        /// What went wrong.
        why: String,
    },
}

/// The revision from which a restored store goes on. Microseconds go by faster than revisions are used.
fn first_revision(backed_up: u64, now: UnixMillis) -> u64 {
    let micros = u64::try_from(now.get()).unwrap_or_default().saturating_mul(1000);
    backed_up.saturating_add(REVISIONS_AHEAD).max(micros)
}

impl Store {
    /// Fills a store that is empty, or not there yet, from a backup, now. The store is closed again afterwards; `tick`
    /// hears how many entries are written.
    ///
    /// # Errors
    /// When the backup is damaged or the store is not empty, and nothing is written then; when writing fails.
    pub fn restore(
        options: &StoreOptions,
        now: UnixMillis,
        mut backup: impl BufRead + Seek,
        tick: &mut dyn FnMut(u64),
    ) -> Result<BackupSummary, RestoreError> {
        if disk::has_data(&options.path) {
            return Err(RestoreError::NotEmpty { path: options.path.clone() });
        }
        let summary = verify_backup(&mut backup, &mut |_| {}).map_err(RestoreError::Backup)?;
        let unfinished = |why: String| RestoreError::Unfinished { path: options.path.clone(), why };
        backup.rewind().map_err(|why| RestoreError::Backup(why.into()))?;
        let store =
            Self::open_for(&StoreOptions { require_data: false, ..options.clone() }, Purpose::Restore)?;
        store.shared().view.write().durable = first_revision(summary.header.revision, now);
        store.fill(backup, tick).map_err(unfinished)?;
        store.close().map_err(|why| unfinished(why.to_string()))?;
        drop(store);
        guards::end_restore(&options.path).map_err(|why| unfinished(why.to_string()))?;
        // The engine survives damage far better after it was opened once with all its data.
        let store = Self::open(options)?;
        let restored = store.user_count() as u64;
        if restored != summary.header.users {
            return Err(unfinished(format!("{restored} users came of {}", summary.header.users)));
        }
        store.close().map_err(|why| unfinished(why.to_string()))?;
        Ok(summary)
    }

    fn fill(&self, backup: impl BufRead, tick: &mut dyn FnMut(u64)) -> Result<(), String> {
        let (mut reader, _) = Reader::open(backup).map_err(|why| why.to_string())?;
        let mark = (keys::RESTORING.to_vec(), Vec::new());
        let (mut batch, mut bytes) = (vec![mark], 0);
        while let Some((key, value)) = reader.next().map_err(|why| why.to_string())? {
            bytes += key.len() + value.len();
            batch.extend(user_meta(&key, &value).map_err(|why| why.to_string())?);
            batch.push((key, value));
            if batch.len() >= BATCH_ENTRIES || bytes >= BATCH_BYTES {
                self.put_all(std::mem::take(&mut batch)).map_err(|why| because(&why))?;
                bytes = 0;
                tick(reader.records());
            }
        }
        self.put_all(batch).map_err(|why| because(&why))?;
        // Last of all, alone: from here on it is a store.
        self.write_blocking(|txn| txn.remove(keys::RESTORING.to_vec())).map_err(|why| because(&why))?;
        Ok(())
    }

    fn put_all(&self, batch: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Error> {
        self.write_blocking(move |txn| {
            batch.into_iter().try_for_each(|(key, value)| txn.stage(key, Some(value)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_restores_go_on_from_the_same_revision() {
        let now = 1_795_000_000_000;
        let first = |backed_up, now| first_revision(backed_up, UnixMillis::new(now));
        assert_eq!(first(7, now), 1_795_000_000_000_000);
        assert_ne!(first(7, now), first(7, now + 1));
        // A backup of a restored store, and a clock that stands still.
        let restored = first(7, now);
        assert_eq!(first(restored, now), restored + REVISIONS_AHEAD);
        assert_eq!(first(7, 0), 7 + REVISIONS_AHEAD);
        assert_eq!(first(7, -1), 7 + REVISIONS_AHEAD);
    }
}
