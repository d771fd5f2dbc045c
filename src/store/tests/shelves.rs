//! Shelves: filled at the start, following the committer, refusing what is damaged.

use std::sync::atomic::Ordering;

use super::super::{Body, Damaged, Kind, Record, Shelf, Shelved, Store, Window};
use super::{fresh, options};
use crate::error::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    name: String,
    text: String,
}

impl Note {
    fn new(name: &str, text: &str) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

impl Shelved for Note {
    const KIND: Kind = Kind::Setting;

    fn key(&self) -> &str {
        &self.name
    }

    fn encode(&self) -> Result<Body, Damaged> {
        let public =
            serde_json::to_vec(&(&self.name, &self.text)).map_err(|why| Damaged::Public(why.to_string()))?;
        Ok(Body { public, ..Body::default() })
    }

    fn decode(record: &Record<'_>) -> Result<Self, Damaged> {
        let (name, text): (String, String) =
            serde_json::from_slice(&record.public).map_err(|why| Damaged::Public(why.to_string()))?;
        if text == "never decodes" {
            return Err(Damaged::Public(text));
        }
        Ok(Self { name, text })
    }
}

fn put(store: &Store, note: Note) -> Result<(), Error> {
    store.write_blocking(move |txn| txn.put_item(&note))
}

fn names(shelf: &Shelf<Note>, window: (usize, usize), descending: bool) -> Vec<String> {
    shelf
        .page(Window { offset: window.0, limit: window.1, descending })
        .iter()
        .map(|note| note.name.clone())
        .collect()
}

#[test]
fn a_shelf_is_filled_at_the_start_and_follows_every_write() {
    let (directory, store) = fresh();
    put(&store, Note::new("b", "1")).unwrap();
    let shelf = store.fill_shelf::<Note>().unwrap();
    assert_eq!(shelf.get("b").unwrap().text, "1");
    for (name, text) in [("a", "2"), ("c", "3"), ("b", "4")] {
        put(&store, Note::new(name, text)).unwrap();
    }
    assert_eq!(shelf.get("b").unwrap().text, "4");
    assert_eq!(names(&shelf, (0, 9), false), ["a", "b", "c"]);
    assert_eq!(names(&shelf, (1, 1), true), ["b"]);
    assert_eq!(names(&shelf, (3, 9), false), [""; 0]);
    assert!(store.write_blocking(|txn| txn.delete_item::<Note>("a")).unwrap());
    assert_eq!((shelf.get("a"), shelf.len(), shelf.is_empty()), (None, 2, false));
    assert_eq!(shelf.all().len(), 2);
    drop(store);
    drop(shelf);
    let store = Store::open(&options(&directory)).unwrap();
    assert_eq!(names(&store.fill_shelf::<Note>().unwrap(), (0, 9), false), ["b", "c"]);
}

#[test]
fn a_write_reads_and_lists_things_with_what_it_staged() {
    let (_directory, store) = fresh();
    put(&store, Note::new("a", "1")).unwrap();
    store
        .write_blocking(|txn| {
            txn.put_item(&Note::new("b", "2"))?;
            assert_eq!(txn.item::<Note>("b")?, Some(Note::new("b", "2")));
            assert_eq!(txn.items::<Note>()?, [Note::new("a", "1"), Note::new("b", "2")]);
            assert!(txn.delete_item::<Note>("a")?);
            assert_eq!(txn.item::<Note>("a")?, None);
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_would_not_decode_is_refused_before_it_is_stored() {
    let (_directory, store) = fresh();
    let shelf = store.fill_shelf::<Note>().unwrap();
    assert!(matches!(put(&store, Note::new("a", "never decodes")), Err(Error::Internal(_))));
    assert!(shelf.is_empty());
    assert!(store.get(Kind::Setting, b"a").unwrap().is_none());
}

#[test]
fn a_shelf_with_a_damaged_thing_is_not_opened() {
    let (_directory, store) = fresh();
    store.write_blocking(|txn| txn.put(Kind::Setting, b"a", b"no record".to_vec())).unwrap();
    assert!(matches!(store.fill_shelf::<Note>(), Err(Error::Internal(_))));
}

#[test]
fn a_shelf_shows_nothing_that_is_not_durable() {
    let (_directory, store) = fresh();
    put(&store, Note::new("a", "old")).unwrap();
    let shelf = store.fill_shelf::<Note>().unwrap();
    store.shared().disk.broken.store(true, Ordering::SeqCst);
    assert!(put(&store, Note::new("a", "new")).is_err());
    assert_eq!(shelf.get("a").unwrap().text, "old");
    assert_eq!(store.fill_shelf::<Note>().unwrap().get("a").unwrap().text, "old");
}
