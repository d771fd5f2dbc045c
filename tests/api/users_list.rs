//! Lists: order, windows, parameters.

use serde_json::json;

use crate::harness::{Principal, TestServer};

async fn add(admin: &Principal, names: &[&str]) {
    for name in names {
        let draft = json!({"username": name, "permissions": {"/": ["*"]}});
        admin.post("/users", &draft).await.expect(201);
    }
}

#[actix_web::test]
async fn names_come_in_byte_order_and_back() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    add(&admin, &["b", "é", "a", "B", "_", "1"]).await;
    let ascending = ["1", "B", "_", "a", "b", "é"];
    assert_eq!(admin.get("/users").await.expect(200).usernames(), ascending);
    let mut descending = ascending;
    descending.reverse();
    assert_eq!(admin.get("/users?order=DESC").await.expect(200).usernames(), descending);
    for (query, expected) in [
        ("limit=2&offset=1", &["B", "_"][..]),
        ("limit=2&offset=1&order=DESC", &["b", "a"]),
        ("offset=5", &["é"]),
        ("offset=6", &[]),
        ("offset=9223372036854775807", &[]),
        ("limit=0", &[]),
        ("offset=-3&limit=1", &["1"]),
        ("limit=%2B1", &["1"]),
        ("limit=1&limit=5", &["1"]),
        ("limit=1;offset=2", &ascending),
        ("confidential_data=1&limit=1", &["1"]),
    ] {
        let listed = admin.get(&format!("/users?{query}")).await.expect(200).usernames();
        assert_eq!(listed, expected, "{query}");
    }
}

#[actix_web::test]
async fn parameters_that_are_none_are_refused() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for (query, error) in [
        ("limit=", "invalid limit"),
        ("limit=x", "invalid limit"),
        ("limit=-1", "invalid limit"),
        ("limit=99999999999999999999", "invalid limit"),
        ("limit=%201", "invalid limit"),
        ("limit=1.0", "invalid limit"),
        ("offset=", "invalid offset"),
        ("offset=1_5", "invalid offset"),
        ("order=", "invalid order"),
        ("order=asc", "invalid order"),
    ] {
        let reply = admin.get(&format!("/users?{query}")).await.expect(400);
        assert_eq!(reply.json(), json!({"error": error, "message": ""}), "{query}");
    }
}

#[actix_web::test]
async fn a_page_holds_a_hundred_by_default_and_five_hundred_at_most() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let names: Vec<String> = (0..510).map(|number| format!("u{number:04}")).collect();
    let drafts: Vec<_> =
        names.iter().map(|name| json!({"username": name, "permissions": {"/": ["*"]}})).collect();
    for chunk in drafts.chunks(64) {
        let added =
            futures_util::future::join_all(chunk.iter().map(|draft| admin.post("/users", draft))).await;
        assert!(added.iter().all(|reply| reply.status == 201));
    }
    assert_eq!(admin.get("/users").await.expect(200).usernames(), names[..100]);
    assert_eq!(admin.get("/users?limit=500").await.expect(200).usernames(), names[..500]);
    assert_eq!(admin.get("/users?limit=100000").await.expect(200).usernames(), names[..500]);
    assert_eq!(admin.get("/users?limit=500&offset=495").await.expect(200).usernames(), names[495..]);
}

#[actix_web::test]
async fn a_list_shows_what_a_single_read_shows() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    add(&admin, &["a"]).await;
    let draft = json!({"permissions": {"/": ["list"]}, "password": "secret", "description": "changed"});
    admin.put("/users/a", &draft).await.expect(200);
    let single = admin.get("/users/a").await.expect(200).json();
    assert_eq!(admin.get("/users").await.expect(200).json(), json!([single]));
    assert_eq!(single["description"], "changed");
}

#[actix_web::test]
async fn an_admin_of_a_role_sees_and_counts_his_own_users_alone() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin.post("/roles", &json!({"name": "r"})).await.expect(201);
    add(&admin, &["a", "c", "e"]).await;
    let draft = json!({
        "username": "lead", "password": "password", "status": 1, "role": "r",
        "permissions": ["view_users", "add_users", "edit_users", "del_users"]
    });
    admin.post("/admins", &draft).await.expect(201);
    let lead = server.signed_in("lead", "password").await;
    assert!(lead.get("/users").await.expect(200).usernames().is_empty());
    add(&lead, &["b", "d"]).await;
    assert_eq!(lead.get("/users").await.expect(200).usernames(), ["b", "d"]);
    assert_eq!(lead.get("/users?offset=1").await.expect(200).usernames(), ["d"]);
    assert_eq!(lead.get("/users/b").await.expect(200).json()["role"], "r");
    let other = json!({"permissions": {"/": ["*"]}});
    lead.get("/users/a").await.expect(404);
    lead.put("/users/a", &other).await.expect(404);
    lead.delete("/users/a").await.expect(404);
    lead.put("/users/b", &other).await.expect(200);
    assert_eq!(admin.get("/users/b").await.expect(200).json()["role"], "r");
    admin.put("/users/b", &other).await.expect(200);
    lead.get("/users/b").await.expect(404);
    assert_eq!(admin.get("/users").await.expect(200).usernames(), ["a", "b", "c", "d", "e"]);
}
