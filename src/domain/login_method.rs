//! The ways in which a user proves who he is, and the list of those that are denied to him
//! (`contract/validation.md` §8, rule 3). The list keeps what was sent, copies included.

use serde::{Deserialize, Serialize};

use super::word::{self, Word, distinct};
use crate::error::Invalid;

/// A way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum LoginMethod {
    /// A public key alone.
    PublicKey,
    /// A password, over any protocol.
    Password,
    /// A password over SSH.
    PasswordOverSsh,
    /// SSH's keyboard-interactive.
    KeyboardInteractive,
    /// A public key, then a password.
    PublicKeyAndPassword,
    /// A public key, then keyboard-interactive.
    PublicKeyAndKeyboardInteractive,
    /// A TLS certificate alone.
    TlsCertificate,
    /// A TLS certificate, then a password.
    TlsCertificateAndPassword,
}

impl Word for LoginMethod {
    const ALL: &'static [Self] = &[
        Self::PublicKey,
        Self::Password,
        Self::PasswordOverSsh,
        Self::KeyboardInteractive,
        Self::PublicKeyAndPassword,
        Self::PublicKeyAndKeyboardInteractive,
        Self::TlsCertificate,
        Self::TlsCertificateAndPassword,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::PublicKey => "publickey",
            Self::Password => "password",
            Self::PasswordOverSsh => "password-over-SSH",
            Self::KeyboardInteractive => "keyboard-interactive",
            Self::PublicKeyAndPassword => "publickey+password",
            Self::PublicKeyAndKeyboardInteractive => "publickey+keyboard-interactive",
            Self::TlsCertificate => "TLSCertificate",
            Self::TlsCertificateAndPassword => "TLSCertificate+password",
        }
    }
}

impl TryFrom<String> for LoginMethod {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        word::parse("filters.denied_login_methods", &text)
    }
}

impl From<LoginMethod> for &'static str {
    fn from(method: LoginMethod) -> Self {
        method.word()
    }
}

/// The login methods denied to a user: never as many as there are, so that one is always left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<LoginMethod>")]
pub struct DeniedLoginMethods(Vec<LoginMethod>);

impl DeniedLoginMethods {
    /// Takes a list as it was sent.
    ///
    /// # Errors
    /// When it has as many members as there are methods, copies counted.
    pub fn parse(list: Vec<LoginMethod>) -> Result<Self, Invalid> {
        if list.len() >= LoginMethod::ALL.len() {
            return Err(Invalid::new("filters.denied_login_methods: at least one method must stay allowed"));
        }
        Ok(Self(list))
    }

    /// The same list with further methods and without copies.
    ///
    /// # Errors
    /// As [`DeniedLoginMethods::parse`].
    pub fn with(&self, more: impl IntoIterator<Item = LoginMethod>) -> Result<Self, Invalid> {
        Self::parse(distinct(self.0.iter().copied().chain(more)))
    }

    /// Both lists together, for what holds of a user and his groups at once: all may be denied then.
    #[must_use]
    pub fn and(&self, more: &Self) -> Self {
        self.and_these(more.0.iter().copied())
    }

    /// The same list with these and without copies; all may be denied then.
    #[must_use]
    pub fn and_these(&self, more: impl IntoIterator<Item = LoginMethod>) -> Self {
        Self(distinct(self.0.iter().copied().chain(more)))
    }

    /// Whether a method is denied.
    pub fn contains(&self, method: LoginMethod) -> bool {
        self.0.contains(&method)
    }

    /// Whether none is denied.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Vec<LoginMethod>> for DeniedLoginMethods {
    type Error = Invalid;

    fn try_from(list: Vec<LoginMethod>) -> Result<Self, Invalid> {
        Self::parse(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        word::assert_table::<LoginMethod>(8);
    }

    #[test]
    fn a_list_keeps_its_copies_but_not_eight_members() {
        let seven = serde_json::to_string(&LoginMethod::ALL[1..]).unwrap();
        for sent in ["[]", r#"["publickey","publickey"]"#, &seven] {
            let list: DeniedLoginMethods = serde_json::from_str(sent).unwrap();
            assert_eq!(serde_json::to_string(&list).unwrap(), sent);
        }
        let all = serde_json::to_string(LoginMethod::ALL).unwrap();
        let eight_times = serde_json::to_string(&[LoginMethod::PublicKey; 8]).unwrap();
        for sent in [&all, &eight_times, r#"["Password"]"#, r#"["IDP"]"#, r#"[""]"#] {
            assert!(serde_json::from_str::<DeniedLoginMethods>(sent).is_err(), "{sent}");
        }
    }

    #[test]
    fn further_methods_come_last_and_once() {
        let list = DeniedLoginMethods::parse(vec![LoginMethod::TlsCertificate; 3]).unwrap();
        let with = list.with([LoginMethod::Password, LoginMethod::TlsCertificate]).unwrap();
        assert_eq!(with.0, [LoginMethod::TlsCertificate, LoginMethod::Password]);
        assert!(with.with(LoginMethod::ALL.iter().copied()).is_err());
    }
}
