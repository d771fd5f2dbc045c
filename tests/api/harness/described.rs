//! Holds replies against the description of the API: every status, member and word a reply has must be
//! described, and every member that is described as always there must be there. It knows as much of OpenAPI
//! as our description uses, and refuses what it does not know.

use std::sync::LazyLock;

use serde_json::{Map, Value};

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(&usersd::api::openapi::to_json()).expect("the description is JSON")
});

/// Checks a reply to `method path`. The path is that of the request, with or without a query or
/// a slash at its end.
///
/// # Errors
/// Says where in the reply which rule is broken, or that the operation or its status is not described.
pub(crate) fn check_reply(method: &str, path: &str, status: u16, reply: &Value) -> Result<(), String> {
    Description(&DESCRIPTION).check(method, path, status, reply)
}

/// A description of an API.
struct Description<'a>(&'a Value);

impl<'a> Description<'a> {
    fn check(&self, method: &str, path: &str, status: u16, reply: &Value) -> Result<(), String> {
        let operation = self.operation(method, path).ok_or(format!("{method} {path} is not described"))?;
        let responses = object(&operation["responses"])?;
        let response = match responses.get(&status.to_string()) {
            Some(response) => response,
            None if status >= 400 => responses.get("default").ok_or("no default answer")?,
            None => return Err(format!("{method} {path} does not answer {status}")),
        };
        for (media_type, content) in object(&response["content"])? {
            if media_type == "application/json" || reply.is_string() {
                let at = format!("{method} {path} {status}");
                return self.value(&content["schema"], reply).map_err(|why| format!("{at}: {why}"));
            }
        }
        Err(format!("{method} {path} {status}: the reply should be plain text"))
    }

    /// The operation whose path fits best: names that are spelt out win over parameters.
    fn operation(&self, method: &str, path: &str) -> Option<&'a Value> {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let prefix = self.0["servers"][0]["url"].as_str()?;
        let given: Vec<&str> = path.strip_prefix(prefix).unwrap_or(path).split('/').collect();
        self.0["paths"]
            .as_object()?
            .iter()
            .filter(|(template, _)| {
                let parts = template.split('/');
                parts.clone().count() == given.len()
                    && parts.zip(&given).all(|(part, given)| part.starts_with('{') || part == *given)
            })
            .min_by_key(|(template, _)| template.matches('{').count())?
            .1
            .get(method.to_ascii_lowercase())
    }

    fn value(&self, schema: &'a Value, value: &Value) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.0.pointer(reference.trim_start_matches('#'));
            return self.value(target.ok_or(format!("{reference} leads nowhere"))?, value);
        }
        if value.is_null() && schema["nullable"] == true {
            return Ok(());
        }
        let fits = match schema["type"].as_str() {
            Some("object") => return self.members(schema, object(value)?),
            Some("array") => {
                let mut items = value.as_array().ok_or(format!("{value} is not a list"))?.iter().enumerate();
                return items.try_for_each(|(index, item)| {
                    inside(&format!("[{index}]"), self.value(&schema["items"], item))
                });
            }
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") if schema["format"] == "int32" => {
                value.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
            }
            Some("integer") => value.is_i64(),
            other => return Err(format!("the description has a type that is not known here: {other:?}")),
        };
        match schema.get("enum").and_then(Value::as_array) {
            _ if !fits => Err(format!("{value} is not of type {}", schema["type"])),
            Some(words) if !words.contains(value) => Err(format!("{value} is none of {words:?}")),
            Some(_) | None => Ok(()),
        }
    }

    fn members(&self, schema: &'a Value, members: &Map<String, Value>) -> Result<(), String> {
        let always = || ["required", "x-always-present"].into_iter().flat_map(|list| names(&schema[list]));
        if let Some(missing) = always().find(|name| !members.contains_key(*name)) {
            return Err(format!("{missing:?} is missing"));
        }
        for (name, value) in members {
            let known = schema["properties"].get(name);
            let checked = match (known, &schema["additionalProperties"]) {
                (Some(known), _) if known["writeOnly"] == true => Err("is never to be shown".to_owned()),
                (Some(_), _) if is_zero(value) && !always().any(|always| always == name) => {
                    Err(format!("is {value} and should be left out"))
                }
                (Some(known), _) => self.value(known, value),
                (None, Value::Bool(true)) => Ok(()),
                (None, Value::Object(_)) => self.value(&schema["additionalProperties"], value),
                (None, _) => Err("is not described".to_owned()),
            };
            inside(&format!(".{name}"), checked)?;
        }
        Ok(())
    }
}

/// Puts the place before the reason.
fn inside(place: &str, checked: Result<(), String>) -> Result<(), String> {
    checked.map_err(|why| {
        let gap = if why.starts_with(['.', '[']) { "" } else { " " };
        format!("{place}{gap}{why}")
    })
}

/// What answers leave out; an empty object is not among it.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    }
}

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or(format!("{value} is not an object"))
}

fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}
