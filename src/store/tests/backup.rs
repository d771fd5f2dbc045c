//! A backup comes back exactly as it was, or not at all.

use std::io::Cursor;

use tempfile::TempDir;

use super::super::open::Purpose;
use super::super::{BadBackup, Kind, OpenError, RestoreError, Store, keys, verify_backup};
use super::{body, delete, everything, fresh, json, options, page, stage};
use crate::domain::time::UnixMillis;
use crate::error::Error;

const NOW: UnixMillis = UnixMillis::new(1_795_000_000_000);

/// A store with a bit of everything, long values and names that are no ordinary text among it.
fn filled() -> (TempDir, Store) {
    let (directory, store) = fresh();
    store
        .write_blocking(|txn| {
            for (name, role, size) in [("b", "", 10), ("a\"\n", "r", 9_000), ("é\u{2028}", "r", 70_000)] {
                txn.next_user_id()?;
                stage(txn, name, role, &body(format!(r#"{{"role":"{role}","t":"{}"}}"#, "x".repeat(size))))?;
            }
            txn.next_id(Kind::Role)?;
            txn.put(Kind::ApiKeyOwner, &[0, 1, 0xff], Vec::new())?;
            txn.put(Kind::Setting, b"k", b"value\n".to_vec())
        })
        .unwrap();
    (directory, store)
}

fn backup(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    let summary = store.backup(NOW, &mut file, &mut |_| {}).unwrap();
    assert_eq!(verify_backup(file.as_slice(), &mut |_| {}).unwrap(), summary);
    file
}

fn restore(directory: &TempDir, file: &[u8]) -> Result<(), RestoreError> {
    Store::restore(&options(directory), NOW, Cursor::new(file), &mut |_| {}).map(drop)
}

#[test]
fn a_backup_comes_back_byte_for_byte() {
    let (_from, store) = filled();
    delete(&store, "b");
    let file = backup(&store);
    let directory = tempfile::tempdir().unwrap();
    restore(&directory, &file).unwrap();
    let restored = Store::open(&options(&directory)).unwrap();
    let without_marks = |store: &Store| {
        let mut all = everything(store);
        all.remove(keys::REVISION).unwrap();
        all
    };
    assert_eq!(without_marks(&restored), without_marks(&store));
    assert_eq!(page(&restored, Some("r"), (0, 9), false), page(&store, Some("r"), (0, 9), false));
    assert_eq!(restored.write_blocking(|txn| txn.next_in(keys::USER_META)).unwrap(), 4, "ids go on");
    assert!(
        restored.health().revision > store.health().revision + 1_000_000,
        "no revision given out after the backup is given out again"
    );
    let again = backup(&restored);
    let entries = |file: &[u8]| -> Vec<String> {
        let text = String::from_utf8(file.to_vec()).unwrap();
        text.lines()
            .skip(1)
            .filter(|line| !line.contains("last id") && !line.contains("sha256"))
            .map(Into::into)
            .collect()
    };
    assert_eq!(entries(&again), entries(&file));
}

#[test]
fn the_first_line_says_what_it_is() {
    let (_from, store) = filled();
    let file = String::from_utf8(backup(&store)).unwrap();
    let first = file.lines().next().unwrap();
    let begin = concat!(
        r#"{"usersd_backup":1,"server":""#,
        env!("CARGO_PKG_VERSION"),
        r#"","taken_at":"2026-11-18T11:06:40Z","revision":1,"users":3,"keys":"the signing key"#
    );
    assert!(first.starts_with(begin), "{first}");
}

#[test]
fn many_entries_are_restored_in_several_writes() {
    let (_from, store) = fresh();
    store
        .write_blocking(|txn| {
            (0..2500).try_for_each(|number| {
                stage(txn, &format!("{number}"), "", &body(format!("{{\"n\":{number}}}")))
            })
        })
        .unwrap();
    let (directory, file) = (tempfile::tempdir().unwrap(), backup(&store));
    let mut told = Vec::new();
    Store::restore(&options(&directory), NOW, Cursor::new(&file), &mut |entries| told.push(entries)).unwrap();
    assert!(told.len() > 1 && told.is_sorted(), "{told:?}");
    let restored = Store::open(&options(&directory)).unwrap();
    assert_eq!(restored.user_count(), 2500);
    assert_eq!(json(&restored, "2499").unwrap(), r#"{"n":2499}"#);
}

#[test]
fn a_backup_that_is_cut_or_changed_anywhere_is_refused_and_nothing_is_written() {
    let (_from, store) = fresh();
    store
        .write_blocking(|txn| {
            txn.next_user_id()?;
            stage(txn, "ada", "", &body(r#"{"id":1}"#))?;
            txn.put(Kind::Setting, b"k", b"v".to_vec())
        })
        .unwrap();
    let file = backup(&store);
    let directory = tempfile::tempdir().unwrap();
    for length in 0..file.len() {
        let refused = restore(&directory, &file[..length]);
        assert!(matches!(refused, Err(RestoreError::Backup(_))), "cut to {length}: {refused:?}");
    }
    for at in 0..file.len() {
        for bit in [0, 3, 6] {
            let mut changed = file.clone();
            changed[at] ^= 1 << bit;
            let refused = restore(&directory, &changed);
            assert!(matches!(refused, Err(RestoreError::Backup(_))), "byte {at}, bit {bit}: {refused:?}");
        }
    }
    let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    for missing in 0..lines.len() {
        let rest: Vec<u8> =
            (0..lines.len()).filter(|line| *line != missing).flat_map(|line| lines[line].to_vec()).collect();
        assert!(matches!(restore(&directory, &rest), Err(RestoreError::Backup(_))), "line {missing}");
    }
    let longer = [file.as_slice(), b"{}\n"].concat();
    assert!(matches!(restore(&directory, &longer), Err(RestoreError::Backup(BadBackup::Line { .. }))));
    assert!(!options(&directory).path.exists(), "nothing was made");
    restore(&directory, &file).unwrap();
}

#[test]
fn other_files_and_newer_versions_are_told_apart() {
    let verify = |text: &str| verify_backup(text.as_bytes(), &mut |_| {}).unwrap_err();
    for text in ["", "PK\u{3}\u{4}", "{}\n", "# settings\n", "{\"users\":[]}\n"] {
        assert!(matches!(verify(text), BadBackup::NotOne), "{text:?}: {:?}", verify(text));
    }
    assert!(matches!(verify("{\"usersd_backup\":2,\"new\":1}\n"), BadBackup::Version(2)));
    assert!(matches!(verify("{\"error\":\"no\"}\n"), BadBackup::Told(why) if why == "no"));
}

#[test]
fn only_an_empty_store_is_filled() {
    let (from, store) = filled();
    let file = backup(&store);
    let before = everything(&store);
    assert!(matches!(restore(&from, &file), Err(RestoreError::NotEmpty { .. })));
    assert_eq!(everything(&store), before);
    drop(store);
    assert!(matches!(restore(&from, &file), Err(RestoreError::NotEmpty { .. })));
    assert_eq!(everything(&Store::open(&options(&from)).unwrap()), before);
}

#[test]
fn a_restore_that_was_cut_off_leaves_nothing_that_opens() {
    let (directory, store) = fresh();
    store.write_blocking(|txn| txn.stage(keys::RESTORING.to_vec(), Some(Vec::new()))).unwrap();
    drop(store);
    let refused = Store::open(&options(&directory)).unwrap_err();
    assert!(matches!(refused, OpenError::HalfRestored { .. }), "{refused}");
    assert!(refused.to_string().contains("restore again"), "{refused}");
}

#[test]
fn a_restore_that_was_cut_off_before_its_first_write_leaves_no_empty_store() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open_for(&options(&directory), Purpose::Restore).unwrap());
    for is_there in [true, false] {
        let refused = Store::open(&options(&directory)).unwrap_err();
        assert!(matches!(refused, OpenError::HalfRestored { .. }), "{refused}");
        if is_there {
            // Killed even earlier: before the engine had made its file.
            std::fs::remove_file(options(&directory).path.join("db")).unwrap();
        }
    }
    let (_from, store) = filled();
    let whole = tempfile::tempdir().unwrap();
    restore(&whole, &backup(&store)).unwrap();
    assert!(!options(&whole).path.join("restoring").exists());
}

#[test]
fn a_damaged_record_is_no_part_of_a_backup() {
    let (directory, store) = filled();
    drop(store);
    let engine = super::engine(directory.path().join("store"));
    let other = engine.get("\u{2}b").unwrap().unwrap();
    engine.insert("\u{2}bb", other).unwrap();
    drop(engine);
    let store = Store::open(&options(&directory)).unwrap();
    let mut file = Vec::new();
    let refused = store.backup(NOW, &mut file, &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("user \"bb\" is damaged"), "{refused}");
    assert!(matches!(verify_backup(file.as_slice(), &mut |_| {}), Err(BadBackup::Cut { .. })));
    delete(&store, "bb");
    backup(&store);
}

#[test]
fn a_backup_that_cannot_be_written_says_so() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (_from, store) = filled();
    let refused = store.backup(NOW, &mut Full(1000), &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("cannot be written"), "{refused}");
    let refused: Result<(), Error> = store.write_blocking(|txn| txn.put(Kind::Setting, b"k", vec![1]));
    assert!(refused.is_ok(), "the store does not mind");
}
