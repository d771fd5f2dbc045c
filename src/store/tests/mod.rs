//! The store as a whole: what survives, what readers see, what one writer does for many callers.

mod backup;
mod check;
mod durability;
mod isolation;
mod journal;
mod members;
mod model;
mod records;
mod shelves;
mod snapshot;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::keys;
use super::users::UserBytes;
use super::{Body, PagePart, Store, StoreOptions, Txn, Window};
use crate::error::Error;

/// Options for a store of a test's own, small and without reserve.
fn options(directory: &TempDir) -> StoreOptions {
    StoreOptions {
        engine_cache_bytes: Some(64 << 20),
        document_cache_bytes: 8 << 20,
        reserve_bytes: 0,
        ..StoreOptions::new(directory.path().join("store"))
    }
}

/// A fresh store and the directory that it lives in.
fn fresh() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(&directory)).unwrap();
    (directory, store)
}

fn body(public: impl Into<Vec<u8>>) -> Body {
    Body { public: public.into(), private: b"private".to_vec(), to_render: false }
}

/// How long a test takes, when it is set from outside: long runs are for the night.
#[expect(clippy::disallowed_methods, reason = "a test has no settings")]
fn from_outside<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |text| text.parse().ok().unwrap_or_else(|| panic!("{name} is no number")))
}

/// Everything that stands in the store, as the engine has it.
fn everything(store: &Store) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let all = store.shared().tree.scan(..vec![keys::CHUNK]);
    all.map(|entry| entry.unwrap()).map(|(key, value)| (key, value.to_vec())).collect()
}

fn put(store: &Store, name: &str, role: &str, public: &str) {
    let (name, role, body) = (name.to_owned(), role.to_owned(), body(public));
    store.write_blocking(move |txn| stage(txn, &name, &role, &body)).unwrap();
}

/// Stages a user whose document is any text: the store does not look into it.
fn stage(txn: &mut Txn<'_>, name: &str, role: &str, body: &Body) -> Result<(), Error> {
    txn.put_user_bytes(&UserBytes { name, role, body }).map(drop)
}

fn delete(store: &Store, name: &str) -> bool {
    let name = name.to_owned();
    store.write_blocking(move |txn| txn.delete_user(&name)).unwrap()
}

fn json(store: &Store, name: &str) -> Option<String> {
    let document = store.user_document(name).unwrap()?;
    Some(String::from_utf8(document.stored().json().to_vec()).unwrap())
}

fn page(store: &Store, role: Option<&str>, window: (usize, usize), descending: bool) -> Vec<String> {
    let page =
        store.users_page(role, None, Window { offset: window.0, limit: window.1, descending }).unwrap();
    documents(&page.parts).into_iter().map(|json| String::from_utf8(json.to_vec()).unwrap()).collect()
}

/// The documents of a page, none of which has a comma in it.
fn documents(page: &[PagePart]) -> Vec<&[u8]> {
    page.iter().flat_map(|part| part.json().split(|byte| *byte == b',')).collect()
}

/// The engine itself, opened past the store that was closed before. Its lock may outlive the close for a moment, in
/// a thread of its own or in a program that another test starts right then.
fn engine(path: impl AsRef<Path>) -> sled::Db {
    for _ in 0..1000 {
        match sled::open(path.as_ref()) {
            Err(error) if error.to_string().contains("could not acquire lock") => {
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("the engine of a closed store stays locked");
}
