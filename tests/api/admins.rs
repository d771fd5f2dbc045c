//! Admins: what they may not do to themselves, what stays, what a role narrows.

use serde_json::{Value, json};

use crate::harness::TestServer;

fn draft(name: &str, permissions: &[&str]) -> Value {
    json!({"username": name, "password": "password", "status": 1, "permissions": permissions})
}

#[actix_web::test]
async fn an_admin_is_added_read_changed_and_removed() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let added = root.post("/admins", &draft("ann", &["view_users", "view_users"])).await.expect(201);
    assert_eq!(added.header("Location"), "/api/v2/admins/ann");
    let mut shown = added.json();
    for time in ["id", "created_at", "updated_at"] {
        assert!(shown.as_object_mut().unwrap().remove(time).unwrap().as_i64().unwrap() > 0);
    }
    let expected = json!({
        "status": 1, "username": "ann", "permissions": ["view_users"], "last_login": 0,
        "filters": {"require_two_factor": false, "totp_config": {}, "preferences": {}}
    });
    assert_eq!(shown, expected);
    assert_eq!(root.get("/admins/ann").await.expect(200).text, added.text);
    root.post("/admins", &draft("ann", &["*"])).await.expect(409);
    let mut changed = draft("ann", &["*"]);
    changed.as_object_mut().unwrap().remove("password");
    root.put("/admins/ann", &changed).await.expect(200);
    server.signed_in("ann", "password").await.get("/admins").await.expect(200);
    root.delete("/admins/ann").await.expect(200);
    root.get("/admins/ann").await.expect(404);
}

#[actix_web::test]
async fn admins_against_the_rules_are_refused() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let mut cases =
        vec![draft("", &["*"]), draft("__system__", &["*"]), draft("a", &[]), draft("a", &["fly"])];
    for (member, value) in [
        ("status", json!(5)),
        ("password", json!("")),
        ("email", json!("x")),
        ("role", json!("r")),
        ("filters", json!({"allow_list": ["10.0.0.1"]})),
        ("groups", json!([{"name": "g", "options": {"add_to_users_as": 3}}])),
    ] {
        let mut case = draft("a", &["*"]);
        case[member] = value;
        cases.push(case);
    }
    for case in cases {
        root.post("/admins", &case).await.expect(400);
    }
    let mut unknown_role = draft("a", &["view_users"]);
    unknown_role["role"] = json!("none");
    root.post("/admins", &unknown_role).await.expect(409);
    assert_eq!(root.get("/admins").await.expect(200).usernames(), ["admin"]);
}

#[actix_web::test]
async fn nobody_demotes_disables_or_deletes_himself_however_the_name_is_written() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/admins", &draft("ann", &["manage_admins", "view_users"])).await.expect(201);
    let ann = server.signed_in("ann", "password").await;
    for path in ["/admins/ann", "/admins/%20ann%20"] {
        ann.delete(path).await.expect(400);
        ann.put(path, &draft("ann", &["*"])).await.expect(400);
        let mut disabled = draft("ann", &["manage_admins", "view_users"]);
        disabled["status"] = json!(0);
        ann.put(path, &disabled).await.expect(400);
    }
    let mut same = draft("ann", &["view_users", "manage_admins"]);
    same["filters"] = json!({"require_password_change": true, "require_two_factor": true});
    ann.put("/admins/ann", &same).await.expect(200);
    let filters = &root.get("/admins/ann").await.expect(200).json()["filters"];
    assert!(filters.get("require_password_change").is_none() && filters["require_two_factor"] == false);
}

/// What an admin newly owes, or where he may come from, is asked at the next sign-in: a token from before would
/// pass by it.
#[actix_web::test]
async fn what_an_admin_newly_owes_ends_his_tokens_and_other_changes_do_not() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/admins", &draft("ann", &["view_users"])).await.expect(201);
    for filters in [
        json!({"require_two_factor": true}),
        json!({"require_password_change": true}),
        json!({"allow_list": ["10.0.0.0/8"]}),
    ] {
        root.put("/admins/ann", &draft("ann", &["view_users"])).await.expect(200);
        let ann = server.signed_in("ann", "password").await;
        // Without a password: one that is set anew ends tokens as well.
        let mut changed = json!({"username": "ann", "status": 1, "permissions": ["view_users"]});
        changed["description"] = json!("other");
        root.put("/admins/ann", &changed).await.expect(200);
        ann.get("/users").await.expect(200);
        changed["filters"] = filters.clone();
        root.put("/admins/ann", &changed).await.expect(200);
        let refused = ann.get("/users").await.expect(401).json();
        assert_eq!(refused["message"], "Your token is no longer valid", "{filters}");
    }
}

#[actix_web::test]
async fn the_last_admin_with_every_permission_stays() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/admins", &draft("ann", &["manage_admins"])).await.expect(201);
    let ann = server.signed_in("ann", "password").await;
    ann.delete("/admins/admin").await.expect(400);
    ann.put("/admins/admin", &draft("admin", &["view_users"])).await.expect(400);
    root.post("/admins", &draft("second", &["*"])).await.expect(201);
    ann.delete("/admins/admin").await.expect(200);
}

#[actix_web::test]
async fn the_second_factor_cannot_be_set_or_read_through_documents() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let planted = json!({
        "totp_config": {"enabled": true, "config_name": "Default",
            "secret": {"status": "Plain", "payload": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}},
        "recovery_codes": [{"secret": {"status": "Plain", "payload": "RC-PLANTED"}}]
    });
    let mut admin = draft("ann", &["*"]);
    admin["filters"] = planted.clone();
    let added = root.post("/admins", &admin).await.expect(201).json();
    assert_eq!(added["filters"]["totp_config"], json!({}));
    assert!(added["filters"].get("recovery_codes").is_none());
    server.signed_in("ann", "password").await;
    let user = json!({"username": "u", "password": "secret", "status": 1, "permissions": {"/": ["*"]}, "filters": planted});
    let added = root.post("/users", &user).await.expect(201).json();
    assert_eq!(added["filters"]["totp_config"], json!({"secret": {}}));
    root.put("/users/u", &user).await.expect(200);
    server.user("u", "secret").await.get("/user/profile").await.expect(200);
}

#[actix_web::test]
async fn a_role_in_use_stays_and_a_removed_one_leaves_its_users() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/roles", &json!({"name": "r", "description": "d"})).await.expect(201);
    root.post("/roles", &json!({"name": "r"})).await.expect(409);
    let mut lead = draft("lead", &["view_users"]);
    lead["role"] = json!("r");
    root.post("/admins", &lead).await.expect(201);
    let user = json!({"username": "u", "permissions": {"/": ["*"]}, "role": "r"});
    root.post("/users", &user).await.expect(201);
    let role = root.get("/roles/r").await.expect(200).json();
    assert_eq!((&role["admins"], &role["users"]), (&json!(["lead"]), &json!(["u"])));
    root.delete("/roles/r").await.expect(400);
    root.delete("/admins/lead").await.expect(200);
    root.delete("/roles/r").await.expect(200);
    assert!(root.get("/users/u").await.expect(200).json().get("role").is_none());
}
