//! Which users refer to which group and folder: entries beside the users' records, written with them, and
//! the same in memory, so that nobody looks through all users. Admins and groups, of which there are few,
//! are asked themselves.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::Deserialize;

use super::directory::Directory;
use super::fault::Fault;
use super::handle::Store;
use super::keys::{self, Kind, pair, pair_prefix};
use super::record::{Damaged, Record};
use super::tree::{Change, Tree};
use super::txn::Txn;
use crate::domain::user::User;
use crate::error::Error;

/// Names that are looked at while the view is held.
const PIECE: usize = 1000;

/// What a user refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Membership {
    /// Groups.
    Group,
    /// Folders.
    Folder,
}

impl Membership {
    const ALL: [Self; 2] = [Self::Group, Self::Folder];

    const fn kind(self) -> Kind {
        match self {
            Self::Group => Kind::GroupMember,
            Self::Folder => Kind::FolderMember,
        }
    }
}

/// The names of users by what they refer to. A copy costs little: what changes is copied when it does.
#[derive(Debug, Clone, Default)]
pub(super) struct Members(HashMap<(Membership, Box<[u8]>), Arc<Directory>>);

impl Members {
    /// Reads both ranges.
    pub(super) fn load(tree: &Tree) -> Result<Self, Fault> {
        let mut members = Self::default();
        for of in Membership::ALL {
            for entry in tree.scan_prefix(&[of.kind().prefix()]) {
                let (key, _) = entry?;
                let (owner, user) =
                    keys::unpair(&key[1..]).ok_or_else(|| Fault::damaged(&key, &Damaged::Length))?;
                Arc::make_mut(members.0.entry((of, owner.into())).or_default()).append(user);
            }
        }
        Ok(members)
    }

    /// Takes over a durable change, if it is one of these ranges.
    pub(super) fn follow(&mut self, prefix: u8, key: &[u8], change: &Change) {
        let Some(of) = Membership::ALL.into_iter().find(|of| of.kind().prefix() == prefix) else { return };
        let Some((owner, user)) = keys::unpair(key) else { return };
        let place = (of, owner.into());
        if change.new.is_some() {
            Arc::make_mut(self.0.entry(place).or_default()).insert(user);
        } else if let Some(names) = self.0.get_mut(&place) {
            let names = Arc::make_mut(names);
            names.remove(user);
            if names.is_empty() {
                self.0.remove(&place);
            }
        }
    }

    /// Whether there is such an entry, if it is one of these ranges.
    pub(super) fn knows(&self, prefix: u8, key: &[u8]) -> Option<bool> {
        let of = Membership::ALL.into_iter().find(|of| of.kind().prefix() == prefix)?;
        let (owner, user) = keys::unpair(key)?;
        Some(self.0.get(&(of, owner.into())).is_some_and(|names| names.contains(user)))
    }

    /// The names of those who refer to this group or folder.
    pub(super) fn of(&self, of: Membership, owner: &str) -> Option<&Directory> {
        self.0.get(&(of, owner.as_bytes().into())).map(AsRef::as_ref)
    }
}

/// What a user's document says he refers to.
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

/// Everything that a user refers to, each once.
type References = BTreeSet<(Membership, String)>;

fn references_of(user: &User) -> References {
    let groups = user.groups.iter().map(|group| (Membership::Group, group.name.clone()));
    let folders = user.virtual_folders.iter().map(|folder| (Membership::Folder, folder.name().to_owned()));
    groups.chain(folders).collect()
}

/// What the document in a record refers to.
fn references_in(key: &[u8], bytes: &[u8]) -> Result<References, Damaged> {
    let record = Record::decode(key, bytes)?;
    let Referring { groups, virtual_folders } =
        serde_json::from_slice(&record.public).map_err(|why| Damaged::Public(why.to_string()))?;
    let groups = groups.into_iter().map(|group| (Membership::Group, group.name));
    let folders = virtual_folders.into_iter().map(|folder| (Membership::Folder, folder.name));
    Ok(groups.chain(folders).collect())
}

impl Store {
    /// The names of users who refer to a group or a folder, with a role those of that role alone, in order, at most
    /// so many; asks memory only. Of many it looks at some at a time, so that no write waits long.
    pub fn users_with(&self, of: Membership, owner: &str, role: Option<&str>, limit: usize) -> Vec<String> {
        let mut names = Vec::new();
        let mut last = None::<Box<[u8]>>;
        while names.len() < limit {
            let room = limit - names.len();
            let view = self.shared().view.read();
            let Some(members) = view.members.of(of, owner) else { break };
            let (walked, asked) = match role {
                None => (members, None),
                // Those of both are among the fewer.
                Some(role) => match view.names(Some(role)) {
                    None => break,
                    Some(of_role) if of_role.len() < members.len() => (of_role, Some(members)),
                    Some(of_role) => (members, Some(of_role)),
                },
            };
            let some = walked.after(last.as_deref(), if role.is_none() { room } else { PIECE });
            let Some(end) = some.last() else { break };
            last = Some(end.clone());
            let both = some.iter().filter(|name| asked.is_none_or(|asked| asked.contains(name)));
            names.extend(both.take(room).map(|name| String::from_utf8_lossy(name).into_owned()));
        }
        names
    }
}

impl Txn<'_> {
    /// The names of users who refer to a group or a folder, in order, at most so many.
    ///
    /// # Errors
    /// When the name of one is not text.
    pub fn users_with(&self, of: Membership, owner: &str, limit: usize) -> Result<Vec<String>, Error> {
        let (mut gone, mut come) = (BTreeSet::new(), BTreeSet::new());
        let prefix = keys::key(of.kind().prefix(), &pair_prefix(owner));
        self.overlay(&prefix, |key, value| {
            let (to, from) = if value.is_some() { (&mut come, &mut gone) } else { (&mut gone, &mut come) };
            let user = key[prefix.len()..].to_vec();
            from.remove(&user);
            to.insert(user);
        });
        let view = self.shared.view.read();
        let durable = view.members.of(of, owner).map(|names| names.window(0, limit + gone.len(), false));
        drop(view);
        let durable = durable.unwrap_or_default();
        come.extend(durable.into_iter().map(Vec::from).filter(|name| !gone.contains(name)));
        come.into_iter().take(limit).map(|name| String::from_utf8(name).map_err(Error::internal)).collect()
    }

    /// Stages the entries that a user's references need, and the removal of those he leaves.
    pub(super) fn put_references(&mut self, user: &User) -> Result<(), Error> {
        let name = user.username.as_str();
        let key = keys::key(keys::USER_DOCUMENT, name.as_bytes());
        let stored = self.look(&key)?;
        let before = stored.map(|bytes| references_in(&key, &bytes)).transpose();
        let before = before.map_err(|why| Fault::damaged(&key, &why))?.unwrap_or_default();
        let after = references_of(user);
        for (of, owner) in before.difference(&after) {
            self.delete(of.kind(), &pair(owner, name))?;
        }
        for (of, owner) in after.difference(&before) {
            self.put(of.kind(), &pair(owner, name), Vec::new())?;
        }
        Ok(())
    }

    /// Stages the removal of a user's entries. Where his record cannot be read they are searched for.
    pub(super) fn delete_references(&mut self, name: &str) -> Result<(), Error> {
        let key = keys::key(keys::USER_DOCUMENT, name.as_bytes());
        let Some(bytes) = self.look(&key)? else { return Ok(()) };
        if let Ok(references) = references_in(&key, &bytes) {
            return references
                .iter()
                .try_for_each(|(of, owner)| self.delete(of.kind(), &pair(owner, name)).map(drop));
        }
        for of in Membership::ALL {
            for (entry, _) in self.scan_prefix(of.kind(), b"")? {
                if keys::unpair(&entry).is_some_and(|(_, user)| user == name.as_bytes()) {
                    self.delete(of.kind(), &entry)?;
                }
            }
        }
        Ok(())
    }
}
