//! Entity tags of users (RFC 9110 §8.8.3): a text that changes with every write to the record and tells nothing
//! else. The revision itself would count the writes of the whole store, also those of other roles.
//!
//! What is shown of a user may hold more than his record: folders as they are now, a later change of a group. Such a
//! tag has a second part, for the bytes that were shown. Reads compare both, writes the first: what a write must not
//! undo unseen is the record.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// How much of the digest a tag shows: 128 bits, which nobody meets by chance.
const SHOWN: usize = 16;

/// Which representation of a user a tag stands for: they differ in their bytes, so in their tags too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    /// What everybody sees who may see the user.
    Normal,
    /// With the hash of the password and the keys of secrets.
    Confidential,
}

/// Stands between the two parts of a tag, and in neither.
const BETWEEN: char = '-';

/// What stands between the quotes of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag(String);

impl EntityTag {
    /// Takes the text between the quotes of a tag that a client sent.
    pub fn new(opaque: impl Into<String>) -> Self {
        Self(opaque.into())
    }

    /// Whether both stand for the same state of a record, whatever else was shown with it.
    pub fn has_state_of(&self, other: &Self) -> bool {
        self.state() == other.state()
    }

    fn state(&self) -> &str {
        self.0.split_once(BETWEEN).map_or(self.0.as_str(), |(state, _)| state)
    }
}

impl fmt::Display for EntityTag {
    /// Writes a strong tag with its quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Makes tags with a key of the server: HMAC-SHA256 over representation, revision and name, and over what is shown.
#[derive(Clone)]
pub struct Tagger {
    /// A whole block of SHA-256, the form in which HMAC takes a key.
    key: Zeroizing<[u8; 64]>,
}

impl fmt::Debug for Tagger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tagger(hidden)")
    }
}

impl Tagger {
    /// Derives the key of tags from a secret of the server; equal secrets make equal tags, so that they outlive
    /// a restart.
    ///
    /// # Panics
    /// Never: 64 bytes are within what the derivation can give.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 64]);
        let derived = Hkdf::<Sha256>::new(None, secret).expand(b"usersd entity tags", &mut *key);
        derived.expect("64 bytes are two blocks of the 255 there may be");
        Self { key }
    }

    /// The tag of a user's representation at a revision.
    pub fn tag(&self, name: &str, revision: u64, representation: Representation) -> EntityTag {
        let mut mac = Hmac::<Sha256>::new((&*self.key).into());
        mac.update(&[match representation {
            Representation::Normal => 0,
            Representation::Confidential => 1,
        }]);
        mac.update(&revision.to_le_bytes());
        mac.update(name.as_bytes());
        EntityTag(hex::encode(&mac.finalize().into_bytes()[..SHOWN]))
    }

    /// The tag of a user who is shown in these bytes, of which not all are his record's.
    pub fn tag_shown(&self, state: &EntityTag, shown: &[u8]) -> EntityTag {
        let mut mac = Hmac::<Sha256>::new((&*self.key).into());
        mac.update(b"shown");
        mac.update(shown);
        let shown = hex::encode(&mac.finalize().into_bytes()[..SHOWN]);
        EntityTag(format!("{}{BETWEEN}{shown}", state.state()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_tag_differs_by_name_revision_representation_and_server() {
        let mut tags = BTreeSet::new();
        for secret in [b"one".as_slice(), b"two"] {
            for name in ["a", "b", ""] {
                for revision in [0, 1, u64::MAX] {
                    for representation in [Representation::Normal, Representation::Confidential] {
                        tags.insert(Tagger::new(secret).tag(name, revision, representation).to_string());
                    }
                }
            }
        }
        assert_eq!(tags.len(), 2 * 3 * 3 * 2);
    }

    #[test]
    fn a_tag_is_the_same_after_a_restart_and_is_written_in_quotes() {
        let tag = || Tagger::new(b"secret").tag("ada", 7, Representation::Normal).to_string();
        assert_eq!(tag(), tag());
        let opaque = tag().trim_matches('"').to_owned();
        assert_eq!(tag(), format!("\"{opaque}\""));
        assert!(opaque.len() == 32 && opaque.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn what_is_shown_makes_another_tag_of_the_same_state() {
        let tagger = Tagger::new(b"secret");
        let states = [1, 2].map(|revision| tagger.tag("ada", revision, Representation::Normal));
        let shown = |state, body: &str| tagger.tag_shown(state, body.as_bytes());
        let (one, other) = (shown(&states[0], "one"), shown(&states[0], "other"));
        assert!(one != other && one != states[0] && one == shown(&states[0], "one"));
        assert!(one.has_state_of(&other) && one.has_state_of(&states[0]) && !one.has_state_of(&states[1]));
        assert_ne!(one, shown(&states[1], "one"));
        assert_eq!(one, EntityTag::new(one.to_string().trim_matches('"')));
        assert!(shown(&one, "other") == other, "the state alone is taken over");
    }

    #[test]
    fn the_key_is_not_printed() {
        assert_eq!(format!("{:?}", Tagger::new(b"secret")), "Tagger(hidden)");
    }
}
