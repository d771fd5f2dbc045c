//! The user: what the server remembers of a person of the service, and what makes one valid as a
//! whole. Its large parts, `filters` and `filesystem`, have files of their own.

use serde::{Deserialize, Serialize, Serializer};

use super::account::AccountState;
use super::directory::DirectoryPermissions;
use super::email::Email;
use super::filesystem::Filesystem;
use super::filters::Filters;
use super::group::GroupRefs;
use super::home_dir::HomeDir;
use super::omit::is_zero;
use super::password::PasswordHash;
use super::public_key::PublicKeys;
use super::status::Status;
use super::time::UnixMillis;
use super::username::Username;
use super::virtual_folder::VirtualFolders;

/// A user as stored and, but for [`User::password`] and the keys of secrets, as shown
/// (`contract/user-model.md` §1).
///
/// Serialising gives the answer of `GET /users/{username}`: the members that are "omitted when
/// zero" are left out, the hash becomes `has_password`, secrets show no key. Deserialising reads
/// that form back from the store; what it does not show is put in by the store afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Number of the user, counted from 1, never used again.
    pub id: i64,
    /// Whether the user may sign in.
    pub status: Status,
    /// The name, unique among users.
    pub username: Username,
    /// Where mail for the user goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// When the user stops being let in; zero and negative mean never.
    #[serde(default, skip_serializing_if = "UnixMillis::is_zero")]
    pub expiration_date: UnixMillis,
    /// The hash of the password; shown as the fact that there is one.
    #[serde(
        rename = "has_password",
        serialize_with = "as_true",
        skip_serializing_if = "Option::is_none",
        skip_deserializing
    )]
    pub password: Option<PasswordHash>,
    /// Public SSH keys, as sent.
    #[serde(default, skip_serializing_if = "PublicKeys::is_empty")]
    pub public_keys: PublicKeys,
    /// The home directory: an absolute, clean path.
    pub home_dir: HomeDir,
    /// System user id of files; 0 stands for the service's own.
    pub uid: i64,
    /// System group id of files; 0 stands for the service's own.
    pub gid: i64,
    /// Sessions at the same time; 0 is no limit.
    pub max_sessions: i64,
    /// Bytes the user may store; 0 is no limit.
    pub quota_size: i64,
    /// Files the user may store; 0 is no limit.
    pub quota_files: i64,
    /// What the user may do, by directory.
    pub permissions: DirectoryPermissions,
    /// Bytes the user has stored.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub used_quota_size: i64,
    /// Files the user has stored.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub used_quota_files: i64,
    /// When the used quota was last brought up to date.
    #[serde(default, skip_serializing_if = "UnixMillis::is_zero")]
    pub last_quota_update: UnixMillis,
    /// Upload bandwidth in KB/s; 0 is no limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub upload_bandwidth: i64,
    /// Download bandwidth in KB/s; 0 is no limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub download_bandwidth: i64,
    /// Megabytes the user may upload; 0 is no limit.
    pub upload_data_transfer: i64,
    /// Megabytes the user may download; 0 is no limit.
    pub download_data_transfer: i64,
    /// Megabytes the user may move in both directions together; 0 is no limit.
    pub total_data_transfer: i64,
    /// Bytes uploaded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub used_upload_data_transfer: i64,
    /// Bytes downloaded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub used_download_data_transfer: i64,
    /// The last sign-in.
    #[serde(default, skip_serializing_if = "UnixMillis::is_zero")]
    pub last_login: UnixMillis,
    /// When the user was added.
    pub created_at: UnixMillis,
    /// When the user was last changed.
    pub updated_at: UnixMillis,
    /// The first download.
    #[serde(default, skip_serializing_if = "UnixMillis::is_zero")]
    pub first_download: UnixMillis,
    /// The first upload.
    #[serde(default, skip_serializing_if = "UnixMillis::is_zero")]
    pub first_upload: UnixMillis,
    /// When a plain password was last hashed.
    #[serde(default, skip_serializing_if = "UnixMillis::is_zero")]
    pub last_password_change: UnixMillis,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub additional_info: String,
    /// What narrows the user's access, and other settings.
    pub filters: Filters,
    /// Folders that appear in the user's tree.
    #[serde(default, skip_serializing_if = "VirtualFolders::is_empty")]
    pub virtual_folders: VirtualFolders,
    /// Where the user's files are.
    pub filesystem: Filesystem,
    /// Groups whose settings the user shares.
    #[serde(default, skip_serializing_if = "GroupRefs::is_empty")]
    pub groups: GroupRefs,
    /// The role whose admins manage the user.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// What the server remembers of the account beyond its settings.
    #[serde(skip)]
    pub account: AccountState,
}

impl User {
    /// Whether the user may sign in at this moment as far as status and expiration go
    /// (`contract/auth.md` §7).
    pub fn is_active(&self, now: UnixMillis) -> bool {
        self.status.is_enabled() && (self.expiration_date.get() <= 0 || self.expiration_date > now)
    }

    /// Whether a second factor has to be set up before anything else: one is required for a protocol
    /// for which no code is asked yet.
    pub fn owes_second_factor(&self) -> bool {
        let required = &self.filters.two_factor_protocols;
        required.iter().any(|protocol| !self.filters.totp_config.is_asked_for(*protocol))
    }

    /// Takes over a password that was just hashed; a change that was asked for is done.
    pub fn set_new_password(&mut self, hash: PasswordHash, now: UnixMillis) {
        self.password = Some(hash);
        self.last_password_change = now;
        self.filters.require_password_change = false;
        self.updated_at = now;
    }

    /// Whether the user must change the password before anything else (`contract/passwords.md` §5).
    ///
    /// `expiration_days` is the user's own or the group's `password_expiration`.
    pub fn must_change_password(&self, expiration_days: i64, now: UnixMillis) -> bool {
        let due = self.last_password_change.plus(expiration_days.saturating_mul(UnixMillis::DAY));
        self.filters.require_password_change || (expiration_days != 0 && due < now)
    }
}

#[expect(clippy::ref_option, reason = "the form that serde's serialize_with calls")]
fn as_true<S: Serializer>(_: &Option<PasswordHash>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(true)
}
