//! A dump shows one moment, whatever is written while it is made, and is always fit to be moved in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::domain::admin::Admin;
use crate::domain::api_key::ApiKey;
use crate::domain::folder::Folder;
use crate::domain::group::Group;
use crate::domain::role::Role;

/// The hash of the word `password`.
const HASH: &str = "{MD5}5f4dcc3b5aa765d61d8327deb882cf99";

fn settings(folder: &Path) -> Settings {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/conformance.toml");
    let mut settings = Settings::load(Some(file.as_ref()), []).unwrap();
    settings.store.path = folder.join("store");
    settings.store.reserve_mib = 0;
    settings
}

fn user(name: &str, number: usize) -> Value {
    json!({"username": name, "status": 1, "permissions": {"/": ["*"]}, "home_dir": "/srv/x", "role": format!("r{number}"),
        "groups": [{"name": format!("g{number}"), "type": 1}],
        "virtual_folders": [{"name": format!("f{number}"), "virtual_path": "/f"}]})
}

/// Users and what they refer to, of this number.
fn part(names: &[String], number: usize) -> Value {
    json!({
        "roles": [{"name": format!("r{number}")}],
        "folders": [{"name": format!("f{number}"), "mapped_path": "/srv"}],
        "groups": [{"name": format!("g{number}"), "virtual_folders": [{"name": format!("f{number}"), "virtual_path": "/g"}]}],
        "users": names.iter().map(|name| user(name, number)).collect::<Vec<_>>(),
        "admins": [{"username": format!("admin{number}"), "status": 1, "permissions": ["view_users"], "password": HASH,
            "role": format!("r{number}"), "groups": [{"name": format!("g{number}")}]}],
        "api_keys": [{"id": format!("k{number}"), "name": "k", "scope": 2, "user": names[0], "key": "$2a$04$x"}],
    })
}

fn load(state: &State, dump: &Value) {
    let dump = Dump::open(Source::Memory(Bytes::from(dump.to_string()))).unwrap();
    let openers = Openers::new(state.moving.sealer().clone(), None, Unopened::Refuse);
    let options = LoadOptions { mode: Mode::Replace, openers, loader: None };
    let checked = state.moving.check(&dump, &options, &|_, _, _| ());
    assert!(checked.report.problems.is_empty(), "{:?}", checked.report.problems);
    state.moving.write(&dump, checked, &options, Extent::OneWrite, &|_, _, _| ()).unwrap();
}

/// Moves all users of a number to another one, which is new, and takes away what they referred to.
fn rename(state: &State, names: &[String], from: usize, to: usize) {
    load(state, &part(names, to));
    state
        .store
        .write_blocking(move |txn| {
            txn.delete_item::<Admin>(&format!("admin{from}"))?;
            txn.delete_item::<ApiKey>(&format!("k{from}"))?;
            txn.delete_item::<Group>(&format!("g{from}"))?;
            txn.delete_item::<Folder>(&format!("f{from}"))?;
            txn.delete_item::<Role>(&format!("r{from}")).map(drop)
        })
        .unwrap();
}

fn dumped(state: &State, layout: Layout) -> String {
    let mut out = Vec::new();
    dump::write(state, &Scopes::parse(None), layout, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// That everything refers to what is there, and that who is named as a member is one and the other way round.
fn check(text: &str) {
    let dump: Value = serde_json::from_str(text).unwrap();
    let list = |part: &str| dump[part].as_array().unwrap().clone();
    let names = |part: &str| -> BTreeSet<String> {
        list(part).iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    let mut members: BTreeMap<(&str, String), BTreeSet<String>> = BTreeMap::new();
    for user in list("users") {
        let name = user["username"].as_str().unwrap();
        for (part, place) in [
            ("roles", &user["role"]),
            ("groups", &user["groups"][0]["name"]),
            ("folders", &user["virtual_folders"][0]["name"]),
        ] {
            let owner = place.as_str().unwrap_or_else(|| panic!("{user} refers to all three"));
            assert!(names(part).contains(owner), "{user}");
            members.entry((part, owner.to_owned())).or_default().insert(name.to_owned());
        }
    }
    for part in ["roles", "groups", "folders"] {
        for item in list(part) {
            let told: BTreeSet<String> = item["users"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|name| name.as_str().unwrap().to_owned())
                .collect();
            let key = (part, item["name"].as_str().unwrap().to_owned());
            assert_eq!(told, members.remove(&key).unwrap_or_default(), "{item}");
            assert!(
                part == "folders" || item["admins"].as_array().is_some_and(|admins| admins.len() == 1),
                "{item}"
            );
        }
    }
    assert!(members.is_empty());
    for key in list("api_keys") {
        assert!(list("users").iter().any(|user| user["username"] == key["user"]), "{key}");
    }
    let folder = tempfile::tempdir().unwrap();
    let text = text.to_owned();
    with_state(&settings(folder.path()), move |state| load(state, &serde_json::from_str(&text).unwrap()))
        .unwrap();
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number:04}")).collect()
}

/// How often is written during a dump.
const STEPS: usize = 12;

/// Takes the bytes of a dump, and whenever it does something else is written.
struct Meddler<'s> {
    state: &'s State,
    out: Vec<u8>,
    steps: usize,
    most: usize,
}

impl Write for Meddler<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(bytes);
        if self.steps < self.most {
            self.steps += 1;
            let (last, next) = (self.steps - 1, self.steps);
            rename(self.state, &names("m", 20), 1000 + last, 1000 + next);
            load(self.state, &part(&names(&format!("new{next}-"), 2), 2000 + next));
            let gone = format!("u{:04}", next * 20);
            self.state.store.write_blocking(move |txn| txn.delete_user(&gone).map(drop)).unwrap();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_written_while_a_dump_is_made_does_not_show() {
    let folder = tempfile::tempdir().unwrap();
    with_state(&settings(folder.path()), |state| {
        load(state, &part(&names("u", 600), 1));
        load(state, &part(&names("m", 20), 1000));
        let mut from = 0;
        for layout in [Layout::OneLine, Layout::Indented] {
            let before = dumped(state, layout);
            let mut meddler = Meddler { state, out: Vec::new(), steps: from, most: from + STEPS };
            dump::write(state, &Scopes::parse(None), layout, &mut meddler).unwrap();
            from += STEPS;
            assert_eq!(meddler.steps, from);
            let under_writes = String::from_utf8(meddler.out).unwrap();
            assert!(under_writes == before, "a dump under writes is the one before them");
            check(&under_writes);
            let after = dumped(state, layout);
            assert_ne!(after, before);
            check(&after);
        }
    })
    .unwrap();
}

#[test]
fn every_dump_is_whole_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    with_state(&settings(folder.path()), |state| {
        load(state, &part(&names("u", 600), 1));
        (0..3).for_each(|thread| load(state, &part(&names(&format!("m{thread}-"), 10), 1000 * (thread + 1))));
        let stop = AtomicBool::new(false);
        let runtime = tokio::runtime::Handle::current();
        std::thread::scope(|threads| {
            for thread in 0..3 {
                let (stop, runtime) = (&stop, runtime.clone());
                threads.spawn(move || {
                    let _inside = runtime.enter();
                    let mut number = 1000 * (thread + 1);
                    while !stop.load(Ordering::Relaxed) {
                        rename(state, &names(&format!("m{thread}-"), 10), number, number + 1);
                        number += 1;
                    }
                });
            }
            let dumps: Vec<String> = (0..8).map(|_| dumped(state, Layout::OneLine)).collect();
            stop.store(true, Ordering::Relaxed);
            for dump in &dumps {
                check(dump);
            }
        });
    })
    .unwrap();
}
