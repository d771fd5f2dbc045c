//! Files of other programs, read as users to be moved in: accounts of a Unix system, password files of web
//! servers, tables. What such a file cannot say is left to the server: everything is allowed in the user's own
//! directory, the home directory comes from `[users] base_dir` where the file names none.

mod htpasswd;
mod passwd;
mod table;

use std::io::{self, Read};

use super::incoming::{Incoming, LeftOut, Part};
use crate::domain::admin::AdminDraft;
use crate::domain::api_key::ApiKeyDraft;
use crate::domain::directory::DirectoryPermissionsDraft;
use crate::domain::filters::Filters;
use crate::domain::folder::FolderDraft;
use crate::domain::group::GroupDraft;
use crate::domain::password::{NewPassword, PasswordHash};
use crate::domain::role::RoleDraft;
use crate::domain::time::UnixMillis;
use crate::domain::user_draft::UserDraft;
use crate::error::Error;

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `/etc/passwd`: names, numbers, homes; the hashes usually stand in the shadow file.
    Passwd,
    /// `/etc/shadow` alone: names and hashes.
    Shadow,
    /// `htpasswd`: names and hashes.
    Htpasswd,
    /// Comma-separated values, the columns named as members of a user.
    Csv,
}

/// A file of another program.
#[derive(Debug, Default)]
pub struct ForeignUsers {
    rows: Vec<Row>,
}

/// One user of such a file.
#[derive(Debug, Default)]
struct Row {
    line: u64,
    username: String,
    password: Password,
    email: String,
    home_dir: String,
    uid: i64,
    gid: i64,
    description: String,
    public_keys: Vec<String>,
    /// For the directory `/`; everything, if there are none.
    permissions: Vec<String>,
    is_disabled: bool,
    expiration_date: UnixMillis,
    last_password_change: UnixMillis,
    must_change_password: bool,
    /// Days a password is good for; 0 is for ever.
    password_expiration: i64,
    /// What there is to know of it.
    remarks: Vec<String>,
    /// Why it is none.
    problem: Option<String>,
}

/// What a file says about a password.
#[derive(Debug, Default)]
enum Password {
    /// There is none.
    #[default]
    None,
    /// A hash, or a plain one, as it stands there.
    Text(NewPassword),
}

impl ForeignUsers {
    /// Reads a file; `shadow` is the one that holds the hashes of a passwd file.
    ///
    /// # Errors
    /// When it cannot be read, or a table has no heads this server knows.
    pub fn read(format: Format, from: &mut dyn Read, shadow: Option<&mut dyn Read>) -> Result<Self, Error> {
        let rows = match (format, shadow) {
            (Format::Passwd, None) => passwd::read(&lines(from)?),
            (Format::Passwd, Some(shadow)) => passwd::read_with_shadow(&lines(from)?, &lines(shadow)?),
            (Format::Shadow, _) => passwd::read_shadow(&lines(from)?),
            (Format::Htpasswd, _) => htpasswd::read(&lines(from)?),
            (Format::Csv, _) => table::read(from)?,
        };
        Ok(Self { rows })
    }

    fn row(&self, index: usize) -> Result<&Row, Error> {
        self.rows.get(index).ok_or_else(|| Error::internal("a row that is not there"))
    }
}

impl Row {
    /// Sets a hash. One that is locked, empty or of a kind this server cannot check makes the user one
    /// who cannot sign in, and is remarked on: it must never become a plain password.
    fn set_hash(&mut self, text: &str) {
        let why = match text {
            "" => "the password is empty",
            locked if locked.starts_with(['!', '*']) => "the password is locked",
            hash if PasswordHash::recognise(hash).is_some() => {
                self.password = Password::Text(NewPassword::new(hash));
                return;
            }
            _ => "the password's hash is of no known kind",
        };
        self.disable(why);
    }

    fn disable(&mut self, why: &str) {
        self.password = Password::None;
        self.is_disabled = true;
        self.remarks.push(format!("{why}: the user comes disabled and without a password"));
    }

    fn draft(&self) -> UserDraft {
        let everything = || vec!["*".to_owned()];
        let granted = if self.permissions.is_empty() { everything() } else { self.permissions.clone() };
        UserDraft {
            username: self.username.clone(),
            status: i64::from(!self.is_disabled),
            password: match &self.password {
                Password::None => None,
                Password::Text(text) => Some(text.clone()),
            },
            email: self.email.clone(),
            home_dir: self.home_dir.clone(),
            uid: self.uid,
            gid: self.gid,
            description: self.description.clone(),
            public_keys: self.public_keys.clone(),
            permissions: DirectoryPermissionsDraft::new(vec![("/".to_owned(), Some(granted))]),
            expiration_date: Some(self.expiration_date),
            last_password_change: self.last_password_change,
            filters: Filters {
                require_password_change: self.must_change_password,
                password_expiration: self.password_expiration,
                ..Filters::default()
            },
            ..UserDraft::default()
        }
    }
}

impl Incoming for ForeignUsers {
    fn count(&self, part: Part) -> usize {
        if part == Part::Users { self.rows.len() } else { 0 }
    }

    fn line(&self, _: Part, index: usize) -> u64 {
        self.rows.get(index).map_or(0, |row| row.line)
    }

    fn told_name(&self, _: Part, index: usize) -> String {
        self.rows.get(index).map_or_else(String::new, |row| row.username.clone())
    }

    fn role(&self, _: usize) -> Result<RoleDraft, Error> {
        Err(none_there())
    }

    fn folder(&self, _: usize) -> Result<FolderDraft, Error> {
        Err(none_there())
    }

    fn group(&self, _: usize) -> Result<GroupDraft, Error> {
        Err(none_there())
    }

    fn user(&self, index: usize) -> Result<UserDraft, Error> {
        let row = self.row(index)?;
        match &row.problem {
            Some(why) => Err(Error::invalid(why.clone())),
            None => Ok(row.draft()),
        }
    }

    fn admin(&self, _: usize) -> Result<AdminDraft, Error> {
        Err(none_there())
    }

    fn api_key(&self, _: usize) -> Result<ApiKeyDraft, Error> {
        Err(none_there())
    }

    fn remark(&self, _: Part, index: usize) -> Option<String> {
        let remarks = &self.rows.get(index)?.remarks;
        (!remarks.is_empty()).then(|| remarks.join("; "))
    }

    fn left_out(&self) -> &[LeftOut] {
        &[]
    }
}

fn none_there() -> Error {
    Error::internal("such a file holds users only")
}

/// The lines of a file with their numbers, without those that are empty or comments.
fn lines(from: &mut dyn Read) -> Result<Vec<(u64, String)>, Error> {
    let mut text = Vec::new();
    from.read_to_end(&mut text).map_err(|why| unreadable(&why))?;
    let text = String::from_utf8(text).map_err(|_| Error::malformed("the file is no UTF-8"))?;
    let numbered = (1..).zip(text.lines().map(str::to_owned));
    Ok(numbered.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')).collect())
}

fn unreadable(why: &io::Error) -> Error {
    Error::malformed(format!("the file cannot be read: {why}"))
}

#[cfg(test)]
mod tests;
