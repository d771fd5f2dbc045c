//! What the server remembers of an account, user or admin, that no answer shows, and
//! what accounts of both kinds have in common.

use serde::{Deserialize, Serialize};

use super::username::Username;
use crate::error::Invalid;

/// The unseen state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountState {
    /// Counted up by everything that must end earlier tokens: another password, status, permission,
    /// role or second factor. A token carries the number it was made under.
    pub generation: u64,
    /// The last TOTP step that was used; an earlier or equal one is refused, also after a restart.
    pub last_totp_step: Option<u64>,
}

/// The two kinds of accounts; they share names and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountKind {
    /// A person of the service.
    User,
    /// An operator of the server.
    Admin,
}

impl AccountKind {
    /// The word for this kind.
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// Which account, among those of both kinds: `user/anna`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountKey {
    kind: AccountKind,
    text: String,
}

impl AccountKey {
    /// The key of an account, whether or not there is one.
    pub fn new(kind: AccountKind, name: &Username) -> Self {
        Self { kind, text: format!("{}/{}", kind.word(), name.as_str()) }
    }

    /// The kind of account.
    pub const fn kind(&self) -> AccountKind {
        self.kind
    }

    /// The account's name.
    pub fn name(&self) -> &str {
        self.text.split_once('/').map_or("", |(_, name)| name)
    }

    /// Kind and name as one text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for AccountKey {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let word = text.split_once('/').map_or("", |(word, _)| word);
        let kind = [AccountKind::User, AccountKind::Admin].into_iter().find(|kind| kind.word() == word);
        let kind = kind.ok_or_else(|| Invalid::new("an account is written as user/name or admin/name"))?;
        Ok(Self { kind, text })
    }
}

impl From<AccountKey> for String {
    fn from(key: AccountKey) -> Self {
        key.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_names_no_kind_is_no_key() {
        for text in ["", "anna", "users/anna", "User/anna", "/anna"] {
            assert!(AccountKey::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn keys_read_back(name: String, is_admin: bool) {
            let kind = if is_admin { AccountKind::Admin } else { AccountKind::User };
            let key = AccountKey::new(kind, &Username::trusted(name.clone()));
            prop_assert_eq!((key.kind(), key.name()), (kind, name.as_str()));
            prop_assert_eq!(AccountKey::try_from(String::from(key.clone())).unwrap(), key);
        }
    }
}
