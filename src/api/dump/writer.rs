//! Writes a dump, piece by piece, into whatever takes bytes: nothing of it is ever in memory as a whole. The
//! users' pieces are made by several threads and written in order.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::iter;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde_json::Value;

use super::VERSION;
use super::element::{self, UserElements};
use crate::api::view::Views;
use crate::domain::admin::Admin;
use crate::domain::api_key::ApiKey;
use crate::domain::folder::Folder;
use crate::domain::group::Group;
use crate::domain::role::Role;
use crate::error::Error;
use crate::state::State;
use crate::store::{Membership, Moment, MomentUsers, OnShelf, StoredUsers};
use crate::wire;

/// The members of a dump in their order, and the word for each among the scopes.
const MEMBERS: [(&str, &str); 11] = [
    ("users", "users"),
    ("groups", "groups"),
    ("folders", "folders"),
    ("admins", "admins"),
    ("api_keys", "api_keys"),
    ("shares", "shares"),
    ("event_actions", "actions"),
    ("event_rules", "rules"),
    ("roles", "roles"),
    ("ip_lists", "ip_lists"),
    ("configs", "configs"),
];

/// The parts that are wanted; unknown words are no parts.
#[derive(Debug, Clone, Default)]
pub struct Scopes(Option<Vec<String>>);

impl Scopes {
    /// Reads words separated by commas; nothing at all is everything.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Self {
        let words = |text: &str| text.split(',').map(|word| word.trim().to_owned()).collect();
        Self(text.filter(|text| !text.is_empty()).map(words))
    }

    fn has(&self, word: &str) -> bool {
        self.0.as_ref().is_none_or(|words| words.iter().any(|known| known == word))
    }
}

/// How a dump is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// On one line.
    OneLine,
    /// Indented, for people.
    Indented,
}

/// Writes the dump: everything as it is at the moment of the call, whatever is written meanwhile.
///
/// # Errors
/// When the store cannot be read, or the bytes are not taken.
pub fn write(state: &State, scopes: &Scopes, layout: Layout, out: &mut dyn Write) -> Result<(), Error> {
    let (moment, users) = state.store.moment();
    // What is not asked for need not be kept.
    let mut users = Some(users).filter(|_| scopes.has("users"));
    let mut writer = Writer { moment: &moment, layout, out };
    writer.put(b"{")?;
    for (member, word) in MEMBERS {
        writer.name(member)?;
        if !scopes.has(word) {
            writer.put(b"null")?;
        } else if let Some(users) = users.take() {
            writer.users(users)?;
        } else {
            writer.part(member)?;
        }
        writer.put(b",")?;
    }
    writer.name("version")?;
    writer.put(VERSION.to_string().as_bytes())?;
    writer.put(if layout == Layout::Indented { b"\n}\n" } else { b"}\n" })?;
    writer.out.flush().map_err(not_taken)
}

struct Writer<'w> {
    moment: &'w Moment,
    layout: Layout,
    out: &'w mut dyn Write,
}

impl<'w> Writer<'w> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(not_taken)
    }

    fn name(&mut self, member: &str) -> Result<(), Error> {
        match self.layout {
            Layout::OneLine => self.put(format!("{member:?}:").as_bytes()),
            Layout::Indented => self.put(format!("\n  {member:?}: ").as_bytes()),
        }
    }

    fn part(&mut self, member: &str) -> Result<(), Error> {
        let moment = self.moment;
        let admins = moment.shelves().shelf::<Admin>().all();
        let mut views = Views::dumped(moment.shelves());
        match member {
            "roles" => {
                self.list(|role: &Role| element::role(role, &admins), |role| moment.users_of_role(&role.name))
            }
            "folders" => {
                let groups = moment.shelves().shelf::<Group>().all();
                self.list(
                    |folder: &Folder| element::folder(&views, folder, &groups),
                    |folder| moment.users_with(Membership::Folder, &folder.name),
                )
            }
            "groups" => self.list(
                |group: &Group| element::group(&mut views, group, &admins),
                |group| moment.users_with(Membership::Group, &group.name),
            ),
            "admins" => self.list(|admin: &Admin| element::admin(admin), |_| iter::empty()),
            "api_keys" => self.list(|key: &ApiKey| element::api_key(key), |_| iter::empty()),
            "configs" => self.put(b"{}"),
            // What this server does not have.
            _ => self.put(b"[]"),
        }
    }

    /// Writes all things of a kind, each with the users who have it.
    fn list<T: OnShelf, N: Iterator<Item = Cow<'w, str>>>(
        &mut self,
        mut value: impl FnMut(&T) -> Result<Value, Error>,
        users: impl Fn(&T) -> N,
    ) -> Result<(), Error> {
        let items = self.moment.shelves().shelf::<T>().all();
        self.brackets(!items.is_empty(), |writer| {
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    writer.put(b",")?;
                }
                writer.element(&value(item)?, users(item))?;
            }
            Ok(())
        })
    }

    /// Writes an object, and as its last member the names of users, who may be very many.
    fn element(&mut self, value: &Value, users: impl Iterator<Item = Cow<'w, str>>) -> Result<(), Error> {
        let mut text = Joined::new(self.layout);
        text.add(&wire::to_bytes(value).map_err(Error::internal)?)?;
        let mut users = users.peekable();
        if users.peek().is_none() {
            return self.put(&text.text);
        }
        let (end, opened, before, closed) = match self.layout {
            Layout::OneLine => ("}", ",\"users\":[", "", "]"),
            Layout::Indented => ("\n    }", ",\n      \"users\": [", "\n        ", "\n      ]"),
        };
        // It has a name at least, and ends so.
        self.put(text.text.strip_suffix(end.as_bytes()).unwrap_or(&text.text))?;
        self.put(opened.as_bytes())?;
        for (number, name) in users.enumerate() {
            let separator = if number > 0 { "," } else { "" };
            let name = serde_json::to_string(&name).map_err(Error::internal)?;
            self.put([separator, before, &name].concat().as_bytes())?;
        }
        self.put([closed, end].concat().as_bytes())
    }

    fn brackets(
        &mut self,
        filled: bool,
        content: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.put(b"[")?;
        content(self)?;
        self.put(if filled && self.layout == Layout::Indented { b"\n  ]" } else { b"]" })
    }

    fn users(&mut self, mut users: MomentUsers) -> Result<(), Error> {
        let (moment, layout) = (self.moment, self.layout);
        self.brackets(users.count() > 0, |writer| {
            std::thread::scope(|scope| {
                let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8));
                let lanes: Vec<Lane> = (0..threads)
                    .map(|_| {
                        let (stored, asked) = sync_channel::<StoredUsers>(1);
                        let (answer, pieces) = sync_channel(1);
                        scope.spawn(move || {
                            for stored in asked {
                                if answer.send(piece(moment, stored, layout)).is_err() {
                                    break;
                                }
                            }
                        });
                        Lane { stored, pieces }
                    })
                    .collect();
                writer.in_order(&mut users, &lanes)
            })
        })
    }

    /// Hands the users out in turn and writes what comes back in the same turn.
    fn in_order(&mut self, users: &mut MomentUsers, lanes: &[Lane]) -> Result<(), Error> {
        let ended = || Error::internal("a thread of the dump ended early");
        let (mut turn, mut first) = (0, true);
        let mut waiting = VecDeque::new();
        loop {
            while waiting.len() < lanes.len() {
                let stored = users.piece()?;
                if stored.is_empty() {
                    break;
                }
                lanes[turn].stored.send(stored).map_err(|_| ended())?;
                waiting.push_back(turn);
                turn = (turn + 1) % lanes.len();
            }
            let Some(lane) = waiting.pop_front() else { return Ok(()) };
            let piece = lanes[lane].pieces.recv().map_err(|_| ended())??;
            if !std::mem::take(&mut first) {
                self.put(b",")?;
            }
            self.put(&piece)?;
        }
    }
}

/// The ends of a thread's channels: stored users go in, and come out as text.
struct Lane {
    stored: SyncSender<StoredUsers>,
    pieces: Receiver<Result<Vec<u8>, Error>>,
}

fn piece(moment: &Moment, stored: StoredUsers, layout: Layout) -> Result<Vec<u8>, Error> {
    let mut elements = UserElements::new(Views::dumped(moment.shelves()));
    let mut joined = Joined::new(layout);
    let mut element = Vec::new();
    for whole in stored.whole() {
        element.clear();
        elements.append(&whole?, &mut element)?;
        joined.add(&element)?;
    }
    Ok(joined.text)
}

/// Elements with commas between them.
struct Joined {
    text: Vec<u8>,
    layout: Layout,
}

impl Joined {
    fn new(layout: Layout) -> Self {
        Self { text: Vec::new(), layout }
    }

    fn add(&mut self, element: &[u8]) -> Result<(), Error> {
        if !self.text.is_empty() {
            self.text.push(b',');
        }
        match self.layout {
            Layout::OneLine => self.text.extend_from_slice(element),
            Layout::Indented => {
                let value: serde_json::Value = serde_json::from_slice(element).map_err(Error::internal)?;
                let pretty = serde_json::to_string_pretty(&value).map_err(Error::internal)?;
                // No text of JSON holds a line end: they are all between members.
                self.text.extend_from_slice(format!("\n    {}", pretty.replace('\n', "\n    ")).as_bytes());
            }
        }
        Ok(())
    }
}

fn not_taken(why: io::Error) -> Error {
    Error::internal(why)
}
