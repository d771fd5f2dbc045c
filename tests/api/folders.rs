//! Folders: added, read, changed, removed; how they stand in users, and what a change does to those.

use serde_json::{Value, json};

use crate::harness::{Principal, TestServer};

fn folder(name: &str) -> Value {
    json!({"name": name, "mapped_path": format!("/srv/{name}")})
}

fn user(name: &str, folders: &[&str]) -> Value {
    let folders: Vec<Value> =
        folders.iter().map(|name| json!({"name": name, "virtual_path": format!("/{name}")})).collect();
    json!({"username": name, "status": 1, "password": "secret", "permissions": {"/": ["*"]},
        "virtual_folders": folders})
}

async fn folders_of(root: &Principal, name: &str) -> Vec<String> {
    let user = root.get(&format!("/users/{name}")).await.expect(200).json();
    let folders = user["virtual_folders"].as_array().cloned().unwrap_or_default();
    folders.iter().map(|folder| folder["name"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn a_folder_is_added_read_changed_and_removed() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let added = root.post("/folders", &folder("in x")).await.expect(201);
    assert_eq!(added.header("Location"), "/api/v2/folders/in%20x");
    let mut shown = added.json();
    assert!(shown.as_object_mut().unwrap().remove("id").unwrap().as_i64().unwrap() > 0);
    let expected = json!({
        "name": "in x", "mapped_path": "/srv/in x", "used_quota_size": 0, "used_quota_files": 0,
        "last_quota_update": 0,
        "filesystem": {
            "provider": 0, "osconfig": {}, "s3config": {"access_secret": {}}, "gcsconfig": {"credentials": {}},
            "azblobconfig": {"account_key": {}, "sas_url": {}}, "cryptconfig": {"passphrase": {}},
            "sftpconfig": {"password": {}, "private_key": {}, "key_passphrase": {}},
            "httpconfig": {"password": {}, "api_key": {}}
        }
    });
    assert_eq!(shown, expected);
    assert_eq!(root.get("/folders/%20in%20x").await.expect(200).text, added.text);
    root.post("/folders", &folder("in x")).await.expect(409);
    let changed = json!({"name": "other", "mapped_path": "/srv/../a//b/", "description": "d", "id": 99});
    root.put("/folders/in%20x", &changed).await.expect(200);
    let shown = root.get("/folders/in%20x").await.expect(200).json();
    assert_eq!((&shown["name"], &shown["mapped_path"]), (&json!("in x"), &json!("/a/b")));
    assert_eq!((&shown["description"], &shown["id"]), (&json!("d"), &added.json()["id"]));
    let listed = root.get("/folders?limit=10").await.expect(200).json();
    assert_eq!(listed[0]["filesystem"]["s3config"], json!({}));
    root.delete("/folders/in%20x").await.expect(200);
    for reply in [
        root.get("/folders/in%20x").await,
        root.put("/folders/in%20x", &changed).await,
        root.delete("/folders/in%20x").await,
    ] {
        reply.expect(404);
    }
}

#[actix_web::test]
async fn folders_against_the_rules_are_refused() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/folders", &folder("f")).await.expect(201);
    for draft in [
        json!({}),
        json!({"name": "__self__", "mapped_path": "/a"}),
        json!({"name": "g"}),
        json!({"name": "g", "mapped_path": "relative"}),
        json!({"name": "g", "mapped_path": 1}),
        json!({"name": "g", "mapped_path": "/a", "filesystem": {"provider": 4}}),
        json!({"name": "g", "mapped_path": "/a", "filesystem": {"provider": 1, "s3config": {"region": "r"}}}),
        json!({"name": "g", "mapped_path": "/a", "filesystem": {"provider": 4,
            "cryptconfig": {"passphrase": {"status": "Redacted"}}}}),
    ] {
        root.post("/folders", &draft).await.expect(400);
    }
    root.put("/folders/f", &json!({"mapped_path": "relative"})).await.expect(400);
    assert_eq!(root.get("/folders").await.expect(200).json().as_array().unwrap().len(), 1);
    let remote = json!({"name": "r", "filesystem": {"provider": 6, "httpconfig": {"endpoint": "http://h"}}});
    assert!(root.post("/folders", &remote).await.expect(201).json().get("mapped_path").is_none());
}

#[actix_web::test]
async fn secrets_are_sealed_for_the_folder_and_kept_when_they_are_sent_back() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let crypt = json!({"name": "f", "mapped_path": "/srv/f", "filesystem":
        {"provider": 4, "cryptconfig": {"passphrase": {"status": "Plain", "payload": "phrase"}}}});
    let added = root.post("/folders?confidential_data=1", &crypt).await.expect(201).json();
    let secret = &added["filesystem"]["cryptconfig"]["passphrase"];
    assert_eq!((&secret["status"], &secret["additional_data"]), (&json!("Secretbox"), &json!("folder_f")));
    let shown = root.get("/folders/f").await.expect(200).json();
    let hidden = &shown["filesystem"]["cryptconfig"]["passphrase"];
    assert_eq!(*hidden, json!({"status": "Secretbox", "payload": secret["payload"]}));
    root.put("/folders/f", &shown).await.expect(200);
    root.post("/users", &user("u", &["f"])).await.expect(201);
    for path in ["/folders/f?confidential_data=1", "/users/u?confidential_data=1"] {
        let reply = root.get(path).await.expect(200).json();
        let folder = reply.get("virtual_folders").map_or(&reply, |folders| &folders[0]);
        assert_eq!(folder["filesystem"]["cryptconfig"]["passphrase"], *secret, "{path}");
    }
    let draft = json!({"username": "ann", "password": "password", "status": 1,
        "permissions": ["manage_folders", "view_users"]});
    root.post("/admins", &draft).await.expect(201);
    let ann = server.signed_in("ann", "password").await;
    for path in ["/folders/f?confidential_data=1", "/users/u?confidential_data=1"] {
        assert!(!ann.get(path).await.expect(200).text.contains("additional_data"), "{path}");
    }
    let listed = root.get("/users").await.expect(200).json();
    assert_eq!(listed[0]["virtual_folders"][0]["filesystem"]["cryptconfig"]["passphrase"], *hidden);
    assert_eq!(listed[0]["virtual_folders"][0]["filesystem"]["s3config"], json!({}));
}

#[actix_web::test]
async fn users_are_shown_with_their_folders_as_these_are_now() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    for name in ["g", "f"] {
        root.post("/folders", &folder(name)).await.expect(201);
    }
    let added = root.post("/users", &user("u", &["g", "f"])).await.expect(201);
    assert_eq!(root.get("/users/u").await.expect(200).text, added.text);
    assert_eq!(folders_of(&root, "u").await, ["f", "g"]);
    assert_eq!(root.get("/folders/f").await.expect(200).json()["users"], json!(["u"]));
    server.advance(1000);
    let mut changed = folder("f");
    changed["description"] = json!("new");
    root.put("/folders/f", &changed).await.expect(200);
    let shown = root.get("/users/u").await.expect(200).json();
    assert_eq!(shown["virtual_folders"][0]["description"], "new");
    assert_eq!(shown["updated_at"].as_i64(), added.json()["updated_at"].as_i64().map(|then| then + 1000));
    assert_eq!(root.get("/users").await.expect(200).json()[0]["updated_at"], shown["updated_at"]);
    // What was read can be sent back, and what a user says of a folder changes nothing there.
    root.put("/users/u", &shown).await.expect(200);
    assert_eq!(folders_of(&root, "u").await, ["f", "g"]);
    root.delete("/users/u").await.expect(200);
    assert!(root.get("/folders/f").await.expect(200).json().get("users").is_none());
}

#[actix_web::test]
async fn a_folder_that_does_not_exist_is_refused_and_nothing_is_written() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let refused = root.post("/users", &user("u", &["none"])).await.expect(400).json();
    assert_eq!(refused["error"], "Validation error: virtual_folders: folder \"none\" does not exist");
    root.get("/users/u").await.expect(404);
    root.post("/users", &user("u", &[])).await.expect(201);
    root.put("/users/u", &user("u", &["none"])).await.expect(400);
    assert!(folders_of(&root, "u").await.is_empty());
}

#[actix_web::test]
async fn a_removed_folder_leaves_all_its_users_and_does_not_come_back_under_its_name() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    for name in ["f", "g"] {
        root.post("/folders", &folder(name)).await.expect(201);
    }
    // More users than one write detaches.
    for number in 0..300 {
        root.post("/users", &user(&format!("u{number}"), &["f", "g"])).await.expect(201);
    }
    server.advance(1000);
    let before = root.get("/users/u7").await.expect(200).json()["updated_at"].as_i64().unwrap();
    root.delete("/folders/f").await.expect(200);
    root.post("/folders", &folder("f")).await.expect(201);
    for name in ["u0", "u7", "u299"] {
        assert_eq!(folders_of(&root, name).await, ["g"]);
    }
    let after = root.get("/users/u7").await.expect(200).json()["updated_at"].as_i64().unwrap();
    assert_eq!(after, before + 1000);
    let listed = root.get("/folders").await.expect(200).json();
    assert!(listed[0].get("users").is_none());
    assert_eq!(listed[1]["users"].as_array().unwrap().len(), 100, "a list names some of them");
    assert_eq!(root.get("/folders/g").await.expect(200).json()["users"].as_array().unwrap().len(), 300);
}

#[actix_web::test]
async fn an_admin_of_a_role_is_told_of_no_other_users() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/roles", &json!({"name": "r"})).await.expect(201);
    root.post("/folders", &folder("f")).await.expect(201);
    let mut own = user("own", &["f"]);
    own["role"] = json!("r");
    root.post("/users", &own).await.expect(201);
    root.post("/users", &user("other", &["f"])).await.expect(201);
    let lead = json!({"username": "lead", "password": "password", "status": 1, "role": "r",
        "permissions": ["view_users", "manage_folders"]});
    root.post("/admins", &lead).await.expect(201);
    let lead = server.signed_in("lead", "password").await;
    for path in ["/users/own", "/users", "/folders/f", "/folders"] {
        let reply = lead.get(path).await.expect(200);
        assert!(
            !reply.text.contains("\"other\"") && reply.text.contains("\"own\""),
            "{path}: {}",
            reply.text
        );
    }
    let all = root.get("/folders/f").await.expect(200).json();
    assert_eq!(all["users"], json!(["other", "own"]));
}

#[actix_web::test]
async fn an_admin_of_a_role_finds_his_users_behind_however_many_others() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let mut users: Vec<_> = (0..150).map(|number| user(&format!("a{number:03}"), &["f"])).collect();
    users.push(user("own", &["f"]));
    for (number, user) in users.iter_mut().enumerate() {
        user["groups"] = json!([{"name": "g", "type": 1}]);
        user["role"] = json!(if number == 150 { "r" } else { "" });
    }
    let load = json!({"roles": [{"name": "r"}], "folders": [folder("f")], "groups": [{"name": "g"}], "users": users});
    root.post("/loaddata", &load).await.expect(200);
    let lead = json!({"username": "lead", "password": "password", "status": 1, "role": "r",
        "permissions": ["view_users", "manage_folders", "manage_groups"]});
    root.post("/admins", &lead).await.expect(201);
    let lead = server.signed_in("lead", "password").await;
    for path in ["/folders", "/groups"] {
        assert_eq!(lead.get(path).await.expect(200).json()[0]["users"], json!(["own"]), "{path}");
    }
    assert_eq!(
        lead.get("/users/own").await.expect(200).json()["virtual_folders"][0]["users"],
        json!(["own"])
    );
}

#[actix_web::test]
async fn folders_and_who_has_them_outlive_a_restart() {
    let mut server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/folders", &folder("f")).await.expect(201);
    root.post("/users", &user("u", &["f"])).await.expect(201);
    let shown = root.get("/users/u").await.expect(200).text;
    server.restart().await;
    let root = server.admin().await;
    assert_eq!(root.get("/users/u").await.expect(200).text, shown);
    assert_eq!(root.get("/folders/f").await.expect(200).json()["users"], json!(["u"]));
}
