//! Bad input gets a clear 4xx in the contract's shape, and nothing is stored.

use awc::http::Method;
use serde_json::{Value, json};

use crate::harness::TestServer;

#[actix_web::test]
async fn bodies_that_are_no_user_are_refused_and_store_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let big = format!("{{\"username\":\"a\",\"description\":\"{}\"}}", "x".repeat(1_100_000));
    for (body, begins) in [
        (" ", "EOF"),
        ("{\"username\":\"a\"", "unexpected EOF"),
        ("{\"username\":\"a\",}", "invalid character"),
        ("{'username':'a'}", "invalid character"),
        ("\u{feff}{}", "invalid character"),
        ("[]", "json: cannot unmarshal"),
        ("\"x\"", "json: cannot unmarshal"),
        ("1", "json: cannot unmarshal"),
        ("{\"username\":1}", "json: cannot unmarshal"),
        ("{\"uid\":1.0}", "json: cannot unmarshal"),
        ("{\"uid\":9223372036854775808}", "json: cannot unmarshal"),
        ("{\"filters\":[]}", "json: cannot unmarshal"),
        ("{\"permissions\":{\"/\":\"*\"}}", "json: cannot unmarshal"),
        ("{\"filesystem\":{\"s3config\":{\"access_secret\":{\"payload\":\"x\"}}}}", "invalid secret"),
        ("{}", "Validation error: "),
        (deep.as_str(), ""),
        (big.as_str(), "http: request body too large"),
    ] {
        let reply = admin.send(&Method::POST, "/users", body.to_owned()).await.expect(400);
        let told = reply.json();
        let error = told["error"].as_str().unwrap();
        assert!(error.starts_with(begins) && !error.is_empty(), "{body:.40} {error}");
        assert_eq!(told["message"], "");
    }
    assert_eq!(admin.get("/users").await.expect(200).json(), json!([]));
}

/// The salt alone would cost seconds of a core for each try.
#[actix_web::test]
async fn hashes_beyond_any_real_length_are_refused_wherever_one_is_taken() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let hashes = [
        format!("$pbkdf2-sha256$1${}$DGDID5YfDnHzqbUkr2ASBi/gN6Y=", "s".repeat(500_000)),
        format!("{{MD5}}{}", "0".repeat(5_000)),
        format!("$argon2id${}", "x".repeat(5_000)),
    ];
    let why = |member: &str| format!("{member}: a password hash may have at most 4096 bytes");
    admin.post("/users", &user("anna", &json!("old"))).await.expect(201);
    for hash in &hashes {
        let refused = admin.post("/users", &user("bob", &json!(hash))).await.expect(400);
        let expected = json!({"error": format!("Validation error: {}", why("password")), "message": ""});
        assert_eq!(refused.json(), expected);
        admin.put("/users/anna", &user("anna", &json!(hash))).await.expect(400);
        let load = json!({"version": 16, "users": [user("bob", &json!(hash))]});
        let refused = admin.post("/loaddata", &load).await.expect(400);
        assert!(refused.text.contains(&why("password")), "{}", refused.text);
    }
    let draft = json!({"username": "root", "status": 1, "permissions": ["*"], "password": hashes[2]});
    let refused = admin.post("/admins", &draft).await.expect(400);
    assert_eq!(refused.json()["error"], format!("Validation error: {}", why("password")));
    let key = json!({"id": "k", "name": "k", "scope": 1, "key": hashes[2]});
    let load = json!({"version": 16, "api_keys": [key]});
    assert!(admin.post("/loaddata", &load).await.expect(400).text.contains(&why("key")));
    assert_eq!(admin.get("/users").await.expect(200).usernames(), ["anna"]);
    server.user("anna", "old").await;
}

/// What is hidden of an object has its greatest size, which more than hashes can pass.
#[actix_web::test]
async fn more_recovery_codes_than_a_record_holds_are_refused() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let secret = json!({"status": "Secretbox", "payload": "x", "key": "0".repeat(64)});
    let codes = vec![json!({ "secret": secret }); 20_000];
    let mut bob = user("bob", &json!("x"));
    bob["filters"] = json!({"recovery_codes": codes});
    let load = json!({"version": 16, "users": [bob]});
    let refused = admin.post("/loaddata", &load).await.expect(400);
    assert!(refused.text.contains("more than 1 MiB together"), "{}", refused.text);
    assert_eq!(admin.get("/users").await.expect(200).json(), json!([]));
}

fn user(name: &str, password: &Value) -> Value {
    json!({"username": name, "status": 1, "password": password, "permissions": {"/": ["*"]}})
}

#[actix_web::test]
async fn what_the_reference_lets_through_is_let_through() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let adds =
        async |body: &str| admin.send(&Method::POST, "/users", body.to_owned()).await.expect(201).json();
    let user =
        adds("{\"UserName\":\"a\",\"HOME_DIR\":\"/srv/x\",\"permissions\":{\"/\":[\"*\"]}} garbage").await;
    assert_eq!((&user["username"], &user["home_dir"]), (&json!("a"), &json!("/srv/x")));
    let user = adds("{\"username\":\"b\",\"uid\":1,\"uid\":-0,\"uid\":7,\"permissions\":{\"/\":[\"*\"]},\"permissions\":{\"/x\":[\"list\"]}}").await;
    assert_eq!(user["uid"], 7);
    assert_eq!(user["permissions"], json!({"/": ["*"], "/x": ["list"]}));
    let user = adds(
        "{\"username\":\"c\",\"description\":\"\\ud800x\",\"email\":null,\"permissions\":{\"/\":[\"*\"]}}",
    )
    .await;
    assert_eq!(user["description"], "\u{fffd}x");
}

#[actix_web::test]
async fn a_value_against_the_rules_is_named() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for (member, value, named) in [
        ("username", json!(""), "username"),
        ("username", json!("__self__"), "username"),
        ("email", json!("a@b"), "email"),
        ("status", json!(2), "status"),
        ("home_dir", json!("relative"), "home_dir"),
        ("permissions", json!({"/": ["fly"]}), "permissions"),
        ("public_keys", json!(["ssh-rsa x"]), "public_keys"),
        ("groups", json!([{"name": "g", "type": 1}, {"name": "h", "type": 1}]), "groups"),
        ("groups", json!([{"name": "g", "type": 1}]), "groups"),
        (
            "virtual_folders",
            json!([{"name": "f", "virtual_path": "/f", "quota_size": 0, "quota_files": 0}]),
            "folder",
        ),
        ("filters", json!({"denied_protocols": ["TELNET"]}), "denied_protocols"),
        (
            "filters",
            json!({"access_time": [{"day_of_week": 1, "from": "+1:00", "to": "02:00"}]}),
            "access_time",
        ),
        ("filesystem", json!({"provider": 1}), "s3config"),
        ("filesystem", json!({"provider": 0, "osconfig": {"read_buffer_size": 11}}), "buffer"),
        ("password", json!("x".repeat(73)), "password"),
    ] {
        let mut draft = json!({"username": "a", "permissions": {"/": ["*"]}});
        draft[member] = value.clone();
        let reply = admin.post("/users", &draft).await.expect(400);
        let error = reply.json()["error"].as_str().unwrap().to_owned();
        assert!(
            error.starts_with("Validation error: ") && error.contains(named),
            "{member} {value}: {error}"
        );
    }
    assert_eq!(admin.get("/users").await.expect(200).json(), json!([]));
}

/// `contract/validation.md` §1 and §8; what has not even the right form comes before every rule.
#[actix_web::test]
async fn of_several_broken_rules_the_first_by_their_order_is_told() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let right = json!({"username": "a", "permissions": {"/": ["*"]}});
    admin.post("/users", &right).await.expect(201);
    let broken = [
        ("email", json!("x"), "email"),
        (
            "virtual_folders",
            json!([{"name": "f", "virtual_path": "/f", "filesystem": {"provider": 1,
            "s3config": {"access_secret": {"status": "Redacted", "payload": "x"}}}}]),
            "cannot save a user",
        ),
        ("home_dir", json!("relative"), "home_dir"),
        ("filesystem", json!({"provider": 1}), "s3config"),
        ("groups", json!([{"name": "g", "type": 1}, {"name": "h", "type": 1}]), "groups"),
        ("permissions", json!({"/": ["fly"]}), "permissions"),
        ("status", json!(2), "status"),
        ("public_keys", json!(["x"]), "public_keys"),
        (
            "filters",
            json!({"access_time": [{"day_of_week": 9}], "web_client": ["x"], "Denied_IP": ["x"],
            "allowed_ip": ["y"]}),
            "filters.denied_ip",
        ),
        (
            "filters",
            json!({"file_patterns": [{"path": "/", "allowed_patterns": []}],
            "access_time": [{"day_of_week": 9}], "denied_ip": ["10.0.0.0/8"]}),
            "access_time",
        ),
    ];
    for (at, (_, _, told)) in broken.iter().enumerate() {
        let mut draft = right.clone();
        broken[at..].iter().rev().for_each(|(member, value, _)| draft[member] = value.clone());
        for reply in [
            admin.put("/users/a", &draft).await.expect(400),
            admin
                .post("/users", &{
                    draft["username"] = json!("b");
                    draft.clone()
                })
                .await
                .expect(400),
        ] {
            let error = reply.json()["error"].as_str().unwrap().to_owned();
            assert!(error.contains(told), "{told}: {error}");
        }
        draft["uid"] = json!("x");
        let form = admin.post("/users", &draft).await.expect(400).json()["error"].clone();
        assert_eq!(form, "json: cannot unmarshal string into uid of type integer", "{told}");
        draft["uid"] = json!(1);
        draft["filters"] = json!({"denied_ip": ["x"], "is_anonymous": "x"});
        let form = admin.post("/users", &draft).await.expect(400).json()["error"].clone();
        assert_eq!(form, "json: cannot unmarshal string into filters.is_anonymous of type bool", "{told}");
    }
    let group = json!({"name": "g", "user_settings": {"home_dir": "x", "filters": {"denied_ip": ["x"]}}});
    let told = admin.post("/groups", &group).await.expect(400).json()["error"].to_string();
    assert!(told.contains("user_settings.home_dir"), "{told}");
    let group = json!({"name": "g", "user_settings": {"filters": {"tls_username": "x", "denied_ip": ["x"]}}});
    let told = admin.post("/groups", &group).await.expect(400).json()["error"].to_string();
    assert!(told.contains("filters.denied_ip"), "{told}");
    admin.put("/users/nobody", &json!({"filters": {"denied_ip": ["x"]}})).await.expect(404);
    assert_eq!(admin.get("/users").await.expect(200).usernames(), ["a"]);
    assert_eq!(admin.get("/groups").await.expect(200).json(), json!([]));
}

#[actix_web::test]
async fn a_refusal_does_not_repeat_a_megabyte() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let long = "n".repeat(400_000);
    let folder = |name: &str| json!({"name": name, "virtual_path": format!("/{long}"), "quota_size": 0, "quota_files": 0});
    for (member, value, status) in [
        ("username", json!(long), 400),
        ("home_dir", json!(long), 400),
        ("role", json!(long), 409),
        ("groups", json!([{"name": long, "type": 1}]), 400),
        ("groups", json!([{"name": long, "type": 2}, {"name": long, "type": 2}]), 400),
        ("virtual_folders", json!([folder(&long)]), 400),
        ("virtual_folders", json!([folder(&long), folder(&long)]), 400),
        ("virtual_folders", json!([folder("a"), folder("b")]), 400),
        ("permissions", json!({"/": [long]}), 400),
        ("filters", json!({"allowed_ip": [long]}), 400),
    ] {
        let mut draft = json!({"username": "a", "permissions": {"/": ["*"]}});
        draft[member] = value;
        let reply = admin.post("/users", &draft).await.expect(status);
        assert!(reply.text.len() < 400, "{member}: {} bytes, {:.300}", reply.text.len(), reply.text);
    }
    let load =
        json!({"version": 16, "users": [{"username": "a", "permissions": {"/": ["*"]}, "role": long}]});
    let reply = admin.post("/loaddata", &load).await.expect(409);
    assert!(reply.text.len() < 400, "{:.300}", reply.text);
    assert_eq!(admin.get("/users").await.expect(200).json(), json!([]));
}

#[actix_web::test]
async fn nothing_sent_comes_back_as_a_fault_of_ours() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let absurd: [Value; 8] = [
        json!(null),
        json!(true),
        json!(-1),
        json!(i64::MIN),
        json!("\u{0}\u{202e}"),
        json!([null]),
        json!({"": null}),
        json!([[]]),
    ];
    let members = [
        "id",
        "status",
        "username",
        "email",
        "expiration_date",
        "password",
        "public_keys",
        "home_dir",
        "uid",
        "permissions",
        "filters",
        "filesystem",
        "virtual_folders",
        "groups",
        "role",
        "oidc_custom_fields",
        "quota_size",
        "upload_bandwidth",
        "last_login",
        "description",
    ];
    for member in members {
        for value in &absurd {
            let mut draft = json!({"username": "odd", "permissions": {"/": ["*"]}});
            draft[member] = value.clone();
            let reply = admin.post("/users", &draft).await;
            assert!(
                [201, 400, 409].contains(&reply.status),
                "{member} {value}: {} {}",
                reply.status,
                reply.text
            );
            if reply.status == 201 {
                admin.delete(reply.header("Location").trim_start_matches("/api/v2")).await.expect(200);
            }
        }
    }
}

#[actix_web::test]
async fn a_password_too_long_for_bcrypt_is_told_before_a_name_that_is_taken() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let user = |length| json!({"username": "a", "password": "x".repeat(length), "permissions": {"/": ["*"]}});
    admin.post("/users", &user(72)).await.expect(201);
    admin.post("/users", &user(72)).await.expect(409);
    admin.post("/users", &user(73)).await.expect(400);
}

#[actix_web::test]
async fn null_after_a_value_leaves_it_as_it_is() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let body = r#"{"username":"a","status":1,"permissions":{"/":["*"]},"password":"x","password":null,
        "expiration_date":4102444800000,"expiration_date":null}"#;
    let added = admin.send(&Method::POST, "/users", body.to_owned()).await.expect(201).json();
    assert_eq!(
        (&added["has_password"], &added["expiration_date"]),
        (&json!(true), &json!(4_102_444_800_000_i64))
    );
    server.user("a", "x").await;
    let body = body.replace(r#""x""#, r#""y""#);
    admin.send(&Method::PUT, "/users/a", body).await.expect(200);
    server.user("a", "y").await;
}
