//! What must hold of the directory before the engine may touch it: ours alone, closed to others, without the
//! leftovers that keep the engine from opening.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::disk;
use super::open::OpenError;

/// The file whose lock says that the store is in use.
const LOCK: &str = "lock";
/// The file that is there while the store is being restored.
const RESTORING: &str = "restoring";
/// What nobody but the owner may do.
const OTHERS: u32 = 0o077;

/// Makes every file that this process creates from now on the owner's alone. The engine names no mode for its
/// files, so only the process's mask can.
pub(super) fn close_new_files_to_others() {
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(OTHERS));
}

/// Creates the directory, or checks the one that is there. Says whether the store is new.
pub(super) fn prepare(store: &Path, require_data: bool) -> Result<bool, OpenError> {
    let fail = |source| OpenError::io(store, source);
    let new = !disk::has_data(store);
    if new && require_data {
        return Err(OpenError::Empty { path: store.into() });
    }
    if store.exists() {
        check_modes(store)?;
    } else {
        DirBuilder::new().recursive(true).mode(0o700).create(store).map_err(fail)?;
    }
    Ok(new)
}

/// Refuses a directory or files that others may read or write.
fn check_modes(store: &Path) -> Result<(), OpenError> {
    check_mode(store)?;
    for entry in store.read_dir().map_err(|source| OpenError::io(store, source))? {
        check_mode(&entry.map_err(|source| OpenError::io(store, source))?.path())?;
    }
    Ok(())
}

fn check_mode(path: &Path) -> Result<(), OpenError> {
    let mode = match path.metadata() {
        Ok(found) => found.permissions().mode() & 0o777,
        // The files of a store that is being opened elsewhere come and go; the lock will tell.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(OpenError::io(path, source)),
    };
    if mode & OTHERS == 0 { Ok(()) } else { Err(OpenError::TooOpen { path: path.into(), mode }) }
}

/// File systems of other machines by their numbers (statfs(2)): their locks and syncs promise too little.
const NETWORKS: [(u64, &str); 10] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x7375_7245, "Coda"),
    (0x0bd0_0bd0, "Lustre"),
    (0x0116_1970, "GFS2"),
    (0x4750_4653, "GPFS"),
];

/// Refuses a directory of another machine.
pub(super) fn refuse_network(store: &Path) -> Result<(), OpenError> {
    let found = rustix::fs::statfs(store).map_err(|why| OpenError::io(store, why.into()))?;
    match network(u64::try_from(found.f_type).unwrap_or_default()) {
        Some(kind) => Err(OpenError::Network { path: store.into(), kind }),
        None => Ok(()),
    }
}

/// The name of a file system of other machines.
fn network(number: u64) -> Option<&'static str> {
    // The kernel's numbers have 32 bits, the type that holds them may be signed.
    let number = number & 0xffff_ffff;
    NETWORKS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Refuses a store of another user: an administrator's files among the server's would lock the server out.
///
/// # Errors
/// When its directory is there and has another owner, or cannot be looked at.
pub fn check_owner(store: &Path) -> Result<(), OpenError> {
    let owner = match store.metadata() {
        Ok(found) => found.uid(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(OpenError::io(store, source)),
    };
    if owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(OpenError::NotOurs { path: store.into(), owner })
}

/// Takes the store for this process; it is free again when the file is closed.
pub(super) fn lock(store: &Path) -> Result<File, OpenError> {
    let path = store.join(LOCK);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|source| OpenError::io(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: store.into() }),
        Err(TryLockError::Error(source)) => Err(OpenError::io(&path, source)),
    }
}

/// Notes, on the disk, that what comes is a restore.
pub(super) fn begin_restore(store: &Path) -> io::Result<()> {
    File::create(store.join(RESTORING))?.sync_all()?;
    disk::sync_directory(store)
}

/// Whether a restore began that did not end.
pub(super) fn is_being_restored(store: &Path) -> bool {
    store.join(RESTORING).exists()
}

/// Notes, on the disk, that the restore is done.
pub(super) fn end_restore(store: &Path) -> io::Result<()> {
    std::fs::remove_file(store.join(RESTORING))?;
    disk::sync_directory(store)
}

/// Removes snapshots that were not finished: the engine would take them for whole ones and never open again.
/// Only under the lock, else another process may just be writing one.
pub(super) fn remove_half_snapshots(store: &Path) -> io::Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    for entry in store.read_dir()? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(entry.path())?;
            removed.push(entry.path());
        }
    }
    Ok(removed)
}

/// How many pages lie outside the data file, where the engine does not sync them. None do as long as
/// names have sensible lengths.
pub(super) fn unsynced_pages(store: &Path) -> io::Result<usize> {
    match store.join("blobs").read_dir() {
        Ok(pages) => Ok(pages.count()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn what_others_may_read_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let store = parent.path().join("store");
        assert!(prepare(&store, false).unwrap());
        assert_eq!(store.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        File::create(store.join("db")).unwrap();
        for (file, mode, refused) in [
            ("db", 0o600, false),
            ("db", 0o640, true),
            ("db", 0o604, true),
            ("db", 0o400, false),
            ("", 0o750, true),
        ] {
            let path = if file.is_empty() { store.clone() } else { store.join(file) };
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let outcome = prepare(&store, false);
            assert_eq!(matches!(outcome, Err(OpenError::TooOpen { .. })), refused, "{file} {mode:o}");
        }
    }

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        let ext4 = 0xef53;
        assert_eq!(network(ext4), None);
        assert_eq!(network(0x6969), Some("NFS"));
        assert_eq!(network(0xff53_4d42), Some("CIFS"));
        assert_eq!(network(0xffff_ffff_ff53_4d42), Some("CIFS"), "as a negative number");
        refuse_network(tempfile::tempdir().unwrap().path()).unwrap();
    }

    #[test]
    fn a_store_of_another_user_is_refused_and_an_absent_one_is_not() {
        let store = tempfile::tempdir().unwrap();
        check_owner(store.path()).unwrap();
        check_owner(&store.path().join("absent")).unwrap();
        // Only an administrator can give a directory away.
        if std::os::unix::fs::chown(store.path(), Some(4711), None).is_ok() {
            assert!(matches!(check_owner(store.path()), Err(OpenError::NotOurs { owner: 4711, .. })));
        }
    }

    #[test]
    fn where_data_is_required_nothing_is_created() {
        let parent = tempfile::tempdir().unwrap();
        let store = parent.path().join("store");
        assert!(matches!(prepare(&store, true), Err(OpenError::Empty { .. })));
        assert!(!store.exists());
    }

    #[test]
    fn a_store_is_locked_once() {
        let store = tempfile::tempdir().unwrap();
        let held = lock(store.path()).unwrap();
        assert!(matches!(lock(store.path()), Err(OpenError::InUse { .. })));
        drop(held);
        assert!(lock(store.path()).is_ok());
    }

    #[test]
    fn only_unfinished_snapshots_are_removed() {
        let store = tempfile::tempdir().unwrap();
        for name in ["snap.0000.generating", "snap.0000", "db", "x.generating"] {
            File::create(store.path().join(name)).unwrap();
        }
        let removed = remove_half_snapshots(store.path()).unwrap();
        assert_eq!(removed, [store.path().join("snap.0000.generating")]);
        assert_eq!(store.path().read_dir().unwrap().count(), 3);
    }
}
