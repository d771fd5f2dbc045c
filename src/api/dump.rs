//! The dump: every object of the server as one JSON object, in the form that SFTPGo writes and loads
//! (`contract/import.md` §2). Here is how it is written down and read; what becomes of it is
//! `service::moving`'s.

mod element;
mod file;
mod reader;
mod scan;
mod stream;
mod writer;

pub use self::file::{Contents, NameBelow, save, save_below};
pub use self::reader::{Dump, Source};
pub use self::stream::stream;
pub use self::writer::{Layout, Scopes, write};

/// The version of the form: that of SFTPGo 2.6.
pub(super) const VERSION: u32 = 16;
