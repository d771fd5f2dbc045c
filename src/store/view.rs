//! What readers may see: the state after the last synced group. The committer alone changes it, in two steps:
//! it shows the old values of what it is about to write, and takes them away when the new ones are durable.
//!
//! The one invariant: what a reader gets is durable, and the cache never holds anything but the newest
//! durable document of a name.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::cache::Document;
use super::directory::Directory;
use super::fault::Fault;
use super::keys;
use super::members::Members;
use super::moment::Roles;
use super::record::{Damaged, Record};
use super::snapshot::Past;
use super::tree::{Change, Tree, Value};

/// Somebody who keeps a range in memory and must hear of its changes.
pub(super) trait Follower: Send + Sync {
    /// The range.
    fn prefix(&self) -> u8;
    /// A durable change of one key, without its prefix.
    fn follow(&self, key: &[u8], value: Option<&[u8]>);
}

/// The published state; under one lock, written by the committer only.
#[derive(Default)]
pub(super) struct View {
    /// The revision of the last durable write.
    pub(super) durable: u64,
    /// Every user's name.
    pub(super) users: Directory,
    /// The users' names by role, for those who have one.
    roles: Roles,
    /// The users' names by group and folder.
    pub(super) members: Members,
    /// The old values of everything that the group under way changes. After a failed write they stay.
    pub(super) in_flight: BTreeMap<Vec<u8>, Option<Value>>,
    /// The bytes of all user records.
    pub(super) user_bytes: u64,
    followers: Vec<Box<dyn Follower>>,
    /// What the snapshots that are being read need of the past.
    pasts: Vec<Weak<Mutex<Past>>>,
}

impl View {
    /// Reads the users' range of names and the last revision.
    pub(super) fn load(tree: &Tree) -> Result<Self, Fault> {
        let mut view = Self { members: Members::load(tree)?, ..Self::default() };
        if let Some(revision) = tree.read(keys::REVISION)? {
            view.durable = number(keys::REVISION, &revision)?;
        }
        for entry in tree.scan_prefix(&[keys::USER_META]) {
            let (key, value) = entry?;
            let meta = Meta::decode(&value).map_err(|why| Fault::damaged(&key, &why))?;
            view.users.append(&key[1..]);
            view.user_bytes += u64::from(meta.length);
            if !meta.role.is_empty() {
                Arc::make_mut(view.roles.entry(meta.role).or_default()).append(&key[1..]);
            }
        }
        Ok(view)
    }

    /// The names of the users of a role, or of all.
    pub(super) fn names(&self, role: Option<&str>) -> Option<&Directory> {
        match role {
            None => Some(&self.users),
            Some(role) => self.roles.get(role).map(AsRef::as_ref),
        }
    }

    /// Whether there is a durable entry under a key, for the ranges whose keys are all in memory. A record of a user
    /// who is not in the page directory is none: only a damaged store has one.
    pub(super) fn knows(&self, key: &[u8]) -> Option<bool> {
        let (&prefix, name) = key.split_first()?;
        match prefix {
            keys::USER_META | keys::USER_DOCUMENT => Some(self.users.contains(name)),
            _ => self.members.knows(prefix, name),
        }
    }

    /// Shows the old values while the new ones are being written.
    pub(super) fn begin(&mut self, changes: &BTreeMap<Vec<u8>, Change>) {
        self.in_flight =
            changes.iter().map(|(key, change)| (key.clone(), change.old.value.clone())).collect();
    }

    /// Puts the old values of what is being written in the place of what the engine showed.
    pub(super) fn restore(&self, prefix: &[u8], found: &mut BTreeMap<Vec<u8>, Value>) {
        let touched = self.in_flight.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        for (key, old) in touched {
            match old {
                Some(old) => found.insert(key.clone(), old.clone()),
                None => found.remove(key),
            };
        }
    }

    /// Takes over a group that is durable.
    pub(super) fn publish(&mut self, changes: &BTreeMap<Vec<u8>, Change>, revision: u64) {
        self.keep_for_snapshots(changes);
        for (key, change) in changes {
            let Some((&prefix, name)) = key.split_first() else { continue };
            if prefix == keys::USER_META {
                self.follow_user(name, change);
            }
            self.members.follow(prefix, name, change);
            for follower in self.followers.iter().filter(|follower| follower.prefix() == prefix) {
                follower.follow(name, change.new.as_deref());
            }
        }
        self.in_flight.clear();
        self.durable = revision;
    }

    /// Tells this one of every later change.
    pub(super) fn add_follower(&mut self, follower: Box<dyn Follower>) {
        self.followers.push(follower);
    }

    /// The blocks of the users' directory that a group changes: their numbers before it.
    pub(super) fn touched_blocks(&self, changes: &BTreeMap<Vec<u8>, Change>) -> Vec<u64> {
        let metas = changes.range(vec![keys::USER_META]..vec![keys::USER_META + 1]);
        metas.filter_map(|(key, _)| self.users.number_of(&key[1..])).collect()
    }

    /// Keeps the old value of what changes from now on, as long as somebody has the past.
    pub(super) fn keep_for(&mut self, past: &Arc<Mutex<Past>>) {
        self.pasts.push(Arc::downgrade(past));
    }

    /// The names of the users by role.
    pub(super) fn roles(&self) -> &Roles {
        &self.roles
    }

    fn keep_for_snapshots(&mut self, changes: &BTreeMap<Vec<u8>, Change>) {
        self.pasts.retain(|past| {
            let Some(past) = past.upgrade() else { return false };
            past.lock().keep(changes);
            true
        });
    }

    fn follow_user(&mut self, name: &[u8], change: &Change) {
        // What does not decode is refused when the store is opened and never written.
        let meta = |bytes: &[u8]| Meta::decode(bytes).unwrap_or_default();
        if let Some(old) = change.old.value.as_deref().map(meta) {
            self.user_bytes = self.user_bytes.saturating_sub(old.length.into());
            if let Some(names) = self.roles.get_mut(&old.role) {
                let names = Arc::make_mut(names);
                names.remove(name);
                if names.is_empty() {
                    self.roles.remove(&old.role);
                }
            }
        }
        match change.new.as_deref().map(meta) {
            None => {
                self.users.remove(name);
            }
            Some(new) => {
                self.users.insert(name);
                self.user_bytes += u64::from(new.length);
                if !new.role.is_empty() {
                    Arc::make_mut(self.roles.entry(new.role).or_default()).insert(name);
                }
            }
        }
    }
}

/// A number of the store's own.
pub(super) fn number(key: &[u8], bytes: &[u8]) -> Result<u64, Fault> {
    bytes.try_into().map(u64::from_le_bytes).map_err(|_| Fault::damaged(key, &Damaged::Length))
}

/// A user's document, from a stored record.
pub(super) fn document(key: &[u8], bytes: &[u8]) -> Result<Document, Fault> {
    Record::decode(key, bytes).map(|record| Document::of(&record)).map_err(|why| Fault::damaged(key, &why))
}

/// What the page directory needs to know of a user: small, so that a start reads little.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meta {
    /// The revision of the user's record.
    pub(super) revision: u64,
    /// The length of the record.
    pub(super) length: u32,
    /// The user's role; empty for none.
    pub(super) role: String,
}

impl Meta {
    /// Revision, length and role, end to end, after a checksum.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend_from_slice(&self.revision.to_le_bytes());
        bytes.extend_from_slice(&self.length.to_le_bytes());
        bytes.extend_from_slice(self.role.as_bytes());
        let checksum = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The other way.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let (checksum, rest) = bytes.split_first_chunk::<4>().ok_or(Damaged::Short)?;
        if u32::from_le_bytes(*checksum) != crc32c::crc32c(rest) {
            return Err(Damaged::Checksum);
        }
        let (revision, rest) = rest.split_first_chunk::<8>().ok_or(Damaged::Short)?;
        let (length, role) = rest.split_first_chunk::<4>().ok_or(Damaged::Short)?;
        Ok(Self {
            revision: u64::from_le_bytes(*revision),
            length: u32::from_le_bytes(*length),
            role: std::str::from_utf8(role).map_err(|_| Damaged::Length)?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metas_round_trip_and_notice_every_flipped_bit() {
        let meta = Meta { revision: 1 << 40, length: 7, role: "rôle".into() };
        let bytes = meta.encode();
        assert_eq!(Meta::decode(&bytes).unwrap(), meta);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Meta::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn the_layout_of_metas_on_disk_does_not_change() {
        let meta = Meta { revision: 0x0102, length: 3, role: "r".into() };
        assert_eq!(hex::encode(meta.encode()), META_GOLDEN);
    }

    const META_GOLDEN: &str = "10951e3402010000000000000300000072";
}
