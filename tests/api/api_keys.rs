//! API keys: made, used, refused with the cause, ended.

use awc::http::Method;
use serde_json::{Value, json};
use usersd::domain::permission::{Permission, Permissions};
use usersd::settings::{SecretText, StaticApiKey};

use crate::harness::{Principal, TestServer};

async fn key(root: &Principal, draft: &Value) -> (String, String) {
    let made = root.post("/apikeys", draft).await.expect(201);
    let id = made.header("X-Object-ID").to_owned();
    assert_eq!(made.header("Location"), format!("/api/v2/apikeys/{id}"));
    (made.json()["key"].as_str().unwrap().to_owned(), id)
}

#[actix_web::test]
async fn a_key_speaks_for_its_admin_within_his_permissions() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let admin = json!({
        "username": "bot", "password": "password", "status": 1, "permissions": ["view_users"],
        "filters": {"allow_api_key_auth": true}
    });
    root.post("/admins", &admin).await.expect(201);
    let (value, id) = key(&root, &json!({"name": "k", "scope": 1, "admin": "bot"})).await;
    let bot = server.api_key(&value);
    bot.get("/users").await.expect(200);
    let forbidden = bot.post("/users", &json!({"username": "a"})).await.expect(403);
    assert_eq!(forbidden.json(), json!({"message": "Forbidden"}));
    let refused = bot.get("/logout").await.expect(403);
    assert_eq!(refused.json(), json!({"message": "API key authentication is not allowed"}));
    let shown = root.get(&format!("/apikeys/{id}")).await.expect(200);
    assert!(shown.json()["last_use_at"].as_i64().unwrap() > 0);
    assert!(!shown.text.contains(value.split('.').nth(1).unwrap()) && !shown.text.contains("$2a$"));
    // A key wins over a token.
    bot.clone().with("Authorization", "Bearer x").get("/users").await.expect(200);
    root.delete("/admins/bot").await.expect(200);
    assert_eq!(bot.get("/users").await.expect(400).json()["message"], "");
    root.get(&format!("/apikeys/{id}")).await.expect(404);
}

#[actix_web::test]
async fn a_refused_key_with_the_right_secret_learns_the_cause() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let (value, _) = key(&root, &json!({"name": "k", "scope": 1, "admin": "admin"})).await;
    let told = server.api_key(&value).get("/users").await.expect(401).json();
    assert!(told["error"].as_str().unwrap().contains("allow_api_key_auth"), "{told}");
    let (id, secret) = value.split_once('.').unwrap();
    for (presented, status) in [
        (format!("{id}.wrong"), 401),
        (format!("{id}."), 401),
        (id.to_owned(), 400),
        (format!("unknown.{secret}"), 400),
    ] {
        let told = server.api_key(&presented).get("/users").await.expect(status).json();
        assert!(!told["error"].as_str().unwrap().contains("allow_api_key_auth"), "{presented} {told}");
    }
    let (expired, _) = key(&root, &json!({"name": "k", "scope": 1, "admin": "admin", "expires_at": 1})).await;
    server.api_key(&expired).get("/users").await.expect(401);
    let (of_users, _) = key(&root, &json!({"name": "k", "scope": 2})).await;
    server.api_key(&of_users).get("/users").await.expect(403);
}

#[actix_web::test]
async fn a_key_of_the_settings_file_needs_no_admin() {
    // bcrypt of "secret", made with cost 4.
    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    let server = TestServer::start_with(|settings| {
        settings.auth.api_keys.push(StaticApiKey {
            id: "static".into(),
            name: "backup".into(),
            secret_hash: SecretText::new(HASH.into()),
            permissions: Permissions::parse(vec![Permission::ViewUsers]).unwrap(),
            expires_at: None,
        });
    })
    .await;
    let backup = server.api_key("static.secret");
    backup.get("/users").await.expect(200);
    backup.delete("/users/a").await.expect(403);
    server.api_key("static.other").get("/users").await.expect(401);
    backup.get("/user/profile").await.expect(403);
}

#[actix_web::test]
async fn a_key_waits_for_what_its_account_owes_where_the_settings_ask_for_it() {
    for (respected, status) in [(false, 200), (true, 403)] {
        let server =
            TestServer::start_with(|settings| settings.auth.api_keys_respect_requirements = respected).await;
        let root = server.admin().await;
        for (name, member) in [("a", "require_two_factor"), ("b", "require_password_change")] {
            let mut admin = json!({
                "username": name, "password": "password", "status": 1, "permissions": ["*"],
                "filters": {"allow_api_key_auth": true}
            });
            admin["filters"][member] = json!(true);
            root.post("/admins", &admin).await.expect(201);
            let (value, _) = key(&root, &json!({"name": "k", "scope": 1, "admin": name})).await;
            server.api_key(&value).get("/users").await.expect(status);
            server.api_key(&value).get("/version").await.expect(200);
            let mut user = json!({
                "username": name, "password": "secret", "status": 1, "permissions": {"/": ["*"]},
                "filters": {"allow_api_key_auth": true}
            });
            user["filters"][if name == "a" { "two_factor_protocols" } else { member }] =
                if name == "a" { json!(["HTTP"]) } else { json!(true) };
            root.post("/users", &user).await.expect(201);
            let (value, _) = key(&root, &json!({"name": "k", "scope": 2, "user": name})).await;
            let bot = server.api_key(&value);
            bot.send_to(&Method::GET, "/api/v2/user/dirs", String::new()).await.expect(status);
        }
    }
}

#[actix_web::test]
async fn a_key_does_what_its_owner_may_do_now_and_no_more() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let owner = |permissions: &[&str], status: i64, allowed: bool| {
        json!({"username": "bot", "password": "password", "status": status, "permissions": permissions,
            "filters": {"allow_api_key_auth": allowed}})
    };
    root.post("/admins", &owner(&["view_users", "add_users", "del_users"], 1, true)).await.expect(201);
    let (value, id) = key(&root, &json!({"name": "k", "scope": 1, "admin": "bot"})).await;
    let bot = server.api_key(&value);
    let user = json!({"username": "u", "permissions": {"/": ["*"]}});
    bot.post("/users", &user).await.expect(201);
    root.put("/admins/bot", &owner(&["view_users"], 1, true)).await.expect(200);
    bot.get("/users").await.expect(200);
    bot.post("/users", &user).await.expect(403);
    bot.put("/users/u", &user).await.expect(403);
    let patching = bot.clone().with("Content-Type", "application/merge-patch+json");
    patching.send(&Method::PATCH, "/users/u", user.to_string()).await.expect(403);
    bot.delete("/users/u").await.expect(403);
    for (status, allowed) in [(0, true), (1, false)] {
        root.put("/admins/bot", &owner(&["view_users"], status, allowed)).await.expect(200);
        bot.get("/users").await.expect(401);
        root.put("/admins/bot", &owner(&["view_users"], 1, true)).await.expect(200);
        bot.get("/users").await.expect(200);
    }
    root.put(
        &format!("/apikeys/{id}"),
        &json!({"name": "k", "scope": 1, "admin": "bot", "expires_at": server.now() + 1}),
    )
    .await
    .expect(200);
    bot.get("/users").await.expect(200);
    server.advance(2);
    bot.get("/users").await.expect(401);
    root.delete(&format!("/apikeys/{id}")).await.expect(200);
    // As the reference: a key that is not known is a malformed one.
    bot.get("/users").await.expect(400);
}

#[actix_web::test]
async fn the_use_of_a_key_is_a_sign_in_of_its_account_every_ten_minutes_at_most() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let filters = json!({"allow_api_key_auth": true});
    let admin = json!({"username": "bot", "password": "password", "status": 1, "permissions": ["view_users"],
        "filters": filters});
    root.post("/admins", &admin).await.expect(201);
    // What the group gives must not become the user's own.
    let group = json!({"name": "g", "user_settings": {"max_sessions": 7, "filters": filters}});
    root.post("/groups", &group).await.expect(201);
    let user = json!({"username": "bob", "status": 1, "permissions": {"/": ["*"]},
        "groups": [{"name": "g", "type": 1}]});
    let before = root.post("/users", &user).await.expect(201).json();
    assert_eq!(before.get("last_login"), None);
    let (of_bot, _) = key(&root, &json!({"name": "k", "scope": 1, "admin": "bot"})).await;
    let (of_bob, _) = key(&root, &json!({"name": "k", "scope": 2, "user": "bob"})).await;
    let both_use = async || {
        for (value, path) in [(&of_bot, "/api/v2/users"), (&of_bob, "/api/v2/user/dirs")] {
            server.api_key(value).send_to(&Method::GET, path, String::new()).await.expect(200);
        }
    };
    let last_login = async |path: &str| root.get(path).await.expect(200).json()["last_login"].clone();
    let mut since = server.now();
    for (later, moves) in [(0, true), (599_999, false), (1, true)] {
        server.advance(later);
        both_use().await;
        if moves {
            since = server.now();
        }
        for path in ["/admins/bot", "/users/bob"] {
            assert_eq!(last_login(path).await, since, "{path} {later}");
        }
    }
    let mut after = root.get("/users/bob").await.expect(200).json();
    after.as_object_mut().unwrap().remove("last_login");
    assert_eq!(after, before, "nothing else has moved");
}
