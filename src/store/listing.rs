//! Lists of users: a window of the names with what is around it, and users looked at in pieces for those who ask
//! for some of them. Which ones they are is decided above.

use std::borrow::Cow;

use serde::Deserialize;

use super::cache::Document;
use super::fault::Fault;
use super::handle::Store;
use super::keys::{self, USER_DOCUMENT};
use super::pages::PagePart;
use super::record::{Damaged, Record};
use super::users::Window;
use crate::error::Error;

/// A part of the list of users.
#[derive(Debug, Default)]
pub struct UsersPage {
    /// The documents.
    pub parts: Vec<PagePart>,
    /// How many users there are, before, in and behind the part.
    pub total: usize,
    /// The name behind which the list goes on; none at its end.
    pub next: Option<String>,
}

/// A window of the users' names, as they were at one moment.
#[derive(Debug, Default)]
struct NamePage {
    names: Vec<Box<[u8]>>,
    total: usize,
    /// Whether there are users behind the window.
    has_more: bool,
}

impl NamePage {
    /// The name behind which the list goes on.
    fn next(&self) -> Option<String> {
        let last = self.names.last().filter(|_| self.has_more)?;
        Some(String::from_utf8_lossy(last).into_owned())
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
    /// A window of the users in the order of their names' bytes or its reverse; with a role, of the users of that
    /// role alone, who are then the only ones counted (`contract/storage-and-listing.md` §1). It begins behind a
    /// name where one is given, in the order asked for, and the offset counts from there.
    ///
    /// A user removed between the two steps of this, names and documents, is left out.
    ///
    /// # Errors
    /// Internal when a record of the page is damaged, unavailable when the store cannot be read.
    pub fn users_page(
        &self,
        role: Option<&str>,
        after: Option<&str>,
        window: Window,
    ) -> Result<UsersPage, Error> {
        if role.is_none() {
            return Ok(self.shared().page(after.map(str::as_bytes), window)?);
        }
        let page = self.users_names(role, after, window);
        // The users of one role may lie far apart: a scan would read all between them.
        let documents = self.shared().documents(&page.names, false)?;
        let (total, next) = (page.total, page.next());
        Ok(UsersPage { parts: documents.into_iter().map(PagePart::One).collect(), total, next })
    }

    fn users_names(&self, role: Option<&str>, after: Option<&str>, window: Window) -> NamePage {
        let view = self.shared().view.read();
        let Some(names) = view.names(role) else { return NamePage::default() };
        let Window { limit, descending, .. } = window;
        let offset = names.offset(after.map(str::as_bytes), window);
        let total = names.len();
        let names = names.window(offset, limit, descending);
        NamePage { has_more: offset.saturating_add(names.len()) < total, names, total }
    }

    /// Looks at so many users behind a name and takes the documents of some. What is read here is not kept in the
    /// cache of documents, which is for those who are asked for by name.
    ///
    /// # Errors
    /// As [`Store::users_page`].
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
            let glance = serde_json::from_slice(&record.public);
            match look(&glance.map_err(|why| damaged(Damaged::Public(why.to_string())))?) {
                Look::Pass => {}
                Look::Take => documents.push(Document::of(&record)),
                Look::Stop => return Ok(Piece { documents, next: None }),
            }
        }
        Ok(Piece { documents, next: page.next() })
    }
}
