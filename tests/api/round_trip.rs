//! Any user that is taken is stored, shown, and the same when what was shown is sent back with `PUT`: by any member
//! or none, in many combinations, over HTTP.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use crate::harness::TestServer;

/// Bodies that are tried.
const TRIES: usize = 300;

/// A member with one of some values, or without one.
type Choice = (&'static str, BoxedStrategy<Value>);

fn one_of(values: impl Into<Vec<Value>>) -> BoxedStrategy<Value> {
    prop::sample::select(values.into()).boxed()
}

/// Some of the values, in their order, as a list.
fn some_of(values: &[Value]) -> BoxedStrategy<Value> {
    prop::sample::subsequence(values.to_vec(), 0..=values.len()).prop_map(Value::Array).boxed()
}

fn words(words: &[&str]) -> BoxedStrategy<Value> {
    some_of(&words.iter().map(|word| json!(word)).collect::<Vec<_>>())
}

fn number() -> BoxedStrategy<Value> {
    prop_oneof![Just(json!(0)), (0_i64..5000).prop_map(|n| json!(n)), Just(json!(4_102_444_800_000_i64))]
        .boxed()
}

fn text() -> BoxedStrategy<Value> {
    "[ -~äß漢\\n]{0,40}".prop_map(Value::String).boxed()
}

fn flag() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::Bool).boxed()
}

/// An object of which each member is there or not.
fn object(choices: Vec<Choice>) -> BoxedStrategy<Value> {
    let members: Vec<_> = choices
        .into_iter()
        .map(|(name, value)| {
            prop::option::weighted(0.5, value).prop_map(move |value| value.map(|v| (name, v)))
        })
        .collect();
    members
        .prop_map(|members| {
            members.into_iter().flatten().map(|(name, v)| (name.to_owned(), v)).collect::<Map<_, _>>()
        })
        .prop_map(Value::Object)
        .boxed()
}

fn secret() -> BoxedStrategy<Value> {
    let sealed =
        json!({"status": "Secretbox", "payload": "AAAA", "key": "0".repeat(64), "additional_data": "x"});
    prop_oneof![
        Just(json!({})),
        Just(json!(null)),
        Just(sealed),
        "[ -~é]{1,30}".prop_map(|payload| json!({"status": "Plain", "payload": payload})),
    ]
    .boxed()
}

fn filesystem() -> BoxedStrategy<Value> {
    let s3 = object(vec![
        ("region", one_of([json!("eu-west-1"), json!("")])),
        ("key_prefix", one_of([json!("in/"), json!("")])),
        ("upload_part_size", one_of([json!(0), json!(5), json!(64)])),
        ("force_path_style", flag()),
        ("storage_class", text()),
    ]);
    let s3 = (s3, secret()).prop_map(|(mut s3, secret)| {
        s3["bucket"] = json!("files");
        s3["endpoint"] = json!("https://s3.example.com");
        if secret.get("status").is_some() {
            s3["access_key"] = json!("AKIA");
        }
        s3["access_secret"] = secret;
        json!({"provider": 1, "s3config": s3})
    });
    let local = object(vec![("read_buffer_size", one_of([json!(0), json!(2), json!(10)]))])
        .prop_map(|config| json!({"provider": 0, "osconfig": config}));
    let crypt = (1_usize..20).prop_map(|length| {
        json!({"provider": 4, "cryptconfig": {"passphrase": {"status": "Plain", "payload": "p".repeat(length)}}})
    });
    let gcs = secret().prop_map(|secret| {
        json!({"provider": 2, "gcsconfig": {"bucket": "b", "automatic_credentials": 1, "credentials": secret}})
    });
    prop_oneof![3 => s3, 2 => local, 2 => crypt, 1 => gcs, 1 => Just(json!({}))].boxed()
}

fn filters() -> BoxedStrategy<Value> {
    let networks = &[json!("10.0.0.0/8"), json!("192.0.2.0/24"), json!("2001:db8::/32")];
    let pattern = json!({"path": "/docs", "allowed_patterns": ["*.pdf", "*.TXT"], "deny_policy": 1});
    let limit = json!({"sources": ["10.1.0.0/16"], "upload_bandwidth": 64});
    let access = json!({"day_of_week": 1, "from": "08:00", "to": "18:30"});
    object(vec![
        ("allowed_ip", some_of(networks)),
        ("denied_ip", some_of(networks)),
        ("denied_login_methods", words(&["publickey", "keyboard-interactive", "TLSCertificate"])),
        ("denied_protocols", words(&["SSH", "FTP", "DAV"])),
        ("file_patterns", some_of(&[pattern, json!({"path": "/in/../x", "denied_patterns": ["*.exe"]})])),
        ("max_upload_file_size", number()),
        ("tls_username", one_of([json!("None"), json!("CommonName"), json!("")])),
        ("hooks", object(vec![("pre_login_disabled", flag()), ("external_auth_disabled", flag())])),
        ("disable_fs_checks", flag()),
        ("web_client", words(&["write-disabled", "shares-disabled", "mfa-disabled"])),
        ("allow_api_key_auth", flag()),
        ("user_type", one_of([json!("LDAPUser"), json!("OSUser"), json!(""), json!("other")])),
        ("bandwidth_limits", some_of(&[limit])),
        ("external_auth_cache_time", number()),
        ("start_directory", one_of([json!("/start"), json!("a/../b"), json!("")])),
        ("two_factor_protocols", words(&["SSH", "FTP"])),
        ("ftp_security", one_of([json!(0), json!(1)])),
        ("is_anonymous", flag()),
        ("password_expiration", number()),
        ("access_time", some_of(&[access])),
        ("require_password_change", flag()),
    ])
}

fn user() -> BoxedStrategy<Value> {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBMZixoSEwHsxT94ahYG9+U4P9z7ezjI9iPKWvQOaefG a comment";
    let hash = json!("{MD5}5f4dcc3b5aa765d61d8327deb882cf99");
    let root = prop_oneof![Just(json!(["*"])), Just(json!(["list", "download"]))];
    let permissions = (
        root,
        object(vec![
            ("/in", words(&["list", "upload", "overwrite"])),
            ("/a/../b/", words(&["list", "*"])),
            ("/ß/漢", words(&["list"])),
        ]),
    )
        .prop_map(|(root, mut permissions)| {
            permissions["/"] = root;
            permissions
        });
    let rest = object(vec![
        ("status", one_of([json!(0), json!(1)])),
        ("email", one_of([json!("a@example.com"), json!("")])),
        ("expiration_date", number()),
        ("password", one_of([json!("a long Enough passw0rd"), hash, json!(""), json!(null)])),
        ("public_keys", some_of(&[json!(key), json!("")])),
        ("home_dir", one_of([json!("/srv/data/x"), json!("/srv//data/../x/"), json!("")])),
        ("uid", number()),
        ("gid", number()),
        ("max_sessions", number()),
        ("quota_size", number()),
        ("quota_files", number()),
        ("upload_bandwidth", number()),
        ("download_bandwidth", number()),
        ("upload_data_transfer", number()),
        ("total_data_transfer", number()),
        ("description", text()),
        ("additional_info", text()),
        ("filters", filters()),
        ("filesystem", filesystem()),
        ("unknown", text()),
        ("id", number()),
        ("used_quota_size", number()),
        ("last_login", number()),
    ]);
    (rest, permissions)
        .prop_map(|(mut user, permissions)| {
            user["permissions"] = permissions;
            user
        })
        .boxed()
}

#[actix_web::test]
async fn a_user_that_is_taken_is_the_same_when_what_is_shown_is_sent_back() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    // The same bodies each time.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let users = user();
    let mut taken = 0;
    for number in 0..TRIES {
        let mut body = users.new_tree(&mut runner).unwrap().current();
        body["username"] = json!(format!("u{number}"));
        let made = admin.post("/users", &body).await;
        if made.status != 201 {
            assert_eq!(made.status, 400, "{body}: {}", made.text);
            continue;
        }
        taken += 1;
        for query in ["", "?confidential_data=1"] {
            let path = format!("/users/u{number}{query}");
            let shown = admin.get(&path).await.expect(200).json();
            if query.is_empty() {
                assert_eq!(shown, made.json(), "{body}");
            }
            server.advance(1000);
            admin.put(&format!("/users/u{number}"), &shown).await.expect(200);
            let mut again = admin.get(&path).await.expect(200).json();
            assert_ne!(again["updated_at"], shown["updated_at"]);
            again["updated_at"] = shown["updated_at"].clone();
            assert_eq!(again, shown, "{body}");
        }
    }
    assert!(taken > TRIES / 2, "only {taken} of {TRIES} were taken");
}
