//! Tokens whose owners signed out before the tokens' end.

use super::time::UnixMillis;

/// A token that is dead before its time; remembered until that time, also over a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedToken {
    /// The token's own name, its claim `jti`.
    pub id: String,
    /// When the token would have ended by itself, and can be forgotten.
    pub expires_at: UnixMillis,
}
