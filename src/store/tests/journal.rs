//! All or nothing over many groups: what a journal undoes, and what it leaves when it is ended.

use proptest::prelude::*;

use super::super::{Kind, Store, Txn};
use super::{body, fresh, options, page, put, stage};

/// Everything that a reader can see.
type Seen = (Vec<String>, Vec<String>, Vec<(Vec<u8>, Vec<u8>)>);

fn seen(store: &Store) -> Seen {
    let settings = store.scan_prefix(Kind::Setting, b"").unwrap();
    (page(store, None, (0, 999), false), page(store, Some("r"), (0, 999), true), settings)
}

/// A change to the store: a user put with a document of so many bytes (none has none: pages are told apart at
/// commas), a user deleted, a setting put.
#[derive(Debug, Clone)]
enum Step {
    Put(u8, bool, usize),
    Delete(u8),
    Set(u8),
}

fn take(store: &Store, steps: &[Step]) {
    for step in steps.iter().cloned() {
        store
            .write_blocking(move |txn| match step {
                Step::Put(name, has_role, length) => {
                    txn.next_user_id()?;
                    let role = if has_role { "r" } else { "" };
                    stage(txn, &format!("u{name}"), role, &body("x".repeat(length)))
                }
                Step::Delete(name) => txn.delete_user(&format!("u{name}")).map(drop),
                Step::Set(name) => txn.put(Kind::Setting, &[name], vec![name; 9]),
            })
            .unwrap();
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0_u8..12, any::<bool>(), prop_oneof![1..40_usize, 4_000..30_000_usize])
            .prop_map(|(name, has_role, length)| Step::Put(name, has_role, length)),
        1 => (0_u8..12).prop_map(Step::Delete),
        1 => any::<u8>().prop_map(Step::Set),
    ];
    prop::collection::vec(step, 0..12)
}

fn next_id(store: &Store) -> i64 {
    store.write_blocking(|txn: &mut Txn<'_>| txn.next_user_id()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_store_closed_with_a_journal_opens_as_it_was(before in steps(), within in steps(), after in steps()) {
        let (directory, store) = fresh();
        take(&store, &before);
        let was = seen(&store);
        store.begin_journal().unwrap();
        take(&store, &within);
        drop(store);

        let store = Store::open(&options(&directory)).unwrap();
        prop_assert_eq!(seen(&store), was);
        let puts = before.iter().filter(|step| matches!(step, Step::Put(..))).count();
        prop_assert_eq!(next_id(&store), i64::try_from(puts).unwrap() + 1, "ids are undone as well");
        take(&store, &after);
        let was = seen(&store);
        drop(store);
        let store = Store::open(&options(&directory)).unwrap();
        prop_assert_eq!(seen(&store), was, "it is undone once");
    }

    #[test]
    fn an_ended_journal_leaves_everything_and_nothing_of_itself(before in steps(), within in steps()) {
        let (directory, store) = fresh();
        take(&store, &before);
        store.begin_journal().unwrap();
        take(&store, &within);
        let is = seen(&store);
        store.end_journal().unwrap();
        drop(store);
        let store = Store::open(&options(&directory)).unwrap();
        prop_assert_eq!(seen(&store), is);
        prop_assert_eq!(store.shared().tree.scan_prefix(super::super::keys::JOURNAL).count(), 0);
    }
}

#[test]
fn one_journal_is_kept_at_a_time() {
    let (_directory, store) = fresh();
    store.begin_journal().unwrap();
    assert!(store.begin_journal().is_err());
    put(&store, "a", "", "1");
    store.end_journal().unwrap();
    store.end_journal().unwrap();
    store.begin_journal().unwrap();
}

#[test]
fn a_damaged_journal_keeps_the_store_closed() {
    let (directory, store) = fresh();
    store.begin_journal().unwrap();
    put(&store, "a", "", "1");
    drop(store);
    let engine = super::engine(directory.path().join("store"));
    let (key, value) = engine.scan_prefix(super::super::keys::JOURNAL).next().unwrap().unwrap();
    let mut value = value.to_vec();
    let last = value.len() - 1;
    value[last] ^= 1;
    engine.insert(key, value).unwrap();
    drop(engine);
    assert!(matches!(Store::open(&options(&directory)), Err(super::super::OpenError::Damaged { .. })));
}
