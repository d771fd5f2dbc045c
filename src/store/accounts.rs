//! Users, admins, keys, folders, groups and roles as records: the JSON that is shown, and in the
//! private part what never is. Each private part is a struct of its own that only grows by a new
//! version; a golden test holds the bytes.

use super::record::{Body, Damaged, Decode, Encode, Record, decode_private, encode_private};
use crate::domain::account::AccountState;
use crate::domain::admin::Admin;
use crate::domain::api_key::ApiKey;
use crate::domain::filesystem::{Filesystem, Slot};
use crate::domain::folder::Folder;
use crate::domain::group::Group;
use crate::domain::password::PasswordHash;
use crate::domain::second_factor::RecoveryCodeEntry;
use crate::domain::secret::Secret;
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::wire;

/// The key and additional data of a sealed secret; its payload stands in the JSON.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct SealedParts {
    key: String,
    additional_data: String,
}

/// What is never shown of a user, first version.
#[derive(Encode, Decode)]
struct PrivateUserV1 {
    password: Option<String>,
    generation: u64,
    last_totp_step: Option<u64>,
    /// By the stable number of the secret's slot.
    secrets: Vec<(u8, SealedParts)>,
    totp: Option<SealedParts>,
    recovery_codes: Vec<Option<SealedParts>>,
}

/// What is never shown of an admin, first version.
#[derive(Encode, Decode)]
struct PrivateAdminV1 {
    password: Option<String>,
    generation: u64,
    last_totp_step: Option<u64>,
    totp: Option<SealedParts>,
    recovery_codes: Vec<Option<SealedParts>>,
}

/// What is never shown of an API key, first version.
#[derive(Encode, Decode)]
struct PrivateApiKeyV1 {
    secret: Option<String>,
}

/// What is never shown of a folder, first version.
#[derive(Encode, Decode)]
struct PrivateFolderV1 {
    changed_at: i64,
    /// By the stable number of the secret's slot.
    secrets: Vec<(u8, SealedParts)>,
}

/// What is never shown of a group, first version.
#[derive(Encode, Decode)]
struct PrivateGroupV1 {
    /// By the stable number of the secret's slot.
    secrets: Vec<(u8, SealedParts)>,
}

/// The record of a user.
///
/// # Errors
/// When a secret is not sealed, or the private part is larger than one may be.
pub fn encode_user(user: &User) -> Result<Body, Damaged> {
    let filters = &user.filters;
    let private = PrivateUserV1 {
        password: user.password.as_ref().map(|hash| hash.expose().to_owned()),
        generation: user.account.generation,
        last_totp_step: user.account.last_totp_step,
        secrets: slot_parts(&user.filesystem),
        totp: parts(&filters.totp_config.secret),
        recovery_codes: code_parts(&filters.recovery_codes),
    };
    Ok(Body {
        public: json(user)?,
        private: encode_private(&private)?,
        to_render: user.filters.is_anonymous
            || !(user.virtual_folders.is_empty() && user.groups.is_empty() && user.role.is_empty()),
    })
}

/// What the document of a user hides, as far as most readers ask.
#[derive(Debug, Clone)]
pub struct HiddenOfUser {
    /// His password's hash.
    pub password: Option<PasswordHash>,
    /// Whether a second factor or recovery codes have hidden parts.
    pub has_second_factor: bool,
    /// Whether secrets of his file system have hidden parts.
    pub has_secrets: bool,
}

/// What the document in a record of a user hides.
pub(super) fn hidden_of_user(record: &Record<'_>) -> Result<HiddenOfUser, Damaged> {
    let private: PrivateUserV1 = decode_private(record.private)?;
    Ok(HiddenOfUser {
        password: password(private.password)?,
        has_second_factor: private.totp.is_some() || !private.recovery_codes.is_empty(),
        has_secrets: !private.secrets.is_empty(),
    })
}

/// The user of a record.
///
/// # Errors
/// When the record is not one of a user.
pub fn decode_user(record: &Record<'_>) -> Result<User, Damaged> {
    let mut user: User = shown(record)?;
    let private: PrivateUserV1 = decode_private(record.private)?;
    user.password = password(private.password)?;
    user.account = AccountState { generation: private.generation, last_totp_step: private.last_totp_step };
    restore_slots(&mut user.filesystem, private.secrets)?;
    restore(&mut user.filters.totp_config.secret, private.totp)?;
    restore_codes(&mut user.filters.recovery_codes, private.recovery_codes)?;
    Ok(user)
}

pub(super) fn encode_admin(admin: &Admin) -> Result<Body, Damaged> {
    let filters = &admin.filters;
    let private = PrivateAdminV1 {
        password: admin.password.as_ref().map(|hash| hash.expose().to_owned()),
        generation: admin.account.generation,
        last_totp_step: admin.account.last_totp_step,
        totp: parts(&filters.totp_config.secret),
        recovery_codes: code_parts(&filters.recovery_codes),
    };
    Ok(Body { public: json(admin)?, private: encode_private(&private)?, to_render: false })
}

pub(super) fn decode_admin(record: &Record<'_>) -> Result<Admin, Damaged> {
    let mut admin: Admin = shown(record)?;
    let private: PrivateAdminV1 = decode_private(record.private)?;
    admin.password = password(private.password)?;
    admin.account = AccountState { generation: private.generation, last_totp_step: private.last_totp_step };
    restore(&mut admin.filters.totp_config.secret, private.totp)?;
    restore_codes(&mut admin.filters.recovery_codes, private.recovery_codes)?;
    Ok(admin)
}

pub(super) fn encode_api_key(key: &ApiKey) -> Result<Body, Damaged> {
    let private = PrivateApiKeyV1 { secret: key.secret.as_ref().map(|hash| hash.expose().to_owned()) };
    Ok(Body { public: json(key)?, private: encode_private(&private)?, to_render: false })
}

pub(super) fn decode_api_key(record: &Record<'_>) -> Result<ApiKey, Damaged> {
    let mut key: ApiKey = shown(record)?;
    key.secret = password(decode_private::<PrivateApiKeyV1>(record.private)?.secret)?;
    Ok(key)
}

pub(super) fn encode_folder(folder: &Folder) -> Result<Body, Damaged> {
    let private =
        PrivateFolderV1 { changed_at: folder.changed_at.get(), secrets: slot_parts(&folder.filesystem) };
    Ok(Body { public: json(folder)?, private: encode_private(&private)?, to_render: false })
}

pub(super) fn decode_folder(record: &Record<'_>) -> Result<Folder, Damaged> {
    let mut folder: Folder = shown(record)?;
    let private: PrivateFolderV1 = decode_private(record.private)?;
    folder.changed_at = UnixMillis::new(private.changed_at);
    restore_slots(&mut folder.filesystem, private.secrets)?;
    Ok(folder)
}

pub(super) fn encode_group(group: &Group) -> Result<Body, Damaged> {
    let private = PrivateGroupV1 { secrets: slot_parts(&group.user_settings.filesystem) };
    Ok(Body { public: json(group)?, private: encode_private(&private)?, to_render: false })
}

pub(super) fn decode_group(record: &Record<'_>) -> Result<Group, Damaged> {
    let mut group: Group = shown(record)?;
    let private: PrivateGroupV1 = decode_private(record.private)?;
    restore_slots(&mut group.user_settings.filesystem, private.secrets)?;
    Ok(group)
}

/// A thing without a private part.
pub(super) fn encode_plain<T: serde::Serialize>(value: &T) -> Result<Body, Damaged> {
    Ok(Body { public: json(value)?, private: Vec::new(), to_render: false })
}

/// A thing without a private part.
pub(super) fn shown<T: serde::de::DeserializeOwned>(record: &Record<'_>) -> Result<T, Damaged> {
    serde_json::from_slice(&record.public).map_err(|why| Damaged::Public(why.to_string()))
}

fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, Damaged> {
    wire::to_bytes(value).map_err(|why| Damaged::Public(why.to_string()))
}

fn password(stored: Option<String>) -> Result<Option<PasswordHash>, Damaged> {
    let recognised = |text: String| {
        PasswordHash::recognise(&text).ok_or_else(|| Damaged::Private("a hash of no known kind".into()))
    };
    stored.map(recognised).transpose()
}

fn parts(secret: &Secret) -> Option<SealedParts> {
    let (key, additional_data) = secret.private_parts()?;
    Some(SealedParts { key: key.to_owned(), additional_data: additional_data.to_owned() })
}

fn slot_parts(filesystem: &Filesystem) -> Vec<(u8, SealedParts)> {
    filesystem.secrets().filter_map(|(slot, secret)| Some((slot.id(), parts(secret)?))).collect()
}

fn restore_slots(filesystem: &mut Filesystem, secrets: Vec<(u8, SealedParts)>) -> Result<(), Damaged> {
    for (id, parts) in secrets {
        let slot =
            Slot::from_id(id).ok_or_else(|| Damaged::Private(format!("no secret has the number {id}")))?;
        let secret = filesystem.secrets_mut().find(|(known, _)| *known == slot);
        let (_, secret) = secret.ok_or_else(|| Damaged::Private("a secret of another provider".into()))?;
        restore(secret, Some(parts))?;
    }
    Ok(())
}

fn code_parts(codes: &[RecoveryCodeEntry]) -> Vec<Option<SealedParts>> {
    codes.iter().map(|entry| parts(&entry.secret)).collect()
}

fn restore(secret: &mut Secret, parts: Option<SealedParts>) -> Result<(), Damaged> {
    let Some(SealedParts { key, additional_data }) = parts else { return Ok(()) };
    secret.restore_private(key, additional_data).map_err(|why| Damaged::Private(why.to_string()))
}

fn restore_codes(codes: &mut [RecoveryCodeEntry], parts: Vec<Option<SealedParts>>) -> Result<(), Damaged> {
    if codes.len() != parts.len() {
        return Err(Damaged::Private("recovery codes and their keys differ in number".into()));
    }
    codes.iter_mut().zip(parts).try_for_each(|(entry, parts)| restore(&mut entry.secret, parts))
}
