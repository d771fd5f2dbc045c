//! Merge patches of a user: what stays, what goes, and that a patch is a `PUT` of the patched document.

use awc::http::Method;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use crate::harness::{Principal, Reply, TestServer};

const MERGE_PATCH: &str = "application/merge-patch+json";

fn patching(admin: &Principal) -> Principal {
    admin.clone().with("Content-Type", MERGE_PATCH)
}

async fn patch(admin: &Principal, path: &str, change: &Value) -> Reply {
    patching(admin).send(&Method::PATCH, path, change.to_string()).await
}

fn full(name: &str) -> Value {
    json!({
        "username": name, "status": 1, "email": "a@example.com", "password": "a long password", "uid": 7,
        "home_dir": "/srv/home", "quota_size": 5, "description": "d", "expiration_date": 1_900_000_000_000_i64,
        "permissions": {"/": ["list", "download"], "/Private": ["*"], "/none": []},
        "filters": {
            "allowed_ip": ["127.0.0.0/8"], "web_client": ["write-disabled"], "hooks": {"pre_login_disabled": true},
            "bandwidth_limits": [{"sources": ["10.0.0.0/8"], "upload_bandwidth": 9}]
        },
        "filesystem": {"provider": 1, "s3config": {
            "bucket": "b", "region": "r", "access_key": "k", "access_secret": {"status": "Plain", "payload": "s"}
        }}
    })
}

async fn with_user() -> (TestServer, Principal) {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin.post("/users", &full("a")).await.expect(201);
    (server, admin)
}

/// The standard's own words (RFC 7396 §2), to hold the server's against.
fn merge(target: &Value, patch: &Value) -> Value {
    let Some(changes) = patch.as_object() else { return patch.clone() };
    let mut merged = target.as_object().cloned().unwrap_or_else(Map::new);
    for (name, change) in changes {
        if change.is_null() {
            merged.remove(name);
        } else {
            let before = merged.get(name).cloned().unwrap_or(Value::Null);
            merged.insert(name.clone(), merge(&before, change));
        }
    }
    Value::Object(merged)
}

#[actix_web::test]
async fn what_a_patch_leaves_out_stays() {
    let (server, admin) = with_user().await;
    let before = admin.get("/users/a?confidential_data=1").await.expect(200).json();
    server.advance(1000);
    let reply = patch(&admin, "/users/a", &json!({"description": "other"})).await.expect(200);
    assert_eq!(reply.json(), json!({"message": "User updated"}));
    let after = admin.get("/users/a?confidential_data=1").await.expect(200);
    let mut wanted = before.clone();
    wanted["description"] = json!("other");
    wanted["updated_at"] = json!(before["updated_at"].as_i64().unwrap() + 1000);
    assert_eq!(after.json(), wanted);
    assert_eq!(reply.header("ETag"), admin.get("/users/a").await.expect(200).header("ETag"));
    // Nothing to change is a change all the same.
    patch(&admin, "/users/a", &json!({})).await.expect(200);
}

#[actix_web::test]
async fn members_are_merged_lists_replaced_and_nulls_reset() {
    let (_server, admin) = with_user().await;
    let change = json!({
        "email": null, "UID": 8, "status": null, "expiration_date": null,
        "permissions": {"/Private": null, "/private": ["list"]},
        "filters": {
            "allowed_ip": null, "hooks": {"check_password_disabled": true}, "Web_Client": ["mfa-disabled"]
        },
    });
    patch(&admin, "/users/a", &change).await.expect(200);
    let user = admin.get("/users/a").await.expect(200).json();
    assert!(user.get("email").is_none() && user.get("expiration_date").is_none());
    assert_eq!((&user["uid"], &user["status"], &user["quota_size"]), (&json!(8), &json!(0), &json!(5)));
    assert_eq!(user["permissions"], json!({"/": ["list", "download"], "/private": ["list"], "/none": []}));
    let filters = &user["filters"];
    assert!(filters.get("allowed_ip").is_none());
    assert_eq!(filters["web_client"], json!(["mfa-disabled"]));
    let hooks = json!({
        "pre_login_disabled": true, "check_password_disabled": true, "external_auth_disabled": false
    });
    assert_eq!(filters["hooks"], hooks);
    assert_eq!(filters["bandwidth_limits"][0]["upload_bandwidth"], 9);
}

#[actix_web::test]
async fn a_password_is_kept_replaced_or_removed() {
    let (server, admin) = with_user().await;
    patch(&admin, "/users/a", &json!({"filters": {"web_client": null}})).await.expect(200);
    server.user("a", "a long password").await;
    patch(&admin, "/users/a", &json!({"password": "another one"})).await.expect(200);
    server.user("a", "another one").await;
    server.basic("a", "a long password").get("/user/token").await.expect(401);
    for gone in [json!(null), json!("")] {
        patch(&admin, "/users/a", &json!({"password": "another one"})).await.expect(200);
        patch(&admin, "/users/a", &json!({"password": gone})).await.expect(200);
        assert!(admin.get("/users/a").await.expect(200).json().get("has_password").is_none());
        server.basic("a", "another one").get("/user/token").await.expect(401);
    }
}

#[actix_web::test]
async fn a_secret_is_kept_replaced_or_removed() {
    let (_server, admin) = with_user().await;
    let secret = |user: &Value| user["filesystem"]["s3config"]["access_secret"].clone();
    let read = async || admin.get("/users/a?confidential_data=1").await.expect(200).json();
    let s3 = |change: Value| json!({"filesystem": {"s3config": change}});
    let stored = secret(&read().await);
    patch(&admin, "/users/a", &s3(json!({"bucket": "other"}))).await.expect(200);
    patch(&admin, "/users/a", &s3(json!({"access_secret": {}}))).await.expect(200);
    patch(&admin, "/users/a", &s3(json!({"access_secret": {"status": "Redacted"}}))).await.expect(200);
    assert_eq!(secret(&read().await), stored);
    // The stored cipher text must not become the new plain text.
    patch(&admin, "/users/a", &s3(json!({"access_secret": {"Status": "Plain"}}))).await.expect(400);
    let plain = json!({"access_secret": {"status": "Plain", "payload": "new"}});
    patch(&admin, "/users/a", &s3(plain)).await.expect(200);
    let replaced = secret(&read().await);
    assert!(replaced != stored && replaced["status"] == "Secretbox");
    patch(&admin, "/users/a", &s3(json!({"access_secret": null}))).await.expect(400);
    assert_eq!(secret(&read().await), replaced, "a provider with a key needs its secret");
    patch(&admin, "/users/a", &s3(json!({"access_secret": null, "access_key": null}))).await.expect(200);
    assert_eq!(secret(&read().await), json!({}));
}

#[actix_web::test]
async fn the_credentials_that_a_put_keeps_go_when_a_patch_says_so() {
    let (_server, admin) = with_user().await;
    let google = json!({"filesystem": {"provider": 2, "gcsconfig": {
        "bucket": "b", "credentials": {"status": "Plain", "payload": "c"}
    }}});
    patch(&admin, "/users/a", &google).await.expect(200);
    let google = |change: Value| json!({"filesystem": {"gcsconfig": change}});
    patch(&admin, "/users/a", &google(json!({"storage_class": "x"}))).await.expect(200);
    let user = admin.get("/users/a").await.expect(200).json();
    assert_eq!(user["filesystem"]["gcsconfig"]["credentials"]["status"], "Secretbox");
    patch(&admin, "/users/a", &google(json!({"credentials": null}))).await.expect(400);
    let none = google(json!({"credentials": null, "automatic_credentials": 1}));
    patch(&admin, "/users/a", &none).await.expect(200);
    // A provider that is left takes its credentials along.
    patch(&admin, "/users/a", &json!({"filesystem": null})).await.expect(200);
    assert_eq!(admin.get("/users/a").await.expect(200).json()["filesystem"]["provider"], 0);
}

#[actix_web::test]
async fn a_refused_patch_changes_nothing() {
    let (_server, admin) = with_user().await;
    let before = admin.get("/users/a?confidential_data=1").await.expect(200).text;
    for (text, error) in [
        ("", "EOF"),
        ("{", "unexpected EOF"),
        ("null", "json: cannot unmarshal null"),
        ("[]", "json: cannot unmarshal array"),
        ("{\"uid\":1,\"UID\":2}", "json: the member \"uid\" stands twice"),
        ("{\"uid\":\"1\"}", "json: cannot unmarshal string"),
        ("{\"uid\":1.0}", "json: cannot unmarshal number"),
        ("{\"filters\":[]}", "json: cannot unmarshal array"),
        ("{\"permissions\":{\"/\":[\"fly\"]}}", "Validation error: "),
        ("{\"permissions\":null}", "Validation error: "),
        ("{\"permissions\":{\"/\":null}}", "Validation error: "),
        ("{\"status\":7}", "Validation error: "),
        ("{\"filesystem\":{\"s3config\":{\"access_secret\":{\"status\":\"Rot13\"}}}}", "invalid secret"),
        ("{\"role\":\"none\"}", ""),
    ] {
        let refused = patching(&admin).send(&Method::PATCH, "/users/a", text.to_owned()).await;
        assert_eq!(refused.status, if error.is_empty() { 409 } else { 400 }, "{text}: {}", refused.text);
        let said = refused.json()["error"].as_str().unwrap().to_owned();
        assert!(said.starts_with(error), "{text}: {said}");
    }
    assert_eq!(admin.get("/users/a?confidential_data=1").await.expect(200).text, before);
}

#[actix_web::test]
async fn many_patches_make_no_user_that_one_request_could_not() {
    let (_server, admin) = with_user().await;
    let text = "x".repeat(700_000);
    patch(&admin, "/users/a", &json!({"description": text})).await.expect(200);
    patch(&admin, "/users/a", &json!({"additional_info": text})).await.expect(400);
    patch(&admin, "/users/a", &json!({"description": "x".repeat(1_100_000)})).await.expect(400);
    patch(&admin, "/users/a", &json!({"uid": 9})).await.expect(200);
}

#[actix_web::test]
async fn names_identities_and_other_members_of_the_server_are_out_of_reach() {
    let (_server, admin) = with_user().await;
    let before = admin.get("/users/a").await.expect(200).json();
    let change = json!({
        "username": "b", "id": 9, "created_at": 1, "used_quota_size": 5, "has_password": null, "last_login": 3,
        "filters": {"totp_config": {"enabled": true}, "recovery_codes": [{"used": false}]},
        "no such member": {"x": [1, null]}
    });
    patch(&admin, "/users/a", &change).await.expect(200);
    assert_eq!(admin.get("/users/a").await.expect(200).json(), before);
    admin.get("/users/b").await.expect(404);
}

#[actix_web::test]
async fn order_permission_condition_and_sign_out_are_those_of_put() {
    let (server, admin) = with_user().await;
    let viewer = json!({"username": "v", "password": "secret", "status": 1, "permissions": ["view_users"]});
    admin.post("/admins", &viewer).await.expect(201);
    let viewer = server.signed_in("v", "secret").await;
    patch(&viewer, "/users/a", &json!({})).await.expect(403);
    patch(&admin, "/users/nobody?disconnect=x", &json!([])).await.expect(400);
    patch(&admin, "/users/nobody", &json!([])).await.expect(404);
    let stale = admin.clone().with("If-Match", "\"x\"");
    patch(&stale, "/users/a", &json!([])).await.expect(412);
    patch(&stale, "/users/nobody", &json!({})).await.expect(404);
    patch(&admin.clone().with("If-Match", "*"), "/users/nobody", &json!({})).await.expect(412);
    let tag = admin.get("/users/a").await.expect(200).header("ETag").to_owned();
    let current = admin.clone().with("If-Match", &tag);
    patch(&current, "/users/a", &json!({"filters": {"web_client": null}})).await.expect(200);
    patch(&current, "/users/a", &json!({"uid": 1})).await.expect(412);

    let user = server.user("a", "a long password").await;
    patch(&admin, "/users/a", &json!({"uid": 2})).await.expect(200);
    user.get("/user/profile").await.expect(200);
    patch(&admin, "/users/a?disconnect=1", &json!({"uid": 3})).await.expect(200);
    user.get("/user/profile").await.expect(401);
}

#[actix_web::test]
async fn no_patch_of_many_at_once_is_lost() {
    let (_server, admin) = with_user().await;
    let changes: Vec<Value> =
        (0..40).map(|number| json!({"permissions": {format!("/{number}"): ["list"]}})).collect();
    let replies =
        futures_util::future::join_all(changes.iter().map(|change| patch(&admin, "/users/a", change))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let user = admin.get("/users/a").await.expect(200).json();
    for number in 0..40 {
        assert_eq!(user["permissions"][format!("/{number}")], json!(["list"]));
    }
}

#[actix_web::test]
async fn the_content_type_counts_only_where_the_settings_say_so() {
    let (_server, strict) = with_user().await;
    let server = TestServer::start_with(|settings| settings.users.patch_any_type = true).await;
    let lenient = server.admin().await;
    lenient.post("/users", &full("a")).await.expect(201);
    for (kind, is_one) in [
        (MERGE_PATCH, true),
        ("Application/Merge-Patch+JSON; charset=utf-8", true),
        ("application/json", false),
        ("text/plain", false),
        ("application/merge-patch+jsonx", false),
    ] {
        let send = async |admin: &Principal| {
            let admin = admin.clone().with("Content-Type", kind);
            admin.send_to(&Method::PATCH, "/api/v2/users/a", "{\"uid\":1}".to_owned()).await
        };
        send(&lenient).await.expect(200);
        let reply = send(&strict).await.expect(if is_one { 200 } else { 405 });
        assert!(is_one || reply.text.is_empty(), "{kind}");
    }
    for (admin, wanted) in
        [(&lenient, &["GET", "PUT", "PATCH", "DELETE"][..]), (&strict, &["GET", "PUT", "DELETE"])]
    {
        let reply = admin.send_to(&Method::POST, "/api/v2/users/a", "{}".to_owned()).await.expect(405);
        let allowed = reply.headers.iter().filter(|(name, _)| name == "allow");
        assert_eq!(allowed.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), wanted);
    }
}

/// A value for any member, right or wrong.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..3).prop_map(Value::from),
        "[a-z/ ]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z/]{1,5}", inner, 0..3).prop_map(|members| json!(members)),
        ]
    })
}

fn secret() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!({"status": "Redacted"})),
        "[a-z]{1,4}".prop_map(|text| json!({"status": "Plain", "payload": text})),
    ]
}

/// A value that mostly fits a member of this name.
fn fitting(name: &'static str) -> BoxedStrategy<Value> {
    let number = || prop_oneof![3 => (-1_i64..100).prop_map(Value::from), 1 => Just(Value::Null)].boxed();
    let text = || prop_oneof![3 => "[a-zA-Z<é ]{0,8}".prop_map(Value::from), 1 => Just(Value::Null)].boxed();
    let words = |words: &'static [&'static str]| {
        prop_oneof![3 => prop::sample::subsequence(words, 0..=words.len()).prop_map(|words| json!(words)), 1 => Just(Value::Null)]
            .boxed()
    };
    match name {
        "status" => prop_oneof![Just(json!(0)), Just(json!(1)), Just(Value::Null)].boxed(),
        "email" => prop_oneof![Just(json!("b@example.org")), Just(json!("none")), Just(Value::Null)].boxed(),
        "password" => prop_oneof![Just(json!("")), Just(Value::Null), Just(json!("$2a$04$M4cv3AWzoO3TZQQ91FtVwuPE8b.a1QlTFT9MWXHEo24y/4TvlFPUq"))].boxed(),
        "permissions" => prop_oneof![
            Just(json!({"/": ["*"]})),
            Just(json!({"/Private": null, "/new": ["list", "upload"]})),
            Just(json!({"/none/../up": ["download"]})),
            Just(Value::Null)
        ]
        .boxed(),
        "filters" => (
            words(&["127.0.0.1/32", "10.0.0.0/8", "nonsense"]),
            words(&["write-disabled", "mfa-disabled", "info-change-disabled"]),
            number(),
            any_value(),
        )
            .prop_flat_map(|(ips, web, size, other)| {
                prop::sample::subsequence(
                    vec![
                        ("allowed_ip", ips),
                        ("web_client", web),
                        ("max_upload_file_size", size),
                        ("hooks", other),
                        ("totp_config", json!({"enabled": true})),
                    ],
                    0..=3,
                )
            })
            .prop_map(|members| Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
            .boxed(),
        "filesystem" => (0_i64..3, secret(), secret(), prop::option::of("[a-z/]{0,5}"))
            .prop_map(|(provider, one, two, prefix)| {
                json!({
                    "provider": provider,
                    "s3config": {"bucket": "b", "region": "r", "access_key": "k", "access_secret": one, "key_prefix": prefix},
                    "gcsconfig": {"bucket": "b", "credentials": two},
                })
            })
            .boxed(),
        "description" | "additional_info" => text(),
        _ => number(),
    }
}

/// A patch that touches a few members, mostly with what fits.
fn any_patch() -> impl Strategy<Value = Value> {
    let names = prop::sample::subsequence(
        vec![
            "status",
            "email",
            "password",
            "permissions",
            "filters",
            "filesystem",
            "description",
            "additional_info",
            "uid",
            "quota_size",
            "upload_bandwidth",
            "total_data_transfer",
            "expiration_date",
            "id",
            "has_password",
        ],
        0..5,
    );
    names.prop_flat_map(|names| {
        let values: Vec<_> =
            names.iter().map(|name| prop_oneof![12 => fitting(name), 1 => any_value()].boxed()).collect();
        values.prop_map(move |values| {
            Value::Object(names.iter().map(|name| (*name).to_owned()).zip(values).collect())
        })
    })
}

/// A user with all that differs between twins taken out: names, numbers, moments, cipher texts.
fn common(mut user: Value) -> Value {
    for own in ["id", "username", "created_at", "updated_at"] {
        user[own].take();
    }
    for (section, member) in [("s3config", "access_secret"), ("gcsconfig", "credentials")] {
        let secret = &mut user["filesystem"][section][member];
        *secret = secret["status"].clone();
    }
    user
}

/// Any patch of any user is a `PUT` of the document that the standard makes of the two; but for passwords and
/// Google's credentials, of which a `PUT` has no other way to say that they shall go.
#[actix_web::test]
async fn a_patch_is_a_put_of_the_patched_document() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for name in ["a", "b"] {
        admin.post("/users", &full(name)).await.expect(201);
    }
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..400 {
        let change = any_patch().new_tree(&mut runner).unwrap().current();
        let mut document = merge(&admin.get("/users/b").await.expect(200).json(), &change);
        if change.get("password").is_some_and(Value::is_null) {
            document["password"] = json!("");
        }
        let patched = patch(&admin, "/users/a", &change).await;
        let removes = document["filesystem"]["gcsconfig"]["credentials"].is_null();
        let put = if removes && document["filesystem"]["provider"] == 2 {
            // Where they are not needed they go, where they are needed the result is refused.
            let needed = document["filesystem"]["gcsconfig"]["automatic_credentials"] != 1;
            assert!(patched.status == 400 || !needed, "{change}");
            continue;
        } else {
            admin.put("/users/b", &document).await
        };
        assert_eq!(patched.status, put.status, "{change}: {} / {}", patched.text, put.text);
        assert_eq!(patched.json(), put.json(), "{change}");
        if patched.status == 200 {
            accepted += 1;
        } else {
            refused += 1;
        }
        let user = async |name: &str| admin.get(&format!("/users/{name}")).await.expect(200).json();
        assert_eq!(common(user("a").await), common(user("b").await), "{change}");
    }
    assert!(accepted > 100 && refused > 20, "{accepted} patches were taken, {refused} were not");
}

#[actix_web::test]
async fn what_anonymous_means_is_shown_and_ends_with_it() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let lists = |shown: &Value| {
        let filters = &shown["filters"];
        json!([shown["permissions"], filters["denied_protocols"], filters["denied_login_methods"]])
    };
    let user = |is_anonymous: bool| {
        json!({"username": "ann", "status": 1, "password": "x", "permissions": {"/": ["*"], "/a": ["upload"]},
            "filters": {"is_anonymous": is_anonymous, "denied_protocols": ["DAV"]}})
    };
    let sent = json!([{"/": ["*"], "/a": ["upload"]}, ["DAV"], null]);
    let methods = json!([
        "publickey",
        "password-over-SSH",
        "keyboard-interactive",
        "publickey+password",
        "publickey+keyboard-interactive",
        "TLSCertificate",
        "TLSCertificate+password"
    ]);
    let reading = json!(["list", "download"]);
    let narrowed = json!([{"/": reading, "/a": reading}, ["DAV", "SSH", "HTTP"], methods]);

    let added = admin.post("/users", &user(true)).await.expect(201).json();
    assert_eq!(lists(&added), narrowed);
    assert_eq!(admin.get("/users/ann").await.expect(200).json(), added);
    assert_eq!(admin.get("/users").await.expect(200).json(), json!([added]));
    let open = admin.get("/users/ann?confidential_data=1").await.expect(200).json();
    assert_eq!(lists(&open), narrowed);
    let dump = admin.get("/dumpdata?output-data=1").await.expect(200).json();
    assert_eq!(lists(&dump["users"][0]), narrowed);
    server.basic("ann", "x").get("/user/token").await.expect(403);

    let off = json!({"filters": {"is_anonymous": false}}).to_string();
    patching(&admin).send(&Method::PATCH, "/users/ann", off).await.expect(200);
    assert_eq!(lists(&admin.get("/users/ann").await.expect(200).json()), sent);
    server.user("ann", "x").await;

    // By a group, which is shown likewise and keeps what was sent.
    let group = json!({"name": "g", "user_settings":
        {"permissions": {"/b": ["*"]}, "filters": {"is_anonymous": true, "denied_protocols": ["FTP"]}}});
    let shown = admin.post("/groups", &group).await.expect(201).json();
    assert_eq!(lists(&shown["user_settings"]), json!([{"/b": reading}, ["FTP", "SSH", "HTTP"], methods]));
    for (kind, status) in [(1, 403), (2, 403), (3, 200)] {
        let mut member = user(false);
        member["groups"] = json!([{"name": "g", "type": kind}]);
        admin.put("/users/ann", &member).await.expect(200);
        assert_eq!(lists(&admin.get("/users/ann").await.expect(200).json()), sent);
        server.basic("ann", "x").get("/user/token").await.expect(status);
    }
}
