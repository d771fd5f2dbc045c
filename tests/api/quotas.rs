//! Usage that is told, and the routes that say how the server is.

use awc::http::Method;
use serde_json::{Value, json};

use crate::harness::{Principal, TestServer};

const MEMBERS: [&str; 5] = [
    "used_quota_size",
    "used_quota_files",
    "used_upload_data_transfer",
    "used_download_data_transfer",
    "last_quota_update",
];

async fn usage(root: &Principal) -> [i64; 5] {
    let user = root.get("/users/u").await.expect(200).json();
    MEMBERS.map(|member| user.get(member).and_then(Value::as_i64).unwrap_or(0))
}

#[actix_web::test]
async fn usage_is_replaced_or_added_to_and_moves_nothing_else() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/users", &json!({"username": "u", "permissions": {"/": ["*"]}})).await.expect(201);
    let before = root.get("/users/u").await.expect(200).json();
    server.advance(1000);
    let told = json!({"used_quota_size": 100, "used_quota_files": 2});
    let reply = root.put("/quotas/users/u/usage", &told).await.expect(200);
    assert_eq!(reply.json(), json!({"message": "Quota updated"}));
    root.put("/quotas/users/u/usage?mode=add", &json!({"used_quota_size": 5, "used_quota_files": -9}))
        .await
        .expect(200);
    let told = json!({"used_upload_data_transfer": 7, "used_download_data_transfer": 8});
    root.put("/quotas/users/u/transfer-usage?mode=reset", &told).await.expect(200);
    root.put("/quotas/users/u/transfer-usage?mode=add", &told).await.expect(200);
    let now = before["updated_at"].as_i64().unwrap() + 1000;
    assert_eq!(usage(&root).await, [105, 0, 14, 16, now]);
    root.put("/quotas/users/%20u/usage", &json!({"used_quota_files": 3})).await.expect(200);
    assert_eq!(usage(&root).await, [0, 3, 14, 16, now]);
    let mut after = root.get("/users/u").await.expect(200).json();
    for member in MEMBERS {
        after.as_object_mut().unwrap().remove(member);
    }
    assert_eq!(after, before);
}

#[actix_web::test]
async fn wrong_usage_is_refused_and_nothing_is_written() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/users", &json!({"username": "u", "permissions": {"/": ["*"]}})).await.expect(201);
    for (path, body, status) in [
        ("u/usage", r#"{"used_quota_size": -1}"#, 400),
        ("u/usage?mode=subtract", "{}", 400),
        ("u/usage", r#"{"used_quota_size": "1"}"#, 400),
        ("u/transfer-usage", r#"{"used_upload_data_transfer": -1}"#, 400),
        ("nobody/usage", "no json", 400),
        ("nobody/usage", "{}", 404),
        ("nobody/transfer-usage", "{}", 404),
    ] {
        let reply = root.send(&Method::PUT, &format!("/quotas/users/{path}"), body.to_owned()).await;
        assert_eq!(reply.status, status, "{path} {body}: {}", reply.text);
    }
    assert_eq!(usage(&root).await, [0; 5]);
}

#[actix_web::test]
async fn of_many_who_add_at_once_nothing_is_lost() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/users", &json!({"username": "u", "permissions": {"/": ["*"]}})).await.expect(201);
    let told = json!({"used_quota_size": 1, "used_quota_files": 1});
    let adding = (0..64).map(|_| root.put("/quotas/users/u/usage?mode=add", &told));
    for reply in futures_util::future::join_all(adding).await {
        reply.expect(200);
    }
    assert_eq!(usage(&root).await[..2], [64, 64]);
}

#[actix_web::test]
async fn an_admin_of_a_role_reaches_only_the_users_of_his() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/roles", &json!({"name": "r"})).await.expect(201);
    root.post("/users", &json!({"username": "u", "permissions": {"/": ["*"]}})).await.expect(201);
    let lead = json!({"username": "lead", "password": "password", "status": 1, "role": "r", "permissions": ["edit_users"]});
    root.post("/admins", &lead).await.expect(201);
    let lead = server.signed_in("lead", "password").await;
    lead.put("/quotas/users/u/usage", &json!({})).await.expect(404);
}

#[actix_web::test]
async fn the_server_says_how_it_is_and_what_it_does_not_do() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let status = root.get("/status").await.expect(200).json();
    assert_eq!(status["data_provider"], json!({"is_active": true, "driver": "usersd"}));
    assert_eq!(status["mfa"]["is_active"], true);
    assert_eq!(
        status["mfa"]["totp_configs"][0],
        json!({"name": "Default", "issuer": "SFTPGo", "algo": "sha1"})
    );
    assert_eq!(root.get("/quotas/users/scans").await.expect(200).json(), json!([]));
    for kind in ["fs", "provider", "logs"] {
        let reply =
            root.send_to(&Method::GET, &format!("/api/v2/events/{kind}"), String::new()).await.expect(501);
        assert_eq!(reply.json(), json!({"error": "no events searcher plugin defined", "message": ""}));
    }
}
