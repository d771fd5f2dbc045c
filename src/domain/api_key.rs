//! API keys: what speaks for an admin or a user in the header `X-SFTPGO-API-KEY`
//! (`contract/auth.md` §2, `contract/validation.md` §12).

use serde::{Deserialize, Serialize};

use super::password::{NewPassword, PasswordHash};
use super::time::UnixMillis;
use super::user_draft::PasswordChange;
use crate::error::Invalid;

/// For whom a key may speak: 1 or 2 on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub enum Scope {
    /// For admins.
    Admin,
    /// For users.
    User,
}

impl TryFrom<i64> for Scope {
    type Error = Invalid;

    fn try_from(number: i64) -> Result<Self, Invalid> {
        match number {
            1 => Ok(Self::Admin),
            2 => Ok(Self::User),
            other => Err(Invalid::new(format!("scope: {other} is neither 1 (admin) nor 2 (user)"))),
        }
    }
}

impl From<Scope> for i64 {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Admin => 1,
            Scope::User => 2,
        }
    }
}

/// An API key as stored and, but for the hash of its secret, as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The public half: 22 characters, before the first dot of the header's value.
    pub id: String,
    /// What the key is for, in its maker's words.
    pub name: String,
    /// For whom the key may speak.
    pub scope: Scope,
    /// When the key was made.
    pub created_at: UnixMillis,
    /// When the key was last changed.
    pub updated_at: UnixMillis,
    /// When the key was last used; moved every ten minutes at most.
    #[serde(default, skip_serializing_if = "UnixMillis::is_zero")]
    pub last_use_at: UnixMillis,
    /// When the key stops being good; 0 is never.
    #[serde(default, skip_serializing_if = "UnixMillis::is_zero")]
    pub expires_at: UnixMillis,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The one user the key speaks for; empty lets the header name one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The one admin the key speaks for; empty lets the header name one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub admin: String,
    /// The hash of the secret half.
    #[serde(skip)]
    pub secret: Option<PasswordHash>,
}

impl ApiKey {
    /// Whether the key's time is over.
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.expires_at.get() > 0 && self.expires_at < now
    }

    /// The one account the key speaks for, if it is bound to one.
    pub fn bound_to(&self) -> Option<&str> {
        let name = match self.scope {
            Scope::Admin => &self.admin,
            Scope::User => &self.user,
        };
        (!name.is_empty()).then_some(name.as_str())
    }
}

/// The body of `POST /apikeys` and `PUT /apikeys/{id}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the members are those of `ApiKey`, told there")]
pub struct ApiKeyDraft {
    pub id: String,
    pub name: String,
    pub key: String,
    pub scope: i64,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    pub last_use_at: UnixMillis,
    pub expires_at: UnixMillis,
    pub description: String,
    pub user: String,
    pub admin: String,
}

impl ApiKeyDraft {
    /// Makes a key of an element of a dump, its times with it; what stands in `key` is told apart, a hash as
    /// it is or a plain secret (`contract/import.md` §4).
    ///
    /// # Errors
    /// As [`ApiKeyDraft::settle`]; when the id cannot be one, or there is no secret.
    pub fn restore(self) -> Result<(ApiKey, PasswordChange), Invalid> {
        if self.id.is_empty() || self.id.contains('.') {
            return Err(Invalid::new("id: a key needs an id without a dot"));
        }
        if self.key.is_empty() {
            return Err(Invalid::new("key: the hash of the key is missing"));
        }
        let secret = match PasswordHash::recognise_strong(&self.key) {
            Some(hash) => PasswordChange::Hashed(hash.within_bounds("key")?),
            None => PasswordChange::New(NewPassword::new(self.key.clone())),
        };
        let (id, created_at, last_use_at) = (self.id.clone(), self.created_at, self.last_use_at);
        let key = self.settle(None)?;
        Ok((ApiKey { id, created_at, last_use_at, ..key }, secret))
    }

    /// Makes a key of the draft, under the rules of `contract/validation.md` §12; with `stored` the
    /// identity, the secret and the times stay. That the bound account exists is for the service
    /// to say.
    ///
    /// # Errors
    /// The first rule that a value breaks, in words that name the member.
    pub fn settle(self, stored: Option<&ApiKey>) -> Result<ApiKey, Invalid> {
        if self.name.is_empty() {
            return Err(Invalid::new("name: please give the key a name"));
        }
        let scope = Scope::try_from(self.scope)?;
        if !self.user.is_empty() && !self.admin.is_empty() {
            return Err(Invalid::new("user, admin: a key speaks for one of them, not for both"));
        }
        let (user, admin) = match scope {
            Scope::Admin => (String::new(), self.admin),
            Scope::User => (self.user, String::new()),
        };
        Ok(ApiKey {
            id: stored.map_or_else(String::new, |key| key.id.clone()),
            name: self.name,
            scope,
            created_at: stored.map_or_else(UnixMillis::default, |key| key.created_at),
            updated_at: stored.map_or_else(UnixMillis::default, |key| key.updated_at),
            last_use_at: stored.map_or_else(UnixMillis::default, |key| key.last_use_at),
            expires_at: self.expires_at,
            description: self.description,
            user,
            admin,
            secret: stored.and_then(|key| key.secret.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(scope: i64, user: &str, admin: &str) -> ApiKeyDraft {
        ApiKeyDraft {
            name: "n".into(),
            scope,
            user: user.into(),
            admin: admin.into(),
            ..ApiKeyDraft::default()
        }
    }

    #[test]
    fn a_key_needs_a_name_and_a_known_scope() {
        assert!(ApiKeyDraft { scope: 1, ..ApiKeyDraft::default() }.settle(None).is_err());
        assert!(draft(0, "", "").settle(None).is_err());
        assert!(draft(3, "", "").settle(None).is_err());
        assert_eq!(draft(2, "", "").settle(None).unwrap().scope, Scope::User);
    }

    #[test]
    fn a_key_is_bound_to_one_account_of_its_scope() {
        assert!(draft(1, "u", "a").settle(None).is_err());
        assert_eq!(draft(1, "u", "").settle(None).unwrap().bound_to(), None);
        assert_eq!(draft(1, "", "a").settle(None).unwrap().bound_to(), Some("a"));
        assert_eq!(draft(2, "u", "").settle(None).unwrap().bound_to(), Some("u"));
    }

    #[test]
    fn zero_never_expires() {
        let mut key = draft(1, "", "").settle(None).unwrap();
        assert!(!key.is_expired(UnixMillis::new(5)));
        key.expires_at = UnixMillis::new(4);
        assert!(key.is_expired(UnixMillis::new(5)));
    }
}
