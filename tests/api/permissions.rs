//! The recorded matrix: one admin per permission, each route asked, and only 403 or not compared
//! (`contract/permissions.md`).

use std::collections::BTreeMap;

use awc::http::Method;
use serde_json::{Value, json};
use usersd::routes;

use crate::harness::TestServer;

/// Status by permission and route, as recorded.
const MATRIX: &str = include_str!("../data/permission-matrix.json");

/// What the server does not have.
fn is_served(route: &str) -> bool {
    let (method, path) = route.split_once(' ').unwrap();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    routes::entries().iter().any(|entry| {
        let Some(pattern) = entry.pattern.strip_prefix("/api/v2/") else { return false };
        let parts: Vec<&str> = pattern.split('/').collect();
        entry.method.as_str() == method
            && parts.len() == segments.len()
            && parts.iter().zip(&segments).all(|(part, segment)| part.starts_with('{') || part == segment)
    })
}

#[actix_web::test]
async fn every_recorded_row_is_the_same_here() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let matrix: Value = serde_json::from_str(MATRIX).unwrap();
    let rows: BTreeMap<String, BTreeMap<String, u16>> =
        serde_json::from_value(matrix["status"].clone()).unwrap();
    let (mut compared, mut different) = (0, Vec::new());
    for (permission, routes) in &rows {
        let name = format!("only-{}", permission.replace('*', "all"));
        let draft =
            json!({"username": name, "password": "password", "status": 1, "permissions": [permission]});
        root.post("/admins", &draft).await.expect(201);
        for (route, recorded) in routes.iter().filter(|(route, _)| is_served(route)) {
            // A token is made for each call: some calls end it.
            let admin = server.signed_in(&name, "password").await;
            let (method, path) = route.split_once(' ').unwrap();
            let body = if method == "GET" || method == "DELETE" { String::new() } else { "\"x\"".to_owned() };
            let method: Method = method.parse().unwrap();
            // Recorded as the dump itself: without the parameter a name for a file is needed.
            let query = if path == "/dumpdata" { "?output-data=1" } else { "" };
            let reply = admin.send_to(&method, &format!("/api/v2{path}{query}"), body).await;
            compared += 1;
            if reply.status != *recorded {
                different.push(format!("{permission}: {route}: recorded {recorded}, came {}", reply.status));
            }
        }
    }
    assert!(compared > 700, "the matrix was walked: {compared}");
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[actix_web::test]
async fn confidential_data_need_manage_system_as_recorded() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let draft = json!({"username": "u", "password": "secret", "permissions": {"/": ["*"]}});
    root.post("/users", &draft).await.expect(201);
    let matrix: Value = serde_json::from_str(MATRIX).unwrap();
    let rows: BTreeMap<String, bool> = serde_json::from_value(matrix["confidential"].clone()).unwrap();
    assert!(rows.len() > 15);
    for (permission, recorded) in rows {
        let name = format!("views-and-{}", permission.replace('*', "all"));
        let draft = json!({
            "username": name, "password": "password", "status": 1, "permissions": ["view_users", permission]
        });
        root.post("/admins", &draft).await.expect(201);
        let admin = server.signed_in(&name, "password").await;
        let user = admin.get("/users/u?confidential_data=1").await.expect(200).json();
        assert_eq!(user.get("password").is_some(), recorded, "{permission}");
    }
}
