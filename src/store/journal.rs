//! All or nothing over many groups: while a journal is kept, each group writes in its own batch what stood
//! there before. A journal that is still there when the store is opened belongs to work that was cut off: it
//! is undone, newest entry first, before anybody reads.
//!
//! For work that has the store to itself (the server is stopped): what others write meanwhile would be
//! undone with it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::disk::Disk;
use super::fault::Fault;
use super::handle::Store;
use super::keys;
use super::record::Damaged;
use super::tree::{Change, Found, Tree};
use crate::error::Error;

/// The journal's state while the store is open: the number of the next entry, or none is kept.
#[derive(Debug, Default)]
pub(super) struct Journal(parking_lot::Mutex<Option<u64>>);

impl Journal {
    /// The entry that undoes these changes, with its key; nothing while no journal is kept.
    pub(super) fn entry(&self, changes: &BTreeMap<Vec<u8>, Change>) -> Option<(Vec<u8>, Change)> {
        let mut next = self.0.lock();
        let number = next.as_mut()?;
        let key = keys::journal(*number);
        *number += 1;
        let old = changes.iter().map(|(key, change)| (key.as_slice(), change.old.value.as_deref()));
        Some((key, Change { old: Found::default(), new: Some(encode(old).into()) }))
    }
}

impl Store {
    /// Keeps a journal from here on: until [`Store::end_journal`], a store that is closed or killed opens
    /// again as it is now.
    ///
    /// # Errors
    /// Internal when one is kept already; unavailable when the store takes no writes.
    pub fn begin_journal(&self) -> Result<(), Error> {
        self.write_blocking(|txn| {
            let mut next = txn.shared.journal.0.lock();
            if next.is_some() {
                return Err(Error::internal("a journal is kept already"));
            }
            *next = Some(0);
            Ok(())
        })
    }

    /// Makes everything written since [`Store::begin_journal`] stay: its entries go in one batch.
    ///
    /// # Errors
    /// Unavailable when the store fails to write; what was written may then be undone at the next start.
    pub fn end_journal(&self) -> Result<(), Error> {
        self.write_blocking(|txn| {
            let journal = &txn.shared.journal;
            let Some(entries) = journal.0.lock().take() else { return Ok(()) };
            (0..entries).try_for_each(|number| txn.remove(keys::journal(number)).map(drop))
        })
    }
}

/// Undoes what a journal that was left behind stands for; says how many entries there were.
pub(super) fn undo(tree: &Tree, disk: &Disk) -> Result<usize, Fault> {
    let mut entries = Vec::new();
    for entry in tree.scan_prefix(keys::JOURNAL) {
        entries.push(entry?.0);
    }
    // Each entry is undone in one batch with its own removal, so that this too may be cut off anywhere.
    for key in entries.iter().rev() {
        let found = tree.find(key)?;
        let Some(value) = &found.value else { continue };
        let olds = decode(value).map_err(|why| Fault::damaged(key, &why))?;
        let mut changes = BTreeMap::new();
        for (key, old) in olds {
            let new = old.map(Bytes::copy_from_slice);
            changes.insert(key.to_vec(), Change { old: tree.find(key)?, new });
        }
        changes.insert(key.clone(), Change { old: tree.find(key)?, new: None });
        tree.apply(changes.iter().map(|(key, change)| (key.as_slice(), change)))?;
    }
    if !entries.is_empty() {
        disk.sync().map_err(|error| Fault::Unreadable(error.to_string().into()))?;
    }
    Ok(entries.len())
}

/// The checksum, then for each key: its length, itself, and 0 for nothing or 1, a length and the value.
fn encode<'a>(olds: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    let text = |bytes: &mut Vec<u8>, text: &[u8]| {
        let length = u32::try_from(text.len()).expect("a transaction takes no value over 4 GiB");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(text);
    };
    for (key, old) in olds {
        text(&mut bytes, key);
        bytes.push(old.is_some().into());
        if let Some(old) = old {
            text(&mut bytes, old);
        }
    }
    let checksum = crc32c::crc32c(&bytes[4..]);
    bytes[..4].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

type Olds<'a> = Vec<(&'a [u8], Option<&'a [u8]>)>;

fn decode(bytes: &[u8]) -> Result<Olds<'_>, Damaged> {
    let (checksum, mut rest) = bytes.split_first_chunk::<4>().ok_or(Damaged::Short)?;
    if u32::from_le_bytes(*checksum) != crc32c::crc32c(rest) {
        return Err(Damaged::Checksum);
    }
    let mut olds = Vec::new();
    while !rest.is_empty() {
        let key = take(&mut rest)?;
        let (there, after) = rest.split_first().ok_or(Damaged::Length)?;
        rest = after;
        olds.push((key, if *there == 0 { None } else { Some(take(&mut rest)?) }));
    }
    Ok(olds)
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Damaged> {
    let (length, after) = rest.split_first_chunk::<4>().ok_or(Damaged::Length)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Damaged::Length)?;
    let (text, after) = after.split_at_checked(length).ok_or(Damaged::Length)?;
    *rest = after;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = encode([(&b"\x02a"[..], Some(&b"old"[..])), (b"\x02b", None)].into_iter());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_err(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn entries_read_back(olds in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..9), prop::option::of(prop::collection::vec(any::<u8>(), 0..9))),
            0..9,
        )) {
            let bytes = encode(olds.iter().map(|(key, old)| (key.as_slice(), old.as_deref())));
            let read = decode(&bytes).unwrap();
            let read: Vec<_> = read.into_iter().map(|(key, old)| (key.to_vec(), old.map(<[u8]>::to_vec))).collect();
            prop_assert_eq!(read, olds);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            drop(decode(&bytes));
        }
    }
}
