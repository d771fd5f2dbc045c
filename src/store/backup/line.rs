//! An entry of the store ⇄ its line in a backup. The words for the kinds are `keys`' and never change.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::super::fault::Fault;
use super::super::keys::{self, Kind};
use super::super::record::{Body, Damaged, Record};

/// What parts the members of a line from the JSON of its record, which stands last. Inside a text of JSON a quote
/// always follows a backslash, so this cannot.
const PUBLIC: &str = ",\"public\":";
/// The kinds that are none of [`Kind`].
const USER: &str = "user";
const LAST_ID: &str = "last id";

/// A line without the record's JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Line<'a> {
    kind: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    to_render: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

/// The line of an entry.
pub(super) fn encode(key: &[u8], value: &[u8]) -> Result<Vec<u8>, Fault> {
    let damaged = |why: &Damaged| Fault::damaged(key, why);
    let (prefix, name) = key.split_first().ok_or_else(|| damaged(&Damaged::Short))?;
    if let Some(range) = keys::range_of_last_id(key) {
        let number = value.try_into().map(u64::from_le_bytes).map_err(|_| damaged(&Damaged::Length))?;
        let line = Line {
            kind: LAST_ID.into(),
            key: Some(id_word(range).ok_or_else(|| damaged(&Damaged::Flags))?.into()),
            number: Some(number),
            ..Line::default()
        };
        return json(&line).map_err(|why| damaged(&why));
    }
    let mut line =
        Line { kind: word(*prefix).ok_or_else(|| damaged(&Damaged::Flags))?.into(), ..Line::default() };
    match std::str::from_utf8(name) {
        Ok(name) => line.key = Some(name.into()),
        Err(_) => line.key_base64 = Some(STANDARD.encode(name)),
    }
    let record = match Record::decode(key, value) {
        Ok(record) if is_one_line_of_json(&record.public) => record,
        // A user that does not decode is damaged; other kinds may be no records at all.
        Err(why) if *prefix == keys::USER_DOCUMENT => return Err(damaged(&why)),
        Ok(_) if *prefix == keys::USER_DOCUMENT => {
            return Err(damaged(&Damaged::Public("it is not one line".into())));
        }
        Ok(_) | Err(_) => {
            line.value = Some(STANDARD.encode(value));
            return json(&line).map_err(|why| damaged(&why));
        }
    };
    (line.revision, line.to_render) = (Some(record.revision), record.to_render);
    line.private = Some(STANDARD.encode(record.private));
    let mut bytes = json(&line).map_err(|why| damaged(&why))?;
    bytes.pop();
    bytes.extend_from_slice(PUBLIC.as_bytes());
    bytes.extend_from_slice(&record.public);
    bytes.push(b'}');
    Ok(bytes)
}

/// Key and value of a line, which say the same as those it was made of (a document that was not compressed is now);
/// or what is wrong with it.
pub(super) fn decode(text: &str) -> Result<(Vec<u8>, Vec<u8>), String> {
    let (head, public) = match text.split_once(PUBLIC) {
        Some((head, rest)) => (Cow::from(format!("{head}}}")), Some(rest.strip_suffix('}').unwrap_or(rest))),
        None => (Cow::from(text), None),
    };
    let line: Line<'_> = serde_json::from_str(&head).map_err(|why| why.to_string())?;
    if line.kind == LAST_ID {
        let range = line.key.as_deref().and_then(id_range).ok_or("ids of an unknown kind")?;
        let number = line.number.ok_or("no number")?;
        return Ok((keys::last_id(range), number.to_le_bytes().to_vec()));
    }
    let prefix = prefix(&line.kind).ok_or_else(|| format!("an unknown kind: {:?}", line.kind))?;
    let name = match (&line.key, &line.key_base64) {
        (Some(name), None) => name.as_bytes().to_vec(),
        (None, Some(name)) => bytes(name)?,
        (Some(_), Some(_)) | (None, None) => return Err("not one key".to_owned()),
    };
    let key = keys::key(prefix, &name);
    let value = match (public, &line.value) {
        (Some(public), None) => {
            if !is_one_line_of_json(public.as_bytes()) {
                return Err("its record is not JSON".to_owned());
            }
            let body = Body {
                public: public.as_bytes().to_vec(),
                private: bytes(line.private.as_deref().unwrap_or_default())?,
                to_render: line.to_render,
            };
            let revision = line.revision.ok_or("no revision")?;
            Record::new(revision, &body).encode(&key).map_err(|why| why.to_string())?
        }
        (None, Some(value)) => bytes(value)?,
        (Some(_), Some(_)) | (None, None) => return Err("not one value".to_owned()),
    };
    Ok((key, value))
}

fn word(prefix: u8) -> Option<&'static str> {
    if prefix == keys::USER_DOCUMENT {
        return Some(USER);
    }
    Kind::ALL.into_iter().find(|kind| kind.prefix() == prefix).map(Kind::word)
}

fn prefix(word: &str) -> Option<u8> {
    if word == USER {
        return Some(keys::USER_DOCUMENT);
    }
    Kind::ALL.into_iter().find(|kind| kind.word() == word).map(Kind::prefix)
}

/// Users' ids are counted under the range of their metas.
fn id_word(range: u8) -> Option<&'static str> {
    if range == keys::USER_META { Some(USER) } else { word(range) }
}

fn id_range(word: &str) -> Option<u8> {
    if word == USER { Some(keys::USER_META) } else { prefix(word) }
}

fn is_one_line_of_json(bytes: &[u8]) -> bool {
    let is_line = !bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    is_line && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|why| why.to_string())
}

fn json(line: &Line<'_>) -> Result<Vec<u8>, Damaged> {
    serde_json::to_vec(line).map_err(|why| Damaged::Public(why.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(key: &[u8], value: &[u8]) -> String {
        let line = String::from_utf8(encode(key, value).unwrap()).unwrap();
        assert!(!line.contains('\n'), "{line}");
        serde_json::from_str::<IgnoredAny>(&line).unwrap();
        assert_eq!(decode(&line), Ok((key.to_vec(), value.to_vec())), "{line}");
        line
    }

    #[test]
    fn the_lines_do_not_change() {
        let body = Body { public: br#"{"id":1}"#.to_vec(), private: b"p".to_vec(), to_render: true };
        let key = keys::key(keys::USER_DOCUMENT, b"a,\"public\":{}");
        assert_eq!(
            there_and_back(&key, &Record::new(7, &body).encode(&key).unwrap()),
            r#"{"kind":"user","key":"a,\"public\":{}","revision":7,"to_render":true,"private":"cA==","public":{"id":1}}"#
        );
        assert_eq!(
            there_and_back(&keys::last_id(keys::USER_META), &9_u64.to_le_bytes()),
            r#"{"kind":"last id","key":"user","number":9}"#
        );
        assert_eq!(
            there_and_back(&keys::key(Kind::ApiKeyOwner.prefix(), b"\xff"), b""),
            r#"{"kind":"api key entry","key_base64":"/w==","value":""}"#
        );
        for kind in Kind::ALL {
            there_and_back(&keys::key(kind.prefix(), b"name"), b"value");
            there_and_back(&keys::last_id(kind.prefix()), &0_u64.to_le_bytes());
        }
    }

    #[test]
    fn records_from_before_the_compression_come_back_compressed() {
        let document =
            br#"{"id":1,"status":1,"username":"joe","home_dir":"/srv/joe","permissions":{"/":["*"]}}"#;
        let body = Body { public: document.to_vec(), private: b"p".to_vec(), to_render: false };
        let (key, record) = (keys::key(keys::USER_DOCUMENT, b"joe"), Record::new(7, &body));
        let before = record.encode_as_before_compression(&key);
        let line = String::from_utf8(encode(&key, &before).unwrap()).unwrap();
        let now = record.encode(&key).unwrap();
        assert_eq!(decode(&line), Ok((key.clone(), now.clone())));
        assert!(now.len() < before.len());
        assert_eq!(there_and_back(&key, &now), line);
    }

    #[test]
    fn lines_that_are_none_are_refused() {
        for line in [
            "",
            "{}",
            r#"{"kind":"user"}"#,
            r#"{"kind":"user","key":"a"}"#,
            r#"{"kind":"user","key":"a","key_base64":"","value":""}"#,
            r#"{"kind":"user","key":"a","value":"","public":{}}"#,
            r#"{"kind":"user","key":"a","public":{}}"#,
            r#"{"kind":"user","key":"a","revision":1,"public":{}"#,
            r#"{"kind":"user","key":"a","revision":1,"public":{},"more":1}"#,
            r#"{"kind":"user","key":"a","value":"%"}"#,
            r#"{"kind":"user","key":"a","value":"","more":1}"#,
            r#"{"kind":"unknown","key":"a","value":""}"#,
            r#"{"kind":"last id","key":"user"}"#,
            r#"{"kind":"last id","key":"nobody","number":1}"#,
        ] {
            assert!(decode(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_user_whose_record_is_damaged_has_no_line() {
        assert!(encode(&keys::key(keys::USER_DOCUMENT, b"a"), b"no record").is_err());
        assert!(encode(b"", b"").is_err());
        assert!(encode(&keys::last_id(keys::USER_META), b"1").is_err());
    }

    proptest! {
        #[test]
        fn every_entry_comes_back(
            name in prop::collection::vec(any::<u8>(), 0..40),
            text: String,
            private in prop::collection::vec(any::<u8>(), 0..60),
            revision: u64,
            to_render: bool,
        ) {
            let public = serde_json::to_vec(&text).unwrap();
            let body = Body { public, private, to_render };
            for prefix in [keys::USER_DOCUMENT, Kind::Admin.prefix()] {
                let key = keys::key(prefix, &name);
                there_and_back(&key, &Record::new(revision, &body).encode(&key).unwrap());
            }
            there_and_back(&keys::key(Kind::Setting.prefix(), &name), &body.private);
        }
    }
}
