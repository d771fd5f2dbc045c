//! The description of the API and the check of replies against it.

use serde_json::{Value, json};

use crate::harness::described::check_reply;

/// The smallest answer of `contract/user-model.md` §6.
fn smallest_user() -> Value {
    json!({
        "id": 1, "status": 0, "username": "u", "home_dir": "/data/u", "uid": 0, "gid": 0, "max_sessions": 0,
        "quota_size": 0, "quota_files": 0, "permissions": {"/": ["*"]}, "upload_data_transfer": 0,
        "download_data_transfer": 0, "total_data_transfer": 0, "created_at": 1_795_476_944_640_i64,
        "updated_at": 1_795_476_944_640_i64,
        "filters": {
            "hooks": {
                "external_auth_disabled": false, "pre_login_disabled": false, "check_password_disabled": false
            },
            "totp_config": {"secret": {}}
        },
        "filesystem": {
            "provider": 0, "osconfig": {}, "s3config": {}, "gcsconfig": {}, "azblobconfig": {},
            "cryptconfig": {}, "sftpconfig": {}, "httpconfig": {}
        }
    })
}

/// The same with members changed: `(pointer to the object, name, value)`.
fn user_with(changes: &[(&str, &str, Value)]) -> Value {
    let mut user = smallest_user();
    for (at, name, value) in changes {
        let object = user.pointer_mut(at).and_then(Value::as_object_mut).expect("the user has this object");
        object.insert((*name).to_owned(), value.clone());
    }
    user
}

fn check_user(user: &Value) -> Result<(), String> {
    check_reply("GET", "/api/v2/users/u", 200, user)
}

#[test]
fn the_smallest_user_is_as_described_wherever_it_is_answered() {
    let user = smallest_user();
    assert_eq!(check_user(&user), Ok(()));
    assert_eq!(check_reply("GET", "/api/v2/users/u?confidential_data=1", 200, &user), Ok(()));
    assert_eq!(check_reply("POST", "/api/v2/users", 201, &user), Ok(()));
    assert_eq!(check_reply("GET", "/api/v2/users?limit=2", 200, &json!([user, user])), Ok(()));
    assert_eq!(check_reply("GET", "/api/v2/users/", 200, &json!([])), Ok(()));
}

#[test]
fn confidential_members_and_large_numbers_are_described() {
    let secret =
        json!({"status": "Secretbox", "payload": "x", "key": "k", "additional_data": "u", "mode": 1});
    let user = user_with(&[
        ("", "password", json!("$2a$10$x")),
        ("", "has_password", json!(true)),
        ("", "uid", json!(9_999_999_999_i64)),
        ("/filesystem", "provider", json!(1)),
        ("/filesystem/s3config", "access_secret", secret.clone()),
        ("/filesystem/cryptconfig", "passphrase", json!({})),
        ("/filters/totp_config", "secret", secret.clone()),
        ("/filters", "recovery_codes", json!([{"secret": secret, "used": true}])),
        ("/filters", "access_time", json!([{"from": "08:00", "to": "18:00"}])),
        ("/filters", "user_type", json!("any text")),
        ("/permissions", "/empty", json!([])),
        ("/permissions", "/null", json!(null)),
    ]);
    assert_eq!(check_user(&user), Ok(()));
}

#[test]
fn each_broken_rule_is_told_with_its_place() {
    let table = [
        (user_with(&[("", "nickname", json!("u"))]), ".nickname is not described"),
        (
            user_with(&[("/filesystem/s3config", "buckets", json!("b"))]),
            ".filesystem.s3config.buckets is not",
        ),
        (user_with(&[("", "status", json!(2))]), ".status 2 is none of"),
        (user_with(&[("", "status", json!("1"))]), ".status \"1\" is not of type \"integer\""),
        (user_with(&[("", "uid", json!(1.5))]), ".uid 1.5 is not of type \"integer\""),
        (user_with(&[("", "permissions", json!({"/": [1]}))]), ".permissions./[0] 1 is not of type"),
        (user_with(&[("", "permissions", json!(null))]), ".permissions null is not an object"),
        (
            user_with(&[("/filters", "denied_protocols", json!(["ftp"]))]),
            ".filters.denied_protocols[0] \"ftp\" is",
        ),
        (user_with(&[("", "email", json!(""))]), ".email is \"\" and should be left out"),
        (user_with(&[("", "groups", json!([]))]), ".groups is [] and should be left out"),
        (
            user_with(&[("", "oidc_custom_fields", json!({"a": 1}))]),
            ".oidc_custom_fields is never to be shown",
        ),
        (user_with(&[("/filters", "totp_config", json!({}))]), ".filters.totp_config \"secret\" is missing"),
        (json!([]), "[] is not an object"),
    ];
    for (user, expected) in table {
        let why = check_user(&user).unwrap_err();
        assert!(why.starts_with("GET /api/v2/users/u 200: ") && why.contains(expected), "{why} / {expected}");
    }
}

#[test]
fn every_member_the_smallest_user_has_is_needed() {
    let user = smallest_user();
    for at in ["", "/filters", "/filters/hooks", "/filters/totp_config", "/filesystem"] {
        for name in user.pointer(at).unwrap().as_object().unwrap().keys() {
            let mut without = user.clone();
            without.pointer_mut(at).unwrap().as_object_mut().unwrap().remove(name);
            let why = check_user(&without).unwrap_err();
            assert!(why.ends_with(&format!("{name:?} is missing")), "{at}/{name}: {why}");
        }
    }
}

#[test]
fn failures_are_messages_under_every_status() {
    let missing = json!({"error": "Not Found", "message": ""});
    for status in [400, 404, 409, 429, 503] {
        assert_eq!(check_reply("PUT", "/api/v2/users/u", status, &missing), Ok(()), "{status}");
    }
    assert!(
        check_reply("PUT", "/api/v2/users/u", 400, &json!({"error": "x"})).is_err(),
        "message is always there"
    );
    assert!(check_reply("PUT", "/api/v2/users/u", 400, &json!({"message": "x", "error": ""})).is_err());
    assert!(check_reply("PUT", "/api/v2/users/u", 201, &missing).is_err(), "a success must be described");
}

#[test]
fn operations_are_found_by_path_and_method() {
    let done = json!({"message": "done"});
    assert_eq!(check_reply("PUT", "/api/v2/users/a%2Fb/2fa/disable", 200, &done), Ok(()));
    assert_eq!(check_reply("POST", "/api/v2/users/u/reset-password", 200, &done), Ok(()));
    assert_eq!(check_reply("GET", "/healthz", 200, &json!("ok")), Ok(()));
    let token = json!({"access_token": "a.b.c", "expires_at": "2026-01-01T00:20:00Z"});
    assert_eq!(check_reply("GET", "/api/v2/token", 200, &token), Ok(()));
    for (method, path) in
        [("PATCH", "/api/v2/users"), ("GET", "/api/v2/users/u/x"), ("GET", "/api/v2/nothing")]
    {
        assert!(
            check_reply(method, path, 200, &done).unwrap_err().ends_with("is not described"),
            "{method} {path}"
        );
    }
}
