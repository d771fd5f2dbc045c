//! The users' documents that were asked for lately, bounded by their bytes. Who may fill it, and when, is
//! `view`'s matter: what stands here is durable and the newest.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::record::Record;

/// What the cache itself needs for an entry, roughly: names, pointers, the table.
const ENTRY_BYTES: u64 = 128;
/// The size of a document that the table is laid out for.
const USUAL_BYTES: u64 = 1536;

/// A document as it goes out: copied nowhere, shared by all who read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    body: Bytes,
    revision: u64,
}

impl Stored {
    /// The JSON, for a place inside a list.
    pub fn json(&self) -> &[u8] {
        &self.body[..self.body.len() - 1]
    }

    /// The whole answer: the JSON and a line feed.
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// The revision of the write that made it.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

/// A user's document, and whether it may be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// It is the answer.
    Complete(Stored),
    /// Parts of other objects, or what being anonymous means, must be put in first.
    ToRender(Stored),
}

impl Document {
    /// The document of a record.
    pub(super) fn of(record: &Record<'_>) -> Self {
        let mut body = Vec::with_capacity(record.public.len() + 1);
        body.extend_from_slice(&record.public);
        body.push(b'\n');
        let stored = Stored { body: body.into(), revision: record.revision };
        if record.to_render { Self::ToRender(stored) } else { Self::Complete(stored) }
    }

    /// What is stored, whether or not it is the whole answer.
    pub fn stored(&self) -> &Stored {
        match self {
            Self::Complete(stored) | Self::ToRender(stored) => stored,
        }
    }
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Box<[u8]>, Document> for ByBytes {
    fn weight(&self, name: &Box<[u8]>, document: &Document) -> u64 {
        (name.len() + document.stored().body.len()) as u64 + ENTRY_BYTES
    }
}

/// Name → document, up to so many bytes.
pub(super) struct DocumentCache(Cache<Box<[u8]>, Document, ByBytes>);

impl DocumentCache {
    /// An empty cache of so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX).max(1);
        Self(Cache::with_weighter(items, bytes, ByBytes))
    }

    /// Whether nothing is kept, whatever is put in.
    pub(super) fn is_off(&self) -> bool {
        self.0.capacity() == 0
    }

    /// The document, if it is here.
    pub(super) fn get(&self, name: &[u8]) -> Option<Document> {
        self.0.get(name)
    }

    /// Keeps a document in place of an older one.
    pub(super) fn put(&self, name: &[u8], document: Document) {
        self.0.insert(name.into(), document);
    }

    /// Forgets a document.
    pub(super) fn remove(&self, name: &[u8]) {
        self.0.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Body;
    use super::*;

    fn document(size: usize) -> Document {
        let body = Body { public: vec![b'x'; size], ..Body::default() };
        Document::of(&Record::new(3, &body))
    }

    #[test]
    fn it_never_holds_more_bytes_than_it_was_given() {
        let cache = DocumentCache::new(1 << 20);
        for number in 0..5000_u32 {
            cache.put(&number.to_be_bytes(), document(1000));
            assert!(cache.0.weight() <= 1 << 20);
        }
        assert!(cache.0.len() > 500, "{}", cache.0.len());
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let cache = DocumentCache::new(0);
        cache.put(b"a", document(10));
        assert_eq!(cache.get(b"a"), None);
        assert!(cache.is_off() && !DocumentCache::new(1).is_off());
    }

    #[test]
    fn a_document_ends_with_a_line_feed_that_is_no_part_of_its_json() {
        let document = document(2);
        assert_eq!(document.stored().json(), b"xx");
        assert_eq!(document.stored().body(), Bytes::from_static(b"xx\n"));
        assert_eq!(document.stored().revision(), 3);
    }

    #[test]
    fn a_document_that_must_be_rendered_says_so() {
        let body = Body { to_render: true, ..Body::default() };
        assert!(matches!(Document::of(&Record::new(1, &body)), Document::ToRender(_)));
    }
}
