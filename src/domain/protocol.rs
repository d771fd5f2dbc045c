//! The services a user may sign in to, and those a second factor can guard. Lists keep what was sent,
//! copies included (`contract/validation.md` §8, rules 4 and 5).

use serde::{Deserialize, Serialize};

use super::word::{self, Word, distinct};
use crate::error::Invalid;

/// A service users sign in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Protocol {
    /// SFTP, SCP and whatever else runs over SSH.
    Ssh,
    /// FTP, with TLS or without.
    Ftp,
    /// WebDAV.
    Dav,
    /// The web client and this API.
    Http,
}

impl Word for Protocol {
    const ALL: &'static [Self] = &[Self::Ssh, Self::Ftp, Self::Dav, Self::Http];

    fn word(self) -> &'static str {
        match self {
            Self::Ssh => "SSH",
            Self::Ftp => "FTP",
            Self::Dav => "DAV",
            Self::Http => "HTTP",
        }
    }
}

impl TryFrom<String> for Protocol {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        word::parse("filters.denied_protocols", &text)
    }
}

impl From<Protocol> for &'static str {
    fn from(protocol: Protocol) -> Self {
        protocol.word()
    }
}

/// A service that can ask for a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum MfaProtocol {
    /// SFTP, SCP and whatever else runs over SSH.
    Ssh,
    /// FTP, with TLS or without.
    Ftp,
    /// The web client and this API.
    Http,
}

impl Word for MfaProtocol {
    const ALL: &'static [Self] = &[Self::Ssh, Self::Ftp, Self::Http];

    fn word(self) -> &'static str {
        match self {
            Self::Ssh => "SSH",
            Self::Ftp => "FTP",
            Self::Http => "HTTP",
        }
    }
}

impl TryFrom<String> for MfaProtocol {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        word::parse("filters.two_factor_protocols", &text)
    }
}

impl From<MfaProtocol> for &'static str {
    fn from(protocol: MfaProtocol) -> Self {
        protocol.word()
    }
}

/// The protocols a user is kept from: never as many as there are, so that one is always left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Protocol>")]
pub struct DeniedProtocols(Vec<Protocol>);

impl DeniedProtocols {
    /// Takes a list as it was sent.
    ///
    /// # Errors
    /// When it has as many members as there are protocols, copies counted.
    pub fn parse(list: Vec<Protocol>) -> Result<Self, Invalid> {
        if list.len() >= Protocol::ALL.len() {
            return Err(Invalid::new("filters.denied_protocols: at least one protocol must stay allowed"));
        }
        Ok(Self(list))
    }

    /// The same list with further protocols and without copies.
    ///
    /// # Errors
    /// As [`DeniedProtocols::parse`].
    pub fn with(&self, more: impl IntoIterator<Item = Protocol>) -> Result<Self, Invalid> {
        Self::parse(distinct(self.0.iter().copied().chain(more)))
    }

    /// Both lists together, for what holds of a user and his groups at once: all may be denied then.
    #[must_use]
    pub fn and(&self, more: &Self) -> Self {
        self.and_these(more.0.iter().copied())
    }

    /// The same list with these and without copies; all may be denied then.
    #[must_use]
    pub fn and_these(&self, more: impl IntoIterator<Item = Protocol>) -> Self {
        Self(distinct(self.0.iter().copied().chain(more)))
    }

    /// Whether a protocol is denied.
    pub fn contains(&self, protocol: Protocol) -> bool {
        self.0.contains(&protocol)
    }

    /// Whether none is denied.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Vec<Protocol>> for DeniedProtocols {
    type Error = Invalid;

    fn try_from(list: Vec<Protocol>) -> Result<Self, Invalid> {
        Self::parse(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        word::assert_table::<Protocol>(4);
        word::assert_table::<MfaProtocol>(3);
    }

    #[test]
    fn a_list_keeps_its_copies_but_not_four_members() {
        for sent in [r"[]", r#"["FTP","FTP"]"#, r#"["SSH","FTP","DAV"]"#] {
            let list: DeniedProtocols = serde_json::from_str(sent).unwrap();
            assert_eq!(serde_json::to_string(&list).unwrap(), sent);
        }
        for sent in [
            r#"["SSH","FTP","DAV","HTTP"]"#,
            r#"["FTP","FTP","FTP","FTP"]"#,
            r#"["ssh"]"#,
            r#"[""]"#,
            r#"["HTTPShare"]"#,
        ] {
            assert!(serde_json::from_str::<DeniedProtocols>(sent).is_err(), "{sent}");
        }
    }

    #[test]
    fn further_protocols_come_last_and_once() {
        let list = DeniedProtocols::parse(vec![Protocol::Http, Protocol::Http]).unwrap();
        assert_eq!(list.with([Protocol::Ssh, Protocol::Http]).unwrap().0, [Protocol::Http, Protocol::Ssh]);
        assert!(list.with([Protocol::Ssh, Protocol::Ftp, Protocol::Dav]).is_err());
        assert!(list.contains(Protocol::Http) && !list.contains(Protocol::Ssh));
    }
}
