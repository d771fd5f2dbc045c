//! Changes that hold only for a known state of the user. A state is a revision of the record; clients know it by
//! its entity tags. Decided in the store's one line of writers, or before a write that compares the revision.

use crate::domain::entity_tag::{EntityTag, Representation, Tagger};
use crate::domain::precondition::Preconditions;
use crate::error::Error;

/// How states are named, and whether changes must name one.
#[derive(Debug, Clone)]
pub struct StateRules {
    /// What makes the tags.
    pub tagger: Tagger,
    /// Whether a user is replaced, patched and removed only by who says in which state.
    pub require_if_match: bool,
}

impl StateRules {
    /// The tag of a representation of a user at a revision.
    pub(super) fn tag(&self, name: &str, revision: u64, representation: Representation) -> EntityTag {
        self.tagger.tag(name, revision, representation)
    }

    /// The tag of a user in this state who is shown in these bytes.
    pub(super) fn tag_shown(&self, state: &EntityTag, shown: &[u8]) -> EntityTag {
        self.tagger.tag_shown(state, shown)
    }

    /// Decides a change of a user at a revision; the tag of each representation is good.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] when the state is another one.
    pub(super) fn check(&self, conditions: &Preconditions, name: &str, revision: u64) -> Result<(), Error> {
        if *conditions == Preconditions::default() {
            return Ok(());
        }
        let tag = |representation| self.tag(name, revision, representation);
        conditions.check_write(&[tag(Representation::Normal), tag(Representation::Confidential)])
    }

    /// [`StateRules::check`] for changes that could undo another's.
    ///
    /// # Errors
    /// As that, and [`Error::PreconditionRequired`] when a state must be named and none is.
    pub(super) fn check_named(
        &self,
        conditions: &Preconditions,
        name: &str,
        revision: u64,
    ) -> Result<(), Error> {
        if self.require_if_match && !conditions.has_if_match() {
            return Err(Error::PreconditionRequired);
        }
        self.check(conditions, name, revision)
    }
}
