//! Updating and deleting a user: what stays, what goes, and in which order complaints come.

use serde_json::{Value, json};

use crate::harness::TestServer;

fn full(name: &str) -> Value {
    json!({
        "username": name, "status": 1, "email": "a@example.com", "password": "a long password",
        "permissions": {"/": ["list", "download"], "/private": ["*"]}, "uid": 1000, "quota_size": 5,
        "description": "d", "filters": {"allowed_ip": ["127.0.0.0/8"], "web_client": ["write-disabled"]}
    })
}

#[actix_web::test]
async fn an_update_replaces_all_but_identity_times_and_password() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let added = admin.post("/users", &full("a")).await.expect(201).json();
    server.advance(1000);
    let reply =
        admin.put("/users/a", &json!({"permissions": {"/": ["*"]}, "username": "other"})).await.expect(200);
    assert_eq!(reply.json(), json!({"message": "User updated"}));
    let updated = admin.get("/users/a").await.expect(200).json();
    for kept in ["id", "username", "created_at", "has_password", "last_password_change"] {
        assert_eq!(updated[kept], added[kept], "{kept}");
    }
    assert_eq!(updated["updated_at"].as_i64().unwrap(), added["updated_at"].as_i64().unwrap() + 1000);
    assert_eq!(
        (&updated["status"], &updated["uid"], &updated["quota_size"]),
        (&json!(0), &json!(0), &json!(0))
    );
    for reset in ["email", "description"] {
        assert!(updated.get(reset).is_none(), "{reset}");
    }
    assert!(updated["filters"].get("allowed_ip").is_none());
}

#[actix_web::test]
async fn a_refused_update_changes_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin.post("/users", &full("a")).await.expect(201);
    let before = admin.get("/users/a?confidential_data=1").await.expect(200).text;
    for refused in
        [json!({}), json!({"permissions": {"/": ["fly"]}}), json!({"permissions": {"/": ["*"]}, "status": 7})]
    {
        admin.put("/users/a", &refused).await.expect(400);
    }
    assert_eq!(admin.get("/users/a?confidential_data=1").await.expect(200).text, before);
}

#[actix_web::test]
async fn complaints_come_in_the_order_of_the_contract() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin.put("/users/nobody?disconnect=x", &json!("no object")).await.expect(400);
    admin.put("/users/nobody", &json!("no object")).await.expect(404);
    admin.post("/users", &full("a")).await.expect(201);
    admin.put("/users/a", &json!("no object")).await.expect(400);
    let mut invalid = full("a");
    invalid["status"] = json!(2);
    admin.post("/users", &invalid).await.expect(400);
    let mut unknown_role = full("a");
    unknown_role["role"] = json!("none");
    admin.post("/users", &unknown_role).await.expect(409);
}

#[actix_web::test]
async fn a_deleted_user_is_gone_and_may_come_again() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let first = admin.post("/users", &full("a")).await.expect(201).json();
    assert_eq!(admin.delete("/users/a").await.expect(200).json(), json!({"message": "User deleted"}));
    let missing = json!({"error": "Not Found", "message": ""});
    assert_eq!(admin.get("/users/a").await.expect(404).json(), missing);
    assert_eq!(admin.delete("/users/a").await.expect(404).json(), missing);
    assert_eq!(admin.get("/users").await.expect(200).json(), json!([]));
    let second = admin.post("/users", &full("a")).await.expect(201).json();
    assert!(second["id"].as_i64() > first["id"].as_i64());
}

#[actix_web::test]
async fn what_was_answered_survives_a_restart() {
    let mut server = TestServer::start().await;
    let admin = server.admin().await;
    for name in ["a", "b", "c"] {
        admin.post("/users", &full(name)).await.expect(201);
    }
    admin.delete("/users/b").await.expect(200);
    let before = admin.get("/users/a?confidential_data=1").await.expect(200).text;
    server.restart().await;
    let admin = server.admin().await;
    assert_eq!(admin.get("/users").await.expect(200).usernames(), ["a", "c"]);
    assert_eq!(admin.get("/users/a?confidential_data=1").await.expect(200).text, before);
    assert_eq!(admin.post("/users", &full("d")).await.expect(201).json()["id"], 4);
}

#[actix_web::test]
async fn of_many_updates_at_once_each_is_done_and_whole() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin.post("/users", &full("a")).await.expect(201);
    let drafts: Vec<Value> = (1..=64)
        .map(|number| json!({"permissions": {"/": ["*"]}, "uid": number, "gid": number, "status": 1}))
        .collect();
    let replies =
        futures_util::future::join_all(drafts.iter().map(|draft| admin.put("/users/a", draft))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let user = admin.get("/users/a").await.expect(200).json();
    assert_eq!(user["uid"], user["gid"]);
}
