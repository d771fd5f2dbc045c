//! JSON merge patches (RFC 7396): members replace those of a document, `null` removes. Names may be written in any
//! letter case, as in whole objects; what is said twice is refused, since an order of changes is no part of a patch.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::fault::Fault;
use super::parser;
use super::tree::Tree;
use crate::error::Error;

/// The changes of a patch, by member.
#[derive(Clone, PartialEq)]
pub struct MergePatch(Map<String, Value>);

impl MergePatch {
    /// Reads a patch from the first JSON value of `bytes`. Below the top-level members named in `maps` stand keys of
    /// the client's own, which are taken as they are.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is no JSON, no object, or says a member twice.
    pub fn parse(bytes: &[u8], maps: &[&str]) -> Result<Self, Error> {
        let (tree, _) = parser::parse(bytes).map_err(Fault::from)?;
        let Tree::Object(members) = &tree else {
            return Err(Fault::mismatch(tree.kind(), "object").into());
        };
        Ok(Self(object(members, Keys::TopLevel(maps))?))
    }

    /// The changes, to be looked at or completed before they are applied.
    pub fn members_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    /// The value that the patch has at a place.
    pub fn at(&self, section: &str, group: &str, member: &str) -> Option<&Value> {
        self.0.get(section)?.get(group)?.get(member)
    }

    /// Changes a document.
    pub fn apply(&self, document: &mut Value) {
        merge(document, &self.0);
    }
}

fn merge(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, change) in patch {
        match change {
            Value::Null => {
                members.remove(name);
            }
            Value::Object(change) => merge(members.entry(name.as_str()).or_insert(Value::Null), change),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                members.insert(name.clone(), change.clone());
            }
        }
    }
}

/// What the keys of an object are.
#[derive(Clone, Copy)]
enum Keys<'a> {
    /// Names of members, of which these hold maps.
    TopLevel(&'a [&'a str]),
    /// Names of members.
    Names,
    /// Texts of the client's own.
    Own,
}

fn object(members: &[(Cow<'_, str>, Tree<'_>)], keys: Keys<'_>) -> Result<Map<String, Value>, Error> {
    let mut object = Map::new();
    for (name, tree) in members {
        let name = match keys {
            Keys::TopLevel(_) | Keys::Names => folded(name),
            Keys::Own => name.to_string(),
        };
        let below = match keys {
            Keys::TopLevel(maps) if maps.contains(&name.as_str()) => Keys::Own,
            Keys::TopLevel(_) | Keys::Names | Keys::Own => Keys::Names,
        };
        if object.contains_key(&name) {
            return Err(Error::malformed(format!("json: the member {name:?} stands twice in the patch")));
        }
        object.insert(name, value(tree, below)?);
    }
    Ok(object)
}

fn value(tree: &Tree<'_>, keys: Keys<'_>) -> Result<Value, Error> {
    Ok(match tree {
        Tree::Null => Value::Null,
        Tree::Bool(flag) => Value::Bool(*flag),
        Tree::Number(text) => number(text)?,
        Tree::String(text) => Value::String(text.to_string()),
        Tree::Array(items) => {
            let items = items.iter().map(|item| value(item, Keys::Names));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Tree::Object(members) => Value::Object(object(members, keys)?),
    })
}

/// A number as it was written: `1.0` stays one that is no integer.
fn number(text: &str) -> Result<Value, Error> {
    let integer = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    let number = integer.ok().or_else(|| Number::from_f64(text.parse().ok()?));
    let number = number.ok_or_else(|| Fault::mismatch("number", "number that fits"))?;
    Ok(Value::Number(number))
}

/// A name in the case of the wire's own, by the folding that whole objects are read with.
fn folded(name: &str) -> String {
    name.chars()
        .map(|character| match character {
            'ſ' => 's',
            '\u{212A}' => 'k',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn patched(mut document: Value, patch: &Value) -> Value {
        MergePatch::parse(patch.to_string().as_bytes(), &["map"]).unwrap().apply(&mut document);
        document
    }

    #[test]
    fn the_examples_of_the_rfc_that_have_an_object_come_out_as_there() {
        for (document, patch, wanted) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(patched(document, &patch), wanted, "{patch}");
        }
    }

    #[test]
    fn names_are_folded_and_keys_are_not() {
        let patch = json!({"A": {"ſK": 1}, "Map": {"/Up": {"X": 1}}, "list": [{"Name": {"Y": 2}}]});
        let wanted = json!({"a": {"sk": 1}, "map": {"/Up": {"x": 1}}, "list": [{"name": {"y": 2}}]});
        assert_eq!(patched(json!({"map": {}}), &patch), wanted);
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        for (text, begin) in [
            ("", "EOF"),
            ("{", "unexpected EOF"),
            ("null", "json: cannot unmarshal null"),
            ("[]", "json: cannot unmarshal array"),
            ("\"x\"", "json: cannot unmarshal string"),
            ("{\"a\":1e999}", "json: cannot unmarshal number"),
            ("{\"a\":1,\"a\":1}", "json: the member \"a\" stands twice"),
            ("{\"a\":1,\"A\":1}", "json: the member \"a\" stands twice"),
            ("{\"a\":[{\"b\":1,\"B\":1}]}", "json: the member \"b\" stands twice"),
            ("{\"map\":{\"b\":1,\"b\":1}}", "json: the member \"b\" stands twice"),
        ] {
            let refused = MergePatch::parse(text.as_bytes(), &["map"]).err().map(|why| why.to_string());
            assert!(refused.as_deref().is_some_and(|why| why.starts_with(begin)), "{text}: {refused:?}");
        }
        assert!(MergePatch::parse(b"{\"map\":{\"b\":1,\"B\":1}} and more", &["map"]).is_ok());
    }

    #[test]
    fn numbers_stay_what_they_were() {
        let written = |text: &str| number(text).map(|number| number.to_string()).ok();
        for (text, wanted) in [
            ("-0", "0"),
            ("9223372036854775807", "9223372036854775807"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.0", "1.0"),
            ("1e0", "1.0"),
        ] {
            assert_eq!(written(text).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(written("1e999"), None);
        assert!(written("18446744073709551616").is_some_and(|text| text.contains(['.', 'e'])));
    }

    proptest! {
        #[test]
        fn a_patch_that_was_applied_changes_nothing_more(
            document in prop::collection::btree_map("[a-c]", "[a-c]{0,2}", 0..4),
            patch in prop::collection::btree_map("[a-d]", prop::option::of("[a-c]{0,2}"), 0..4),
        ) {
            let (document, patch) = (json!(document), json!(patch));
            let once = patched(document.clone(), &patch);
            prop_assert_eq!(&patched(once.clone(), &patch), &once);
            for (name, value) in patch.as_object().unwrap() {
                prop_assert_eq!(once.get(name), Some(value).filter(|value| !value.is_null()));
            }
            for (name, value) in document.as_object().unwrap() {
                if patch.get(name).is_none() {
                    prop_assert_eq!(once.get(name), Some(value));
                }
            }
        }
    }
}
