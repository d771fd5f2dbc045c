//! What the readers and the committer hold together, and the two ways through it: a read that shows
//! durable values only, and the commit of a group.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::cache::{Document, DocumentCache};
use super::check::Inspection;
use super::directory::Block;
use super::disk::Disk;
use super::fault::Fault;
use super::journal::Journal;
use super::listing::UsersPage;
use super::mark::Mark;
use super::open::{Opened, panic_text};
use super::pages::{Joined, Known, PageCache, PagePart};
use super::tree::{Change, Found, Tree, Value};
use super::users::Window;
use super::view::{View, document};
use super::{disk, keys};
use crate::domain::watched::Watched;

/// Misses in a page from which one scan is cheaper than a look-up for each.
const SCAN_FROM: usize = 8;

/// What a page needs from one block of the directory.
enum Span {
    /// Documents that are joined already, and which of them.
    Joined(Arc<Joined>, Range<usize>),
    /// Names, and which of them; those of the whole block when its number is given.
    Names { names: Vec<Box<[u8]>>, block: Option<u64>, range: Range<usize> },
}

/// The open store. The lock stands last: it is let go when everything else is closed.
pub(super) struct Shared {
    pub(super) tree: Tree,
    pub(super) view: RwLock<View>,
    pub(super) documents: DocumentCache,
    pub(super) pages: PageCache,
    pub(super) disk: Disk,
    pub(super) mark: Mark,
    pub(super) groups: AtomicU64,
    pub(super) last_sync: Mutex<Option<Instant>>,
    /// How a check looks at the kinds of things there are.
    pub(super) inspections: Mutex<Vec<Inspection>>,
    pub(super) journal: Journal,
    stopped: OnceLock<Arc<str>>,
    engine_cache_bytes: u64,
    outgrown: AtomicBool,
    _lock: File,
}

impl Shared {
    /// Loads what readers need in memory.
    pub(super) fn load(opened: Opened, document_cache_bytes: u64) -> Result<Self, Fault> {
        let view = View::load(&opened.tree)?;
        let shared = Self {
            view: RwLock::new(view),
            tree: opened.tree,
            documents: DocumentCache::new(document_cache_bytes / 2),
            pages: PageCache::new(document_cache_bytes / 2),
            disk: opened.disk,
            mark: opened.mark,
            groups: AtomicU64::new(0),
            last_sync: Mutex::new(None),
            // Read as a whole when it is needed, from no shelf.
            inspections: Mutex::new(vec![Inspection::of::<Watched>()]),
            journal: Journal::default(),
            stopped: OnceLock::new(),
            engine_cache_bytes: opened.engine_cache_bytes,
            outgrown: AtomicBool::new(false),
            _lock: opened.lock,
        };
        shared.warn_when_outgrown();
        Ok(shared)
    }

    /// Why no write is taken now, if none is.
    pub(super) fn refusal(&self) -> Option<Fault> {
        if let Some(why) = self.stopped.get() {
            return Some(Fault::Stopped(Arc::clone(why)));
        }
        match self.disk.space() {
            Ok(space) if space.is_low() => Some(Fault::Full { free: space.free }),
            Ok(disk::Space { .. }) => None,
            Err(error) => Some(Fault::Unreadable(error.to_string().into())),
        }
    }

    /// The durable value under a key.
    pub(super) fn read(&self, key: &[u8]) -> Result<Option<Value>, Fault> {
        // In this order: whatever the engine showed of a group under way is in flight now, or durable.
        let found = self.tree.read(key)?;
        match self.view.read().in_flight.get(key) {
            Some(old) => Ok(old.clone()),
            None => Ok(found),
        }
    }

    /// What the engine has under a key, for the committer. What the view knows not to be there is not looked for:
    /// new users find their places free, several each.
    pub(super) fn find(&self, key: &[u8]) -> Result<Found, Fault> {
        match self.view.read().knows(key) {
            Some(false) => Ok(Found::default()),
            Some(true) | None => self.tree.find(key),
        }
    }

    /// The durable values of all keys with this prefix, in order.
    pub(super) fn read_prefix(&self, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Value>, Fault> {
        let mut found: BTreeMap<Vec<u8>, Value> = self.tree.scan_prefix(prefix).collect::<Result<_, _>>()?;
        self.view.read().restore(prefix, &mut found);
        Ok(found)
    }

    /// A user's document: from the cache, else from the engine.
    pub(super) fn document(&self, name: &[u8]) -> Result<Option<Document>, Fault> {
        if let Some(document) = self.documents.get(name) {
            return Ok(Some(document));
        }
        let key = keys::key(keys::USER_DOCUMENT, name);
        let seen = self.view.read().durable;
        let found = self.tree.read(&key)?;
        let fresh = found.as_deref().map(|value| document(&key, value)).transpose();
        let view = self.view.read();
        if let Some(old) = view.in_flight.get(&key).cloned() {
            drop(view);
            return old.as_deref().map(|value| document(&key, value)).transpose();
        }
        // Had a group been published since, this could be an older document than the committer's.
        if let Ok(Some(document)) = &fresh
            && view.durable == seen
        {
            self.documents.put(name, document.clone());
        }
        fresh
    }

    /// The documents of these names, which are neighbours when `scan` says so. A name removed meanwhile is
    /// left out.
    pub(super) fn documents(&self, names: &[Box<[u8]>], scan: bool) -> Result<Vec<Document>, Fault> {
        let mut page: Vec<Option<Document>> = names.iter().map(|name| self.documents.get(name)).collect();
        if scan && page.iter().filter(|document| document.is_none()).count() >= SCAN_FROM {
            self.fill_by_scan(names, &mut page)?;
        }
        let mut documents = Vec::with_capacity(names.len());
        for (name, document) in names.iter().zip(page) {
            match document {
                Some(document) => documents.push(document),
                None => documents.extend(self.document(name)?),
            }
        }
        Ok(documents)
    }

    /// A window of all users, behind a name where one is given. Blocks of the directory that were asked for before
    /// are joined and kept; from the others only what is asked for is read.
    pub(super) fn page(&self, after: Option<&[u8]>, window: Window) -> Result<UsersPage, Fault> {
        let Window { limit, descending, .. } = window;
        let (seen, total, next, mut spans) = {
            let view = self.view.read();
            let total = view.users.len();
            let offset = view.users.offset(after, window);
            let count = limit.min(total.saturating_sub(offset));
            let end = offset.saturating_add(count);
            let spans = view.users.spans(if descending { total.saturating_sub(end) } else { offset }, count);
            let last = if descending { spans.first() } else { spans.last() };
            let next = last.filter(|_| end < total).and_then(|(block, range)| {
                let last = if descending { range.start } else { range.end - 1 };
                block.names_in(last..last + 1).next()
            });
            let next = next.map(|name| String::from_utf8_lossy(name).into_owned());
            let spans: Vec<_> = spans.into_iter().map(|(block, range)| self.span(block, range)).collect();
            (view.durable, total, next, spans)
        };
        if descending {
            spans.reverse();
        }
        let mut parts = Vec::with_capacity(spans.len());
        for span in spans {
            let (names, block, range) = match span {
                Span::Joined(joined, range) => {
                    parts.push(PagePart::Joined(joined.part(range, descending)));
                    continue;
                }
                Span::Names { names, block, range } => (names, block, range),
            };
            if let Some(block) = block
                && let Some(joined) = self.join(block, &names, seen)
            {
                parts.push(PagePart::Joined(joined.part(range, descending)));
                continue;
            }
            let documents = self.documents(&names[range], true)?.into_iter().map(PagePart::One);
            if descending { parts.extend(documents.rev()) } else { parts.extend(documents) }
        }
        Ok(UsersPage { parts, total, next })
    }

    /// What a page needs from a block, as far as it is there already.
    fn span(&self, block: &Block, range: Range<usize>) -> Span {
        let names = |range: Range<usize>| block.names_in(range).map(Box::from).collect::<Vec<_>>();
        match self.pages.get(block.number()) {
            Some(Known::Joined(joined)) => Span::Joined(joined, range),
            Some(Known::Asked) => {
                Span::Names { names: names(0..block.len()), block: Some(block.number()), range }
            }
            None => {
                self.pages.put(block.number(), Known::Asked);
                Span::Names { names: names(range.clone()), block: None, range: 0..range.len() }
            }
        }
    }

    /// Joins the documents of a block and keeps them, unless something changed since its names were taken.
    fn join(&self, block: u64, names: &[Box<[u8]>], seen: u64) -> Option<Arc<Joined>> {
        // One that cannot be read concerns the pages that it is on, whose documents are then read alone.
        let documents = self.documents(names, true).ok()?;
        // With one gone in between they would stand in the wrong places.
        let joined = if documents.len() == names.len() { Joined::of(&documents) } else { None };
        let joined = joined.map(Arc::new)?;
        if self.view.read().durable == seen {
            self.pages.put(block, Known::Joined(Arc::clone(&joined)));
        }
        Some(joined)
    }

    /// Fills what the cache did not have from one range of the engine. What is in flight stays open.
    fn fill_by_scan(&self, names: &[Box<[u8]>], page: &mut [Option<Document>]) -> Result<(), Fault> {
        let (Some(first), Some(last)) = (names.iter().min(), names.iter().max()) else { return Ok(()) };
        let missing: BTreeMap<&[u8], usize> = names
            .iter()
            .enumerate()
            .filter(|(index, _)| page[*index].is_none())
            .map(|(index, name)| (&**name, index))
            .collect();
        let range = keys::key(keys::USER_DOCUMENT, first)..=keys::key(keys::USER_DOCUMENT, last);
        let seen = self.view.read().durable;
        let mut found = Vec::with_capacity(missing.len());
        for entry in self.tree.scan(range) {
            let (key, value) = entry?;
            if let Some(index) = missing.get(&key[1..]) {
                found.push((*index, document(&key, &value)?, key));
            }
        }
        let view = self.view.read();
        for (index, document, key) in found {
            if view.in_flight.contains_key(&key) {
                continue;
            }
            if view.durable == seen {
                self.documents.put(&key[1..], document.clone());
            }
            page[index] = Some(document);
        }
        Ok(())
    }

    /// The durable values of users' records, names in order and neighbours of each other. One that is not there is
    /// left out.
    pub(super) fn records(&self, names: &[Box<[u8]>]) -> Result<BTreeMap<Vec<u8>, Value>, Fault> {
        let (Some(first), Some(last)) = (names.first(), names.last()) else { return Ok(BTreeMap::new()) };
        let (first, last) = (keys::key(keys::USER_DOCUMENT, first), keys::key(keys::USER_DOCUMENT, last));
        let mut found: BTreeMap<Vec<u8>, Value> =
            self.tree.scan(first.clone()..=last.clone()).collect::<Result<_, _>>()?;
        let view = self.view.read();
        for (key, old) in view.in_flight.range(first..=last) {
            match old {
                Some(old) => found.insert(key.clone(), old.clone()),
                None => found.remove(key),
            };
        }
        Ok(found)
    }

    /// Writes a group, waits until it is durable and shows it to readers. Any failure stops all writing: after
    /// it nobody can say what the engine's memory and the disk have in common.
    pub(super) fn commit(&self, changes: &BTreeMap<Vec<u8>, Change>, revision: u64) -> Result<(), Fault> {
        self.view.write().begin(changes);
        let written = catch_unwind(AssertUnwindSafe(|| self.write(changes, revision)))
            .unwrap_or_else(|panic| Err(Fault::Stopped(panic_text(panic.as_ref()).into())));
        if let Err(fault) = written {
            return Err(self.stop(&fault));
        }
        *self.last_sync.lock() = Some(Instant::now());
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.publish(changes, revision);
        self.warn_when_outgrown();
        Ok(())
    }

    /// Syncs whatever the engine still holds.
    pub(super) fn settle(&self) -> Result<(), Fault> {
        self.tree.flush()?;
        self.disk
            .sync()
            .and_then(|()| self.mark.sync())
            .map_err(|error| Fault::Stopped(error.to_string().into()))
    }

    fn write(&self, changes: &BTreeMap<Vec<u8>, Change>, revision: u64) -> Result<(), Fault> {
        let last =
            Change { old: Found::default(), new: Some(Bytes::copy_from_slice(&revision.to_le_bytes())) };
        let last = (keys::REVISION, &last);
        let undo = self.journal.entry(changes);
        let undo = undo.as_ref().map(|(key, change)| (key.as_slice(), change));
        let all = changes.iter().map(|(key, change)| (key.as_slice(), change)).chain([last]).chain(undo);
        self.tree.apply(all)?;
        self.disk
            .sync()
            .and_then(|()| self.mark.set(revision))
            .map_err(|error| Fault::Stopped(error.to_string().into()))
    }

    fn publish(&self, changes: &BTreeMap<Vec<u8>, Change>, revision: u64) {
        let mut view = self.view.write();
        view.touched_blocks(changes).into_iter().for_each(|block| self.pages.remove(block));
        view.publish(changes, revision);
        if self.documents.is_off() {
            return;
        }
        let documents = changes.range(vec![keys::USER_DOCUMENT]..vec![keys::USER_DOCUMENT + 1]);
        for (key, change) in documents {
            match change.new.as_deref().map(|value| document(key, value)) {
                Some(Ok(document)) => self.documents.put(&key[1..], document),
                // What cannot be shown is not kept: a reader finds it in the engine and says so.
                Some(Err(_)) | None => self.documents.remove(&key[1..]),
            }
        }
    }

    fn stop(&self, fault: &Fault) -> Fault {
        let why = match fault {
            Fault::Stopped(why) => Arc::clone(why),
            Fault::Damaged { .. } | Fault::Unreadable(_) | Fault::Full { .. } | Fault::Closed => {
                fault.to_string().into()
            }
        };
        log::error!("a write to the store failed, it is read-only until the next start: {why}");
        Fault::Stopped(Arc::clone(self.stopped.get_or_init(|| why)))
    }

    /// Says once that the engine's cache is smaller than the data, which makes it several times slower.
    fn warn_when_outgrown(&self) {
        let bytes = self.view.read().user_bytes;
        if bytes / 4 * 5 > self.engine_cache_bytes && !self.outgrown.swap(true, Ordering::Relaxed) {
            log::warn!(
                "the store holds {bytes} bytes of users, its engine cache is {}: reads that miss are slow",
                self.engine_cache_bytes
            );
        }
    }
}
