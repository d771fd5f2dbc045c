//! Documents of neighbours, joined: what a list is made of when many pages are asked for. A block of the
//! directory that was asked for twice is kept end to end, so that a page is a few slices of it.
//!
//! The one invariant: a block is known by a number that it has until anything of it changes, a name or a
//! document; what is kept under a number is therefore the newest.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::cache::Document;

/// What the cache itself needs for an entry, roughly.
const ENTRY_BYTES: u64 = 128;
/// The size of a joined block that the table is laid out for.
const USUAL_BYTES: u64 = 512 << 10;

/// A part of a page, in its order.
#[derive(Debug, Clone)]
pub enum PagePart {
    /// Documents as they go out, with commas between.
    Joined(Bytes),
    /// One document.
    One(Document),
}

impl PagePart {
    /// The JSON of the documents of this part, with commas between.
    pub fn json(&self) -> &[u8] {
        match self {
            Self::Joined(bytes) => bytes,
            Self::One(document) => document.stored().json(),
        }
    }
}

/// The documents of a whole block, in the order of their names, with commas between.
#[derive(Debug)]
pub(super) struct Joined {
    bytes: Bytes,
    /// Where each document ends.
    ends: Box<[u32]>,
}

impl Joined {
    /// Joins documents; nothing when one of them must be rendered, or when they are too long together.
    pub(super) fn of(documents: &[Document]) -> Option<Self> {
        let length: usize = documents.iter().map(|document| document.stored().json().len() + 1).sum();
        let mut bytes = Vec::with_capacity(length);
        let mut ends = Vec::with_capacity(documents.len());
        for document in documents {
            let Document::Complete(stored) = document else { return None };
            if !bytes.is_empty() {
                bytes.push(b',');
            }
            bytes.extend_from_slice(stored.json());
            ends.push(u32::try_from(bytes.len()).ok()?);
        }
        Some(Self { bytes: bytes.into(), ends: ends.into() })
    }

    /// Some of the documents, which are at least one; in reverse order they are copied.
    pub(super) fn part(&self, range: Range<usize>, descending: bool) -> Bytes {
        let whole = self.start(range.start)..self.ends[range.end - 1] as usize;
        if !descending {
            return self.bytes.slice(whole);
        }
        let mut reversed = Vec::with_capacity(whole.len());
        for index in range.rev() {
            if !reversed.is_empty() {
                reversed.push(b',');
            }
            reversed.extend_from_slice(&self.bytes[self.start(index)..self.ends[index] as usize]);
        }
        reversed.into()
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before] as usize + 1)
    }
}

/// What is known of a block.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// It was asked for before.
    Asked,
    /// Its documents.
    Joined(Arc<Joined>),
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<u64, Known> for ByBytes {
    fn weight(&self, _: &u64, known: &Known) -> u64 {
        let held = match known {
            Known::Asked => 0,
            Known::Joined(joined) => joined.bytes.len() + joined.ends.len() * size_of::<u32>(),
        };
        held as u64 + ENTRY_BYTES
    }
}

/// Number of a block → what is known of it, up to so many bytes.
pub(super) struct PageCache(Cache<u64, Known, ByBytes>);

impl PageCache {
    /// An empty cache of so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX).max(64);
        Self(Cache::with_weighter(items, bytes, ByBytes))
    }

    /// What is known of a block.
    pub(super) fn get(&self, block: u64) -> Option<Known> {
        self.0.get(&block)
    }

    /// Keeps what is known of a block.
    pub(super) fn put(&self, block: u64, known: Known) {
        self.0.insert(block, known);
    }

    /// Forgets a block, which has another number now.
    pub(super) fn remove(&self, block: u64) {
        self.0.remove(&block);
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Body, Record};
    use super::*;

    fn document(json: &str, to_render: bool) -> Document {
        let body = Body { public: json.into(), to_render, ..Body::default() };
        Document::of(&Record::new(3, &body))
    }

    #[test]
    fn a_part_is_a_slice_forwards_and_a_copy_backwards() {
        let joined = Joined::of(&["1", "22", "{}", "4"].map(|json| document(json, false))).unwrap();
        for (range, forwards, backwards) in
            [(0..4, "1,22,{},4", "4,{},22,1"), (1..3, "22,{}", "{},22"), (3..4, "4", "4"), (0..1, "1", "1")]
        {
            assert_eq!(joined.part(range.clone(), false), forwards);
            assert_eq!(joined.part(range, true), backwards);
        }
        assert_eq!(joined.part(0..2, false).as_ptr(), joined.bytes.as_ptr());
    }

    #[test]
    fn documents_that_must_be_rendered_are_not_joined() {
        assert!(Joined::of(&[document("1", false), document("2", true)]).is_none());
    }

    #[test]
    fn it_never_holds_more_bytes_than_it_was_given() {
        let cache = PageCache::new(1 << 20);
        for block in 0..200 {
            cache.put(block, Known::Asked);
            let documents = [document(&"x".repeat(100_000), false)];
            cache.put(block, Known::Joined(Arc::new(Joined::of(&documents).unwrap())));
            assert!(cache.0.weight() <= 1 << 20);
        }
        assert!(cache.0.len() > 3);
    }
}
