//! No secret ever comes into the log, at whatever level (`design/security.md` S47).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::program::{ADMIN, Client, Installation, Server};

const SIGNING_KEY: &str = "planted-signing-key-0123456789-0123456789";
const ADMIN_PASSWORD: &str = "planted-admin-password";
const USER_PASSWORD: &str = "planted-user-password";
const WRONG_PASSWORD: &str = "planted-wrong-password";
const NEW_PASSWORD: &str = "planted-new-password";
const FILE_SYSTEM_SECRET: &str = "planted-file-system-secret";

#[test]
fn secrets_stay_out_of_the_log_at_info() {
    secrets_stay_out_of_the_log("info");
}

#[test]
fn secrets_stay_out_of_the_log_at_debug() {
    secrets_stay_out_of_the_log("debug");
}

#[test]
fn our_own_records_hold_no_secret_at_trace() {
    secrets_stay_out_of_the_log("info,usersd=trace");
}

fn secrets_stay_out_of_the_log(filter: &str) {
    let installation = Installation::new()
        .with("USERSD__LOG__FILTER", filter)
        .with("USERSD__AUTH__SIGNING_KEY", SIGNING_KEY)
        .with("USERSD_FIRST_ADMIN_PASSWORD", ADMIN_PASSWORD);
    let server = installation.start();
    let mut secrets = vec![SIGNING_KEY.to_owned()];
    let mut admin = sign_in(&server, "/api/v2/token", ADMIN.0, ADMIN_PASSWORD, &mut secrets);
    server.anonymous().basic(ADMIN.0, WRONG_PASSWORD).get("/api/v2/token").expect(401);
    forget(&mut secrets, ADMIN.0, WRONG_PASSWORD);
    let altered = format!("Bearer {}x", secrets[2]);
    server.anonymous().with("Authorization", &altered).get("/api/v2/users").expect(401);
    make_user(&mut admin, &mut secrets);
    let mut user = sign_in(&server, "/api/v2/user/token", "ada", USER_PASSWORD, &mut secrets);
    enrol(&mut user, &mut secrets);
    use_api_key(&server, &mut admin, &mut secrets);
    send_what_is_refused(&mut admin, &mut user);
    admin.get("/api/v2/logout").expect(200);
    drop((admin, user));

    let log = server.stop();
    assert!(log.contains("POST /api/v2/users 201"), "requests are logged:\n{log}");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let found = log.lines().find(|line| line.contains(secret.as_str()));
        assert!(found.is_none(), "{secret:?} is in the log: {found:?}");
    }
    assert!(!log.contains("planted"), "{log}");
}

/// Notes a password and the header it is sent in.
fn forget(secrets: &mut Vec<String>, name: &str, password: &str) {
    secrets.extend([password.to_owned(), STANDARD.encode(format!("{name}:{password}"))]);
}

fn sign_in(server: &Server, path: &str, name: &str, password: &str, secrets: &mut Vec<String>) -> Client {
    let answer = server.anonymous().basic(name, password).get(path).expect(200).json();
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    let client = server.anonymous().with("Authorization", &format!("Bearer {token}"));
    // The signature is the secret part; the rest says what everybody may know.
    secrets.push(token.rsplit('.').next().unwrap_or_default().to_owned());
    secrets.push(token);
    forget(secrets, name, password);
    client
}

fn make_user(admin: &mut Client, secrets: &mut Vec<String>) {
    let secret = json!({"status": "Plain", "payload": FILE_SYSTEM_SECRET});
    let user = json!({
        "username": "ada", "status": 1, "permissions": {"/": ["*"]}, "password": USER_PASSWORD,
        "filters": {"allow_api_key_auth": true},
        "filesystem": {"provider": 1, "s3config": {
            "bucket": "b", "region": "r", "access_key": "k", "access_secret": secret
        }}
    });
    let shown = admin.post("/api/v2/users?confidential_data=1", &user).expect(201).json();
    let hash = shown["password"].as_str().expect("a hash").to_owned();
    let sealed = &shown["filesystem"]["s3config"]["access_secret"];
    secrets.push(hash);
    secrets.extend(["payload", "key"].map(|member| sealed[member].as_str().unwrap_or_default().to_owned()));
}

fn enrol(user: &mut Client, secrets: &mut Vec<String>) {
    let asked = json!({"config_name": "Default"});
    let generated = user.post("/api/v2/user/totp/generate", &asked).expect(200).json();
    let secret = generated["secret"].as_str().expect("a secret").to_owned();
    let factor = json!({
        "enabled": true, "config_name": "Default", "protocols": ["SSH"],
        "secret": {"status": "Plain", "payload": secret}
    });
    user.post("/api/v2/user/totp/save", &factor).expect(200);
    let codes = user.get("/api/v2/user/2fa/recoverycodes").expect(200).json();
    let codes = codes.as_array().expect("codes").iter().map(|code| code["code"].as_str().expect("a code"));
    secrets.extend(codes.map(ToOwned::to_owned));
    secrets.push(secret);
}

fn use_api_key(server: &Server, admin: &mut Client, secrets: &mut Vec<String>) {
    let profile = json!({"allow_api_key_auth": true});
    admin.put("/api/v2/admin/profile", &profile).expect(200);
    let made = admin.post("/api/v2/apikeys", &json!({"name": "k", "scope": 1, "admin": ADMIN.0})).expect(201);
    let key = made.json()["key"].as_str().expect("a key").to_owned();
    server.anonymous().with("X-SFTPGO-API-KEY", &key).get("/api/v2/users").expect(200);
    let wrong = format!("{}.planted-secret-of-a-key", key.split('.').next().unwrap_or_default());
    server.anonymous().with("X-SFTPGO-API-KEY", &wrong).get("/api/v2/users").expect(401);
    secrets.push(key.split('.').nth(1).expect("a secret").to_owned());
    secrets.push(key);
}

/// Requests with secrets where none belong, or with others that make them fail.
fn send_what_is_refused(admin: &mut Client, user: &mut Client) {
    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    user.put("/api/v2/user/changepwd", &change(WRONG_PASSWORD, NEW_PASSWORD)).expect(400);
    let refused: Value = json!({"username": "", "password": USER_PASSWORD, "permissions": {"/": ["*"]}});
    admin.post("/api/v2/users", &refused).expect(400);
    let broken = format!("{{\"username\": \"x\", \"password\": \"{USER_PASSWORD}\"");
    let answer = admin.send("POST", "/api/v2/users", &[], Some(broken.as_bytes())).expect("an answer");
    answer.expect(400);
    admin.get(&format!("/api/v2/users?password={USER_PASSWORD}")).expect(200);
    admin.get(&format!("/api/v2/users/{USER_PASSWORD}")).expect(404);
    user.put("/api/v2/user/changepwd", &change(USER_PASSWORD, NEW_PASSWORD)).expect(200);
}
