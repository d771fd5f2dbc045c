//! Tokens that died early: signed out, or used to change the password. Remembered in the store until
//! they would have ended by themselves.

use super::jwt::Claims;
use crate::clock::Clock;
use crate::domain::revoked_token::RevokedToken;
use crate::domain::time::UnixMillis;
use crate::error::Error;
use crate::store::{Store, Window};

/// How many dead tokens one clean-up looks at.
const CLEAN_UP_AT_ONCE: usize = 10_000;

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

    /// Whether this token died early.
    pub fn contains(&self, claims: &Claims) -> bool {
        self.store.shelf::<RevokedToken>().get(&claims.jti).is_some()
    }

    /// Ends a token; on disk before this returns.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn revoke(&self, claims: &Claims) -> Result<(), Error> {
        // A minute more than the token's own time, so that no leeway brings it back.
        let expires_at = UnixMillis::new((claims.exp + 60).saturating_mul(1000));
        self.revoke_until(&claims.jti, expires_at).await
    }

    /// Ends the token of this id, which would have ended by itself at `expires_at`.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn revoke_until(&self, token_id: &str, expires_at: UnixMillis) -> Result<(), Error> {
        let token = RevokedToken { id: token_id.to_owned(), expires_at };
        self.store.write(move |txn| txn.put_item(&token)).await
    }

    /// Forgets the tokens that would be over by now anyway; gives how many.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn clean_up(&self) -> Result<usize, Error> {
        let now = self.clock.now();
        let window = Window { offset: 0, limit: CLEAN_UP_AT_ONCE, descending: false };
        let over: Vec<String> = self
            .store
            .shelf::<RevokedToken>()
            .page(window)
            .iter()
            .filter(|token| token.expires_at < now)
            .map(|token| token.id.clone())
            .collect();
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
