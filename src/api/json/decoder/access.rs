//! The insides of lists, maps and structs, handed to serde one by one. Here names are matched and
//! duplicates gathered; every error that rises through here learns the name of the member it passed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};

use super::Value;
use crate::api::json::fault::Fault;
use crate::api::json::tree::Tree;

/// The elements of a list.
pub(super) struct Elements<'t> {
    rest: std::slice::Iter<'t, Tree<'t>>,
    index: usize,
}

impl<'t> Elements<'t> {
    pub(super) fn new(elements: &'t [Tree<'t>]) -> Self {
        Self { rest: elements.iter(), index: 0 }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(tree) = self.rest.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(Value::new(tree)).map(Some).map_err(|fault| fault.below_element(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The entries of a map in document order; the last value of a repeated key counts, whole.
pub(super) struct Entries<'t> {
    rest: std::vec::IntoIter<(&'t str, &'t Tree<'t>)>,
    value: Option<(&'t str, &'t Tree<'t>)>,
}

impl<'t> Entries<'t> {
    pub(super) fn new(occurrences: impl Iterator<Item = &'t Tree<'t>>) -> Result<Self, Fault> {
        let mut entries: Vec<(&str, &Tree<'_>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for tree in occurrences {
            match tree {
                Tree::Null => {
                    entries.clear();
                    places.clear();
                }
                Tree::Object(members) => {
                    for (key, value) in members {
                        match places.entry(key) {
                            Entry::Occupied(place) => entries[*place.get()].1 = value,
                            Entry::Vacant(place) => {
                                place.insert(entries.len());
                                entries.push((key, value));
                            }
                        }
                    }
                }
                Tree::Bool(_) | Tree::Number(_) | Tree::String(_) | Tree::Array(_) => {
                    return Err(Fault::mismatch(tree.kind(), "object"));
                }
            }
        }
        Ok(Self { rest: entries.into_iter(), value: None })
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.value = self.rest.next();
        let Some((key, _)) = self.value else { return Ok(None) };
        let key: StrDeserializer<'_, Fault> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, tree) = self.value.take().expect("serde asks for a key before its value");
        seed.deserialize(Value::new(tree)).map_err(|fault| fault.below_key(key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The members of a struct that it knows, in order of their first mention; `null` ones left out.
pub(super) struct Members<'t> {
    rest: std::vec::IntoIter<(&'static str, Value<'t>)>,
    value: Option<(&'static str, Value<'t>)>,
}

impl<'t> Members<'t> {
    pub(super) fn new(
        occurrences: impl Iterator<Item = &'t Tree<'t>>,
        fields: &'static [&'static str],
    ) -> Result<Self, Fault> {
        let mut members: Vec<(&str, Value<'_>)> = Vec::with_capacity(fields.len());
        let mut places: Vec<Option<usize>> = vec![None; fields.len()];
        for tree in occurrences {
            let said = match tree {
                Tree::Null => continue,
                Tree::Object(said) => said,
                Tree::Bool(_) | Tree::Number(_) | Tree::String(_) | Tree::Array(_) => {
                    return Err(Fault::mismatch(tree.kind(), "object"));
                }
            };
            let mut expected = 0;
            for (name, value) in said {
                let Some(field) = field(fields, expected, name) else { continue };
                expected = field + 1;
                if let Some(place) = places[field] {
                    members[place].1.repeat(value);
                } else {
                    places[field] = Some(members.len());
                    members.push((fields[field], Value::new(value)));
                }
            }
        }
        Ok(Self { rest: members.into_iter(), value: None })
    }
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.value = self.rest.find(|(_, value)| !value.is_null());
        let Some((name, _)) = self.value else { return Ok(None) };
        let name: StrDeserializer<'_, Fault> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (name, value) = self.value.take().expect("serde asks for a key before its value");
        seed.deserialize(value).map_err(|fault| fault.below_member(name))
    }
}

/// Finds the field a member's name means: the one written so, else one that differs in case alone. Looks at
/// the expected one first: programs send members in the order in which they once got them.
fn field(fields: &[&str], expected: usize, name: &str) -> Option<usize> {
    if fields.get(expected).is_some_and(|field| *field == name) {
        return Some(expected);
    }
    fields
        .iter()
        .position(|field| *field == name)
        .or_else(|| fields.iter().position(|field| folds_to(name, field)))
}

/// Compares a name with an ASCII field by Unicode's simple folding, which counts `ſ` as s and the
/// Kelvin sign as k.
pub(in crate::api::json) fn folds_to(name: &str, field: &str) -> bool {
    if name.is_ascii() {
        return name.eq_ignore_ascii_case(field);
    }
    let folded = name.chars().map(|character| match character {
        'ſ' => 's',
        '\u{212A}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    folded.eq(field.chars().map(|character| character.to_ascii_lowercase()))
}
