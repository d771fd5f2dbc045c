//! A snapshot shows one moment, whatever is written while it is read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::snapshot::{Extent, Snapshot};
use super::super::{Kind, Store, Txn, keys};
use super::{body, delete, everything, fresh, put, stage};
use crate::error::Error;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Reads a snapshot to its end; `between` runs after each piece.
fn read(mut snapshot: Snapshot, mut between: impl FnMut(usize)) -> Entries {
    let mut found = Entries::new();
    for number in 0.. {
        let piece = snapshot.piece().unwrap();
        if piece.is_empty() {
            break;
        }
        for (key, value) in piece {
            assert!(found.last_key_value().is_none_or(|(last, _)| *last < key), "in order, each once");
            found.insert(key, value.unwrap().to_vec());
        }
        between(number);
    }
    assert!(snapshot.piece().unwrap().is_empty(), "the end stays the end");
    found
}

fn fill(store: &Store, from: usize, to: usize) {
    store
        .write_blocking(move |txn| {
            (from..to).try_for_each(|number| stage(txn, &format!("user{number:05}"), "r", &body("{}")))
        })
        .unwrap();
}

/// Without the marks that each write moves on.
fn without_marks(mut entries: Entries) -> Entries {
    entries.remove(keys::REVISION);
    entries
}

#[test]
fn what_is_written_behind_and_ahead_of_the_reader_does_not_show() {
    let (_directory, store) = fresh();
    fill(&store, 0, 3000);
    put(&store, "user02999x", "", &"long ".repeat(5000));
    let before = everything(&store);
    let revision = store.health().revision;
    let snapshot = Snapshot::take(&store);
    assert_eq!((snapshot.revision(), snapshot.users()), (revision, 3001));
    let found = read(snapshot, |piece| {
        // The first pieces are metas, then come the users.
        for number in [0, 1500, 2998] {
            put(&store, &format!("user{number:05}"), "other", &format!("[{piece}]"));
        }
        delete(&store, &format!("user{:05}", 100 + piece));
        delete(&store, &format!("user{:05}", 2900 + piece));
        put(&store, "user02999x", "", &format!("{piece}").repeat(40_000));
        put(&store, &format!("zebra{piece}"), "", "new");
        put(&store, &format!("aardvark{piece}"), "", "new");
        store.write_blocking(move |txn| txn.put(Kind::Setting, &[0, 0], vec![1])).unwrap();
    });
    assert_eq!(without_marks(found), without_marks(before));
    let now = read(Snapshot::take(&store), |_| {});
    assert_eq!(without_marks(now), without_marks(everything(&store)), "the next one shows what came of it");
}

#[test]
fn an_empty_store_and_one_whose_rest_came_later_are_read_to_the_end() {
    let (_directory, store) = fresh();
    let snapshot = Snapshot::take(&store);
    let before = everything(&store);
    fill(&store, 0, 2500);
    assert_eq!(without_marks(read(snapshot, |_| {})), without_marks(before));
}

/// A snapshot of the users alone, with so many bytes for the past.
fn of_users(store: &Store, most: usize) -> Snapshot {
    let extent = Extent::of(keys::USER_DOCUMENT, 100).with_most(most);
    Snapshot::begin(store, &mut store.shared().view.write(), extent)
}

#[test]
fn a_range_alone_is_read_and_its_past_alone_is_kept() {
    let (_directory, store) = fresh();
    fill(&store, 0, 1000);
    let mut before = everything(&store);
    before.retain(|key, _| key[0] == keys::USER_DOCUMENT);
    let pieces = std::cell::Cell::new(0);
    let found = read(of_users(&store, 1 << 20), |piece| {
        pieces.set(piece);
        for number in [0, 500, 999] {
            put(&store, &format!("user{number:05}"), "other", &format!("[{piece}]"));
        }
        delete(&store, &format!("user{:05}", 900 + piece));
        // More than may be kept, but of another range.
        store.write_blocking(|txn| txn.put(Kind::Setting, b"s", vec![1; 2 << 20])).unwrap();
    });
    assert_eq!(found, before);
    assert_eq!(pieces.get(), 9, "a hundred at a time");
}

#[test]
fn who_reads_so_slowly_that_too_much_is_changed_meanwhile_is_given_up() {
    let (_directory, store) = fresh();
    fill(&store, 0, 1000);
    let mut snapshot = of_users(&store, 64 << 10);
    assert_eq!(snapshot.piece().unwrap().len(), 100);
    fill(&store, 0, 100);
    assert_eq!(snapshot.piece().unwrap().len(), 100, "what is read already is not kept");
    fill(&store, 300, 500);
    assert_eq!(snapshot.piece().unwrap().len(), 100, "so much may be");
    fill(&store, 500, 1000);
    assert!(snapshot.piece().is_err());
    assert!(snapshot.piece().unwrap().is_empty(), "there is no next piece");
    assert_eq!(read(of_users(&store, 64 << 10), |_| {}).len(), 1000);
}

#[test]
fn a_failed_write_does_not_show() {
    let (_directory, store) = fresh();
    put(&store, "a", "", "old");
    let before = without_marks(everything(&store));
    store.shared().disk.broken.store(true, Ordering::SeqCst);
    assert!(store.write_blocking(|txn| stage(txn, "a", "", &body("new"))).is_err());
    assert!(store.write_blocking(|txn| stage(txn, "b", "", &body("new"))).is_err());
    assert_eq!(without_marks(read(Snapshot::take(&store), |_| {})), before);
}

/// Every write moves one unit from one of many keys to another; at any moment they are the same in number.
#[test]
fn the_sum_of_what_moves_is_the_same_in_every_snapshot() {
    const PURSES: u64 = 4000;
    const EACH: u64 = 5;
    let key = |number: u64| format!("{number:05}").into_bytes();
    let (_directory, store) = fresh();
    store
        .write_blocking(move |txn| {
            (0..PURSES).try_for_each(|number| txn.put(Kind::Setting, &key(number), vec![5]))
        })
        .unwrap();
    let stop = AtomicBool::new(false);
    let pay = move |txn: &mut Txn<'_>, from: u64, to: u64| -> Result<(), Error> {
        let purse = |txn: &Txn<'_>, number| {
            Ok::<u8, Error>(txn.get(Kind::Setting, &key(number))?.unwrap_or_default()[0])
        };
        let (theirs, ours) = (purse(txn, from)?, purse(txn, to)?);
        if theirs == 0 || ours == u8::MAX || from == to {
            return Err(Error::NotFound);
        }
        txn.put(Kind::Setting, &key(from), vec![theirs - 1])?;
        txn.put(Kind::Setting, &key(to), vec![ours + 1])
    };
    std::thread::scope(|threads| {
        for thread in 0..4_u64 {
            let (store, stop) = (&store, &stop);
            threads.spawn(move || {
                let mut number = thread;
                while !stop.load(Ordering::Relaxed) {
                    number = number
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let (from, to) = ((number >> 33) % PURSES, (number >> 13) % PURSES);
                    match store.write_blocking(move |txn| pay(txn, from, to)) {
                        Ok(()) | Err(Error::NotFound) => {}
                        Err(other) => panic!("{other:?}"),
                    }
                }
            });
        }
        for _ in 0..12 {
            let found = read(Snapshot::take(&store), |_| std::thread::yield_now());
            let purses = found.iter().filter(|(key, _)| key[0] == Kind::Setting.prefix());
            let sums = purses.fold((0, 0), |(count, sum), (_, value)| (count + 1, sum + u64::from(value[0])));
            assert_eq!(sums, (PURSES, PURSES * EACH));
        }
        stop.store(true, Ordering::Relaxed);
    });
}
