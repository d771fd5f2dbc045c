//! What can go wrong, without HTTP: one enum by kind. `api::response` alone turns a kind into a
//! status and a body; nothing below it knows about either.

use std::borrow::Cow;
use std::time::Duration;

/// A value that breaks a rule; the text names the member and says what to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(Cow<'static, str>);

impl Invalid {
    /// Says why a value is refused, in words for the client.
    #[must_use]
    pub fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(why.into())
    }
}

/// Every kind of failure a request can end with.
///
/// The texts are for the client: they never hold a path, a key, a stack or another server's words.
/// What only the log may know travels as the source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value of the product's own rules is wrong (400, `Validation error: …`).
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// The request cannot be understood: body, query or header (400, the bare text).
    #[error("{0}")]
    Malformed(Cow<'static, str>),
    /// The request makes no sense in the present state (400, told in `message`).
    #[error("{0}")]
    Refused(Cow<'static, str>),
    /// There is no such object, or the caller may not know of it (404).
    #[error("Not Found")]
    NotFound,
    /// The object exists already, or a reference cannot be kept (409).
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// The object is not in the state that the request expects (412); nothing is changed.
    #[error("the object is not in the expected state, read it again")]
    PreconditionFailed,
    /// The request must say which state it wants to change (428).
    #[error("changes need an If-Match header with the ETag of what was read")]
    PreconditionRequired,
    /// Nobody is signed in, or not validly (401); the text goes into `error` unless it is empty.
    #[error("{0}")]
    Unauthorized(Cow<'static, str>),
    /// A token that was valid once, or for another purpose (401, told in `message` alone).
    #[error("{0}")]
    InvalidToken(Cow<'static, str>),
    /// An API key that is known but not good (401, told in `error` alone).
    #[error("{0}")]
    BadKey(Cow<'static, str>),
    /// Name and password do not fit (401 with a challenge); the text goes into `error` unless it is empty.
    #[error("{0}")]
    BadCredentials(Cow<'static, str>),
    /// The caller is known and may not do this (403, told in `message` alone).
    #[error("{0}")]
    Forbidden(Cow<'static, str>),
    /// The caller is known but must do something first, or may not come in this way (403, told in `error`).
    #[error("{0}")]
    Barred(Cow<'static, str>),
    /// The password was right, and the account may still not come in this way (403, told in `error`,
    /// with `Forbidden` in `message`).
    #[error("{0}")]
    Denied(Cow<'static, str>),
    /// Too many tries (429).
    #[error("too many requests, try again in {retry_after:?}")]
    TooMany {
        /// How long to wait before the next try.
        retry_after: Duration,
    },
    /// The server has more work than it may take (503).
    #[error("the server is busy, try again")]
    Busy {
        /// How long to wait before the next try.
        retry_after: Duration,
    },
    /// The store takes no writes or cannot be read (503).
    #[error("storage unavailable")]
    Unavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// Everything was proved, and yet the account's files are out of reach (500, told in `error`, with
    /// `Internal Server Error` in `message`); the source is for the log.
    #[error("could not create root filesystem: a secret of its provider cannot be opened")]
    NoRootFilesystem(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A fault of ours (500); the source is for the log.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Wraps a fault that no client caused; its text reaches the log only.
    #[must_use]
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// A 400 for a request that cannot be understood.
    #[must_use]
    pub fn malformed(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed(why.into())
    }

    /// A 400 for a value that breaks a rule.
    #[must_use]
    pub fn invalid(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(Invalid::new(why))
    }
}
