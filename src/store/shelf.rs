//! Small kinds of things, kept decoded in memory: admins, API keys, roles and the like. A shelf is filled once
//! and from then on follows the committer: it shows what is durable, never less and never more.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::check::Inspection;
use super::fault::Fault;
use super::handle::Store;
use super::keys::{self, Kind};
use super::record::{Body, Damaged, Record};
use super::things::Shelves;
use super::txn::Txn;
use super::users::Window;
use super::view::Follower;
use crate::error::Error;

/// Something that is stored under a key of one kind and is small enough to be kept in memory.
pub trait Shelved: Sized + Send + Sync + 'static {
    /// The kind of thing.
    const KIND: Kind;

    /// The key among its kind.
    fn key(&self) -> &str;

    /// Entries of other kinds by which it is found, written and removed with it.
    fn index(&self) -> Vec<(Kind, Vec<u8>)> {
        Vec::new()
    }

    /// What is stored.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn encode(&self) -> Result<Body, Damaged>;

    /// The other way.
    ///
    /// # Errors
    /// When the record is not what [`Shelved::encode`] makes.
    fn decode(record: &Record<'_>) -> Result<Self, Damaged>;
}

/// A kind of thing for which the store keeps a shelf from its opening on.
pub trait OnShelf: Shelved {
    /// The shelf of its kind.
    fn shelf(shelves: &Shelves) -> &Shelf<Self>;
}

type Items<T> = BTreeMap<Box<[u8]>, Arc<T>>;

/// All things of one kind, in the order of their keys; cheap to clone.
pub struct Shelf<T> {
    /// The inner one is shared with those who hold the shelf as it was: a write copies it then.
    items: Arc<RwLock<Arc<Items<T>>>>,
}

impl<T> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        Self { items: Arc::clone(&self.items) }
    }
}

impl<T> std::fmt::Debug for Shelf<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("len", &self.len()).finish()
    }
}

impl<T> Shelf<T> {
    /// The shelf as it is now, for ever. The next write copies what is on it, but no thing.
    pub(super) fn frozen(&self) -> Self {
        Self { items: Arc::new(RwLock::new(Arc::clone(&self.items.read()))) }
    }

    /// The thing under this key.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<Arc<T>> {
        self.items.read().get(key.as_ref()).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.read().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.read().is_empty()
    }

    /// A window in the order of the keys, or of its reverse.
    pub fn page(&self, window: Window) -> Vec<Arc<T>> {
        let Window { offset, limit, descending } = window;
        let items = self.items.read();
        if descending {
            items.values().rev().skip(offset).take(limit).cloned().collect()
        } else {
            items.values().skip(offset).take(limit).cloned().collect()
        }
    }

    /// Every thing, in the order of the keys.
    pub fn all(&self) -> Vec<Arc<T>> {
        self.items.read().values().cloned().collect()
    }
}

/// The shelf's end that the committer holds.
struct Keeper<T>(Shelf<T>);

impl<T: Shelved> Follower for Keeper<T> {
    fn prefix(&self) -> u8 {
        T::KIND.prefix()
    }

    fn follow(&self, key: &[u8], value: Option<&[u8]>) {
        let item = value.map(|value| decode::<T>(&keys::key(T::KIND.prefix(), key), value)).transpose();
        let mut items = self.0.items.write();
        let items = Arc::make_mut(&mut items);
        match item {
            Ok(Some(item)) => {
                items.insert(key.into(), Arc::new(item));
            }
            Ok(None) => {
                items.remove(key);
            }
            Err(error) => {
                // Only bytes put around `put_item` come here; what cannot be read must not be served.
                log::error!("a stored {} is not one: {error:?}", T::KIND.word());
                items.remove(key);
            }
        }
    }
}

fn decode<T: Shelved>(key: &[u8], bytes: &[u8]) -> Result<T, Error> {
    let record = Record::decode(key, bytes).map_err(|why| Fault::damaged(key, &why))?;
    Ok(T::decode(&record).map_err(|why| Fault::damaged(key, &why))?)
}

impl Store {
    /// Every durable thing of a kind that has no shelf, in the order of the keys; what is damaged is left out
    /// and named in the log.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn items<T: Shelved>(&self) -> Result<Vec<T>, Error> {
        let prefix = [T::KIND.prefix()];
        let stored = self.shared().read_prefix(&prefix)?;
        let readable = stored.iter().filter_map(|(key, value)| {
            decode(key, value)
                .inspect_err(|why| log::error!("a stored {} is not one: {why:?}", T::KIND.word()))
                .ok()
        });
        Ok(readable.collect())
    }

    /// Everything of one kind in memory, from now on up to date. Called once for each kind, after opening.
    ///
    /// # Errors
    /// When one record of this kind is damaged: a missing admin or revocation would be worse than no start.
    pub(super) fn fill_shelf<T: Shelved>(&self) -> Result<Shelf<T>, Error> {
        let shared = self.shared();
        let prefix = [T::KIND.prefix()];
        // Held throughout, so that no change falls between reading and following.
        let mut view = shared.view.write();
        let mut stored: BTreeMap<Vec<u8>, _> = shared.tree.scan_prefix(&prefix).collect::<Result<_, _>>()?;
        view.restore(&prefix, &mut stored);
        let mut items = Items::new();
        for (key, value) in stored {
            items.insert(key[1..].into(), Arc::new(decode::<T>(&key, &value)?));
        }
        let filled = Shelf { items: Arc::new(RwLock::new(Arc::new(items))) };
        view.add_follower(Box::new(Keeper(filled.clone())));
        shared.inspections.lock().push(Inspection::of::<T>());
        Ok(filled)
    }
}

impl Txn<'_> {
    /// The thing of this kind under a key.
    ///
    /// # Errors
    /// Internal when it is damaged, unavailable when the store cannot be read.
    pub fn item<T: Shelved>(&self, key: impl AsRef<[u8]>) -> Result<Option<T>, Error> {
        let key = keys::key(T::KIND.prefix(), key.as_ref());
        self.look(&key)?.map(|value| decode(&key, &value)).transpose()
    }

    /// Whether there is a thing of this kind under a key.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn has_item<T: Shelved>(&self, key: &str) -> Result<bool, Error> {
        self.contains(T::KIND, key.as_bytes())
    }

    /// Every thing of this kind, in the order of the keys.
    ///
    /// # Errors
    /// As [`Txn::item`].
    pub fn items<T: Shelved>(&self) -> Result<Vec<T>, Error> {
        let entries = self.scan_prefix(T::KIND, b"")?;
        entries.iter().map(|(key, value)| decode(&keys::key(T::KIND.prefix(), key), value)).collect()
    }

    /// Stages a thing in place of any other under its key.
    ///
    /// # Errors
    /// [`Error::Invalid`] when what is hidden of it is too large; when it does not encode, or not to what decodes again; when its key is too long.
    pub fn put_item<T: Shelved>(&mut self, item: &T) -> Result<(), Error> {
        let key = keys::key(T::KIND.prefix(), item.key().as_bytes());
        let body = item.encode()?;
        let record = Record::new(self.revision(), &body).encode(&key).map_err(Error::internal)?;
        // The shelf will decode it when nobody can be told any more.
        decode::<T>(&key, &record)?;
        self.remove_index::<T>(item.key())?;
        for (kind, entry) in item.index() {
            self.put(kind, &entry, Vec::new())?;
        }
        self.stage(key, Some(record))
    }

    /// Stages the removal of a thing; says whether there was one.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn delete_item<T: Shelved>(&mut self, key: &str) -> Result<bool, Error> {
        self.remove_index::<T>(key)?;
        self.delete(T::KIND, key.as_bytes())
    }

    fn remove_index<T: Shelved>(&mut self, key: &str) -> Result<(), Error> {
        let Some(stored) = self.item::<T>(key)? else { return Ok(()) };
        stored.index().into_iter().try_for_each(|(kind, entry)| self.delete(kind, &entry).map(drop))
    }
}
