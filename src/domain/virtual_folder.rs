//! Folders mounted into a user's tree (`contract/user-model.md` §4, `contract/validation.md` §7): which
//! folder, where, and how much may go into it. The folders themselves are other objects.

use std::collections::HashSet;
use std::slice;

use serde::{Deserialize, Serialize};

use crate::domain::filesystem::FilesystemDraft;
use crate::domain::path;
use crate::domain::placeholders::Placeholders;
use crate::domain::quote::quote;
use crate::error::Invalid;

/// What a client says about a mounted folder.
///
/// Clients send back the folder's own members as they read them; these are ignored, but must decode.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct VirtualFolderDraft {
    name: String,
    virtual_path: String,
    quota_size: i64,
    quota_files: i64,
    id: i64,
    mapped_path: String,
    description: String,
    used_quota_size: i64,
    used_quota_files: i64,
    last_quota_update: i64,
    users: Vec<String>,
    groups: Vec<String>,
    filesystem: FilesystemDraft,
}

impl VirtualFolderDraft {
    /// Refuses a redacted secret in the folder's filesystem: rule 6 of `contract/validation.md` §1.
    ///
    /// # Errors
    /// When there is one.
    pub fn refuse_redacted(&self) -> Result<(), Invalid> {
        self.filesystem.refuse_redacted()
    }
}

/// A folder mounted into a user's tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VirtualFolder {
    name: String,
    virtual_path: String,
    quota_size: i64,
    quota_files: i64,
}

impl VirtualFolder {
    /// The folder's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is mounted: an absolute, clean path.
    pub fn virtual_path(&self) -> &str {
        &self.virtual_path
    }

    /// How many bytes may go into it; 0 for any number, -1 when they count as the user's own.
    pub fn quota_size(&self) -> i64 {
        self.quota_size
    }

    /// How many files may go into it; 0 for any number, -1 when they count as the user's own.
    pub fn quota_files(&self) -> i64 {
        self.quota_files
    }

    /// Holds one folder to the rules that concern it alone.
    fn settle(draft: VirtualFolderDraft) -> Result<Self, Invalid> {
        let VirtualFolderDraft { name, virtual_path, quota_size, quota_files, .. } = draft;
        if virtual_path.is_empty() {
            return Err(Invalid::new("virtual_folders: virtual_path is required"));
        }
        if quota_size < -1 || quota_files < -1 {
            return Err(Invalid::new("virtual_folders: quota_size and quota_files cannot be below -1"));
        }
        if (quota_size == -1) != (quota_files == -1) {
            return Err(Invalid::new(
                "virtual_folders: quota_size and quota_files must be -1 both or not at all",
            ));
        }
        if name.is_empty() {
            return Err(Invalid::new("virtual_folders: name is required"));
        }
        Ok(Self { name, virtual_path: path::clean(&format!("/{virtual_path}")), quota_size, quota_files })
    }
}

/// The folders of a user: sorted by name, no name and no path twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<VirtualFolderDraft>")]
pub struct VirtualFolders(Vec<VirtualFolder>);

impl VirtualFolders {
    /// Holds the folders a client sent to the rules, in the order they were sent.
    ///
    /// # Errors
    /// When a folder's filesystem has a redacted secret, or a rule is broken.
    pub fn settle(drafts: Vec<VirtualFolderDraft>) -> Result<Self, Invalid> {
        drafts.iter().try_for_each(VirtualFolderDraft::refuse_redacted)?;
        let mut folders: Vec<VirtualFolder> = Vec::with_capacity(drafts.len());
        // A megabyte holds tens of thousands: each is looked for in a set, not among all the earlier ones.
        let (mut names, mut paths) = (HashSet::new(), HashSet::new());
        for draft in drafts {
            let folder = VirtualFolder::settle(draft)?;
            if !names.insert(folder.name.clone()) {
                return Err(Invalid::new(format!(
                    "virtual_folders: the folder {} is given twice",
                    quote(&folder.name)
                )));
            }
            if !paths.insert(folder.virtual_path.clone()) {
                let path = quote(&folder.virtual_path);
                return Err(Invalid::new(format!("virtual_folders: the path {path} is given twice")));
            }
            folders.push(folder);
        }
        folders.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self(folders))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Mounts the folders of a group that are not mounted yet, at paths that are free.
    ///
    /// # Errors
    /// When a name cannot stand for a placeholder.
    pub fn add_missing(&mut self, added: &Self, placeholders: &Placeholders<'_>) -> Result<(), Invalid> {
        let mut names: HashSet<String> = self.0.iter().map(|own| own.name.clone()).collect();
        let mut paths: HashSet<String> = self.0.iter().map(|own| own.virtual_path.clone()).collect();
        for folder in added {
            let virtual_path = path::rooted(&placeholders.fill(&folder.virtual_path)?);
            if !names.contains(&folder.name) && !paths.contains(&virtual_path) {
                names.insert(folder.name.clone());
                paths.insert(virtual_path.clone());
                self.0.push(VirtualFolder { virtual_path, ..folder.clone() });
            }
        }
        self.0.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }

    /// Takes the folder of this name out; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|folder| folder.name != name);
        self.0.len() < before
    }

    /// Whether the folder of this name is among them.
    pub fn contains(&self, name: &str) -> bool {
        self.0.binary_search_by(|folder| folder.name.as_str().cmp(name)).is_ok()
    }

    /// The folders, by name.
    pub fn iter(&self) -> slice::Iter<'_, VirtualFolder> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a VirtualFolders {
    type Item = &'a VirtualFolder;
    type IntoIter = slice::Iter<'a, VirtualFolder>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl TryFrom<Vec<VirtualFolderDraft>> for VirtualFolders {
    type Error = Invalid;

    fn try_from(drafts: Vec<VirtualFolderDraft>) -> Result<Self, Invalid> {
        Self::settle(drafts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settle(folders: Value) -> Result<Value, String> {
        let folders: VirtualFolders = serde_json::from_value(folders).map_err(|why| why.to_string())?;
        Ok(serde_json::to_value(folders).unwrap())
    }

    fn folder(name: &str, path: &str) -> Value {
        json!({"name": name, "virtual_path": path})
    }

    /// As many as a request can hold; looked for one among all others, they took seconds.
    #[test]
    fn tens_of_thousands_of_folders_are_told_apart() {
        let many: Vec<VirtualFolderDraft> = (0..27_000)
            .map(|number| VirtualFolderDraft {
                name: format!("f{number:05}"),
                virtual_path: format!("/p{number}"),
                ..VirtualFolderDraft::default()
            })
            .collect();
        let with = |name: &str, virtual_path: &str| {
            let (name, virtual_path) = (name.to_owned(), virtual_path.to_owned());
            let last = VirtualFolderDraft { name, virtual_path, ..VirtualFolderDraft::default() };
            let folders = many.iter().cloned().chain([last]).collect();
            VirtualFolders::settle(folders).map_err(|why| why.to_string())
        };
        let mut folders = with("g", "/q").unwrap();
        assert_eq!(folders.iter().count(), 27_001);
        assert!(folders.iter().is_sorted_by_key(|folder| folder.name.clone()));
        assert!(with("f00003", "/q").unwrap_err().contains("folder \"f00003\" is given twice"));
        assert!(with("g", "/p26999").unwrap_err().contains("path \"/p26999\" is given twice"));

        let placeholders = Placeholders { username: "u", role: "" };
        let mut added = with("h", "/r").unwrap();
        added.remove("g");
        folders.add_missing(&added, &placeholders).unwrap();
        assert_eq!(folders.iter().count(), 27_002, "h alone is new");
        assert!(["f00000", "f13500", "f26999", "g", "h"].iter().all(|name| folders.contains(name)));
        assert!(!["", "e", "f27000", "f135000", "z"].iter().any(|name| folders.contains(name)));
    }

    #[test]
    fn folders_are_sorted_by_name_and_their_paths_cleaned() {
        let settled = settle(json!([
            folder("b", "x//y/"),
            {"name": "B", "virtual_path": "/x", "quota_size": -1, "quota_files": -1},
            {"name": "a", "virtual_path": "/", "quota_size": 1, "quota_files": 2},
        ]));
        assert_eq!(
            settled.unwrap(),
            json!([
                {"name": "B", "virtual_path": "/x", "quota_size": -1, "quota_files": -1},
                {"name": "a", "virtual_path": "/", "quota_size": 1, "quota_files": 2},
                {"name": "b", "virtual_path": "/x/y", "quota_size": 0, "quota_files": 0},
            ])
        );
    }

    #[test]
    fn a_broken_rule_is_named() {
        for (folders, why) in [
            (json!([{"name": "f"}]), "virtual_path is required"),
            (json!([{"virtual_path": "/v"}]), "name is required"),
            (json!([{"name": "f", "virtual_path": "/v", "quota_size": -2, "quota_files": -1}]), "below -1"),
            (json!([{"name": "f", "virtual_path": "/v", "quota_files": -2}]), "below -1"),
            (json!([{"name": "f", "virtual_path": "/v", "quota_size": -1}]), "both"),
            (json!([{"name": "f", "virtual_path": "/v", "quota_files": -1}]), "both"),
            (json!([folder("f", "/a"), folder("f", "/b")]), "\"f\" is given twice"),
            (json!([folder("f", "/a/b"), folder("g", "a//b/")]), "\"/a/b\" is given twice"),
        ] {
            let refusal = settle(folders.clone()).unwrap_err();
            assert!(
                refusal.starts_with("virtual_folders: ") && refusal.contains(why),
                "{folders}: {refusal}"
            );
        }
    }

    #[test]
    fn what_the_folder_knows_itself_is_ignored_but_must_decode() {
        let whole = json!([{"name": "f", "virtual_path": "/v", "id": 99, "mapped_path": "/elsewhere",
            "description": "d", "used_quota_size": 5, "used_quota_files": 6, "last_quota_update": 7,
            "users": ["u"], "groups": ["g"], "colour": "red", "filesystem": {"provider": 4,
            "cryptconfig": {"passphrase": {"status": "Secretbox", "payload": "x"}}}}]);
        let rendered = json!([{"name": "f", "virtual_path": "/v", "quota_size": 0, "quota_files": 0}]);
        assert_eq!(settle(whole), Ok(rendered));
        for (member, wrong) in [
            ("id", json!("x")),
            ("mapped_path", json!(1)),
            ("description", json!(1)),
            ("used_quota_size", json!("x")),
            ("used_quota_files", json!("x")),
            ("last_quota_update", json!("x")),
            ("users", json!([1])),
            ("groups", json!("g")),
            ("filesystem", json!({"provider": "s3"})),
            ("filesystem", json!({"gcsconfig": {"credentials": {"status": "Rot13"}}})),
        ] {
            let mut element = folder("f", "/v");
            element[member] = wrong;
            assert!(settle(json!([element.clone()])).is_err(), "{element}");
        }
    }

    #[test]
    fn a_redacted_secret_of_the_folders_provider_is_refused() {
        let with = |provider: i64| {
            json!([{"name": "f", "virtual_path": "/v", "filesystem":
                {"provider": provider, "cryptconfig": {"passphrase": {"status": "Redacted", "payload": "x"}}}}])
        };
        assert_eq!(settle(with(4)).unwrap_err(), "cannot save a user with a redacted secret");
        assert!(settle(with(0)).is_ok());
    }
}
