//! The whole store at one moment, read in pieces while writes go on: whoever reads gets what was durable when the
//! snapshot was taken. The committer keeps the old value of what it changes ahead of the reader, nothing else.

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

/// Entries of one piece.
const PIECE_ENTRIES: usize = 1000;
/// Bytes from which a piece takes no further entry.
const PIECE_BYTES: usize = 4 << 20;

/// What a snapshot needs that the engine does not have any more.
#[derive(Default)]
pub(super) struct Past {
    /// The last key that was read; what changes up to it does not matter any more.
    passed: Vec<u8>,
    /// What stood under later keys, and was changed since.
    old: BTreeMap<Vec<u8>, Option<Value>>,
}

impl Past {
    /// Keeps the old values of what a durable group changed.
    pub(super) fn keep(&mut self, changes: &BTreeMap<Vec<u8>, Change>) {
        let ahead = (Bound::Excluded(self.passed.as_slice()), Bound::Unbounded);
        for (key, change) in changes.range::<[u8], _>(ahead) {
            // The first change since is the one that knows what stood there.
            self.old.entry(key.clone()).or_insert_with(|| change.old.value.clone());
        }
    }
}

/// The store at one moment. What is changed meanwhile is kept in memory until it is read or the snapshot dropped.
pub(super) struct Snapshot {
    store: Store,
    past: Arc<Mutex<Past>>,
    revision: u64,
    users: usize,
    is_read: bool,
}

impl Snapshot {
    /// The store as it is now.
    pub(super) fn take(store: &Store) -> Self {
        let mut view = store.shared().view.write();
        let (past, revision, users) = (view.begin_past(), view.durable, view.users.len());
        drop(view);
        Self { store: store.clone(), past, revision, users, is_read: false }
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
    /// When the engine cannot read on; then there is no next piece.
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
            // Pieces of long values have no entry of their own.
            for entry in shared.tree.scan_each((from.clone(), Bound::Excluded(vec![keys::CHUNK]))) {
                let (key, value) = entry?;
                bytes += key.len() + value.as_ref().map_or(0, |value| value.len());
                let is_full = found.len() + 1 >= PIECE_ENTRIES || bytes >= PIECE_BYTES;
                if is_full {
                    last = Some(key.clone());
                }
                found.insert(key, value);
                if is_full {
                    break;
                }
            }
            let to = last.clone().map_or(Bound::Unbounded, Bound::Included);
            // While the view is held nothing is published: what the engine showed is in flight, kept, or unchanged.
            let view = shared.view.read();
            let mut past = self.past.lock();
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
                past.old = past.old.split_off(&last);
                past.old.remove(&last);
                past.passed = last;
            } else {
                past.old.clear();
                past.passed = vec![u8::MAX];
                self.is_read = true;
            }
            // All of a piece may have come after the moment.
            if !found.is_empty() || self.is_read {
                return Ok(found.into_iter().collect());
            }
        }
    }
}
