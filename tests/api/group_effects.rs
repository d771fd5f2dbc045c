//! What groups do to their users: at sign-in, at once for those who are signed in, in self service, and
//! to passwords.

use serde_json::{Value, json};

use crate::harness::{Principal, TestServer};

/// A server with a group "g" and a user "u" who is in it.
async fn server_with(settings: &Value, kind: i64) -> (TestServer, Principal) {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/groups", &json!({"name": "g", "user_settings": settings})).await.expect(201);
    root.post("/users", &user(kind)).await.expect(201);
    (server, root)
}

fn user(kind: i64) -> Value {
    json!({"username": "u", "status": 1, "password": "a long password", "permissions": {"/": ["*"]},
        "groups": [{"name": "g", "type": kind}]})
}

async fn change_group(root: &Principal, settings: Value) {
    root.put("/groups/g", &json!({"user_settings": settings})).await.expect(200);
}

async fn sign_in(server: &TestServer) -> u16 {
    server.basic("u", "a long password").get("/user/token").await.status
}

#[actix_web::test]
async fn what_a_group_denies_is_denied_at_sign_in() {
    for (filters, status) in [
        (json!({"denied_protocols": ["HTTP"]}), 403),
        (json!({"denied_login_methods": ["password"]}), 403),
        (json!({"allowed_ip": ["10.0.0.0/8"]}), 403),
        (json!({"denied_ip": ["127.0.0.0/8"]}), 403),
        (
            json!({"access_time": [{"day_of_week": 1, "from": "00:00", "to": "00:01"}, {"day_of_week": 2, "from": "00:00", "to": "00:01"}]}),
            401,
        ),
        (json!({"denied_protocols": ["FTP"]}), 200),
    ] {
        let (server, root) = server_with(&json!({"filters": filters}), 2).await;
        assert_eq!(sign_in(&server).await, status, "{filters}");
        root.put("/users/u", &user(3)).await.expect(200);
        assert_eq!(sign_in(&server).await, 200, "a member alone takes nothing: {filters}");
    }
}

#[actix_web::test]
async fn a_change_of_a_group_holds_at_once_for_those_who_are_signed_in() {
    let (server, root) = server_with(&json!({}), 1).await;
    let signed_in = server.user("u", "a long password").await;
    signed_in.get("/user/profile").await.expect(200);
    change_group(&root, json!({"filters": {"web_client": ["mfa-disabled"]}})).await;
    signed_in.get("/user/totp/configs").await.expect(403);
    change_group(&root, json!({"filters": {"two_factor_protocols": ["HTTP"]}})).await;
    signed_in.get("/user/totp/configs").await.expect(200);
    let profile = json!({"email": "u@example.com"});
    let refused = signed_in.put("/user/profile", &profile).await.expect(403).json();
    assert!(refused["error"].as_str().unwrap().ends_with("HTTP"), "{refused}");
    change_group(&root, json!({"filters": {"password_expiration": 1}})).await;
    signed_in.put("/user/profile", &profile).await.expect(200);
    server.advance(2 * 24 * 60 * 60 * 1000);
    let signed_in = server.user("u", "a long password").await;
    signed_in.put("/user/profile", &profile).await.expect(403);
    change_group(&root_again(&server).await, json!({"filters": {"denied_ip": ["127.0.0.1/32"]}})).await;
    signed_in.get("/user/profile").await.expect(401);
}

/// The first admin, signed in after the clock has moved.
async fn root_again(server: &TestServer) -> Principal {
    server.admin().await
}

#[actix_web::test]
async fn a_groups_restrictions_narrow_self_service_and_the_profile_stays_the_users_own() {
    let filters = json!({"web_client": ["info-change-disabled", "password-change-disabled"], "allow_api_key_auth": true});
    let (server, root) = server_with(&json!({"filters": filters}), 1).await;
    let signed_in = server.user("u", "a long password").await;
    signed_in.put("/user/changepwd", &json!({})).await.expect(403);
    assert_eq!(signed_in.get("/user/profile").await.expect(200).json(), json!({"allow_api_key_auth": false}));
    let profile = json!({"email": "u@example.com", "description": "d", "allow_api_key_auth": true});
    signed_in.put("/user/profile", &profile).await.expect(200);
    let stored = root.get("/users/u").await.expect(200).json();
    assert!(stored.get("email").is_none() && stored["filters"]["allow_api_key_auth"] == true);
    assert!(stored["filters"].get("web_client").is_none(), "settings of a group do not show in the user");
    let all = [
        "publickey-change-disabled",
        "tls-cert-change-disabled",
        "api-key-auth-change-disabled",
        "info-change-disabled",
    ];
    change_group(&root, json!({"filters": {"web_client": all}})).await;
    signed_in.put("/user/profile", &profile).await.expect(403);
}

#[actix_web::test]
async fn a_group_lets_api_keys_in_and_keeps_them_out() {
    let (server, root) = server_with(&json!({"filters": {"allow_api_key_auth": true}}), 1).await;
    let made = root.post("/apikeys", &json!({"name": "k", "scope": 2, "user": "u"})).await.expect(201).json();
    let caller = server.api_key(made["key"].as_str().unwrap());
    let dirs =
        async || caller.send_to(&awc::http::Method::GET, "/api/v2/user/dirs", String::new()).await.status;
    assert_eq!(dirs().await, 200);
    change_group(&root, json!({"filters": {"allow_api_key_auth": true, "denied_protocols": ["HTTP"]}})).await;
    assert_eq!(dirs().await, 401);
    change_group(&root, json!({})).await;
    assert_eq!(dirs().await, 401);
}

#[actix_web::test]
async fn the_strongest_of_what_is_asked_holds_for_passwords_that_admins_set() {
    let (server, root) = server_with(&json!({"filters": {"password_strength": 40}}), 2).await;
    let with = |password: &str, own: i64| {
        let mut draft = user(2);
        draft["password"] = json!(password);
        draft["filters"] = json!({"password_strength": own});
        draft
    };
    root.put("/users/u", &with("weak", 0)).await.expect(400);
    root.put("/users/u", &with("weak", 1)).await.expect(400);
    root.put("/users/u", &with("correct horse battery", 0)).await.expect(200);
    root.put("/users/u", &with("correct horse battery", 500)).await.expect(400);
    let mut new = with("weak", 0);
    new["username"] = json!("v");
    root.post("/users", &new).await.expect(400);
    // For passwords that users set the primary group's counts, where the user has none of his own.
    let change = json!({"current_password": "correct horse battery", "new_password": "weak"});
    let mut primary = user(1);
    primary.as_object_mut().unwrap().remove("password");
    root.put("/users/u", &primary).await.expect(200);
    server.user("u", "correct horse battery").await.put("/user/changepwd", &change).await.expect(400);
    primary["filters"] = json!({"password_strength": 1});
    root.put("/users/u", &primary).await.expect(200);
    server.user("u", "correct horse battery").await.put("/user/changepwd", &change).await.expect(200);
}

#[actix_web::test]
async fn a_second_factor_that_a_group_asks_for_must_be_set_up_with_its_protocols() {
    let (server, root) = server_with(&json!({"filters": {"two_factor_protocols": ["HTTP", "SSH"]}}), 2).await;
    let signed_in = server.user("u", "a long password").await;
    signed_in.put("/user/profile", &json!({})).await.expect(403);
    let draft = |protocols: &[&str]| {
        json!({"enabled": true, "config_name": "Default", "protocols": protocols,
            "secret": {"status": "Plain", "payload": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}})
    };
    signed_in.post("/user/totp/save", &draft(&["HTTP"])).await.expect(400);
    signed_in.post("/user/totp/save", &json!({"enabled": false})).await.expect(400);
    signed_in.post("/user/totp/save", &draft(&["HTTP", "SSH"])).await.expect(200);
    change_group(&root, json!({"filters": {"web_client": ["info-change-disabled"]}})).await;
    root.put("/users/u/2fa/disable", &json!({})).await.expect(200);
    server.user("u", "a long password").await.put("/user/profile", &json!({})).await.expect(200);
}

#[actix_web::test]
async fn who_has_a_name_that_leads_elsewhere_is_kept_out_by_a_group_that_makes_paths_of_it() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let settings = json!({"home_dir": "/srv/%username%"});
    root.post("/groups", &json!({"name": "g", "user_settings": settings})).await.expect(201);
    let mut draft = user(1);
    draft["username"] = json!("../etc");
    draft["home_dir"] = json!("/home/somewhere");
    root.post("/users", &draft).await.expect(201);
    server.basic("../etc", "a long password").get("/user/token").await.expect(401);
    root.put("/groups/g", &json!({})).await.expect(200);
    server.basic("../etc", "a long password").get("/user/token").await.expect(200);
}
