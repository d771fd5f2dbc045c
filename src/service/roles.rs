//! Roles: added, changed, removed; who has one (`contract/endpoints.md` §12, `contract/auth.md` §4).

use std::collections::HashSet;

use super::sessions::Sessions;
use crate::clock::Clock;
use crate::domain::admin::Admin;
use crate::domain::role::{Role, RoleDraft};
use crate::domain::username::{NamingRules, Username};
use crate::error::Error;
use crate::store::{Shelved as _, Store, Window};

/// The most members of a role that an answer names.
const MAX_MEMBERS: usize = 10_000;

/// The roles of the server.
#[derive(Debug, Clone)]
pub struct Roles {
    store: Store,
    clock: Clock,
    naming: NamingRules,
    sessions: Sessions,
}

/// A role and who has it.
#[derive(Debug, serde::Serialize)]
pub struct RoleView {
    /// The role itself.
    #[serde(flatten)]
    pub role: Role,
    /// The admins who have it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub admins: Vec<String>,
    /// The users who have it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
}

impl Roles {
    /// Roles kept in `store`; `sessions` hears of the users who lose theirs.
    pub fn new(store: Store, clock: Clock, naming: NamingRules, sessions: Sessions) -> Self {
        Self { store, clock, naming, sessions }
    }

    /// The name under which a role is looked up.
    pub fn name(&self, given: &str) -> String {
        Username::normalise(given, self.naming).into_owned()
    }

    /// The role of this name and who has it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn get(&self, name: &str) -> Result<RoleView, Error> {
        self.store.shelf::<Role>().get(name).map(|role| self.view(&role)).ok_or(Error::NotFound)
    }

    /// A window of the roles in byte order of their names.
    pub fn list(&self, window: Window) -> Vec<RoleView> {
        self.store.shelf::<Role>().page(window).iter().map(|role| self.view(role)).collect()
    }

    /// Adds a role.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Conflict`] for a name that is taken.
    pub async fn create(&self, draft: RoleDraft) -> Result<RoleView, Error> {
        let mut role = draft.settle(self.naming, None)?;
        let now = self.clock.now();
        (role.created_at, role.updated_at) = (now, now);
        let role = self
            .store
            .write(move |txn| {
                if txn.has_item::<Role>(&role.name)? {
                    let why = format!("duplicated key not allowed: role {:?} already exists", role.name);
                    return Err(Error::Conflict(why.into()));
                }
                role.id = txn.next_id(Role::KIND)?;
                txn.put_item(&role)?;
                Ok(role)
            })
            .await?;
        Ok(self.view(&role))
    }

    /// Replaces what a role says of itself.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn replace(&self, name: &str, draft: RoleDraft) -> Result<(), Error> {
        let (name, naming, now) = (name.to_owned(), self.naming, self.clock.now());
        self.store
            .write(move |txn| {
                let stored = txn.item::<Role>(&name)?.ok_or(Error::NotFound)?;
                let mut role = draft.settle(naming, Some(&stored))?;
                role.updated_at = now;
                txn.put_item(&role)
            })
            .await
    }

    /// Removes a role; its users lose it, and their tokens and sessions end. While an admin has it, it stays.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] while an admin has it.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        let (name, now) = (name.to_owned(), self.clock.now());
        let users = self
            .store
            .write(move |txn| {
                if !txn.has_item::<Role>(&name)? {
                    return Err(Error::NotFound);
                }
                if let Some(admin) = txn.items::<Admin>()?.iter().find(|admin| admin.role == name) {
                    let who = admin.username.as_str();
                    return Err(Error::invalid(format!("the role {name:?} is in use by the admin {who:?}")));
                }
                let users: HashSet<String> = txn.users_of_role(&name)?.into_iter().collect();
                for username in &users {
                    let Some(mut user) = txn.user(username)?.map(|stored| stored.value) else { continue };
                    user.role.clear();
                    user.updated_at = now;
                    user.account.generation += 1;
                    txn.put_user(&user)?;
                }
                txn.delete_item::<Role>(&name)?;
                Ok(users)
            })
            .await?;
        self.sessions.end_all_of_these(&users);
        Ok(())
    }

    fn view(&self, role: &Role) -> RoleView {
        let mut admins: Vec<String> = self
            .store
            .shelf::<Admin>()
            .all()
            .iter()
            .filter(|admin| admin.role == role.name)
            .map(|admin| admin.username.as_str().to_owned())
            .collect();
        admins.truncate(MAX_MEMBERS);
        RoleView { role: role.clone(), admins, users: self.store.users_of_role(&role.name, MAX_MEMBERS) }
    }
}
