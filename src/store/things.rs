//! The small kinds of things and their shelves: admins, API keys, roles, folders,
//! groups, revoked tokens, requests for reset codes. One place
//! says which kind each is, what its key is and how it is encoded.

use super::accounts;
use super::handle::Store;
use super::keys::{Kind, pair, pair_prefix};
use super::record::{Body, Damaged, Decode, Encode, Record, decode_private, encode_private};
use super::shelf::{OnShelf, Shelf, Shelved};
use super::txn::Txn;
use crate::domain::admin::Admin;
use crate::domain::api_key::{ApiKey, Scope};
use crate::domain::folder::Folder;
use crate::domain::group::Group;
use crate::domain::reset_code::PendingReset;
use crate::domain::revoked_token::RevokedToken;
use crate::domain::role::Role;
use crate::domain::time::UnixMillis;
use crate::domain::watched::Watched;
use crate::error::Error;

/// Every shelf of the store.
#[derive(Debug, Clone)]
pub struct Shelves {
    admins: Shelf<Admin>,
    api_keys: Shelf<ApiKey>,
    roles: Shelf<Role>,
    folders: Shelf<Folder>,
    groups: Shelf<Group>,
    revoked_tokens: Shelf<RevokedToken>,
    pending_resets: Shelf<PendingReset>,
}

impl Shelves {
    /// Reads everything that is kept in memory.
    pub(super) fn fill(store: &Store) -> Result<Self, Error> {
        Ok(Self {
            admins: store.fill_shelf()?,
            api_keys: store.fill_shelf()?,
            roles: store.fill_shelf()?,
            folders: store.fill_shelf()?,
            groups: store.fill_shelf()?,
            revoked_tokens: store.fill_shelf()?,
            pending_resets: store.fill_shelf()?,
        })
    }

    /// All of them as they are now, for ever.
    pub(super) fn frozen(&self) -> Self {
        Self {
            admins: self.admins.frozen(),
            api_keys: self.api_keys.frozen(),
            roles: self.roles.frozen(),
            folders: self.folders.frozen(),
            groups: self.groups.frozen(),
            revoked_tokens: self.revoked_tokens.frozen(),
            pending_resets: self.pending_resets.frozen(),
        }
    }

    /// All things of a small kind.
    pub fn shelf<T: OnShelf>(&self) -> &Shelf<T> {
        T::shelf(self)
    }
}

impl OnShelf for Admin {
    fn shelf(shelves: &Shelves) -> &Shelf<Self> {
        &shelves.admins
    }
}

impl Shelved for Admin {
    const KIND: Kind = Kind::Admin;

    fn key(&self) -> &str {
        self.username.as_str()
    }

    fn encode(&self) -> Result<Body, Damaged> {
        accounts::encode_admin(self)
    }

    fn decode(record: &Record<'_>) -> Result<Self, Damaged> {
        accounts::decode_admin(record)
    }
}

impl OnShelf for ApiKey {
    fn shelf(shelves: &Shelves) -> &Shelf<Self> {
        &shelves.api_keys
    }
}

impl Shelved for ApiKey {
    const KIND: Kind = Kind::ApiKey;

    fn key(&self) -> &str {
        &self.id
    }

    fn index(&self) -> Vec<(Kind, Vec<u8>)> {
        let entry = |owner: &str| (Kind::ApiKeyOwner, pair(&owner_key(self.scope, owner), &self.id));
        self.bound_to().map(entry).into_iter().collect()
    }

    fn encode(&self) -> Result<Body, Damaged> {
        accounts::encode_api_key(self)
    }

    fn decode(record: &Record<'_>) -> Result<Self, Damaged> {
        accounts::decode_api_key(record)
    }
}

impl OnShelf for Role {
    fn shelf(shelves: &Shelves) -> &Shelf<Self> {
        &shelves.roles
    }
}

impl Shelved for Role {
    const KIND: Kind = Kind::Role;

    fn key(&self) -> &str {
        &self.name
    }

    fn encode(&self) -> Result<Body, Damaged> {
        accounts::encode_plain(self)
    }

    fn decode(record: &Record<'_>) -> Result<Self, Damaged> {
        accounts::shown(record)
    }
}

impl OnShelf for Folder {
    fn shelf(shelves: &Shelves) -> &Shelf<Self> {
        &shelves.folders
    }
}

impl Shelved for Folder {
    const KIND: Kind = Kind::Folder;

    fn key(&self) -> &str {
        &self.name
    }

    fn encode(&self) -> Result<Body, Damaged> {
        accounts::encode_folder(self)
    }

    fn decode(record: &Record<'_>) -> Result<Self, Damaged> {
        accounts::decode_folder(record)
    }
}

impl OnShelf for Group {
    fn shelf(shelves: &Shelves) -> &Shelf<Self> {
        &shelves.groups
    }
}

impl Shelved for Group {
    const KIND: Kind = Kind::Group;

    fn key(&self) -> &str {
        &self.name
    }

    fn encode(&self) -> Result<Body, Damaged> {
        accounts::encode_group(self)
    }

    fn decode(record: &Record<'_>) -> Result<Self, Damaged> {
        accounts::decode_group(record)
    }
}

/// What is stored of a revoked token, first version.
#[derive(Encode, Decode)]
struct RevokedTokenV1 {
    id: String,
    expires_at: i64,
}

impl OnShelf for RevokedToken {
    fn shelf(shelves: &Shelves) -> &Shelf<Self> {
        &shelves.revoked_tokens
    }
}

impl Shelved for RevokedToken {
    const KIND: Kind = Kind::RevokedToken;

    fn key(&self) -> &str {
        &self.id
    }

    fn encode(&self) -> Result<Body, Damaged> {
        let stored = RevokedTokenV1 { id: self.id.clone(), expires_at: self.expires_at.get() };
        Ok(Body { private: encode_private(&stored)?, ..Body::default() })
    }

    fn decode(record: &Record<'_>) -> Result<Self, Damaged> {
        let RevokedTokenV1 { id, expires_at } = decode_private(record.private)?;
        Ok(Self { id, expires_at: UnixMillis::new(expires_at) })
    }
}

impl Shelved for PendingReset {
    const KIND: Kind = Kind::ResetCode;

    fn key(&self) -> &str {
        self.account.as_str()
    }

    fn encode(&self) -> Result<Body, Damaged> {
        accounts::encode_plain(self)
    }

    fn decode(record: &Record<'_>) -> Result<Self, Damaged> {
        accounts::shown(record)
    }
}

impl OnShelf for PendingReset {
    fn shelf(shelves: &Shelves) -> &Shelf<Self> {
        &shelves.pending_resets
    }
}

impl Shelved for Watched {
    const KIND: Kind = Kind::Watched;

    fn key(&self) -> &str {
        self.subject.as_str()
    }

    fn encode(&self) -> Result<Body, Damaged> {
        accounts::encode_plain(self)
    }

    fn decode(record: &Record<'_>) -> Result<Self, Damaged> {
        accounts::shown(record)
    }
}

/// The owner of keys in the index: admins and users share names.
fn owner_key(scope: Scope, name: &str) -> String {
    match scope {
        Scope::Admin => format!("admin:{name}"),
        Scope::User => format!("user:{name}"),
    }
}

impl Txn<'_> {
    /// Stages the removal of every API key that is bound to this account.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn delete_keys_of(&mut self, scope: Scope, name: &str) -> Result<(), Error> {
        let prefix = pair_prefix(&owner_key(scope, name));
        for (entry, _) in self.scan_prefix(Kind::ApiKeyOwner, &prefix)? {
            let id = String::from_utf8(entry[prefix.len()..].to_vec()).map_err(Error::internal)?;
            self.delete_item::<ApiKey>(&id)?;
        }
        Ok(())
    }
}
