//! A case as its file writes it: steps, each a request with what is expected of its answer, a code to make, or
//! a wait. Members of objects are sent in the order of their names; no case may depend on another.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One conversation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    /// No other case may run beside it: it lists all users.
    #[serde(default)]
    pub(crate) alone: bool,
    pub(crate) steps: Vec<Step>,
}

/// One step; which of the four kinds it is, its members say.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Step {
    /// A request and its answer.
    Ask {
        request: Box<Request>,
        expect: Box<Expect>,
        /// Variables to take from the answer, and where they are in it.
        #[serde(default)]
        save: Map<String, Value>,
    },
    /// A one-time code, so many periods from now.
    Totp {
        totp: String,
        #[serde(default = "sha1")]
        algo: String,
        #[serde(default)]
        step: i64,
        save: String,
    },
    /// Seconds to let pass.
    Wait { wait: f64 },
    /// A mail that must come, or must not.
    Mail {
        mail: String,
        #[expect(dead_code, reason = "part of the format; there is no mail server here")]
        save: Option<String>,
        #[expect(dead_code, reason = "part of the format; there is no mail server here")]
        none: Option<bool>,
    },
}

fn sha1() -> String {
    "sha1".to_owned()
}

/// What is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Below `/api/v2`, escaped already.
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) query: Map<String, Value>,
    #[serde(default)]
    pub(crate) headers: Map<String, Value>,
    pub(crate) json: Option<Value>,
    pub(crate) raw: Option<String>,
    /// Who asks; absent: the first admin.
    pub(crate) auth: Option<Value>,
}

/// What is to come.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: Map<String, Value>,
    pub(crate) json: Option<Value>,
    pub(crate) text: Option<String>,
    /// The JSON of the step before.
    #[serde(default)]
    pub(crate) same: bool,
    /// Further members are no difference.
    #[serde(default)]
    pub(crate) subset: bool,
    /// Of a list, only the users whose names begin so.
    pub(crate) only: Option<String>,
    /// Of a list, only the names.
    #[serde(default)]
    pub(crate) names: bool,
}

/// Reads a file of cases.
pub(crate) fn read(text: &str) -> Vec<Case> {
    serde_json::from_str(&keep_bytes(text)).unwrap_or_else(|why| panic!("the cases cannot be read: {why}"))
}

/// Bytes that are no UTF-8 stand in the files as lone surrogates, `\udc80` to `\udcff`, which no `String` can
/// hold. They become characters of a private range, and bytes again when they are sent ([`bytes`]).
fn keep_bytes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('\\') {
        kept.push_str(&rest[..start]);
        rest = &rest[start..];
        let length = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(lone @ 0xdc80..=0xdcff), _) => {
                kept.push(private(lone.to_le_bytes()[0]));
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        kept.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    kept + rest
}

/// The code unit that a `\uXXXX` at the beginning stands for.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

const PRIVATE: u32 = 0xf700;

fn private(byte: u8) -> char {
    char::from_u32(PRIVATE + u32::from(byte)).expect("the range is private, not of surrogates")
}

/// A text as it is sent.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u8::try_from(u32::from(character).wrapping_sub(PRIVATE)) {
            Ok(byte @ 0x80..) => bytes.push(byte),
            Ok(_) | Err(_) => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}

#[test]
fn bytes_that_are_no_text_survive_the_reading() {
    for (written, sent) in [
        (r#""a\udcffb""#, &b"a\xffb"[..]),
        (r#""\ud83d\udcff""#, "\u{1f4ff}".as_bytes()),
        (r#""\\udcff""#, br"\udcff"),
        (r#""\u00e4\n""#, "\u{e4}\n".as_bytes()),
    ] {
        let text: String = serde_json::from_str(&keep_bytes(written)).expect("JSON");
        assert_eq!(bytes(&text), sent, "{written}");
    }
}
