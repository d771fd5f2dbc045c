//! The store against a map: whatever is done, both answer the same, also after a new start.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{Kind, Store, StoreOptions, Window};
use super::{body, documents, from_outside, options, stage};
use crate::error::Error;

#[derive(Debug, Clone)]
enum Step {
    Put {
        name: u8,
        role: u8,
        length: u32,
    },
    Delete {
        name: u8,
    },
    /// Several changes in one write, refused at the end or not.
    Together {
        names: Vec<u8>,
        refused: bool,
    },
    Forget {
        name: u8,
    },
    Reopen,
    Page {
        role: Option<u8>,
        offset: usize,
        limit: usize,
        descending: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![6 => 1..300_u32, 1 => 4_000..20_000_u32];
    prop_oneof![
        8 => (0..24_u8, 0..3_u8, length).prop_map(|(name, role, length)| Step::Put { name, role, length }),
        4 => (0..24_u8).prop_map(|name| Step::Delete { name }),
        2 => (prop::collection::vec(0..24_u8, 1..12), any::<bool>())
            .prop_map(|(names, refused)| Step::Together { names, refused }),
        2 => (0..24_u8).prop_map(|name| Step::Forget { name }),
        1 => Just(Step::Reopen),
        4 => (prop::option::of(0..3_u8), 0..20_usize, 0..20_usize, any::<bool>()).prop_map(
            |(role, offset, limit, descending)| Step::Page { role, offset, limit, descending }
        ),
    ]
}

/// Names that are prefixes of each other, long ones and others.
fn name(number: u8) -> String {
    match number % 4 {
        0 => format!("u{number}"),
        1 => format!("u{}\0x", number / 4),
        2 => "n".repeat(usize::from(number) * 9 + 1),
        _ => format!("é{number}"),
    }
}

fn role(number: u8) -> String {
    if number == 0 { String::new() } else { format!("role{number}") }
}

fn public(name: &str, length: u32) -> String {
    format!("{name}:{}", "z".repeat(length as usize))
}

type Model = BTreeMap<String, (String, String)>;

fn agree(store: &Store, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(store.user_count(), model.len());
    let everything = Window { offset: 0, limit: usize::MAX, descending: false };
    let stored = store.users_page(None, None, everything).unwrap();
    let stored: Vec<Vec<u8>> = documents(&stored.parts).into_iter().map(<[u8]>::to_vec).collect();
    let expected: Vec<Vec<u8>> = model.values().map(|(_, public)| public.clone().into_bytes()).collect();
    prop_assert_eq!(stored, expected);
    let entries = store.scan_prefix(Kind::UserEmail, b"").unwrap();
    let names: Vec<Vec<u8>> = model.keys().map(|name| name.clone().into_bytes()).collect();
    prop_assert_eq!(entries.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), names);
    for number in 0..24 {
        let name = name(number);
        let found = store.user_document(&name).unwrap().map(|d| d.stored().json().to_vec());
        prop_assert_eq!(found, model.get(&name).map(|(_, public)| public.clone().into_bytes()));
    }
    Ok(())
}

fn put(store: &Store, model: &mut Model, user: (String, String, String)) {
    let (name, role, public) = user;
    model.insert(name.clone(), (role.clone(), public.clone()));
    store
        .write_blocking(move |txn| {
            txn.put(Kind::UserEmail, name.as_bytes(), Vec::new())?;
            stage(txn, &name, &role, &body(public))
        })
        .unwrap();
}

fn delete(store: &Store, name: String) -> bool {
    store
        .write_blocking(move |txn| {
            txn.delete(Kind::UserEmail, name.as_bytes())?;
            txn.delete_user(&name)
        })
        .unwrap()
}

fn together(store: &Store, model: &mut Model, names: &[u8], refused: bool) {
    let mut wanted = model.clone();
    for number in names {
        let name = name(*number);
        if wanted.remove(&name).is_none() {
            wanted.insert(name.clone(), (role(1), public(&name, 7_000)));
        }
    }
    let names = names.to_vec();
    let outcome = store.write_blocking(move |txn| {
        for number in names {
            let name = name(number);
            if txn.delete_user(&name)? {
                assert!(txn.delete(Kind::UserEmail, name.as_bytes())?);
            } else {
                txn.put(Kind::UserEmail, name.as_bytes(), Vec::new())?;
                stage(txn, &name, &role(1), &body(public(&name, 7_000)))?;
            }
        }
        if refused { Err(Error::NotFound) } else { Ok(()) }
    });
    assert_eq!(outcome.is_err(), refused);
    if !refused {
        *model = wanted;
    }
}

fn same_page(
    store: &Store,
    model: &Model,
    window: (Option<u8>, usize, usize),
    desc: bool,
) -> Result<(), TestCaseError> {
    let (number, offset, limit) = window;
    // The empty role is no role: it has no list of its own.
    let wanted = number.map(role).filter(|role| !role.is_empty());
    let mut expected: Vec<&String> = model
        .values()
        .filter(|(role, _)| wanted.as_ref().is_none_or(|wanted| wanted == role))
        .map(|(_, public)| public)
        .collect();
    if desc {
        expected.reverse();
    }
    let expected: Vec<&[u8]> = expected.into_iter().skip(offset).take(limit).map(String::as_bytes).collect();
    let found =
        store.users_page(wanted.as_deref(), None, Window { offset, limit, descending: desc }).unwrap();
    prop_assert_eq!(documents(&found.parts), expected);
    Ok(())
}

/// Steps of one case, at most.
const CASE: u32 = 70;
/// Steps in all, unless `USERSD_MODEL_STEPS` says otherwise.
const STEPS: u32 = 420;

/// Cases are half as long as they may be, on average.
fn cases() -> u32 {
    from_outside("USERSD_MODEL_STEPS", STEPS).div_ceil(CASE / 2)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn the_store_is_a_map_that_survives(
        steps in prop::collection::vec(step(), 1..CASE as usize),
        cached: bool,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions { document_cache_bytes: if cached { 1 << 20 } else { 0 }, ..options(&directory) };
        let mut store = Store::open(&options).unwrap();
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Put { name: number, role: of, length } => {
                    let name = name(number);
                    let public = public(&name, length);
                    put(&store, &mut model, (name, role(of), public));
                }
                Step::Delete { name: number } => {
                    let there = model.remove(&name(number)).is_some();
                    prop_assert_eq!(delete(&store, name(number)), there);
                }
                Step::Together { names, refused } => together(&store, &mut model, &names, refused),
                Step::Forget { name: number } => store.shared().documents.remove(name(number).as_bytes()),
                Step::Reopen => {
                    agree(&store, &model)?;
                    drop(store);
                    store = Store::open(&options).unwrap();
                    agree(&store, &model)?;
                }
                Step::Page { role, offset, limit, descending } => {
                    same_page(&store, &model, (role, offset, limit), descending)?;
                }
            }
        }
        agree(&store, &model)?;
    }
}
