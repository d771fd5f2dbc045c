//! Sessions of users: listed from the sign-in on, ended one by one or with their user, and for whom.

use serde_json::{Value, json};

use crate::harness::{Principal, TestServer};

fn user(name: &str) -> Value {
    json!({"username": name, "password": "secret", "status": 1, "permissions": {"/": ["*"]}})
}

fn without_password(name: &str) -> Value {
    let mut draft = user(name);
    draft.as_object_mut().unwrap().remove("password");
    draft
}

async fn ids(admin: &Principal) -> Vec<(String, String)> {
    let list = admin.get("/connections").await.expect(200).json();
    let text = |one: &Value, member: &str| one[member].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(|one| (text(one, "username"), text(one, "connection_id"))).collect()
}

#[actix_web::test]
async fn a_session_is_listed_right_after_the_sign_in() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    assert_eq!(admin.get("/connections").await.expect(200).text, "[]\n");
    admin.post("/users", &user("bob")).await.expect(201);
    let bob = server.user("bob", "secret").await;
    let mut listed = admin.get("/connections").await.expect(200).json();
    let since = listed[0]["connection_time"].clone();
    assert_eq!(listed[0]["connection_id"].as_str().unwrap().len(), 22);
    listed[0].as_object_mut().unwrap().remove("connection_id");
    let expected = |last: &Value| {
        json!([{"username": "bob", "remote_address": "127.0.0.1", "protocol": "HTTP",
            "connection_time": since, "last_activity": last, "current_time": last}])
    };
    assert_eq!(listed, expected(&since));
    server.advance(5_000);
    bob.get("/user/profile").await.expect(200);
    let mut listed = admin.get("/connections").await.expect(200).json();
    listed[0].as_object_mut().unwrap().remove("connection_id");
    assert_eq!(listed, expected(&json!(since.as_i64().unwrap() + 5_000)));
    server.advance(1_200_000);
    assert!(ids(&server.admin().await).await.is_empty(), "it is over with its token");
}

#[actix_web::test]
async fn an_ended_session_stays_ended_after_a_restart() {
    let mut server = TestServer::start().await;
    let admin = server.admin().await;
    admin.post("/users", &user("bob")).await.expect(201);
    let tokens: Vec<String> = {
        let mut tokens = Vec::new();
        for _ in 0..2 {
            let made = server.basic("bob", "secret").get("/user/token").await.expect(200).json();
            tokens.push(made["access_token"].as_str().unwrap().to_owned());
            server.advance(1_000);
        }
        tokens
    };
    let (_, first) = ids(&admin).await.remove(0);
    let path = format!("/connections/{first}");
    assert_eq!(admin.delete(&path).await.expect(200).json(), json!({"message": "Connection closed"}));
    assert_eq!(admin.delete(&path).await.expect(404).json(), json!({"message": "Not Found"}));
    let dead = json!({"message": "Your token is no longer valid"});
    for _ in 0..2 {
        assert_eq!(server.bearer(&tokens[0]).get("/user/profile").await.expect(401).json(), dead);
        server.bearer(&tokens[1]).get("/user/profile").await.expect(200);
        let listed = ids(&server.admin().await).await;
        assert_eq!(listed.len(), 1);
        assert_ne!(listed[0].1, first);
        server.restart().await;
    }
}

#[actix_web::test]
async fn an_admin_with_a_role_sees_and_ends_sessions_of_his_users_alone() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/roles", &json!({"name": "r"})).await.expect(201);
    let lead = json!({"username": "lead", "password": "password", "status": 1, "role": "r",
        "permissions": ["view_conns", "close_conns"]});
    root.post("/admins", &lead).await.expect(201);
    let looker =
        json!({"username": "looker", "password": "password", "status": 1, "permissions": ["view_conns"]});
    root.post("/admins", &looker).await.expect(201);
    let mut mine = user("mine");
    mine["role"] = json!("r");
    for draft in [mine, user("other")] {
        root.post("/users", &draft).await.expect(201);
        server.user(draft["username"].as_str().unwrap(), "secret").await;
    }
    let all = ids(&root).await;
    let id = |name: &str| all.iter().find(|(known, _)| known == name).unwrap().1.clone();
    let lead = server.signed_in("lead", "password").await;
    assert_eq!(ids(&lead).await, [("mine".to_owned(), id("mine"))]);
    lead.delete(&format!("/connections/{}", id("other"))).await.expect(404);
    let looker = server.signed_in("looker", "password").await;
    assert_eq!(ids(&looker).await.len(), 2);
    let refused = looker.delete(&format!("/connections/{}", id("mine"))).await.expect(403);
    assert_eq!(refused.json(), json!({"message": "Forbidden"}));
    lead.delete(&format!("/connections/{}", id("mine"))).await.expect(200);
    assert_eq!(ids(&root).await, [("other".to_owned(), id("other"))]);
}

#[actix_web::test]
async fn whatever_ends_a_users_tokens_takes_his_sessions_off_the_list() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin.post("/users", &user("bob")).await.expect(201);
    let mut disabled = without_password("bob");
    disabled["status"] = json!(0);
    let mut other_password = without_password("bob");
    other_password["password"] = json!("another");
    for (path, change, ends) in [
        ("/users/bob", without_password("bob"), false),
        ("/users/bob?disconnect=0", without_password("bob"), false),
        ("/users/bob?disconnect=1", without_password("bob"), true),
        ("/users/bob", disabled, true),
        ("/users/bob?disconnect=0", other_password, true),
    ] {
        admin.put("/users/bob", &user("bob")).await.expect(200);
        let bob = server.user("bob", "secret").await;
        admin.put(path, &change).await.expect(200);
        bob.get("/user/profile").await.expect(if ends { 401 } else { 200 });
        assert_eq!(ids(&admin).await.is_empty(), ends, "{path} {change}");
    }
    admin.put("/users/bob?disconnect=x", &user("bob")).await.expect(400);
    admin.put("/users/bob", &user("bob")).await.expect(200);
    let bob = server.user("bob", "secret").await;
    admin.delete("/users/bob").await.expect(200);
    bob.get("/user/profile").await.expect(401);
    assert!(ids(&admin).await.is_empty());
}

#[actix_web::test]
async fn a_token_that_was_good_for_enrolling_only_leaves_the_list_with_it() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut draft = user("bob");
    draft["filters"] = json!({"two_factor_protocols": ["HTTP"]});
    admin.post("/users", &draft).await.expect(201);
    let bob = server.user("bob", "secret").await;
    assert_eq!(ids(&admin).await.len(), 1);
    let factor = json!({"enabled": true, "config_name": "Default", "protocols": ["HTTP"],
        "secret": {"status": "Plain", "payload": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}});
    bob.post("/user/totp/save", &factor).await.expect(200);
    bob.get("/user/profile").await.expect(401);
    assert!(ids(&admin).await.is_empty());
}

#[actix_web::test]
async fn a_removed_role_takes_the_sessions_of_its_users_with_it() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/roles", &json!({"name": "r"})).await.expect(201);
    let mut mine = user("mine");
    mine["role"] = json!("r");
    for draft in [mine, user("other")] {
        root.post("/users", &draft).await.expect(201);
    }
    let (mine, other) = (server.user("mine", "secret").await, server.user("other", "secret").await);
    let all = ids(&root).await;
    let dead = all.iter().find(|(name, _)| name == "mine").unwrap().1.clone();
    root.delete("/roles/r").await.expect(200);
    mine.get("/user/profile").await.expect(401);
    other.get("/user/profile").await.expect(200);
    let listed = ids(&root).await;
    assert_eq!(listed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["other"]);
    root.delete(&format!("/connections/{dead}")).await.expect(404);
    root.post("/roles", &json!({"name": "r"})).await.expect(201);
    let lead = json!({"username": "lead", "password": "password", "status": 1, "role": "r",
        "permissions": ["view_conns", "close_conns"]});
    root.post("/admins", &lead).await.expect(201);
    let lead = server.signed_in("lead", "password").await;
    assert!(ids(&lead).await.is_empty(), "an earlier role of this name had him");
    lead.delete(&format!("/connections/{dead}")).await.expect(404);
}

#[actix_web::test]
async fn a_session_is_listed_only_while_its_token_would_be_taken() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/groups", &json!({"name": "g"})).await.expect(201);
    let mut draft = user("bob");
    draft["groups"] = json!([{"name": "g", "type": 1}]);
    draft["expiration_date"] = json!(server.now() + 5_000);
    root.post("/users", &draft).await.expect(201);
    let bob = server.user("bob", "secret").await;
    let (_, id) = ids(&root).await.remove(0);
    let denied = json!({"name": "g", "user_settings": {"filters": {"denied_protocols": ["HTTP"]}}});
    root.put("/groups/g", &denied).await.expect(200);
    bob.get("/user/profile").await.expect(401);
    assert!(ids(&root).await.is_empty(), "his group keeps him out");
    root.delete(&format!("/connections/{id}")).await.expect(404);
    root.put("/groups/g", &json!({"name": "g"})).await.expect(200);
    assert_eq!(ids(&root).await.len(), 1);
    server.advance(6_000);
    bob.get("/user/profile").await.expect(401);
    assert!(ids(&root).await.is_empty(), "he expired");
}
