//! Everything that is shown, at one moment, while writes go on: users in pieces, read as they are asked for; the small
//! kinds of things and the names, which are in memory anyway and are copied by the first write that changes them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::directory::Directory;
use super::handle::Store;
use super::keys::USER_DOCUMENT;
use super::members::{Members, Membership};
use super::snapshot::{Extent, Snapshot};
use super::things::Shelves;
use super::tree::Entry;
use super::users::Whole;
use crate::error::Error;

/// Users of a piece.
const PIECE: usize = 256;

/// The names of users by role.
pub(super) type Roles = HashMap<String, Arc<Directory>>;

/// All but the users, at one moment.
pub struct Moment {
    shelves: Shelves,
    members: Members,
    roles: Roles,
}

/// The users of the same moment, to be read once. As long as it lives, writes keep what it still has to read.
pub struct MomentUsers {
    snapshot: Snapshot,
    count: usize,
}

/// Users as they are stored, in the order of their names.
pub struct StoredUsers(Vec<Entry>);

impl Store {
    /// Everything as it is now.
    pub fn moment(&self) -> (Moment, MomentUsers) {
        let extent = Extent::of(USER_DOCUMENT, PIECE);
        // Shelves, names and the snapshot change together, while the view is written.
        let mut view = self.shared().view.write();
        let moment = Moment {
            shelves: self.shelves().frozen(),
            members: view.members.clone(),
            roles: view.roles().clone(),
        };
        let count = view.users.len();
        let snapshot = Snapshot::begin(self, &mut view, extent);
        drop(view);
        (moment, MomentUsers { snapshot, count })
    }
}

impl Moment {
    /// The small kinds of things.
    pub fn shelves(&self) -> &Shelves {
        &self.shelves
    }

    /// The names of the users who refer to a group or a folder, in order.
    pub fn users_with<'m>(
        &'m self,
        of: Membership,
        owner: &str,
    ) -> impl Iterator<Item = Cow<'m, str>> + use<'m> {
        names(self.members.of(of, owner))
    }

    /// The names of the users of a role, in order.
    pub fn users_of_role<'m>(&'m self, role: &str) -> impl Iterator<Item = Cow<'m, str>> + use<'m> {
        names(self.roles.get(role).map(AsRef::as_ref))
    }
}

fn names(directory: Option<&Directory>) -> impl Iterator<Item = Cow<'_, str>> {
    directory.into_iter().flat_map(Directory::names).map(String::from_utf8_lossy)
}

impl MomentUsers {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The next users; none when all are read.
    ///
    /// # Errors
    /// Unavailable when the store cannot be read on, or when more was changed meanwhile than is kept.
    pub fn piece(&mut self) -> Result<StoredUsers, Error> {
        Ok(StoredUsers(self.snapshot.piece()?))
    }
}

impl StoredUsers {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads them.
    ///
    /// # Errors
    /// Internal when a record is damaged.
    pub fn whole(self) -> impl Iterator<Item = Result<Whole, Error>> {
        self.0.into_iter().map(|(key, value)| Ok(Whole::decode(key, &value?)?))
    }
}
