//! Rules that come late in the order of a document (`contract/validation.md` §1), though the types that hold a value
//! to them do so while it is read.

use crate::error::Invalid;

/// A draft of which one part has types with rules of their own, whose turn is after those of other members.
pub trait LateRules {
    /// Where the part stands: member below member.
    const PART: &'static [&'static str];
    /// The members of the part that have rules, in the order of these.
    const ORDER: &'static [&'static str];

    /// Takes the first rule of the part that is broken; [`None`] says that there is none. A draft that was given one
    /// cannot be settled: it fails at the latest where the part's turn is.
    fn keep_broken(&mut self, broken: Option<Invalid>);
}
