//! What survives a close, a bad start and damage; what is refused at the door.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::super::{Kind, OpenError, Store, StoreOptions, Window};
use super::{body, delete, documents, fresh, from_outside, json, options, page, put, stage};

#[test]
fn everything_is_there_again_after_a_close() {
    let (directory, store) = fresh();
    for (name, role) in [("b", ""), ("a", "r"), ("c", "r"), ("é", "")] {
        put(&store, name, role, name);
    }
    assert!(delete(&store, "b"));
    store.write_blocking(|txn| txn.put(Kind::Setting, b"k", b"v".to_vec())).unwrap();
    let revision = store.health().revision;
    let meta = store.user_document("a").unwrap();
    drop(store);

    let store = Store::open(&options(&directory)).unwrap();
    assert_eq!(page(&store, None, (0, 9), false), ["a", "c", "é"]);
    assert_eq!(page(&store, Some("r"), (0, 9), true), ["c", "a"]);
    assert_eq!(store.get(Kind::Setting, b"k").unwrap().unwrap(), b"v");
    assert_eq!(store.user_document("a").unwrap(), meta);
    assert_eq!((store.user_count(), store.health().revision), (3, revision));
    assert!(!store.has_user("b"));
}

#[test]
fn documents_of_any_size_survive_and_stay_in_the_data_file() {
    let (directory, store) = fresh();
    let sizes = [0, 100, 4_999, 5_101, 96 << 10, 1_040_000];
    for (round, shift) in [0, 3].into_iter().enumerate() {
        for number in 0..sizes.len() {
            let length = sizes[(number + shift) % sizes.len()];
            put(&store, &format!("user{number}"), "", &"x".repeat(length));
            assert_eq!(json(&store, &format!("user{number}")).unwrap().len(), length, "round {round}");
        }
    }
    drop(store);
    let store = Store::open(&options(&directory)).unwrap();
    let lengths: Vec<usize> = page(&store, None, (0, 99), false).iter().map(String::len).collect();
    assert_eq!(lengths, [5_101, 96 << 10, 1_040_000, 0, 100, 4_999]);
    assert_eq!(directory.path().join("store/blobs").read_dir().unwrap().count(), 0);
}

#[test]
fn an_interrupted_start_leaves_nothing_that_prevents_the_next() {
    let (directory, store) = fresh();
    put(&store, "a", "", "1");
    drop(store);
    let path = directory.path().join("store");
    // The engine's own snapshot under its unfinished name: without the guard no open ever succeeds again.
    let snapshot = path
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("snap."));
    let half = path.join("snap.0000000000001000.generating");
    match snapshot {
        Some(snapshot) => {
            let bytes = std::fs::read(snapshot).unwrap();
            std::fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
        }
        None => std::fs::write(&half, b"half").unwrap(),
    }
    std::fs::set_permissions(&half, std::fs::Permissions::from_mode(0o600)).unwrap();
    let store = Store::open(&options(&directory)).unwrap();
    assert_eq!(json(&store, "a").unwrap(), "1");
    assert!(!half.exists());
}

#[test]
fn a_store_opens_once() {
    let (directory, store) = fresh();
    let second = Store::open(&options(&directory));
    assert!(matches!(&second, Err(OpenError::InUse { .. })), "{second:?}");
    let clone = store.clone();
    drop(store);
    assert!(matches!(Store::open(&options(&directory)), Err(OpenError::InUse { .. })));
    drop(clone);
    assert!(Store::open(&options(&directory)).is_ok());
}

#[test]
fn a_store_can_be_opened_again_at_once_and_often() {
    let (directory, store) = fresh();
    drop(store);
    for round in 0..8 {
        let store = Store::open(&options(&directory)).unwrap();
        assert_eq!(store.user_count(), round);
        put(&store, &round.to_string(), "", "x");
    }
}

#[test]
fn every_file_is_the_owners_alone() {
    let (directory, store) = fresh();
    put(&store, "a", "", "1");
    drop(store);
    drop(Store::open(&options(&directory)).unwrap());
    let path = directory.path().join("store");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    for entry in path.read_dir().unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
    std::fs::set_permissions(path.join("db"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Store::open(&options(&directory)).unwrap_err();
    assert!(matches!(refused, OpenError::TooOpen { mode: 0o644, .. }), "{refused}");
}

#[test]
fn an_empty_store_is_refused_where_data_is_required() {
    let directory = tempfile::tempdir().unwrap();
    let strict = StoreOptions { require_data: true, ..options(&directory) };
    assert!(matches!(Store::open(&strict), Err(OpenError::Empty { .. })));
    assert!(!strict.path.exists(), "nothing was created");
    drop(Store::open(&options(&directory)).unwrap());
    assert!(matches!(Store::open(&strict), Err(OpenError::Empty { .. })), "a store of marks only is empty");
    put(&Store::open(&options(&directory)).unwrap(), "a", "", "1");
    assert_eq!(Store::open(&strict).unwrap().user_count(), 1);
}

#[test]
fn a_store_of_another_format_is_refused() {
    let (directory, store) = fresh();
    drop(store);
    let path = directory.path().join("store");
    let engine = super::engine(&path);
    engine.insert(b"\x00format", b"\x00\x02".to_vec()).unwrap();
    drop(engine);
    let refused = Store::open(&options(&directory)).unwrap_err();
    assert!(matches!(refused, OpenError::UnknownFormat { .. }), "{refused}");
    let engine = super::engine(&path);
    engine.remove(b"\x00format").unwrap();
    engine.insert(b"foreign", b"data".to_vec()).unwrap();
    drop(engine);
    assert!(matches!(Store::open(&options(&directory)), Err(OpenError::UnknownFormat { .. })));
}

#[test]
fn a_reserve_is_kept_beside_the_data() {
    let directory = tempfile::tempdir().unwrap();
    let with_reserve = StoreOptions { reserve_bytes: 1 << 20, ..options(&directory) };
    drop(Store::open(&with_reserve).unwrap());
    let reserve = with_reserve.path.join("reserve");
    assert_eq!(reserve.metadata().unwrap().len(), 1 << 20);
    drop(Store::open(&options(&directory)).unwrap());
    assert!(!reserve.exists());
}

#[test]
fn a_damaged_record_concerns_its_name_alone_and_can_be_replaced() {
    let (directory, store) = fresh();
    for name in ["a", "b", "c"] {
        put(&store, name, "", name);
    }
    drop(store);
    let path = directory.path().join("store");
    let engine = super::engine(&path);
    let other = engine.get(b"\x02a").unwrap().unwrap();
    engine.insert(b"\x02b", other).unwrap();
    drop(engine);
    let store = Store::open(&options(&directory)).unwrap();
    assert!(store.user_document("b").is_err(), "another user's record is no record of this one");
    assert!(store.user_document("b").is_err());
    assert!(store.users_page(None, None, Window { offset: 0, limit: 10, descending: false }).is_err());
    assert_eq!(json(&store, "a").unwrap(), "a");
    assert_eq!(page(&store, None, (2, 1), false), ["c"]);
    put(&store, "b", "", "new");
    assert_eq!(page(&store, None, (0, 9), false), ["a", "new", "c"]);
}

/// One bit of the stored files turned, somewhere: the store is refused at the start, or says so at a read, or
/// shows what was written; never another user, another version, or nothing where something was.
#[test]
fn a_turned_bit_on_disk_never_shows_a_wrong_value() {
    turn_bits(Reopened::Yes);
}

/// The same where the store was never started again: nothing lies in the engine's snapshot yet, and it takes damage
/// anywhere for the end of what was written.
#[test]
fn a_turned_bit_in_what_was_written_since_the_start_loses_nothing_in_silence() {
    turn_bits(Reopened::No);
}

/// Whether a store was opened again after its writes, before it is damaged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reopened {
    Yes,
    No,
}

fn turn_bits(reopened: Reopened) {
    let (directory, store) = fresh();
    for number in 0..USERS {
        put(&store, &name(number), if number % 3 == 0 { "r" } else { "" }, &format!("old {number}"));
        put(&store, &name(number), if number % 3 == 0 { "r" } else { "" }, &content(number));
    }
    drop(store);
    if reopened == Reopened::Yes {
        drop(Store::open(&options(&directory)).unwrap());
    }
    let path = directory.path().join("store");
    let (mut refused, mut noticed, mut harmless) = (0, 0, 0);
    let rounds = from_outside("USERSD_BIT_FLIPS", 24);
    let mut random = u64::from_le_bytes(crate::random::bytes());
    for _ in 0..rounds {
        let copy = tempfile::tempdir().unwrap();
        copy_store(&path, &copy.path().join("store"));
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = turn_bit(&copy.path().join("store"), random >> 8);
        match Store::open(&options(&copy)) {
            Err(_) => refused += 1,
            Ok(store) => match wrong_or_noticed(&store) {
                Err(wrong) => panic!("{place}: {wrong}"),
                Ok(0) => harmless += 1,
                Ok(_) => noticed += 1,
            },
        }
    }
    report(rounds, (refused, noticed, harmless));
    assert!(refused + noticed > 0, "no damage was noticed: were the right bits turned?");
}

/// What the engine would show without a word, were there no mark: a store cut off in its last group.
#[test]
fn a_store_that_lost_what_was_answered_is_refused() {
    let (directory, store) = fresh();
    put(&store, "a", "", "1");
    drop(store);
    let path = directory.path().join("store");
    let earlier = tempfile::tempdir().unwrap();
    copy_store(&path, &earlier.path().join("store"));
    let store = Store::open(&options(&directory)).unwrap();
    put(&store, "b", "", "2");
    drop(store);
    std::fs::copy(path.join("durable"), earlier.path().join("store/durable")).unwrap();
    let refused = Store::open(&options(&earlier)).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
    assert!(
        refused.to_string().contains("writes up to number 2 were answered, those after 1 are gone"),
        "{refused}"
    );

    // Nothing at all beside a mark is no new store either.
    let empty = tempfile::tempdir().unwrap();
    copy_store(&path, &empty.path().join("store"));
    std::fs::remove_file(empty.path().join("store/db")).unwrap();
    for entry in empty.path().join("store").read_dir().unwrap() {
        let file = entry.unwrap().path();
        if file.file_name().unwrap().to_str().unwrap().starts_with("snap.") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let refused = Store::open(&options(&empty)).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");

    // The way on with what is left is the operator's to take.
    std::fs::remove_file(earlier.path().join("store/durable")).unwrap();
    let store = Store::open(&options(&earlier)).unwrap();
    assert_eq!(page(&store, None, (0, 9), false), ["1"]);
}

const USERS: usize = 60;

fn name(number: usize) -> String {
    format!("user{number:02}")
}

fn content(number: usize) -> String {
    // Long ones lie in pieces; all together fill several of the engine's segments.
    format!("{number} ").repeat(if number.is_multiple_of(2) { 9_000 } else { 200 } + number * 7)
}

#[expect(clippy::print_stdout, reason = "whoever lets this run long wants to know what it did")]
fn report(rounds: u32, (refused, noticed, harmless): (u32, u32, u32)) {
    println!(
        "{rounds} bits turned: {refused} starts refused, {noticed} noticed at reads, {harmless} harmless"
    );
}

/// Reads everything in every way; how many reads failed, or what was shown that was never written.
fn wrong_or_noticed(store: &Store) -> Result<usize, String> {
    let mut noticed = 0;
    if store.user_count() != USERS {
        return Err(format!("{} users are counted", store.user_count()));
    }
    for number in 0..USERS {
        // A damaged page may make the engine panic; the caller gets an error, or loses his connection.
        let read = catch_unwind(AssertUnwindSafe(|| store.user_document(&name(number))));
        match read {
            Ok(Ok(Some(found))) if found.stored().json() == content(number).as_bytes() => {}
            Ok(Ok(Some(_))) => return Err(format!("{} is another", name(number))),
            Ok(Ok(None)) => return Err(format!("{} is gone without a word", name(number))),
            Ok(Err(_)) | Err(_) => noticed += 1,
        }
    }
    for role in [None, Some("r")] {
        let expected: Vec<usize> = (0..USERS).filter(|number| role.is_none() || number % 3 == 0).collect();
        let window = Window { offset: 0, limit: USERS, descending: true };
        let read = catch_unwind(AssertUnwindSafe(|| store.users_page(role, None, window)));
        let Ok(Ok(page)) = read else {
            noticed += 1;
            continue;
        };
        let shown = documents(&page.parts).into_iter().map(<[u8]>::to_vec);
        if !shown.eq(expected.into_iter().rev().map(|number| content(number).into_bytes())) {
            return Err(format!("the page of {role:?} is another"));
        }
    }
    Ok(noticed)
}

fn copy_store(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o700)).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Turns a bit of one of the engine's files, of each as often as it is large; says which.
fn turn_bit(store: &Path, random: u64) -> String {
    let mut files: Vec<_> = store.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    // Behind the last byte that is not zero nothing was written yet.
    let used = |path: &Path| {
        std::fs::read(path).unwrap().iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
    };
    let sizes: Vec<usize> = files.iter().map(|path| used(path)).collect();
    let mut at = usize::try_from(random >> 3).unwrap() % sizes.iter().sum::<usize>();
    let (mut file, mut size) = (0, sizes[0]);
    while at >= size {
        at -= size;
        file += 1;
        size = sizes[file];
    }
    let mut bytes = std::fs::read(&files[file]).unwrap();
    bytes[at] ^= 1 << (random % 8);
    std::fs::write(&files[file], bytes).unwrap();
    format!("bit {} of byte {at} of {}", random % 8, files[file].file_name().unwrap().display())
}

#[test]
fn a_data_file_that_is_none_is_refused_with_a_way_back() {
    let directory = tempfile::tempdir().unwrap();
    let (from, store) = fresh();
    put(&store, "a", "", &"x".repeat(2000));
    drop(store);
    drop(Store::open(&options(&from)).unwrap());
    copy_store(&from.path().join("store"), &directory.path().join("store"));
    for entry in directory.path().join("store").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("snap.") {
            std::fs::write(path, [0x55; 200]).unwrap();
        }
    }
    let refused = Store::open(&options(&directory)).unwrap_err();
    assert!(refused.to_string().contains("restore the last backup"), "{refused}");
    assert!(File::open(directory.path().join("store/db")).is_ok(), "nothing was deleted");
}

#[test]
fn names_too_long_for_a_key_are_refused_and_long_ones_taken() {
    let (_directory, store) = fresh();
    let long = "ü".repeat(1500);
    put(&store, &long, &long, "x");
    assert_eq!(json(&store, &long).unwrap(), "x");
    let longer = "x".repeat(4000);
    let refused = store.write_blocking(move |txn| stage(txn, &longer, "", &body("x")));
    assert!(matches!(refused, Err(crate::error::Error::Invalid(_))));
}
