//! Writes a dump, piece by piece, into whatever takes bytes: nothing of it is ever in memory as a whole. The
//! users' pieces are made by several threads and written in order.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde::Serialize;

use super::VERSION;
use super::element::{self, UserElements};
use crate::api::view::{Detail, Views};
use crate::domain::admin::Admin;
use crate::domain::api_key::ApiKey;
use crate::error::Error;
use crate::service::requester::Requester;
use crate::state::State;
use crate::store::Window;
use crate::wire;

/// Users that a thread takes at a time.
const PIECE: usize = 256;

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

/// Writes the dump.
///
/// # Errors
/// When the store cannot be read, or the bytes are not taken.
pub fn write(state: &State, scopes: &Scopes, layout: Layout, out: &mut dyn Write) -> Result<(), Error> {
    let mut writer = Writer { state, layout, out };
    writer.put(b"{")?;
    for (member, word) in MEMBERS {
        writer.name(member)?;
        if scopes.has(word) {
            writer.part(member)?;
        } else {
            writer.put(b"null")?;
        }
        writer.put(b",")?;
    }
    writer.name("version")?;
    writer.put(VERSION.to_string().as_bytes())?;
    writer.put(if layout == Layout::Indented { b"\n}\n" } else { b"}\n" })?;
    writer.out.flush().map_err(not_taken)
}

struct Writer<'w> {
    state: &'w State,
    layout: Layout,
    out: &'w mut dyn Write,
}

impl Writer<'_> {
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
        let state = self.state;
        let everybody = Requester::default();
        let all = Window { offset: 0, limit: usize::MAX, descending: false };
        match member {
            "users" => self.users(),
            "roles" => self.list(state.roles.list(all), serde_json::to_value),
            "folders" => {
                let views = Views::new(state, &everybody, Detail::Dumped);
                self.list(state.folders.list(all), |folder| views.folder(&folder, usize::MAX))
            }
            "groups" => {
                let mut views = Views::new(state, &everybody, Detail::Dumped);
                self.list(state.groups.list(all), |group| views.group(&group, usize::MAX))
            }
            "admins" => self.list(state.store.shelf::<Admin>().all(), |admin| element::admin(&admin)),
            "api_keys" => self.list(state.store.shelf::<ApiKey>().all(), |key| element::api_key(&key)),
            "configs" => self.put(b"{}"),
            // What this server does not have.
            _ => self.put(b"[]"),
        }
    }

    fn list<T, V: Serialize, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &mut self,
        items: Vec<T>,
        mut value: impl FnMut(T) -> Result<V, E>,
    ) -> Result<(), Error> {
        let mut joined = Joined::new(self.layout);
        for item in items {
            let value = value(item).map_err(Error::internal)?;
            joined.add(&wire::to_bytes(&value).map_err(Error::internal)?)?;
        }
        self.brackets(!joined.text.is_empty(), |writer| writer.put(&joined.text))
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

    fn users(&mut self) -> Result<(), Error> {
        let (state, layout) = (self.state, self.layout);
        let filled = state.store.user_count() > 0;
        self.brackets(filled, |writer| {
            std::thread::scope(|scope| {
                let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8));
                let lanes: Vec<Lane> = (0..threads)
                    .map(|_| {
                        let (names, asked) = sync_channel::<Vec<Box<[u8]>>>(1);
                        let (answer, pieces) = sync_channel(1);
                        scope.spawn(move || {
                            for names in asked {
                                if answer.send(piece(state, &names, layout)).is_err() {
                                    break;
                                }
                            }
                        });
                        Lane { names, pieces }
                    })
                    .collect();
                writer.in_order(&lanes)
            })
        })
    }

    /// Hands the names out in turn and writes what comes back in the same turn.
    fn in_order(&mut self, lanes: &[Lane]) -> Result<(), Error> {
        let ended = || Error::internal("a thread of the dump ended early");
        let (mut last, mut turn, mut first) = (None::<Box<[u8]>>, 0, true);
        let mut waiting = VecDeque::new();
        loop {
            while waiting.len() < lanes.len() {
                let names = self.state.store.user_names_after(last.as_deref(), PIECE);
                let Some(name) = names.last() else { break };
                last = Some(name.clone());
                lanes[turn].names.send(names).map_err(|_| ended())?;
                waiting.push_back(turn);
                turn = (turn + 1) % lanes.len();
            }
            let Some(lane) = waiting.pop_front() else { return Ok(()) };
            let piece = lanes[lane].pieces.recv().map_err(|_| ended())??;
            if !piece.is_empty() {
                if !std::mem::take(&mut first) {
                    self.put(b",")?;
                }
                self.put(&piece)?;
            }
        }
    }
}

/// The ends of a thread's channels: names go in, their users come out as text.
struct Lane {
    names: SyncSender<Vec<Box<[u8]>>>,
    pieces: Receiver<Result<Vec<u8>, Error>>,
}

fn piece(state: &State, names: &[Box<[u8]>], layout: Layout) -> Result<Vec<u8>, Error> {
    let everybody = Requester::default();
    let mut elements = UserElements::new(Views::new(state, &everybody, Detail::Dumped));
    let mut joined = Joined::new(layout);
    let mut element = Vec::new();
    for whole in state.store.whole_users(names)? {
        element.clear();
        elements.append(&whole, &mut element)?;
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
