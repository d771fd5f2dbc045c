//! What was found in a file before anything is written: problems, each of which keeps an element out, and
//! warnings, which do not. All are counted, the first of them kept: a file may have as many as it has elements.

use std::fmt;

use super::incoming::{LeftOut, Part, Place};
use crate::error::Error;

/// So many of each are kept.
pub const KEPT: usize = 10_000;

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

/// Something that is said of an element.
pub trait Placed {
    /// Where the element stands.
    fn place(&self) -> &Place;
}

impl Placed for Problem {
    fn place(&self) -> &Place {
        &self.place
    }
}

impl Placed for Warning {
    fn place(&self) -> &Place {
        &self.place
    }
}

/// The first of many in the order of loading, and how many there are.
#[derive(Debug)]
pub struct Noted<T> {
    first: Vec<T>,
    count: usize,
}

impl<T> Default for Noted<T> {
    fn default() -> Self {
        Self { first: Vec::new(), count: 0 }
    }
}

impl<T: Placed> Noted<T> {
    /// The first of them, at most [`KEPT`], in the order of loading.
    pub fn first(&self) -> &[T] {
        &self.first
    }

    /// How many there are, kept or not.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Notes another one. Until [`Noted::settle`] they stand in no order.
    pub(super) fn add(&mut self, noted: T) {
        self.count += 1;
        self.first.push(noted);
        // Seldom enough to cost little for each.
        if self.first.len() >= 2 * KEPT {
            self.settle();
        }
    }

    /// Notes what another thread has noted.
    pub(super) fn join(&mut self, other: Self) {
        self.count += other.count;
        self.first.extend(other.first);
        self.settle();
    }

    /// Puts them in order, and drops those that are too many.
    pub(super) fn settle(&mut self) {
        let order = |noted: &T| -> (Part, usize) { (noted.place().part, noted.place().index) };
        self.first.sort_by_key(order);
        self.first.truncate(KEPT);
    }
}

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Report {
    /// What keeps elements out.
    pub problems: Noted<Problem>,
    /// What is worth knowing.
    pub warnings: Noted<Warning>,
    /// What this server does not hold.
    pub left_out: Vec<LeftOut>,
}

impl Report {
    /// Puts problems and warnings in the order of loading.
    pub(super) fn settle(&mut self) {
        self.problems.settle();
        self.warnings.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(index: usize) -> Warning {
        let place = Place { part: Part::Users, index, name: String::new(), line: 1 };
        Warning { place, text: String::new() }
    }

    #[test]
    fn the_first_are_kept_in_whatever_order_they_come_and_all_are_counted() {
        let (mut noted, mut of_another) = (Noted::default(), Noted::default());
        for index in (0..3 * KEPT).rev() {
            let to = if index % 2 == 0 { &mut noted } else { &mut of_another };
            to.add(warning(index));
            assert!(to.first.len() < 2 * KEPT);
        }
        noted.join(of_another);
        noted.add(warning(3 * KEPT));
        noted.settle();
        let kept: Vec<usize> = noted.first().iter().map(|warning| warning.place.index).collect();
        assert_eq!(kept, (0..KEPT).collect::<Vec<_>>());
        assert_eq!(noted.count(), 3 * KEPT + 1);
        assert!(!noted.is_empty() && Noted::<Warning>::default().is_empty());
    }
}
