//! Templates keep cases short: `{"like": NAME, "set": {PATH: value}, "unset": [PATH], "pad": {PATH: length}}`.

use serde_json::{Map, Value};

/// What does not fit together in a case.
pub(crate) type Problem = String;

/// The value with the template it is like in its place, so changed. Looks at the top, and into lists.
pub(crate) fn expand(spec: &Value, templates: &Map<String, Value>) -> Result<Value, Problem> {
    match spec {
        Value::Array(items) => {
            items.iter().map(|item| expand(item, templates)).collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Object(members) => match members.get("like") {
            Some(name) => changed(members, template(name, templates)?),
            None => Ok(spec.clone()),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(spec.clone()),
    }
}

fn template(name: &Value, templates: &Map<String, Value>) -> Result<Value, Problem> {
    let found = name.as_str().and_then(|name| templates.get(name));
    found.cloned().ok_or_else(|| format!("there is no template {name}"))
}

fn changed(spec: &Map<String, Value>, mut result: Value) -> Result<Value, Problem> {
    for path in spec.get("unset").and_then(Value::as_array).into_iter().flatten() {
        let path = path.as_str().ok_or("a path is a text")?;
        unset(&mut result, path);
    }
    let changes = |member: &str| spec.get(member).and_then(Value::as_object).into_iter().flatten();
    for (path, value) in changes("set") {
        set(&mut result, path, value.clone())?;
    }
    for (path, length) in changes("pad") {
        let length = length.as_u64().and_then(|length| usize::try_from(length).ok());
        set(&mut result, path, Value::String("x".repeat(length.ok_or("a length is a number")?)))?;
    }
    Ok(result)
}

fn unset(value: &mut Value, path: &str) {
    let (parents, leaf) = path.rsplit_once('.').unwrap_or(("", path));
    let mut parent = Some(value);
    for name in parents.split('.').filter(|name| !name.is_empty()) {
        parent = parent.and_then(|parent| parent.get_mut(name));
    }
    if let Some(members) = parent.and_then(Value::as_object_mut) {
        members.remove(leaf);
    }
}

fn set(value: &mut Value, path: &str, new: Value) -> Result<(), Problem> {
    let mut place = value;
    for name in path.split('.') {
        let members = place.as_object_mut().ok_or_else(|| format!("{path}: {name} is not in an object"))?;
        place = members.entry(name).or_insert_with(|| Value::Object(Map::new()));
    }
    *place = new;
    Ok(())
}

#[test]
fn templates_are_set_unset_and_padded() {
    let templates = serde_json::json!({"t": {"a": {"b": 1, "c": 2}, "d": 3, "e": "{p}"}});
    let templates = templates.as_object().expect("an object");
    let spec = serde_json::json!([
        {"like": "t", "unset": ["a.b", "x.y", "d"], "set": {"a.z.y": [1], "e": null}, "pad": {"n": 3}},
        {"not": "like"}
    ]);
    let expected = serde_json::json!([
        {"a": {"c": 2, "z": {"y": [1]}}, "e": null, "n": "xxx"},
        {"not": "like"}
    ]);
    assert_eq!(expand(&spec, templates), Ok(expected));
    assert!(expand(&serde_json::json!({"like": "u"}), templates).is_err());
}
