//! Tokens that died early: signed out, or used to change the password. Remembered in the store until
//! they would have ended by themselves; and those that outlive the others of their account.

use std::sync::Arc;

use super::jwt::Claims;
use crate::clock::Clock;
use crate::domain::revoked_token::RevokedToken;
use crate::domain::time::UnixMillis;
use crate::error::Error;
use crate::store::{Store, Window};

/// How many dead tokens one write of a clean-up forgets at most.
const CLEAN_UP_AT_ONCE: usize = 1_000;
/// How much longer than its own time a dead token is remembered, in milliseconds: no leeway brings it back.
const MARGIN: i64 = 60_000;

/// The tokens that died early.
#[derive(Debug, Clone)]
pub struct Revocations {
    store: Store,
    clock: Clock,
}

impl Revocations {
    /// Dead tokens remembered in `store`.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Whether the token of this id died early.
    pub fn contains(&self, token_id: &str) -> bool {
        self.store.shelf::<RevokedToken>().get(token_id).is_some()
    }

    /// Ends a token; on disk before this returns.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn revoke(&self, claims: &Claims) -> Result<(), Error> {
        self.revoke_until(&claims.jti, UnixMillis::new(claims.exp.saturating_mul(1000))).await
    }

    /// Ends the token of this id, which would have ended by itself at `expires_at`.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn revoke_until(&self, token_id: &str, expires_at: UnixMillis) -> Result<(), Error> {
        let token = RevokedToken { id: token_id.to_owned(), expires_at: expires_at.plus(MARGIN) };
        self.store.write(move |txn| txn.put_item(&token)).await
    }

    /// Whether this token is taken for a state of its account, named as in the claim `sub`, though it was made
    /// for an earlier one.
    pub fn spares(&self, token_id: &str, account: &str) -> bool {
        self.store.shelf::<RevokedToken>().get(RevokedToken::spared_id(token_id, account)).is_some()
    }

    /// Lets a token outlive what its owner did with it, up to this state of the account and no further; on disk
    /// before this returns.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn spare(&self, claims: &Claims, account: &str) -> Result<(), Error> {
        let expires_at = UnixMillis::new(claims.exp.saturating_mul(1000)).plus(MARGIN);
        let note = RevokedToken::spared(&claims.jti, account, expires_at);
        self.store.write(move |txn| txn.put_item(&note)).await
    }

    /// Forgets the tokens that would be over by now anyway; gives how many.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn clean_up(&self) -> Result<usize, Error> {
        let (mut kept, mut forgotten) = (0, 0);
        loop {
            let window = Window { offset: kept, limit: CLEAN_UP_AT_ONCE, descending: false };
            let page = self.store.shelf::<RevokedToken>().page(window);
            if page.is_empty() {
                return Ok(forgotten);
            }
            let over = self.forget_those_over(&page).await?;
            kept += page.len() - over;
            forgotten += over;
        }
    }

    /// Forgets the tokens among these that are over; gives how many.
    async fn forget_those_over(&self, tokens: &[Arc<RevokedToken>]) -> Result<usize, Error> {
        let now = self.clock.now();
        let over = tokens.iter().filter(|token| token.expires_at < now);
        let over: Vec<String> = over.map(|token| token.id.clone()).collect();
        if over.is_empty() {
            return Ok(0);
        }
        self.store
            .write(move |txn| {
                for id in &over {
                    txn.delete_item::<RevokedToken>(id)?;
                }
                Ok(over.len())
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;

    #[tokio::test]
    async fn every_token_that_is_over_is_forgotten_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { reserve_bytes: 0, ..StoreOptions::new(folder.path().join("store")) };
        let clock = Clock::fixed(UnixMillis::new(0));
        let revocations = Revocations::new(Store::open(&options).unwrap(), clock.clone());
        let many = 2 * CLEAN_UP_AT_ONCE + 10;
        revocations
            .store
            .write(move |txn| {
                (0..many).try_for_each(|number| {
                    let expires_at = UnixMillis::new(if number % 3 == 0 { 2_000 } else { 1_000 });
                    txn.put_item(&RevokedToken { id: format!("{number:09}"), expires_at })
                })
            })
            .await
            .unwrap();
        assert_eq!(revocations.clean_up().await.unwrap(), 0);
        clock.advance(1_500);
        assert_eq!(revocations.clean_up().await.unwrap(), many - many.div_ceil(3));
        clock.advance(1_000);
        assert_eq!(revocations.clean_up().await.unwrap(), many.div_ceil(3));
        assert!(revocations.store.shelf::<RevokedToken>().is_empty());
    }

    #[tokio::test]
    async fn a_dead_token_is_remembered_beyond_any_leeway() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { reserve_bytes: 0, ..StoreOptions::new(folder.path().join("store")) };
        let clock = Clock::fixed(UnixMillis::new(0));
        let revocations = Revocations::new(Store::open(&options).unwrap(), clock.clone());
        revocations.revoke_until("x", UnixMillis::new(1_000)).await.unwrap();
        clock.advance(1_000 + 30_000);
        assert_eq!(revocations.clean_up().await.unwrap(), 0);
        clock.advance(31_000);
        assert_eq!(revocations.clean_up().await.unwrap(), 1);
    }
}
