//! Folders: added, changed, removed; who has one (`contract/endpoints.md` §12).
//!
//! A change of a folder costs the same however many users have it: they are shown with the folder as it is
//! when they are read. Only a removal touches them, in pieces that leave room for other writes.

use std::sync::Arc;

use super::hashing::HashingPool;
use super::requester::Requester;
use crate::clock::Clock;
use crate::domain::folder::{Folder, FolderDraft};
use crate::domain::group::Group;
use crate::domain::time::UnixMillis;
use crate::domain::user_draft::UserRules;
use crate::domain::username::Username;
use crate::error::Error;
use crate::store::{Membership, Shelved as _, Store, Txn, Window};

/// How many users one write detaches from a folder that goes.
const DETACHED_AT_ONCE: usize = 256;

/// The folders of the server.
#[derive(Debug, Clone)]
pub struct Folders {
    store: Store,
    hashing: HashingPool,
    clock: Clock,
    rules: Arc<UserRules>,
}

/// Who has a folder, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderMembers {
    /// The users.
    pub users: Vec<String>,
    /// The groups.
    pub groups: Vec<String>,
}

impl Folders {
    /// Folders kept in `store`, under the rules for names and secrets that users have.
    pub fn new(store: Store, hashing: HashingPool, clock: Clock, rules: Arc<UserRules>) -> Self {
        Self { store, hashing, clock, rules }
    }

    /// The name under which a folder is looked up.
    pub fn name(&self, given: &str) -> String {
        Username::normalise(given, self.rules.naming).into_owned()
    }

    /// The folder of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn get(&self, name: &str) -> Result<Arc<Folder>, Error> {
        self.store.shelf::<Folder>().get(name).ok_or(Error::NotFound)
    }

    /// A window of the folders in byte order of their names.
    pub fn list(&self, window: Window) -> Vec<Arc<Folder>> {
        self.store.shelf::<Folder>().page(window)
    }

    /// Adds a folder.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Conflict`] for a name that is taken.
    pub async fn create(&self, draft: FolderDraft) -> Result<Folder, Error> {
        let mut folder = self.settle(draft, None).await?;
        folder.changed_at = self.clock.now();
        self.store
            .write(move |txn| {
                if txn.has_item::<Folder>(&folder.name)? {
                    let why = format!("duplicated key not allowed: folder {:?} already exists", folder.name);
                    return Err(Error::Conflict(why.into()));
                }
                folder.id = txn.next_id(Folder::KIND)?;
                txn.put_item(&folder)?;
                Ok(folder)
            })
            .await
    }

    /// Replaces a folder by the draft; what stays is told at [`FolderDraft::settle`].
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn replace(&self, name: &str, draft: FolderDraft) -> Result<(), Error> {
        let stored = self.get(name)?;
        // What takes long is done before; all else in the store's line of writers, on what stands there then.
        let settled = if draft.is_slow_to_settle() {
            Some(self.settle(draft.clone(), Some(stored)).await?)
        } else {
            None
        };
        let (name, rules, now) = (name.to_owned(), Arc::clone(&self.rules), self.clock.now());
        self.store
            .write(move |txn| {
                let current = txn.item::<Folder>(&name)?.ok_or(Error::NotFound)?;
                let mut folder = match settled {
                    Some(settled) => settled.with_state_of(&current),
                    None => draft.settle(rules.naming, &rules.sealer, Some(&current))?,
                };
                folder.changed_at = now;
                txn.put_item(&folder)
            })
            .await
    }

    /// Removes a folder, also from the users and groups that have it. Its users lose it in pieces, each a
    /// write of its own, and the folder goes with the last: one that is cut short leaves a folder with
    /// fewer users, to be removed again.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage failures.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        loop {
            let (name, now) = (name.to_owned(), self.clock.now());
            if self.store.write(move |txn| detach_some(txn, &name, now)).await? {
                return Ok(());
            }
        }
    }

    /// Who has a folder, as far as the requester may know and at most so many of each.
    pub fn members(&self, requester: &Requester, name: &str, limit: usize) -> FolderMembers {
        let users = self.store.users_with(Membership::Folder, name, requester.role_filter(), limit);
        let groups = self.store.shelf::<Group>().all();
        let groups = groups.iter().filter(|group| group.virtual_folders.contains(name));
        FolderMembers { users, groups: groups.take(limit).map(|group| group.name.clone()).collect() }
    }

    /// Settles a draft, on the pool for slow work when a private key has to be opened for it.
    async fn settle(&self, draft: FolderDraft, stored: Option<Arc<Folder>>) -> Result<Folder, Error> {
        let rules = Arc::clone(&self.rules);
        let is_slow = draft.is_slow_to_settle();
        let settle = move || draft.settle(rules.naming, &rules.sealer, stored.as_deref());
        if is_slow { Ok(self.hashing.run(settle).await??) } else { Ok(settle()?) }
    }
}

/// Takes the folder from some of its users; from everybody else, and out of the store, when no more are
/// left. Says whether it is gone.
fn detach_some(txn: &mut Txn<'_>, name: &str, now: UnixMillis) -> Result<bool, Error> {
    if !txn.has_item::<Folder>(name)? {
        return Err(Error::NotFound);
    }
    let usernames = txn.users_with(Membership::Folder, name, DETACHED_AT_ONCE + 1)?;
    for username in usernames.iter().take(DETACHED_AT_ONCE) {
        let Some(mut user) = txn.user(username)?.map(|stored| stored.value) else { continue };
        user.virtual_folders.remove(name);
        user.updated_at = now;
        txn.put_user(&user)?;
    }
    if usernames.len() > DETACHED_AT_ONCE {
        return Ok(false);
    }
    for mut group in txn.items::<Group>()? {
        if group.virtual_folders.remove(name) {
            group.updated_at = now;
            txn.put_item(&group)?;
        }
    }
    txn.delete_item::<Folder>(name)
}
