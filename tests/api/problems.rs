//! Failures as problem details, for those who ask for them by name and for nobody else.

use awc::http::Method;
use serde_json::json;

use crate::harness::TestServer;

#[actix_web::test]
async fn failures_are_told_as_problems_to_those_who_accept_them() {
    let server = TestServer::start().await;
    let admin = server.admin().await.with("Accept", "application/problem+json, application/json;q=0.9");
    let user = json!({"username": "a", "permissions": {"/": ["*"]}});
    assert_eq!(admin.post("/users", &user).await.expect(201).header("Content-Type"), "application/json");
    let nobody = server.anonymous().with("Accept", "application/problem+json");
    let stale = admin.clone().with("If-Match", "\"x\"");
    for (reply, wanted) in [
        (admin.get("/users/b").await, json!({"title": "Not Found", "status": 404})),
        (admin.get("/nothing").await, json!({"title": "Not Found", "status": 404})),
        (
            admin.get("/users?limit=x").await,
            json!({"title": "Bad Request", "status": 400, "detail": "invalid limit"}),
        ),
        (
            nobody.get("/users").await,
            json!({"title": "Unauthorized", "status": 401, "detail": "no token found"}),
        ),
        (
            stale.delete("/users/a").await,
            json!({
                "title": "Precondition Failed", "status": 412,
                "detail": "the object is not in the expected state, read it again"
            }),
        ),
    ] {
        assert_eq!(reply.header("Content-Type"), "application/problem+json", "{wanted}");
        assert_eq!(u64::from(reply.status), wanted["status"].as_u64().unwrap());
        assert_eq!(reply.header("Cache-Control"), "no-store");
        assert_eq!(reply.json(), wanted);
    }
    let invalid = admin.post("/users", &json!({"username": "b"})).await.expect(400).json();
    assert!(invalid["detail"].as_str().unwrap().starts_with("Validation error: "), "{invalid}");
    // What has no body has none as a problem either, and a challenge stays one.
    let reply = admin.send_to(&Method::POST, "/api/v2/users/a", String::new()).await.expect(405);
    assert_eq!(reply.text, "");
    let challenged = nobody.get("/token").await.expect(401);
    assert_eq!(challenged.header("WWW-Authenticate"), "Basic realm=\"SFTPGo\"");
    assert_eq!(challenged.json(), json!({"title": "Unauthorized", "status": 401}));
}

#[actix_web::test]
async fn whatever_else_is_accepted_the_bodies_are_those_of_the_reference() {
    let server = TestServer::start().await;
    for accept in ["*/*", "text/html", "application/json", "application/problem+json;q=0"] {
        let admin = server.admin().await.with("Accept", accept);
        let reply = admin.get("/users/b").await.expect(404);
        assert_eq!(reply.header("Content-Type"), "application/json", "{accept}");
        assert_eq!(reply.json(), json!({"error": "Not Found", "message": ""}));
    }
}
