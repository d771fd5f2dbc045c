//! The words in which the API is described: routes, parameters, objects and their members, all plain
//! constant data. Nothing here knows OpenAPI; `render` alone turns these tables into a document.

/// A part of the API that is served as a whole: its routes and the objects they speak of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// The tag its operations carry; generated clients name a class after it.
    pub tag: &'static str,
    /// What the part is for.
    pub about: &'static str,
    /// Its operations.
    pub routes: &'static [Route],
    /// The objects it speaks of; one that another part lists too is written once.
    pub records: &'static [Record],
}

/// One operation: a method on a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    /// The HTTP method.
    pub method: Method,
    /// The path below the server's prefix, with parameters in braces.
    pub path: &'static str,
    /// The operation's name; generated clients name a method after it.
    pub id: &'static str,
    /// A few words for a list of operations.
    pub summary: &'static str,
    /// What the summary does not say; may be empty.
    pub about: &'static str,
    /// Who may call.
    pub access: Access,
    /// Parameters in the order in which clients take them.
    pub params: &'static [Param],
    /// The name of the object in the request's body.
    pub body: Option<&'static str>,
    /// What a successful call answers.
    pub success: Success,
    /// The other statuses that are worth a line; all remaining ones are described by the default answer.
    pub failures: &'static [u16],
}

/// The HTTP methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Reads.
    Get,
    /// Creates, or starts something.
    Post,
    /// Replaces.
    Put,
    /// Changes, by a JSON merge patch.
    Patch,
    /// Removes.
    Delete,
}

/// Who may call an operation (`contract/auth.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody; credentials are not looked at.
    Public,
    /// Name and password, to get a token.
    Basic,
    /// An admin, by API key or by token.
    Admin,
    /// The holder of a token; API keys are refused.
    Token,
}

/// A parameter of the path, the query or a header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Param {
    /// Its name on the wire.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What it may be.
    pub kind: Kind,
    /// What it does.
    pub about: &'static str,
    /// What the server takes when it is absent, if clients shall send that themselves.
    pub default: Option<i64>,
    /// An example value.
    pub example: Option<&'static str>,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the path: always needed.
    Path,
    /// In the query: may be absent.
    Query,
    /// In a header: may be absent.
    Header,
}

impl Param {
    /// A parameter of the path.
    pub(super) const fn path(name: &'static str, about: &'static str) -> Self {
        Self { name, place: Place::Path, kind: Kind::Text, about, default: None, example: None }
    }

    /// A parameter of the query.
    pub(super) const fn query(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, place: Place::Query, kind, about, default: None, example: None }
    }

    /// A parameter in a header.
    pub(super) const fn header(name: &'static str, about: &'static str) -> Self {
        Self { name, place: Place::Header, kind: Kind::Text, about, default: None, example: None }
    }

    /// The same with a default that clients send.
    pub(super) const fn or(self, default: i64) -> Self {
        Self { default: Some(default), ..self }
    }

    /// The same with an example.
    pub(super) const fn such_as(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }
}

/// The answer to a successful call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Success {
    /// Its status.
    pub status: u16,
    /// What its body holds.
    pub body: Answer,
    /// What the `Location` header says, if there is one.
    pub location: Option<&'static str>,
    /// The status under which a call that failed answers with the same object.
    pub failed: Option<u16>,
}

/// What the body of an answer holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// A value of this kind, as JSON.
    Json(Kind),
    /// Plain text.
    Plain,
}

impl Success {
    /// 200 with a short message.
    pub(super) const MESSAGE: Self = Self::json(200, Kind::One("ApiResponse"));

    /// A value of this kind under this status.
    pub(super) const fn json(status: u16, kind: Kind) -> Self {
        Self { status, body: Answer::Json(kind), location: None, failed: None }
    }

    /// 200 with one object.
    pub(super) const fn one(name: &'static str) -> Self {
        Self::json(200, Kind::One(name))
    }

    /// 200 with a list of objects.
    pub(super) const fn many(name: &'static str) -> Self {
        Self::json(200, Kind::Many(name))
    }

    /// 201 with the new object and the place where it can be read.
    pub(super) const fn created(name: &'static str, location: &'static str) -> Self {
        Self { location: Some(location), ..Self::json(201, Kind::One(name)) }
    }

    /// The same, where a failed call answers with such an object too.
    pub(super) const fn or_failed(self, status: u16) -> Self {
        Self { failed: Some(status), ..self }
    }

    /// 200 with plain text.
    pub(super) const fn plain() -> Self {
        Self { status: 200, body: Answer::Plain, location: None, failed: None }
    }
}

/// A named object of the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    /// Its name; generated clients name a class after it.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Which way it travels.
    pub way: Way,
    /// What it is made of.
    pub shape: Shape,
}

/// Which way an object travels: this decides what "must be there" means to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Clients send it: needed members are required of them.
    Sent,
    /// The server answers it: clients may rely on the members that are always there.
    Answered,
    /// Both, or answered by others on the way as well: nothing is required of a client, and what the
    /// server always shows is recorded beside the schema, as `x-always-present`.
    Both,
}

/// What a named object is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Members, given in one or more lists, so that objects can share a list.
    Members(&'static [&'static [Member]]),
    /// One of these words.
    Words(&'static [&'static str]),
    /// Members of any name.
    Free,
}

impl Record {
    /// An object that clients send and read.
    pub(super) const fn both(
        name: &'static str,
        about: &'static str,
        members: &'static [&'static [Member]],
    ) -> Self {
        Self { name, about, way: Way::Both, shape: Shape::Members(members) }
    }

    /// An object that clients send.
    pub(super) const fn sent(
        name: &'static str,
        about: &'static str,
        members: &'static [&'static [Member]],
    ) -> Self {
        Self { name, about, way: Way::Sent, shape: Shape::Members(members) }
    }

    /// An object that the server answers.
    pub(super) const fn answered(
        name: &'static str,
        about: &'static str,
        members: &'static [&'static [Member]],
    ) -> Self {
        Self { name, about, way: Way::Answered, shape: Shape::Members(members) }
    }

    /// A closed list of words.
    pub(super) const fn words(
        name: &'static str,
        about: &'static str,
        words: &'static [&'static str],
    ) -> Self {
        Self { name, about, way: Way::Both, shape: Shape::Words(words) }
    }
}

/// A member of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// When it is there.
    pub presence: Presence,
    /// What it means; empty for a member whose kind is a named object, which says it itself.
    pub about: &'static str,
}

/// When a member is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// In every answer; in requests only if the object is one that clients send.
    Always,
    /// Only when it is not zero, empty or false.
    Maybe,
    /// In requests at most: it is never shown.
    Unseen,
}

impl Member {
    /// A member that is in every answer.
    pub(super) const fn always(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, presence: Presence::Always, about }
    }

    /// A member that is left out when it is zero, empty or false.
    pub(super) const fn maybe(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, presence: Presence::Maybe, about }
    }

    /// A member that is accepted and never shown.
    pub(super) const fn unseen(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, presence: Presence::Unseen, about }
    }
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any integer of 64 bits.
    Int64,
    /// A small integer.
    Int32,
    /// One of these integers.
    Number(&'static [i64]),
    /// True or false.
    Bool,
    /// A list of texts.
    Texts,
    /// A list of words out of these.
    Words(&'static [&'static str]),
    /// A map from a name to a list of texts, or to null.
    TextsByName,
    /// The same, or null.
    TextsByNameOrNull,
    /// A JSON object of any content.
    Free,
    /// The object of this name.
    One(&'static str),
    /// A list of objects of this name.
    Many(&'static str),
}
