//! The users' view of the store: documents for readers, records for whoever changes them, pages by name and
//! role. Which bytes a user is made of is decided above; here record and directory entry change together.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::accounts::{self, HiddenOfUser};
use super::cache::Document;
use super::fault::Fault;
use super::handle::Store;
use super::keys::{self, USER_DOCUMENT, USER_META};
use super::record::{Body, Damaged, Record};
use super::txn::Txn;
use super::view::Meta;
use crate::domain::user::User;
use crate::error::Error;

/// A stored value and the revision of the write that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The revision: another write has another one.
    pub revision: u64,
    /// The value.
    pub value: T,
}

/// A user as shown and as stored, for whoever needs both. His document is taken apart when somebody asks for the user.
#[derive(Clone)]
pub struct Whole {
    /// The document that shows him.
    pub document: Document,
    /// What it hides.
    pub hidden: HiddenOfUser,
    key: Vec<u8>,
    private: Vec<u8>,
}

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { document, hidden, .. } = self;
        f.debug_struct("Whole").field("document", document).field("hidden", hidden).finish_non_exhaustive()
    }
}

/// The part of a list that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How many to skip, in the order asked for.
    pub offset: usize,
    /// How many at most.
    pub limit: usize,
    /// From the last to the first.
    pub descending: bool,
}

fn decode(key: &[u8], bytes: &[u8]) -> Result<Versioned<User>, Fault> {
    let damaged = |why: Damaged| Fault::damaged(key, &why);
    let record = Record::decode(key, bytes).map_err(damaged)?;
    Ok(Versioned { revision: record.revision, value: accounts::decode_user(&record).map_err(damaged)? })
}

/// The bytes of a user's record, whatever they stand for.
pub(super) struct UserBytes<'a> {
    pub(super) name: &'a str,
    pub(super) role: &'a str,
    pub(super) body: &'a Body,
}

impl Store {
    /// A user's document, ready to be sent: a copy of bytes at most.
    ///
    /// # Errors
    /// Internal when this user's record is damaged, unavailable when the store cannot be read.
    pub fn user_document(&self, name: &str) -> Result<Option<Document>, Error> {
        Ok(self.shared().document(name.as_bytes())?)
    }

    /// A whole user, with what is never shown.
    ///
    /// # Errors
    /// As [`Store::user_document`].
    pub fn user(&self, name: &str) -> Result<Option<Versioned<User>>, Error> {
        let key = keys::key(USER_DOCUMENT, name.as_bytes());
        let value = self.shared().read(&key)?;
        Ok(value.map(|value| decode(&key, &value)).transpose()?)
    }

    /// Whether the user of this name has this role; asks memory only.
    pub fn has_role(&self, name: &str, role: &str) -> bool {
        let view = self.shared().view.read();
        view.names(Some(role)).is_some_and(|names| names.contains(name.as_bytes()))
    }

    /// The names of users of a role, in order, at most so many.
    pub fn users_of_role(&self, role: &str, limit: usize) -> Vec<String> {
        let view = self.shared().view.read();
        let names = view.names(Some(role)).map(|names| names.window(0, limit, false)).unwrap_or_default();
        names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Whether there is a user of this name; asks memory only.
    pub fn has_user(&self, name: &str) -> bool {
        self.shared().view.read().users.contains(name.as_bytes())
    }

    /// How many users there are.
    pub fn user_count(&self) -> usize {
        self.shared().view.read().users.len()
    }

    /// The users after a name in the order of names, from the first on without one; for going through all
    /// users in pieces. Each record is whole; the pieces are not one moment.
    ///
    /// # Errors
    /// Internal when a record is damaged, unavailable when the store cannot be read.
    pub fn users_after(&self, name: Option<&str>, limit: usize) -> Result<Vec<Versioned<User>>, Error> {
        let found = self.shared().records(&self.user_names_after(name.map(str::as_bytes), limit))?;
        Ok(found.iter().map(|(key, value)| decode(key, value)).collect::<Result<_, _>>()?)
    }

    /// The names of users after a name, in order, at most so many; asks memory only.
    pub fn user_names_after(&self, name: Option<&[u8]>, limit: usize) -> Vec<Box<[u8]>> {
        self.shared().view.read().users.after(name, limit)
    }
}

impl Whole {
    /// A user from a stored record.
    pub(super) fn decode(key: Vec<u8>, value: &[u8]) -> Result<Self, Fault> {
        let decoded = Record::decode(&key, value).and_then(|record| {
            let hidden = accounts::hidden_of_user(&record)?;
            Ok((Document::of(&record), hidden, record.private.to_vec()))
        });
        let (document, hidden, private) = decoded.map_err(|why| Fault::damaged(&key, &why))?;
        Ok(Self { document, hidden, key, private })
    }

    /// The whole user.
    ///
    /// # Errors
    /// Internal when his document is none of a user.
    pub fn user(&self) -> Result<User, Error> {
        let stored = self.document.stored();
        let record = Record {
            revision: stored.revision(),
            to_render: matches!(self.document, Document::ToRender(_)),
            public: Cow::Borrowed(stored.json()),
            private: &self.private,
        };
        Ok(accounts::decode_user(&record).map_err(|why| Fault::damaged(&self.key, &why))?)
    }
}

impl Txn<'_> {
    /// A whole user.
    ///
    /// # Errors
    /// Internal when it is damaged, unavailable when the store cannot be read.
    pub fn user(&self, name: &str) -> Result<Option<Versioned<User>>, Error> {
        let key = keys::key(USER_DOCUMENT, name.as_bytes());
        Ok(self.look(&key)?.map(|value| decode(&key, &value)).transpose()?)
    }

    /// The revision of the last write to a user.
    ///
    /// # Errors
    /// As [`Txn::user`].
    pub fn user_revision(&self, name: &str) -> Result<Option<u64>, Error> {
        let key = keys::key(USER_DOCUMENT, name.as_bytes());
        let Some(value) = self.look(&key)? else { return Ok(None) };
        let record = Record::decode(&key, &value).map_err(|why| Fault::damaged(&key, &why))?;
        Ok(Some(record.revision))
    }

    /// Whether there is a user of this name.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn has_user(&self, name: &str) -> Result<bool, Error> {
        Ok(self.look(&keys::key(USER_DOCUMENT, name.as_bytes()))?.is_some())
    }

    /// Stages a user in place of any other of this name, and gives back the document that shows him. That
    /// his groups and folders exist is for the caller to see to.
    ///
    /// # Errors
    /// [`Error::Invalid`] when what is hidden of him is too large; when the name is too long, the store cannot be
    /// read there or the record in its place is damaged.
    pub fn put_user(&mut self, user: &User) -> Result<Document, Error> {
        let body = accounts::encode_user(user)?;
        self.put_references(user)?;
        self.put_user_bytes(&UserBytes { name: user.username.as_str(), role: &user.role, body: &body })
    }

    /// Stages the two entries of a user.
    pub(super) fn put_user_bytes(&mut self, user: &UserBytes<'_>) -> Result<Document, Error> {
        let key = keys::key(USER_DOCUMENT, user.name.as_bytes());
        let record = Record::new(self.revision(), user.body);
        let document = Document::of(&record);
        let bytes = record.encode(&key).map_err(Error::internal)?;
        let length = u32::try_from(bytes.len()).map_err(|_| Error::internal(Damaged::Length))?;
        let meta = Meta { revision: self.revision(), length, role: user.role.to_owned() };
        self.stage(key, Some(bytes))?;
        self.stage(keys::key(USER_META, user.name.as_bytes()), Some(meta.encode()))?;
        Ok(document)
    }

    /// Stages the removal of a user; says whether there was one. A damaged record can be removed too, and one that
    /// the page directory of a damaged store does not have.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn delete_user(&mut self, name: &str) -> Result<bool, Error> {
        self.delete_references(name)?;
        self.remove(keys::key(USER_META, name.as_bytes()))?;
        let key = keys::key(USER_DOCUMENT, name.as_bytes());
        self.look_in_engine(&key)?;
        self.remove(key)
    }

    /// The next user's id: 1, 2, 3 …; none is ever given out again, and a refused write uses none.
    ///
    /// # Errors
    /// When the store cannot be read there.
    pub fn next_user_id(&mut self) -> Result<i64, Error> {
        self.next_in(USER_META)
    }

    /// The names of the users of a role, in order.
    ///
    /// # Errors
    /// When the name of one is not text.
    pub fn users_of_role(&self, role: &str) -> Result<Vec<String>, Error> {
        let mut names: BTreeSet<Vec<u8>> = {
            let view = self.shared.view.read();
            let names = view.names(Some(role)).map(|names| names.window(0, usize::MAX, false));
            names.unwrap_or_default().into_iter().map(Vec::from).collect()
        };
        self.overlay(&[USER_META], |key, value| {
            let has_role = value.is_some_and(|value| Meta::decode(value).is_ok_and(|meta| meta.role == role));
            if has_role {
                names.insert(key[1..].to_vec());
            } else {
                names.remove(&key[1..]);
            }
        });
        names.into_iter().map(|name| String::from_utf8(name).map_err(Error::internal)).collect()
    }
}
