//! Closed sets of words on the wire: what is common to the enums that stand for one of them. Each enum
//! keeps its own table; the parsing, and the text for a word that is not in it, are here once.

use std::collections::HashSet;
use std::hash::Hash;

use super::quote::quote;
use crate::error::Invalid;

/// One of a closed set of words; the comparison is exact, letter case included.
pub trait Word: Copy + PartialEq + 'static {
    /// Every word of the set, in the order of declaration.
    const ALL: &'static [Self];

    /// The word as it stands on the wire.
    fn word(self) -> &'static str;

    /// The member of the set that is written so, if there is one.
    fn from_word(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.word() == text)
    }
}

/// Reads one word of a member.
///
/// # Errors
/// When the set has no such word.
pub fn parse<W: Word>(member: &str, text: &str) -> Result<W, Invalid> {
    W::from_word(text).ok_or_else(|| Invalid::new(format!("{member}: unknown word {}", quote(text))))
}

/// The list without later copies of earlier members, in the same order.
pub fn distinct<T: Clone + Eq + Hash>(list: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    list.into_iter().filter(|member| seen.insert(member.clone())).collect()
}

/// Fails unless there are so many words and each, written exactly so, reads back as itself.
#[cfg(test)]
pub(crate) fn assert_table<W: Word + std::fmt::Debug>(words: usize) {
    assert_eq!(W::ALL.len(), words);
    for &word in W::ALL {
        assert_eq!(W::from_word(word.word()), Some(word));
        assert_eq!(W::from_word(&format!("{} ", word.word())), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_go_and_the_order_stays() {
        assert_eq!(distinct([3, 1, 3, 2, 1]), [3, 1, 2]);
    }
}
