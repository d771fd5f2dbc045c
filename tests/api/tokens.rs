//! Signing in and out: tokens, what ends them, and that a wrong name looks like a wrong password.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use usersd::settings::{IpBinding, SecretText, Settings};

use crate::harness::TestServer;

#[actix_web::test]
async fn a_token_is_made_for_the_right_password_only() {
    let server = TestServer::start().await;
    let token = server.basic("admin", "password").get("/token").await.expect(200).json();
    assert!(token["expires_at"].as_str().unwrap().ends_with('Z'));
    let wrong = server.basic("admin", "wrong").get("/token").await.expect(401);
    let unknown = server.basic("nobody", "wrong").get("/token").await.expect(401);
    assert_eq!(wrong.json(), json!({"error": "invalid credentials", "message": "Unauthorized"}));
    assert_eq!(wrong.text, unknown.text);
    assert_eq!(wrong.header("WWW-Authenticate"), "Basic realm=\"SFTPGo\"");
    let nothing = server.anonymous().get("/token").await.expect(401);
    assert_eq!(nothing.json(), json!({"message": "Unauthorized"}));
}

#[actix_web::test]
async fn a_token_ends_with_its_lifetime() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    server.advance(1_205_000);
    admin.get("/users").await.expect(200);
    server.advance(1_000);
    let over = admin.get("/users").await.expect(401);
    assert_eq!(over.json(), json!({"error": "token is expired", "message": "Unauthorized"}));
}

#[actix_web::test]
async fn a_token_is_dead_after_logout_also_after_a_restart() {
    let mut server = TestServer::start_with(|settings| {
        settings.auth.signing_key = Some(SecretText::new("0123456789abcdef0123456789abcdef".into()));
    })
    .await;
    let bearer = |server: &TestServer, token: &str| server.bearer(token);
    let token = server.basic("admin", "password").get("/token").await.expect(200).json();
    let token = token["access_token"].as_str().unwrap().to_owned();
    let other = server.basic("admin", "password").get("/token").await.expect(200).json();
    let other = other["access_token"].as_str().unwrap().to_owned();
    bearer(&server, &token).get("/logout").await.expect(200);
    let dead = bearer(&server, &token).get("/users").await.expect(401);
    assert_eq!(dead.json(), json!({"message": "Your token is no longer valid"}));
    server.restart().await;
    bearer(&server, &token).get("/users").await.expect(401);
    bearer(&server, &other).get("/users").await.expect(200);
}

#[actix_web::test]
async fn a_key_made_at_the_first_start_keeps_tokens_alive_over_a_restart() {
    let mut server = TestServer::start().await;
    let token = server.basic("admin", "password").get("/token").await.expect(200).json();
    server.restart().await;
    server.bearer(token["access_token"].as_str().unwrap()).get("/users").await.expect(200);
}

#[actix_web::test]
async fn tokens_end_with_what_they_were_good_for() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let draft = |change: &str, value: serde_json::Value| {
        let mut draft =
            json!({"username": "ann", "password": "password", "status": 1, "permissions": ["view_users"]});
        draft[change] = value;
        draft
    };
    root.post("/admins", &draft("description", json!("d"))).await.expect(201);
    for (change, value, ends) in [
        ("description", json!("other"), false),
        ("email", json!("a@example.com"), false),
        ("password", json!("another password"), true),
        ("permissions", json!(["view_users", "add_users"]), true),
        ("status", json!(0), true),
    ] {
        root.put("/admins/ann", &draft("password", json!("password"))).await.expect(200);
        let ann = server.signed_in("ann", "password").await;
        ann.get("/users").await.expect(200);
        let mut changed = draft(change, value);
        if change != "password" {
            changed.as_object_mut().unwrap().remove("password");
        }
        root.put("/admins/ann", &changed).await.expect(200);
        ann.get("/users").await.expect(if ends { 401 } else { 200 });
    }
    root.put("/admins/ann", &draft("password", json!("password"))).await.expect(200);
    let ann = server.signed_in("ann", "password").await;
    root.delete("/admins/ann").await.expect(200);
    assert_eq!(
        ann.get("/users").await.expect(401).json(),
        json!({"message": "Your token is no longer valid"})
    );
}

#[actix_web::test]
async fn a_token_in_the_query_or_a_cookie_is_none() {
    let server = TestServer::start().await;
    let token = server.basic("admin", "password").get("/token").await.expect(200).json();
    let token = token["access_token"].as_str().unwrap().to_owned();
    server.anonymous().get(&format!("/users?jwt={token}&access_token={token}")).await.expect(401);
    server.anonymous().with("Cookie", &format!("jwt={token}")).get("/users").await.expect(401);
}

#[actix_web::test]
async fn a_user_signs_in_on_his_own_side_and_not_on_the_admins() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let draft = json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]}});
    admin.post("/users", &draft).await.expect(201);
    let bob = server.user("bob", "secret").await;
    bob.get("/user/profile").await.expect(200);
    let refused = bob.get("/users").await.expect(401);
    assert_eq!(refused.json(), json!({"message": "Your token audience is not valid"}));
    admin.get("/user/profile").await.expect(401);
    assert_eq!(admin.get("/connections").await.expect(200).json()[0]["username"], "bob");
    let id =
        admin.get("/connections").await.expect(200).json()[0]["connection_id"].as_str().unwrap().to_owned();
    admin.delete(&format!("/connections/{id}")).await.expect(200);
    bob.get("/user/profile").await.expect(401);
    assert_eq!(admin.get("/connections").await.expect(200).json(), json!([]));
    admin.delete(&format!("/connections/{id}")).await.expect(404);
}

#[actix_web::test]
async fn disconnect_and_deletion_end_a_users_sessions_and_a_plain_update_does_not() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut draft =
        json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]}});
    admin.post("/users", &draft).await.expect(201);
    draft.as_object_mut().unwrap().remove("password");
    let bob = server.user("bob", "secret").await;
    bob.get("/user/profile").await.expect(200);
    admin.put("/users/bob?disconnect=0", &draft).await.expect(200);
    bob.get("/user/profile").await.expect(200);
    admin.put("/users/bob?disconnect=1", &draft).await.expect(200);
    bob.get("/user/profile").await.expect(401);
    assert_eq!(admin.get("/connections").await.expect(200).json(), json!([]));
    let bob = server.user("bob", "secret").await;
    admin.delete("/users/bob").await.expect(200);
    bob.get("/user/profile").await.expect(401);
}

#[actix_web::test]
async fn a_token_of_a_deleted_account_is_dead_for_its_namesake() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let bob = json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]}});
    let ann = json!({"username": "ann", "password": "password", "status": 1, "permissions": ["*"]});
    root.post("/users", &bob).await.expect(201);
    root.post("/admins", &ann).await.expect(201);
    let (old_bob, old_ann) = (server.user("bob", "secret").await, server.signed_in("ann", "password").await);
    for path in ["/users/bob", "/admins/ann"] {
        root.delete(path).await.expect(200);
    }
    root.post("/users", &bob).await.expect(201);
    root.post("/admins", &ann).await.expect(201);
    let dead = json!({"message": "Your token is no longer valid"});
    assert_eq!(old_bob.get("/user/profile").await.expect(401).json(), dead);
    assert_eq!(old_ann.get("/users").await.expect(401).json(), dead);
    server.user("bob", "secret").await.get("/user/profile").await.expect(200);
    server.signed_in("ann", "password").await.get("/users").await.expect(200);
}

#[actix_web::test]
async fn who_signed_out_is_not_listed_any_more() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let draft = json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]}});
    admin.post("/users", &draft).await.expect(201);
    let bob = server.user("bob", "secret").await;
    bob.get("/user/profile").await.expect(200);
    assert_eq!(admin.get("/connections").await.expect(200).json()[0]["username"], "bob");
    bob.get("/user/logout").await.expect(200);
    assert_eq!(admin.get("/connections").await.expect(200).json(), json!([]));
}

/// Signs claims with the server's own key, as nobody else can.
fn signed(settings: &Settings, header: &Header, claims: &Value) -> String {
    let key = settings.signing_key().unwrap();
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(key.expose())).unwrap()
}

#[actix_web::test]
async fn even_with_the_right_key_only_one_kind_of_token_is_taken() {
    let key = SecretText::new("0123456789abcdef0123456789abcdef".into());
    let mut settings = Settings::default();
    settings.auth.signing_key = Some(key.clone());
    let server = TestServer::start_with(|settings| settings.auth.signing_key = Some(key)).await;
    let token = server.basic("admin", "password").get("/token").await.expect(200).json();
    let token = token["access_token"].as_str().unwrap().to_owned();
    let payload = token.split('.').nth(1).unwrap();
    let claims: Value = {
        use base64::Engine as _;
        serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap())
            .unwrap()
    };
    let header = Header::new(Algorithm::HS256);
    server.bearer(&signed(&settings, &header, &claims)).get("/users").await.expect(200);
    for missing in ["exp", "aud", "sub", "nbf", "jti"] {
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(missing);
        server.bearer(&signed(&settings, &header, &without)).get("/users").await.expect(401);
    }
    for (member, value) in [
        ("aud", json!(["APIUser", "127.0.0.1"])),
        ("aud", json!(["WebAdmin", "127.0.0.1"])),
        ("aud", json!([])),
        ("aud", json!(["API", "10.0.0.1"])),
        ("sub", json!("")),
        ("username", json!("nobody")),
        ("nbf", json!(server.now() / 1000 + 1)),
        ("exp", json!(server.now() / 1000 - 6)),
    ] {
        let mut other = claims.clone();
        other[member] = value.clone();
        let refused = server.bearer(&signed(&settings, &header, &other)).get("/users").await;
        assert_eq!(refused.status, 401, "{member} {value}");
    }
    for other in [Header::new(Algorithm::HS384), Header { typ: None, ..header.clone() }] {
        server.bearer(&signed(&settings, &other, &claims)).get("/users").await.expect(401);
    }
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
    server.bearer(&unsigned).get("/users").await.expect(401);
}

#[actix_web::test]
async fn a_token_is_good_where_it_was_made_as_far_as_the_settings_say() {
    for (binding, same_network, elsewhere) in
        [(IpBinding::Ip, 401, 401), (IpBinding::Prefix, 200, 401), (IpBinding::None, 200, 200)]
    {
        let server = TestServer::start_with(|settings| {
            settings.auth.ip_binding = binding;
            settings.http.proxy_allowed = vec!["127.0.0.1/32".parse().unwrap()];
            settings.http.client_ip_header = Some("X-Forwarded-For".to_owned());
        })
        .await;
        let from = |who: crate::harness::Principal, address: &str| who.with("X-Forwarded-For", address);
        let token =
            from(server.basic("admin", "password"), "192.0.2.1").get("/token").await.expect(200).json();
        let token = token["access_token"].as_str().unwrap().to_owned();
        for (address, status) in [
            ("192.0.2.1", 200),
            ("192.0.2.99", same_network),
            ("192.0.3.1", elsewhere),
            ("2001:db8::1", elsewhere),
        ] {
            let reply = from(server.bearer(&token), address).get("/users").await.expect(status);
            if status == 401 {
                assert_eq!(reply.json(), json!({"message": "Your token is not valid"}));
            }
        }
    }
}

#[actix_web::test]
async fn nobody_but_a_listed_proxy_says_where_a_request_comes_from() {
    let server = TestServer::start_with(|settings| {
        settings.http.proxy_allowed = vec!["192.0.2.0/24".parse().unwrap()];
        settings.http.client_ip_header = Some("X-Forwarded-For".to_owned());
    })
    .await;
    let admin = server.admin().await;
    admin.clone().with("X-Forwarded-For", "198.51.100.1").get("/users").await.expect(200);
    let bound = json!({"username": "ann", "password": "password", "status": 1, "permissions": ["*"],
        "filters": {"allow_list": ["198.51.100.0/24"]}});
    admin.post("/admins", &bound).await.expect(201);
    server.basic("ann", "password").with("X-Forwarded-For", "198.51.100.1").get("/token").await.expect(401);
}

#[actix_web::test]
async fn a_users_tokens_end_with_what_they_were_good_for() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let draft = |member: &str, value: Value| {
        let mut draft = json!({"username": "bob", "status": 1, "permissions": {"/": ["*"]}});
        draft[member] = value;
        draft
    };
    root.post("/users", &draft("password", json!("secret"))).await.expect(201);
    for (member, value, ends) in [
        ("email", json!("bob@example.com"), false),
        ("password", json!("another"), true),
        ("status", json!(0), true),
        ("expiration_date", json!(server.now() - 1), true),
        ("filters", json!({"denied_protocols": ["HTTP"]}), true),
        ("filters", json!({"web_client": ["info-change-disabled"]}), true),
    ] {
        root.put("/users/bob", &draft("password", json!("secret"))).await.expect(200);
        let bob = server.user("bob", "secret").await;
        bob.get("/user/profile").await.expect(200);
        root.put("/users/bob", &draft(member, value.clone())).await.expect(200);
        let reply = bob.get("/user/profile").await;
        assert_eq!(reply.status, if ends { 401 } else { 200 }, "{member} {value}");
    }
}

#[actix_web::test]
async fn a_user_whose_provider_secret_cannot_be_opened_gets_no_token_unless_nothing_is_to_be_checked() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let storage = |secret: Value| {
        json!({"provider": 1, "s3config":
            {"bucket": "b", "region": "r", "access_key": "k", "access_secret": secret}})
    };
    // Of another server, which had a master key.
    let locked = json!({"status": "Secretbox", "payload": "AAAA", "key": "0".repeat(64), "mode": 1});
    let garbled = json!({"status": "AES-256-GCM", "payload": "00", "key": "0".repeat(64)});
    let plain = json!({"status": "Plain", "payload": "s"});
    let refusal = json!({
        "error": "could not create root filesystem: a secret of its provider cannot be opened",
        "message": "Internal Server Error",
    });
    let group = json!({"name": "g", "user_settings": {"filesystem": storage(locked.clone())}});
    admin.post("/groups", &group).await.expect(201);
    for (name, secret, groups, is_unchecked, status) in [
        ("a", &locked, json!([]), false, 500),
        ("b", &garbled, json!([]), false, 500),
        ("c", &locked, json!([]), true, 200),
        ("d", &plain, json!([]), false, 200),
        ("e", &plain, json!([{"name": "g", "type": 1}]), false, 500),
        ("f", &plain, json!([{"name": "g", "type": 2}]), false, 200),
    ] {
        let user = json!({"username": name, "status": 1, "password": "old Passw0rd", "permissions": {"/": ["*"]},
            "filesystem": storage(secret.clone()), "groups": groups,
            "filters": {"disable_fs_checks": is_unchecked}});
        admin.post("/users", &user).await.expect(201);
        let reply = server.basic(name, "old Passw0rd").get("/user/token").await.expect(status);
        if status == 500 {
            assert_eq!(reply.json(), refusal, "{name}");
            server.basic(name, "wrong").get("/user/token").await.expect(401);
        }
        let user = admin.get(&format!("/users/{name}")).await.expect(200).json();
        assert_eq!(user.get("last_login").is_some(), status == 200, "{name}");
    }
}

#[actix_web::test]
async fn whoever_would_not_be_let_in_now_does_not_go_on_with_an_earlier_token() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let draft = |filters: Value| {
        json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]},
            "filters": filters})
    };
    let update = async |filters: Value| {
        let mut draft = draft(filters);
        draft.as_object_mut().unwrap().remove("password");
        root.put("/users/bob", &draft).await.expect(200);
    };
    root.post("/users", &draft(json!({}))).await.expect(201);
    let bob = server.user("bob", "secret").await;
    let never = json!([{"day_of_week": 1, "from": "00:00", "to": "00:01"}]);
    for filters in [
        json!({"allowed_ip": ["192.0.2.0/24"]}),
        json!({"denied_ip": ["127.0.0.0/8"]}),
        json!({"access_time": never}),
    ] {
        update(filters.clone()).await;
        let refused = bob.get("/user/profile").await.expect(401).json();
        assert_eq!(refused, json!({"message": "Your token is no longer valid"}), "{filters}");
        assert_eq!(root.get("/connections").await.expect(200).text, "[]\n", "{filters}");
        update(json!({})).await;
        bob.get("/user/profile").await.expect(200);
    }
    // The clock stands at 11:06 of a Wednesday.
    update(json!({"access_time": [{"day_of_week": 3, "from": "11:00", "to": "11:08"}]})).await;
    bob.get("/user/profile").await.expect(200);
    server.advance(3 * 60_000);
    bob.get("/user/profile").await.expect(401);
}

#[actix_web::test]
async fn a_password_that_has_expired_meanwhile_is_to_be_changed_before_anything_else() {
    let server = TestServer::start().await;
    let user = json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]}});
    server.admin().await.post("/users", &user).await.expect(201);
    server.advance(2 * 24 * 60 * 60_000);
    let bob = server.user("bob", "secret").await;
    bob.put("/user/profile", &json!({})).await.expect(200);
    let expiring = json!({"status": 1, "permissions": {"/": ["*"]}, "filters": {"password_expiration": 1}});
    server.admin().await.put("/users/bob", &expiring).await.expect(200);
    let refused = bob.put("/user/profile", &json!({})).await.expect(403).json();
    assert!(refused["error"].as_str().unwrap().starts_with("Password change required"), "{refused}");
    bob.get("/user/profile").await.expect(200);
    let change = json!({"current_password": "secret", "new_password": "another"});
    bob.put("/user/changepwd", &change).await.expect(200);
    server.user("bob", "another").await.put("/user/profile", &json!({})).await.expect(200);
}

#[actix_web::test]
async fn a_token_that_is_bound_to_no_address_is_held_to_the_allow_list() {
    let server = TestServer::start_with(|settings| {
        settings.auth.ip_binding = IpBinding::None;
        settings.http.proxy_allowed = vec!["127.0.0.1/32".parse().unwrap()];
        settings.http.client_ip_header = Some("X-Forwarded-For".to_owned());
    })
    .await;
    let ann = json!({"username": "ann", "password": "password", "status": 1, "permissions": ["*"],
        "filters": {"allow_list": ["198.51.100.0/24"]}});
    server.admin().await.post("/admins", &ann).await.expect(201);
    let near = server.basic("ann", "password").with("X-Forwarded-For", "198.51.100.1");
    let token = near.get("/token").await.expect(200).json();
    let ann = server.bearer(token["access_token"].as_str().unwrap());
    ann.clone().with("X-Forwarded-For", "198.51.100.2").get("/users").await.expect(200);
    let refused = ann.with("X-Forwarded-For", "192.0.2.1").get("/users").await.expect(401).json();
    assert_eq!(refused, json!({"message": "Your token is no longer valid"}));
}
