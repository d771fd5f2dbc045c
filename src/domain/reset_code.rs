//! Codes that let the owner of a mailbox set a new password (`contract/password-reset.md`): the plain one
//! that is mailed, the hash that is stored, and what is remembered of each request. A plain code is
//! never stored, printed or logged.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::account::AccountKey;
use super::email::Email;
use super::password::PasswordHash;
use super::time::UnixMillis;
use crate::error::Invalid;
use crate::random;

/// A code in clear text: 22 characters, 127 random bits, when it is ours; anything when a client sent it.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct ResetCode(Zeroizing<String>);

impl ResetCode {
    /// A code nobody can guess (`contract/password-reset.md` §2).
    #[must_use]
    pub fn random() -> Self {
        Self(Zeroizing::new(random::short_id()))
    }

    /// The code in clear text, for the mail.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for ResetCode {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Default for ResetCode {
    /// No text at all, as a request without the member has it.
    fn default() -> Self {
        Self::from(String::new())
    }
}

impl fmt::Debug for ResetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResetCode(redacted)")
    }
}

/// 32 bytes boiled down from something secret; compared in constant time, stored as hexadecimal digits.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these parts under a label; lengths keep `ab, c` apart from `a, bc`.
    fn of(label: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new_with_prefix(label);
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// What a code is stored as: bound to the account and its kind.
    ///
    /// A plain hash is enough: 127 random bits are found by no search, whatever the hash costs.
    pub fn of_code(account: &AccountKey, code: &ResetCode) -> Self {
        Self::of("usersd reset code", &[account.as_str().as_bytes(), code.expose().as_bytes()])
    }

    /// What must still be so when a code is used: the very account, and the password it had when the code
    /// was made. Whatever changes the password voids the code without knowing of it.
    pub fn of_account(id: i64, password: Option<&PasswordHash>) -> Self {
        let password = password.map_or("", PasswordHash::expose);
        Self::of("usersd reset account", &[&id.to_le_bytes(), password.as_bytes()])
    }

    /// The same with the mailbox that the code went to: codes in an old mailbox are void.
    pub fn of_account_at(id: i64, password: Option<&PasswordHash>, mailbox: Option<&Email>) -> Self {
        let account = Self::of_account(id, password);
        Self::of("usersd reset mailbox", &[&account.0, mailbox.map_or("", Email::as_str).as_bytes()])
    }

    /// A digest of nothing that exists.
    pub fn random() -> Self {
        Self(random::bytes())
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(hidden)")
    }
}

impl TryFrom<String> for Digest {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| Invalid::new("a digest is not 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        hex::encode(digest.0)
    }
}

/// A code that was made: what is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedCode {
    /// The code, see [`Digest::of_code`].
    pub code: Digest,
    /// The account and its mailbox, see [`Digest::of_account_at`].
    pub account: Digest,
    /// When the code ends.
    pub expires_at: UnixMillis,
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// There is no code yet.
    Asked,
    /// There is a code, and its mail may be on the way.
    Sending(IssuedCode),
    /// The mail server has taken the mail.
    Sent(IssuedCode),
}

/// A request for a code, from the moment it is made until its code is used or over. There is one for each
/// name at most: a new request takes the place of the former, whose code ends with it.
///
/// One is kept whoever is asked for, also for names that do not exist, so that nobody can tell from the
/// server's work who has an account. Who it is for is looked at afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingReset {
    /// Which request it is, among those for the same name.
    pub id: String,
    /// Whose code is asked for; there may be no such account.
    pub account: AccountKey,
    /// The name as it was given, for the mail.
    pub given_name: String,
    /// Where the request came from; the account may be closed to that address.
    pub address: IpAddr,
    /// When it was made.
    pub asked_at: UnixMillis,
    /// How far it has come.
    pub progress: Progress,
}

impl PendingReset {
    /// The most bytes of a name that are taken: what the store holds as a key, less what stands before it.
    pub const MAX_NAME: usize = 3900;
    /// The most characters of the name as given that a mail shows.
    const MAX_SHOWN: usize = 256;

    /// A request that was just made.
    pub fn new(account: AccountKey, given: &str, address: IpAddr, now: UnixMillis) -> Self {
        Self {
            id: random::short_id(),
            account,
            given_name: given.chars().filter(|c| !c.is_control()).take(Self::MAX_SHOWN).collect(),
            address,
            asked_at: now,
            progress: Progress::Asked,
        }
    }

    /// The code that was made for it.
    pub fn code(&self) -> Option<&IssuedCode> {
        match &self.progress {
            Progress::Asked => None,
            Progress::Sending(code) | Progress::Sent(code) => Some(code),
        }
    }

    /// Whether a mail is still to be sent for it.
    pub fn is_unsent(&self) -> bool {
        match self.progress {
            Progress::Asked | Progress::Sending(_) => true,
            Progress::Sent(_) => false,
        }
    }

    /// The code made for this request if it is the one given, and not over. The same work is done
    /// whether or not there is one.
    pub fn accepts(&self, given: &ResetCode, now: UnixMillis) -> Option<&IssuedCode> {
        let given = Digest::of_code(&self.account, given);
        self.code().filter(|issued| issued.code == given && now < issued.expires_at)
    }

    /// Whether nothing can come of it any more, when mails are tried and codes are valid for so many
    /// milliseconds.
    pub fn is_over(&self, lifetime: i64, now: UnixMillis) -> bool {
        match &self.progress {
            Progress::Sent(code) => code.expires_at <= now,
            Progress::Asked | Progress::Sending(_) => self.asked_at.plus(lifetime) <= now,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::account::AccountKind;
    use super::super::username::Username;
    use super::*;

    const NOON: UnixMillis = UnixMillis::new(1_000_000);

    fn account(kind: AccountKind, name: &str) -> AccountKey {
        AccountKey::new(kind, &Username::trusted(name.into()))
    }

    fn anna() -> AccountKey {
        account(AccountKind::User, "anna")
    }

    fn pending(given: &str) -> PendingReset {
        PendingReset::new(anna(), given, IpAddr::from([127, 0, 0, 1]), NOON)
    }

    fn issued(account: &AccountKey, code: &ResetCode) -> IssuedCode {
        let code = Digest::of_code(account, code);
        IssuedCode { code, account: Digest::of_account(1, None), expires_at: NOON.plus(600_000) }
    }

    #[test]
    fn a_code_is_22_characters_and_never_printed() {
        let code = ResetCode::random();
        assert_eq!(code.expose().len(), 22);
        assert_eq!(format!("{code:?}"), "ResetCode(redacted)");
        let mut reset = pending("anna");
        reset.progress = Progress::Sent(issued(&anna(), &code));
        let stored = serde_json::to_string(&reset).unwrap();
        assert!(!stored.contains(code.expose()) && !format!("{reset:?}").contains(code.expose()));
        assert_eq!(serde_json::from_str::<PendingReset>(&stored).unwrap(), reset);
    }

    #[test]
    fn a_code_is_bound_to_account_and_kind_and_ends() {
        let code = ResetCode::random();
        let mut reset = pending("anna");
        assert_eq!(reset.accepts(&code, NOON), None);
        for (kind, name, fits) in [
            (AccountKind::User, "anna", true),
            (AccountKind::Admin, "anna", false),
            (AccountKind::User, "ann", false),
        ] {
            let issued = issued(&account(kind, name), &code);
            for progress in [Progress::Sending(issued), Progress::Sent(issued)] {
                reset.progress = progress;
                assert_eq!(reset.accepts(&code, NOON.plus(599_999)).is_some(), fits, "{kind:?} {name}");
                assert_eq!(reset.accepts(&code, NOON.plus(600_000)), None);
                assert_eq!(reset.accepts(&ResetCode::random(), NOON), None);
            }
        }
    }

    #[test]
    fn an_account_is_another_with_another_password_or_number() {
        let hashes = ["{MD5}5f4dcc3b5aa765d61d8327deb882cf99", "{MD5}5f4dcc3b5aa765d61d8327deb882cf98"]
            .map(PasswordHash::recognise);
        let mark = |id, hash: &Option<PasswordHash>| Digest::of_account(id, hash.as_ref());
        assert!(hashes.iter().all(Option::is_some));
        assert_eq!(mark(1, &hashes[0]), mark(1, &hashes[0]));
        assert_ne!(mark(1, &hashes[0]), mark(1, &hashes[1]));
        assert_ne!(mark(1, &hashes[0]), mark(2, &hashes[0]));
        assert_ne!(mark(1, &None), mark(1, &hashes[0]));
    }

    #[test]
    fn a_request_is_over_with_its_code_or_its_time() {
        let mut reset = pending("anna");
        assert!(!reset.is_over(1000, NOON.plus(999)) && reset.is_over(1000, NOON.plus(1000)));
        reset.progress = Progress::Sent(issued(&anna(), &ResetCode::random()));
        assert!(!reset.is_over(1000, NOON.plus(599_999)) && reset.is_over(1000, NOON.plus(600_000)));
    }

    #[test]
    fn the_name_that_a_mail_shows_has_no_line_breaks_and_an_end() {
        let long = format!("anna\r\nBcc: eve@example.com\0{}", "x".repeat(5000));
        let shown = pending(&long).given_name;
        assert!(shown.starts_with("annaBcc: eve@example.comxxx") && shown.chars().count() == 256);
    }

    proptest! {
        #[test]
        fn digests_read_back(bytes: [u8; 32]) {
            let text = String::from(Digest(bytes));
            prop_assert_eq!(Digest::try_from(text).unwrap().0, bytes);
        }

        #[test]
        fn no_text_makes_reading_a_digest_panic(text: String) {
            prop_assert!(Digest::try_from(text).is_err());
        }
    }
}
