//! Whether everything in the store is as it was written and fits together: every record decodes under its name, the
//! page directory's entries are those of the users, each index entry has its record and each record its entries,
//! ids are given out once. Looks only; what is wrong is told, not mended.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::handle::Store;
use super::keys::{self, Kind, pair};
use super::record::{Damaged, Record};
use super::shelf::Shelved;
use super::snapshot::Snapshot;
use super::tree::Value;
use super::view::{Meta, number};
use super::{accounts, backup};

/// The kinds that hold nothing of their own and are found by others' records.
const INDEXES: [Kind; 4] = [Kind::UserEmail, Kind::ApiKeyOwner, Kind::GroupMember, Kind::FolderMember];

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Users.
    pub users: u64,
    /// Other records.
    pub others: u64,
    /// Entries of indexes, the page directory's included.
    pub index_entries: u64,
    /// What was found wrong.
    pub problems: u64,
}

/// What the record of a thing asks for: entries of indexes, by kind; or what is wrong with it.
type Inspected = Result<Vec<(Kind, Vec<u8>)>, String>;

/// How one kind of things is looked at: its key must fit, and these index entries must be there.
#[derive(Clone, Copy)]
pub(super) struct Inspection {
    pub(super) kind: Kind,
    pub(super) inspect: fn(&[u8], &[u8]) -> Inspected,
}

impl Inspection {
    /// The inspection of a kind that is kept on a shelf.
    pub(super) fn of<T: Shelved>() -> Self {
        Self { kind: T::KIND, inspect: inspect::<T> }
    }
}

fn inspect<T: Shelved>(key: &[u8], value: &[u8]) -> Inspected {
    let record = Record::decode(key, value).map_err(|why| why.to_string())?;
    let thing = T::decode(&record).map_err(|why| why.to_string())?;
    if thing.key().as_bytes() != &key[1..] {
        return Err(format!("it is {:?}", thing.key()));
    }
    Ok(thing.index())
}

impl Store {
    /// Looks at everything as it is now, while writes go on; `problem` hears of what is wrong, in words for the
    /// operator, and `tick` how many entries were looked at.
    pub fn check(&self, problem: &mut dyn FnMut(&str), tick: &mut dyn FnMut(u64)) -> Checked {
        let mut snapshot = Snapshot::take(self);
        let inspections = self.shared().inspections.lock().clone();
        let mut check = Check::new(inspections, snapshot.revision(), problem);
        let mut seen = 0;
        loop {
            match snapshot.piece() {
                Ok(piece) if piece.is_empty() => break,
                Ok(piece) => {
                    seen += piece.len() as u64;
                    for (key, value) in piece {
                        check.look_at(&key, value);
                    }
                    tick(seen);
                }
                Err(fault) => {
                    check.tell(&format!("{fault}: nothing behind this can be looked at"));
                    return check.checked;
                }
            }
        }
        check.finish()
    }
}

/// A check under way. The ranges come in the order of their prefixes: ids, metas, users, indexes and things.
struct Check<'p> {
    inspections: Vec<Inspection>,
    revision: u64,
    problem: &'p mut dyn FnMut(&str),
    checked: Checked,
    /// The last id given out, by range.
    last_ids: HashMap<u8, u64>,
    /// Names and checksums of the page directory's entries, in order; the first so many have had their user.
    metas: Vec<(Box<[u8]>, u32)>,
    met: usize,
    user_ids: Vec<i64>,
    /// Index entries that records ask for, as whole keys, and that did not come yet.
    wanted: BTreeSet<Vec<u8>>,
}

/// The members of a user that index entries are made from.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Referring {
    groups: Vec<Named>,
    virtual_folders: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

/// What has a number, if it has one.
#[derive(Debug, Deserialize)]
struct Numbered {
    id: i64,
}

impl<'p> Check<'p> {
    fn new(inspections: Vec<Inspection>, revision: u64, problem: &'p mut dyn FnMut(&str)) -> Self {
        Self {
            inspections,
            revision,
            problem,
            checked: Checked::default(),
            last_ids: HashMap::new(),
            metas: Vec::new(),
            met: 0,
            user_ids: Vec::new(),
            wanted: BTreeSet::new(),
        }
    }

    fn tell(&mut self, what: &str) {
        self.checked.problems += 1;
        (self.problem)(what);
    }

    fn wrong(&mut self, key: &[u8], why: impl std::fmt::Display) {
        self.tell(&format!("{}: {why}", keys::describe(key)));
    }

    fn look_at(&mut self, key: &[u8], value: Result<Value, Fault>) {
        let value = match value {
            Ok(value) => value,
            Err(fault) => {
                if key.starts_with(&[keys::USER_DOCUMENT]) {
                    self.meta_of(&key[1..]);
                }
                return self.tell(&fault.to_string());
            }
        };
        let Some(&prefix) = key.first() else { return };
        match prefix {
            keys::SYSTEM => self.system(key, &value),
            keys::USER_META => self.meta(key, &value),
            keys::USER_DOCUMENT => self.user(key, &value),
            _ => match Kind::ALL.into_iter().find(|kind| kind.prefix() == prefix) {
                Some(kind) if INDEXES.contains(&kind) => self.index_entry(key, &value),
                Some(kind) => self.thing(kind, key, &value),
                None => self.wrong(key, "nobody knows this kind"),
            },
        }
    }

    fn system(&mut self, key: &[u8], value: &[u8]) {
        let Some(range) = keys::range_of_last_id(key) else { return };
        match number(key, value) {
            Ok(last) => drop(self.last_ids.insert(range, last)),
            Err(fault) => self.tell(&fault.to_string()),
        }
    }

    fn meta(&mut self, key: &[u8], value: &[u8]) {
        self.checked.index_entries += 1;
        if let Err(why) = Meta::decode(value) {
            self.wrong(key, format!("its entry in the page directory: {why}"));
        }
        self.metas.push((key[1..].into(), crc32c::crc32c(value)));
    }

    fn user(&mut self, key: &[u8], value: &[u8]) {
        self.checked.users += 1;
        self.match_meta(key, value);
        let looked = Record::decode(key, value).and_then(|record| {
            let user = accounts::decode_user(&record)?;
            let referring: Referring =
                serde_json::from_slice(&record.public).map_err(|why| Damaged::Public(why.to_string()))?;
            Ok((record.revision, user, referring))
        });
        let (revision, user, referring) = match looked {
            Ok(looked) => looked,
            Err(why) => return self.wrong(key, why),
        };
        let name = user.username.as_str();
        if name.as_bytes() != &key[1..] {
            self.wrong(key, format!("it is {name:?}"));
        }
        self.revision(key, revision);
        self.id(key, keys::USER_META, user.id);
        self.user_ids.push(user.id);
        for (kind, owners) in
            [(Kind::GroupMember, referring.groups), (Kind::FolderMember, referring.virtual_folders)]
        {
            for owner in owners {
                self.wanted.insert(keys::key(kind.prefix(), &pair(&owner.name, name)));
            }
        }
    }

    /// Holds a user against the page directory.
    fn match_meta(&mut self, key: &[u8], value: &[u8]) {
        let Some(checksum) = self.meta_of(&key[1..]) else {
            return self.wrong(key, "it is not in the page directory");
        };
        let expected = backup::user_meta(key, value).ok().flatten();
        if expected.is_none_or(|(_, expected)| crc32c::crc32c(&expected) != checksum) {
            self.wrong(key, "its entry in the page directory is of another record");
        }
    }

    /// The checksum of a user's entry in the page directory, which is in the same order as the users.
    fn meta_of(&mut self, name: &[u8]) -> Option<u32> {
        while self.metas.get(self.met).is_some_and(|(known, _)| **known < *name) {
            self.meta_without_user();
        }
        let checksum = self.metas.get(self.met).filter(|(known, _)| **known == *name).map(|(_, sum)| *sum)?;
        self.met += 1;
        Some(checksum)
    }

    fn meta_without_user(&mut self) {
        let key = keys::key(keys::USER_META, &self.metas[self.met].0);
        self.met += 1;
        self.wrong(&key, "it is in the page directory and has no record");
    }

    fn index_entry(&mut self, key: &[u8], value: &[u8]) {
        self.checked.index_entries += 1;
        if !value.is_empty() {
            self.wrong(key, "an index entry holds something");
        }
        if !self.wanted.remove(key) {
            self.wrong(key, "an index entry without a record that it belongs to");
        }
    }

    fn thing(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        self.checked.others += 1;
        // Kinds without a shelf are no records: that they can be read is all there is to know.
        let Some(found) = self.inspections.iter().find(|known| known.kind == kind).copied() else { return };
        match (found.inspect)(key, value) {
            Ok(entries) => {
                let whole = entries.into_iter().map(|(kind, entry)| keys::key(kind.prefix(), &entry));
                self.wanted.extend(whole);
            }
            Err(why) => return self.wrong(key, why),
        }
        if let Ok(record) = Record::decode(key, value) {
            self.revision(key, record.revision);
            if let Ok(Numbered { id }) = serde_json::from_slice(&record.public) {
                self.id(key, kind.prefix(), id);
            }
        }
    }

    fn revision(&mut self, key: &[u8], revision: u64) {
        if revision > self.revision {
            self.wrong(key, format!("its revision {revision} is above the last one, {}", self.revision));
        }
    }

    fn id(&mut self, key: &[u8], range: u8, id: i64) {
        let last = self.last_ids.get(&range).copied().unwrap_or_default();
        if !u64::try_from(id).is_ok_and(|id| (1..=last).contains(&id)) {
            self.wrong(key, format!("its id {id} was never given out, the last one is {last}"));
        }
    }

    fn finish(mut self) -> Checked {
        while self.met < self.metas.len() {
            self.meta_without_user();
        }
        for key in std::mem::take(&mut self.wanted) {
            self.wrong(&key, "an index entry is missing");
        }
        self.user_ids.sort_unstable();
        let twice: BTreeSet<i64> =
            self.user_ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        for id in twice {
            self.tell(&format!("several users have the id {id}"));
        }
        self.checked
    }
}
