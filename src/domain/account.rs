//! What the server remembers of an account, user or admin, that no answer shows.

/// The unseen state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountState {
    /// Counted up by everything that must end earlier tokens: another password, status, permission,
    /// role or second factor. A token carries the number it was made under.
    pub generation: u64,
    /// The last TOTP step that was used; an earlier or equal one is refused, also after a restart.
    pub last_totp_step: Option<u64>,
}
