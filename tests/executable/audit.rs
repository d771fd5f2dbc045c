//! The log tells who did what to whom, from where, and what came of it (`design/security.md` S54).

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::json;

use super::program::{ADMIN, Client, Installation, Server};

/// What the audit lines of a log say, without time and level.
fn lines(log: &str) -> Vec<String> {
    log.lines()
        .filter_map(|line| line.split_once("usersd::audit: "))
        .map(|(_, line)| line.to_owned())
        .collect()
}

/// The lines about the request of this id.
fn about(log: &str, id: &str) -> Vec<String> {
    let start = format!("{id} ");
    lines(log).iter().filter_map(|line| line.strip_prefix(&start)).map(ToOwned::to_owned).collect()
}

fn signed_in(server: &Server, name: &str, password: &str) -> Client {
    let token = server.anonymous().basic(name, password).get("/api/v2/token").expect(200).json();
    let token = token["access_token"].as_str().expect("a token").to_owned();
    server.anonymous().with("Authorization", &format!("Bearer {token}"))
}

#[test]
fn every_change_sign_in_and_show_of_secrets_leaves_one_line() {
    let server = Installation::new().start();
    let admin = |id: &str| signed_in(&server, ADMIN.0, ADMIN.1).with("X-Request-Id", id);
    let anonymous = |id: &str| server.anonymous().with("X-Request-Id", id);
    let bob =
        json!({"username": "bob", "password": "a long one it is", "status": 1, "permissions": {"/": ["*"]}});

    anonymous("in").basic(ADMIN.0, ADMIN.1).get("/api/v2/token").expect(200);
    anonymous("wrong").basic("nobody", "x").get("/api/v2/user/token").expect(401);
    anonymous("none").get("/api/v2/users").expect(401);
    anonymous("stranger").delete("/api/v2/users/bob").expect(401);
    admin("add").post("/api/v2/users", &bob).expect(201);
    admin("twice").post("/api/v2/users", &bob).expect(409);
    admin("shown")
        .post("/api/v2/users?confidential_data=1", &json!({"username": "a/b c", "permissions": {"/": ["*"]}}))
        .expect(201);
    admin("read").get("/api/v2/users/bob").expect(200);
    admin("open").get("/api/v2/users/bob?confidential_data=1").expect(200);
    admin("nothing").get("/api/v2/users/nobody?confidential_data=1").expect(404);
    admin("dump").get("/api/v2/dumpdata?output-data=1").expect(200);
    let lead = json!({"username": "lead", "password": "a long one it is", "status": 1, "permissions": ["view_users"]});
    admin("lead").post("/api/v2/admins", &lead).expect(201);
    signed_in(&server, "lead", "a long one it is")
        .with("X-Request-Id", "denied")
        .delete("/api/v2/users/bob")
        .expect(403);
    admin("key-on").put("/api/v2/admin/profile", &json!({"allow_api_key_auth": true})).expect(200);
    let made = admin("key")
        .post("/api/v2/apikeys", &json!({"name": "k", "scope": 1, "admin": ADMIN.0}))
        .expect(201)
        .json();
    let key = made["key"].as_str().expect("a key").to_owned();
    let key_id = key.split('.').next().expect("an id").to_owned();
    anonymous("by-key").with("X-SFTPGO-API-KEY", &key).delete("/api/v2/users/bob").expect(200);
    anonymous("forgot").post("/api/v2/users/bob/forgot-password", &json!({})).expect(400);
    admin("out").get("/api/v2/logout").expect(200);

    let log = server.stop();
    let by_key = format!("admin:admin key:{key_id} 127.0.0.1 DELETE /api/v2/users/{{username}} \"bob\" 200");
    let new_key = format!("admin:admin 127.0.0.1 POST /api/v2/apikeys \"{key_id}\" 201");
    for (id, line) in [
        ("in", "- 127.0.0.1 GET /api/v2/token \"admin\" 200"),
        ("wrong", "- 127.0.0.1 GET /api/v2/user/token \"nobody\" 401"),
        ("stranger", "- 127.0.0.1 DELETE /api/v2/users/{username} \"bob\" 401"),
        ("add", "admin:admin 127.0.0.1 POST /api/v2/users \"bob\" 201"),
        ("twice", "admin:admin 127.0.0.1 POST /api/v2/users - 409"),
        ("open", "admin:admin 127.0.0.1 GET /api/v2/users/{username} \"bob\" confidential"),
        ("dump", "admin:admin 127.0.0.1 GET /api/v2/dumpdata - 200"),
        ("lead", "admin:admin 127.0.0.1 POST /api/v2/admins \"lead\" 201"),
        ("denied", "admin:lead 127.0.0.1 DELETE /api/v2/users/{username} \"bob\" 403"),
        ("key-on", "admin:admin 127.0.0.1 PUT /api/v2/admin/profile - 200"),
        ("key", &new_key),
        ("by-key", &by_key),
        ("forgot", "- 127.0.0.1 POST /api/v2/users/{username}/forgot-password \"bob\" 400"),
        ("out", "admin:admin 127.0.0.1 GET /api/v2/logout - 200"),
    ] {
        assert_eq!(about(&log, id), [line], "{id}");
    }
    for id in ["none", "read", "nothing"] {
        assert_eq!(about(&log, id), Vec::<String>::new(), "{id}");
    }
    let shown = ["confidential", "201"]
        .map(|outcome| format!("admin:admin 127.0.0.1 POST /api/v2/users \"a/b c\" {outcome}"));
    assert_eq!(about(&log, "shown"), shown);
}

#[test]
fn nobody_forges_a_line() {
    let server = Installation::new().start();
    let name = "x\" 200\n2026-01-01T00 INFO usersd forged";
    server.anonymous().basic(name, "x").get("/api/v2/token").expect(401);
    let log = server.stop();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("forged")).collect();
    let [told] = told[..] else { panic!("{told:?}") };
    assert!(
        told.contains("GET /api/v2/token \"x\\\" 200\\n2026-01-01T00 INFO usersd forged\" 401"),
        "{told}"
    );
    assert_eq!(lines(&log).len(), 1, "{log}");
}

#[test]
fn a_change_whose_client_does_not_wait_is_told_too() {
    let server = Installation::new().start();
    let token = server.anonymous().basic(ADMIN.0, ADMIN.1).get("/api/v2/token").expect(200).json();
    let token = token["access_token"].as_str().expect("a token").to_owned();
    for number in 0..40 {
        let body = json!({"username": format!("u{number}"), "password": "a long one it is", "permissions": {"/": ["*"]}});
        let body = body.to_string();
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        let head = format!(
            "POST /api/v2/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nX-Request-Id: r{number}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("the request is taken");
    }
    // Those that were read are over when the server has stopped.
    let installed = server.admin().get("/api/v2/users?limit=500").expect(200).json();
    let log = server.stop();
    for user in installed.as_array().expect("users") {
        let number = user["username"].as_str().expect("a name").trim_start_matches('u').to_owned();
        let told = about(&log, &format!("r{number}"));
        assert_eq!(told.len(), 1, "u{number}: {told:?}");
        assert!(told[0].starts_with("admin:admin 127.0.0.1 POST /api/v2/users "), "{told:?}");
    }
}

#[test]
fn it_can_be_switched_off() {
    let server = Installation::new().with("USERSD__LOG__AUDIT", "false").start();
    server.admin().get("/api/v2/users").expect(200);
    let log = server.stop();
    assert!(log.contains("usersd::requests: ") && !log.contains("usersd::audit"), "{log}");
}
