//! Groups: added, read, changed, removed; who is in one.

use serde_json::{Value, json};

use crate::harness::TestServer;

fn user(name: &str, groups: &[(&str, i64)]) -> Value {
    let groups: Vec<Value> = groups.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect();
    json!({"username": name, "status": 1, "password": "secret", "permissions": {"/": ["*"]}, "groups": groups})
}

#[actix_web::test]
async fn a_group_is_added_read_changed_and_removed() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let added = root.post("/groups", &json!({"name": " g "})).await.expect(201);
    assert_eq!(added.header("Location"), "/api/v2/groups/g");
    let mut shown = added.json();
    for member in ["id", "created_at", "updated_at"] {
        assert!(shown.as_object_mut().unwrap().remove(member).unwrap().as_i64().unwrap() > 0);
    }
    let expected = json!({
        "name": "g",
        "user_settings": {
            "home_dir": "", "max_sessions": 0, "quota_size": 0, "quota_files": 0, "permissions": null,
            "upload_data_transfer": 0, "download_data_transfer": 0, "total_data_transfer": 0,
            "filters": {"hooks": {
                "external_auth_disabled": false, "pre_login_disabled": false, "check_password_disabled": false
            }},
            "filesystem": {
                "provider": 0, "osconfig": {}, "s3config": {}, "gcsconfig": {}, "azblobconfig": {},
                "cryptconfig": {}, "sftpconfig": {}, "httpconfig": {}
            }
        }
    });
    assert_eq!(shown, expected);
    assert_eq!(root.get("/groups/g").await.expect(200).text, added.text);
    assert_eq!(root.get("/groups").await.expect(200).json(), json!([added.json()]));
    root.post("/groups", &json!({"name": "g"})).await.expect(409);
    server.advance(1000);
    let mut changed = added.json();
    changed["name"] = json!("other");
    changed["description"] = json!("d");
    changed["user_settings"]["permissions"] = json!({"/in": ["list", "list"]});
    changed["user_settings"]["home_dir"] = json!("/srv/a/../%username%/");
    changed["user_settings"]["filters"]["denied_protocols"] = json!(["FTP"]);
    root.put("/groups/g", &changed).await.expect(200);
    let shown = root.get("/groups/g").await.expect(200).json();
    assert_eq!((&shown["name"], &shown["description"]), (&json!("g"), &json!("d")));
    assert_eq!(shown["user_settings"]["permissions"], json!({"/in": ["list"]}));
    assert_eq!(shown["user_settings"]["home_dir"], "/srv/%username%");
    assert_eq!(shown["user_settings"]["filters"]["denied_protocols"], json!(["FTP"]));
    assert_eq!((&shown["id"], &shown["created_at"]), (&added.json()["id"], &added.json()["created_at"]));
    assert_eq!(shown["updated_at"].as_i64(), added.json()["updated_at"].as_i64().map(|then| then + 1000));
    // What is read can be sent back.
    root.put("/groups/g", &shown).await.expect(200);
    root.delete("/groups/g").await.expect(200);
    for reply in
        [root.get("/groups/g").await, root.put("/groups/g", &changed).await, root.delete("/groups/g").await]
    {
        reply.expect(404);
    }
}

#[actix_web::test]
async fn groups_against_the_rules_are_refused() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    for settings in [
        json!({"home_dir": "relative"}),
        json!({"permissions": {"relative": ["*"]}}),
        json!({"permissions": {"/": ["fly"]}}),
        json!({"filters": {"denied_protocols": ["SSH", "FTP", "DAV", "HTTP"]}}),
        json!({"filters": {"allowed_ip": ["10.0.0.1"]}}),
        json!({"filters": {"web_client": ["mfa-disabled"], "two_factor_protocols": ["SSH"]}}),
        json!({"filesystem": {"provider": 1}}),
        json!({"filesystem": {"provider": 4, "cryptconfig": {"passphrase": {"status": "Redacted"}}}}),
    ] {
        let draft = json!({"name": "g", "user_settings": settings});
        root.post("/groups", &draft).await.expect(400);
    }
    for draft in [
        json!({}),
        json!({"name": "__system__"}),
        json!({"name": "g", "virtual_folders": [{"name": "f"}]}),
        json!({"name": "g", "virtual_folders": [{"name": "none", "virtual_path": "/n"}]}),
    ] {
        root.post("/groups", &draft).await.expect(400);
    }
    assert_eq!(root.get("/groups").await.expect(200).json(), json!([]));
    root.post("/groups", &json!({"name": "g"})).await.expect(201);
    root.put("/groups/g", &json!({"user_settings": {"home_dir": "relative"}})).await.expect(400);
}

#[actix_web::test]
async fn a_groups_secrets_are_sealed_for_it_and_kept_when_they_are_sent_back() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let settings = json!({"filesystem":
        {"provider": 4, "cryptconfig": {"passphrase": {"status": "Plain", "payload": "phrase"}}}});
    let draft = json!({"name": "g", "user_settings": settings});
    let added = root.post("/groups?confidential_data=1", &draft).await.expect(201).json();
    let secret = &added["user_settings"]["filesystem"]["cryptconfig"]["passphrase"];
    assert_eq!((&secret["status"], &secret["additional_data"]), (&json!("Secretbox"), &json!("group_g")));
    let shown = root.get("/groups/g").await.expect(200).json();
    let hidden = &shown["user_settings"]["filesystem"]["cryptconfig"]["passphrase"];
    assert_eq!(*hidden, json!({"status": "Secretbox", "payload": secret["payload"]}));
    root.put("/groups/g", &shown).await.expect(200);
    let again = root.get("/groups/g?confidential_data=1").await.expect(200).json();
    assert_eq!(again["user_settings"]["filesystem"]["cryptconfig"]["passphrase"], *secret);
}

#[actix_web::test]
async fn who_is_in_a_group_is_named_there_and_users_keep_it() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    for name in ["g", "h"] {
        root.post("/groups", &json!({"name": name})).await.expect(201);
    }
    let added = root.post("/users", &user("u", &[("h", 2), ("g", 1)])).await.expect(201);
    assert_eq!(added.json()["groups"], json!([{"name": "g", "type": 1}, {"name": "h", "type": 2}]));
    assert_eq!(root.get("/users/u").await.expect(200).text, added.text);
    let admin = json!({"username": "ann", "password": "password", "status": 1, "permissions": ["view_users"],
        "groups": [{"name": "g", "options": {"add_to_users_as": 1}}]});
    root.post("/admins", &admin).await.expect(201);
    let shown = root.get("/groups/g").await.expect(200).json();
    assert_eq!((&shown["users"], &shown["admins"]), (&json!(["u"]), &json!(["ann"])));
    root.delete("/groups/g").await.expect(400);
    root.put("/users/u", &user("u", &[("h", 1)])).await.expect(200);
    root.delete("/groups/g").await.expect(200);
    assert!(root.get("/admins/ann").await.expect(200).json().get("groups").is_none());
    root.delete("/groups/h").await.expect(400);
    root.delete("/users/u").await.expect(200);
    assert!(root.get("/groups/h").await.expect(200).json().get("users").is_none());
    root.delete("/groups/h").await.expect(200);
}

#[actix_web::test]
async fn a_group_that_does_not_exist_is_refused_for_users_and_admins() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let refused = root.post("/users", &user("u", &[("none", 1)])).await.expect(400).json();
    assert_eq!(refused["error"], "Validation error: groups: group \"none\" does not exist");
    root.post("/users", &user("u", &[])).await.expect(201);
    root.put("/users/u", &user("u", &[("none", 3)])).await.expect(400);
    let admin = json!({"username": "ann", "password": "password", "status": 1, "permissions": ["*"],
        "groups": [{"name": "none"}]});
    root.post("/admins", &admin).await.expect(400);
    root.get("/admins/ann").await.expect(404);
}

#[actix_web::test]
async fn a_change_of_a_group_or_role_moves_updated_at_of_its_users() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/groups", &json!({"name": "g"})).await.expect(201);
    root.post("/roles", &json!({"name": "r"})).await.expect(201);
    let mut in_role = user("in-role", &[]);
    in_role["role"] = json!("r");
    root.post("/users", &in_role).await.expect(201);
    root.post("/users", &user("in-group", &[("g", 3)])).await.expect(201);
    root.post("/users", &user("plain", &[])).await.expect(201);
    let moved = async |name: &str| {
        let single = root.get(&format!("/users/{name}")).await.expect(200).json();
        let open = root.get(&format!("/users/{name}?confidential_data=1")).await.expect(200).json();
        assert_eq!(single["updated_at"], open["updated_at"]);
        single["updated_at"].as_i64().unwrap() - single["created_at"].as_i64().unwrap()
    };
    server.advance(1000);
    root.put("/groups/g", &json!({"description": "d"})).await.expect(200);
    assert_eq!([moved("in-group").await, moved("in-role").await, moved("plain").await], [1000, 0, 0]);
    server.advance(1000);
    root.put("/roles/r", &json!({"description": "d"})).await.expect(200);
    assert_eq!([moved("in-group").await, moved("in-role").await, moved("plain").await], [1000, 2000, 0]);
    server.advance(1000);
    root.put("/users/in-group", &user("in-group", &[])).await.expect(200);
    assert_eq!(moved("in-group").await, 3000);
}

#[actix_web::test]
async fn a_groups_folders_are_shown_and_leave_it_when_they_are_removed() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/folders", &json!({"name": "f", "mapped_path": "/srv/f"})).await.expect(201);
    let draft = json!({"name": "g", "virtual_folders": [{"name": "f", "virtual_path": "v//w"}]});
    let added = root.post("/groups", &draft).await.expect(201).json();
    let folder = &added["virtual_folders"][0];
    assert_eq!((&folder["mapped_path"], &folder["virtual_path"]), (&json!("/srv/f"), &json!("/v/w")));
    assert_eq!(
        (&folder["groups"], &folder["filesystem"]["cryptconfig"]),
        (&json!(["g"]), &json!({"passphrase": {}}))
    );
    assert_eq!(root.get("/folders/f").await.expect(200).json()["groups"], json!(["g"]));
    root.put("/groups/g", &added).await.expect(200);
    root.delete("/folders/f").await.expect(200);
    assert!(root.get("/groups/g").await.expect(200).json().get("virtual_folders").is_none());
}

#[actix_web::test]
async fn an_admin_with_a_role_is_told_of_its_members_only() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    root.post("/groups", &json!({"name": "g"})).await.expect(201);
    for role in ["mine", "theirs"] {
        root.post("/roles", &json!({"name": role})).await.expect(201);
    }
    for (name, role) in [("chief", ""), ("lead", "mine"), ("other", "theirs")] {
        let admin = json!({"username": name, "password": "password", "status": 1, "role": role,
            "permissions": ["manage_groups"], "groups": [{"name": "g"}]});
        root.post("/admins", &admin).await.expect(201);
        let mut member = user(&format!("user-of-{name}"), &[("g", 1)]);
        member["role"] = json!(role);
        root.post("/users", &member).await.expect(201);
    }
    let lead = server.signed_in("lead", "password").await;
    for (who, admins, users) in [
        (&root, json!(["chief", "lead", "other"]), json!(["user-of-chief", "user-of-lead", "user-of-other"])),
        (&lead, json!(["lead"]), json!(["user-of-lead"])),
    ] {
        let alone = who.get("/groups/g").await.expect(200).json();
        let listed = who.get("/groups").await.expect(200).json()[0].clone();
        for shown in [alone, listed] {
            assert_eq!((&shown["admins"], &shown["users"]), (&admins, &users));
        }
    }
}
