//! Which of several broken rules a client is told: the first by `contract/validation.md` §1, not the first in the
//! document. Only what is refused comes here.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::decoder::{Value, folds_to};
use super::tree::Tree;
use crate::domain::late_rules::LateRules;
use crate::error::Error;

type Members<'i> = Vec<(Cow<'i, str>, Tree<'i>)>;

/// Reads a document that breaks a rule of its types: without the members of the part that break one, of which the
/// draft keeps the first.
///
/// # Errors
/// As [`super::decode`], for what is wrong elsewhere or is not a matter of rules.
pub(super) fn read<T: DeserializeOwned + LateRules>(mut document: Tree<'_>) -> Result<T, Error> {
    let mut part = Members::new();
    take(&mut document, T::PART, &mut part);
    let (mut good, mut first) = (Members::new(), None);
    for name in T::ORDER {
        let (said, rest) = part.into_iter().partition(|(member, _)| folds_to(member, name));
        part = rest;
        let probe = wrap(T::PART, said);
        match T::deserialize(Value::new(&probe)) {
            Ok(_) => take(&mut { probe }, T::PART, &mut good),
            Err(fault) => match fault.into_broken_rule() {
                Ok(broken) => first = first.or(Some(broken)),
                Err(fault) => return Err(fault.into()),
            },
        }
    }
    good.append(&mut part);
    put(&mut document, T::PART, good);
    let mut draft = T::deserialize(Value::new(&document))?;
    draft.keep_broken(first);
    Ok(draft)
}

/// Takes the members of the part out of the document, wherever it is mentioned.
fn take<'i>(document: &mut Tree<'i>, part: &[&str], taken: &mut Members<'i>) {
    let Tree::Object(members) = document else { return };
    let Some((first, below)) = part.split_first() else {
        taken.append(members);
        return;
    };
    for (name, value) in members {
        if folds_to(name, first) {
            take(value, below, taken);
        }
    }
}

/// Adds a mention of the part to a document.
fn put<'i>(document: &mut Tree<'i>, part: &[&'static str], members: Members<'i>) {
    if let (Tree::Object(all), Some((first, below))) = (document, part.split_first()) {
        all.push((Cow::Borrowed(first), wrap(below, members)));
    }
}

/// A document that has nothing but these members of the part.
fn wrap<'i>(part: &[&'static str], members: Members<'i>) -> Tree<'i> {
    part.iter()
        .rev()
        .fold(Tree::Object(members), |tree, name| Tree::Object(vec![(Cow::Borrowed(*name), tree)]))
}
