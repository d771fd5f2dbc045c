//! What goes wrong between us and the disk, in words for the log. It becomes the source of a
//! [`crate::error::Error`]; the text that a client sees is that one's.

use std::sync::Arc;

use super::keys;
use super::record::Damaged;
use crate::error::Error;

/// A failure of the disk, the engine or of stored bytes.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Fault {
    /// One entry cannot be trusted; the rest of the store is not concerned.
    #[error("{what} is damaged in the store ({why}); restore it from a backup")]
    Damaged {
        /// The entry.
        what: String,
        /// What was found.
        why: String,
    },
    /// The engine could not read.
    #[error("the store cannot be read: {0}")]
    Unreadable(Arc<str>),
    /// Nothing more is written until the store is opened again: after a failed write nobody can
    /// say what the engine's memory and the disk have in common.
    #[error("the store is read-only since a write failed: {0}")]
    Stopped(Arc<str>),
    /// Too little room is left on the disk.
    #[error("the store is read-only: {free} bytes are free on its disk")]
    Full {
        /// What is left.
        free: u64,
    },
    /// The store is closed or closing.
    #[error("the store is closed")]
    Closed,
}

impl Fault {
    /// Stored bytes that do not decode.
    pub(super) fn damaged(key: &[u8], why: &Damaged) -> Self {
        Self::Damaged { what: keys::describe(key), why: why.to_string() }
    }

    /// What the engine said about the entry under `key`.
    pub(super) fn reading(key: &[u8], error: &sled::Error) -> Self {
        match error {
            sled::Error::Corruption { .. } => {
                Self::Damaged { what: keys::describe(key), why: error.to_string() }
            }
            sled::Error::Io(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_)
            | sled::Error::CollectionNotFound(_) => Self::Unreadable(error.to_string().into()),
        }
    }
}

/// What caused an error, else itself: the texts for clients say too little to an operator.
pub(super) fn because(why: &Error) -> String {
    std::error::Error::source(why).map_or_else(|| why.to_string(), ToString::to_string)
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged { .. } => Self::internal(fault),
            Fault::Unreadable(_) | Fault::Stopped(_) | Fault::Full { .. } | Fault::Closed => {
                Self::Unavailable(Some(Box::new(fault)))
            }
        }
    }
}
