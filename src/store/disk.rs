//! What we ask of the file system ourselves: syncs that the engine does not do, free space, and a reserve to
//! open with when the disk is full.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, fstatvfs, statvfs};
use rustix::io::Errno;

/// The engine's data file inside the store's directory.
const DATA: &str = "db";
/// The file that keeps room for a start on a full disk.
const RESERVE: &str = "reserve";
/// Below this and [`LOW_PERCENT`] the store takes no writes.
const LOW_BYTES: u64 = 256 << 20;
const LOW_PERCENT: u64 = 5;
/// Below this it takes none, however small the disk is: a group under way must find room.
const LEAST_BYTES: u64 = 8 << 20;

/// Our own handle of the engine's data file.
#[derive(Debug)]
pub(super) struct Disk {
    data: File,
    #[cfg(test)]
    pub(super) broken: std::sync::atomic::AtomicBool,
}

impl Disk {
    /// Opens the data file of a store a second time.
    pub(super) fn open(store: &Path) -> io::Result<Self> {
        Ok(Self {
            data: OpenOptions::new().read(true).write(true).open(store.join(DATA))?,
            #[cfg(test)]
            broken: std::sync::atomic::AtomicBool::new(false),
        })
    }

    /// Returns when the data file's bytes are on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.broken.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.data.sync_data()
    }

    /// How much room the disk has.
    pub(super) fn space(&self) -> io::Result<Space> {
        Ok(Space::from(fstatvfs(&self.data)?))
    }
}

/// The room on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    /// All of it.
    pub(super) total: u64,
    /// What may still be taken.
    pub(super) free: u64,
}

impl From<rustix::fs::StatVfs> for Space {
    fn from(found: rustix::fs::StatVfs) -> Self {
        Self {
            total: found.f_blocks.saturating_mul(found.f_frsize),
            free: found.f_bavail.saturating_mul(found.f_frsize),
        }
    }
}

impl Space {
    /// Whether so little is left that writing must end while there is still room to start again.
    pub(super) fn is_low(self) -> bool {
        let is_small_share = u128::from(self.free) * 100 < u128::from(self.total) * u128::from(LOW_PERCENT);
        self.free < LEAST_BYTES || (self.free < LOW_BYTES && is_small_share)
    }
}

/// Whether the store's data file is there already.
pub(super) fn has_data(store: &Path) -> bool {
    store.join(DATA).exists()
}

/// The size of the data file; 0 when there is none.
pub(super) fn data_bytes(store: &Path) -> io::Result<u64> {
    match store.join(DATA).metadata() {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Syncs a directory's entries.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Gives the reserve up when less than its size is left: the engine must write to open. Says whether it did.
pub(super) fn give_up_reserve_when_full(store: &Path) -> io::Result<bool> {
    let reserve = store.join(RESERVE);
    let size = match reserve.metadata() {
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if Space::from(statvfs(store)?).free >= size {
        return Ok(false);
    }
    std::fs::remove_file(reserve)?;
    Ok(true)
}

/// Keeps so many bytes of the disk for a start when it is full; 0 keeps none. Does nothing when they are kept
/// already, or when there is too little room to begin with.
pub(super) fn keep_reserve(store: &Path, bytes: u64) -> io::Result<()> {
    let reserve = store.join(RESERVE);
    let kept = reserve.metadata().map_or(0, |found| found.len());
    if kept == bytes {
        return Ok(());
    }
    if kept > 0 || reserve.exists() {
        std::fs::remove_file(&reserve)?;
    }
    let space = Space::from(statvfs(store)?);
    if bytes == 0 || space.free < bytes || (Space { free: space.free - bytes, ..space }).is_low() {
        return Ok(());
    }
    let filled = fill(&reserve, bytes);
    if filled.is_err() && reserve.exists() {
        std::fs::remove_file(&reserve)?;
    }
    filled
}

fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => {}
        // Not every file system can: then the bytes are written.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            let block = vec![0; 1 << 16];
            let mut left = bytes;
            while left > 0 {
                let part = usize::try_from(left).map_or(block.len(), |left| left.min(block.len()));
                file.write_all(&block[..part])?;
                left -= part as u64;
            }
        }
        Err(error) => return Err(error.into()),
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn low_means_little_in_share_and_in_bytes() {
        const GIB: u64 = 1 << 30;
        for (total, free, low) in [
            (100 * GIB, 6 * GIB, false),
            (100 * GIB, GIB, false),
            (100 * GIB, LOW_BYTES - 1, true),
            (GIB, LOW_BYTES - 1, false),
            (GIB, GIB / 20 - 1, true),
            (64 << 20, LEAST_BYTES, false),
            (64 << 20, LEAST_BYTES - 1, true),
            (1 << 20, 1 << 20, true),
            (u64::MAX, 0, true),
        ] {
            assert_eq!(Space { total, free }.is_low(), low, "{free} of {total}");
        }
    }

    #[test]
    fn the_reserve_holds_real_blocks_and_follows_its_setting() {
        let directory = tempfile::tempdir().unwrap();
        let reserve = directory.path().join(RESERVE);
        keep_reserve(directory.path(), 1 << 20).unwrap();
        assert!(reserve.metadata().unwrap().blocks() * 512 >= 1 << 20);
        keep_reserve(directory.path(), 1 << 16).unwrap();
        assert_eq!(reserve.metadata().unwrap().len(), 1 << 16);
        assert!(!give_up_reserve_when_full(directory.path()).unwrap(), "the disk is not full");
        keep_reserve(directory.path(), 0).unwrap();
        assert!(!reserve.exists());
    }

    #[test]
    fn a_reserve_larger_than_what_is_left_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        // A file with a hole takes no room, so it can be larger than the disk.
        File::create(directory.path().join(RESERVE)).unwrap().set_len(1 << 42).unwrap();
        assert!(give_up_reserve_when_full(directory.path()).unwrap());
        assert!(!directory.path().join(RESERVE).exists());
        keep_reserve(directory.path(), u64::MAX).unwrap();
        assert!(!directory.path().join(RESERVE).exists(), "no room, no reserve");
    }
}
