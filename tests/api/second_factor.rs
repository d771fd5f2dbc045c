//! The second factor over HTTP: codes count once, recovery codes too, and what is taken away is gone
//! (`design/security.md` S20–S25).

use serde_json::{Value, json};

use crate::harness::{Principal, Reply, TestServer};
use crate::totp;

const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

fn code(server: &TestServer, step: i64) -> String {
    totp::at(SECRET, "sha1", server.now() / 30_000 + step).unwrap()
}

fn factor() -> Value {
    json!({"enabled": true, "config_name": "Default", "protocols": ["HTTP"],
        "secret": {"status": "Plain", "payload": SECRET}})
}

/// A server that takes recovery codes, its admin, and a user "bob" with a second factor.
async fn start() -> (TestServer, Principal, Principal) {
    let server = TestServer::start_with(|settings| settings.auth.recovery_codes_sign_in = true).await;
    let root = server.admin().await;
    let bob = json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]}});
    root.post("/users", &bob).await.expect(201);
    let bob = server.user("bob", "secret").await;
    bob.post("/user/totp/save", &factor()).await.expect(200);
    (server, root, bob)
}

async fn sign_in(server: &TestServer, code: &str) -> Reply {
    server.basic("bob", "secret").with("X-SFTPGO-OTP", code).get("/user/token").await
}

async fn recovery_codes(bob: &Principal) -> Vec<String> {
    let codes = bob.get("/user/2fa/recoverycodes").await.expect(200).json();
    codes.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn a_code_signs_in_once_within_its_window_also_after_a_restart() {
    let (mut server, _, _) = start().await;
    let refused = server.basic("bob", "secret").get("/user/token").await.expect(401).text;
    let first = code(&server, 0);
    sign_in(&server, &first).await.expect(200);
    assert_eq!(sign_in(&server, &first).await.expect(401).text, refused);
    assert_eq!(
        sign_in(&server, &code(&server, -1)).await.expect(401).text,
        refused,
        "steps before are spent"
    );
    server.restart().await;
    sign_in(&server, &first).await.expect(401);
    sign_in(&server, &code(&server, 2)).await.expect(401);
    sign_in(&server, &code(&server, 1)).await.expect(200);
    server.advance(60_000);
    sign_in(&server, &code(&server, -2)).await.expect(401);
    sign_in(&server, &code(&server, 0)).await.expect(200);
}

#[actix_web::test]
async fn an_admins_code_signs_in_once_too() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/admin/totp/save", &factor()).await.expect(200);
    let sign_in = |code: String| server.basic("admin", "password").with("X-SFTPGO-OTP", &code);
    server.basic("admin", "password").get("/token").await.expect(401);
    sign_in(code(&server, 0)).get("/token").await.expect(200);
    sign_in(code(&server, 0)).get("/token").await.expect(401);
}

#[actix_web::test]
async fn of_twenty_uses_of_a_recovery_code_at_once_one_succeeds() {
    let (server, _, bob) = start().await;
    let codes = recovery_codes(&bob).await;
    assert_eq!(codes.len(), 12);
    assert!(codes.iter().all(|code| code.starts_with("RC-") && code.len() == 25), "{codes:?}");
    let uses = (0..20).map(|_| Box::pin(sign_in(&server, &codes[0])));
    let replies = futures_util::future::join_all(uses).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 401).count(), 19);
    sign_in(&server, &codes[0]).await.expect(401);
    sign_in(&server, &codes[1]).await.expect(200);
    let shown = bob.get("/user/2fa/recoverycodes").await.expect(200).json();
    assert_eq!((&shown[0]["used"], &shown[2]["used"]), (&json!(true), &json!(false)));
}

#[actix_web::test]
async fn recovery_codes_are_there_only_while_the_second_factor_is_on() {
    let (server, root, bob) = start().await;
    let codes = recovery_codes(&bob).await;
    bob.post("/user/totp/save", &json!({"enabled": false})).await.expect(200);
    bob.get("/user/2fa/recoverycodes").await.expect(403);
    bob.post("/user/2fa/recoverycodes", &json!({})).await.expect(403);
    bob.post("/user/totp/save", &factor()).await.expect(200);
    sign_in(&server, &codes[0]).await.expect(401);
    let fresh = recovery_codes(&bob).await;
    assert!(fresh.iter().all(|code| !codes.contains(code)));
    root.put("/users/bob/2fa/disable", &json!({})).await.expect(200);
    let filters = root.get("/users/bob?confidential_data=1").await.expect(200).json()["filters"].clone();
    assert_eq!(filters["totp_config"], json!({"secret": {}}));
    assert!(filters.get("recovery_codes").is_none(), "{filters}");
    server.basic("bob", "secret").get("/user/token").await.expect(200);
    root.put("/users/bob/2fa/disable", &json!({})).await.expect(400);
}

#[actix_web::test]
async fn neither_secret_nor_codes_are_shown_with_the_account() {
    let (server, root, bob) = start().await;
    root.post("/admin/totp/save", &factor()).await.expect(200);
    let mut secrets = recovery_codes(&bob).await;
    secrets.push(SECRET.to_owned());
    let admin_codes = root.get("/admin/2fa/recoverycodes").await.expect(200).json();
    secrets
        .extend(admin_codes.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()));
    for path in [
        "/users/bob?confidential_data=1",
        "/users/bob",
        "/users",
        "/admins/admin",
        "/admins",
        "/admin/profile",
    ] {
        let shown = root.get(path).await.expect(200).text;
        assert!(secrets.iter().all(|secret| !shown.contains(secret.as_str())), "{path}: {shown}");
    }
    for path in ["/user/profile", "/user/totp/configs"] {
        let shown = bob.get(path).await.expect(200).text;
        assert!(secrets.iter().all(|secret| !shown.contains(secret.as_str())), "{path}: {shown}");
    }
    drop(server);
}

#[actix_web::test]
async fn a_second_factor_that_is_taken_away_ends_tokens_where_the_settings_say_so() {
    let server = TestServer::start_with(|settings| settings.auth.changes_end_other_tokens = true).await;
    let root = server.admin().await;
    let ann = json!({"username": "ann", "password": "password", "status": 1, "permissions": ["*"]});
    root.post("/admins", &ann).await.expect(201);
    let bob = json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]}});
    root.post("/users", &bob).await.expect(201);
    let (ann, bob) = (server.signed_in("ann", "password").await, server.user("bob", "secret").await);
    ann.post("/admin/totp/save", &factor()).await.expect(200);
    bob.post("/user/totp/save", &factor()).await.expect(200);
    for (who, path, own) in [
        (&ann, "/admins/ann/2fa/disable", "/admin/profile"),
        (&bob, "/users/bob/2fa/disable", "/user/profile"),
    ] {
        who.get(own).await.expect(200);
        root.put(path, &json!({})).await.expect(200);
        who.get(own).await.expect(401);
    }
}

#[actix_web::test]
async fn a_second_factor_of_an_admin_is_taken_away_by_who_may_and_no_other() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/admin/totp/save", &factor()).await.expect(200);
    for (name, permissions, status) in [
        ("one", json!(["manage_admins", "edit_users", "manage_system"]), 403),
        ("two", json!(["disable_mfa"]), 200),
    ] {
        let draft =
            json!({"username": name, "password": "password", "status": 1, "permissions": permissions});
        root.post("/admins", &draft).await.expect(201);
        let admin = server.signed_in(name, "password").await;
        admin.put("/admins/admin/2fa/disable", &json!({})).await.expect(status);
    }
    // A password of another admin takes the right to manage admins; whoever only may do the rest has it not.
    let rest = json!({"username": "rest", "password": "password", "status": 1,
        "permissions": ["disable_mfa", "edit_users", "add_users", "manage_system", "manage_apikeys"]});
    root.post("/admins", &rest).await.expect(201);
    let rest = server.signed_in("rest", "password").await;
    let taken = json!({"username": "admin", "password": "taken over", "status": 1, "permissions": ["*"]});
    rest.put("/admins/admin", &taken).await.expect(403);
    server.admin().await.get("/admins").await.expect(200);
}

#[actix_web::test]
async fn who_changes_his_own_second_factor_ends_his_other_tokens_and_keeps_the_one_he_used() {
    let mut server = TestServer::start_with(|settings| settings.auth.changes_end_other_tokens = true).await;
    let root = server.admin().await;
    let ann = json!({"username": "ann", "password": "password", "status": 1, "permissions": ["*"]});
    root.post("/admins", &ann).await.expect(201);
    let bob = json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]}});
    root.post("/users", &bob).await.expect(201);
    let cases = [
        ("ann", "password", "/token", "/admin/totp/save", "/admin/profile"),
        ("bob", "secret", "/user/token", "/user/totp/save", "/user/profile"),
    ];
    for (step, (name, password, token, save, own)) in (0..).zip(cases) {
        let mut tokens = Vec::new();
        for _ in 0..3 {
            let made = server.basic(name, password).get(token).await.expect(200).json();
            tokens.push(made["access_token"].as_str().unwrap().to_owned());
        }
        let statuses = async |server: &TestServer| {
            let mut statuses = Vec::new();
            for token in &tokens {
                statuses.push(server.bearer(token).get(own).await.status);
            }
            statuses
        };
        server.bearer(&tokens[0]).post(save, &json!({})).await.expect(200);
        assert_eq!(statuses(&server).await, [200, 200, 200], "nothing was changed");
        let mut draft = factor();
        if name == "ann" {
            draft.as_object_mut().unwrap().remove("protocols");
        }
        server.bearer(&tokens[1]).post(save, &draft).await.expect(200);
        assert_eq!(statuses(&server).await, [401, 200, 401], "{name} switched it on");
        server.restart().await;
        assert_eq!(statuses(&server).await, [401, 200, 401], "{name}, after a restart");
        let passcode = code(&server, step);
        let made = server.basic(name, password).with("X-SFTPGO-OTP", &passcode).get(token).await;
        let fourth = server.bearer(made.expect(200).json()["access_token"].as_str().unwrap());
        server.bearer(&tokens[1]).post(save, &json!({"enabled": false})).await.expect(200);
        assert_eq!(statuses(&server).await, [401, 200, 401], "{name} switched it off");
        fourth.get(own).await.expect(401);
    }
    let listed = server.admin().await.get("/connections").await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
}

#[actix_web::test]
async fn a_token_kept_over_an_own_change_ends_with_the_next_change_and_by_signing_out() {
    let server = TestServer::start_with(|settings| settings.auth.changes_end_other_tokens = true).await;
    let root = server.admin().await;
    let bob = json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]}});
    root.post("/users", &bob).await.expect(201);
    let kept = server.user("bob", "secret").await;
    kept.post("/user/totp/save", &factor()).await.expect(200);
    kept.get("/user/profile").await.expect(200);
    root.put("/users/bob/2fa/disable", &json!({})).await.expect(200);
    kept.get("/user/profile").await.expect(401);
    let kept = server.user("bob", "secret").await;
    kept.post("/user/totp/save", &factor()).await.expect(200);
    kept.get("/user/logout").await.expect(200);
    kept.get("/user/profile").await.expect(401);
}
