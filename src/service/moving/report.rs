//! What was found in a file before anything is written: problems, each of which keeps an element out, and
//! warnings, which do not.

use std::fmt;

use super::incoming::{LeftOut, Place};
use crate::error::Error;

/// Why an element cannot be moved in.
#[derive(Debug)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub error: Error,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.error)
    }
}

/// What an operator should know of an element that is moved in.
#[derive(Debug)]
pub struct Warning {
    /// Where it stands.
    pub place: Place,
    /// What there is to know.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Report {
    /// What keeps elements out, in the order of loading.
    pub problems: Vec<Problem>,
    /// What is worth knowing, in the same order.
    pub warnings: Vec<Warning>,
    /// What this server does not hold.
    pub left_out: Vec<LeftOut>,
}

impl Report {
    /// Puts problems and warnings in the order of loading.
    pub(super) fn sort(&mut self) {
        self.problems.sort_by_key(|problem| (problem.place.part, problem.place.index));
        self.warnings.sort_by_key(|warning| (warning.place.part, warning.place.index));
    }
}
