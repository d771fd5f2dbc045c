//! The route table walked: who may not call a route is told so before anything else is looked at.

use std::collections::BTreeSet;

use awc::http::Method;
use serde_json::Value;
use usersd::auth::gate::Access;
use usersd::domain::permission::Permission;
use usersd::domain::word::Word as _;
use usersd::routes;

use crate::harness::TestServer;
use crate::harness::described::check_reply;

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
        if matches!(entry.access, Access::Public | Access::PublicOrAdmin) {
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
        .filter(|entry| matches!(entry.access, Access::Public | Access::PublicOrAdmin))
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
    assert_eq!(check_reply("GET", "/readyz", 200, &ready.json()), Ok(()));
    let unready = serde_json::json!({"status": "unready", "store": "takes no writes"});
    assert_eq!(check_reply("GET", "/readyz", 503, &unready), Ok(()));
}

/// Whether a route is for admins, and whether API keys open it.
fn side_of(access: Access) -> Option<(bool, bool)> {
    match access {
        Access::Public | Access::PublicOrAdmin => None,
        Access::Permission(_) | Access::AnyAdmin => Some((true, true)),
        Access::SignedInPermission(_) | Access::SignedInAdmin | Access::SignedInAdminInOrder => {
            Some((true, false))
        }
        Access::AnyUserInOrder => Some((false, true)),
        Access::SignedInUser(_) | Access::SignedInUserInOrder => Some((false, false)),
    }
}

#[actix_web::test]
async fn neither_side_opens_the_other_and_keys_open_only_what_is_meant_for_them() {
    let server = TestServer::start_with(|settings| settings.users.patch_any_type = true).await;
    let root = server.admin().await;
    let mut user = serde_json::json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]}});
    user["filters"] = serde_json::json!({"allow_api_key_auth": true});
    root.post("/users", &user).await.expect(201);
    root.put("/admin/profile", &serde_json::json!({"allow_api_key_auth": true})).await.expect(200);
    let mut keys = Vec::new();
    for draft in [
        serde_json::json!({"name": "a", "scope": 1, "admin": "admin"}),
        serde_json::json!({"name": "u", "scope": 2, "user": "bob"}),
    ] {
        let made = root.post("/apikeys", &draft).await.expect(201).json();
        keys.push(server.api_key(made["key"].as_str().unwrap()));
    }
    let mut compared = 0;
    for entry in routes::entries() {
        let Some((is_admins, takes_keys)) = side_of(entry.access) else { continue };
        let path = path_of(entry.pattern);
        let ask = |who: &crate::harness::Principal| {
            let (who, method, path) = (who.clone(), entry.method.clone(), path.clone());
            async move { who.send_to(&method, &path, "\"x\"".to_owned()).await }
        };
        let wrong = if is_admins { server.user("bob", "secret").await } else { server.admin().await };
        let refused = ask(&wrong).await.expect(401);
        assert_eq!(refused.json()["message"], "Your token audience is not valid", "{} {path}", entry.method);
        let (own, other) = if is_admins { (&keys[0], &keys[1]) } else { (&keys[1], &keys[0]) };
        ask(other).await.expect(403);
        let reply = ask(own).await;
        if takes_keys {
            assert!(![401, 403].contains(&reply.status), "{} {path}: {}", entry.method, reply.text);
        } else {
            assert_eq!(
                (reply.status, reply.json()["message"].as_str()),
                (403, Some("API key authentication is not allowed"))
            );
        }
        compared += 1;
    }
    assert!(compared > 50, "the table was walked: {compared}");
}

#[actix_web::test]
async fn an_admin_with_a_role_has_no_word_of_the_rest_on_any_route() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    for role in ["mine", "theirs"] {
        root.post("/roles", &serde_json::json!({"name": role})).await.expect(201);
    }
    let words = [
        "view_users",
        "add_users",
        "edit_users",
        "del_users",
        "disable_mfa",
        "view_conns",
        "close_conns",
        "view_defender",
        "manage_defender",
        "manage_groups",
        "manage_folders",
        "view_status",
        "quota_scans",
        "manage_apikeys",
    ];
    let lead = serde_json::json!({"username": "lead", "password": "password", "status": 1, "role": "mine", "permissions": words});
    root.post("/admins", &lead).await.expect(201);
    for (name, role) in [("anna", "mine"), ("marked-secret", "theirs"), ("marked-none", "")] {
        let user = serde_json::json!({"username": name, "password": "secret", "status": 1, "role": role,
            "permissions": {"/": ["*"]}, "email": format!("{name}@example.com")});
        root.post("/users", &user).await.expect(201);
        server.user(name, "secret").await;
    }
    root.post("/groups", &serde_json::json!({"name": "nobody"})).await.expect(201);
    let chief = serde_json::json!({"username": "marked-chief", "password": "password", "status": 1, "role": "theirs",
        "groups": [{"name": "nobody"}], "permissions": ["view_users"], "filters": {"allow_api_key_auth": true}});
    root.post("/admins", &chief).await.expect(201);
    let mut keys = Vec::new();
    for (scope, owner) in
        [(2, "marked-secret"), (2, "marked-none"), (1, "marked-chief"), (1, "admin"), (1, ""), (2, "")]
    {
        let member = if scope == 1 { "admin" } else { "user" };
        let key = serde_json::json!({"name": "marked", "scope": scope, member: owner});
        keys.push(root.post("/apikeys", &key).await.expect(201).header("X-Object-ID").to_owned());
    }
    let lead = server.signed_in("lead", "password").await;
    let mut asked = 0;
    for entry in routes::entries() {
        if entry.method != Method::GET
            || !entry.pattern.starts_with("/api/v2/")
            || side_of(entry.access).is_none_or(|(is_admins, _)| !is_admins)
        {
            continue;
        }
        let path = entry.pattern.replace("{username}", "marked-secret").replace("{id}", &keys[0]);
        for query in ["", "?search=marked", "?limit=500"] {
            if path.ends_with("/logout") {
                continue;
            }
            let reply =
                lead.send_to(&Method::GET, &format!("{}{query}", path_of(&path)), String::new()).await;
            assert!(!reply.text.contains("marked"), "{path}{query}: {}", reply.text);
            let counted = reply.header("X-Total-Count");
            assert!(
                !path.ends_with("/users") || counted.is_empty() || ["0", "1"].contains(&counted),
                "{counted}"
            );
            asked += 1;
        }
    }
    assert!(asked > 30, "the table was walked: {asked}");
    let missing = serde_json::json!({"error": "Not Found", "message": ""});
    for name in ["marked-secret", "marked-none", "nobody"] {
        let body = serde_json::json!({"permissions": {"/": ["*"]}, "status": 1});
        let path = format!("/users/{name}");
        assert_eq!(lead.get(&path).await.expect(404).json(), missing);
        assert_eq!(lead.put(&path, &body).await.expect(404).json(), missing);
        assert_eq!(lead.put(&format!("{path}/2fa/disable"), &body).await.expect(404).json(), missing);
        assert_eq!(lead.delete(&path).await.expect(404).json(), missing);
    }
    for id in keys.iter().map(String::as_str).chain(["nokey"]) {
        let path = format!("/apikeys/{id}");
        let body = serde_json::json!({"name": "mine now", "scope": 2, "user": "anna"});
        assert_eq!(lead.get(&path).await.expect(404).json(), missing);
        assert_eq!(lead.put(&path, &body).await.expect(404).json(), missing);
        assert_eq!(lead.delete(&path).await.expect(404).json(), missing);
    }
    assert_eq!(root.get("/apikeys?limit=500").await.json().as_array().unwrap().len(), keys.len());
}

#[actix_web::test]
async fn an_admin_with_a_role_makes_keys_for_himself_and_the_users_of_his_role_only() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    for role in ["mine", "theirs"] {
        root.post("/roles", &serde_json::json!({"name": role})).await.expect(201);
    }
    for name in ["lead", "second"] {
        let admin = serde_json::json!({"username": name, "password": "password", "status": 1, "role": "mine",
            "permissions": ["manage_apikeys"]});
        root.post("/admins", &admin).await.expect(201);
    }
    for (name, role) in [("anna", "mine"), ("bert", "theirs"), ("cora", "")] {
        let user = serde_json::json!({"username": name, "password": "secret", "status": 1, "role": role,
            "permissions": {"/": ["*"]}});
        root.post("/users", &user).await.expect(201);
    }
    let lead = server.signed_in("lead", "password").await;
    let key = |scope: i64, owner: &str| {
        let member = if scope == 1 { "admin" } else { "user" };
        serde_json::json!({"name": "k", "scope": scope, member: owner})
    };
    let mut made = Vec::new();
    for (scope, owner) in [(1, "lead"), (2, "anna")] {
        let id = lead.post("/apikeys", &key(scope, owner)).await.expect(201).header("X-Object-ID").to_owned();
        lead.put(&format!("/apikeys/{id}"), &key(scope, owner)).await.expect(200);
        made.push(id);
    }
    // Whoever his role hides from him is told of as one who is not there.
    let missing = |name: &str| format!("the account {name:?} of the key does not exist");
    for (scope, owner) in
        [(1, "admin"), (1, "second"), (1, "nobody"), (2, "bert"), (2, "cora"), (2, "nobody")]
    {
        for reply in [
            lead.post("/apikeys", &key(scope, owner)).await,
            lead.put(&format!("/apikeys/{}", made[0]), &key(scope, owner)).await,
        ] {
            assert!(reply.expect(400).text.contains(&missing(owner).replace('"', "\\\"")), "{owner}");
        }
    }
    for scope in [1, 2] {
        lead.post("/apikeys", &key(scope, "")).await.expect(400);
        lead.put(&format!("/apikeys/{}", made[0]), &key(scope, "")).await.expect(400);
    }
    let theirs = root.post("/apikeys", &key(2, "bert")).await.expect(201).header("X-Object-ID").to_owned();
    let ids = |list: &Value| {
        let mut ids: Vec<_> =
            list.as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    made.sort();
    assert_eq!(ids(&lead.get("/apikeys").await.expect(200).json()), made);
    assert_eq!(ids(&lead.get("/apikeys?limit=1&offset=1&order=ASC").await.expect(200).json()), made[1..]);
    assert_eq!(ids(&lead.get("/apikeys?limit=1&order=DESC").await.expect(200).json()), made[1..]);
    // A user who leaves the role takes his keys along.
    let moved = serde_json::json!({"status": 1, "role": "theirs", "permissions": {"/": ["*"]}});
    root.put("/users/anna", &moved).await.expect(200);
    assert_eq!(lead.get("/apikeys").await.expect(200).json().as_array().unwrap().len(), 1);
    assert_eq!(ids(&root.get("/apikeys").await.expect(200).json()).len(), 3);
    for id in made {
        let status = lead.delete(&format!("/apikeys/{id}")).await.status;
        let was = lead.get(&format!("/apikeys/{id}")).await.status;
        assert!((status, was) == (200, 404) || (status, was) == (404, 404), "{id}: {status} {was}");
    }
    root.get(&format!("/apikeys/{theirs}")).await.expect(200);
}
