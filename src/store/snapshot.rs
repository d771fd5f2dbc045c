//! The store at one moment, or a range of it, read in pieces while writes go on: whoever reads gets what was durable
//! when the snapshot was taken. The committer keeps the old value of what it changes ahead of the reader, nothing
//! else, and only so many of them: a reader who falls behind further is given up, not the memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;

use super::fault::Fault;
use super::handle::Store;
use super::keys;
use super::open::panic_text;
use super::tree::{Change, Entry, Value};
use super::view::View;

/// Entries of one piece.
const PIECE_ENTRIES: usize = 1000;
/// Bytes from which a piece takes no further entry.
const PIECE_BYTES: usize = 4 << 20;

/// The most bytes of the past that are kept for one reader.
const MAX_PAST: usize = 256 << 20;
/// What an entry takes beyond its key and value, about.
const ENTRY_BYTES: usize = 128;

/// What is read, and how much at a time.
#[derive(Debug, Clone)]
pub(super) struct Extent {
    /// The first key is behind this one.
    after: Vec<u8>,
    /// The last key is before this one.
    before: Vec<u8>,
    /// Entries of one piece.
    entries: usize,
    /// The most bytes of the past that are kept.
    most: usize,
}

impl Extent {
    /// Everything. Pieces of long values have no entry of their own.
    pub(super) fn everything() -> Self {
        Self { after: Vec::new(), before: vec![keys::CHUNK], entries: PIECE_ENTRIES, most: MAX_PAST }
    }

    /// One range, so many entries at a time.
    pub(super) fn of(prefix: u8, entries: usize) -> Self {
        Self { after: vec![prefix], before: vec![prefix + 1], entries, ..Self::everything() }
    }

    /// The same with so many bytes of the past.
    #[cfg(test)]
    pub(super) fn with_most(self, most: usize) -> Self {
        Self { most, ..self }
    }
}

/// What a snapshot needs that the engine does not have any more.
pub(super) struct Past {
    /// The last key that was read; what changes up to it does not matter any more.
    passed: Vec<u8>,
    /// What changes from here on does not matter either.
    before: Vec<u8>,
    /// What stood under the keys between, and was changed since.
    old: BTreeMap<Vec<u8>, Option<Value>>,
    /// About what it takes in memory, and how much that may be.
    bytes: usize,
    most: usize,
    /// Whether it became too much.
    is_lost: bool,
}

impl Past {
    fn new(extent: &Extent) -> Self {
        Self {
            passed: extent.after.clone(),
            before: extent.before.clone(),
            old: BTreeMap::new(),
            bytes: 0,
            most: extent.most,
            is_lost: false,
        }
    }

    /// Keeps the old values of what a durable group changed.
    pub(super) fn keep(&mut self, changes: &BTreeMap<Vec<u8>, Change>) {
        if self.is_lost || self.passed >= self.before {
            return;
        }
        let ahead = (Bound::Excluded(self.passed.as_slice()), Bound::Excluded(self.before.as_slice()));
        for (key, change) in changes.range::<[u8], _>(ahead) {
            // The first change since is the one that knows what stood there.
            if !self.old.contains_key(key) {
                let old = change.old.value.clone();
                self.bytes += size(key, old.as_ref());
                self.old.insert(key.clone(), old);
            }
        }
        if self.bytes > self.most {
            self.is_lost = true;
            self.old = BTreeMap::new();
        }
    }

    /// Lets go of everything up to a key, which is read.
    fn pass(&mut self, last: Vec<u8>) {
        let mut ahead = self.old.split_off(&last);
        let own = ahead.remove_entry(&last);
        let behind = std::mem::replace(&mut self.old, ahead);
        let gone = behind.iter().chain(own.as_ref().map(|(key, old)| (key, old)));
        self.bytes -= gone.map(|(key, old)| size(key, old.as_ref())).sum::<usize>();
        self.passed = last;
    }
}

/// About what an entry takes in memory.
fn size(key: &[u8], value: Option<&Value>) -> usize {
    ENTRY_BYTES + key.len() + value.map_or(0, |value| value.len())
}

/// The store at one moment, or a range of it. What is changed meanwhile is kept in memory until it is read or the
/// snapshot dropped.
pub(super) struct Snapshot {
    store: Store,
    past: Arc<Mutex<Past>>,
    extent: Extent,
    revision: u64,
    users: usize,
    is_read: bool,
}

impl Snapshot {
    /// The store as it is now.
    pub(super) fn take(store: &Store) -> Self {
        let mut view = store.shared().view.write();
        Self::begin(store, &mut view, Extent::everything())
    }

    /// A part of the store as this view of it shows it.
    pub(super) fn begin(store: &Store, view: &mut View, extent: Extent) -> Self {
        let past = Arc::new(Mutex::new(Past::new(&extent)));
        view.keep_for(&past);
        let (revision, users) = (view.durable, view.users.len());
        Self { store: store.clone(), past, extent, revision, users, is_read: false }
    }

    /// The revision of the last write that it shows.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// How many users it has.
    pub(super) fn users(&self) -> usize {
        self.users
    }

    /// The next entries in the order of their keys; none when all are read. An entry that is damaged does not stand
    /// in the way of the others.
    ///
    /// # Errors
    /// When the engine cannot read on, or more was changed than is kept; then there is no next piece.
    pub(super) fn piece(&mut self) -> Result<Vec<Entry>, Fault> {
        if self.is_read {
            return Ok(Vec::new());
        }
        // The engine may panic on damaged pages.
        let piece = catch_unwind(AssertUnwindSafe(|| self.read_piece()))
            .unwrap_or_else(|panic| Err(Fault::Unreadable(panic_text(panic.as_ref()).into())));
        self.is_read |= piece.is_err();
        piece
    }

    fn read_piece(&mut self) -> Result<Vec<Entry>, Fault> {
        loop {
            let from = Bound::Excluded(self.past.lock().passed.clone());
            let (mut found, mut bytes, mut last) = (BTreeMap::new(), 0, None);
            let shared = self.store.shared();
            let end = Bound::Excluded(self.extent.before.clone());
            for entry in shared.tree.scan_each((from.clone(), end.clone())) {
                let (key, value) = entry?;
                bytes += key.len() + value.as_ref().map_or(0, |value| value.len());
                let is_full = found.len() + 1 >= self.extent.entries || bytes >= PIECE_BYTES;
                if is_full {
                    last = Some(key.clone());
                }
                found.insert(key, value);
                if is_full {
                    break;
                }
            }
            let to = last.clone().map_or(end, Bound::Included);
            // While the view is held nothing is published: what the engine showed is in flight, kept, or unchanged.
            let view = shared.view.read();
            let mut past = self.past.lock();
            if past.is_lost {
                return Err(Fault::Unreadable(
                    "too much was changed while a snapshot was read slowly".into(),
                ));
            }
            let range = (from, to);
            for layer in [&view.in_flight, &past.old] {
                for (key, old) in layer.range::<Vec<u8>, _>(range.clone()) {
                    match old {
                        Some(old) => found.insert(key.clone(), Ok(old.clone())),
                        None => found.remove(key),
                    };
                }
            }
            if let Some(last) = last {
                past.pass(last);
            } else {
                past.pass(self.extent.before.clone());
                self.is_read = true;
            }
            // All of a piece may have come after the moment.
            if !found.is_empty() || self.is_read {
                return Ok(found.into_iter().collect());
            }
        }
    }
}
