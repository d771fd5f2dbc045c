//! What can be wrong with a body, and how the client is told. Values raise [`Kind::Rule`] through serde;
//! only the decoder raises [`Kind::Type`], and only the parser breaks.

use std::borrow::Cow;
use std::fmt;

use serde::de;

use super::parser::Broken;
use crate::error::{Error, Invalid};

/// The one rule whose text goes out without a prefix (`contract/endpoints.md` §3).
const INVALID_SECRET: &str = "invalid secret";

/// How much of a client's own map key an error text repeats.
const KEY_IN_TEXT: usize = 64;

/// Why a body is refused, and at which member. Boxed, so that what is right is handed up fast.
#[derive(Debug)]
pub(super) struct Fault(Box<Refusal>);

#[derive(Debug)]
struct Refusal {
    kind: Kind,
    /// The member, such as `filters.allowed_ip[0]`; grows at the front while the error rises.
    path: String,
}

#[derive(Debug)]
enum Kind {
    Grammar(Cow<'static, str>),
    Type { found: &'static str, wanted: Cow<'static, str> },
    Rule(String),
}

impl Fault {
    fn new(kind: Kind) -> Self {
        Self(Box::new(Refusal { kind, path: String::new() }))
    }

    pub(super) fn mismatch(found: &'static str, wanted: &'static str) -> Self {
        Self::new(Kind::Type { found, wanted: Cow::Borrowed(wanted) })
    }

    /// Whether the value has the right form and breaks a rule of the product.
    pub(super) fn is_broken_rule(&self) -> bool {
        matches!(&self.0.kind, Kind::Rule(text) if text != INVALID_SECRET)
    }

    /// The rule that is broken, or the fault where it is none.
    pub(super) fn into_broken_rule(self) -> Result<Invalid, Self> {
        if !self.is_broken_rule() {
            return Err(self);
        }
        Ok(Invalid::new(self.to_string()))
    }

    /// Says that the fault lies below a member of a struct.
    pub(super) fn below_member(mut self, name: &str) -> Self {
        let path = &mut self.0.path;
        let separator = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        *path = format!("{name}{separator}{path}");
        self
    }

    /// Says that the fault lies below an element of a list.
    pub(super) fn below_element(self, index: usize) -> Self {
        self.below_member(&format!("[{index}]"))
    }

    /// Says that the fault lies below an entry of a map.
    pub(super) fn below_key(self, key: &str) -> Self {
        let shown: String = key.chars().take(KEY_IN_TEXT).collect();
        self.below_member(&format!("[{shown:?}]"))
    }
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        let text = match broken {
            Broken::Empty => Cow::Borrowed("EOF"),
            Broken::Cut => Cow::Borrowed("unexpected EOF"),
            Broken::Deep => Cow::Borrowed("invalid character: the value nests too deep"),
            Broken::Character { found, line, column } => {
                Cow::Owned(format!("invalid character {found:?} at line {line}, column {column}"))
            }
        };
        Self::new(Kind::Grammar(text))
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match &fault.0.kind {
            Kind::Rule(text) if text != INVALID_SECRET => Self::invalid(text.clone()),
            Kind::Rule(_) | Kind::Grammar(_) | Kind::Type { .. } => Self::malformed(fault.to_string()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            Kind::Grammar(text) => f.write_str(text),
            Kind::Rule(text) => f.write_str(text),
            Kind::Type { found, wanted } => {
                write!(f, "json: cannot unmarshal {found} into ")?;
                f.write_str(if self.0.path.is_empty() { "the body" } else { &self.0.path })?;
                write!(f, " of type {wanted}")
            }
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::new(Kind::Rule(why.to_string()))
    }

    /// A type that reads itself and was given another kind of value than it knows.
    fn invalid_type(found: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        let found = match found {
            de::Unexpected::Bool(_) => "bool",
            de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) | de::Unexpected::Float(_) => "number",
            de::Unexpected::Seq => "array",
            de::Unexpected::Map => "object",
            de::Unexpected::Unit | de::Unexpected::Option => "null",
            de::Unexpected::Char(_)
            | de::Unexpected::Str(_)
            | de::Unexpected::Bytes(_)
            | de::Unexpected::NewtypeStruct
            | de::Unexpected::Enum
            | de::Unexpected::UnitVariant
            | de::Unexpected::NewtypeVariant
            | de::Unexpected::TupleVariant
            | de::Unexpected::StructVariant
            | de::Unexpected::Other(_) => "string",
        };
        Self::new(Kind::Type { found, wanted: Cow::Owned(wanted.to_string()) })
    }
}
