//! What is to be moved in, and how it is read: part by part, each element when it is asked for, any number of
//! times, so that a file of any size needs no memory of its size.

use std::fmt;

use crate::domain::admin::AdminDraft;
use crate::domain::api_key::ApiKeyDraft;
use crate::domain::folder::FolderDraft;
use crate::domain::group::GroupDraft;
use crate::domain::role::RoleDraft;
use crate::domain::user_draft::UserDraft;
use crate::error::Error;

/// The parts of a dump that this server holds, in the order in which they are loaded: what is referred to
/// comes before what refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Roles.
    Roles,
    /// Folders.
    Folders,
    /// Groups.
    Groups,
    /// Users.
    Users,
    /// Admins.
    Admins,
    /// API keys.
    ApiKeys,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Roles, Self::Folders, Self::Groups, Self::Users, Self::Admins, Self::ApiKeys];

    /// The member of a dump that holds the part; the word for it among the scopes, too.
    pub const fn member(self) -> &'static str {
        match self {
            Self::Roles => "roles",
            Self::Folders => "folders",
            Self::Groups => "groups",
            Self::Users => "users",
            Self::Admins => "admins",
            Self::ApiKeys => "api_keys",
        }
    }

    /// The word for one of its elements.
    pub const fn one(self) -> &'static str {
        match self {
            Self::Roles => "role",
            Self::Folders => "folder",
            Self::Groups => "group",
            Self::Users => "user",
            Self::Admins => "admin",
            Self::ApiKeys => "API key",
        }
    }
}

/// Where an element stands: its part, its number there from 0 on, its name and the line it begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The part.
    pub part: Part,
    /// The number in the part.
    pub index: usize,
    /// The name as it is written; empty when it cannot be read.
    pub name: String,
    /// The line in the file, from 1 on.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}] {:?} (line {})", self.part.member(), self.index, self.name, self.line)
    }
}

/// Something of the file that this server does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// What it is called in the file.
    pub what: String,
    /// How many there are.
    pub count: usize,
    /// The names of the first of them.
    pub names: Vec<String>,
}

/// What is to be moved in. Elements are read by their number in their part.
pub trait Incoming: Sync {
    /// How many elements a part has.
    fn count(&self, part: Part) -> usize;

    /// The line in which an element begins.
    fn line(&self, part: Part, index: usize) -> u64;

    /// The name of an element that does not decode; empty when that cannot be read either.
    fn told_name(&self, part: Part, index: usize) -> String;

    /// A role.
    ///
    /// # Errors
    /// When it cannot be read.
    fn role(&self, index: usize) -> Result<RoleDraft, Error>;

    /// A folder.
    ///
    /// # Errors
    /// When it cannot be read.
    fn folder(&self, index: usize) -> Result<FolderDraft, Error>;

    /// A group.
    ///
    /// # Errors
    /// When it cannot be read.
    fn group(&self, index: usize) -> Result<GroupDraft, Error>;

    /// A user.
    ///
    /// # Errors
    /// When it cannot be read.
    fn user(&self, index: usize) -> Result<UserDraft, Error>;

    /// An admin.
    ///
    /// # Errors
    /// When it cannot be read.
    fn admin(&self, index: usize) -> Result<AdminDraft, Error>;

    /// An API key.
    ///
    /// # Errors
    /// When it cannot be read.
    fn api_key(&self, index: usize) -> Result<ApiKeyDraft, Error>;

    /// What the reader itself has to say about an element that is otherwise good.
    fn remark(&self, part: Part, index: usize) -> Option<String>;

    /// What the file holds and this server does not.
    fn left_out(&self) -> &[LeftOut];
}
