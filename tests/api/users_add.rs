//! Adding a user: defaults, names, ids, and what comes back.

use serde_json::{Value, json};

use crate::harness::TestServer;

fn smallest(name: &str) -> Value {
    json!({"username": name, "permissions": {"/": ["*"]}})
}

/// The answer to the smallest user, its id and times taken out.
fn settled(mut user: Value) -> Value {
    let members = user.as_object_mut().unwrap();
    for (name, kind) in [("id", "number"), ("created_at", "time"), ("updated_at", "time")] {
        let value = members.insert(name.to_owned(), json!(kind)).unwrap();
        assert!(value.as_i64().unwrap() > 0, "{name} {value}");
    }
    user
}

#[actix_web::test]
async fn the_smallest_user_is_filled_in_and_read_back() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let added = admin.post("/users", &smallest("bob")).await.expect(201);
    assert_eq!(added.header("Location"), "/api/v2/users/bob");
    assert_eq!(added.header("Cache-Control"), "no-store");
    assert_eq!(added.header("Server"), "usersd");
    let expected = json!({
        "id": "number", "status": 0, "username": "bob", "home_dir": "/srv/sftp/bob", "uid": 0, "gid": 0,
        "max_sessions": 0, "quota_size": 0, "quota_files": 0, "permissions": {"/": ["*"]},
        "upload_data_transfer": 0, "download_data_transfer": 0, "total_data_transfer": 0,
        "created_at": "time", "updated_at": "time",
        "filters": {
            "hooks": {"external_auth_disabled": false, "pre_login_disabled": false, "check_password_disabled": false},
            "totp_config": {"secret": {}}
        },
        "filesystem": {
            "provider": 0, "osconfig": {}, "s3config": {}, "gcsconfig": {}, "azblobconfig": {}, "cryptconfig": {},
            "sftpconfig": {}, "httpconfig": {}
        }
    });
    assert_eq!(settled(added.json()), expected);
    let read = admin.get("/users/bob").await.expect(200);
    assert_eq!(read.text, added.text, "what was answered is what is served");
    assert!(read.text.ends_with("}\n"));
}

#[actix_web::test]
async fn ids_count_from_one_and_refused_users_use_none() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let id = |reply: crate::harness::Reply| reply.json()["id"].as_i64().unwrap();
    assert_eq!(id(admin.post("/users", &smallest("a")).await.expect(201)), 1);
    admin.post("/users", &smallest("a")).await.expect(409);
    admin.post("/users", &json!({"username": "b"})).await.expect(400);
    assert_eq!(id(admin.post("/users", &smallest("b")).await.expect(201)), 2);
    admin.delete("/users/b").await.expect(200);
    assert_eq!(id(admin.post("/users", &smallest("b")).await.expect(201)), 3);
}

#[actix_web::test]
async fn of_many_who_add_the_same_name_one_succeeds() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let smallest = smallest("same");
    let tries = (0..8).map(|_| admin.post("/users", &smallest));
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(tries).await.into_iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[actix_web::test]
async fn names_are_escaped_in_paths_and_places() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for (name, place) in [
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("a%20b", "a%2520b"),
        ("..", ".."),
        ("ü", "%C3%BC"),
        ("a\u{0}b", "a%00b"),
        ("x&y=z+@:$~", "x&y=z+@:$~"),
    ] {
        let mut draft = smallest(name);
        draft["home_dir"] = json!("/srv/x");
        let added = admin.post("/users", &draft).await.expect(201);
        assert_eq!(added.header("Location"), format!("/api/v2/users/{place}"));
        assert_eq!(admin.get(&format!("/users/{place}")).await.expect(200).json()["username"], name);
        admin.delete(&format!("/users/{place}")).await.expect(200);
        admin.get(&format!("/users/{place}")).await.expect(404);
    }
}

#[actix_web::test]
async fn a_home_derived_from_a_name_stays_in_the_base_directory() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let added = admin.post("/users", &smallest("a/../b")).await.expect(201);
    assert_eq!(added.json()["home_dir"], "/srv/sftp/b");
    for name in ["..", ".", "a/../../etc", "/../x"] {
        let refused = admin.post("/users", &smallest(name)).await.expect(400);
        assert!(refused.json()["error"].as_str().unwrap().contains("home_dir"), "{}", refused.text);
    }
}

#[actix_web::test]
async fn a_document_close_to_the_limit_is_kept_whole() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut draft = smallest("big");
    draft["description"] = json!("x".repeat(1_000_000));
    admin.post("/users", &draft).await.expect(201);
    let read = admin.get("/users/big").await.expect(200);
    assert_eq!(read.json()["description"].as_str().unwrap().len(), 1_000_000);
    assert_eq!(admin.get("/users").await.expect(200).usernames(), ["big"]);
    admin.put("/users/big", &smallest("big")).await.expect(200);
    assert!(admin.get("/users/big").await.expect(200).json().get("description").is_none());
    admin.delete("/users/big").await.expect(200);
}

#[actix_web::test]
async fn markup_is_escaped_as_clients_of_the_reference_know_it() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut draft = smallest("markup");
    draft["description"] = json!("<a href=\"x\">&\u{2028}</a>");
    let added = admin.post("/users", &draft).await.expect(201);
    assert!(added.text.contains(r#"\u003ca href=\"x\"\u003e\u0026\u2028\u003c/a\u003e"#), "{}", added.text);
    assert_eq!(added.json()["description"], draft["description"]);
}

#[actix_web::test]
async fn a_user_added_by_an_admin_with_a_preference_expires() {
    let server = TestServer::start().await;
    let draft = json!({
        "username": "hr", "password": "password", "status": 1, "permissions": ["add_users"],
        "filters": {"preferences": {"default_users_expiration": 10}}
    });
    server.admin().await.post("/admins", &draft).await.expect(201);
    let admin = server.signed_in("hr", "password").await;
    let added = admin.post("/users", &smallest("a")).await.expect(201).json();
    let days =
        (added["expiration_date"].as_i64().unwrap() - added["created_at"].as_i64().unwrap()) / 86_400_000;
    assert_eq!(days, 10);
    let mut never = smallest("b");
    never["expiration_date"] = json!(0);
    assert!(admin.post("/users", &never).await.expect(201).json().get("expiration_date").is_none());
}
