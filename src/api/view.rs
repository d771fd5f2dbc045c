//! Users, folders and groups as shown: the stored document as it is where it refers to nothing, else with the
//! folders put in as they are now, and for whoever is anonymous what that means; or with what `confidential_data` reveals
//! (`contract/user-model.md` §3 to §6).

use std::collections::HashMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::admin::Admin;
use crate::domain::directory::DirectoryPermissions;
use crate::domain::filesystem::Filesystem;
use crate::domain::filters::Filters;
use crate::domain::folder::Folder;
use crate::domain::group::{Group, GroupRefs};
use crate::domain::secret::Secret;
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::domain::virtual_folder::VirtualFolders;
use crate::error::Error;
use crate::service::references;
use crate::service::requester::Requester;
use crate::state::State;
use crate::store::{Document, Shelves};
use crate::wire;

/// How much of its secrets a folder shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// In a list: those that are there, closed.
    Listed,
    /// Alone: all of them, `{}` for those that are not there.
    Single,
    /// As before, open.
    Confidential,
}

impl Detail {
    /// How many users and groups a folder names that stands in another object.
    fn most_members(self) -> usize {
        match self {
            Self::Listed => 100,
            Self::Single | Self::Confidential => 1000,
        }
    }
}

/// Shows things for one answer; a folder is made once, however often it stands there.
pub struct Views<'a> {
    things: &'a Shelves,
    /// Who has a folder and who is in a group, as far as somebody may know; nobody in a dump, where they may be
    /// very many.
    members: Option<(&'a State, &'a Requester)>,
    detail: Detail,
    folders: HashMap<String, Option<Value>>,
}

/// What a user's document refers to.
#[derive(Deserialize)]
struct Referring {
    updated_at: UnixMillis,
    #[serde(default)]
    role: String,
    #[serde(default)]
    groups: GroupRefs,
    #[serde(default)]
    virtual_folders: VirtualFolders,
    filters: Narrowing,
}

/// What narrows the access of a user more than his lists say.
#[derive(Deserialize)]
struct Narrowing {
    #[serde(default)]
    is_anonymous: bool,
}

impl<'a> Views<'a> {
    /// Views for whoever asks, of so much detail.
    pub fn new(state: &'a State, requester: &'a Requester, detail: Detail) -> Self {
        let things = state.store.shelves();
        Self { things, members: Some((state, requester)), detail, folders: HashMap::new() }
    }

    /// Views for a dump: everything is open, nobody is named as a member.
    pub fn dumped(things: &'a Shelves) -> Self {
        Self { things, members: None, detail: Detail::Confidential, folders: HashMap::new() }
    }

    /// The answer that shows a stored user.
    ///
    /// # Errors
    /// Internal when a stored document does not read, which none does.
    pub fn user(&mut self, document: &Document) -> Result<Bytes, Error> {
        let stored = match document {
            Document::Complete(stored) => return Ok(stored.body()),
            Document::ToRender(stored) => stored,
        };
        let refers: Referring = serde_json::from_slice(stored.json()).map_err(Error::internal)?;
        let changed_at = self.last_change(&refers.role, &refers.groups, &refers.virtual_folders);
        let is_anonymous = refers.filters.is_anonymous;
        if refers.virtual_folders.is_empty() && changed_at <= refers.updated_at && !is_anonymous {
            return Ok(stored.body());
        }
        let mut value: Value = serde_json::from_slice(stored.json()).map_err(Error::internal)?;
        if is_anonymous {
            let user: Limited<DirectoryPermissions> =
                serde_json::from_slice(stored.json()).map_err(Error::internal)?;
            narrow(&mut value, &user.filters, &user.permissions.read_only())?;
        }
        value["updated_at"] = changed_at.max(refers.updated_at).get().into();
        self.mount(&mut value, &refers.virtual_folders)?;
        Ok(wire::to_line(&value).map_err(Error::internal)?.into())
    }

    /// The user with the hash of the password and the keys of all secrets.
    ///
    /// # Errors
    /// When the user cannot be written as JSON, which no stored user can be.
    pub fn confidential_user(&mut self, user: &User) -> Result<Value, Error> {
        let mut value = serde_json::to_value(user).map_err(Error::internal)?;
        if user.filters.is_anonymous {
            narrow(&mut value, &user.filters, &user.permissions.read_only())?;
        }
        if let Some(hash) = &user.password {
            value["password"] = hash.expose().into();
        }
        user.filesystem.reveal(&mut value["filesystem"]).map_err(Error::internal)?;
        let filters = &user.filters;
        reveal(&mut value["filters"]["totp_config"]["secret"], &filters.totp_config.secret)?;
        for (index, code) in filters.recovery_codes.iter().enumerate() {
            reveal(&mut value["filters"]["recovery_codes"][index]["secret"], &code.secret)?;
        }
        let changed_at = self.last_change(&user.role, &user.groups, &user.virtual_folders);
        value["updated_at"] = changed_at.max(user.updated_at).get().into();
        self.mount(&mut value, &user.virtual_folders)?;
        Ok(value)
    }

    /// A folder, with at most so many of those who have it.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which no stored folder can be.
    pub fn folder(&self, folder: &Folder, most_members: usize) -> Result<Value, Error> {
        let mut value = serde_json::to_value(folder).map_err(Error::internal)?;
        match self.detail {
            Detail::Listed => {}
            Detail::Single => Filesystem::complete(&mut value["filesystem"]),
            Detail::Confidential => {
                folder.filesystem.reveal(&mut value["filesystem"]).map_err(Error::internal)?;
            }
        }
        if let Some((state, requester)) = self.members {
            let members = state.folders.members(requester, &folder.name, most_members);
            put_names(&mut value, "users", members.users);
            put_names(&mut value, "groups", members.groups);
        }
        Ok(value)
    }

    /// A group, with at most so many of those who are in it.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which no stored group can be.
    pub fn group(&mut self, group: &Group, most_members: usize) -> Result<Value, Error> {
        let mut value = serde_json::to_value(group).map_err(Error::internal)?;
        let settings = &group.user_settings;
        if settings.filters.get().is_anonymous {
            narrow(&mut value["user_settings"], settings.filters.get(), &settings.permissions.read_only())?;
        }
        if self.detail == Detail::Confidential {
            let filesystem = &group.user_settings.filesystem;
            filesystem.reveal(&mut value["user_settings"]["filesystem"]).map_err(Error::internal)?;
        }
        if let Some((state, requester)) = self.members {
            let members = state.groups.members(requester, &group.name, most_members);
            put_names(&mut value, "users", members.users);
            put_names(&mut value, "admins", members.admins);
        }
        self.mount(&mut value, &group.virtual_folders)?;
        Ok(value)
    }

    /// Puts the folders themselves into the place of what refers to them; one that is gone is left out.
    fn mount(&mut self, value: &mut Value, folders: &VirtualFolders) -> Result<(), Error> {
        let mut mounted = Vec::new();
        for folder in folders {
            let Some(mut shown) = self.embedded(folder.name())? else { continue };
            shown["virtual_path"] = folder.virtual_path().into();
            shown["quota_size"] = folder.quota_size().into();
            shown["quota_files"] = folder.quota_files().into();
            mounted.push(shown);
        }
        let members = value.as_object_mut().ok_or_else(|| Error::internal("a document is no object"))?;
        put_list(members, "virtual_folders", mounted);
        Ok(())
    }

    fn embedded(&mut self, name: &str) -> Result<Option<Value>, Error> {
        if let Some(made) = self.folders.get(name) {
            return Ok(made.clone());
        }
        let folder = self.things.shelf::<Folder>().get(name);
        let made = folder.map(|folder| self.folder(&folder, self.detail.most_members())).transpose()?;
        self.folders.insert(name.to_owned(), made.clone());
        Ok(made)
    }

    fn last_change(&self, role: &str, groups: &GroupRefs, folders: &VirtualFolders) -> UnixMillis {
        references::last_change(self.things, role, groups, folders)
    }
}

/// The members of a stored user that being anonymous concerns.
#[derive(Deserialize)]
struct Limited<P> {
    permissions: P,
    filters: Filters,
}

/// Shows what holds of an anonymous user, or of a group that makes its members anonymous, in the place of what was
/// sent and is kept (`contract/differences.md` §3).
fn narrow(shown: &mut Value, filters: &Filters, permissions: &impl Serialize) -> Result<(), Error> {
    let text = |value: Result<Value, serde_json::Error>| value.map_err(Error::internal);
    shown["permissions"] = text(serde_json::to_value(permissions))?;
    let shown = &mut shown["filters"];
    shown["denied_protocols"] = text(serde_json::to_value(filters.protocols_denied_in_force()))?;
    shown["denied_login_methods"] = text(serde_json::to_value(filters.methods_denied_in_force()))?;
    Ok(())
}

/// Puts a list of names into an object, unless it is empty.
pub(super) fn put_names(value: &mut Value, member: &str, names: Vec<String>) {
    if !names.is_empty() {
        value[member] = names.into();
    }
}

/// Puts a list into an object, or takes it out when it is empty.
fn put_list(members: &mut Map<String, Value>, member: &str, list: Vec<Value>) {
    if list.is_empty() {
        members.remove(member);
    } else {
        members.insert(member.to_owned(), list.into());
    }
}

/// The admin with the hash of the password and the keys of all secrets, as a dump has him
/// (`contract/import.md` §2).
///
/// # Errors
/// When the admin cannot be written as JSON, which no stored admin can be.
pub fn confidential_admin(admin: &Admin) -> Result<Value, Error> {
    let mut value = serde_json::to_value(admin).map_err(Error::internal)?;
    if let Some(hash) = &admin.password {
        value["password"] = hash.expose().into();
    }
    let filters = &admin.filters;
    reveal(&mut value["filters"]["totp_config"]["secret"], &filters.totp_config.secret)?;
    for (index, code) in filters.recovery_codes.iter().enumerate() {
        reveal(&mut value["filters"]["recovery_codes"][index]["secret"], &code.secret)?;
    }
    Ok(value)
}

/// Shows a secret with its key and additional data.
fn reveal(place: &mut Value, secret: &Secret) -> Result<(), Error> {
    *place = serde_json::to_value(secret.confidential()).map_err(Error::internal)?;
    Ok(())
}
