//! A dump as something to be moved in: its elements are decoded as the bodies of requests are, when they are
//! asked for. What this server does not hold is named.

use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::scan::{self, Contents, LISTS, Span};
use crate::api::json;
use crate::domain::admin::AdminDraft;
use crate::domain::api_key::ApiKeyDraft;
use crate::domain::folder::FolderDraft;
use crate::domain::group::GroupDraft;
use crate::domain::role::RoleDraft;
use crate::domain::user_draft::UserDraft;
use crate::error::Error;
use crate::service::moving::incoming::{Incoming, LeftOut, Part};

/// The most names that are kept of what is left out, of each kind.
const NAMED: usize = 1000;

/// Where a dump's bytes are.
#[derive(Debug)]
pub enum Source {
    /// In memory.
    Memory(Bytes),
    /// In a file, which stays as it is meanwhile.
    File(File),
}

/// A dump, its elements found but not read.
#[derive(Debug)]
pub struct Dump {
    source: Source,
    contents: Contents,
    left_out: Vec<LeftOut>,
}

/// What is read of an element that is left out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
    ipornet: String,
}

impl Dump {
    /// Finds the elements of a dump.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is no dump or cannot be read.
    pub fn open(source: Source) -> Result<Self, Error> {
        let contents = match &source {
            Source::Memory(bytes) => scan::scan(&bytes[..]),
            Source::File(file) => scan::scan(BufReader::new(file)),
        };
        let contents = contents.map_err(|why| Error::malformed(why.to_string()))?;
        let mut dump = Self { source, contents, left_out: Vec::new() };
        dump.left_out = dump.find_left_out();
        Ok(dump)
    }

    fn find_left_out(&self) -> Vec<LeftOut> {
        let is_held = |list: &str| Part::ALL.iter().any(|part| part.member() == list);
        let lists = LISTS.iter().filter(|list| !is_held(list)).map(|list| {
            left_out(list, self.contents.list(list).iter().filter_map(|span| self.name_of(*span)))
        });
        let configs = self.contents.configs.map(|span| {
            let members: Map<_, _> = self.decode(span).unwrap_or_default();
            left_out(scan::CONFIGS, members.into_iter().map(|(name, _)| name))
        });
        lists.chain(configs).filter(|left| left.count > 0).collect()
    }

    /// The name of an element that is left out; none of the empty ones that SFTPGo writes into `ip_lists`.
    fn name_of(&self, span: Span) -> Option<String> {
        let Ok(Named { name, ipornet }) = self.decode(span) else { return Some("?".to_owned()) };
        let name = if name.is_empty() { ipornet } else { name };
        (!name.is_empty()).then_some(name)
    }

    fn element<T: DeserializeOwned>(&self, part: Part, index: usize) -> Result<T, Error> {
        let span = self.contents.list(part.member()).get(index);
        self.decode(*span.ok_or_else(|| Error::internal("an element that is not there"))?)
    }

    fn decode<T: DeserializeOwned>(&self, span: Span) -> Result<T, Error> {
        let length = span.length as usize;
        match &self.source {
            Source::Memory(bytes) => {
                let start = usize::try_from(span.offset).map_err(Error::internal)?;
                let bytes = bytes.get(start..start + length);
                json::decode(bytes.ok_or_else(|| Error::internal("an element beyond the end"))?)
            }
            Source::File(file) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, span.offset)
                    .map_err(|why| Error::malformed(format!("the file cannot be read: {why}")))?;
                json::decode(&bytes)
            }
        }
    }
}

impl Incoming for Dump {
    fn count(&self, part: Part) -> usize {
        self.contents.list(part.member()).len()
    }

    fn line(&self, part: Part, index: usize) -> u64 {
        self.contents.list(part.member()).get(index).map_or(0, |span| span.line.into())
    }

    fn told_name(&self, part: Part, index: usize) -> String {
        let told = self.element::<Map<String, Value>>(part, index).unwrap_or_default();
        let member = match part {
            Part::Users | Part::Admins => "username",
            Part::Roles | Part::Folders | Part::Groups => "name",
            Part::ApiKeys => "id",
        };
        told.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn role(&self, index: usize) -> Result<RoleDraft, Error> {
        self.element(Part::Roles, index)
    }

    fn folder(&self, index: usize) -> Result<FolderDraft, Error> {
        self.element(Part::Folders, index)
    }

    fn group(&self, index: usize) -> Result<GroupDraft, Error> {
        self.element(Part::Groups, index)
    }

    fn user(&self, index: usize) -> Result<UserDraft, Error> {
        self.element(Part::Users, index)
    }

    fn admin(&self, index: usize) -> Result<AdminDraft, Error> {
        self.element(Part::Admins, index)
    }

    fn api_key(&self, index: usize) -> Result<ApiKeyDraft, Error> {
        self.element(Part::ApiKeys, index)
    }

    fn remark(&self, _: Part, _: usize) -> Option<String> {
        None
    }

    fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }
}

/// Counts them all and keeps the names of the first.
fn left_out(what: &str, mut all: impl Iterator<Item = String>) -> LeftOut {
    let names: Vec<String> = all.by_ref().take(NAMED).collect();
    LeftOut { what: what.to_owned(), count: names.len() + all.count(), names }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(text: &'static str) -> Dump {
        Dump::open(Source::Memory(Bytes::from_static(text.as_bytes()))).unwrap()
    }

    #[test]
    fn elements_are_decoded_as_bodies_are() {
        let dump = dump(r#"{"users":[{"UserName":"a","colour":1},{"username":1}],"roles":[{"name":"r"}]}"#);
        assert_eq!(dump.user(0).unwrap().username, "a");
        let why = dump.user(1).unwrap_err().to_string();
        assert_eq!(why, "json: cannot unmarshal number into username of type string");
        assert_eq!(dump.role(0).unwrap().name, "r");
        assert!(dump.user(2).is_err());
    }

    #[test]
    fn what_this_server_does_not_hold_is_named() {
        let dump = dump(
            r#"{"shares":[{"name":"s"},{"name":"t"}],"event_rules":[7],"event_actions":null,
            "ip_lists":[{"ipornet":"","type":0},{"ipornet":"10.0.0.0/8"}],"configs":{"smtp":{},"acme":{}}}"#,
        );
        let left: Vec<(&str, usize, String)> = dump
            .left_out()
            .iter()
            .map(|left| (left.what.as_str(), left.count, left.names.join(",")))
            .collect();
        assert_eq!(
            left[..3],
            [
                ("shares", 2, "s,t".to_owned()),
                ("event_rules", 1, "?".to_owned()),
                ("ip_lists", 1, "10.0.0.0/8".to_owned()),
            ]
        );
        assert_eq!((left[3].0, left[3].1, left.len()), ("configs", 2, 4));
    }
}
