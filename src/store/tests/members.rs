//! Who refers to what: the entries follow every write of a user, also over a restart and within a group
//! of writes.

use serde_json::json;

use super::super::{Body, Kind, Membership, Store, keys, pair};
use super::{fresh, options, stage};
use crate::domain::home_dir::HomeDirRules;
use crate::domain::sealer::Sealer;
use crate::domain::user::User;
use crate::domain::user_draft::{UserDraft, UserRules};
use crate::domain::username::NamingRules;

fn user(name: &str, groups: &[&str], folders: &[&str]) -> User {
    let groups: Vec<_> = groups.iter().map(|name| json!({"name": name, "type": 2})).collect();
    let folders: Vec<_> =
        folders.iter().map(|name| json!({"name": name, "virtual_path": format!("/{name}")})).collect();
    let draft: UserDraft = serde_json::from_value(json!({"username": name, "home_dir": "/u",
        "permissions": {"/": ["*"]}, "groups": groups, "virtual_folders": folders}))
    .unwrap();
    let rules = UserRules {
        naming: NamingRules::default(),
        home_dir: HomeDirRules::new(None, "/tmp".into()),
        min_password_strength: 0,
        sealer: Sealer::default(),
    };
    draft.settle(&rules, None).unwrap().0
}

fn put(store: &Store, user: User) {
    store.write_blocking(move |txn| txn.put_user(&user).map(drop)).unwrap();
}

fn delete(store: &Store, name: &'static str) {
    store.write_blocking(move |txn| txn.delete_user(name).map(drop)).unwrap();
}

fn groups(store: &Store, name: &str) -> Vec<String> {
    store.users_with(Membership::Group, name, None, 10)
}

fn folders(store: &Store, name: &str) -> Vec<String> {
    store.users_with(Membership::Folder, name, None, 10)
}

#[test]
fn entries_follow_every_write_and_survive_a_restart() {
    let (directory, store) = fresh();
    put(&store, user("b", &["g", "h"], &["f"]));
    put(&store, user("a", &["g"], &["f", "g"]));
    put(&store, user("c", &[], &[]));
    assert_eq!((groups(&store, "g"), groups(&store, "h")), (vec!["a".into(), "b".into()], vec!["b".into()]));
    assert_eq!(store.users_with(Membership::Group, "g", None, 1), ["a"]);
    put(&store, user("b", &["h"], &["g"]));
    delete(&store, "a");
    let expected = |store: &Store| {
        assert_eq!((groups(store, "g"), groups(store, "h")), (vec![], vec!["b".to_owned()]));
        assert_eq!((folders(store, "f"), folders(store, "g")), (vec![], vec!["b".to_owned()]));
    };
    expected(&store);
    drop(store);
    expected(&Store::open(&options(&directory)).unwrap());
}

#[test]
fn a_write_sees_what_it_and_its_group_have_staged() {
    let (_directory, store) = fresh();
    put(&store, user("a", &["g"], &[]));
    put(&store, user("b", &["g"], &[]));
    let seen = store.write_blocking(move |txn| {
        txn.delete_user("a")?;
        txn.put_user(&user("c", &["g"], &[]))?;
        txn.put_user(&user("a2", &["g"], &[]))?;
        txn.put_user(&user("a2", &[], &[]))?;
        Ok((txn.users_with(Membership::Group, "g", 10)?, txn.users_with(Membership::Group, "g", 1)?))
    });
    assert_eq!(seen.unwrap(), (vec!["b".to_owned(), "c".to_owned()], vec!["b".to_owned()]));
    let refused = store.write_blocking(move |txn| {
        txn.delete_user("b")?;
        Err::<(), _>(crate::error::Error::NotFound)
    });
    assert!(refused.is_err());
    assert_eq!(groups(&store, "g"), ["b", "c"]);
}

#[test]
fn a_user_whose_record_cannot_be_read_leaves_no_entries_behind() {
    let (_directory, store) = fresh();
    put(&store, user("a", &["g"], &["f"]));
    put(&store, user("b", &["g"], &[]));
    let unreadable = Body { public: b"no json".to_vec(), ..Body::default() };
    store.write_blocking(move |txn| stage(txn, "a", "", &unreadable)).unwrap();
    delete(&store, "a");
    assert_eq!((groups(&store, "g"), folders(&store, "f")), (vec!["b".to_owned()], vec![]));
}

#[test]
fn of_a_role_all_are_found_however_many_others_come_first() {
    let (_directory, store) = fresh();
    store
        .write_blocking(|txn| {
            for number in 0..2500 {
                let mut user = user(&format!("u{number:04}"), &["g"], &[]);
                let role = if number % 1200 == 1199 { "few" } else { "many" };
                role.clone_into(&mut user.role);
                txn.put_user(&user)?;
            }
            for number in 0..30 {
                let mut other = user(&format!("v{number:04}"), &["small"], &[]);
                "many".clone_into(&mut other.role);
                txn.put_user(&other)?;
            }
            Ok(())
        })
        .unwrap();
    let of = |group: &str, role: &str, limit| store.users_with(Membership::Group, group, Some(role), limit);
    assert_eq!(of("g", "few", 10), ["u1199", "u2399"]);
    assert_eq!(of("g", "few", 1), ["u1199"]);
    assert_eq!((of("g", "many", 1500).len(), of("g", "many", 5000).len()), (1500, 2498));
    assert_eq!((of("small", "many", 100).len(), of("small", "few", 100).len()), (30, 0));
    assert!(of("g", "nobody", 10).is_empty() && of("nothing", "few", 10).is_empty());
}

/// What the committer does not look for in the engine, because memory knows that it is not there.
#[test]
fn memory_knows_the_keys_of_metas_and_members_as_the_engine_does() {
    let (directory, store) = fresh();
    put(&store, user("a", &["g"], &["f"]));
    put(&store, user("b", &["g", "h"], &[]));
    put(&store, user("c", &[], &["f"]));
    put(&store, user("b", &["h"], &["f"]));
    delete(&store, "c");
    let candidates = |prefix: u8| -> Vec<Vec<u8>> {
        let names = ["a", "b", "c", "f", "g", "h"];
        let single = names.iter().map(|name| keys::key(prefix, name.as_bytes()));
        let pairs = names.iter().flat_map(|owner| names.iter().map(move |name| pair(owner, name)));
        single.chain(pairs.map(|pair| keys::key(prefix, &pair))).collect()
    };
    let agree = |store: &Store| {
        let mut there = 0;
        let ranges = [keys::USER_META, keys::USER_DOCUMENT];
        for prefix in ranges.into_iter().chain([Kind::GroupMember.prefix(), Kind::FolderMember.prefix()]) {
            for key in candidates(prefix) {
                let Some(known) = store.shared().view.read().knows(&key) else { continue };
                assert_eq!(known, store.shared().tree.read(&key).unwrap().is_some(), "{key:?}");
                assert_eq!(store.shared().find(&key).unwrap().value.is_some(), known, "{key:?}");
                there += usize::from(known);
            }
        }
        assert_eq!(there, 2 + 2 + 2 + 2, "two users and their entries, in two groups, with two folders");
        let another = keys::key(Kind::Group.prefix(), b"g");
        assert_eq!(store.shared().view.read().knows(&another), None);
    };
    agree(&store);
    drop(store);
    agree(&Store::open(&options(&directory)).unwrap());
}
