//! The keys of the one tree: a byte that says the kind, then the name. What the values hold is
//! `record`'s and `users`' matter. The numbers are on disk: they never change and are never used again.

/// A key without its kind, and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The small kinds of things that the store keeps, each in its own range of keys.
///
/// Users are not among them: they have two ranges of their own and functions that keep them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// E-mail address and user name, as [`pair`]: finds users by address.
    UserEmail,
    /// API keys by key id.
    ApiKey,
    /// Owner and key id, as [`pair`]: finds the API keys of an admin or a user.
    ApiKeyOwner,
    /// Admins by name.
    Admin,
    /// Roles by name.
    Role,
    /// Groups by name.
    Group,
    /// Folders by name.
    Folder,
    /// Group and member, as [`pair`].
    GroupMember,
    /// Folder and whoever refers to it, as [`pair`].
    FolderMember,
    /// Tokens that were revoked before they expired.
    RevokedToken,
    /// Requests for codes sent by mail, by account.
    ResetCode,
    /// Messages that wait to be sent.
    Mail,
    /// Single values of the server: signing keys, marks, counters.
    Setting,
    /// Addresses and accounts that failed to prove who they are.
    Watched,
}

impl Kind {
    /// Every kind, in the order of the keys.
    pub const ALL: [Self; 14] = [
        Self::UserEmail,
        Self::ApiKey,
        Self::ApiKeyOwner,
        Self::Admin,
        Self::Role,
        Self::Group,
        Self::Folder,
        Self::GroupMember,
        Self::FolderMember,
        Self::RevokedToken,
        Self::ResetCode,
        Self::Mail,
        Self::Setting,
        Self::Watched,
    ];

    /// The byte that every key of this kind begins with.
    pub(super) const fn prefix(self) -> u8 {
        match self {
            Self::UserEmail => 0x03,
            Self::ApiKey => 0x04,
            Self::ApiKeyOwner => 0x05,
            Self::Admin => 0x06,
            Self::Role => 0x07,
            Self::Group => 0x08,
            Self::Folder => 0x09,
            Self::GroupMember => 0x0a,
            Self::FolderMember => 0x0b,
            Self::RevokedToken => 0x0c,
            Self::ResetCode => 0x0d,
            Self::Mail => 0x0e,
            Self::Setting => 0x0f,
            Self::Watched => 0x18,
        }
    }

    /// The word for this kind in log lines and in backups, which must be read for ever: it never changes.
    pub const fn word(self) -> &'static str {
        match self {
            Self::UserEmail => "e-mail entry",
            Self::ApiKey => "api key",
            Self::ApiKeyOwner => "api key entry",
            Self::Admin => "admin",
            Self::Role => "role",
            Self::Group => "group",
            Self::Folder => "folder",
            Self::GroupMember => "group member",
            Self::FolderMember => "folder member",
            Self::RevokedToken => "revoked token",
            Self::ResetCode => "reset code",
            Self::Mail => "message",
            Self::Setting => "setting",
            Self::Watched => "watched subject",
        }
    }
}

/// The store's own values: format, revision, ids.
pub(super) const SYSTEM: u8 = 0x00;
/// What the page directory is built from: revision, flags, length and role of each user.
pub(super) const USER_META: u8 = 0x01;
/// The users' records.
pub(super) const USER_DOCUMENT: u8 = 0x02;
/// Pieces of values too long for one key.
pub(super) const CHUNK: u8 = 0xff;

/// The longest key that is taken. Names have no limit of their own (`contract/validation.md` §2); this is far
/// above what fits a URL in practice and still far below what troubles the engine.
pub(super) const MAX_KEY: usize = 4000;

/// The key of the format version.
pub(super) const FORMAT: &[u8] = b"\x00format";
/// The key that is there while a restore is under way: such a store is none yet.
pub(super) const RESTORING: &[u8] = b"\x00restoring";
/// The key of the last revision given out.
pub(super) const REVISION: &[u8] = b"\x00revision";
/// What the keys of the journal's entries begin with.
pub(super) const JOURNAL: &[u8] = b"\x00journal";
/// The key that readiness writes and reads.
pub(super) const PROBE: &[u8] = b"\x00probe";

/// A key of a range.
pub(super) fn key(prefix: u8, name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + name.len());
    key.push(prefix);
    key.extend_from_slice(name);
    key
}

/// The key under which the last id of a range is kept.
pub(super) fn last_id(prefix: u8) -> Vec<u8> {
    key(SYSTEM, &[b'i', b'd', prefix])
}

/// The range whose last id is kept under this key, if it is such a key.
pub(super) fn range_of_last_id(key: &[u8]) -> Option<u8> {
    match key {
        [SYSTEM, b'i', b'd', prefix] => Some(*prefix),
        _ => None,
    }
}

/// The key of an entry of the journal; in the order of the numbers.
pub(super) fn journal(number: u64) -> Vec<u8> {
    [JOURNAL, &number.to_be_bytes()].concat()
}

/// The key of one piece of a long value. The length stands before the name, so that no name's pieces
/// lie among another's.
pub(super) fn chunk(of: &[u8], index: u32) -> Vec<u8> {
    let length = u16::try_from(of.len()).expect("no key is longer than MAX_KEY");
    let mut key = Vec::with_capacity(of.len() + 7);
    key.push(CHUNK);
    key.extend_from_slice(&length.to_be_bytes());
    key.extend_from_slice(of);
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// The key of an entry that belongs to two things, for instance an owner and one of its API keys.
///
/// The owner's length stands in front: names may hold any byte, so nothing else parts the two safely.
///
/// # Panics
/// When the owner's name is longer than 65,535 bytes, which no stored name is.
pub fn pair(owner: &str, item: &str) -> Vec<u8> {
    let mut key = pair_prefix(owner);
    key.extend_from_slice(item.as_bytes());
    key
}

/// What all keys made by [`pair`] for this owner begin with; the rest of such a key is the item.
///
/// # Panics
/// When the owner's name is longer than 65,535 bytes, which no stored name is.
pub fn pair_prefix(owner: &str) -> Vec<u8> {
    let length = u16::try_from(owner.len()).expect("stored names are shorter than 65,535 bytes");
    let mut key = Vec::with_capacity(2 + owner.len() + 24);
    key.extend_from_slice(&length.to_be_bytes());
    key.extend_from_slice(owner.as_bytes());
    key
}

/// Owner and item of a key made by [`pair`]; nothing when it is none.
pub(super) fn unpair(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = key.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// Names a key for the log: `user "x"`.
pub(super) fn describe(key: &[u8]) -> String {
    let (&prefix, name) = key.split_first().unwrap_or((&SYSTEM, b""));
    let word = match prefix {
        USER_META | USER_DOCUMENT => "user",
        CHUNK => "piece of",
        _ => Kind::ALL.iter().find(|kind| kind.prefix() == prefix).map_or("entry", |kind| kind.word()),
    };
    format!("{word} {:?}", String::from_utf8_lossy(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_kinds_share_a_prefix() {
        let mut prefixes: Vec<u8> = Kind::ALL.iter().map(|kind| kind.prefix()).collect();
        prefixes.extend([SYSTEM, USER_META, USER_DOCUMENT, CHUNK]);
        let count = prefixes.len();
        prefixes.sort_unstable();
        prefixes.dedup();
        assert_eq!(prefixes.len(), count);
    }

    #[test]
    fn one_owners_entries_never_lie_among_anothers() {
        assert!(pair("ab", "c").starts_with(&pair_prefix("ab")));
        assert!(!pair("ab", "c").starts_with(&pair_prefix("a")));
        assert_ne!(pair("a", "bc"), pair("ab", "c"));
        assert_ne!(pair("a\0", "b"), pair("a", "\0b"));
        assert_eq!(unpair(&pair("ab", "c")), Some((&b"ab"[..], &b"c"[..])));
        assert_eq!(unpair(b"\0\x05ab"), None);
    }

    #[test]
    fn a_key_is_named_by_its_kind() {
        assert_eq!(describe(&key(USER_DOCUMENT, b"x\ny")), "user \"x\\ny\"");
        assert_eq!(describe(&key(Kind::ApiKey.prefix(), b"k1")), "api key \"k1\"");
    }
}
