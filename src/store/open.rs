//! Opening: every guard in its order, then the engine, then what readers need in memory. Fails with
//! a sentence an operator can act on; nothing is created where data was required.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::disk::{self, Disk};
use super::fault::Fault;
use super::mark::{Mark, Marked};
use super::tree::{Change, Found, Tree};
use super::{guards, journal, keys, mark, view};

/// The version of the layout of keys and values.
const FORMAT: u8 = 1;
/// The engine's page cache at least, when nobody says how large it shall be.
const LEAST_CACHE: u64 = 1 << 30;
/// How long the engine's own lock may outlast a handle that was dropped in this process.
const ENGINE_LOCK_WAIT: Duration = Duration::from_secs(3);

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The store's directory; created with mode 0700 when it is not there.
    pub path: PathBuf,
    /// The engine's page cache; without one, twice the data file, at least 1 GiB. One that does not hold the users
    /// makes every miss of the document cache several times slower.
    pub engine_cache_bytes: Option<u64>,
    /// The cache of the users' documents.
    pub document_cache_bytes: u64,
    /// Refuse to start with nothing in the store: a volume may not be mounted.
    pub require_data: bool,
    /// Kept free for a start on a full disk; 0 keeps nothing.
    pub reserve_bytes: u64,
}

impl StoreOptions {
    /// The usual sizes: what the data need for the engine, 256 MiB for documents, 64 MiB in reserve.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            engine_cache_bytes: None,
            document_cache_bytes: 256 << 20,
            require_data: false,
            reserve_bytes: 64 << 20,
        }
    }
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another handle in this one, has it open.
    #[error("the store at {} is in use by another process", path.display())]
    InUse {
        /// The store.
        path: PathBuf,
    },
    /// Somebody else may read or change it.
    #[error(
        "{} is open to others (mode {mode:o}); it holds password hashes: `chmod go= {}` closes it",
        path.display(), path.display()
    )]
    TooOpen {
        /// The directory or file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There is nothing in it although data is required.
    #[error("the store at {} is empty, and data is required: is its volume mounted?", path.display())]
    Empty {
        /// The store.
        path: PathBuf,
    },
    /// Another version of this program wrote it.
    #[error(
        "the store at {} has format {found}, this program knows formats up to {FORMAT}: start the version that wrote it",
        path.display()
    )]
    UnknownFormat {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// A restore was cut off: what is there is a part of a backup.
    #[error(
        "the store at {} holds a part of a backup, its restore was not finished: empty it and restore again",
        path.display()
    )]
    HalfRestored {
        /// The store.
        path: PathBuf,
    },
    /// Its files belong to somebody else: what is made beside them could not be read by the server.
    #[error(
        "the store at {} belongs to the user with number {owner}: run this as that user (`setpriv --reuid {owner} --clear-groups …`)",
        path.display()
    )]
    NotOurs {
        /// The store.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// It is where neither locks nor syncs can be trusted.
    #[error("the store at {} is on a network file system ({kind}): it must be on a disk of this machine", path.display())]
    Network {
        /// The store.
        path: PathBuf,
        /// Which.
        kind: &'static str,
    },
    /// The files are not what the engine wrote.
    #[error(
        "the store at {} is damaged and cannot be opened ({why}); keep a copy of the directory, \
         then restore the last backup into an empty one",
        path.display()
    )]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// The operating system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

impl OpenError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    pub(super) fn damaged(path: &Path, why: impl std::fmt::Display) -> Self {
        Self::Damaged { path: path.into(), why: why.to_string() }
    }
}

/// The store's directory and engine, open and checked.
pub(super) struct Opened {
    /// The engine.
    pub(super) tree: Tree,
    /// Our handle of its data file.
    pub(super) disk: Disk,
    /// The mark of the last durable write.
    pub(super) mark: Mark,
    /// The lock of the directory; closed last.
    pub(super) lock: File,
    /// What the engine's cache was set to.
    pub(super) engine_cache_bytes: u64,
}

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be used as it is.
    Use,
    /// To be filled from a backup; until [`guards::end_restore`] it can be used for nothing else.
    Restore,
}

/// Opens the directory and the engine.
pub(super) fn open(options: &StoreOptions, purpose: Purpose) -> Result<Opened, OpenError> {
    let path = options.path.as_path();
    let io = |source| OpenError::io(path, source);
    guards::close_new_files_to_others();
    let new = guards::prepare(path, options.require_data)?;
    guards::refuse_network(path)?;
    let lock = guards::lock(path)?;
    match purpose {
        Purpose::Use if guards::is_being_restored(path) => {
            return Err(OpenError::HalfRestored { path: path.into() });
        }
        Purpose::Use => {}
        // Before the engine makes its files, which a kill would leave behind as an empty store.
        Purpose::Restore => guards::begin_restore(path).map_err(io)?,
    }
    for snapshot in guards::remove_half_snapshots(path).map_err(io)? {
        log::warn!("removed {}: the last start was interrupted", snapshot.display());
    }
    if disk::give_up_reserve_when_full(path).map_err(io)? {
        log::warn!("the disk of {} is full: the reserve was given up to start", path.display());
    }
    let engine_cache_bytes = match options.engine_cache_bytes {
        Some(bytes) => bytes,
        None => disk::data_bytes(path).map_err(io)?.saturating_mul(2).max(LEAST_CACHE),
    };
    let tree = Tree::new(start_engine(path, engine_cache_bytes)?);
    let disk = Disk::open(path).map_err(io)?;
    let mark = open_mark(path, &tree)?;
    check_format(path, &tree, &disk)?;
    if tree.read(keys::RESTORING).map_err(|fault| OpenError::damaged(path, fault))?.is_some() {
        return Err(OpenError::HalfRestored { path: path.into() });
    }
    let undone = journal::undo(&tree, &disk).map_err(|fault| OpenError::damaged(path, fault))?;
    if undone > 0 {
        log::warn!(
            "an import into {} was cut off: nothing of it is left ({undone} entries undone)",
            path.display()
        );
    }
    if new {
        disk::sync_directory(path).map_err(io)?;
        if let Some(parent) = path.canonicalize().map_err(io)?.parent() {
            disk::sync_directory(parent).map_err(|source| OpenError::io(parent, source))?;
        }
    }
    if options.require_data && !has_entries(path, &tree)? {
        return Err(OpenError::Empty { path: path.into() });
    }
    let outside = guards::unsynced_pages(path).map_err(io)?;
    if outside > 0 {
        log::error!("{outside} pages of {} lie outside its data file and are not synced", path.display());
    }
    if let Err(error) = disk::keep_reserve(path, options.reserve_bytes) {
        log::warn!("no room is kept in {} for a start on a full disk: {error}", path.display());
    }
    Ok(Opened { tree, disk, mark, lock, engine_cache_bytes })
}

/// Starts the engine, which may panic on damaged files.
fn start_engine(path: &Path, cache: u64) -> Result<sled::Db, OpenError> {
    let config = sled::Config::new().path(path).cache_capacity(cache);
    let since = Instant::now();
    loop {
        let error = match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(engine)) => return Ok(engine),
            Ok(Err(sled::Error::Io(error))) => error,
            Ok(Err(error)) => return Err(OpenError::damaged(path, error)),
            Err(panic) => return Err(OpenError::damaged(path, panic_text(panic.as_ref()))),
        };
        // The engine has no kind of its own for this; its words are pinned with its version.
        if !error.to_string().contains("could not acquire lock") {
            return Err(OpenError::io(path, error));
        }
        // We hold the directory's lock: a handle that was just dropped here may still be closing.
        if since.elapsed() > ENGINE_LOCK_WAIT {
            return Err(OpenError::InUse { path: path.into() });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}

/// Refuses a store that shows less than was answered: the engine takes damage in what was written last for a write
/// that was cut off.
fn open_mark(path: &Path, tree: &Tree) -> Result<Mark, OpenError> {
    let io = |source| OpenError::io(&path.join(mark::FILE), source);
    let damaged = |fault: Fault| OpenError::damaged(path, fault);
    let shown = match tree.read(keys::REVISION).map_err(damaged)? {
        Some(value) => view::number(keys::REVISION, &value).map_err(damaged)?,
        None => 0,
    };
    let (mark, marked) = Mark::open(path).map_err(io)?;
    match marked {
        Marked::Damaged => {
            return Err(OpenError::damaged(path, "its file `durable` is not what was written"));
        }
        Marked::Revision(durable) if durable > shown => {
            let why = format!("writes up to number {durable} were answered, those after {shown} are gone");
            return Err(OpenError::damaged(path, why));
        }
        Marked::Revision(durable) if durable == shown => {}
        Marked::Revision(_) | Marked::Nothing => {
            mark.set(shown).map_err(io)?;
            mark.sync().map_err(io)?;
        }
    }
    Ok(mark)
}

/// Marks a new store with our format, and refuses any other.
fn check_format(path: &Path, tree: &Tree, disk: &Disk) -> Result<(), OpenError> {
    let damaged = |fault: Fault| OpenError::damaged(path, fault);
    match tree.read(keys::FORMAT).map_err(damaged)? {
        Some(found) if *found == [FORMAT] => Ok(()),
        Some(found) => Err(OpenError::UnknownFormat { path: path.into(), found: format!("{:?}", &*found) }),
        None if tree.scan_prefix(b"").next().is_some() => {
            Err(OpenError::UnknownFormat { path: path.into(), found: "none of ours".into() })
        }
        None => {
            let change = Change { old: Found::default(), new: Some(vec![FORMAT].into()) };
            tree.apply(std::iter::once((keys::FORMAT, &change))).map_err(damaged)?;
            disk.sync().map_err(|source| OpenError::io(path, source))
        }
    }
}

/// Whether anything but the store's own marks is in it.
fn has_entries(path: &Path, tree: &Tree) -> Result<bool, OpenError> {
    match tree.scan(vec![keys::SYSTEM + 1]..).next() {
        None => Ok(false),
        Some(Ok(_)) => Ok(true),
        Some(Err(fault)) => Err(OpenError::damaged(path, fault)),
    }
}
