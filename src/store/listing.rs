//! Lists of users: a window of the names with what is around it, and users looked at in pieces for those who ask
//! for some of them. Which ones they are is decided above.

use std::borrow::Cow;

use serde::Deserialize;

use super::cache::Document;
use super::fault::Fault;
use super::handle::Store;
use super::keys::{self, USER_DOCUMENT};
use super::record::{Damaged, Record};
use super::users::Window;
use crate::error::Error;

/// A window of the users' names, as they were at one moment.
#[derive(Debug, Default)]
pub struct NamePage {
    names: Vec<Box<[u8]>>,
    /// How many users there are, before, in and behind the window.
    pub total: usize,
    /// Whether there are users behind the window.
    pub has_more: bool,
}

impl NamePage {
    /// The last name of the window.
    pub fn last(&self) -> Option<Cow<'_, str>> {
        self.names.last().map(|name| String::from_utf8_lossy(name))
    }
}

/// What lists are filtered by, read from a user's document and mostly borrowed from it.
#[derive(Debug, Deserialize)]
#[expect(missing_docs, reason = "the members are those of `User`, told there")]
pub struct Glance<'a> {
    #[serde(borrow)]
    pub username: Cow<'a, str>,
    pub status: i64,
    #[serde(borrow, default)]
    pub email: Cow<'a, str>,
    #[serde(borrow, default)]
    pub description: Cow<'a, str>,
    #[serde(default)]
    pub expiration_date: i64,
    #[serde(borrow, default)]
    pub groups: Vec<GroupGlance<'a>>,
}

/// A group in a [`Glance`].
#[derive(Debug, Deserialize)]
pub struct GroupGlance<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
}

/// What becomes of a user who was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// He is passed over.
    Pass,
    /// His document is taken.
    Take,
    /// He is passed over, and nobody after him is looked at.
    Stop,
}

/// A piece of a list that was looked through.
#[derive(Debug)]
pub struct Piece {
    /// The documents that were taken.
    pub documents: Vec<Document>,
    /// The name after which to go on; none when all were looked at or it was stopped.
    pub next: Option<String>,
}

impl Store {
    /// The names in a window of the users, or of those of a role; it begins behind a name where one is given, in the
    /// order asked for, and the offset counts from there.
    pub fn users_names(&self, role: Option<&str>, after: Option<&str>, window: Window) -> NamePage {
        let Window { offset, limit, descending } = window;
        let view = self.shared().view.read();
        let Some(names) = view.names(role) else { return NamePage::default() };
        let total = names.len();
        let before = after.map_or(0, |name| {
            let (less, is_there) = names.rank(name.as_bytes());
            if descending { total - less } else { less + usize::from(is_there) }
        });
        let offset = before.saturating_add(offset);
        let names = names.window(offset, limit, descending);
        NamePage { has_more: offset.saturating_add(names.len()) < total, names, total }
    }

    /// The documents of a window; a user removed meanwhile is left out.
    ///
    /// # Errors
    /// Internal when a record of the page is damaged, unavailable when the store cannot be read.
    pub fn users_named(&self, page: &NamePage, are_neighbours: bool) -> Result<Vec<Document>, Error> {
        Ok(self.shared().documents(&page.names, are_neighbours)?)
    }

    /// Looks at so many users behind a name and takes the documents of some. What is read here is not kept in the
    /// cache of documents, which is for those who are asked for by name.
    ///
    /// # Errors
    /// As [`Store::users_named`].
    pub fn users_piece(
        &self,
        role: Option<&str>,
        after: Option<&str>,
        window: Window,
        mut look: impl FnMut(&Glance<'_>) -> Look,
    ) -> Result<Piece, Error> {
        let page = self.users_names(role, after, window);
        let mut documents = Vec::new();
        for name in &page.names {
            let key = keys::key(USER_DOCUMENT, name);
            let Some(value) = self.shared().read(&key)? else { continue };
            let damaged = |why: Damaged| Fault::damaged(&key, &why);
            let record = Record::decode(&key, &value).map_err(damaged)?;
            let glance = serde_json::from_slice(record.public);
            match look(&glance.map_err(|why| damaged(Damaged::Public(why.to_string())))?) {
                Look::Pass => {}
                Look::Take => documents.push(Document::of(&record)),
                Look::Stop => return Ok(Piece { documents, next: None }),
            }
        }
        let next = page.last().filter(|_| page.has_more).map(Cow::into_owned);
        Ok(Piece { documents, next })
    }
}
