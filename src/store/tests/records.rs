//! The typed records: what is stored comes back whole, and the bytes on disk stay those that earlier
//! versions wrote. `tests/data/records` holds a record of each kind in hexadecimal; a test that fails
//! there asks for a new version of the private part, never for new bytes.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};

use super::super::accounts::{
    decode_admin, decode_api_key, decode_folder, decode_group, decode_user, encode_admin, encode_api_key,
    encode_folder, encode_group, encode_user,
};
use super::super::{Body, Record, Whole};
use crate::domain::account::AccountState;
use crate::domain::admin::{Admin, AdminDraft, AdminRules};
use crate::domain::api_key::ApiKey;
use crate::domain::folder::{Folder, FolderDraft};
use crate::domain::group::{Group, GroupDraft};
use crate::domain::home_dir::HomeDirRules;
use crate::domain::password::PasswordHash;
use crate::domain::sealer::Sealer;
use crate::domain::second_factor::RecoveryCodeEntry;
use crate::domain::secret::Secret;
use crate::domain::time::UnixMillis;
use crate::domain::user::User;
use crate::domain::user_draft::{UserDraft, UserRules};
use crate::domain::username::NamingRules;

/// The key and the revision of every record here.
const KEY: &[u8] = b"\x02ada";
const REVISION: u64 = 0x0102_0304;

const HASH: &str = "$2a$04$M4cv3AWzoO3TZQQ91FtVwuPE8b.a1QlTFT9MWXHEo24y/4TvlFPUq";

/// A secret that somebody else sealed, which is kept as it was sent.
fn sealed(what: &str) -> Value {
    json!({"status": "AES-256-GCM", "payload": format!("sealed {what}"), "key": format!("{:x>64}", format!("key of {what}")),
        "additional_data": "ada", "mode": 1})
}

fn secret(what: &str) -> Secret {
    serde_json::from_value(sealed(what)).unwrap()
}

fn user_rules() -> UserRules {
    UserRules {
        naming: NamingRules::parse(5).unwrap(),
        home_dir: HomeDirRules::new(None, "/tmp".into()),
        min_password_strength: 0,
        sealer: Sealer::default(),
    }
}

pub(super) fn settled(draft: Value) -> Result<User, String> {
    let draft: UserDraft = serde_json::from_value(draft).map_err(|why| why.to_string())?;
    draft.settle(&user_rules(), None).map(|(user, _)| user).map_err(|why| why.to_string())
}

fn full_filters() -> Value {
    json!({
        "allowed_ip": ["10.0.0.1/8"], "denied_ip": ["::1/128"], "denied_login_methods": ["publickey"],
        "denied_protocols": ["FTP"], "max_upload_file_size": 8, "tls_username": "CommonName",
        "file_patterns": [{"path": "/in", "allowed_patterns": ["*.csv"], "deny_policy": 1}],
        "hooks": {"pre_login_disabled": true}, "disable_fs_checks": true, "web_client": ["write-disabled"],
        "allow_api_key_auth": true, "user_type": "OSUser", "ftp_security": 1, "start_directory": "in",
        "bandwidth_limits": [{"sources": ["10.0.0.0/8"], "upload_bandwidth": 9}],
        "two_factor_protocols": ["SSH"], "default_shares_expiration": 1, "max_shares_expiration": 2,
        "password_expiration": 3, "password_strength": 4, "require_password_change": true,
        "access_time": [{"day_of_week": 1, "from": "08:00", "to": "17:30"}]
    })
}

/// Everything but keys and certificates, whose text is long and no different, and what other objects give.
fn full_user() -> User {
    let mut user = settled(json!({
        "username": "ada", "status": 1, "email": "ada@example.com", "expiration_date": 1_900_000_000_000_i64,
        "home_dir": "/srv/ada", "uid": 9_999_999_999_i64, "gid": -1, "max_sessions": 2, "quota_size": 3,
        "quota_files": 4, "permissions": {"/": ["*"], "/in": ["list", "upload"]}, "upload_bandwidth": 5,
        "download_bandwidth": 6, "total_data_transfer": 7, "description": "Ada, née <Byron>", "role": "poets",
        "additional_info": "\u{0}\u{2028}",
        "filters": full_filters(),
        "filesystem": {"provider": 5, "sftpconfig": {
            "endpoint": "h:22", "username": "u", "fingerprints": ["SHA256:x"], "prefix": "/p", "buffer_size": 2,
            "password": sealed("password"), "private_key": sealed("private key"),
            "key_passphrase": sealed("passphrase")
        }}
    }))
    .unwrap();
    (user.id, user.used_quota_size, user.used_quota_files) = (7, 10, 11);
    (user.used_upload_data_transfer, user.used_download_data_transfer) = (12, 13);
    (user.created_at, user.updated_at) = (UnixMillis::new(14), UnixMillis::new(15));
    (user.last_login, user.last_quota_update) = (UnixMillis::new(16), UnixMillis::new(17));
    (user.first_download, user.first_upload) = (UnixMillis::new(18), UnixMillis::new(19));
    user.last_password_change = UnixMillis::new(20);
    user.password = PasswordHash::recognise(HASH);
    user.account = AccountState { generation: 21, last_totp_step: Some(60_000_000) };
    user.filters.totp_config.enabled = true;
    user.filters.totp_config.config_name = "Default".into();
    user.filters.totp_config.secret = secret("totp");
    user.filters.totp_config.protocols = vec!["HTTP".into()];
    user.filters.recovery_codes = vec![
        RecoveryCodeEntry { secret: secret("first code"), used: true },
        RecoveryCodeEntry { secret: secret("second code"), used: false },
    ];
    user
}

fn full_admin() -> Admin {
    let draft: AdminDraft = serde_json::from_value(json!({
        "username": "root", "status": 1, "email": "root@example.com", "permissions": ["add_users", "view_users"],
        "description": "d", "additional_info": "i", "role": "poets", "password": HASH,
        "groups": [{"name": "g", "options": {"add_to_users_as": 1}}],
        "filters": {
            "allow_list": ["10.0.0.0/8"], "allow_api_key_auth": true, "require_password_change": true,
            "require_two_factor": true,
            "preferences": {"hide_user_page_sections": 1, "default_users_expiration": 2}
        }
    }))
    .unwrap();
    let rules = AdminRules { naming: NamingRules::parse(5).unwrap(), min_password_strength: 0 };
    let (mut admin, _) = draft.settle(rules, None).unwrap();
    admin.id = 3;
    (admin.created_at, admin.updated_at) = (UnixMillis::new(4), UnixMillis::new(5));
    admin.last_login = UnixMillis::new(6);
    admin.password = PasswordHash::recognise(HASH);
    admin.account = AccountState { generation: 7, last_totp_step: Some(60_000_000) };
    admin.filters.totp_config.enabled = true;
    admin.filters.totp_config.config_name = "Default".into();
    admin.filters.totp_config.secret = secret("totp");
    admin.filters.recovery_codes = vec![RecoveryCodeEntry { secret: secret("code"), used: true }];
    admin
}

pub(super) fn full_api_key() -> ApiKey {
    let mut key: ApiKey = serde_json::from_value(json!({
        "id": "aBcDeFgHjKmNpQrStUvWxY", "name": "backup", "scope": 1, "created_at": 1, "updated_at": 2,
        "last_use_at": 3, "expires_at": 4, "description": "d", "admin": "root"
    }))
    .unwrap();
    key.secret = PasswordHash::recognise(HASH);
    key
}

fn full_folder() -> Folder {
    let draft: FolderDraft = serde_json::from_value(json!({
        "name": "in", "mapped_path": "/srv/in", "description": "d",
        "filesystem": {"provider": 4, "cryptconfig": {"read_buffer_size": 1, "passphrase": sealed("passphrase")}}
    }))
    .unwrap();
    let mut folder = draft.settle(NamingRules::default(), &Sealer::default(), None).unwrap();
    (folder.id, folder.used_quota_size, folder.used_quota_files) = (1, 2, 3);
    (folder.last_quota_update, folder.changed_at) = (UnixMillis::new(4), UnixMillis::new(5));
    folder
}

fn full_group() -> Group {
    let draft: GroupDraft = serde_json::from_value(json!({
        "name": "poets", "description": "d",
        "user_settings": {
            "home_dir": "/srv/%username%", "max_sessions": 1, "quota_size": 2, "quota_files": 3,
            "permissions": {"/in": ["list"]}, "upload_bandwidth": 4, "download_bandwidth": 5,
            "total_data_transfer": 6, "filters": full_filters(),
            "filesystem": {"provider": 6, "httpconfig": {"endpoint": "http://h", "api_key": sealed("api key")}}
        },
        "virtual_folders": [{"name": "in", "virtual_path": "/in", "quota_size": -1, "quota_files": -1}]
    }))
    .unwrap();
    let mut group = draft.settle(NamingRules::default(), &Sealer::default(), None).unwrap();
    (group.id, group.created_at, group.updated_at) = (7, UnixMillis::new(8), UnixMillis::new(9));
    group
}

fn bytes(body: &Body) -> Vec<u8> {
    Record::new(REVISION, body).encode(KEY).unwrap()
}

/// Holds a record against the one in its file, which was written when documents were not yet compressed: what is in
/// it stays the same to the byte, whichever way it stands there.
fn assert_golden(name: &str, body: &Body) -> Vec<u8> {
    let file = format!("{}/tests/data/records/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let golden = hex::decode(std::fs::read_to_string(&file).unwrap().replace('\n', "")).unwrap();
    let parts = |record: &Record<'_>| {
        let shown = String::from_utf8(record.public.to_vec()).unwrap();
        (record.revision, record.to_render, shown, hex::encode(record.private))
    };
    let written = bytes(body);
    let (then, now) = (Record::decode(KEY, &golden).unwrap(), Record::decode(KEY, &written).unwrap());
    assert_eq!(parts(&then), parts(&now), "{file}");
    assert!(written.len() < golden.len(), "it is compressed now");
    golden
}

#[test]
fn the_record_of_a_user_does_not_change() {
    let user = full_user();
    let golden = assert_golden("user_v1", &encode_user(&user).unwrap());
    assert_eq!(decode_user(&Record::decode(KEY, &golden).unwrap()).unwrap(), user);
}

/// Records of users with a role were once not marked as showing parts of other objects.
#[test]
fn an_earlier_record_of_a_user_reads_the_same() {
    let file = format!("{}/tests/data/records/user_v1_unmarked.hex", env!("CARGO_MANIFEST_DIR"));
    let bytes = hex::decode(std::fs::read_to_string(file).unwrap().replace('\n', "")).unwrap();
    let record = Record::decode(KEY, &bytes).unwrap();
    assert!(!record.to_render);
    assert_eq!(decode_user(&record).unwrap(), full_user());
}

#[test]
fn the_record_of_an_admin_does_not_change() {
    let admin = full_admin();
    let golden = assert_golden("admin_v1", &encode_admin(&admin).unwrap());
    assert_eq!(decode_admin(&Record::decode(KEY, &golden).unwrap()).unwrap(), admin);
}

#[test]
fn the_record_of_an_api_key_does_not_change() {
    let key = full_api_key();
    let golden = assert_golden("api_key_v1", &encode_api_key(&key).unwrap());
    assert_eq!(decode_api_key(&Record::decode(KEY, &golden).unwrap()).unwrap(), key);
}

#[test]
fn the_record_of_a_folder_does_not_change() {
    let folder = full_folder();
    let golden = assert_golden("folder_v1", &encode_folder(&folder).unwrap());
    assert_eq!(decode_folder(&Record::decode(KEY, &golden).unwrap()).unwrap(), folder);
}

#[test]
fn the_record_of_a_group_does_not_change() {
    let group = full_group();
    let golden = assert_golden("group_v1", &encode_group(&group).unwrap());
    assert_eq!(decode_group(&Record::decode(KEY, &golden).unwrap()).unwrap(), group);
}

#[test]
fn what_is_never_shown_stands_in_no_public_part() {
    for body in [
        encode_user(&full_user()).unwrap(),
        encode_admin(&full_admin()).unwrap(),
        encode_api_key(&full_api_key()).unwrap(),
        encode_folder(&full_folder()).unwrap(),
        encode_group(&full_group()).unwrap(),
    ] {
        let public = String::from_utf8(body.public).unwrap();
        for hidden in [HASH, "key of ", "additional_data", "generation", "60000000", "changed_at"] {
            assert!(!public.contains(hidden), "{hidden} in {public}");
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ -~]{0,12}"]
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -1_i64..3]
}

fn secrets() -> impl Strategy<Value = Value> {
    let status = prop::sample::select(vec!["AES-256-GCM", "Secretbox"]);
    let other = (status, text(), "[0-9a-f]{64}", text(), number());
    prop_oneof![
        Just(json!({})),
        "[ -~]{1,9}".prop_map(|text| json!({"status": "Plain", "payload": text})),
        other.prop_map(|(status, payload, key, data, mode)| {
            json!({"status": status, "payload": payload, "key": key, "additional_data": data, "mode": mode})
        }),
    ]
}

fn filesystem() -> impl Strategy<Value = Value> {
    (0_i64..7, secrets(), secrets(), text()).prop_map(|(provider, one, two, text)| {
        json!({
            "provider": provider,
            "s3config": {"bucket": "b", "region": "r", "access_key": "k", "access_secret": one, "key_prefix": text},
            "gcsconfig": {"bucket": "b", "credentials": one, "storage_class": text},
            "azblobconfig": {"container": "c", "account_name": "n", "account_key": one, "sas_url": two},
            "cryptconfig": {"passphrase": one},
            "sftpconfig": {"endpoint": "h:22", "username": "u", "password": one, "prefix": text},
            "httpconfig": {"endpoint": "http://h/", "username": text, "password": one, "api_key": two},
        })
    })
}

prop_compose! {
    /// A user as any client may send one; not each is accepted.
    fn draft()(
        name in prop_oneof![text(), "[a-zA-Z0-9._-]{1,12}"],
        texts in prop::collection::vec(text(), 5),
        numbers in prop::collection::vec(number(), 12),
        filesystem in filesystem(),
        directories in prop::collection::btree_map("/[a-z./]{0,6}", Just(json!(["list", "download"])), 0..4),
        status in 0..=1,
    ) -> Value {
        let mut permissions = json!(directories);
        permissions["/"] = json!(["*"]);
        json!({
            "username": name, "status": status, "home_dir": format!("/srv/{}", texts[0]),
            "description": texts[1], "additional_info": texts[2], "role": texts[3],
            "permissions": permissions, "filesystem": filesystem,
            "uid": numbers[0], "gid": numbers[1], "max_sessions": numbers[2], "quota_size": numbers[3],
            "quota_files": numbers[4], "upload_bandwidth": numbers[5], "download_bandwidth": numbers[6],
            "upload_data_transfer": numbers[7], "total_data_transfer": numbers[8],
            "expiration_date": numbers[9],
            "filters": {
                "user_type": texts[4], "start_directory": texts[0], "max_upload_file_size": numbers[10],
                "password_expiration": numbers[11], "ftp_security": numbers[0],
            },
        })
    }
}

proptest! {
    #[test]
    fn a_user_that_is_accepted_comes_back_from_his_record(
        draft in draft(),
        generation: u64,
        last_totp_step: Option<u64>,
        codes in prop::collection::vec((text(), any::<bool>()), 0..3),
        has_password: bool,
    ) {
        let Ok(mut user) = settled(draft) else { return Ok(()) };
        user.account = AccountState { generation, last_totp_step };
        user.password = has_password.then(|| PasswordHash::recognise(HASH)).flatten();
        let entry = |(text, used): (String, bool)| RecoveryCodeEntry { secret: secret(&text), used };
        user.filters.recovery_codes = codes.into_iter().map(entry).collect();
        let bytes = bytes(&encode_user(&user).unwrap());
        let whole = Whole::decode(KEY.to_vec(), &bytes).unwrap();
        let hidden = &whole.hidden;
        prop_assert_eq!(&hidden.password, &user.password);
        let filters = &user.filters;
        let has_second_factor = filters.totp_config.secret.sealed().is_some() || !filters.recovery_codes.is_empty();
        prop_assert_eq!(hidden.has_second_factor, has_second_factor);
        let has_secrets = user.filesystem.secrets().any(|(_, secret)| secret.sealed().is_some());
        prop_assert_eq!(hidden.has_secrets, has_secrets);
        prop_assert_eq!(&whole.user().unwrap(), &user);
        prop_assert_eq!(decode_user(&Record::decode(KEY, &bytes).unwrap()).unwrap(), user);
    }

    #[test]
    fn a_user_that_is_accepted_comes_back_through_a_put_of_what_is_shown(draft in draft()) {
        let Ok(user) = settled(draft) else { return Ok(()) };
        let shown: Value = serde_json::from_slice(&encode_user(&user).unwrap().public).unwrap();
        let again: UserDraft = serde_json::from_value(shown).unwrap();
        let (again, _) = again.settle(&user_rules(), Some(&user)).unwrap();
        prop_assert_eq!(again, user);
    }
}

#[test]
fn the_drafts_of_these_tests_are_mostly_accepted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let accepted = (0..100).filter(|_| {
        let tree = draft().new_tree(&mut runner).unwrap();
        settled(tree.current()).is_ok()
    });
    let accepted = accepted.count();
    assert!(accepted > 40, "{accepted} of 100");
}
