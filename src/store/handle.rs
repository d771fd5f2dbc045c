//! The store as its users hold it: open, write, read, close. Cheap to clone; the last clone closes.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc;

use super::committer::{self, Job, QUEUE, Task};
use super::disk;
use super::fault::{Fault, because};
use super::keys::{self, Entry, Kind};
use super::open::{self, OpenError, Purpose, StoreOptions};
use super::shared::Shared;
use super::shelf::{OnShelf, Shelf};
use super::things::Shelves;
use super::txn::Txn;
use crate::error::Error;

/// The durable store: a map of bytes with one writer and any number of readers.
///
/// Reads are plain functions that take microseconds. Writes are functions of their own, run by the one
/// writer, answered when they are durable.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// Taken out when the store closes; the committer ends when the last copy is gone.
    queue: RwLock<Option<mpsc::Sender<Box<dyn Task>>>>,
    committer: Mutex<Option<JoinHandle<Result<(), Fault>>>>,
    shared: Arc<Shared>,
    /// Filled once, right after opening.
    shelves: OnceLock<Shelves>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("health", &self.health()).finish()
    }
}

impl Store {
    /// Whether there is a store in this directory, empty or not.
    pub fn is_at(path: &Path) -> bool {
        disk::has_data(path)
    }

    /// Opens the store and starts its writer.
    ///
    /// From here on the process's file mode mask is 077: the engine's files are the owner's alone.
    ///
    /// # Errors
    /// When a guard refuses (see [`OpenError`]) or the store cannot be read.
    pub fn open(options: &StoreOptions) -> Result<Self, OpenError> {
        Self::open_for(options, Purpose::Use)
    }

    /// [`Store::open`] for a purpose.
    pub(super) fn open_for(options: &StoreOptions, purpose: Purpose) -> Result<Self, OpenError> {
        let opened = open::open(options, purpose)?;
        let shared = Shared::load(opened, options.document_cache_bytes)
            .map_err(|fault| OpenError::damaged(&options.path, fault))?;
        let shared = Arc::new(shared);
        let (queue, waiting) = mpsc::channel(QUEUE);
        let mine = Arc::clone(&shared);
        let committer = std::thread::Builder::new()
            .name("committer".into())
            .spawn(move || committer::run(&mine, waiting))
            .map_err(|source| OpenError::io(&options.path, source))?;
        let store = Self {
            inner: Arc::new(Inner {
                queue: RwLock::new(Some(queue)),
                committer: Mutex::new(Some(committer)),
                shared,
                shelves: OnceLock::new(),
            }),
        };
        let shelves =
            Shelves::fill(&store).map_err(|why| OpenError::damaged(&options.path, because(&why)))?;
        store.inner.shelves.get_or_init(|| shelves);
        Ok(store)
    }

    /// All things of a small kind, in memory and up to date.
    pub fn shelf<T: OnShelf>(&self) -> &Shelf<T> {
        self.shelves().shelf()
    }

    /// The things of all small kinds, in memory and up to date.
    ///
    /// # Panics
    /// Never: the shelves are filled before a store is handed out.
    pub fn shelves(&self) -> &Shelves {
        self.inner.shelves.get().expect("the shelves are filled when the store is opened")
    }

    /// Runs a write and waits until it is durable.
    ///
    /// The closure runs on the one writer's thread, alone: it reads through the [`Txn`], decides and stages. `Ok`
    /// accepts what it staged, `Err` throws that away and is this caller's answer alone. It must be
    /// cheap (no hashing, no waiting, no other I/O), since everybody waits for it; a panic in it is answered
    /// as an internal error. Once handed over, the write runs even if the caller stops waiting.
    ///
    /// # Errors
    /// The closure's own; unavailable when the store is read-only, closed or fails to write. After such an answer
    /// it is open whether a failed write is found after the next start.
    pub async fn write<T, W>(&self, work: W) -> Result<T, Error>
    where
        W: FnOnce(&mut Txn<'_>) -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        let (job, answer) = Job::boxed(work);
        self.queue()?.send(job).await.map_err(|_| Fault::Closed)?;
        answer.await.map_err(|_| Fault::Closed)?
    }

    /// [`Store::write`] for threads that may wait.
    ///
    /// # Errors
    /// As [`Store::write`].
    ///
    /// # Panics
    /// Inside an asynchronous runtime, whose threads must not wait.
    pub fn write_blocking<T, W>(&self, work: W) -> Result<T, Error>
    where
        W: FnOnce(&mut Txn<'_>) -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        let (job, answer) = Job::boxed(work);
        self.queue()?.blocking_send(job).map_err(|_| Fault::Closed)?;
        answer.blocking_recv().map_err(|_| Fault::Closed)?
    }

    /// The durable value under a key.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn get(&self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let value = self.shared().read(&keys::key(kind.prefix(), key))?;
        Ok(value.map(|value| value.to_vec()))
    }

    /// The durable entries of a kind whose keys begin with these bytes, in the order of their keys.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn scan_prefix(&self, kind: Kind, prefix: &[u8]) -> Result<Vec<Entry>, Error> {
        let found = self.shared().read_prefix(&keys::key(kind.prefix(), prefix))?;
        Ok(found.into_iter().map(|(key, value)| (key[1..].to_vec(), value.to_vec())).collect())
    }

    /// Takes no more writes, finishes those that wait, syncs and ends the writer. Reads go on; the directory is
    /// free for another process when the last clone is dropped.
    ///
    /// Blocks until it is done; a second call does nothing.
    ///
    /// # Errors
    /// When the last sync fails.
    pub fn close(&self) -> Result<(), Error> {
        self.inner.close().map_err(Error::from)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    fn queue(&self) -> Result<mpsc::Sender<Box<dyn Task>>, Fault> {
        self.inner.queue.read().clone().ok_or(Fault::Closed)
    }
}

impl Inner {
    fn close(&self) -> Result<(), Fault> {
        drop(self.queue.write().take());
        let Some(committer) = self.committer.lock().take() else { return Ok(()) };
        if committer.thread().id() == std::thread::current().id() {
            // The last clone lived in a write: the thread ends by itself when it returns from it.
            return Ok(());
        }
        committer.join().unwrap_or_else(|_| Err(Fault::Stopped("the committer panicked".into())))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(fault) = self.close() {
            log::error!("the store did not close well: {fault}");
        }
    }
}
