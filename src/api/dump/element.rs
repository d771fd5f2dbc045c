//! One object as it stands in a dump: the confidential view, password hashes under the names that SFTPGo
//! knows. Users, of whom there may be very many, are put together from the document that is stored; only
//! what it hides is added.

use std::sync::Arc;

use serde_json::Value;

use crate::api::view::{self, Views};
use crate::domain::admin::Admin;
use crate::domain::api_key::ApiKey;
use crate::domain::folder::Folder;
use crate::domain::group::Group;
use crate::domain::role::Role;
use crate::error::Error;
use crate::store::Whole;
use crate::wire;

/// An admin.
pub(super) fn admin(admin: &Admin) -> Result<Value, Error> {
    let mut value = view::confidential_admin(admin)?;
    if let Some(hash) = &admin.password {
        value["password"] = hash.exported().into();
    }
    Ok(value)
}

/// An API key.
pub(super) fn api_key(key: &ApiKey) -> Result<Value, Error> {
    let mut value = serde_json::to_value(key).map_err(Error::internal)?;
    if let Some(hash) = &key.secret {
        value["key"] = hash.exported().into();
    }
    Ok(value)
}

/// A role and the admins who have it. Its users are written after it.
pub(super) fn role(role: &Role, admins: &[Arc<Admin>]) -> Result<Value, Error> {
    let mut value = serde_json::to_value(role).map_err(Error::internal)?;
    put_admins(&mut value, admins.iter().filter(|admin| admin.role == role.name));
    Ok(value)
}

/// A folder and the groups that have it. Its users are written after it.
pub(super) fn folder(views: &Views<'_>, folder: &Folder, groups: &[Arc<Group>]) -> Result<Value, Error> {
    let mut value = views.folder(folder, 0)?;
    let groups = groups.iter().filter(|group| group.virtual_folders.contains(&folder.name));
    view::put_names(&mut value, "groups", groups.map(|group| group.name.clone()).collect());
    Ok(value)
}

/// A group and the admins who propose it. Its users are written after it.
pub(super) fn group(views: &mut Views<'_>, group: &Group, admins: &[Arc<Admin>]) -> Result<Value, Error> {
    let mut value = views.group(group, 0)?;
    let proposes = |admin: &&Arc<Admin>| admin.groups.iter().any(|proposed| proposed.name == group.name);
    put_admins(&mut value, admins.iter().filter(proposes));
    Ok(value)
}

fn put_admins<'a>(value: &mut Value, admins: impl Iterator<Item = &'a Arc<Admin>>) {
    view::put_names(value, "admins", admins.map(|admin| admin.username.as_str().to_owned()).collect());
}

/// Writes users.
pub(super) struct UserElements<'a> {
    views: Views<'a>,
    /// The last file system without secrets as stored and as shown: nearly all users have the same.
    plain: Option<(Vec<u8>, Vec<u8>)>,
}

impl<'a> UserElements<'a> {
    /// Users as these views, which reveal, show them.
    pub(super) fn new(views: Views<'a>) -> Self {
        Self { views, plain: None }
    }

    /// Appends a user.
    pub(super) fn append(&mut self, whole: &Whole, out: &mut Vec<u8>) -> Result<(), Error> {
        let password = whole.hidden.password.as_ref();
        if whole.hidden.has_second_factor {
            let mut value = self.views.confidential_user(&whole.user()?)?;
            if let Some(hash) = password {
                value["password"] = hash.exported().into();
            }
            out.extend_from_slice(&wire::to_bytes(&value).map_err(Error::internal)?);
            return Ok(());
        }
        let shown = self.views.user(&whole.document)?;
        out.push(b'{');
        for (name, json) in members(shown.trim_ascii_end()) {
            out.extend_from_slice(name);
            out.push(b':');
            if name == b"\"filesystem\"" {
                out.extend_from_slice(self.filesystem(json, whole)?);
            } else {
                out.extend_from_slice(json);
            }
            out.push(b',');
        }
        if let Some(hash) = password {
            out.extend_from_slice(b"\"password\":");
            out.extend_from_slice(&wire::to_bytes(&hash.exported()).map_err(Error::internal)?);
            out.push(b',');
        }
        out.pop();
        out.push(b'}');
        Ok(())
    }

    fn filesystem(&mut self, stored: &[u8], whole: &Whole) -> Result<&[u8], Error> {
        let is_known =
            !whole.hidden.has_secrets && self.plain.as_ref().is_some_and(|(known, _)| known == stored);
        if !is_known {
            let filesystem = whole.user()?.filesystem;
            let mut shown = serde_json::to_value(&filesystem).map_err(Error::internal)?;
            filesystem.reveal(&mut shown).map_err(Error::internal)?;
            self.plain = Some((stored.to_vec(), wire::to_bytes(&shown).map_err(Error::internal)?));
        }
        Ok(self.plain.as_ref().map_or(&[], |(_, shown)| shown))
    }
}

/// The members of an object that this server has written: name with its quotes, and value.
fn members(object: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = object.get(1..object.len().saturating_sub(1)).unwrap_or_default();
    std::iter::from_fn(move || {
        let name = &rest[..value_end(rest)];
        let after = rest.get(name.len() + 1..)?;
        let value = &after[..value_end(after)];
        rest = after.get(value.len() + 1..).unwrap_or_default();
        Some((name, value))
    })
}

/// Where the value ends that stands at the beginning: at the comma or colon after it, or with the bytes.
fn value_end(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(inside) = bytes.get(at).filter(|byte| **byte != b'"') {
                    at += if *inside == b'\\' { 2 } else { 1 };
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' | b':' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_taken_apart() {
        let object = br#"{"a":1,"b,":"x:\",}","c":{"d":[1,{"e":2}]},"f":[]}"#;
        let found: Vec<(&str, &str)> = members(object)
            .map(|(name, value)| (std::str::from_utf8(name).unwrap(), std::str::from_utf8(value).unwrap()))
            .collect();
        let wanted =
            [("\"a\"", "1"), ("\"b,\"", r#""x:\",}""#), ("\"c\"", r#"{"d":[1,{"e":2}]}"#), ("\"f\"", "[]")];
        assert_eq!(found, wanted);
        assert_eq!(members(b"{}").count(), 0);
    }
}
