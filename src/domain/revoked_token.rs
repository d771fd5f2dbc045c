//! Tokens that end before their time, or outlive what ended the others of their account.

use super::time::UnixMillis;

/// A token that is dead before its time; remembered until that time, also over a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedToken {
    /// The token's own name, its claim `jti`.
    pub id: String,
    /// When the token would have ended by itself, and can be forgotten.
    pub expires_at: UnixMillis,
}

impl RevokedToken {
    /// The note, among those of dead tokens, that one is still taken for a later state of its account than it
    /// was made for. No token's own name has a blank.
    pub fn spared(token_id: &str, account: &str, expires_at: UnixMillis) -> Self {
        Self { id: Self::spared_id(token_id, account), expires_at }
    }

    /// The name of such a note.
    pub fn spared_id(token_id: &str, account: &str) -> String {
        format!("{token_id} {account}")
    }
}
