//! The check finds what does not fit, by name, and nothing where all is in order.

use serde_json::json;
use tempfile::TempDir;

use super::super::{Checked, Kind, Store};
use super::records::{full_api_key, settled};
use super::{fresh, options};
use crate::domain::role::Role;

/// A store as the server fills it: users, a role, a key with its index entry.
fn filled() -> (TempDir, Store) {
    let (directory, store) = fresh();
    let key = full_api_key();
    let role: Role =
        serde_json::from_value(json!({"id": 1, "name": "poets", "created_at": 1, "updated_at": 1})).unwrap();
    store
        .write_blocking(move |txn| {
            for name in ["ada", "ben", "cem"] {
                let draft =
                    json!({"username": name, "status": 1, "permissions": {"/": ["*"]}, "home_dir": "/srv"});
                let mut user = settled(draft).unwrap();
                user.id = txn.next_user_id()?;
                txn.put_user(&user)?;
            }
            txn.next_id(Kind::Role)?;
            txn.put_item(&role)?;
            txn.put_item(&key)
        })
        .unwrap();
    (directory, store)
}

fn check(store: &Store) -> (Checked, Vec<String>) {
    let mut problems = Vec::new();
    let checked = store.check(&mut |problem| problems.push(problem.to_owned()), &mut |_| {});
    assert_eq!(checked.problems, problems.len() as u64);
    (checked, problems)
}

/// What the check says after the engine's own entries were changed like this.
fn after(change: impl FnOnce(&sled::Db)) -> Vec<String> {
    let (directory, store) = filled();
    drop(store);
    let engine = super::engine(directory.path().join("store"));
    change(&engine);
    drop(engine);
    // An earlier revision than the mark's would be refused at the door.
    std::fs::remove_file(directory.path().join("store/durable")).unwrap();
    check(&Store::open(&options(&directory)).unwrap()).1
}

#[test]
fn a_store_in_order_has_no_problem() {
    let (_directory, store) = filled();
    let looked_at = Checked { users: 3, others: 2, index_entries: 4, problems: 0 };
    assert_eq!(check(&store), (looked_at, Vec::new()));
    let (_directory, empty) = fresh();
    assert_eq!(check(&empty), (Checked::default(), Vec::new()));
}

#[test]
fn damage_is_told_by_name_and_does_not_hide_the_rest() {
    let problems = after(|engine| {
        let other = engine.get("\u{2}ada").unwrap().unwrap();
        engine.insert("\u{2}ben", other).unwrap();
        engine.insert("\u{2}cem", vec![7]).unwrap();
    });
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[0].contains("user \"ben\"") && problems[2].contains("user \"cem\""), "{problems:#?}");
}

#[test]
fn the_page_directory_and_the_users_are_held_against_each_other() {
    let problems = after(|engine| {
        engine.remove("\u{2}ada").unwrap();
        engine.remove("\u{1}ben").unwrap();
        let other = engine.get("\u{1}ada").unwrap().unwrap();
        engine.insert("\u{1}cem", other).unwrap();
    });
    let expected = [
        "user \"ada\": it is in the page directory and has no record",
        "user \"ben\": it is not in the page directory",
    ];
    assert_eq!(problems[..2], expected);
    assert!(problems.len() == 2 || problems[2].contains("user \"cem\""), "{problems:#?}");
}

/// A user of a damaged store who is found by name alone: he can be put right by making him anew, or removed.
#[test]
fn a_user_whom_the_page_directory_lacks_can_be_made_anew_and_removed() {
    let (directory, store) = filled();
    drop(store);
    let path = directory.path().join("store");
    let engine = super::engine(&path);
    engine.remove("\u{1}ada").unwrap();
    engine.remove("\u{1}ben").unwrap();
    drop(engine);
    std::fs::remove_file(path.join("durable")).unwrap();
    let store = Store::open(&options(&directory)).unwrap();
    assert_eq!(check(&store).1.len(), 2);
    let found = store.write_blocking(|txn| {
        let found = (txn.has_user("ada")?, txn.has_user("cem")?);
        let mut user = txn.user("cem")?.unwrap().value;
        user.username = settled(json!({"username": "ada", "permissions": {"/": ["*"]}, "home_dir": "/srv"}))
            .unwrap()
            .username;
        user.id = txn.next_user_id()?;
        txn.put_user(&user)?;
        Ok((found, txn.delete_user("ben")?, txn.delete_user("ben")?, txn.delete_user("dot")?))
    });
    assert_eq!(found.unwrap(), ((false, true), true, false, false));
    assert_eq!(check(&store), (Checked { users: 2, ..check(&store).0 }, Vec::new()));
    assert!(store.user("ben").unwrap().is_none());
}

#[test]
fn an_entry_of_another_revision_is_noticed() {
    let (directory, store) = filled();
    drop(store);
    let path = directory.path().join("store");
    let engine = super::engine(&path);
    let old = engine.get("\u{1}cem").unwrap().unwrap();
    drop(engine);
    let store = Store::open(&options(&directory)).unwrap();
    store
        .write_blocking(|txn| {
            let user = txn.user("cem")?.unwrap().value;
            txn.put_user(&user).map(drop)
        })
        .unwrap();
    drop(store);
    let engine = super::engine(&path);
    engine.insert("\u{1}cem", old).unwrap();
    drop(engine);
    let problems = check(&Store::open(&options(&directory)).unwrap()).1;
    assert_eq!(problems, ["user \"cem\": its entry in the page directory is of another record"]);
}

#[test]
fn index_entries_are_looked_for_in_both_directions() {
    let problems = after(|engine| {
        let entry = engine.scan_prefix([5]).next().unwrap().unwrap();
        engine.remove(&entry.0).unwrap();
        engine.insert(b"\x05\x00\x01xy", vec![0]).unwrap();
        engine.insert(b"\x03address", vec![0]).unwrap();
    });
    assert_eq!(problems.len(), 3, "{problems:#?}");
    for (problem, holds) in
        problems.iter().zip(["e-mail entry", "api key entry", "an index entry is missing"])
    {
        assert!(problem.contains(holds), "{problems:#?}");
    }
}

#[test]
fn a_watched_subject_that_is_none_is_noticed() {
    let problems = after(|engine| {
        engine.insert(b"\x18user/anna", [&[0][..], b"no record"].concat()).unwrap();
    });
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].contains("watched subject") && problems[0].contains("user/anna"), "{problems:#?}");
}

#[test]
fn ids_and_revisions_beyond_the_last_ones_are_noticed() {
    let problems = after(|engine| {
        engine.insert(b"\x00id\x01", [&[0][..], &1_u64.to_le_bytes()].concat()).unwrap();
        engine.insert(b"\x00revision", vec![0; 9]).unwrap();
    });
    let revisions = problems.iter().filter(|problem| problem.contains("is above the last one, 0")).count();
    let ids =
        problems.iter().filter(|problem| problem.contains("was never given out, the last one is 1")).count();
    assert_eq!((revisions, ids, problems.len()), (5, 2, 7), "{problems:#?}");
}
