//! One writer for many callers: who wins, who fails alone, and what readers see meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::super::{Body, Document, Kind, Store, StoreOptions, Txn};
use super::{body, delete, fresh, json, options, page, put, stage};
use crate::error::Error;

fn create(store: &Store, name: String) -> Result<i64, Error> {
    store.write_blocking(move |txn| {
        if txn.has_user(&name)? {
            return Err(Error::Conflict("there already".into()));
        }
        let id = txn.next_user_id()?;
        stage(txn, &name, "", &body(id.to_string()))?;
        Ok(id)
    })
}

#[test]
fn of_eight_that_create_a_name_one_succeeds_and_ids_have_no_holes() {
    const NAMES: usize = 40;
    let (_directory, store) = fresh();
    let ids: Vec<i64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    // Eight threads go through the same fifth of the names.
                    (0..NAMES / 8)
                        .filter_map(|step| {
                            let name = format!("user{}", (thread / 8) * (NAMES / 8) + step);
                            match create(store, name) {
                                Ok(id) => Some(id),
                                Err(Error::Conflict(_)) => None,
                                Err(other) => panic!("{other:?}"),
                            }
                        })
                        .collect::<Vec<i64>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut sorted = ids;
    sorted.sort_unstable();
    let every: Vec<i64> = (1..=i64::try_from(NAMES).unwrap()).collect();
    assert_eq!(sorted, every, "each name once, each id once, refused writes use none");
    let health = store.health();
    assert_eq!((health.users, health.revision), (NAMES, NAMES as u64));
    assert!(health.syncs < NAMES as u64, "{} syncs: writes share them", health.syncs);
}

#[test]
fn an_id_is_never_given_out_again() {
    let (directory, store) = fresh();
    assert_eq!(create(&store, "a".into()).unwrap(), 1);
    assert!(delete(&store, "a"));
    assert_eq!(create(&store, "b".into()).unwrap(), 2);
    drop(store);
    let store = Store::open(&options(&directory)).unwrap();
    assert_eq!(create(&store, "c".into()).unwrap(), 3);
    let group = store.write_blocking(|txn| txn.next_id(Kind::Group)).unwrap();
    assert_eq!(group, 1, "each kind counts for itself");
}

#[test]
fn a_refused_write_leaves_nothing() {
    let (_directory, store) = fresh();
    let refused: Result<(), Error> = store.write_blocking(|txn| {
        stage(txn, "a", "r", &body("x"))?;
        txn.put(Kind::Setting, b"k", vec![1])?;
        Err(Error::NotFound)
    });
    assert!(matches!(refused, Err(Error::NotFound)));
    assert_eq!(json(&store, "a"), None);
    assert_eq!(store.get(Kind::Setting, b"k").unwrap(), None);
    assert_eq!((store.health().revision, store.health().syncs), (0, 0));
}

#[test]
fn a_panic_in_a_write_is_its_callers_alone() {
    let (_directory, store) = fresh();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let store = &store;
            scope.spawn(move || {
                let outcome: Result<(), Error> = store.write_blocking(move |txn| {
                    stage(txn, &format!("user{number}"), "", &body("x"))?;
                    assert!(number % 4 != 0, "expected in this test");
                    Ok(())
                });
                assert_eq!(matches!(outcome, Err(Error::Internal(_))), number % 4 == 0);
            });
        }
    });
    assert_eq!(store.user_count(), 12);
    put(&store, "after", "", "1");
}

#[test]
fn a_write_sees_what_stands_before_it_and_what_it_staged() {
    let (_directory, store) = fresh();
    put(&store, "a", "r", "1");
    put(&store, "b", "r", "2");
    store
        .write_blocking(|txn| {
            txn.put(Kind::Mail, b"2", vec![2])?;
            txn.put(Kind::Mail, b"1", vec![1])?;
            txn.put(Kind::Mail, b"x", vec![3])
        })
        .unwrap();
    store
        .write_blocking(|txn| {
            assert!(txn.delete(Kind::Mail, b"1")?);
            assert!(!txn.delete(Kind::Mail, b"1")?);
            txn.put(Kind::Mail, b"0", vec![0])?;
            assert_eq!(
                txn.scan_prefix(Kind::Mail, b"")?,
                [(b"0".to_vec(), vec![0]), (b"2".to_vec(), vec![2]), (b"x".to_vec(), vec![3])]
            );
            assert_eq!(txn.get(Kind::Mail, b"1")?, None);
            assert!(txn.contains(Kind::Mail, b"0")?);
            stage(txn, "c", "r", &body("3"))?;
            stage(txn, "a", "other", &body("1"))?;
            assert_eq!(txn.users_of_role("r")?, ["b", "c"]);
            assert!(txn.delete_user("b")?);
            assert!(!txn.delete_user("b")?);
            assert_eq!(txn.users_of_role("r")?, ["c"]);
            assert_eq!(txn.user_revision("c")?, Some(txn.revision()));
            assert_eq!(txn.user_revision("b")?, None);
            Ok(())
        })
        .unwrap();
    assert_eq!(page(&store, Some("r"), (0, 9), false), ["3"]);
    assert_eq!(page(&store, Some("other"), (0, 9), false), ["1"]);
    assert_eq!(store.scan_prefix(Kind::Mail, b"").unwrap().len(), 3);
}

#[test]
fn a_role_limited_page_counts_its_own_users() {
    let (_directory, store) = fresh();
    for number in 0..40 {
        let role = if number % 10 == 0 { "few" } else { "" };
        put(&store, &format!("{number:02}"), role, &number.to_string());
    }
    assert_eq!(page(&store, Some("few"), (1, 2), false), ["10", "20"]);
    assert_eq!(page(&store, Some("few"), (1, 2), true), ["20", "10"]);
    assert_eq!(page(&store, Some("none"), (0, 9), false), [""; 0]);
    assert_eq!(page(&store, None, (38, 9), false), ["38", "39"]);
    assert_eq!(page(&store, None, (40, 9), false), [""; 0]);
}

#[test]
fn a_user_with_parts_of_other_objects_says_so() {
    let (_directory, store) = fresh();
    let with_folder = Body { to_render: true, ..body("{}") };
    store.write_blocking(move |txn| stage(txn, "a", "", &with_folder)).unwrap();
    assert!(matches!(store.user_document("a").unwrap(), Some(Document::ToRender(_))));
    put(&store, "a", "", "{}");
    assert!(matches!(store.user_document("a").unwrap(), Some(Document::Complete(_))));
}

#[test]
fn after_a_failed_sync_readers_see_what_was_durable_and_nothing_is_written() {
    let (directory, store) = fresh();
    put(&store, "a", "r", "old");
    put(&store, "gone", "", "old");
    store.write_blocking(|txn| txn.put(Kind::Setting, b"k", b"old".to_vec())).unwrap();
    let before = store.health();
    store.shared().disk.broken.store(true, Ordering::SeqCst);
    let failed = store.write_blocking(|txn| {
        stage(txn, "a", "", &body("new"))?;
        stage(txn, "b", "r", &body("new"))?;
        txn.delete_user("gone")?;
        txn.put(Kind::Setting, b"k", b"new".to_vec())?;
        txn.put(Kind::Setting, b"l", b"new".to_vec())
    });
    assert!(matches!(failed, Err(Error::Unavailable(Some(_)))));
    store.shared().disk.broken.store(false, Ordering::SeqCst);
    let refused = store.write_blocking(|txn| txn.put(Kind::Setting, b"m", Vec::new()));
    assert!(matches!(refused, Err(Error::Unavailable(_))), "never again on this handle");

    assert_eq!(json(&store, "a").unwrap(), "old");
    store.shared().documents.remove(b"a");
    assert_eq!(json(&store, "a").unwrap(), "old", "also past the cache");
    assert_eq!(json(&store, "b"), None);
    assert_eq!(page(&store, Some("r"), (0, 9), false), ["old"]);
    assert_eq!(page(&store, None, (0, 9), false), ["old", "old"]);
    assert_eq!(store.scan_prefix(Kind::Setting, b"").unwrap(), [(b"k".to_vec(), b"old".to_vec())]);
    let health = store.health();
    assert!(health.read_only.is_some());
    assert_eq!((health.revision, health.users), (before.revision, before.users));
    drop(store);
    assert!(Store::open(&options(&directory)).unwrap().health().read_only.is_none());
}

#[test]
fn a_closed_store_takes_no_writes_and_still_reads() {
    let (_directory, store) = fresh();
    put(&store, "a", "", "1");
    store.close().unwrap();
    store.close().unwrap();
    assert!(matches!(store.write_blocking(|_| Ok(())), Err(Error::Unavailable(_))));
    assert_eq!(json(&store, "a").unwrap(), "1");
}

#[test]
fn closing_serves_everyone_who_waits() {
    let (_directory, store) = fresh();
    let taken = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for number in 0..32 {
            let (store, taken) = (&store, &taken);
            scope.spawn(move || {
                let outcome = create(store, format!("user{number}"));
                match outcome {
                    Ok(_) => taken.fetch_add(1, Ordering::SeqCst),
                    Err(Error::Unavailable(_)) => 0,
                    Err(other) => panic!("{other:?}"),
                };
            });
        }
        store.close().unwrap();
    });
    assert_eq!(store.user_count() as u64, taken.load(Ordering::SeqCst), "answered is stored, refused is not");
}

#[test]
fn the_store_may_be_let_go_inside_a_write() {
    let (directory, store) = fresh();
    let clone = store.clone();
    store.write_blocking(move |txn| stage(txn, "a", "", &body(clone.user_count().to_string()))).unwrap();
    drop(store);
    assert_eq!(json(&Store::open(&options(&directory)).unwrap(), "a").unwrap(), "0");
}

#[test]
fn a_probe_writes_and_reads() {
    let (_directory, store) = fresh();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let before = store.health();
    assert_eq!(before.last_sync, None);
    runtime.block_on(store.probe()).unwrap();
    let after = store.health();
    assert_eq!((after.syncs, after.users), (before.syncs + 1, 0));
    assert!(after.last_sync.is_some());
    store.shared().disk.broken.store(true, Ordering::SeqCst);
    assert!(matches!(runtime.block_on(store.probe()), Err(Error::Unavailable(_))));
}

#[test]
fn callers_that_stop_waiting_harm_nobody() {
    let (_directory, store) = fresh();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for number in 0..20 {
            let name = format!("user{number}");
            let write = store.write(move |txn| stage(txn, &name, "", &body("x")));
            tokio::select! {
                biased;
                () = std::future::ready(()) => {}
                outcome = write => outcome.unwrap(),
            }
        }
        store.write(|txn| stage(txn, "last", "", &body("x"))).await.unwrap();
    });
    assert!(store.has_user("last"));
}

/// Readers of one name, past the cache or through it, never see a version before its write is durable, an
/// older one after an answer, or a step back.
#[test]
fn readers_see_durable_versions_only_and_never_an_older_one() {
    for document_cache_bytes in [0, 8 << 20] {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { document_cache_bytes, ..options(&directory) }).unwrap();
        let (answered, done) = (Arc::new(AtomicU64::new(0)), AtomicBool::new(false));
        put(&store, "hot", "", "0");
        for number in 0..30 {
            put(&store, &format!("i{number}"), "", "x");
        }
        // Each version is one write.
        let first = store.health().revision;
        std::thread::scope(|scope| {
            for reader in 0..3 {
                let (store, answered, done) = (&store, Arc::clone(&answered), &done);
                scope.spawn(move || {
                    let mut last = 0;
                    while !done.load(Ordering::SeqCst) {
                        let acknowledged = answered.load(Ordering::SeqCst);
                        if reader == 2 {
                            // An evicted document must not come back older than the newest.
                            store.shared().documents.remove(b"hot");
                        }
                        let hot = if reader == 1 {
                            page(store, None, (0, 40), false).swap_remove(0)
                        } else {
                            json(store, "hot").unwrap()
                        };
                        let durable = store.health().revision;
                        let version: u64 = hot.trim().parse().unwrap();
                        assert!(version >= acknowledged, "{version} after the answer to {acknowledged}");
                        assert!(version >= last, "{version} after {last} was seen");
                        assert!(first + version <= durable, "seen before it was durable");
                        last = version;
                    }
                });
            }
            for version in 1..=250_u64 {
                // Long ones now and then: their pieces are read one by one.
                let width = if version % 5 == 0 { 30_000 } else { 10 };
                put(&store, "hot", "", &format!("{version:>width$}"));
                answered.store(version, Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
        });
        assert_eq!(json(&store, "hot").unwrap().trim(), "250");
    }
}

/// A page is the same whether its blocks are joined or not, and no change is missed by what is kept.
#[test]
fn joined_pages_follow_every_change() {
    for document_cache_bytes in [0, 8 << 20] {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { document_cache_bytes, ..options(&directory) }).unwrap();
        let mut names: Vec<String> = (0..1200).map(|number| format!("n{number:04}")).collect();
        let all = names.clone();
        let write =
            move |txn: &mut Txn<'_>| all.iter().try_for_each(|n| stage(txn, n, "", &body(n.as_str())));
        store.write_blocking(write).unwrap();
        let check = |names: &[String]| {
            for (offset, limit) in [(0, 100), (350, 100), (300, 500), (1150, 100), (0, 2000)] {
                let backwards: Vec<&String> = names.iter().rev().skip(offset).take(limit).collect();
                let forwards: Vec<&String> = names.iter().skip(offset).take(limit).collect();
                // The first look marks the blocks, the second joins them, the third finds them.
                for look in 0..3 {
                    let found = page(&store, None, (offset, limit), false);
                    assert_eq!(found.iter().collect::<Vec<_>>(), forwards, "look {look} at {offset}");
                    let found = page(&store, None, (offset, limit), true);
                    assert_eq!(found.iter().collect::<Vec<_>>(), backwards, "look {look} at {offset}");
                }
            }
        };
        check(&names);
        put(&store, "n0360", "", "other");
        names[360] = "other".into();
        check(&names);
        delete(&store, "n0361");
        names.remove(361);
        check(&names);
        put(&store, "n0361", "", "back");
        names.insert(361, "back".into());
        put(&store, "o", "", "last");
        names.push("last".into());
        check(&names);
    }
}
