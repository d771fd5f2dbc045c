//! Guessing over HTTP: who is banned and who is not, how it is told, shown and lifted.

use awc::http::Method;
use serde_json::{Value, json};
use usersd::settings::Settings;

use crate::harness::{Principal, Reply, TestServer};
use crate::totp;

/// A server that counts failures, and believes the loopback about addresses.
async fn start() -> TestServer {
    start_with(|_| {}).await
}

async fn start_with(change: impl FnOnce(&mut Settings)) -> TestServer {
    TestServer::start_with(|settings| {
        settings.defender.enabled = true;
        settings.http.proxy_allowed = vec!["127.0.0.1/32".parse().unwrap()];
        settings.http.client_ip_header = Some("X-Forwarded-For".to_owned());
        change(settings);
    })
    .await
}

fn from(who: Principal, address: &str) -> Principal {
    who.with("X-Forwarded-For", address)
}

async fn sign_in(server: &TestServer, name: &str, password: &str, address: &str) -> Reply {
    from(server.basic(name, password), address).get("/token").await
}

async fn user_signs_in(server: &TestServer, name: &str, password: &str, address: &str) -> Reply {
    from(server.basic(name, password), address).get("/user/token").await
}

async fn admin(server: &TestServer, address: &str) -> Principal {
    let reply = sign_in(server, "admin", "password", address).await.expect(200).json();
    from(server.bearer(reply["access_token"].as_str().unwrap()), address)
}

async fn add_user(admin: &Principal, name: &str) {
    let user = json!({
        "username": name, "password": "secret", "status": 1, "permissions": {"/": ["*"]},
        "filters": {"allow_api_key_auth": true}
    });
    admin.post("/users", &user).await.expect(201);
}

/// The value of a new key that speaks for the admin.
async fn new_key(admin: &Principal) -> String {
    admin.put("/admin/profile", &json!({"allow_api_key_auth": true})).await.expect(200);
    let made = admin.post("/apikeys", &json!({"name": "k", "scope": 1, "admin": "admin"})).await.expect(201);
    made.json()["key"].as_str().unwrap().to_owned()
}

fn hex(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[actix_web::test]
async fn an_address_that_fails_ten_times_is_told_when_to_come_back() {
    let server = start().await;
    for number in 0..10 {
        sign_in(&server, &format!("nobody{number}"), "x", "192.0.2.1").await.expect(401);
    }
    for (name, password) in [("nobody", "x"), ("admin", "x"), ("admin", "password")] {
        let refused = sign_in(&server, name, password, "192.0.2.1").await.expect(429);
        assert_eq!(
            refused.json(),
            json!({"error": "too many requests, try again in 300s", "message": "Too Many Requests"})
        );
        assert_eq!((refused.header("Retry-After"), refused.header("X-Retry-In")), ("300", "300s"));
        assert_eq!(refused.header("WWW-Authenticate"), "");
    }
    sign_in(&server, "admin", "password", "192.0.2.2").await.expect(200);
    server.advance(299_999);
    assert_eq!(
        sign_in(&server, "admin", "password", "192.0.2.1").await.expect(429).header("Retry-After"),
        "1"
    );
    server.advance(1);
    sign_in(&server, "admin", "password", "192.0.2.1").await.expect(200);
}

#[actix_web::test]
async fn failures_that_are_far_apart_do_not_add_up() {
    let server = start().await;
    for _ in 0..20 {
        sign_in(&server, "admin", "x", "192.0.2.1").await.expect(401);
        server.advance(34_000);
    }
}

#[actix_web::test]
async fn an_account_is_closed_to_strangers_and_open_to_its_owner() {
    let server = start().await;
    let root = admin(&server, "192.0.2.1").await;
    add_user(&root, "bob").await;
    user_signs_in(&server, "bob", "secret", "192.0.2.7").await.expect(200);
    for number in 0..10 {
        user_signs_in(&server, "bob", "x", &format!("198.51.100.{number}")).await.expect(401);
    }
    for address in ["198.51.100.1", "198.51.100.200"] {
        user_signs_in(&server, "bob", "secret", address).await.expect(429);
    }
    user_signs_in(&server, "bob", "secret", "192.0.2.7").await.expect(200);
    // The admin of that name is another account, and the user's row of failures ended with his success.
    sign_in(&server, "bob", "x", "198.51.100.77").await.expect(401);
    user_signs_in(&server, "bob", "x", "192.0.2.7").await.expect(401);
}

#[actix_web::test]
async fn unknown_names_are_banned_like_known_ones() {
    let server = start().await;
    let root = admin(&server, "192.0.2.1").await;
    add_user(&root, "bob").await;
    let mut answers = Vec::new();
    for name in ["bob", "nobody"] {
        let mut told = Vec::new();
        for number in 0..12 {
            let reply = user_signs_in(&server, name, "x", &format!("198.51.100.{number}")).await;
            let mut headers: Vec<String> = reply.headers.iter().map(|(name, _)| name.clone()).collect();
            headers.sort_unstable();
            told.push((reply.status, reply.text, headers));
        }
        server.advance(3_600_000);
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!((answers[0][9].0, answers[0][10].0), (401, 429));
}

#[actix_web::test]
async fn a_ban_outlives_a_restart_and_is_lifted_by_an_admin() {
    let mut server = start().await;
    for _ in 0..10 {
        sign_in(&server, "eve", "x", "192.0.2.66").await.expect(401);
    }
    server.restart().await;
    sign_in(&server, "admin", "password", "192.0.2.66").await.expect(429);
    let root = admin(&server, "192.0.2.1").await;
    assert_eq!(root.get("/status").await.expect(200).json()["defender"], json!({"is_active": true}));
    sign_in(&server, "nobody", "x", "2001:db8::1").await.expect(401);
    let hosts = root.get("/defender/hosts").await.expect(200).json();
    let banned = json!({"id": hex("192.0.2.66"), "ip": "192.0.2.66", "ban_time": hosts[0]["ban_time"]});
    assert_eq!(hosts, json!([banned, {"id": hex("2001:db8::"), "ip": "2001:db8::", "score": 1}]));
    assert!(hosts[0]["ban_time"].as_str().unwrap().ends_with('Z'));
    let path = format!("/defender/hosts/{}", hex("192.0.2.66"));
    assert_eq!(root.get(&path).await.expect(200).json(), banned);
    root.delete(&path).await.expect(200);
    for gone in
        [path.as_str(), "/defender/hosts/zz", "/defender/hosts/6e6f", "/defender/hosts/3132372e302e302e39"]
    {
        let missing = json!({"error": "Not Found", "message": ""});
        assert_eq!(root.get(gone).await.expect(404).json(), missing);
        assert_eq!(root.delete(gone).await.expect(404).json(), missing);
    }
    sign_in(&server, "admin", "password", "192.0.2.66").await.expect(200);
    server.restart().await;
    sign_in(&server, "admin", "password", "192.0.2.66").await.expect(200);
}

#[actix_web::test]
async fn accounts_are_listed_and_let_off_by_those_who_may_see_them() {
    let server = start().await;
    let root = admin(&server, "192.0.2.1").await;
    root.post("/roles", &json!({"name": "r"})).await.expect(201);
    for (name, role) in [("ann", "r"), ("bob", "")] {
        let user = json!({"username": name, "password": "secret", "status": 1, "permissions": {"/": ["*"]}, "role": role});
        root.post("/users", &user).await.expect(201);
    }
    let lead = json!({"username": "lead", "password": "password", "status": 1, "role": "r",
        "permissions": ["view_defender", "manage_defender"]});
    root.post("/admins", &lead).await.expect(201);
    for name in ["ann", "bob", "nobody"] {
        for number in 0..10 {
            user_signs_in(&server, name, "x", &format!("198.51.100.{number}")).await.expect(401);
            server.advance(30_001);
        }
    }
    let accounts = |reply: Value| -> Vec<String> {
        let list = reply.as_array().unwrap().clone();
        list.iter().map(|one| one["account"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(accounts(root.get("/defender/accounts").await.expect(200).json()), ["user/nobody"]);
    for name in ["ann", "bob"] {
        user_signs_in(&server, name, "x", "198.51.100.1").await.expect(401);
    }
    let all = root.get("/defender/accounts").await.expect(200).json();
    assert_eq!(accounts(all.clone()), ["user/ann", "user/bob", "user/nobody"]);
    assert_eq!(all[0], json!({"id": hex("user/ann"), "account": "user/ann", "score": 1}));
    let token = sign_in(&server, "lead", "password", "192.0.2.2").await.expect(200).json();
    let lead = from(server.bearer(token["access_token"].as_str().unwrap()), "192.0.2.2");
    assert_eq!(accounts(lead.get("/defender/accounts").await.expect(200).json()), ["user/ann"]);
    lead.delete(&format!("/defender/accounts/{}", hex("user/bob"))).await.expect(404);
    lead.delete(&format!("/defender/accounts/{}", hex("user/ann"))).await.expect(200);
    root.delete(&format!("/defender/accounts/{}", hex("address/198.51.100.1"))).await.expect(404);
    root.delete(&format!("/defender/accounts/{}", hex("user/bob"))).await.expect(200);
    assert_eq!(accounts(root.get("/defender/accounts").await.expect(200).json()), ["user/nobody"]);
}

#[actix_web::test]
async fn another_password_opens_a_locked_account() {
    let server = start_with(|settings| {
        settings.defender.failures = std::num::NonZeroU32::new(2).unwrap();
        settings.defender.failures_in_a_row = std::num::NonZeroU32::new(6).unwrap();
    })
    .await;
    let root = admin(&server, "192.0.2.1").await;
    add_user(&root, "bob").await;
    for number in 0..4 {
        user_signs_in(&server, "bob", "x", &format!("198.51.100.{number}")).await.expect(401);
        server.advance(3_600_000);
    }
    let locked = user_signs_in(&server, "bob", "secret", "192.0.2.7").await.expect(429);
    assert_eq!(locked.header("Retry-After"), "86400");
    let root = admin(&server, "192.0.2.1").await;
    let shown = root.get("/defender/accounts").await.expect(200).json();
    assert_eq!(shown, json!([{"id": hex("user/bob"), "account": "user/bob", "locked": true}]));
    let changed = json!({"password": "another", "status": 1, "permissions": {"/": ["*"]}});
    root.put("/users/bob", &changed).await.expect(200);
    user_signs_in(&server, "bob", "another", "192.0.2.7").await.expect(200);
}

#[actix_web::test]
async fn wrong_codes_are_throttled_even_from_many_addresses() {
    let server = start().await;
    let root = admin(&server, "192.0.2.1").await;
    add_user(&root, "bob").await;
    add_user(&root, "ann").await;
    let token = user_signs_in(&server, "bob", "secret", "192.0.2.7").await.expect(200).json();
    let bob = from(server.bearer(token["access_token"].as_str().unwrap()), "192.0.2.7");
    let factor = json!({"enabled": true, "config_name": "Default", "protocols": ["HTTP"],
        "secret": {"status": "Plain", "payload": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}});
    bob.post("/user/totp/save", &factor).await.expect(200);
    let code = |name: &str, password: &str, address: String| {
        from(server.basic(name, password), &address).with("X-SFTPGO-OTP", "000000")
    };
    // Right password or wrong, second factor or none: the throttle does not tell.
    for (name, password) in [("bob", "secret"), ("ann", "x"), ("nobody", "x")] {
        for number in 0..5 {
            code(name, password, format!("198.51.100.{number}")).get("/user/token").await.expect(401);
        }
        code(name, password, "203.0.113.1".to_owned()).get("/user/token").await.expect(429);
        server.advance(3_600_000);
    }
    // From the owner's place too, and each crowd by itself.
    for _ in 0..5 {
        code("bob", "secret", "192.0.2.7".to_owned()).get("/user/token").await.expect(401);
    }
    code("bob", "secret", "192.0.2.7".to_owned()).get("/user/token").await.expect(429);
    let recovery = bob.get("/user/2fa/recoverycodes").await;
    assert_eq!(recovery.status, 401, "the token is over by now");
}

#[actix_web::test]
async fn asking_whether_a_code_is_wanted_is_forgiven_with_the_code_and_a_wrong_code_is_not() {
    let server = start_with(|settings| settings.defender.failures = 4.try_into().unwrap()).await;
    let root = admin(&server, "192.0.2.1").await;
    for name in ["ann", "bob", "eve"] {
        add_user(&root, name).await;
    }
    let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let factor = json!({"enabled": true, "config_name": "Default", "protocols": ["HTTP"],
        "secret": {"status": "Plain", "payload": secret}});
    for name in ["ann", "bob"] {
        let token = user_signs_in(&server, name, "secret", "192.0.2.1").await.expect(200).json();
        let who = from(server.bearer(token["access_token"].as_str().unwrap()), "192.0.2.1");
        who.post("/user/totp/save", &factor).await.expect(200);
    }
    let with_code = async |name: &str, code: &str, address: &str| {
        from(server.basic(name, "secret"), address).with("X-SFTPGO-OTP", code).get("/user/token").await
    };
    let right_code = || totp::at(secret, "sha1", server.now() / 30_000).unwrap();
    // The one who lacks a code for good cannot tell his right password from a wrong one.
    for (name, password, address) in [("ann", "secret", "192.0.2.10"), ("ann", "x", "192.0.2.11")] {
        for _ in 0..4 {
            user_signs_in(&server, name, password, address).await.expect(401);
        }
        user_signs_in(&server, name, password, address).await.expect(429);
        server.advance(3_600_000);
    }
    for _ in 0..9 {
        user_signs_in(&server, "bob", "secret", "192.0.2.7").await.expect(401);
        with_code("bob", &right_code(), "192.0.2.7").await.expect(200);
        server.advance(30_000);
    }
    // Somebody else's success forgives nobody but him.
    for _ in 0..2 {
        user_signs_in(&server, "bob", "secret", "192.0.2.8").await.expect(401);
        user_signs_in(&server, "eve", "secret", "192.0.2.8").await.expect(200);
    }
    for _ in 0..2 {
        user_signs_in(&server, "nobody", "x", "192.0.2.8").await.expect(401);
    }
    user_signs_in(&server, "eve", "secret", "192.0.2.8").await.expect(429);
    for _ in 0..4 {
        with_code("bob", "000000", "192.0.2.7").await.expect(401);
        with_code("bob", &right_code(), "192.0.2.7").await;
        server.advance(30_000);
    }
    with_code("bob", &right_code(), "192.0.2.7").await.expect(429);
}

#[actix_web::test]
async fn wrong_secrets_of_api_keys_count_and_bearer_tokens_go_on() {
    let server = start().await;
    let root = admin(&server, "192.0.2.1").await;
    let value = new_key(&root).await;
    let id = value.split('.').next().unwrap().to_owned();
    let key = |value: &str, address: &str| from(server.api_key(value), address);
    key(&value, "192.0.2.5").get("/users").await.expect(200);
    for _ in 0..10 {
        key(&format!("{id}.wrong"), "192.0.2.1").get("/users").await.expect(401);
    }
    key(&value, "192.0.2.1").get("/users").await.expect(429);
    key(&value, "198.51.100.1").get("/users").await.expect(429);
    key(&value, "192.0.2.5").get("/users").await.expect(200);
    root.get("/users").await.expect(200);
    sign_in(&server, "admin", "password", "192.0.2.1").await.expect(429);
    let accounts = root.get("/defender/accounts").await.expect(200).json();
    assert_eq!(accounts[0]["account"], format!("api_key/{id}"));
}

#[actix_web::test]
async fn a_key_that_comes_with_every_request_is_held_off_too_once_its_address_is_banned() {
    let server = start().await;
    let root = admin(&server, "192.0.2.1").await;
    let value = new_key(&root).await;
    let key = from(server.api_key(&value), "192.0.2.5");
    for _ in 0..3 {
        key.get("/users").await.expect(200);
    }
    for number in 0..10 {
        key.get("/users").await.expect(200);
        sign_in(&server, &format!("nobody{number}"), "wrong", "192.0.2.5").await.expect(401);
    }
    key.get("/users").await.expect(429);
    root.delete(&format!("/defender/hosts/{}", hex("192.0.2.5"))).await.expect(200);
    key.get("/users").await.expect(200);
}

#[actix_web::test]
async fn an_expired_key_is_no_guess_and_wrong_secrets_of_it_are() {
    let server = start().await;
    let root = admin(&server, "192.0.2.1").await;
    root.put("/admin/profile", &json!({"allow_api_key_auth": true})).await.expect(200);
    add_user(&root, "bob").await;
    for (draft, path) in [
        (json!({"name": "k", "scope": 1, "admin": "admin", "expires_at": 1}), "/api/v2/users"),
        (json!({"name": "k", "scope": 2, "user": "bob", "expires_at": 1}), "/api/v2/user/dirs"),
    ] {
        let made = root.post("/apikeys", &draft).await.expect(201).json();
        let value = made["key"].as_str().unwrap();
        let ask = async |value: &str| {
            let key = from(server.api_key(value), "192.0.2.9");
            key.send_to(&Method::GET, path, String::new()).await
        };
        for _ in 0..12 {
            ask(value).await.expect(401);
        }
        sign_in(&server, "admin", "password", "192.0.2.9").await.expect(200);
        assert_eq!(root.get("/defender/hosts").await.expect(200).json(), json!([]));
        assert_eq!(root.get("/defender/accounts").await.expect(200).json(), json!([]));
        let id = value.split('.').next().unwrap();
        for _ in 0..10 {
            ask(&format!("{id}.wrong")).await.expect(401);
            ask(value).await;
        }
        ask(value).await.expect(429);
        root.delete(&format!("/defender/hosts/{}", hex("192.0.2.9"))).await.expect(200);
        root.delete(&format!("/defender/accounts/{}", hex(&format!("api_key/{id}")))).await.expect(200);
    }
}

#[actix_web::test]
async fn the_current_password_cannot_be_guessed_with_a_token() {
    let server = start().await;
    let root = admin(&server, "192.0.2.1").await;
    add_user(&root, "bob").await;
    let token = user_signs_in(&server, "bob", "secret", "192.0.2.7").await.expect(200).json();
    let bob = from(server.bearer(token["access_token"].as_str().unwrap()), "192.0.2.7");
    for (who, path, right) in [(&root, "/admin/changepwd", "password"), (&bob, "/user/changepwd", "secret")] {
        for number in 0..10 {
            let guess = json!({"current_password": format!("x{number}"), "new_password": "another"});
            let wrong = who.put(path, &guess).await.expect(400);
            assert_eq!(wrong.json()["error"], "Validation error: current password does not match");
        }
        let change = json!({"current_password": right, "new_password": "another"});
        who.put(path, &change).await.expect(429);
        server.advance(300_000);
        who.put(path, &change).await.expect(200);
    }
}

#[actix_web::test]
async fn many_guesses_at_once_are_no_more_than_one_after_the_other() {
    let server = start().await;
    let guesses = (0..40).map(|number| sign_in(&server, "admin", ["x", "y"][number % 2], "192.0.2.1"));
    // A boxed slice: forty futures of a client are more than a stack is for.
    let replies = futures_util::future::join_all(guesses.map(Box::pin)).await;
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[401; 10].as_slice(), [429; 30].as_slice()].concat());
    assert!(replies.iter().all(|reply| reply.status == 401 || reply.header("Retry-After") == "300"));
}

#[actix_web::test]
async fn many_right_ones_at_once_are_all_let_in() {
    let server = start().await;
    let right = (0..40).map(|_| Box::pin(sign_in(&server, "admin", "password", "192.0.2.1")));
    for reply in futures_util::future::join_all(right).await {
        reply.expect(200);
    }
}
