//! The mark of the last durable write, in a small file of its own beside the engine's. The engine takes damage in
//! what was written last for a write that a crash cut off, and drops it without a word; a store that shows less
//! than its mark has lost writes that were answered.
//!
//! The mark is written when a group is on the disk and before the group is answered, so it never runs ahead of the
//! data. Its own sync comes once a second and at the end: a loss of power may leave an older mark, which
//! promises less, never more.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::disk;

/// The file's name.
pub(super) const FILE: &str = "durable";
/// What the file begins every slot with.
const TAG: [u8; 4] = *b"usrd";
/// Tag, revision and checksum.
const SLOT_BYTES: usize = 4 + 8 + 4;
/// Where the two slots begin, a sector each: a write that is torn, or damage, leaves the other one.
const SLOTS: [u64; 2] = [0, 512];
/// How long a written mark may wait for its sync while writes come.
const SYNC_AFTER: Duration = Duration::from_secs(1);

/// The file of the mark, open.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The slot of the next mark.
    next: usize,
    /// When the file was last synced.
    synced: Instant,
    /// Whether it was written since.
    written: bool,
}

/// What a store's mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marked {
    /// There is none: the store is new, or of a version that kept none.
    Nothing,
    /// Writes up to this revision were durable.
    Revision(u64),
    /// The file is no mark, or a damaged one.
    Damaged,
}

impl Mark {
    /// Opens the mark of a store, and makes the file where there is none.
    pub(super) fn open(store: &Path) -> io::Result<(Self, Marked)> {
        let path = store.join(FILE);
        let new = !path.exists();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        if new {
            disk::sync_directory(store)?;
        }
        let (marked, slot) = read(&file)?;
        let state = State { next: SLOTS.len() - 1 - slot, synced: Instant::now(), written: false };
        Ok((Self { file, state: Mutex::new(state) }, marked))
    }

    /// Marks writes up to this revision as durable, which they must be already.
    pub(super) fn set(&self, revision: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        self.file.write_all_at(&encode(revision), SLOTS[state.next])?;
        state.next = (state.next + 1) % SLOTS.len();
        state.written = true;
        Ok(())
    }

    /// Syncs the mark when it has waited long enough.
    pub(super) fn sync_when_due(&self) -> io::Result<()> {
        let is_due = {
            let state = self.state.lock();
            state.written && state.synced.elapsed() >= SYNC_AFTER
        };
        if is_due { self.sync() } else { Ok(()) }
    }

    /// Returns when the mark is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.written {
            self.file.sync_data()?;
            state.written = false;
        }
        state.synced = Instant::now();
        Ok(())
    }
}

/// What the slots say, and the slot of the newest mark.
fn read(file: &File) -> io::Result<(Marked, usize)> {
    let mut newest = None;
    for (slot, at) in SLOTS.into_iter().enumerate() {
        let mut bytes = [0; SLOT_BYTES];
        match file.read_exact_at(&mut bytes, at) {
            Ok(()) => newest = newest.max(decode(&bytes).map(|revision| (revision, slot))),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Ok(match newest {
        Some((revision, slot)) => (Marked::Revision(revision), slot),
        // A file of no bytes was made by a start that was cut off before its first mark.
        None if file.metadata()?.len() == 0 => (Marked::Nothing, SLOTS.len() - 1),
        None => (Marked::Damaged, 0),
    })
}

fn encode(revision: u64) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    bytes[..4].copy_from_slice(&TAG);
    bytes[4..12].copy_from_slice(&revision.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..12]);
    bytes[12..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; SLOT_BYTES]) -> Option<u64> {
    let (content, checksum) = bytes.split_last_chunk::<4>()?;
    let (tag, revision) = content.split_first_chunk::<4>()?;
    let is_whole = *tag == TAG && crc32c::crc32c(content) == u32::from_le_bytes(*checksum);
    let revision = u64::from_le_bytes(*revision.first_chunk()?);
    is_whole.then_some(revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(store: &Path) -> Marked {
        Mark::open(store).unwrap().1
    }

    #[test]
    fn the_newest_mark_is_found_again() {
        let store = tempfile::tempdir().unwrap();
        let (mark, found) = Mark::open(store.path()).unwrap();
        assert_eq!(found, Marked::Nothing);
        assert_eq!(marked(store.path()), Marked::Nothing, "a file that was made and not written is none");
        for revision in [1, 2, 3, 1 << 40] {
            mark.set(revision).unwrap();
            assert_eq!(marked(store.path()), Marked::Revision(revision));
        }
        mark.sync().unwrap();
        let (mark, found) = Mark::open(store.path()).unwrap();
        assert_eq!(found, Marked::Revision(1 << 40));
        mark.set((1 << 40) + 1).unwrap();
        assert_eq!(marked(store.path()), Marked::Revision((1 << 40) + 1));
    }

    #[test]
    fn a_turned_bit_leaves_the_mark_before_and_two_leave_none() {
        let store = tempfile::tempdir().unwrap();
        let (mark, _) = Mark::open(store.path()).unwrap();
        mark.set(7).unwrap();
        mark.set(8).unwrap();
        let path = store.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        for bit in 0..SLOT_BYTES * 8 {
            let mut turned = whole.clone();
            turned[512 + bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &turned).unwrap();
            let older = if marked(store.path()) == Marked::Revision(7) { 0 } else { 512 };
            turned[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &turned).unwrap();
            assert_eq!((older, marked(store.path())), (0, Marked::Damaged), "bit {bit}");
        }
    }
}
