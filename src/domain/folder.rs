//! Folders: places for files that several users see, each at a path of its own (`contract/endpoints.md`
//! §12, `contract/user-model.md` §4). Where a user sees one is the matter of `virtual_folder`; who has
//! one is for the service to say.

use serde::{Deserialize, Serialize};

use super::filesystem::{Filesystem, FilesystemDraft};
use super::path;
use super::quote::quote;
use super::sealer::Sealer;
use super::secret::Secret;
use super::time::UnixMillis;
use super::username::{NamingRules, parse_name};
use crate::error::Invalid;

/// The directory of the machine that a folder stands for: absolute and cleaned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct MappedPath(String);

impl MappedPath {
    /// Cleans a given directory.
    ///
    /// # Errors
    /// When it is relative.
    pub fn parse(given: &str) -> Result<Self, Invalid> {
        path::absolute(given)
            .map(Self)
            .ok_or_else(|| Invalid::new(format!("mapped_path: {} is not an absolute path", quote(given))))
    }

    /// The directory as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MappedPath {
    type Error = Invalid;

    fn try_from(given: String) -> Result<Self, Invalid> {
        Self::parse(&given)
    }
}

/// A folder as stored.
///
/// Serialising gives the normal view without who has it; the secrets of its filesystem show no key, and
/// the store puts them back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Folder {
    /// Number of the folder, counted from 1, never used again.
    pub id: i64,
    /// The name, unique among folders.
    pub name: String,
    /// The directory of the machine; none where the files are elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapped_path: Option<MappedPath>,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Bytes stored in it.
    pub used_quota_size: i64,
    /// Files stored in it.
    pub used_quota_files: i64,
    /// When the used quota was last brought up to date.
    pub last_quota_update: UnixMillis,
    /// Where its files are.
    pub filesystem: Filesystem,
    /// When the folder was last changed: it moves `updated_at` of the users who have it, and is not shown.
    #[serde(skip)]
    pub changed_at: UnixMillis,
}

impl Folder {
    /// Every secret of the folder that is not empty, with the member it stands in.
    pub fn secrets_mut(&mut self) -> impl Iterator<Item = (String, &mut Secret)> {
        self.filesystem.named_secrets_mut()
    }

    /// The same with number and usage of the folder that it takes the place of.
    #[must_use]
    pub fn with_state_of(self, stored: &Self) -> Self {
        Self {
            id: stored.id,
            used_quota_size: stored.used_quota_size,
            used_quota_files: stored.used_quota_files,
            last_quota_update: stored.last_quota_update,
            ..self
        }
    }
}

/// The body of `POST /folders` and `PUT /folders/{name}`; what the server says itself must decode and is
/// not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the members are those of `Folder`, told there")]
pub struct FolderDraft {
    pub id: i64,
    pub name: String,
    pub mapped_path: String,
    pub description: String,
    pub used_quota_size: i64,
    pub used_quota_files: i64,
    pub last_quota_update: UnixMillis,
    pub users: Vec<String>,
    pub groups: Vec<String>,
    pub filesystem: FilesystemDraft,
}

impl FolderDraft {
    /// Makes a folder of the draft. With `stored` its number, name and usage stay, and secrets are merged
    /// as those of users (`contract/secrets.md` §4); all else is replaced. Secrets are sealed for
    /// `folder_<name>`.
    ///
    /// # Errors
    /// The first rule that a value breaks, in words that name the member.
    pub fn settle(
        self,
        naming: NamingRules,
        sealer: &Sealer,
        stored: Option<&Folder>,
    ) -> Result<Folder, Invalid> {
        let name = match stored {
            Some(stored) => stored.name.clone(),
            None => parse_name("name", &self.name, naming)?,
        };
        if stored.is_none() {
            self.filesystem.refuse_redacted_of("folder")?;
        }
        let mapped_path = match self.mapped_path.as_str() {
            "" if self.filesystem.provider().needs_home_dir() => {
                return Err(Invalid::new("mapped_path is mandatory for files on the local disk"));
            }
            "" => None,
            given => Some(MappedPath::parse(given)?),
        };
        let kept = stored.map(|folder| &folder.filesystem);
        let filesystem = self.filesystem.settle(kept, &format!("folder_{name}"), sealer)?;
        Ok(Folder {
            id: stored.map_or(0, |folder| folder.id),
            name,
            mapped_path,
            description: self.description,
            used_quota_size: stored.map_or(0, |folder| folder.used_quota_size),
            used_quota_files: stored.map_or(0, |folder| folder.used_quota_files),
            last_quota_update: stored.map_or_else(UnixMillis::default, |folder| folder.last_quota_update),
            filesystem,
            changed_at: stored.map_or_else(UnixMillis::default, |folder| folder.changed_at),
        })
    }

    /// Makes a folder of an element of a dump, its usage with it.
    ///
    /// # Errors
    /// As [`FolderDraft::settle`].
    pub fn restore(self, naming: NamingRules, sealer: &Sealer) -> Result<Folder, Invalid> {
        let (used_quota_size, used_quota_files) = (self.used_quota_size, self.used_quota_files);
        let last_quota_update = self.last_quota_update;
        let folder = self.settle(naming, sealer, None)?;
        Ok(Folder { used_quota_size, used_quota_files, last_quota_update, ..folder })
    }

    /// Whether settling may take so long that it belongs on the pool for slow work.
    pub fn is_slow_to_settle(&self) -> bool {
        self.filesystem.needs_slow_check()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn settle(draft: Value, stored: Option<&Folder>) -> Result<Folder, String> {
        let draft: FolderDraft = serde_json::from_value(draft).unwrap();
        draft.settle(NamingRules::default(), &Sealer::default(), stored).map_err(|why| why.to_string())
    }

    #[test]
    fn paths_are_cleaned_and_local_files_need_one() {
        let folder = settle(json!({"name": " f ", "mapped_path": "/a/../b//"}), None).unwrap();
        assert_eq!((folder.name.as_str(), folder.mapped_path.unwrap().as_str()), ("f", "/b"));
        for (draft, why) in [
            (json!({"mapped_path": "/a"}), "name is mandatory"),
            (json!({"name": "__system__", "mapped_path": "/a"}), "reserved"),
            (json!({"name": "f"}), "mapped_path is mandatory"),
            (json!({"name": "f", "mapped_path": "a/b"}), "not an absolute path"),
        ] {
            let refusal = settle(draft, None).unwrap_err();
            assert!(refusal.contains(why), "{refusal}");
        }
        let remote =
            json!({"name": "f", "filesystem": {"provider": 6, "httpconfig": {"endpoint": "http://h"}}});
        assert_eq!(settle(remote, None).unwrap().mapped_path, None);
    }

    #[test]
    fn an_update_keeps_number_name_usage_and_the_secret() {
        let with = |secret: Value| {
            json!({"name": "f", "mapped_path": "/a", "used_quota_size": 9,
            "filesystem": {"provider": 4, "cryptconfig": {"passphrase": secret}}})
        };
        let mut stored = settle(with(json!({"status": "Plain", "payload": "phrase"})), None).unwrap();
        assert_eq!(stored.used_quota_size, 0);
        let (_, secret) = stored.filesystem.secrets().next().unwrap();
        assert_eq!(secret.private_parts().unwrap().1, "folder_f");
        (stored.id, stored.used_quota_size, stored.used_quota_files) = (3, 4, 5);
        let mut other = with(json!({"status": "Redacted"}));
        other["name"] = json!("g");
        let updated = settle(other, Some(&stored)).unwrap();
        assert_eq!(updated, stored);
        let why = settle(with(json!({"status": "Redacted"})), None).unwrap_err();
        assert_eq!(why, "cannot save a folder with a redacted secret");
    }
}
