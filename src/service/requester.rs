//! What services need to know of whoever asks: a name for messages, a role that narrows what he
//! may see, and what he prefers for new users. Proof and permissions are the gate's business.

use crate::domain::username::Username;

/// Whoever asks a service for something.
#[derive(Debug, Clone, Default)]
pub struct Requester {
    /// The name of the admin; `None` for a key of the configuration file, which is no account.
    pub admin: Option<Username>,
    /// The role whose users alone may be seen and touched; empty sees all.
    pub role: String,
    /// Days until a new user expires whose request names no expiration; 0 is never.
    pub default_users_expiration: i64,
}

impl Requester {
    /// Whether an object of this role exists for the requester.
    pub fn sees_role(&self, role: &str) -> bool {
        self.role.is_empty() || self.role == role
    }

    /// The role to filter listings by.
    pub fn role_filter(&self) -> Option<&str> {
        (!self.role.is_empty()).then_some(self.role.as_str())
    }
}
