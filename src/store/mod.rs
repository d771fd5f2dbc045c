//! The durable embedded store: an ordered map of bytes on disk, behind which nothing of the engine
//! (sled) shows.
//!
//! ```text
//! handle   Store: open, write, close; health says how it fares
//! open     the guards around the engine's start        guards, disk   directory, lock, free space
//! mark     which write was durable last, beside the engine
//! committer  the one thread that writes: group commit  txn            what a write sees and stages
//! shared   the durable read and the commit
//! view     what readers may see: only what is synced   directory, cache, pages, shelf
//! tree     the engine: values, chunks, batches         keys, record, compression   what stands in them
//! listing  windows and searches of users
//! journal  all or nothing over many groups
//! users    the users' view of all this                 accounts, things  which bytes stand for what
//! members  who refers to which group and folder
//! snapshot everything at one moment                    backup, restore, check  what is done with it
//! moment   what is shown of it, for dumps
//! ```
//!
//! # What a reader sees
//!
//! A write is answered after it is synced to disk, and **no reader sees it earlier**: documents come from
//! the cache, the page directory and the shelves, which the committer changes after the sync; a reader that must
//! go to the engine meanwhile gets the value that stood there before the group under way began. After a failed sync readers go on seeing what was durable before it. After its answer a
//! write is seen by every later read. Several reads are not one moment: a page is a window of the
//! names at one moment, and a user removed before its document is fetched is left out of it.
//!
//! # What a crash leaves
//!
//! Everything that was answered with success; of the groups under way, either all or nothing. A store whose files
//! lost what was answered, by damage that the engine takes for such a group, is refused.

mod accounts;
mod backup;
mod cache;
mod check;
mod committer;
mod compression;
mod directory;
mod disk;
mod fault;
mod guards;
mod handle;
mod health;
mod journal;
mod keys;
mod listing;
mod mark;
mod members;
mod moment;
mod open;
mod pages;
mod record;
mod restore;
mod shared;
mod shelf;
mod snapshot;
mod things;
mod tree;
mod txn;
mod users;
mod view;

pub use accounts::{HiddenOfUser, decode_user, encode_user};
pub use backup::{BackupError, BackupHeader, BackupSummary, BadBackup, verify_backup};
pub use cache::{Document, Stored};
pub use check::Checked;
pub use guards::check_owner;
pub use handle::Store;
pub use health::Health;
pub use keys::{Entry, Kind, pair, pair_prefix};
pub use listing::{Glance, GroupGlance, Look, Piece, UsersPage};
pub use members::Membership;
pub use moment::{Moment, MomentUsers, StoredUsers};
pub use open::{OpenError, StoreOptions};
pub use pages::PagePart;
pub use record::{Body, Damaged, Decode, Encode, Record, decode_private, encode_private};
pub use restore::RestoreError;
pub use shelf::{OnShelf, Shelf, Shelved};
pub use things::Shelves;
pub use txn::Txn;
pub use users::{Versioned, Whole, Window};

#[cfg(test)]
mod tests;
