//! Variables put into values, and values held against values: every way in which what came is not what was
//! expected, one line each.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::placeholders;

/// What a case knows: its prefix, its password, what it saved.
pub(crate) type Variables = HashMap<String, Value>;

/// The value with every known `{variable}` replaced, in names of members too; unknown ones stay as they are. A
/// text that is nothing but one variable becomes its value, which may be a number.
pub(crate) fn fill(value: &Value, variables: &Variables) -> Value {
    match value {
        Value::String(text) => {
            whole(text, variables).cloned().unwrap_or_else(|| Value::String(fill_text(text, variables)))
        }
        Value::Array(items) => items.iter().map(|item| fill(item, variables)).collect(),
        Value::Object(members) => fill_members(members, variables).into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The same for the members of an object.
pub(crate) fn fill_members(members: &Map<String, Value>, variables: &Variables) -> Map<String, Value> {
    let fill_one = |(name, value): (&String, &Value)| (fill_text(name, variables), fill(value, variables));
    members.iter().map(fill_one).collect()
}

fn whole<'a>(text: &str, variables: &'a Variables) -> Option<&'a Value> {
    variables.get(text.strip_prefix('{')?.strip_suffix('}')?)
}

/// The same for a text that stays one.
pub(crate) fn fill_text(text: &str, variables: &Variables) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        let name = rest[1..].split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        if let Some((name, value)) = name.and_then(|name| Some((name, variables.get(name)?))) {
            filled.push_str(&plain(value));
            rest = &rest[name.len() + 2..];
        } else {
            filled.push('{');
            rest = &rest[1..];
        }
    }
    filled + rest
}

/// `[a-z][a-z0-9_]*`
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// A value as it stands inside a text.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// How two values differ.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    pub(crate) lines: Vec<String>,
    subset: bool,
}

impl Differences {
    /// None so far; with `subset` further members are none either.
    pub(crate) fn new(subset: bool) -> Self {
        Self { lines: Vec::new(), subset }
    }

    /// Notes how what came at a place is not what was expected there.
    pub(crate) fn compare(&mut self, expected: &Value, came: &Value, place: &str) {
        match (expected, came) {
            (Value::String(text), _) if placeholders::stands_for(text) => {
                if let Err(wanted) = placeholders::check(text, came) {
                    self.lines.push(format!("{place}: expected {wanted}, came {}", show(came)));
                }
            }
            (Value::Object(expected), Value::Object(came)) => self.compare_members(expected, came, place),
            (Value::Array(expected), Value::Array(came)) if expected.len() == came.len() => {
                for (index, (expected, came)) in expected.iter().zip(came).enumerate() {
                    self.compare(expected, came, &format!("{place}[{index}]"));
                }
            }
            _ if expected == came => {}
            _ => self.lines.push(format!("{place}: expected {}, came {}", show(expected), show(came))),
        }
    }

    fn compare_members(&mut self, expected: &Map<String, Value>, came: &Map<String, Value>, place: &str) {
        for (name, value) in expected {
            match came.get(name) {
                Some(came) => self.compare(value, came, &format!("{place}.{name}")),
                None => self.lines.push(format!("{place}.{name}: expected {}, came nothing", show(value))),
            }
        }
        for (name, value) in came.iter().filter(|(name, _)| !self.subset && !expected.contains_key(*name)) {
            self.lines.push(format!("{place}.{name}: expected nothing, came {}", show(value)));
        }
    }
}

/// A value for people, not too long.
pub(crate) fn show(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_variables_are_filled_in_and_others_stay() {
        let variables = Variables::from([("p".into(), json!("z1-")), ("id".into(), json!(7))]);
        for (value, filled) in [
            (json!("{p}a"), json!("z1-a")),
            (json!("{id}"), json!(7)),
            (json!("/{id}/{p}"), json!("/7/z1-")),
            (json!("{q} {P} {} {{p}}"), json!("{q} {P} {} {z1-}")),
            (json!({"{p}x": ["{p}", 1]}), json!({"z1-x": ["z1-", 1]})),
        ] {
            assert_eq!(fill(&value, &variables), filled, "{value}");
        }
    }

    #[test]
    fn every_difference_is_found_with_its_place() {
        for (expected, came, lines) in [
            (json!({"a": 1}), json!({"a": 1}), &[][..]),
            (
                json!({"a": 1}),
                json!({"a": 1.0, "b": 2}),
                &["json.a: expected 1, came 1.0", "json.b: expected nothing, came 2"],
            ),
            (json!([{"a": "<int>"}]), json!([{}]), &["json[0].a: expected <int>, came nothing"]),
            (json!([1]), json!([1, 2]), &["json: expected [1], came [1,2]"]),
            (json!(true), json!(1), &["json: expected true, came 1"]),
            (json!("<text>"), json!(""), &["json: expected <text>, came "]),
        ] {
            let mut found = Differences::new(false);
            found.compare(&expected, &came, "json");
            assert_eq!(found.lines, lines);
        }
        let mut found = Differences::new(true);
        found.compare(&json!({"a": {"b": 1}}), &json!({"a": {"b": 1, "c": 2}, "d": 3}), "json");
        assert!(found.lines.is_empty(), "a subset may lack members at any depth");
    }
}
