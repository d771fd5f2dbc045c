//! What a group gives to its members (`contract/user-model.md`, groups): the limits, filters and file
//! system of a user, each of which may be left open. How they come to a user is told in `effective`.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::domain::directory::{AddedPermissions, DirectoryPermissionsDraft};
use crate::domain::filesystem::{Filesystem, FilesystemDraft};
use crate::domain::filters::Filters;
use crate::domain::omit::is_zero;
use crate::domain::path;
use crate::domain::quote::quote;
use crate::domain::sealer::Sealer;
use crate::error::Invalid;

/// The home directory for members: absolute and cleaned, with placeholders; empty gives none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct HomeDirTemplate(String);

impl HomeDirTemplate {
    /// Cleans a given directory; an empty text stays empty.
    ///
    /// # Errors
    /// When it is relative.
    pub fn parse(given: &str) -> Result<Self, Invalid> {
        if given.is_empty() {
            return Ok(Self::default());
        }
        path::absolute(given).map(Self).ok_or_else(|| {
            Invalid::new(format!("user_settings.home_dir: {} is not an absolute path", quote(given)))
        })
    }

    /// The directory, its placeholders as they are; empty for none.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HomeDirTemplate {
    type Error = Invalid;

    fn try_from(given: String) -> Result<Self, Invalid> {
        Self::parse(&given)
    }
}

/// The filters of a group: those of a user without a second factor, which is a user's own.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(from = "Filters")]
pub struct GroupFilters(Filters);

impl GroupFilters {
    /// The filters, as they would stand with a user.
    pub fn get(&self) -> &Filters {
        &self.0
    }
}

impl From<Filters> for GroupFilters {
    fn from(mut filters: Filters) -> Self {
        (filters.totp_config, filters.recovery_codes) = Default::default();
        Self(filters)
    }
}

impl Serialize for GroupFilters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serde_json::to_value(&self.0).map_err(serde::ser::Error::custom)?;
        if let Value::Object(members) = &mut shown {
            members.remove("totp_config");
        }
        shown.serialize(serializer)
    }
}

/// What a group gives to its members; zero and empty give nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GroupUserSettings {
    /// The home directory.
    pub home_dir: HomeDirTemplate,
    /// Sessions at the same time.
    pub max_sessions: i64,
    /// Bytes a member may store.
    pub quota_size: i64,
    /// Files a member may store.
    pub quota_files: i64,
    /// What members may do, by directory.
    pub permissions: AddedPermissions,
    /// Upload bandwidth in KB/s.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub upload_bandwidth: i64,
    /// Download bandwidth in KB/s.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub download_bandwidth: i64,
    /// Megabytes a member may upload.
    pub upload_data_transfer: i64,
    /// Megabytes a member may download.
    pub download_data_transfer: i64,
    /// Megabytes a member may move in both directions together.
    pub total_data_transfer: i64,
    /// What narrows the access of members, and other settings.
    pub filters: GroupFilters,
    /// Where the files of members are; a local one gives nothing.
    pub filesystem: Filesystem,
}

/// What a client says a group gives.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the members are those of `GroupUserSettings`, told there")]
pub struct GroupUserSettingsDraft {
    pub home_dir: String,
    pub max_sessions: i64,
    pub quota_size: i64,
    pub quota_files: i64,
    pub permissions: DirectoryPermissionsDraft,
    pub upload_bandwidth: i64,
    pub download_bandwidth: i64,
    pub upload_data_transfer: i64,
    pub download_data_transfer: i64,
    pub total_data_transfer: i64,
    pub filters: Filters,
    pub filesystem: FilesystemDraft,
    /// The first rule that the filters break, told when it is their turn.
    #[serde(skip)]
    pub broken_filters: Option<Invalid>,
}

impl GroupUserSettingsDraft {
    /// Holds the settings to the rules of a user's, as far as they are given. Secrets are sealed for
    /// `owner`, and merged with the stored ones where there are some (`contract/secrets.md` §4).
    ///
    /// # Errors
    /// The first rule that a value breaks, in words that name the member.
    pub fn settle(
        self,
        owner: &str,
        sealer: &Sealer,
        stored: Option<&Filesystem>,
    ) -> Result<GroupUserSettings, Invalid> {
        if stored.is_none() {
            self.filesystem.refuse_redacted_of("group")?;
        }
        let home_dir = HomeDirTemplate::parse(&self.home_dir)?;
        let GroupFilters(mut filters) = self.filters.into();
        let mut permissions = self.permissions;
        filters.check_anonymous(&mut permissions)?;
        let filesystem = self.filesystem.settle(stored, owner, sealer)?;
        let permissions = AddedPermissions::parse(permissions)?;
        self.broken_filters.map_or(Ok(()), Err)?;
        filters.settle()?;
        let has_total = self.total_data_transfer > 0;
        Ok(GroupUserSettings {
            home_dir,
            max_sessions: self.max_sessions,
            quota_size: self.quota_size,
            quota_files: self.quota_files,
            permissions,
            upload_bandwidth: self.upload_bandwidth.max(0),
            download_bandwidth: self.download_bandwidth.max(0),
            upload_data_transfer: if has_total { 0 } else { self.upload_data_transfer },
            download_data_transfer: if has_total { 0 } else { self.download_data_transfer },
            total_data_transfer: self.total_data_transfer,
            filters: filters.into(),
            filesystem,
        })
    }

    /// Whether settling may take so long that it belongs on the pool for slow work.
    pub fn is_slow_to_settle(&self) -> bool {
        self.filesystem.needs_slow_check()
    }
}
