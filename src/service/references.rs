//! What users and groups refer to: that it exists, and when it last changed.

use crate::domain::folder::Folder;
use crate::domain::group::{Group, GroupRefs};
use crate::domain::role::Role;
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::domain::virtual_folder::VirtualFolders;
use crate::error::Error;
use crate::store::{Store, Txn};

/// Holds what a user refers to against the store: roles 409, folders and groups 400
/// (`contract/validation.md` §1 rule 20, `contract/differences.md` §2).
///
/// # Errors
/// [`Error::Conflict`] and [`Error::Invalid`] for what does not exist.
pub fn check_user(txn: &Txn<'_>, user: &User) -> Result<(), Error> {
    if !user.role.is_empty() && !txn.has_item::<Role>(&user.role)? {
        return Err(Error::Conflict(
            format!("violates foreign key constraint: role {:?} does not exist", user.role).into(),
        ));
    }
    check_folders(txn, &user.virtual_folders)?;
    user.groups.iter().try_for_each(|group| check_group(txn, &group.name))
}

/// Holds the folders of a user or a group against the store.
///
/// # Errors
/// [`Error::Invalid`] for one that does not exist.
pub fn check_folders(txn: &Txn<'_>, folders: &VirtualFolders) -> Result<(), Error> {
    for folder in folders {
        if !txn.has_item::<Folder>(folder.name())? {
            return Err(Error::invalid(format!(
                "virtual_folders: folder {:?} does not exist",
                folder.name()
            )));
        }
    }
    Ok(())
}

/// Holds the group of a user or an admin against the store.
///
/// # Errors
/// [`Error::Invalid`] when it does not exist.
pub fn check_group(txn: &Txn<'_>, name: &str) -> Result<(), Error> {
    if txn.has_item::<Group>(name)? {
        return Ok(());
    }
    Err(Error::invalid(format!("groups: group {name:?} does not exist")))
}

/// When what a user refers to was last changed: it moves his `updated_at`
/// (`contract/storage-and-listing.md` §3). Found out when he is shown, so that a change of a group costs the
/// same however many belong to it.
pub fn last_change(store: &Store, role: &str, groups: &GroupRefs, folders: &VirtualFolders) -> UnixMillis {
    let role = store.shelf::<Role>().get(role).map(|role| role.updated_at);
    let groups = groups.iter().filter_map(|group| store.shelf::<Group>().get(&group.name));
    let folders = folders.iter().filter_map(|folder| store.shelf::<Folder>().get(folder.name()));
    let changes = groups.map(|group| group.updated_at).chain(folders.map(|folder| folder.changed_at));
    changes.chain(role).max().unwrap_or_default()
}
