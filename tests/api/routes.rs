//! The route table walked: who may not call a route is told so before anything else is looked at.

use std::collections::BTreeSet;

use awc::http::Method;
use serde_json::Value;
use usersd::auth::gate::Access;
use usersd::domain::permission::Permission;
use usersd::domain::word::Word as _;
use usersd::routes;

use crate::harness::TestServer;

fn path_of(pattern: &str) -> String {
    pattern
        .replace("{username}", "nobody")
        .replace("{id}", "nobody")
        .replace("{name}", "nobody")
        .replace("{file}", "x")
}

#[actix_web::test]
async fn every_guarded_route_is_401_without_credentials() {
    let server = TestServer::start_with(|settings| settings.users.patch_any_type = true).await;
    let nobody = server.anonymous();
    let mut guarded = 0;
    for entry in routes::entries() {
        if entry.access == Access::Public {
            continue;
        }
        let reply = nobody.send_to(&entry.method, &path_of(entry.pattern), String::new()).await.expect(401);
        assert_eq!(reply.json()["error"], "no token found", "{} {}", entry.method, entry.pattern);
        guarded += 1;
    }
    assert!(guarded > 30, "the table was walked: {guarded}");
}

#[actix_web::test]
async fn the_public_routes_are_these_and_no_others() {
    let public: BTreeSet<String> = routes::entries()
        .iter()
        .filter(|entry| entry.access == Access::Public)
        .map(|entry| format!("{} {}", entry.method, entry.pattern))
        .collect();
    let expected = [
        "GET /api/v2/token",
        "GET /api/v2/user/token",
        "GET /healthz",
        "GET /openapi",
        "GET /openapi.json",
        "GET /openapi/{file}",
        "GET /readyz",
        "POST /api/v2/admins/{username}/forgot-password",
        "POST /api/v2/admins/{username}/reset-password",
        "POST /api/v2/users/{username}/forgot-password",
        "POST /api/v2/users/{username}/reset-password",
    ];
    assert_eq!(public, expected.map(str::to_owned).into());
}

#[actix_web::test]
async fn every_permission_but_the_one_named_is_403() {
    let server = TestServer::start_with(|settings| settings.users.patch_any_type = true).await;
    for entry in routes::entries() {
        let Some(needed) = entry.access.permission() else { continue };
        let others: Vec<&str> = Permission::ALL
            .iter()
            .filter(|permission| **permission != needed && **permission != Permission::Any)
            .map(|permission| permission.word())
            .collect();
        let name = format!("without-{}", needed.word());
        let draft =
            serde_json::json!({"username": name, "password": "password", "status": 1, "permissions": others});
        // The same admin serves every route that asks for this permission.
        let added = server.admin().await.post("/admins", &draft).await.status;
        assert!(added == 201 || added == 409, "{added}");
        let admin = server.signed_in(&name, "password").await;
        let reply = admin.send_to(&entry.method, &path_of(entry.pattern), "\"x\"".to_owned()).await;
        assert_eq!(reply.status, 403, "{} {}", entry.method, entry.pattern);
        assert_eq!(reply.json()["message"], "Forbidden");
    }
}

#[actix_web::test]
async fn every_route_below_the_api_is_described() {
    let description: Value = serde_json::from_str(&usersd::api::openapi::to_json()).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let missing: Vec<String> = routes::entries()
        .iter()
        .filter_map(|entry| Some((entry, entry.pattern.strip_prefix("/api/v2")?)))
        .filter(|(_, pattern)| *pattern != "/user/dirs" && !pattern.starts_with("/events/"))
        .filter(|(entry, pattern)| {
            let method = entry.method.as_str().to_ascii_lowercase();
            paths.get(*pattern).and_then(|path| path.get(method)).is_none()
        })
        .map(|(entry, pattern)| format!("{} {pattern}", entry.method))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[actix_web::test]
async fn unknown_paths_are_404_and_known_ones_405_whoever_asks() {
    let server = TestServer::start().await;
    for caller in [server.anonymous(), server.admin().await] {
        for path in
            ["/api/v2", "/api/v2/user", "/api/v2/users/a/x", "/api/v2/users//", "//api/v2/users", "/x"]
        {
            let reply = caller.send_to(&Method::GET, path, String::new()).await.expect(404);
            assert_eq!(reply.text, "{\"message\":\"Not Found\"}\n", "{path}");
        }
        let reply = caller.send_to(&Method::PATCH, "/api/v2/users/a", String::new()).await.expect(405);
        assert_eq!(reply.text, "");
        let allow: Vec<&str> = reply
            .headers
            .iter()
            .filter(|(name, _)| name == "allow")
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(allow, ["GET", "PUT", "DELETE"]);
    }
}

#[actix_web::test]
async fn the_server_is_alive_and_ready() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    assert_eq!(nobody.send_to(&Method::GET, "/healthz", String::new()).await.expect(200).text, "ok");
    let ready = nobody.send_to(&Method::GET, "/readyz", String::new()).await.expect(200);
    assert_eq!(ready.json()["status"], "ready");
}
