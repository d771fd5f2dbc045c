//! The engine's map as we use it: whole values of any length by key, written in batches. Long values lie in
//! pieces under keys of their own, all changed in the same batch; nothing above knows of them.

use std::ops::{Deref, RangeBounds};

use bytes::Bytes;
use sled::IVec;

use super::fault::Fault;
use super::keys;
use super::record::Damaged;

/// The most bytes that key and value have together under one key of the engine, names of record length aside.
///
/// The engine puts up to some twenty neighbours into one page and writes pages over 128 KiB to files of
/// their own, which it never syncs. Sixty-four KiB a key would end there; this does not.
const ENTRY_BYTES: usize = 5 * 1024;
/// A piece is at least so long, however long its key is.
const LEAST_PIECE: usize = 1024;

const INLINE: u8 = 0;
const CHUNKED: u8 = 1;
/// Form, length, checksum and number of pieces.
const CHUNKED_HEAD: usize = 13;

/// A value, shared with the engine or with whoever staged it.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// The engine's bytes, the form byte in front.
    Inline(IVec),
    /// A value that was put together or is about to be written.
    Whole(Bytes),
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Inline(raw) => &raw[1..],
            Self::Whole(bytes) => bytes,
        }
    }
}

/// What stands under a key, and how many pieces a write must clear away.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// The value, if there is one.
    pub(super) value: Option<Value>,
    /// The number of its pieces.
    pub(super) pieces: u32,
}

/// One key's part of a batch.
#[derive(Debug)]
pub(super) struct Change {
    /// What stood there.
    pub(super) old: Found,
    /// What will stand there; `None` removes it.
    pub(super) new: Option<Bytes>,
}

/// A key and its value, or what is wrong with it.
pub(super) type Entry = (Vec<u8>, Result<Value, Fault>);

/// The engine, open.
pub(super) struct Tree(sled::Db);

enum Head {
    Inline,
    Chunked { length: u32, checksum: u32, pieces: u32 },
}

impl Tree {
    /// Wraps the open engine.
    pub(super) fn new(engine: sled::Db) -> Self {
        Self(engine)
    }

    /// The value under a key.
    pub(super) fn read(&self, key: &[u8]) -> Result<Option<Value>, Fault> {
        self.find(key).map(|found| found.value)
    }

    /// The value under a key, and its pieces.
    pub(super) fn find(&self, key: &[u8]) -> Result<Found, Fault> {
        let mut before: Option<IVec> = None;
        loop {
            let Some(raw) = self.raw(key)? else { return Ok(Found::default()) };
            let Head::Chunked { length, checksum, pieces } = head(key, &raw)? else {
                return Ok(Found { value: Some(Value::Inline(raw)), pieces: 0 });
            };
            let whole = self.assemble(key, length, pieces)?;
            if whole.len() == length as usize && crc32c::crc32c(&whole) == checksum {
                return Ok(Found { value: Some(Value::Whole(whole.into())), pieces });
            }
            // The pieces of two values were read when a batch came between; then the head has changed too.
            if before.as_ref() == Some(&raw) {
                return Err(Fault::damaged(key, &Damaged::Checksum));
            }
            before = Some(raw);
        }
    }

    /// The values of a range in the order of their keys. Not one moment: batches may come between.
    pub(super) fn scan<R>(&self, range: R) -> impl Iterator<Item = Result<(Vec<u8>, Value), Fault>>
    where
        R: RangeBounds<Vec<u8>>,
    {
        self.0.range(range).filter_map(|entry| self.entry(entry).transpose())
    }

    /// The entries of a range in the order of their keys, each with its value or with what is wrong with it alone.
    /// After a failure of the scan itself there is no more.
    pub(super) fn scan_each<R>(&self, range: R) -> impl Iterator<Item = Result<Entry, Fault>>
    where
        R: RangeBounds<Vec<u8>>,
    {
        let mut failed = false;
        self.0
            .range(range)
            .map_while(move |entry| {
                if failed {
                    return None;
                }
                let entry = entry.map_err(|error| Fault::reading(b"", &error));
                failed = entry.is_err();
                Some(entry)
            })
            .filter_map(|entry| match entry {
                Ok((key, raw)) => {
                    let value = self.value(&key, raw).transpose()?;
                    Some(Ok((key.to_vec(), value)))
                }
                Err(fault) => Some(Err(fault)),
            })
    }

    /// The values whose keys begin with these bytes, in order.
    pub(super) fn scan_prefix(&self, prefix: &[u8]) -> impl Iterator<Item = Result<(Vec<u8>, Value), Fault>> {
        self.0.scan_prefix(prefix).filter_map(|entry| self.entry(entry).transpose())
    }

    /// Writes a batch: all of it or, after a crash, none. Durable once the data file is synced as well.
    pub(super) fn apply<'c>(
        &self,
        changes: impl Iterator<Item = (&'c [u8], &'c Change)>,
    ) -> Result<(), Fault> {
        let mut batch = sled::Batch::default();
        for (key, change) in changes {
            stage(&mut batch, key, change);
        }
        self.0.apply_batch(batch).map_err(|error| stopped(&error))?;
        self.flush()
    }

    /// Hands everything written to the operating system. The engine's flush is no sync on Linux.
    pub(super) fn flush(&self) -> Result<(), Fault> {
        self.0.flush().map(|_| ()).map_err(|error| stopped(&error))
    }

    fn entry(&self, entry: sled::Result<(IVec, IVec)>) -> Result<Option<(Vec<u8>, Value)>, Fault> {
        let (key, raw) = entry.map_err(|error| Fault::reading(b"", &error))?;
        let value = self.value(&key, raw)?;
        Ok(value.map(|value| (key.to_vec(), value)))
    }

    /// The value of an entry that a scan found; nothing when it was removed meanwhile.
    fn value(&self, key: &[u8], raw: IVec) -> Result<Option<Value>, Fault> {
        match head(key, &raw)? {
            Head::Inline => Ok(Some(Value::Inline(raw))),
            Head::Chunked { .. } => self.read(key),
        }
    }

    fn raw(&self, key: &[u8]) -> Result<Option<IVec>, Fault> {
        self.0.get(key).map_err(|error| Fault::reading(key, &error))
    }

    fn assemble(&self, key: &[u8], length: u32, pieces: u32) -> Result<Vec<u8>, Fault> {
        let mut whole = Vec::new();
        for index in 0..pieces {
            match self.raw(&keys::chunk(key, index))? {
                Some(piece) if whole.len() <= length as usize => whole.extend_from_slice(&piece),
                Some(_) | None => break,
            }
        }
        Ok(whole)
    }
}

fn stopped(error: &sled::Error) -> Fault {
    Fault::Stopped(error.to_string().into())
}

fn head(key: &[u8], raw: &[u8]) -> Result<Head, Fault> {
    let number = |at: usize| -> u32 {
        raw[at..at + 4].iter().rev().fold(0, |number, byte| (number << 8) | u32::from(*byte))
    };
    match raw.first() {
        Some(&INLINE) => Ok(Head::Inline),
        Some(&CHUNKED) if raw.len() == CHUNKED_HEAD => {
            Ok(Head::Chunked { length: number(1), checksum: number(5), pieces: number(9) })
        }
        Some(_) | None => Err(Fault::damaged(key, &Damaged::Length)),
    }
}

fn stage(batch: &mut sled::Batch, key: &[u8], change: &Change) {
    let mut kept = 0;
    match &change.new {
        None => batch.remove(key),
        Some(value) if key.len() + value.len() < ENTRY_BYTES || value.len() <= LEAST_PIECE => {
            let mut raw = Vec::with_capacity(1 + value.len());
            raw.push(INLINE);
            raw.extend_from_slice(value);
            batch.insert(key, raw);
        }
        Some(value) => {
            let size = ENTRY_BYTES.saturating_sub(key.len()).max(LEAST_PIECE);
            for piece in value.chunks(size) {
                batch.insert(keys::chunk(key, kept), piece);
                kept += 1;
            }
            let length = u32::try_from(value.len()).expect("a transaction takes no value over 4 GiB");
            let mut raw = Vec::with_capacity(CHUNKED_HEAD);
            raw.push(CHUNKED);
            raw.extend_from_slice(&length.to_le_bytes());
            raw.extend_from_slice(&crc32c::crc32c(value).to_le_bytes());
            raw.extend_from_slice(&kept.to_le_bytes());
            batch.insert(key, raw);
        }
    }
    for index in kept..change.old.pieces {
        batch.remove(keys::chunk(key, index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(directory: &tempfile::TempDir) -> Tree {
        Tree::new(sled::open(directory.path()).unwrap())
    }

    fn put(tree: &Tree, key: &[u8], value: Option<Vec<u8>>) {
        let change = Change { old: tree.find(key).unwrap(), new: value.map(Bytes::from) };
        tree.apply(std::iter::once((key, &change))).unwrap();
    }

    fn noise(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
    }

    #[test]
    fn values_of_any_length_come_back_and_leave_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let tree = tree(&directory);
        for length in [0, 1, 1024, ENTRY_BYTES - 3, ENTRY_BYTES - 2, ENTRY_BYTES, 70_000, 1_100_000, 9_000, 5]
        {
            put(&tree, b"\x02k", Some(noise(length)));
            assert_eq!(&*tree.read(b"\x02k").unwrap().unwrap(), noise(length), "{length}");
        }
        assert_eq!(tree.0.len(), 1, "the pieces of longer values are gone");
        put(&tree, b"\x02k", Some(noise(50_000)));
        put(&tree, b"\x02k", None);
        assert!(tree.read(b"\x02k").unwrap().is_none());
        assert_eq!(tree.0.len(), 0);
    }

    #[test]
    fn a_scan_gives_long_values_whole_and_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let tree = tree(&directory);
        for (key, length) in [(b"\x02b", 40_000), (b"\x02a", 10), (b"\x02c", 6_000)] {
            put(&tree, key, Some(noise(length)));
        }
        let found: Vec<_> = tree.scan_prefix(b"\x02").map(|entry| entry.unwrap()).collect();
        let keys: Vec<&[u8]> = found.iter().map(|(key, _)| key.as_slice()).collect();
        assert_eq!(keys, [b"\x02a", b"\x02b", b"\x02c"]);
        assert_eq!(&*found[1].1, noise(40_000));
    }

    #[test]
    fn a_missing_or_altered_piece_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let tree = tree(&directory);
        put(&tree, b"\x02k", Some(noise(40_000)));
        tree.0.insert(keys::chunk(b"\x02k", 1), vec![0; 3]).unwrap();
        assert!(matches!(tree.read(b"\x02k"), Err(Fault::Damaged { .. })));
        tree.0.remove(keys::chunk(b"\x02k", 1)).unwrap();
        assert!(matches!(tree.read(b"\x02k"), Err(Fault::Damaged { .. })));
    }

    #[test]
    fn neither_long_values_nor_their_neighbours_leave_the_data_file() {
        let directory = tempfile::tempdir().unwrap();
        let tree = tree(&directory);
        for round in 0..6_u8 {
            for number in 0..24_u8 {
                put(&tree, &[2, number], Some(noise(4_900 + usize::from(round))));
            }
            put(&tree, b"\x02long", Some(noise(600_000 + usize::from(round))));
        }
        tree.0.flush().unwrap();
        assert_eq!(std::fs::read_dir(directory.path().join("blobs")).unwrap().count(), 0);
    }
}
