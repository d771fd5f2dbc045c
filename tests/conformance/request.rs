//! A step's request as bytes: its query escaped, its headers laid over those of who asks, its answer read and
//! picked apart.

use serde_json::{Map, Value};

use super::cases::{self, Request};
use super::program::Answer;
use super::templates::{self, Problem};
use super::values::{Variables, fill, fill_members, fill_text, plain};

/// Where the API is.
pub(crate) const API: &str = "/api/v2";

/// A request, ready to be sent.
pub(crate) struct Ready {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Ready {
    /// Fills a request in; `proof` are the headers of who asks.
    pub(crate) fn new(
        request: &Request,
        proof: Vec<(String, String)>,
        templates: &Map<String, Value>,
        variables: &Variables,
    ) -> Result<Self, Problem> {
        let mut ready = Self { path: path(request, variables), headers: proof, body: None };
        if let Some(json) = &request.json {
            let body = fill(&templates::expand(json, templates)?, variables);
            ready.body = Some(body.to_string().into_bytes());
            ready.set("Content-Type", "application/json");
        } else if let Some(raw) = &request.raw {
            ready.body = Some(cases::bytes(&fill_text(raw, variables)));
        }
        for (name, value) in fill_members(&request.headers, variables) {
            ready.set(&name, &plain(&value));
        }
        Ok(ready)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }
}

fn path(request: &Request, variables: &Variables) -> String {
    let mut path = format!("{API}{}", fill_text(&request.path, variables));
    let mut separator = '?';
    for (name, value) in fill_members(&request.query, variables) {
        let values = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
        for value in values {
            path.push(separator);
            path += &[escaped(&name), escaped(&plain(value))].join("=");
            separator = '&';
        }
    }
    path
}

/// A text as forms escape it: a blank is `+`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                escaped.push(char::from(byte));
            }
            b' ' => escaped.push('+'),
            _ => escaped.extend(["%".to_owned(), hex::encode_upper([byte])]),
        }
    }
    escaped
}

/// The JSON of an answer, if it is any.
pub(crate) fn json(answer: &Answer) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok()
}

/// A value of an answer by its path: `header:NAME`, or names and list indexes joined by dots.
pub(crate) fn pick(answer: &Answer, path: &str) -> Option<Value> {
    if let Some(name) = path.strip_prefix("header:") {
        return Some(answer.header(name).into());
    }
    let whole = json(answer)?;
    let mut value = &whole;
    for name in path.split('.') {
        value = match value.as_array() {
            Some(items) => items.get(name.parse::<usize>().ok()?)?,
            None => value.get(name)?,
        };
    }
    Some(value.clone())
}

/// Where the object is that this answer says was made: what the case has to delete at its end.
pub(crate) fn made(method: &str, path: &str, answer: &Answer) -> Option<String> {
    const COLLECTIONS: [&str; 6] = ["users", "admins", "apikeys", "roles", "groups", "folders"];
    let collection = path.split('?').next().unwrap_or_default();
    let known = collection.strip_prefix("/api/v2/").is_some_and(|name| COLLECTIONS.contains(&name));
    if method != "POST" || answer.status != 201 || !known {
        return None;
    }
    let place = answer.header("Location");
    if !place.is_empty() {
        return Some(place);
    }
    let body = json(answer).unwrap_or_default();
    let name = ["username", "name"].into_iter().find_map(|member| body.get(member)?.as_str());
    Some(format!("{collection}/{}", escaped(name.unwrap_or_default()).replace('+', "%20")))
}

#[test]
fn queries_are_escaped_and_repeated() {
    let request = serde_json::json!({
        "method": "GET", "path": "/users/{p}%20", "query": {"a": ["1", 2], "b c": "ä&{p}"}
    });
    let request: Request = serde_json::from_value(request).expect("a request");
    let variables = Variables::from([("p".to_owned(), Value::from("z-"))]);
    assert_eq!(path(&request, &variables), "/api/v2/users/z-%20?a=1&a=2&b+c=%C3%A4%26z-");
}

#[test]
fn values_are_picked_by_their_path() {
    let headers = vec![("X-Object-ID".to_owned(), "7".to_owned())];
    let answer = Answer { status: 200, headers, body: br#"{"a": [{"b": "c"}]}"#.to_vec() };
    assert_eq!(pick(&answer, "header:x-object-id"), Some("7".into()));
    assert_eq!(pick(&answer, "a.0.b"), Some("c".into()));
    for nothing in ["a.1", "a.b", "x", "a.0.b.c"] {
        assert_eq!(pick(&answer, nothing), None, "{nothing}");
    }
}
