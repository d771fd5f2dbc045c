//! A user as a client sends one, and the one function that makes a [`User`] of it.

pub(in crate::domain) mod restore;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::account::AccountState;
use super::directory::{DirectoryPermissions, DirectoryPermissionsDraft};
use super::email::Email;
use super::filesystem::FilesystemDraft;
use super::filters::{self, Filters};
use super::group::{GroupRef, GroupRefs};
use super::home_dir::HomeDirRules;
use super::late_rules::LateRules;
use super::password::{NewPassword, PasswordHash, strength};
use super::public_key::PublicKeys;
use super::sealer::Sealer;
use super::status::Status;
use super::time::UnixMillis;
use super::user::User;
use super::username::{NamingRules, Username};
use super::virtual_folder::{VirtualFolderDraft, VirtualFolders};
use crate::error::Invalid;

/// The body of `POST /users` and `PUT /users/{username}`; every member may be absent
/// (`contract/user-model.md` §1).
///
/// Members that the server decides itself (`id`, `used_*`, `created_at` …) have to decode, as the
/// reference asks, and are not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the members are those of `User`, told there")]
pub struct UserDraft {
    pub id: i64,
    pub status: i64,
    pub username: String,
    pub email: String,
    pub expiration_date: Option<UnixMillis>,
    pub password: Option<NewPassword>,
    pub public_keys: Vec<String>,
    pub has_password: bool,
    pub home_dir: String,
    pub uid: i64,
    pub gid: i64,
    pub max_sessions: i64,
    pub quota_size: i64,
    pub quota_files: i64,
    pub permissions: DirectoryPermissionsDraft,
    pub used_quota_size: i64,
    pub used_quota_files: i64,
    pub last_quota_update: UnixMillis,
    pub upload_bandwidth: i64,
    pub download_bandwidth: i64,
    pub upload_data_transfer: i64,
    pub download_data_transfer: i64,
    pub total_data_transfer: i64,
    pub used_upload_data_transfer: i64,
    pub used_download_data_transfer: i64,
    pub last_login: UnixMillis,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
    pub first_download: UnixMillis,
    pub first_upload: UnixMillis,
    pub last_password_change: UnixMillis,
    pub description: String,
    pub additional_info: String,
    pub filters: Filters,
    pub virtual_folders: Vec<VirtualFolderDraft>,
    pub filesystem: FilesystemDraft,
    pub groups: Vec<GroupRef>,
    pub role: String,
    pub oidc_custom_fields: Map<String, Value>,
    /// The first rule that the filters break, told when it is their turn.
    #[serde(skip)]
    pub broken_filters: Option<Invalid>,
}

impl LateRules for UserDraft {
    const PART: &'static [&'static str] = &["filters"];
    const ORDER: &'static [&'static str] = filters::RULE_ORDER;

    fn keep_broken(&mut self, broken: Option<Invalid>) {
        self.broken_filters = broken;
    }
}

/// What a draft says about the password.
#[derive(Debug, Clone, PartialEq)]
pub enum PasswordChange {
    /// Nothing: absent or `null`.
    Keep,
    /// To take it away: `""`.
    Clear,
    /// A hash made elsewhere, kept as sent.
    Hashed(PasswordHash),
    /// A plain password, to be hashed.
    New(NewPassword),
}

/// What the server's settings say about users.
#[derive(Debug, Clone)]
pub struct UserRules {
    /// How names are normalised and what they may hold.
    pub naming: NamingRules,
    /// How a home directory comes about that the request does not name.
    pub home_dir: HomeDirRules,
    /// The least strength of a new password, in bits; 0 asks for none.
    pub min_password_strength: i64,
    /// What seals the secrets of providers.
    pub sealer: Sealer,
}

impl UserDraft {
    /// Makes a user of the draft, under the rules of `contract/validation.md` §1 and in their order.
    ///
    /// What becomes of a member, with `stored` (an update) and without (a creation):
    ///
    /// | member | creation | update |
    /// |---|---|---|
    /// | `username` | from the draft, normalised | **kept** |
    /// | `id`, `created_at`, `used_*`, `last_*`, `first_*` | zero; the service gives `id` and times | **kept** |
    /// | `filters.totp_config`, `filters.recovery_codes` | none | **kept** |
    /// | account state (generation, last TOTP step) | new | **kept** |
    /// | `password` | absent, `null`, `""`: none | absent, `null`: **kept**; `""`: taken away |
    /// | secrets of the provider | redacted ones are refused | merged (`contract/secrets.md` §4) |
    /// | `home_dir` | from the draft, else derived | the same: required again unless derivable |
    /// | `permissions` | required, with `/` | the same |
    /// | `status` | absent is 0 | absent is 0: **the user is disabled** |
    /// | `has_password`, `external_auth_cache_time`, `oidc_custom_fields` | never taken | never taken |
    /// | everything else | from the draft, absent is zero | the same: absent **resets** |
    ///
    /// The password is only classified: hashing is slow and for the caller to do.
    ///
    /// # Errors
    /// The first rule that a value breaks, in words that name the member.
    pub fn settle(self, rules: &UserRules, stored: Option<&User>) -> Result<(User, PasswordChange), Invalid> {
        let username = match stored {
            Some(stored) => stored.username.clone(),
            None => Username::parse(&self.username, rules.naming)?,
        };
        let email = Email::parse_optional(&self.email)?;
        if stored.is_none() {
            self.filesystem.refuse_redacted()?;
        }
        self.virtual_folders.iter().try_for_each(VirtualFolderDraft::refuse_redacted)?;
        let home_dir = rules.home_dir.settle(&self.home_dir, &username, self.filesystem.provider())?;
        let (mut filters, mut permissions) = (self.filters, self.permissions);
        filters.check_anonymous(&mut permissions)?;
        let filesystem =
            self.filesystem.settle(stored.map(|user| &user.filesystem), username.as_str(), &rules.sealer)?;
        let groups = GroupRefs::settle(self.groups)?;
        let permissions = DirectoryPermissions::parse(permissions)?;
        let virtual_folders = VirtualFolders::settle(self.virtual_folders)?;
        let status = Status::parse(self.status)?;
        let password =
            classify_password(self.password, filters.password_strength, rules.min_password_strength)?;
        let public_keys = PublicKeys::parse(&self.public_keys)?;
        (filters.totp_config, filters.recovery_codes) = match stored {
            Some(stored) => (stored.filters.totp_config.clone(), stored.filters.recovery_codes.clone()),
            None => Default::default(),
        };
        self.broken_filters.map_or(Ok(()), Err)?;
        filters.settle()?;

        let has_total = self.total_data_transfer > 0;
        let user = User {
            id: stored.map_or(0, |user| user.id),
            status,
            username,
            email,
            expiration_date: self.expiration_date.unwrap_or_default(),
            password: stored.and_then(|user| user.password.clone()),
            public_keys,
            home_dir,
            uid: self.uid,
            gid: self.gid,
            max_sessions: self.max_sessions,
            quota_size: self.quota_size,
            quota_files: self.quota_files,
            permissions,
            used_quota_size: stored.map_or(0, |user| user.used_quota_size),
            used_quota_files: stored.map_or(0, |user| user.used_quota_files),
            last_quota_update: kept(stored, |user| user.last_quota_update),
            upload_bandwidth: self.upload_bandwidth.max(0),
            download_bandwidth: self.download_bandwidth.max(0),
            upload_data_transfer: if has_total { 0 } else { self.upload_data_transfer },
            download_data_transfer: if has_total { 0 } else { self.download_data_transfer },
            total_data_transfer: self.total_data_transfer,
            used_upload_data_transfer: stored.map_or(0, |user| user.used_upload_data_transfer),
            used_download_data_transfer: stored.map_or(0, |user| user.used_download_data_transfer),
            last_login: kept(stored, |user| user.last_login),
            created_at: kept(stored, |user| user.created_at),
            updated_at: kept(stored, |user| user.updated_at),
            first_download: kept(stored, |user| user.first_download),
            first_upload: kept(stored, |user| user.first_upload),
            last_password_change: kept(stored, |user| user.last_password_change),
            description: self.description,
            additional_info: self.additional_info,
            filters,
            virtual_folders,
            filesystem,
            groups,
            role: self.role,
            account: stored.map_or_else(AccountState::default, |user| user.account),
        };
        Ok((user, password))
    }

    /// Whether settling may take so long that it belongs on the pool for slow work.
    pub fn is_slow_to_settle(&self) -> bool {
        self.filesystem.needs_slow_check()
    }
}

/// What the stored user has, or the zero of a new one.
fn kept(stored: Option<&User>, member: impl Fn(&User) -> UnixMillis) -> UnixMillis {
    stored.map_or_else(UnixMillis::default, member)
}

/// Says what the password of a draft asks for; a plain one is held to the user's own least
/// strength, or to the server's where the user has none (`contract/validation.md` §10).
fn classify_password(
    password: Option<NewPassword>,
    own_strength: i64,
    min_strength: i64,
) -> Result<PasswordChange, Invalid> {
    let Some(password) = password else { return Ok(PasswordChange::Keep) };
    if password.is_empty() {
        return Ok(PasswordChange::Clear);
    }
    if let Some(hash) = PasswordHash::recognise(password.expose()) {
        return hash.within_bounds("password").map(PasswordChange::Hashed);
    }
    strength::check(password.expose(), if own_strength > 0 { own_strength } else { min_strength })?;
    Ok(PasswordChange::New(password))
}
