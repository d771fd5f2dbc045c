//! What a user may do in each of his directories (`contract/validation.md` §5). The draft is what a
//! client sends; the value has cleaned paths, known words and something granted for `/`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize, Serializer};

use super::path;
use super::placeholders::Placeholders;
use super::quote::quote;
use super::word::{self, Word, distinct};
use crate::error::Invalid;

/// One thing a user may do in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "&'static str")]
pub enum DirectoryPermission {
    /// Everything.
    Any,
    /// See what is there.
    List,
    /// Read files.
    Download,
    /// Write new files.
    Upload,
    /// Write files that exist.
    Overwrite,
    /// Create directories.
    CreateDirs,
    /// Rename anything.
    Rename,
    /// Rename files.
    RenameFiles,
    /// Rename directories.
    RenameDirs,
    /// Delete anything.
    Delete,
    /// Delete files.
    DeleteFiles,
    /// Delete directories.
    DeleteDirs,
    /// Copy on the server.
    Copy,
    /// Create symbolic links.
    CreateSymlinks,
    /// Change modes.
    Chmod,
    /// Change owners.
    Chown,
    /// Change times.
    Chtimes,
}

impl Word for DirectoryPermission {
    const ALL: &'static [Self] = &[
        Self::Any,
        Self::List,
        Self::Download,
        Self::Upload,
        Self::Overwrite,
        Self::CreateDirs,
        Self::Rename,
        Self::RenameFiles,
        Self::RenameDirs,
        Self::Delete,
        Self::DeleteFiles,
        Self::DeleteDirs,
        Self::Copy,
        Self::CreateSymlinks,
        Self::Chmod,
        Self::Chown,
        Self::Chtimes,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Any => "*",
            Self::List => "list",
            Self::Download => "download",
            Self::Upload => "upload",
            Self::Overwrite => "overwrite",
            Self::CreateDirs => "create_dirs",
            Self::Rename => "rename",
            Self::RenameFiles => "rename_files",
            Self::RenameDirs => "rename_dirs",
            Self::Delete => "delete",
            Self::DeleteFiles => "delete_files",
            Self::DeleteDirs => "delete_dirs",
            Self::Copy => "copy",
            Self::CreateSymlinks => "create_symlinks",
            Self::Chmod => "chmod",
            Self::Chown => "chown",
            Self::Chtimes => "chtimes",
        }
    }
}

impl From<DirectoryPermission> for &'static str {
    fn from(permission: DirectoryPermission) -> Self {
        permission.word()
    }
}

/// All that an anonymous user may do.
const READING: [DirectoryPermission; 2] = [DirectoryPermission::List, DirectoryPermission::Download];

/// Reading alone in the same directories.
fn read_only(granted: &Granted) -> Granted {
    granted.keys().map(|directory| (directory.clone(), Some(READING.to_vec()))).collect()
}

/// The permissions as a client sends them: paths and words unchecked, in document order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DirectoryPermissionsDraft(Vec<(String, Option<Vec<String>>)>);

impl DirectoryPermissionsDraft {
    /// Takes pairs of a path and its words; no list at all is told from an empty one.
    pub const fn new(pairs: Vec<(String, Option<Vec<String>>)>) -> Self {
        Self(pairs)
    }

    /// Puts reading alone where a list could not stand by itself: an anonymous user may read whatever his lists say
    /// ([`DirectoryPermissions::read_only`]), so none of them is refused.
    pub fn mend_for_anonymous(&mut self) {
        for (directory, granted) in &mut self.0 {
            let is_whole = match granted {
                None => directory != "/",
                Some(words) => read(directory, words).is_ok() && !(directory == "/" && words.is_empty()),
            };
            if !is_whole {
                *granted = Some(READING.iter().map(|permission| permission.word().to_owned()).collect());
            }
        }
    }
}

impl<'de> Deserialize<'de> for DirectoryPermissionsDraft {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = DirectoryPermissionsDraft;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of directories to lists of permissions")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(DirectoryPermissionsDraft(pairs))
            }
        }

        from.deserialize_map(Pairs)
    }
}

/// What is granted by directory.
type Granted = BTreeMap<String, Option<Vec<DirectoryPermission>>>;

/// The permissions of a user per directory, ordered by path.
///
/// A directory sent with `null` keeps `null`, which grants as little as an empty list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, DeriveDeserialize)]
#[serde(try_from = "DirectoryPermissionsDraft")]
pub struct DirectoryPermissions(Granted);

impl DirectoryPermissions {
    /// The most words a list may have, copies counted: as many as there are words.
    const MOST: usize = DirectoryPermission::ALL.len();

    /// Cleans the paths and reads the words. Of two paths that clean to the same, the later one in the
    /// document wins.
    ///
    /// # Errors
    /// When `/` is missing, has nothing granted or has a second spelling, when a path is relative, a
    /// list too long or a word unknown.
    pub fn parse(draft: DirectoryPermissionsDraft) -> Result<Self, Invalid> {
        let directories = read_all(draft)?;
        match directories.get("/") {
            Some(Some(granted)) if !granted.is_empty() => Ok(Self(directories)),
            Some(_) | None => Err(Invalid::new("permissions: grant something for the directory \"/\"")),
        }
    }

    /// What an anonymous user may do instead: read, in the same directories.
    #[must_use]
    pub fn read_only(&self) -> Self {
        Self(read_only(&self.0))
    }

    /// Grants what a group adds, in directories of which nothing is said yet; of `/` only with `root`.
    ///
    /// # Errors
    /// When a name cannot stand for a placeholder.
    pub fn add_missing(
        &mut self,
        added: &AddedPermissions,
        root: bool,
        placeholders: &Placeholders<'_>,
    ) -> Result<(), Invalid> {
        for (directory, granted) in added.0.iter().filter(|(directory, _)| root || *directory != "/") {
            let directory = path::rooted(&placeholders.fill(directory)?);
            self.0.entry(directory).or_insert_with(|| granted.clone());
        }
        Ok(())
    }

    /// The directories and what is granted in each, ordered by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[DirectoryPermission])> {
        self.0.iter().map(|(directory, granted)| (directory.as_str(), granted.as_deref().unwrap_or_default()))
    }
}

/// Cleans the paths and reads the words of each.
fn read_all(draft: DirectoryPermissionsDraft) -> Result<Granted, Invalid> {
    let mut directories = Granted::new();
    for (given, words) in draft.0 {
        let directory = path::absolute(&given)
            .ok_or_else(|| Invalid::new(format!("permissions: {} is not an absolute path", quote(&given))))?;
        if directory == "/" && given != "/" {
            return Err(Invalid::new(format!("permissions: {} is another spelling of \"/\"", quote(&given))));
        }
        let granted = words.map(|words| read(&given, &words)).transpose()?;
        directories.insert(directory, granted);
    }
    Ok(directories)
}

/// One directory's words: `*` swallows the others, copies go, the order stays.
fn read(directory: &str, words: &[String]) -> Result<Vec<DirectoryPermission>, Invalid> {
    if words.len() > DirectoryPermissions::MOST {
        let (directory, most) = (quote(directory), DirectoryPermissions::MOST);
        return Err(Invalid::new(format!("permissions: more than {most} for the directory {directory}")));
    }
    let granted: Vec<DirectoryPermission> =
        words.iter().map(|text| word::parse("permissions", text)).collect::<Result<_, _>>()?;
    let any = granted.contains(&DirectoryPermission::Any);
    Ok(if any { vec![DirectoryPermission::Any] } else { distinct(granted) })
}

/// The permissions that a group adds to its members', ordered by path; `null` on the wire for none. A
/// group need not say anything about `/`, and its paths may hold placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Default, DeriveDeserialize)]
#[serde(try_from = "Option<DirectoryPermissionsDraft>")]
pub struct AddedPermissions(Granted);

impl AddedPermissions {
    /// Cleans the paths and reads the words.
    ///
    /// # Errors
    /// When a path is relative or another spelling of `/`, a list too long or a word unknown.
    pub fn parse(draft: DirectoryPermissionsDraft) -> Result<Self, Invalid> {
        read_all(draft).map(Self)
    }

    /// What an anonymous group grants instead: reading, in the same directories.
    #[must_use]
    pub fn read_only(&self) -> Self {
        Self(read_only(&self.0))
    }
}

impl TryFrom<Option<DirectoryPermissionsDraft>> for AddedPermissions {
    type Error = Invalid;

    fn try_from(draft: Option<DirectoryPermissionsDraft>) -> Result<Self, Invalid> {
        Self::parse(draft.unwrap_or_default())
    }
}

impl Serialize for AddedPermissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() { serializer.serialize_none() } else { self.0.serialize(serializer) }
    }
}

impl TryFrom<DirectoryPermissionsDraft> for DirectoryPermissions {
    type Error = Invalid;

    fn try_from(draft: DirectoryPermissionsDraft) -> Result<Self, Invalid> {
        Self::parse(draft)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(json: &str) -> Result<String, String> {
        let permissions: DirectoryPermissions =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        Ok(serde_json::to_string(&permissions).unwrap())
    }

    #[test]
    fn every_word_reads_back_as_itself() {
        word::assert_table::<DirectoryPermission>(17);
    }

    #[test]
    fn permissions_are_kept_by_cleaned_path() {
        for (sent, kept) in [
            (r#"{"/":["*"]}"#, r#"{"/":["*"]}"#),
            (r#"{"/":["list","*","upload"]}"#, r#"{"/":["*"]}"#),
            (r#"{"/":["upload","list","upload"]}"#, r#"{"/":["upload","list"]}"#),
            (r#"{"/b":["list"],"/":["*"],"/a":[]}"#, r#"{"/":["*"],"/a":[],"/b":["list"]}"#),
            (r#"{"/":["*"],"/none":null}"#, r#"{"/":["*"],"/none":null}"#),
            (r#"{"/":["list"],"//a//b":["*"]}"#, r#"{"/":["list"],"/a/b":["*"]}"#),
            (r#"{"/":["list"],"/../../b":["*"]}"#, r#"{"/":["list"],"/b":["*"]}"#),
            (r#"{"/":["list"],"/a ":["*"]}"#, r#"{"/":["list"],"/a ":["*"]}"#),
        ] {
            assert_eq!(parse(sent).as_deref(), Ok(kept), "{sent}");
        }
    }

    #[test]
    fn of_two_spellings_of_a_directory_the_last_wins() {
        assert_eq!(
            parse(r#"{"/":["*"],"/a":["list"],"/a/":["upload"]}"#).unwrap(),
            r#"{"/":["*"],"/a":["upload"]}"#
        );
        assert_eq!(
            parse(r#"{"/":["*"],"/a/":["upload"],"/a":["list"]}"#).unwrap(),
            r#"{"/":["*"],"/a":["list"]}"#
        );
    }

    #[test]
    fn broken_permissions_are_refused() {
        let eighteen = serde_json::json!({ "/": vec!["list"; 18] }).to_string();
        for sent in [
            "{}",
            r#"{"/a":["*"]}"#,
            r#"{"/":[]}"#,
            r#"{"/":null}"#,
            r#"{"/":["fly"]}"#,
            r#"{"/":["*","fly"]}"#,
            r#"{"/":["LIST"]}"#,
            r#"{"/":[""]}"#,
            r#"{"/":[" list "]}"#,
            r#"{"/":["*"],"":["*"]}"#,
            r#"{"/":["*"],"a":["*"]}"#,
            r#"{"/":["*"],"./a":["*"]}"#,
            r#"{"/":["*"],"\\a":["*"]}"#,
            r#"{"/":["*"],"//":["*"]}"#,
            r#"{"/":["*"],"/.":["*"]}"#,
            r#"{"/":["*"],"/a/..":["*"]}"#,
            r#"{"//":["*"]}"#,
            eighteen.as_str(),
        ] {
            assert!(parse(sent).unwrap_err().contains("permissions: "), "{sent}");
        }
    }

    #[test]
    fn seventeen_words_fit_also_when_they_are_the_same() {
        let sent = serde_json::json!({ "/": vec!["list"; 17] }).to_string();
        assert_eq!(parse(&sent).unwrap(), r#"{"/":["list"]}"#);
    }

    #[test]
    fn an_anonymous_user_reads_whatever_was_sent_and_what_can_be_kept_is() {
        let mut draft: DirectoryPermissionsDraft =
            serde_json::from_str(r#"{"/":[],"/a":["fly"],"/b":null,"/c":["upload"],"/d":[]}"#).unwrap();
        draft.mend_for_anonymous();
        let permissions = DirectoryPermissions::parse(draft).unwrap();
        assert_eq!(
            serde_json::to_string(&permissions).unwrap(),
            r#"{"/":["list","download"],"/a":["list","download"],"/b":null,"/c":["upload"],"/d":[]}"#
        );
        let reading = permissions.read_only();
        assert_eq!(reading.iter().count(), 5);
        assert!(reading.iter().all(|(_, granted)| granted == READING));
    }

    proptest! {
        #[test]
        fn permissions_read_back_as_themselves(
            root in prop::collection::vec(prop::sample::select(DirectoryPermission::ALL), 1..18),
            others in prop::collection::vec(
                ("/[a./]{0,6}a", prop::option::of(prop::collection::vec(prop::sample::select(DirectoryPermission::ALL), 0..18))),
                0..6,
            ),
        ) {
            let words = |list: Vec<DirectoryPermission>| list.into_iter().map(|p| p.word().to_owned()).collect::<Vec<_>>();
            let mut pairs = vec![("/".to_owned(), Some(words(root)))];
            pairs.extend(others.into_iter().map(|(directory, list)| (directory, list.map(words))));
            let permissions = DirectoryPermissions::parse(DirectoryPermissionsDraft::new(pairs)).unwrap();
            let json = serde_json::to_string(&permissions).unwrap();
            prop_assert_eq!(serde_json::from_str::<DirectoryPermissions>(&json).unwrap(), permissions);
        }
    }
}
