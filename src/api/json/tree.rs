//! A JSON value as it was written: order, duplicates and the text of numbers kept. It decides nothing.

use std::borrow::Cow;

/// A JSON value that borrows from the bytes it was read from wherever it can.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tree<'i> {
    Null,
    Bool(bool),
    /// The number's text; which numbers fit is for the type that wants one to say.
    Number(&'i str),
    String(Cow<'i, str>),
    Array(Vec<Tree<'i>>),
    /// Members in document order, duplicates included.
    Object(Vec<(Cow<'i, str>, Tree<'i>)>),
}

impl Tree<'_> {
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The word for this kind of value in error texts.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}
