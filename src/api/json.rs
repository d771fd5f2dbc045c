//! JSON in: reads what a client sent as tolerantly as `contract/endpoints.md` §3 asks. First bytes
//! become a tree, then the tree becomes a value; rules of the product are the value's own.

mod decoder;
mod fault;
mod late;
mod merge_patch;
mod parser;
mod tree;

use serde::de::DeserializeOwned;

pub use self::merge_patch::MergePatch;
use crate::domain::late_rules::LateRules;
use crate::error::Error;

/// Reads the first JSON value of `bytes`; what follows it is ignored.
///
/// # Errors
/// [`Error::Malformed`] when the bytes are no JSON or hold another type than wanted,
/// [`Error::Invalid`] when a value breaks a rule of its type.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let (tree, _) = parser::parse(bytes).map_err(fault::Fault::from)?;
    Ok(T::deserialize(decoder::Value::new(&tree))?)
}

/// As [`decode`], but a rule broken in the part of a draft whose turn comes late is not told yet: the draft keeps it.
///
/// # Errors
/// As [`decode`].
pub fn decode_draft<T: DeserializeOwned + LateRules>(bytes: &[u8]) -> Result<T, Error> {
    let (tree, _) = parser::parse(bytes).map_err(fault::Fault::from)?;
    match T::deserialize(decoder::Value::new(&tree)) {
        Err(fault) if fault.is_broken_rule() => late::read(tree),
        read => Ok(read?),
    }
}

/// How the first JSON value stands in bytes of which more may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// It ends, or breaks the grammar, within them; this many bytes tell all.
    Within(usize),
    /// It needs bytes that are not there.
    Beyond,
}

/// Tells whether more bytes could change what [`decode`] makes of these.
pub(super) fn extent(bytes: &[u8]) -> Extent {
    match parser::parse(bytes) {
        Ok((_, end)) => Extent::Within(end),
        Err(parser::Broken::Empty | parser::Broken::Cut) => Extent::Beyond,
        Err(parser::Broken::Character { .. } | parser::Broken::Deep) => Extent::Within(bytes.len()),
    }
}

#[cfg(test)]
mod tests;
