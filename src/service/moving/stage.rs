//! What becomes of one object inside a write: added with the facts of the dump, or put in the place of the one
//! that is there, whose own facts stay (`contract/import.md` §4, §5).

use super::incoming::Part;
use super::last_admin::{self, as_he_is};
use super::{Mode, restoring};
use crate::domain::admin::Admin;
use crate::domain::api_key::ApiKey;
use crate::domain::folder::Folder;
use crate::domain::group::Group;
use crate::domain::role::Role;
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::error::Error;
use crate::service::admins::{self, AdminEditor};
use crate::service::api_keys::check_owner;
use crate::service::requester::Requester;
use crate::service::{references, users};
use crate::store::{Shelved as _, Txn};

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is new.
    Added,
    /// It stands in the place of another.
    Replaced,
    /// The one that is there stays.
    Kept,
}

/// How objects are staged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Staging {
    pub(super) mode: Mode,
    pub(super) now: UnixMillis,
}

impl Staging {
    /// The moment of a creation: the dump's, where it says one.
    fn created(self, said: UnixMillis) -> UnixMillis {
        if said.is_zero() { self.now } else { said }
    }

    pub(super) fn role(self, txn: &mut Txn<'_>, mut role: Role) -> Result<Fate, Error> {
        role.updated_at = self.now;
        let fate = match txn.item::<Role>(&role.name)? {
            Some(_) if self.mode == Mode::AddOnly => return Ok(Fate::Kept),
            Some(stored) => {
                (role.id, role.created_at) = (stored.id, stored.created_at);
                Fate::Replaced
            }
            None => {
                role.id = txn.next_id(Role::KIND)?;
                role.created_at = self.created(role.created_at);
                Fate::Added
            }
        };
        txn.put_item(&role)?;
        Ok(fate)
    }

    pub(super) fn folder(self, txn: &mut Txn<'_>, folder: Folder) -> Result<Fate, Error> {
        let (mut folder, fate) = match txn.item::<Folder>(&folder.name)? {
            Some(_) if self.mode == Mode::AddOnly => return Ok(Fate::Kept),
            Some(stored) => (folder.with_state_of(&stored), Fate::Replaced),
            None => (Folder { id: txn.next_id(Folder::KIND)?, ..folder }, Fate::Added),
        };
        folder.changed_at = self.now;
        txn.put_item(&folder)?;
        Ok(fate)
    }

    pub(super) fn group(self, txn: &mut Txn<'_>, mut group: Group) -> Result<Fate, Error> {
        references::check_folders(txn, &group.virtual_folders)?;
        group.updated_at = self.now;
        let fate = match txn.item::<Group>(&group.name)? {
            Some(_) if self.mode == Mode::AddOnly => return Ok(Fate::Kept),
            Some(stored) => {
                (group.id, group.created_at) = (stored.id, stored.created_at);
                Fate::Replaced
            }
            None => {
                group.id = txn.next_id(Group::KIND)?;
                group.created_at = self.created(group.created_at);
                Fate::Added
            }
        };
        txn.put_item(&group)?;
        Ok(fate)
    }

    /// Says also whether sessions of the user end.
    pub(super) fn user(self, txn: &mut Txn<'_>, user: &mut User) -> Result<(Fate, bool), Error> {
        references::check_user(txn, user)?;
        user.updated_at = self.now;
        let outcome = match txn.user(user.username.as_str())? {
            Some(_) if self.mode == Mode::AddOnly => return Ok((Fate::Kept, false)),
            Some(stored) => {
                user.keep_facts_of(&stored.value);
                let ends = self.mode == Mode::ReplaceAndDisconnect || users::ends_tokens(&stored.value, user);
                user.account.generation += u64::from(ends);
                (Fate::Replaced, ends)
            }
            None => {
                user.id = txn.next_user_id()?;
                user.created_at = self.created(user.created_at);
                (Fate::Added, false)
            }
        };
        txn.put_user(user)?;
        Ok(outcome)
    }

    /// Stages all admins; there must be one who can put everything right afterwards, if there was one.
    /// To the `loader` himself nothing is done that he may not do to himself.
    pub(super) fn admins(
        self,
        txn: &mut Txn<'_>,
        admins: Vec<Admin>,
        loader: Option<&AdminEditor>,
    ) -> Result<Vec<Fate>, Error> {
        if self.mode != Mode::AddOnly {
            let stored = txn.items::<Admin>()?;
            let kept = last_admin::kept_back(stored.iter().map(as_he_is), admins.iter().map(as_he_is));
            if let Some(name) = kept {
                return Err(restoring(Part::Admins, name, last_admin::refusal()));
            }
        }
        admins.into_iter().map(|admin| self.admin(txn, admin, loader)).collect()
    }

    fn admin(self, txn: &mut Txn<'_>, mut admin: Admin, loader: Option<&AdminEditor>) -> Result<Fate, Error> {
        admins::check_references(txn, &admin)?;
        admin.updated_at = self.now;
        let fate = match txn.item::<Admin>(admin.username.as_str())? {
            Some(_) if self.mode == Mode::AddOnly => return Ok(Fate::Kept),
            Some(stored) => {
                admin.keep_facts_of(&stored);
                let name = stored.username.as_str();
                admins::protect_loader(loader, &stored, &mut admin)
                    .map_err(|why| restoring(Part::Admins, name, why))?;
                let ends = self.mode == Mode::ReplaceAndDisconnect || admins::ends_tokens(&stored, &admin);
                admin.account.generation += u64::from(ends);
                Fate::Replaced
            }
            None => {
                admin.id = txn.next_id(Admin::KIND)?;
                admin.created_at = self.created(admin.created_at);
                Fate::Added
            }
        };
        txn.put_item(&admin)?;
        Ok(fate)
    }

    /// The secret of a key that is there stays.
    pub(super) fn api_key(self, txn: &mut Txn<'_>, mut key: ApiKey) -> Result<Fate, Error> {
        check_owner(txn, &key, &Requester::default())?;
        key.updated_at = self.now;
        let fate = match txn.item::<ApiKey>(&key.id)? {
            Some(_) if self.mode == Mode::AddOnly => return Ok(Fate::Kept),
            Some(stored) => {
                key.secret = stored.secret;
                (key.created_at, key.last_use_at) = (stored.created_at, stored.last_use_at);
                Fate::Replaced
            }
            None => {
                key.created_at = self.created(key.created_at);
                Fate::Added
            }
        };
        txn.put_item(&key)?;
        Ok(fate)
    }
}
