//! API keys: made, changed, taken back (`contract/endpoints.md` §9). Who a key speaks for is found
//! out at the gate. For an admin with a role there are his own keys and those of users of his role: any other
//! would let him be somebody whom his role hides from him.

use std::sync::Arc;

use super::hashing::HashingPool;
use super::references;
use super::requester::Requester;
use crate::clock::Clock;
use crate::domain::admin::Admin;
use crate::domain::api_key::{ApiKey, ApiKeyDraft, Scope};
use crate::domain::password::NewPassword;
use crate::error::Error;
use crate::random;
use crate::store::{Store, Txn, Window};

/// The API keys of the server.
#[derive(Debug, Clone)]
pub struct ApiKeys {
    store: Store,
    hashing: HashingPool,
    clock: Clock,
}

/// A key that was just made.
#[derive(Debug)]
pub struct NewApiKey {
    /// Its public half.
    pub id: String,
    /// The whole value of the header, told only now.
    pub value: NewPassword,
}

impl ApiKeys {
    /// Keys kept in `store`.
    pub fn new(store: Store, hashing: HashingPool, clock: Clock) -> Self {
        Self { store, hashing, clock }
    }

    /// The key of this id.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for a key that the requester's role hides.
    pub fn get(&self, id: &str, requester: &Requester) -> Result<Arc<ApiKey>, Error> {
        let key = self.store.shelf::<ApiKey>().get(id);
        key.filter(|key| self.shows(requester, key)).ok_or(Error::NotFound)
    }

    /// A window of the keys in byte order of their ids.
    pub fn list(&self, window: Window, requester: &Requester) -> Vec<Arc<ApiKey>> {
        let keys = self.store.shelf::<ApiKey>();
        if requester.role.is_empty() {
            return keys.page(window);
        }
        let Window { offset, limit, descending } = window;
        let mut shown: Vec<_> = keys.all().into_iter().filter(|key| self.shows(requester, key)).collect();
        if descending {
            shown.reverse();
        }
        shown.into_iter().skip(offset).take(limit).collect()
    }

    fn shows(&self, requester: &Requester, key: &ApiKey) -> bool {
        requester.role.is_empty()
            || key.bound_to().is_some_and(|name| match key.scope {
                Scope::Admin => is_own(requester, name),
                Scope::User => self.store.has_role(name, &requester.role),
            })
    }

    /// Makes a key of 128 random bits; only a hash of them is kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a rule that is broken, [`Error::Busy`] when too many passwords wait.
    pub async fn create(&self, draft: ApiKeyDraft, requester: &Requester) -> Result<NewApiKey, Error> {
        let mut key = draft.settle(None)?;
        let secret = random::short_id();
        key.id = random::short_id();
        key.secret = Some(self.hashing.hash(NewPassword::new(secret.clone())).await?);
        let now = self.clock.now();
        (key.created_at, key.updated_at) = (now, now);
        let requester = requester.clone();
        let new = NewApiKey { id: key.id.clone(), value: NewPassword::new(format!("{}.{secret}", key.id)) };
        self.store
            .write(move |txn| {
                check_owner(txn, &key, &requester)?;
                txn.put_item(&key)
            })
            .await?;
        Ok(new)
    }

    /// Replaces what a key says of itself; its id and secret stay.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::NotFound`], also for a key that the requester's role hides.
    pub async fn replace(&self, id: &str, draft: ApiKeyDraft, requester: &Requester) -> Result<(), Error> {
        let (id, now, requester) = (id.to_owned(), self.clock.now(), requester.clone());
        self.store
            .write(move |txn| {
                let stored = shown(txn, &id, &requester)?;
                let mut key = draft.settle(Some(&stored))?;
                key.updated_at = now;
                check_owner(txn, &key, &requester)?;
                txn.put_item(&key)
            })
            .await
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for a key that the requester's role hides.
    pub async fn remove(&self, id: &str, requester: &Requester) -> Result<(), Error> {
        let (id, requester) = (id.to_owned(), requester.clone());
        self.store
            .write(move |txn| {
                shown(txn, &id, &requester)?;
                txn.delete_item::<ApiKey>(&id).map(drop)
            })
            .await
    }
}

/// Whether an account of the admins is the requester's own.
fn is_own(requester: &Requester, name: &str) -> bool {
    requester.admin.as_ref().is_some_and(|own| own.as_str() == name)
}

/// The stored key of this id, if it exists for the requester.
fn shown(txn: &Txn<'_>, id: &str, requester: &Requester) -> Result<ApiKey, Error> {
    let key = txn.item::<ApiKey>(id)?.ok_or(Error::NotFound)?;
    let is_shown =
        requester.role.is_empty() || (key.bound_to().is_some() && is_reachable(txn, &key, requester)?);
    if is_shown { Ok(key) } else { Err(Error::NotFound) }
}

/// Whether the account that a key is bound to exists for the requester. A key that is bound to none needs none.
fn is_reachable(txn: &Txn<'_>, key: &ApiKey, requester: &Requester) -> Result<bool, Error> {
    let Some(name) = key.bound_to() else { return Ok(true) };
    let has_role = !requester.role.is_empty();
    match key.scope {
        Scope::Admin => Ok((!has_role || is_own(requester, name)) && txn.has_item::<Admin>(name)?),
        Scope::User if has_role => {
            Ok(txn.user(name)?.is_some_and(|stored| requester.sees_role(&stored.value.role)))
        }
        Scope::User => txn.has_user(name),
    }
}

/// A key is bound to an account that exists, spelled exactly. A requester with a role binds it to himself or to a user of
/// his role.
pub(super) fn check_owner(txn: &Txn<'_>, key: &ApiKey, requester: &Requester) -> Result<(), Error> {
    let Some(name) = key.bound_to() else {
        return if requester.role.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(
                "user, admin: an admin with a role binds each key to himself or to a user of that role",
            ))
        };
    };
    if is_reachable(txn, key, requester)? { Ok(()) } else { Err(references::lost_account(name)) }
}
