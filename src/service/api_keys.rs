//! API keys: made, changed, taken back (`contract/endpoints.md` §9). Who a key speaks for is found
//! out at the gate.

use std::sync::Arc;

use super::hashing::HashingPool;
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
    /// [`Error::NotFound`].
    pub fn get(&self, id: &str) -> Result<Arc<ApiKey>, Error> {
        self.store.shelf::<ApiKey>().get(id).ok_or(Error::NotFound)
    }

    /// A window of the keys in byte order of their ids.
    pub fn list(&self, window: Window) -> Vec<Arc<ApiKey>> {
        self.store.shelf::<ApiKey>().page(window)
    }

    /// Makes a key of 128 random bits; only a hash of them is kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a rule that is broken, [`Error::Busy`] when too many passwords wait.
    pub async fn create(&self, draft: ApiKeyDraft) -> Result<NewApiKey, Error> {
        let mut key = draft.settle(None)?;
        let secret = random::short_id();
        key.id = random::short_id();
        key.secret = Some(self.hashing.hash(NewPassword::new(secret.clone())).await?);
        let now = self.clock.now();
        (key.created_at, key.updated_at) = (now, now);
        let new = NewApiKey { id: key.id.clone(), value: NewPassword::new(format!("{}.{secret}", key.id)) };
        self.store
            .write(move |txn| {
                check_owner(txn, &key)?;
                txn.put_item(&key)
            })
            .await?;
        Ok(new)
    }

    /// Replaces what a key says of itself; its id and secret stay.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn replace(&self, id: &str, draft: ApiKeyDraft) -> Result<(), Error> {
        let (id, now) = (id.to_owned(), self.clock.now());
        self.store
            .write(move |txn| {
                let stored = txn.item::<ApiKey>(&id)?.ok_or(Error::NotFound)?;
                let mut key = draft.settle(Some(&stored))?;
                key.updated_at = now;
                check_owner(txn, &key)?;
                txn.put_item(&key)
            })
            .await
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.store
            .write(move |txn| if txn.delete_item::<ApiKey>(&id)? { Ok(()) } else { Err(Error::NotFound) })
            .await
    }
}

/// A key is bound to an account that exists, spelled exactly.
pub(super) fn check_owner(txn: &Txn<'_>, key: &ApiKey) -> Result<(), Error> {
    let Some(name) = key.bound_to() else { return Ok(()) };
    let exists = match key.scope {
        Scope::Admin => txn.has_item::<Admin>(name)?,
        Scope::User => txn.has_user(name)?,
    };
    if exists {
        Ok(())
    } else {
        Err(Error::invalid(format!("the account {name:?} of the key does not exist")))
    }
}
