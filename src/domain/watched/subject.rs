//! Whose failures are counted: an address, or an account, whether or not there is one of that name.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::network::origin;
use crate::error::Invalid;

/// A longer name is kept as a digest: names that strangers make up must not fill the memory.
const LONGEST_NAME: usize = 255;

/// The kinds of whoever fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// An address, of IPv6 the whole /64.
    Address,
    /// A user.
    User,
    /// An admin.
    Admin,
    /// An API key.
    ApiKey,
}

impl SubjectKind {
    const ALL: [Self; 4] = [Self::Address, Self::User, Self::Admin, Self::ApiKey];

    /// The word for this kind.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::User => "user",
            Self::Admin => "admin",
            Self::ApiKey => "api_key",
        }
    }
}

/// A subject in few bytes, to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark([u8; 16]);

/// Whose failures are counted: `address/192.0.2.7`, `user/anna`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject {
    kind: SubjectKind,
    text: String,
}

impl Subject {
    /// The place that an address stands for.
    pub fn address(address: IpAddr) -> Self {
        let kind = SubjectKind::Address;
        Self { kind, text: format!("{}/{}", kind.word(), origin(address)) }
    }

    /// The account of this kind and name, normalised, whether or not there is one.
    pub fn account(kind: SubjectKind, name: &str) -> Self {
        if name.len() > LONGEST_NAME {
            return Self { kind, text: format!("{}/#{}", kind.word(), hex::encode(Sha256::digest(name))) };
        }
        Self { kind, text: format!("{}/{name}", kind.word()) }
    }

    /// Every subject that somebody may mean by such a text: an address, `user/anna`, or `anna` of whatever kind.
    pub fn meant_by(text: &str) -> Vec<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return vec![Self::address(address)];
        }
        if let Ok(subject) = Self::try_from(text.to_owned()) {
            return vec![subject];
        }
        let kinds = [SubjectKind::User, SubjectKind::Admin, SubjectKind::ApiKey];
        kinds.map(|kind| Self::account(kind, text)).into()
    }

    /// The kind.
    pub const fn kind(&self) -> SubjectKind {
        self.kind
    }

    /// The address or name.
    pub fn name(&self) -> &str {
        self.text.split_once('/').map_or("", |(_, name)| name)
    }

    /// The subject in few bytes.
    ///
    /// # Panics
    /// Never: the digest is longer.
    pub fn mark(&self) -> Mark {
        let digest: [u8; 32] = Sha256::digest(&self.text).into();
        Mark(*digest.first_chunk().expect("32 bytes begin with 16"))
    }

    /// Kind and name as one text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for Subject {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let word = text.split_once('/').map_or("", |(word, _)| word);
        let kind = SubjectKind::ALL.into_iter().find(|kind| kind.word() == word);
        let kind =
            kind.ok_or_else(|| Invalid::new("must be written as address/…, user/…, admin/… or api_key/…"))?;
        Ok(Self { kind, text })
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(text: &str) -> Vec<String> {
        Subject::meant_by(text).into_iter().map(String::from).collect()
    }

    #[test]
    fn a_text_means_an_address_an_account_or_a_name_of_any_kind() {
        assert_eq!(meant("192.0.2.7"), ["address/192.0.2.7"]);
        assert_eq!(meant("2001:db8::1"), ["address/2001:db8::"]);
        assert_eq!(meant("admin/anna"), ["admin/anna"]);
        assert_eq!(meant("anna"), ["user/anna", "admin/anna", "api_key/anna"]);
        assert_eq!(meant("a/b"), ["user/a/b", "admin/a/b", "api_key/a/b"]);
    }

    #[test]
    fn a_subject_reads_back_and_a_long_name_is_bounded() {
        for subject in [
            Subject::address("10.0.0.1".parse().unwrap()),
            Subject::account(SubjectKind::User, "a/b"),
            Subject::account(SubjectKind::ApiKey, &"x".repeat(10_000)),
        ] {
            assert!(subject.as_str().len() < 300);
            assert_eq!(Subject::try_from(String::from(subject.clone())).unwrap(), subject);
        }
        assert_eq!(Subject::account(SubjectKind::User, "a/b").name(), "a/b");
        assert!(Subject::try_from("anna".to_owned()).is_err());
    }
}
