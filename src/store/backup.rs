//! A copy of everything at one moment, as lines of text, while the server runs or not: what stands in it, how it is
//! written and read again. The way back is `restore`.
//!
//! ```text
//! {"usersd_backup":1,"server":"0.1.0","taken_at":"…","revision":7,"users":1,"keys":"…"}
//! {"kind":"last id","key":"user","number":1}
//! {"kind":"user","key":"ada","revision":7,"private":"…","public":{"id":1,"username":"ada",…}}
//! {"kind":"api key entry","key_base64":"…","value":""}
//! {"records":3,"sha256":"…"}
//! ```
//!
//! One line for each entry, in the order of the keys: records taken apart into the JSON that is shown and, in base64,
//! what never is; other values in base64. What can be made from the records is left out. The last line counts
//! the lines before it and holds their checksum: a copy that is cut or changed anywhere is refused whole.
//! It holds password hashes and secrets, and is to be kept like the store itself.

mod line;
mod read;

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::line::encode;
pub use self::read::{BadBackup, verify_backup};
pub(super) use self::read::{Reader, user_meta};
use super::fault::Fault;
use super::handle::Store;
use super::keys;
use super::snapshot::Snapshot;
use crate::domain::time::UnixMillis;

/// The version of the format.
const VERSION: u32 = 1;
/// What is not in a backup, for whoever reads one.
const KEYS: &str = "the signing key of tokens and the master key of secrets are not in this file";

/// The first line of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHeader {
    #[serde(rename = "usersd_backup")]
    version: u32,
    /// The version of the program that wrote it.
    pub server: String,
    /// The moment it shows, RFC 3339.
    pub taken_at: String,
    /// The revision of the last write that it shows.
    pub revision: u64,
    /// How many users are in it.
    pub users: u64,
    /// What is kept elsewhere.
    pub keys: String,
}

/// The last line of a backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trailer {
    records: u64,
    sha256: String,
}

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSummary {
    /// What its first line says.
    pub header: BackupHeader,
    /// How many entries it has, users and others.
    pub records: u64,
}

/// Why no backup was made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something in the store cannot be read.
    #[error("{0}")]
    Store(String),
    /// The copy cannot be written.
    #[error("the backup cannot be written: {0}")]
    Write(#[from] io::Error),
}

impl From<Fault> for BackupError {
    fn from(fault: Fault) -> Self {
        Self::Store(fault.to_string())
    }
}

impl Store {
    /// Writes a copy of everything as it is now, while writes go on; `tick` hears how many entries are written.
    /// `now` is for the first line.
    ///
    /// # Errors
    /// When an entry is damaged or the copy cannot be written; what is written so far is no backup then, and
    /// says so by having no last line.
    pub fn backup(
        &self,
        now: UnixMillis,
        out: &mut dyn Write,
        tick: &mut dyn FnMut(u64),
    ) -> Result<BackupSummary, BackupError> {
        let mut snapshot = Snapshot::take(self);
        let header = BackupHeader {
            version: VERSION,
            server: env!("CARGO_PKG_VERSION").to_owned(),
            taken_at: jiff::Timestamp::from_millisecond(now.get()).unwrap_or_default().to_string(),
            revision: snapshot.revision(),
            users: snapshot.users() as u64,
            keys: KEYS.to_owned(),
        };
        let mut lines = Lines { out, hash: Sha256::new() };
        lines.write(&json(&header)?)?;
        let mut records = 0;
        loop {
            let piece = snapshot.piece()?;
            if piece.is_empty() {
                break;
            }
            for (key, value) in piece {
                let value = value?;
                if is_copied(&key) {
                    lines.write(&encode(&key, &value)?)?;
                    records += 1;
                }
            }
            tick(records);
        }
        let sha256 = hex::encode(lines.hash.clone().finalize());
        lines.write(&json(&Trailer { records, sha256 })?)?;
        lines.out.flush()?;
        Ok(BackupSummary { header, records })
    }
}

/// Whether an entry is in a backup: the store's own marks and what follows from the users' records are not.
fn is_copied(key: &[u8]) -> bool {
    match key.first() {
        Some(&keys::SYSTEM) => keys::range_of_last_id(key).is_some(),
        Some(&keys::USER_META) | None => false,
        Some(_) => true,
    }
}

/// Lines on their way out, counted into the checksum.
struct Lines<'o> {
    out: &'o mut dyn Write,
    hash: Sha256,
}

impl Lines<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        for part in [line, b"\n"] {
            self.hash.update(part);
            self.out.write_all(part)?;
        }
        Ok(())
    }
}

fn json(line: &impl Serialize) -> Result<Vec<u8>, BackupError> {
    serde_json::to_vec(line).map_err(|why| BackupError::Store(why.to_string()))
}
