//! What a write sees and stages. Writes run one after the other on the committer's thread, each against the
//! tree under the accepted writes of its group; what it stages counts when it returns `Ok`.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::fault::Fault;
use super::keys::{self, Entry, Kind};
use super::shared::Shared;
use super::tree::{Change, Found, Value};
use super::view::number;
use crate::error::Error;

/// No single value is larger; documents have their own, smaller limit at the edge.
const MAX_VALUE: usize = 64 << 20;

/// What is staged: new values and removals by key.
type Staged = BTreeMap<Vec<u8>, Option<Bytes>>;

/// The accepted writes that will be synced together.
pub(super) struct Group<'s> {
    pub(super) shared: &'s Shared,
    accepted: Staged,
    /// What the tree holds under the keys that were looked at: nobody else writes meanwhile.
    known: RefCell<HashMap<Vec<u8>, Found>>,
    revision: u64,
    bytes: usize,
}

impl<'s> Group<'s> {
    /// An empty group over what is durable.
    pub(super) fn new(shared: &'s Shared) -> Self {
        let revision = shared.view.read().durable;
        Self { shared, accepted: Staged::new(), known: RefCell::default(), revision, bytes: 0 }
    }

    /// A write on top of this group.
    pub(super) fn txn(&mut self) -> Txn<'_> {
        let revision = self.revision + 1;
        Txn {
            shared: self.shared,
            accepted: &self.accepted,
            known: &self.known,
            staged: Staged::new(),
            revision,
        }
    }

    /// Takes over what an accepted write staged; one that staged nothing uses no revision.
    pub(super) fn accept(&mut self, staged: Staged) {
        if staged.is_empty() {
            return;
        }
        self.revision += 1;
        self.bytes += staged.iter().map(|(k, v)| k.len() + v.as_ref().map_or(0, Bytes::len)).sum::<usize>();
        self.accepted.extend(staged);
    }

    /// The bytes staged so far.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The group's changes and last revision; nothing when nothing changes.
    pub(super) fn into_changes(self) -> Option<(BTreeMap<Vec<u8>, Change>, u64)> {
        let mut known = self.known.into_inner();
        let changes: BTreeMap<_, _> = self
            .accepted
            .into_iter()
            .map(|(key, new)| {
                let old = known.remove(&key).unwrap_or_default();
                (key, Change { old, new })
            })
            .collect();
        (!changes.is_empty()).then_some((changes, self.revision))
    }
}

/// One write under way: reads what is there, decides, stages what shall be.
///
/// It sees everything that was written before it, also by writes of its own group that are not durable yet;
/// should those fail, so does this one.
pub struct Txn<'g> {
    pub(super) shared: &'g Shared,
    accepted: &'g Staged,
    known: &'g RefCell<HashMap<Vec<u8>, Found>>,
    staged: Staged,
    revision: u64,
}

impl Txn<'_> {
    /// The value under a key.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn get(&self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.look(&keys::key(kind.prefix(), key))?.map(|value| value.to_vec()))
    }

    /// Whether there is a value under a key.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn contains(&self, kind: Kind, key: &[u8]) -> Result<bool, Error> {
        Ok(self.look(&keys::key(kind.prefix(), key))?.is_some())
    }

    /// Stages a value in place of any other under this key.
    ///
    /// # Errors
    /// When the key is too long or the store cannot be read there.
    pub fn put(&mut self, kind: Kind, key: &[u8], value: Vec<u8>) -> Result<(), Error> {
        self.stage(keys::key(kind.prefix(), key), Some(value))
    }

    /// Stages the removal of a key; says whether there was anything.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn delete(&mut self, kind: Kind, key: &[u8]) -> Result<bool, Error> {
        self.remove(keys::key(kind.prefix(), key))
    }

    /// The entries of a kind whose keys begin with these bytes, in the order of their keys.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn scan_prefix(&self, kind: Kind, prefix: &[u8]) -> Result<Vec<Entry>, Error> {
        let prefix = keys::key(kind.prefix(), prefix);
        let mut found: BTreeMap<Vec<u8>, Value> =
            self.shared.tree.scan_prefix(&prefix).collect::<Result<_, _>>()?;
        self.overlay(&prefix, |key, value| {
            match value {
                Some(value) => found.insert(key.to_vec(), Value::Whole(value.clone())),
                None => found.remove(key),
            };
        });
        Ok(found.into_iter().map(|(key, value)| (key[1..].to_vec(), value.to_vec())).collect())
    }

    /// The next id of a kind: 1, 2, 3 …; none is ever given out again, and a refused write uses none.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn next_id(&mut self, kind: Kind) -> Result<i64, Error> {
        self.next_in(kind.prefix())
    }

    /// The revision that this write has when it is accepted: one more than any before it.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The next id of a range.
    pub(super) fn next_in(&mut self, prefix: u8) -> Result<i64, Error> {
        let key = keys::last_id(prefix);
        let last = self.look(&key)?.map_or(Ok(0), |value| number(&key, &value))?;
        let next = last + 1;
        self.stage(key, Some(next.to_le_bytes().to_vec()))?;
        i64::try_from(next).map_err(Error::internal)
    }

    /// The value under a whole key, as this write sees it.
    pub(super) fn look(&self, key: &[u8]) -> Result<Option<Value>, Fault> {
        if let Some(value) = self.staged.get(key).or_else(|| self.accepted.get(key)) {
            return Ok(value.clone().map(Value::Whole));
        }
        if let Some(found) = self.known.borrow().get(key) {
            return Ok(found.value.clone());
        }
        let found = self.shared.find(key)?;
        let value = found.value.clone();
        self.known.borrow_mut().insert(key.to_vec(), found);
        Ok(value)
    }

    /// Lets this write see what the engine has under a key, also where memory knows of nothing.
    pub(super) fn look_in_engine(&self, key: &[u8]) -> Result<(), Fault> {
        let mut known = self.known.borrow_mut();
        if known.get(key).is_none_or(|found| found.value.is_none()) {
            known.insert(key.to_vec(), self.shared.tree.find(key)?);
        }
        Ok(())
    }

    /// Stages a change of a whole key.
    pub(super) fn stage(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), Error> {
        if key.len() > keys::MAX_KEY {
            return Err(Error::invalid(format!("a name of {} bytes is too long", key.len() - 1)));
        }
        if value.as_ref().is_some_and(|value| value.len() > MAX_VALUE) {
            return Err(Error::invalid("the object is too large"));
        }
        // The old value is needed when the group is written; reading it here makes this write alone fail.
        if !self.known.borrow().contains_key(&key) {
            let found = self.shared.find(&key)?;
            self.known.borrow_mut().insert(key.clone(), found);
        }
        self.staged.insert(key, value.map(Bytes::from));
        Ok(())
    }

    /// Stages the removal of a whole key; says whether there was anything.
    pub(super) fn remove(&mut self, key: Vec<u8>) -> Result<bool, Error> {
        let there = self.look(&key)?.is_some();
        if there {
            self.stage(key, None)?;
        }
        Ok(there)
    }

    /// Calls for every change under a prefix that this write sees and the tree does not show yet.
    pub(super) fn overlay(&self, prefix: &[u8], mut with: impl FnMut(&[u8], Option<&Bytes>)) {
        for layer in [self.accepted, &self.staged] {
            let touched = layer.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
            for (key, value) in touched {
                with(key, value.as_ref());
            }
        }
    }

    /// What was staged.
    pub(super) fn into_staged(self) -> BTreeMap<Vec<u8>, Option<Bytes>> {
        self.staged
    }
}
