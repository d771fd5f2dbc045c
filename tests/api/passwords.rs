//! Forgotten passwords over HTTP and SMTP: a code by mail, a new password for it, and what strangers learn
//! of accounts on the way, which is nothing.

use awc::http::Method;
use serde_json::{Value, json};
use usersd::settings::Settings;

use crate::harness::described::check_reply;
use crate::harness::sink::{CA, Manner, Security, Sink, SunkMail};
use crate::harness::{Principal, TestServer};

const UNKNOWN: &str = "Validation error: confirmation code not found";
const NEW: &str = "an0ther Password";

/// Answers alike, one code for each account, as a server has it whose settings say nothing of it.
fn strict(settings: &mut Settings, sink: &Sink) {
    settings.smtp = usersd::settings::SmtpSettings {
        host: Some("127.0.0.1".into()),
        port: sink.port().try_into().unwrap(),
        from: Some("usersd@example.com".parse().unwrap()),
        encryption: usersd::settings::SmtpEncryption::None,
        ..usersd::settings::SmtpSettings::default()
    };
    settings.reset_codes = usersd::settings::ResetCodeSettings::default();
    settings.auth.changes_end_other_tokens = true;
}

async fn server_for(sink: &Sink) -> TestServer {
    TestServer::start_with(|settings| strict(settings, sink)).await
}

/// A user with an address, and what else there is to say of him.
async fn add_user(admin: &Principal, name: &str, more: Value) {
    let mut user = json!({"username": name, "status": 1, "password": "old Passw0rd",
        "email": format!("{name}@example.com"), "permissions": {"/": ["*"]}});
    user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    admin.post("/users", &user).await.expect(201);
}

/// Waits for that many mails.
async fn mails(sink: &Sink, number: usize) -> Vec<SunkMail> {
    for _ in 0..2000 {
        if sink.mails().len() >= number {
            return sink.mails();
        }
        actix_web::rt::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("there are {} mails instead of {number}", sink.mails().len())
}

/// The code on a line of its own, between double quotes, nothing of it broken or escaped.
fn code_in(mail: &SunkMail) -> String {
    let quoted = |line: &str| Some(line.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    mail.text.lines().find_map(quoted).unwrap_or_else(|| panic!("no code in {}", mail.text))
}

async fn forgot(server: &TestServer, path: &str) {
    let reply = server.anonymous().post(&format!("{path}/forgot-password"), &json!({})).await.expect(200);
    assert_eq!(reply.json(), json!({"message": "Check your email for the confirmation code"}));
}

async fn reset(server: &TestServer, path: &str, code: &str) -> (u16, String) {
    let body = json!({"code": code, "password": NEW});
    let reply = server.anonymous().post(&format!("{path}/reset-password"), &body).await;
    let json = reply.json();
    let text = json["error"].as_str().filter(|text| !text.is_empty()).or(json["message"].as_str());
    (reply.status, text.unwrap().to_owned())
}

#[actix_web::test]
async fn a_code_by_mail_gives_a_new_password_and_ends_what_the_old_one_opened() {
    let sink = Sink::open(Manner::Polite).await;
    let server = server_for(&sink).await;
    let admin = server.admin().await;
    add_user(&admin, "ada", json!({})).await;
    let before = server.user("ada", "old Passw0rd").await;
    before.get("/user/profile").await.expect(200);

    forgot(&server, "/users/ada").await;
    let mails = mails(&sink, 1).await;
    assert_eq!((mails.len(), &mails[0].to[..]), (1, &["ada@example.com".to_owned()][..]));
    let code = code_in(&mails[0]);
    assert_eq!(code.len(), 22);
    assert_eq!(reset(&server, "/admins/ada", &code).await, (400, UNKNOWN.into()));
    assert_eq!(reset(&server, "/users/bob", &code).await, (400, UNKNOWN.into()));
    assert_eq!(reset(&server, "/users/ada", &code).await, (200, "Password reset successful".into()));
    assert_eq!(reset(&server, "/users/ada", &code).await, (400, UNKNOWN.into()));

    before.get("/user/profile").await.expect(401);
    server.basic("ada", "old Passw0rd").get("/user/token").await.expect(401);
    server.user("ada", NEW).await.get("/user/profile").await.expect(200);
}

#[actix_web::test]
async fn an_admins_code_is_for_that_admin_alone() {
    let sink = Sink::open(Manner::Polite).await;
    let server = server_for(&sink).await;
    let admin = server.admin().await;
    add_user(&admin, "boss", json!({})).await;
    admin
        .post(
            "/admins",
            &json!({"username": "boss", "password": "old Passw0rd", "status": 1,
            "email": "boss@example.org", "permissions": ["view_users"]}),
        )
        .await
        .expect(201);
    let before = server.signed_in("boss", "old Passw0rd").await;
    forgot(&server, "/admins/boss").await;
    let mail = mails(&sink, 1).await.remove(0);
    assert_eq!(mail.to, ["boss@example.org"]);
    let code = code_in(&mail);
    assert_eq!(reset(&server, "/users/boss", &code).await, (400, UNKNOWN.into()));
    assert_eq!(reset(&server, "/admins/boss", &code).await.0, 200);
    before.get("/users").await.expect(401);
    server.signed_in("boss", NEW).await.get("/users").await.expect(200);
    server.user("boss", "old Passw0rd").await;
}

#[actix_web::test]
async fn a_reset_leaves_the_second_factor_on_and_signs_nobody_in() {
    let sink = Sink::open(Manner::Polite).await;
    let server = server_for(&sink).await;
    let admin = server.admin().await;
    add_user(&admin, "ada", json!({})).await;
    let ada = server.user("ada", "old Passw0rd").await;
    let made = ada.post("/user/totp/generate", &json!({"config_name": "Default"})).await.expect(200).json();
    let factor = json!({"enabled": true, "config_name": "Default", "protocols": ["HTTP"],
        "secret": {"status": "Plain", "payload": made["secret"]}});
    ada.post("/user/totp/save", &factor).await.expect(200);
    let without_code = server.basic("ada", "old Passw0rd").get("/user/token").await.expect(401);

    forgot(&server, "/users/ada").await;
    let code = code_in(&mails(&sink, 1).await[0]);
    let body = json!({"code": code, "password": NEW});
    let reply = server.anonymous().post("/users/ada/reset-password", &body).await.expect(200);
    assert_eq!(reply.json(), json!({"message": "Password reset successful"}));
    assert_eq!(reply.header("Set-Cookie"), "");
    let after = server.basic("ada", NEW).get("/user/token").await.expect(401);
    assert_eq!(after.json(), without_code.json());
    let shown = admin.get("/users/ada").await.expect(200).json();
    assert_eq!(shown["filters"]["totp_config"]["enabled"], json!(true), "{shown}");
}

/// An answer without what differs each time.
async fn answer(server: &TestServer, path: &str) -> (u16, Vec<(String, String)>, String) {
    let path = format!("/api/v2{path}/forgot-password");
    let reply = server.anonymous().send_to(&Method::POST, &path, String::new()).await;
    let changes = |name: &str| name.eq_ignore_ascii_case("x-request-id") || name.eq_ignore_ascii_case("date");
    let mut headers: Vec<_> = reply.headers.into_iter().filter(|(name, _)| !changes(name)).collect();
    headers.sort();
    (reply.status, headers, reply.text)
}

/// What `/readyz` tells of the mails once nothing is under way.
async fn told(server: &TestServer, waiting: u64) -> Value {
    let admin = server.admin().await;
    for _ in 0..2000 {
        let reply = admin.send_to(&Method::GET, "/readyz", String::new()).await.expect(200);
        assert_eq!(check_reply("GET", "/readyz", 200, &reply.json()), Ok(()));
        let mail = reply.json()["mail"].clone();
        if mail["waiting"] == json!(waiting) && (waiting == 0 || mail["failures_in_a_row"] == json!(1)) {
            return mail;
        }
        actix_web::rt::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the mails never came to {waiting}")
}

/// How the mails fare follows from what became of single requests: strangers must not see it (S26).
#[actix_web::test]
async fn how_the_mails_fare_is_told_to_admins_who_may_see_it_alone() {
    let sink = Sink::open(Manner::Refuses("MAIL", "553 not you")).await;
    let server = server_for(&sink).await;
    let admin = server.admin().await;
    admin.post("/roles", &json!({"name": "r"})).await.expect(201);
    for (name, permissions, role) in [
        ("sees", json!(["view_status"]), ""),
        ("sees-not", json!(["view_users"]), ""),
        ("bound", json!(["view_status"]), "r"),
    ] {
        let other = json!({"username": name, "password": "password", "status": 1, "permissions": permissions,
            "role": role});
        admin.post("/admins", &other).await.expect(201);
    }
    let told =
        async |who: &Principal| who.send_to(&Method::GET, "/readyz", String::new()).await.expect(200).json();
    let without = json!({"status": "ready", "store": "writes and reads"});
    assert_eq!(told(&server.anonymous()).await, without);
    assert_eq!(told(&server.anonymous().with("Authorization", "Bearer x")).await, without);
    for name in ["sees-not", "bound"] {
        assert_eq!(told(&server.signed_in(name, "password").await).await, without, "{name}");
    }
    let shown = told(&server.signed_in("sees", "password").await).await;
    assert_eq!(shown["mail"], json!({"waiting": 0, "failures_in_a_row": 0}));
}

#[actix_web::test]
async fn whoever_is_asked_for_the_answer_is_the_same_and_so_is_what_can_be_seen_later() {
    for manner in [Manner::Polite, Manner::Refuses("EHLO", "421 closed for today"), Manner::HangsUp("EHLO")] {
        let mut seen = Vec::new();
        for name in ["known", "nobody", "mute", "disabled", "expired", "no-http", "elsewhere", "barred"] {
            let sink = Sink::open(manner).await;
            let server = server_for(&sink).await;
            let admin = server.admin().await;
            for (name, more) in [
                ("known", json!({})),
                ("mute", json!({"email": ""})),
                ("disabled", json!({"status": 0})),
                ("expired", json!({"expiration_date": 1_000})),
                ("no-http", json!({"filters": {"denied_protocols": ["HTTP"]}})),
                ("elsewhere", json!({"filters": {"allowed_ip": ["192.0.2.0/24"]}})),
                ("barred", json!({"filters": {"web_client": ["password-reset-disabled"]}})),
            ] {
                add_user(&admin, name, more).await;
            }
            let answer = answer(&server, &format!("/users/{name}")).await;
            let is_well = matches!(manner, Manner::Polite);
            let told = told(&server, u64::from(!is_well)).await;
            assert_eq!(sink.mails().len(), usize::from(is_well && name == "known"), "{name}");
            seen.push((name, answer, told));
        }
        let (_, answer, told) = &seen[0];
        assert_eq!(answer.0, 200);
        assert!(!answer.2.contains("421") && !answer.2.contains("closed"), "{}", answer.2);
        assert!(seen.iter().all(|(_, a, t)| a == answer && t == told), "{manner:?}: {seen:#?}");
    }
}

#[actix_web::test]
async fn a_link_comes_from_the_settings_and_never_from_the_request() {
    for url in [None, Some("https://files.example.com/{kind}/reset?name={username}")] {
        let sink = Sink::open(Manner::Polite).await;
        let server = TestServer::start_with(|settings| {
            strict(settings, &sink);
            settings.smtp.reset_url = url.map(|url| url.parse().unwrap());
        })
        .await;
        add_user(&server.admin().await, "ada", json!({})).await;
        let mut stranger = server.anonymous();
        for (header, value) in [
            ("Host", "evil.example"),
            ("X-Forwarded-Host", "evil.example"),
            ("X-Forwarded-Proto", "https"),
            ("Forwarded", "host=evil.example"),
            ("Origin", "https://evil.example"),
            ("Referer", "https://evil.example/"),
        ] {
            stranger = stranger.with(header, value);
        }
        stranger.post("/users/ada/forgot-password", &json!({})).await.expect(200);
        let mail = mails(&sink, 1).await.remove(0);
        // Soft line breaks and the sign that begins an escape (RFC 2045 §6.7).
        let text = mail.text.replace("=\r\n", "").replace("=3D", "=");
        assert!(!text.contains("evil.example"), "{text}");
        let link = "\r\nhttps://files.example.com/user/reset?name=ada\r\n";
        assert_eq!((text.contains("://"), text.contains(link)), (url.is_some(), url.is_some()), "{text}");
        assert_eq!(reset(&server, "/users/ada", &code_in(&mail)).await.0, 200);
    }
}

#[actix_web::test]
async fn a_name_in_the_path_adds_no_header_to_the_mail() {
    let sink = Sink::open(Manner::Polite).await;
    let server = TestServer::start_with(|settings| {
        strict(settings, &sink);
        settings.users.naming_rules = 5;
    })
    .await;
    let name = "ada\r\nBcc: eve@example.com\r\n\r\nhello";
    add_user(&server.admin().await, name, json!({"email": "ada@example.com", "home_dir": "/srv/ada"})).await;
    forgot(&server, "/users/ada%0D%0ABcc:%20eve@example.com%0D%0A%0D%0Ahello").await;
    let mail = mails(&sink, 1).await.remove(0);
    assert_eq!(mail.to, ["ada@example.com"]);
    let (head, _) = mail.text.split_once("\r\n\r\n").unwrap();
    assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
    assert!(head.contains("\r\nContent-Type: multipart/alternative"), "{head}");
}

#[actix_web::test]
async fn a_code_outlives_a_restart_and_not_its_ten_minutes() {
    for (wait, status) in [(600_000, 200), (600_001, 400)] {
        let sink = Sink::open(Manner::Polite).await;
        let mut server = server_for(&sink).await;
        add_user(&server.admin().await, "ada", json!({})).await;
        forgot(&server, "/users/ada").await;
        let code = code_in(&mails(&sink, 1).await[0]);
        server.restart().await;
        server.advance(wait - 1);
        assert_eq!(reset(&server, "/users/ada", &code).await.0, status);
        assert_eq!(sink.mails().len(), 1, "a restart sends nothing twice");
    }
}

#[actix_web::test]
async fn of_fifty_uses_at_once_one_succeeds() {
    let sink = Sink::open(Manner::Polite).await;
    let server = TestServer::start_with(|settings| {
        strict(settings, &sink);
        settings.reset_codes.wrong_codes_per_minute = std::num::NonZeroU32::new(100).unwrap();
    })
    .await;
    add_user(&server.admin().await, "ada", json!({})).await;
    forgot(&server, "/users/ada").await;
    let code = code_in(&mails(&sink, 1).await[0]);
    let uses = (0..50).map(|_| reset(&server, "/users/ada", &code));
    let answers = futures_util::future::join_all(uses).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == (400, UNKNOWN.into())).count(), 49, "{answers:?}");
}

#[actix_web::test]
async fn a_password_changed_by_anybody_voids_the_code() {
    let sink = Sink::open(Manner::Polite).await;
    let server = server_for(&sink).await;
    let admin = server.admin().await;
    add_user(&admin, "ada", json!({})).await;
    for number in 1..=2 {
        forgot(&server, "/users/ada").await;
        let code = code_in(&mails(&sink, number).await[number - 1]);
        if number == 1 {
            let ada = server.user("ada", "old Passw0rd").await;
            let change = json!({"current_password": "old Passw0rd", "new_password": "third Passw0rd"});
            ada.put("/user/changepwd", &change).await.expect(200);
        } else {
            let mut shown = admin.get("/users/ada").await.expect(200).json();
            shown["password"] = json!("fourth Passw0rd");
            admin.put("/users/ada", &shown).await.expect(200);
        }
        assert_eq!(reset(&server, "/users/ada", &code).await, (400, UNKNOWN.into()));
    }
}

#[actix_web::test]
async fn a_mail_goes_over_tls_to_a_server_of_a_private_authority() {
    let sink = Sink::open_with(Manner::Polite, Security::StartTls).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, CA).unwrap();
    let server = TestServer::start_with(|settings| {
        strict(settings, &sink);
        settings.smtp.encryption = usersd::settings::SmtpEncryption::Starttls;
        settings.smtp.ca_file = Some(ca);
    })
    .await;
    add_user(&server.admin().await, "ada", json!({})).await;
    forgot(&server, "/users/ada").await;
    let code = code_in(&mails(&sink, 1).await[0]);
    assert_eq!(reset(&server, "/users/ada", &code).await.0, 200);
}
