//! Groups: added, changed, removed; who is in one (`contract/endpoints.md` §12). What a group does to its
//! users is told in `domain::group::effective`; they are asked when they come, so that a change costs the
//! same however many there are, and holds at once.

use std::sync::Arc;

use super::hashing::HashingPool;
use super::references;
use super::requester::Requester;
use crate::clock::Clock;
use crate::domain::admin::Admin;
use crate::domain::group::{Group, GroupDraft};
use crate::domain::user_draft::UserRules;
use crate::domain::username::Username;
use crate::error::Error;
use crate::store::{Membership, Shelved as _, Store, Window};

/// The groups of the server.
#[derive(Debug, Clone)]
pub struct Groups {
    store: Store,
    hashing: HashingPool,
    clock: Clock,
    rules: Arc<UserRules>,
}

/// Who is in a group, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMembers {
    /// The users.
    pub users: Vec<String>,
    /// The admins.
    pub admins: Vec<String>,
}

impl Groups {
    /// Groups kept in `store`, under the rules for names and secrets that users have.
    pub fn new(store: Store, hashing: HashingPool, clock: Clock, rules: Arc<UserRules>) -> Self {
        Self { store, hashing, clock, rules }
    }

    /// The name under which a group is looked up.
    pub fn name(&self, given: &str) -> String {
        Username::normalise(given, self.rules.naming).into_owned()
    }

    /// The group of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn get(&self, name: &str) -> Result<Arc<Group>, Error> {
        self.store.shelf::<Group>().get(name).ok_or(Error::NotFound)
    }

    /// A window of the groups in byte order of their names.
    pub fn list(&self, window: Window) -> Vec<Arc<Group>> {
        self.store.shelf::<Group>().page(window)
    }

    /// Adds a group.
    ///
    /// # Errors
    /// [`Error::Invalid`], also for a folder that does not exist; [`Error::Conflict`] for a name that is
    /// taken.
    pub async fn create(&self, draft: GroupDraft) -> Result<Group, Error> {
        let mut group = self.settle(draft, None).await?;
        let now = self.clock.now();
        (group.created_at, group.updated_at) = (now, now);
        self.store
            .write(move |txn| {
                if txn.has_item::<Group>(&group.name)? {
                    let why = format!("duplicated key not allowed: group {:?} already exists", group.name);
                    return Err(Error::Conflict(why.into()));
                }
                references::check_folders(txn, &group.virtual_folders)?;
                group.id = txn.next_id(Group::KIND)?;
                txn.put_item(&group)?;
                Ok(group)
            })
            .await
    }

    /// Replaces a group by the draft; what stays is told at [`GroupDraft::settle`].
    ///
    /// # Errors
    /// As [`Groups::create`], and [`Error::NotFound`].
    pub async fn replace(&self, name: &str, draft: GroupDraft) -> Result<(), Error> {
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
                let current = txn.item::<Group>(&name)?.ok_or(Error::NotFound)?;
                let mut group = match settled {
                    Some(settled) => Group { id: current.id, created_at: current.created_at, ..settled },
                    None => draft.settle(rules.naming, &rules.sealer, Some(&current))?,
                };
                group.updated_at = now;
                references::check_folders(txn, &group.virtual_folders)?;
                txn.put_item(&group)
            })
            .await
    }

    /// Removes a group; admins who propose it lose it. While a user is in it, it stays.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] while a user is in it.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        let (name, now) = (name.to_owned(), self.clock.now());
        self.store
            .write(move |txn| {
                if !txn.has_item::<Group>(&name)? {
                    return Err(Error::NotFound);
                }
                if !txn.users_with(Membership::Group, &name, 1)?.is_empty() {
                    return Err(Error::invalid(format!(
                        "the group {name:?} has users and cannot be removed"
                    )));
                }
                for mut admin in txn.items::<Admin>()? {
                    let before = admin.groups.len();
                    admin.groups.retain(|group| group.name != name);
                    if admin.groups.len() < before {
                        admin.updated_at = now;
                        txn.put_item(&admin)?;
                    }
                }
                txn.delete_item::<Group>(&name).map(drop)
            })
            .await
    }

    /// Who is in a group, as far as the requester may know and at most so many of each.
    pub fn members(&self, requester: &Requester, name: &str, limit: usize) -> GroupMembers {
        let users = self.store.users_with(Membership::Group, name, requester.role_filter(), limit);
        let admins = self.store.shelf::<Admin>().all();
        let admins = admins.iter().filter(|admin| {
            requester.sees_role(&admin.role) && admin.groups.iter().any(|group| group.name == name)
        });
        let admins = admins.take(limit).map(|admin| admin.username.as_str().to_owned()).collect();
        GroupMembers { users, admins }
    }

    /// Settles a draft, on the pool for slow work when a private key has to be opened for it.
    async fn settle(&self, draft: GroupDraft, stored: Option<Arc<Group>>) -> Result<Group, Error> {
        let rules = Arc::clone(&self.rules);
        let is_slow = draft.is_slow_to_settle();
        let settle = move || draft.settle(rules.naming, &rules.sealer, stored.as_deref());
        if is_slow { Ok(self.hashing.run(settle).await??) } else { Ok(settle()?) }
    }
}
