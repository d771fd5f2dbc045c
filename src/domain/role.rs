//! Roles: names that bind users to the admins who manage them (`contract/auth.md` §4).

use serde::{Deserialize, Serialize};

use super::time::UnixMillis;
use super::username::{NamingRules, parse_name};
use crate::error::Invalid;

/// The longest name of a role, in bytes.
const MAX_NAME: usize = 255;

/// A role as stored. Who has it is for the service to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Number of the role, counted from 1, never used again.
    pub id: i64,
    /// The name, unique among roles.
    pub name: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When the role was added.
    pub created_at: UnixMillis,
    /// When the role was last changed.
    pub updated_at: UnixMillis,
}

/// The body of `POST /roles` and `PUT /roles/{name}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the members are those of `Role`, told there")]
pub struct RoleDraft {
    pub id: i64,
    pub name: String,
    pub description: String,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    pub users: Vec<String>,
    pub admins: Vec<String>,
}

impl RoleDraft {
    /// Makes a role of an element of a dump, the moment of its creation with it.
    ///
    /// # Errors
    /// As [`RoleDraft::settle`].
    pub fn restore(self, naming: NamingRules) -> Result<Role, Invalid> {
        let created_at = self.created_at;
        Ok(Role { created_at, ..self.settle(naming, None)? })
    }

    /// Makes a role of the draft; with `stored` its name, number and creation stay.
    ///
    /// # Errors
    /// When the name is empty, reserved, too long or against the naming rules.
    pub fn settle(self, naming: NamingRules, stored: Option<&Role>) -> Result<Role, Invalid> {
        let name = match stored {
            Some(stored) => stored.name.clone(),
            None => parse_name("name", &self.name, naming)?,
        };
        if name.len() > MAX_NAME {
            return Err(Invalid::new(format!("name: a role's name has at most {MAX_NAME} bytes")));
        }
        Ok(Role {
            id: stored.map_or(0, |role| role.id),
            name,
            description: self.description,
            created_at: stored.map_or_else(UnixMillis::default, |role| role.created_at),
            updated_at: stored.map_or_else(UnixMillis::default, |role| role.updated_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_over_255_bytes_is_refused() {
        let named = |length: usize| RoleDraft { name: "r".repeat(length), ..RoleDraft::default() };
        assert!(named(255).settle(NamingRules::default(), None).is_ok());
        assert!(named(256).settle(NamingRules::default(), None).is_err());
        let why = named(0).settle(NamingRules::default(), None).unwrap_err();
        assert_eq!(why.to_string(), "name is mandatory");
    }
}
