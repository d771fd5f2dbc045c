//! Groups: settings that several users share (`contract/endpoints.md` §12), and how an account refers to
//! them. That a group exists, and who is in it, is for the service to say.

mod effective;
mod settings;

use serde::{Deserialize, Serialize};

pub use self::effective::EffectiveUser;
pub use self::settings::{GroupFilters, GroupUserSettings, GroupUserSettingsDraft, HomeDirTemplate};
use super::filters;
use super::late_rules::LateRules;
use super::quote::quote;
use super::sealer::Sealer;
use super::secret::Secret;
use super::time::UnixMillis;
use super::username::{NamingRules, parse_name};
use super::virtual_folder::{VirtualFolderDraft, VirtualFolders};
use crate::error::Invalid;

/// A group as stored.
///
/// Serialising gives the normal view without who is in it; the secrets of its filesystem show no key, and
/// the store puts them back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Number of the group, counted from 1, never used again.
    pub id: i64,
    /// The name, unique among groups.
    pub name: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When the group was added.
    pub created_at: UnixMillis,
    /// When the group was last changed.
    pub updated_at: UnixMillis,
    /// What the group gives to its members.
    pub user_settings: GroupUserSettings,
    /// Folders that appear in the trees of its members.
    #[serde(default, skip_serializing_if = "VirtualFolders::is_empty")]
    pub virtual_folders: VirtualFolders,
}

/// The body of `POST /groups` and `PUT /groups/{name}`; what the server says itself must decode and is
/// not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the members are those of `Group`, told there")]
pub struct GroupDraft {
    pub id: i64,
    pub name: String,
    pub description: String,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    pub user_settings: GroupUserSettingsDraft,
    pub virtual_folders: Vec<VirtualFolderDraft>,
    pub users: Vec<String>,
    pub admins: Vec<String>,
}

impl LateRules for GroupDraft {
    const PART: &'static [&'static str] = &["user_settings", "filters"];
    const ORDER: &'static [&'static str] = filters::RULE_ORDER;

    fn keep_broken(&mut self, broken: Option<Invalid>) {
        self.user_settings.broken_filters = broken;
    }
}

impl Group {
    /// Every secret of the group that is not empty, with the member it stands in.
    pub fn secrets_mut(&mut self) -> impl Iterator<Item = (String, &mut Secret)> {
        self.user_settings.filesystem.named_secrets_mut()
    }
}

impl GroupDraft {
    /// Makes a group of the draft. With `stored` its number, name and creation stay, and secrets are
    /// merged as those of users; all else is replaced. Secrets are sealed for `group_<name>`.
    ///
    /// # Errors
    /// The first rule that a value breaks, in words that name the member.
    pub fn settle(
        self,
        naming: NamingRules,
        sealer: &Sealer,
        stored: Option<&Group>,
    ) -> Result<Group, Invalid> {
        let name = match stored {
            Some(stored) => stored.name.clone(),
            None => parse_name("name", &self.name, naming)?,
        };
        let kept = stored.map(|group| &group.user_settings.filesystem);
        let user_settings = self.user_settings.settle(&format!("group_{name}"), sealer, kept)?;
        Ok(Group {
            id: stored.map_or(0, |group| group.id),
            name,
            description: self.description,
            created_at: stored.map_or_else(UnixMillis::default, |group| group.created_at),
            updated_at: stored.map_or_else(UnixMillis::default, |group| group.updated_at),
            user_settings,
            virtual_folders: VirtualFolders::settle(self.virtual_folders)?,
        })
    }

    /// Makes a group of an element of a dump, the moment of its creation with it.
    ///
    /// # Errors
    /// As [`GroupDraft::settle`].
    pub fn restore(self, naming: NamingRules, sealer: &Sealer) -> Result<Group, Invalid> {
        let created_at = self.created_at;
        Ok(Group { created_at, ..self.settle(naming, sealer, None)? })
    }

    /// Whether settling may take so long that it belongs on the pool for slow work.
    pub fn is_slow_to_settle(&self) -> bool {
        self.user_settings.is_slow_to_settle()
    }
}

/// The number of the group type of which an account may have one: its primary group.
const PRIMARY: i64 = 1;
/// The number of the group type whose settings are added to the user's.
const SECONDARY: i64 = 2;

/// A group by its name, and what it is to the user.
///
/// The kind is 1 (primary), 2 (secondary) or 3 (membership) by intention, but existing data holds
/// other numbers too, so any is kept (`contract/differences.md` §3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupRef {
    /// The group's name.
    pub name: String,
    /// What the group is to the user.
    #[serde(rename = "type")]
    pub kind: i64,
}

/// The groups of a user, in byte order of their names, each at most once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupRefs(Vec<GroupRef>);

impl GroupRefs {
    /// Puts the groups that a client sent in order (`contract/validation.md` §1, rule 10).
    ///
    /// # Errors
    /// When a group is named twice or a second one is primary.
    pub fn settle(mut groups: Vec<GroupRef>) -> Result<Self, Invalid> {
        if groups.iter().filter(|group| group.kind == PRIMARY).count() > 1 {
            return Err(Invalid::new("groups: only one group may be primary (type 1)"));
        }
        groups.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
        if let Some(twice) = groups.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Invalid::new(format!("groups: the group {} is named twice", quote(&twice[0].name))));
        }
        Ok(Self(groups))
    }

    /// The groups, in byte order of their names.
    pub fn iter(&self) -> std::slice::Iter<'_, GroupRef> {
        self.0.iter()
    }

    /// The groups that give settings to the user: the primary one and the secondary ones.
    pub fn giving(&self) -> impl Iterator<Item = &GroupRef> {
        self.0.iter().filter(|group| [PRIMARY, SECONDARY].contains(&group.kind))
    }

    /// Whether the user is in no group.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the group of this name out; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|group| group.name != name);
        self.0.len() < before
    }
}

impl<'a> IntoIterator for &'a GroupRefs {
    type Item = &'a GroupRef;
    type IntoIter = std::slice::Iter<'a, GroupRef>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, kind: i64) -> GroupRef {
        GroupRef { name: name.to_owned(), kind }
    }

    #[test]
    fn groups_come_back_in_byte_order() {
        let groups = GroupRefs::settle(vec![group("b", 2), group("a", 3), group("B", 1)]).unwrap();
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["B", "a", "b"]);
    }

    #[test]
    fn a_second_primary_group_is_refused() {
        assert!(GroupRefs::settle(vec![group("a", 1), group("b", 1)]).is_err());
    }

    #[test]
    fn a_group_named_twice_is_refused() {
        assert!(GroupRefs::settle(vec![group("a", 2), group("a", 3)]).is_err());
    }
}
