//! Names of users and of whatever else follows the naming rules: what a name may be made of and how a
//! look-up finds it again. A `Username` is normalised; its order is its bytes', as in the store.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::lower_case::lower_case;
use super::quote::quote;
use crate::error::Invalid;

/// Names that stand for something else (`contract/validation.md` §1, rule 3).
const RESERVED: [&str; 2] = ["__self__", "__system__"];

/// How names are checked and normalised: the bit set of `contract/validation.md` §2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct NamingRules(u8);

impl NamingRules {
    const ANY_CHARACTERS: u8 = 1;
    const LOWER_CASE: u8 = 2;
    const TRIM: u8 = 4;

    /// Reads the bit set: 1 any characters, 2 lower case, 4 trimmed.
    ///
    /// # Errors
    /// When a bit is set that has no meaning.
    pub fn parse(bits: u8) -> Result<Self, Invalid> {
        let known = Self::ANY_CHARACTERS | Self::LOWER_CASE | Self::TRIM;
        if bits & !known != 0 {
            return Err(Invalid::new(format!("naming_rules: {bits} is not a number from 0 to {known}")));
        }
        Ok(Self(bits))
    }

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

impl Default for NamingRules {
    /// Any characters, surrounding white space trimmed.
    fn default() -> Self {
        Self(Self::ANY_CHARACTERS | Self::TRIM)
    }
}

impl TryFrom<u8> for NamingRules {
    type Error = Invalid;

    fn try_from(bits: u8) -> Result<Self, Invalid> {
        Self::parse(bits)
    }
}

impl From<NamingRules> for u8 {
    fn from(rules: NamingRules) -> Self {
        rules.0
    }
}

/// The name of a user, normalised; `contract/validation.md` §2.
///
/// `Deserialize` trusts its input, for the store's own records: what a client sends arrives as text and
/// goes through [`Username::parse`], which needs the rules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Username(String);

impl Username {
    /// Normalises a name and checks it.
    ///
    /// # Errors
    /// When nothing is left of it, when it is reserved, or when the rules demand the plain pattern and
    /// it has other characters.
    pub fn parse(text: &str, rules: NamingRules) -> Result<Self, Invalid> {
        parse_name("username", text, rules).map(Self)
    }

    /// The form in which a name is looked up; never fails, for a name that cannot exist is just not found.
    pub fn normalise(text: &str, rules: NamingRules) -> Cow<'_, str> {
        let text = if rules.has(NamingRules::TRIM) { text.trim() } else { text };
        if rules.has(NamingRules::LOWER_CASE) { Cow::Owned(lower_case(text)) } else { Cow::Borrowed(text) }
    }

    /// A name that has been through [`Username::parse`] before, read back from our own store.
    pub const fn trusted(name: String) -> Self {
        Self(name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Normalises and checks the name of anything that follows the naming rules; `member` says in messages
/// where it stood.
///
/// # Errors
/// As [`Username::parse`].
pub fn parse_name(member: &str, text: &str, rules: NamingRules) -> Result<String, Invalid> {
    let name = Username::normalise(text, rules);
    if name.is_empty() {
        return Err(Invalid::new(format!("{member} is mandatory")));
    }
    if RESERVED.contains(&name.as_ref()) {
        return Err(Invalid::new(format!("{member}: {} is reserved", quote(&name))));
    }
    if !rules.has(NamingRules::ANY_CHARACTERS) && !name.bytes().all(is_plain) {
        return Err(Invalid::new(format!(
            "{member}: {} holds other characters than a-z, A-Z, 0-9, '-', '_', '.' and '~'",
            quote(&name)
        )));
    }
    Ok(name.into_owned())
}

/// Whether a byte may stand in a name when the rules demand the plain pattern.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

impl AsRef<str> for Username {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str, bits: u8) -> Option<String> {
        Username::parse(text, NamingRules::parse(bits).unwrap()).ok().map(|name| name.0)
    }

    #[test]
    fn without_bit_1_a_name_has_plain_characters_only() {
        for text in ["alice", "A-b_c.d~9", "..", "0"] {
            assert_eq!(parse(text, 0).as_deref(), Some(text));
        }
        for text in ["a b", "a/b", "ü", "a\n", "a\0", " a", "a@b.cc", "a%20b", "😀"] {
            assert_eq!(parse(text, 0), None, "{text:?}");
        }
    }

    #[test]
    fn with_bit_1_any_text_is_a_name() {
        for text in ["a b", "a/../b", "..", "?", "a\nb", "a\0b", " a ", "jose\u{301}", "\u{200b}"] {
            assert_eq!(parse(text, 1).as_deref(), Some(text));
        }
        let long = "x".repeat(300);
        assert_eq!(parse(&long, 1), Some(long));
    }

    #[test]
    fn bits_2_and_4_convert_before_anything_is_checked() {
        assert_eq!(parse("\t\u{a0}Ä b\u{3000}\r\n", 7).as_deref(), Some("ä b"));
        assert_eq!(parse("  Bob ", 4).as_deref(), Some("Bob"));
        assert_eq!(parse(" Bob", 3).as_deref(), Some(" bob"));
        assert_eq!(parse("Bob ", 2), None, "the pattern is asked for and nothing is trimmed");
        assert_eq!(parse("a\u{200b}", 5).as_deref(), Some("a\u{200b}"), "zero width is no white space");
    }

    #[test]
    fn an_empty_name_is_refused_also_when_trimming_empties_it() {
        assert_eq!(parse("", 1), None);
        assert_eq!(parse(" \u{a0}\t", 5), None);
        assert_eq!(parse(" ", 1).as_deref(), Some(" "));
    }

    #[test]
    fn reserved_names_are_refused_as_they_would_be_stored() {
        for (text, bits) in [("__self__", 0), ("__system__", 5), (" __self__ ", 5), ("__SELF__", 3)] {
            assert_eq!(parse(text, bits), None, "{text:?} under {bits}");
        }
        assert_eq!(parse("__SELF__", 5).as_deref(), Some("__SELF__"));
    }

    #[test]
    fn unknown_bits_are_no_rules() {
        assert!(NamingRules::parse(8).is_err());
        assert!(NamingRules::parse(255).is_err());
        assert_eq!(u8::from(NamingRules::default()), 5);
    }

    #[test]
    fn names_are_ordered_by_their_bytes() {
        let mut names = ["é", "b", "B", "a/", "a", "😀", "\u{ffff}"].map(|n| Username::trusted(n.to_owned()));
        names.sort();
        assert_eq!(names.map(|name| name.0), ["B", "a", "a/", "b", "é", "\u{ffff}", "😀"]);
    }

    proptest! {
        #[test]
        fn a_name_is_found_under_every_spelling_that_made_it(text in any::<String>(), bits in 0_u8..8) {
            let rules = NamingRules::parse(bits).unwrap();
            if let Ok(name) = Username::parse(&text, rules) {
                prop_assert_eq!(Username::normalise(&text, rules), name.as_str());
                prop_assert_eq!(Username::normalise(name.as_str(), rules), name.as_str());
                prop_assert_eq!(Username::parse(name.as_str(), rules).unwrap(), name.clone());
                let json = serde_json::to_string(&name).unwrap();
                prop_assert_eq!(serde_json::from_str::<Username>(&json).unwrap(), name);
            }
        }

        #[test]
        fn a_name_of_plain_characters_fits_every_rule(text in "[a-z0-9._~-]{1,40}", bits in 0_u8..8) {
            prop_assert_eq!(parse(&text, bits), Some(text));
        }
    }
}
