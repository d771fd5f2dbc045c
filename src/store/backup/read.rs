//! Reading a backup, line by line. Nothing is given out that is not a whole line of the right kind in its place;
//! that nothing is missing and nothing was changed is known after the last line only.

use std::io::{self, BufRead, Read};

use sha2::{Digest, Sha256};

use super::super::keys;
use super::super::record::{Damaged, Record};
use super::super::view::Meta;
use super::line::decode;
use super::{BackupHeader, BackupSummary, Trailer, VERSION};

/// The longest line that is read: a damaged file must not ask for all memory.
const LONGEST_LINE: u64 = 128 << 20;
/// How the last line begins, and one in its place that says why there is none.
const TRAILER: &str = "{\"records\":";
const FAILED: &str = "{\"error\":";

/// Why a file is no backup that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BadBackup {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The first line is not that of a backup.
    #[error("it is not a backup of usersd")]
    NotOne,
    /// Another version wrote it.
    #[error("it has version {0}, this program knows versions up to {VERSION}: use the version that wrote it")]
    Version(u32),
    /// A line is not one.
    #[error("line {line} is damaged: {why}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The last line is missing.
    #[error("it is cut off after line {line}")]
    Cut {
        /// The last line there is.
        line: u64,
    },
    /// The last line counts other lines than there are.
    #[error("its lines are not those that were written: the checksum does not fit")]
    Changed,
    /// Whoever wrote it failed, and said so.
    #[error("{0}")]
    Told(String),
}

/// What the first line of any version holds.
#[derive(serde::Deserialize)]
struct Mark {
    usersd_backup: u32,
}

/// A key and its value, as they stand in the store.
pub(in crate::store) type Pair = (Vec<u8>, Vec<u8>);

/// The entries of a backup.
pub(in crate::store) struct Reader<R> {
    from: R,
    hash: Sha256,
    line: u64,
    last_key: Vec<u8>,
    text: Vec<u8>,
}

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    pub(in crate::store) fn open(from: R) -> Result<(Self, BackupHeader), BadBackup> {
        let mut reader = Self { from, hash: Sha256::new(), line: 0, last_key: Vec::new(), text: Vec::new() };
        reader.advance()?;
        let text = reader.text()?;
        if text.starts_with(FAILED) {
            return Err(told(text));
        }
        let mark: Mark = serde_json::from_str(text).map_err(|_| BadBackup::NotOne)?;
        if mark.usersd_backup != VERSION {
            return Err(BadBackup::Version(mark.usersd_backup));
        }
        let header = serde_json::from_str(text).map_err(|why| reader.wrong(why.to_string()))?;
        reader.count();
        Ok((reader, header))
    }

    /// The next key and value; none after the last, when all of them are known to be as they were written.
    pub(in crate::store) fn next(&mut self) -> Result<Option<Pair>, BadBackup> {
        self.advance()?;
        let text = self.text()?;
        if text.starts_with(TRAILER) {
            return self.finish().map(|()| None);
        }
        if text.starts_with(FAILED) {
            return Err(told(text));
        }
        let (key, value) = decode(text).map_err(|why| self.wrong(why))?;
        if key <= self.last_key {
            return Err(self.wrong("it is not in order".to_owned()));
        }
        self.last_key.clone_from(&key);
        self.count();
        Ok(Some((key, value)))
    }

    /// How many entries were read.
    pub(in crate::store) fn records(&self) -> u64 {
        self.line.saturating_sub(1)
    }

    fn advance(&mut self) -> Result<(), BadBackup> {
        self.text.clear();
        self.from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut self.text)?;
        if self.text.last() != Some(&b'\n') {
            let is_start = self.line == 0 && !self.text.starts_with(b"{\"usersd_backup\":");
            return Err(if is_start { BadBackup::NotOne } else { BadBackup::Cut { line: self.line } });
        }
        Ok(())
    }

    fn text(&self) -> Result<&str, BadBackup> {
        let line = &self.text[..self.text.len() - 1];
        std::str::from_utf8(line).map_err(|why| self.wrong(why.to_string()))
    }

    fn count(&mut self) {
        self.hash.update(&self.text);
        self.line += 1;
    }

    fn finish(&mut self) -> Result<(), BadBackup> {
        let trailer: Trailer =
            serde_json::from_str(self.text()?).map_err(|why| self.wrong(why.to_string()))?;
        let sha256 = hex::encode(self.hash.clone().finalize());
        if trailer.records != self.records() || trailer.sha256 != sha256 {
            return Err(BadBackup::Changed);
        }
        if !self.from.fill_buf()?.is_empty() {
            return Err(BadBackup::Line { line: self.line + 2, why: "it stands after the last".to_owned() });
        }
        Ok(())
    }

    fn wrong(&self, why: String) -> BadBackup {
        BadBackup::Line { line: self.line + 1, why }
    }
}

/// What a writer says that could not go on.
fn told(text: &str) -> BadBackup {
    #[derive(serde::Deserialize)]
    struct Told {
        error: String,
    }
    serde_json::from_str(text).map_or(BadBackup::NotOne, |Told { error }| BadBackup::Told(error))
}

/// The entry that the page directory needs beside a user's record; none for other kinds.
pub(in crate::store) fn user_meta(key: &[u8], value: &[u8]) -> Result<Option<Pair>, Damaged> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Role {
        role: String,
    }
    let Some((&keys::USER_DOCUMENT, name)) = key.split_first() else { return Ok(None) };
    let record = Record::decode(key, value)?;
    let Role { role } =
        serde_json::from_slice(&record.public).map_err(|why| Damaged::Public(why.to_string()))?;
    let length = u32::try_from(value.len()).map_err(|_| Damaged::Length)?;
    let meta = Meta { revision: record.revision, length, role };
    Ok(Some((keys::key(keys::USER_META, name), meta.encode())))
}

/// Reads a backup to its end and keeps nothing: whether it can be restored.
///
/// # Errors
/// When it is damaged, cut off or no backup.
pub fn verify_backup(from: impl BufRead, tick: &mut dyn FnMut(u64)) -> Result<BackupSummary, BadBackup> {
    let (mut reader, header) = Reader::open(from)?;
    while let Some((key, value)) = reader.next()? {
        user_meta(&key, &value).map_err(|why| BadBackup::Line { line: reader.line, why: why.to_string() })?;
        if reader.records() % 1000 == 0 {
            tick(reader.records());
        }
    }
    Ok(BackupSummary { header, records: reader.records() })
}
