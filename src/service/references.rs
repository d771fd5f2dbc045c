//! What users and groups refer to: that it exists, when it last changed, and what a user's groups do to him.

use std::borrow::Borrow;
use std::sync::Arc;

use crate::domain::folder::Folder;
use crate::domain::group::{EffectiveUser, Group, GroupRefs};
use crate::domain::quote::quote;
use crate::domain::role::Role;
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::domain::virtual_folder::VirtualFolders;
use crate::error::Error;
use crate::store::{Shelves, Store, Txn};

/// Holds what a user refers to against the store: roles 409, folders and groups 400
/// (`contract/validation.md` §1 rule 20, `contract/differences.md` §2).
///
/// # Errors
/// [`Error::Conflict`] and [`Error::Invalid`] for what does not exist.
pub fn check_user(txn: &Txn<'_>, user: &User) -> Result<(), Error> {
    check_role(txn, &user.role)?;
    check_folders(txn, &user.virtual_folders)?;
    user.groups.iter().try_for_each(|group| check_group(txn, &group.name))
}

/// Holds the role of a user or an admin against the store; an empty name is none.
///
/// # Errors
/// [`Error::Conflict`] when it does not exist.
pub fn check_role(txn: &Txn<'_>, name: &str) -> Result<(), Error> {
    if name.is_empty() || txn.has_item::<Role>(name)? { Ok(()) } else { Err(lost_role(name)) }
}

/// Holds the folders of a user or a group against the store.
///
/// # Errors
/// [`Error::Invalid`] for one that does not exist.
pub fn check_folders(txn: &Txn<'_>, folders: &VirtualFolders) -> Result<(), Error> {
    for folder in folders {
        if !txn.has_item::<Folder>(folder.name())? {
            return Err(lost_folder(folder.name()));
        }
    }
    Ok(())
}

/// Holds the group of a user or an admin against the store.
///
/// # Errors
/// [`Error::Invalid`] when it does not exist.
pub fn check_group(txn: &Txn<'_>, name: &str) -> Result<(), Error> {
    if txn.has_item::<Group>(name)? { Ok(()) } else { Err(lost_group(name)) }
}

/// The refusal of a role that does not exist.
pub fn lost_role(name: &str) -> Error {
    Error::Conflict(format!("violates foreign key constraint: role {} does not exist", quote(name)).into())
}

/// The refusal of a folder that does not exist.
pub fn lost_folder(name: &str) -> Error {
    Error::invalid(format!("virtual_folders: folder {} does not exist", quote(name)))
}

/// The refusal of a group that does not exist.
pub fn lost_group(name: &str) -> Error {
    Error::invalid(format!("groups: group {} does not exist", quote(name)))
}

/// The refusal of an API key for a user or an admin that does not exist.
pub fn lost_account(name: &str) -> Error {
    Error::invalid(format!("the account {} of the key does not exist", quote(name)))
}

/// A user under the settings of his groups as they are now. Nothing when they cannot be applied to him,
/// and then he may not come in.
pub fn effective(store: &Store, user: User) -> Option<EffectiveUser> {
    let groups = user.groups.giving().filter_map(|group| store.shelf::<Group>().get(&group.name));
    let groups: Vec<Arc<Group>> = groups.collect();
    applied(user, &groups)
}

/// The same within a write.
///
/// # Errors
/// When a group cannot be read.
pub fn effective_in(txn: &Txn<'_>, user: User) -> Result<Option<EffectiveUser>, Error> {
    let groups = user.groups.giving().map(|group| txn.item::<Group>(&group.name));
    let groups: Vec<Option<Group>> = groups.collect::<Result<_, _>>()?;
    let groups: Vec<Group> = groups.into_iter().flatten().collect();
    Ok(applied(user, &groups))
}

fn applied<G: Borrow<Group>>(user: User, groups: &[G]) -> Option<EffectiveUser> {
    EffectiveUser::new(user, groups)
        .inspect_err(|why| log::warn!("the settings of a group keep a user out: {why}"))
        .ok()
}

/// The greatest strength that a user's groups ask of a password that an admin sets
/// (`contract/differences.md` §3); 0 when none does.
pub fn least_strength(store: &Store, groups: &GroupRefs) -> i64 {
    let groups = groups.giving().filter_map(|group| store.shelf::<Group>().get(&group.name));
    groups.map(|group| strength_of(&group)).max().unwrap_or(0)
}

/// The strength that a group asks of such a password; 0 when it does not.
pub fn strength_of(group: &Group) -> i64 {
    group.user_settings.filters.get().password_strength
}

/// When what a user refers to was last changed: it moves his `updated_at`
/// (`contract/storage-and-listing.md` §3). Found out when he is shown, so that a change of a group costs the
/// same however many belong to it.
pub fn last_change(things: &Shelves, role: &str, groups: &GroupRefs, folders: &VirtualFolders) -> UnixMillis {
    let role = things.shelf::<Role>().get(role).map(|role| role.updated_at);
    let groups = groups.iter().filter_map(|group| things.shelf::<Group>().get(&group.name));
    let folders = folders.iter().filter_map(|folder| things.shelf::<Folder>().get(folder.name()));
    let changes = groups.map(|group| group.updated_at).chain(folders.map(|folder| folder.changed_at));
    changes.chain(role).max().unwrap_or_default()
}
