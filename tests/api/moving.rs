//! Everything out and everything in, over HTTP; and the round trip of any population.

use std::path::Path;
use std::sync::Arc;

use awc::http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};
use usersd::app::{self, Atomic, ExportRequest, ImportFormat, ImportRequest, Imported};
use usersd::service::moving::Mode;
use usersd::service::moving::report::KEPT;
use usersd::settings::Settings;

use crate::harness::{Principal, TestServer};

/// The hash of the word `password`.
const HASH: &str = "{MD5}5f4dcc3b5aa765d61d8327deb882cf99";

pub(crate) fn user(name: &str) -> Value {
    json!({"username": name, "status": 1, "permissions": {"/": ["*"]}, "home_dir": format!("/srv/{name}")})
}

pub(crate) async fn dump(admin: &Principal) -> Value {
    admin.get("/dumpdata?output-data=1").await.expect(200).json()
}

#[actix_web::test]
async fn a_dump_has_every_part_and_loads_into_another_server() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin.post("/roles", &json!({"name": "crew"})).await.expect(201);
    let mut anna = user("anna");
    anna["password"] = json!("a password");
    anna["role"] = json!("crew");
    anna["filesystem"] =
        json!({"provider": 4, "cryptconfig": {"passphrase": {"status": "Plain", "payload": "open sesame"}}});
    admin.post("/users", &anna).await.expect(201);
    let locked = |secret: &str| {
        let secret = json!({"status": "Plain", "payload": secret});
        json!({"provider": 4, "cryptconfig": {"passphrase": secret}})
    };
    let folder = json!({"name": "shared", "mapped_path": "/srv/shared", "filesystem": locked("one")});
    admin.post("/folders", &folder).await.expect(201);
    let mounted = json!([{"name": "shared", "virtual_path": "/s"}]);
    let group = json!({"name": "team", "description": "d", "virtual_folders": mounted,
        "user_settings": {"filesystem": locked("two"), "max_sessions": 3}});
    admin.post("/groups", &group).await.expect(201);
    let mut bert = user("bert");
    bert["groups"] = json!([{"name": "team", "type": 2}]);
    bert["virtual_folders"] = json!([{"name": "shared", "virtual_path": "/own"}]);
    admin.post("/users", &bert).await.expect(201);
    admin.post("/apikeys", &json!({"name": "k", "scope": 1, "admin": "admin"})).await.expect(201);

    let reply = admin.get("/dumpdata?output-data=1").await.expect(200);
    assert_eq!(reply.header("Content-Disposition"), "attachment; filename=\"sftpgo-backup.json\"");
    assert_eq!(reply.header("Content-Type"), "application/json");
    let dumped = reply.json();
    let members: Vec<&str> = dumped.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members.len(), 12);
    assert_eq!(
        (&dumped["version"], &dumped["configs"], &dumped["ip_lists"]),
        (&json!(16), &json!({}), &json!([]))
    );
    for (index, name) in ["anna", "bert"].into_iter().enumerate() {
        let mut shown = admin.get(&format!("/users/{name}?confidential_data=1")).await.expect(200).json();
        for folder in shown.get_mut("virtual_folders").and_then(Value::as_array_mut).into_iter().flatten() {
            folder.as_object_mut().unwrap().retain(|name, _| !["users", "groups"].contains(&name.as_str()));
        }
        assert_eq!(dumped["users"][index], shown, "an element is the confidential view");
    }
    assert_eq!(dumped["admins"][0]["filters"]["totp_config"], json!({"secret": {}}));
    assert!(dumped["admins"][0]["password"].as_str().unwrap().starts_with("$2a$"));
    assert!(dumped["api_keys"][0]["key"].as_str().unwrap().starts_with("$2a$"));
    assert_eq!(dumped["roles"][0]["users"], json!(["anna"]));
    assert_eq!(dumped["folders"][0]["users"], json!(["bert"]));
    for secret in [
        &dumped["folders"][0]["filesystem"]["cryptconfig"]["passphrase"],
        &dumped["groups"][0]["user_settings"]["filesystem"]["cryptconfig"]["passphrase"],
        &dumped["users"][1]["virtual_folders"][0]["filesystem"]["cryptconfig"]["passphrase"],
    ] {
        assert!(secret["key"].is_string(), "{secret}");
    }

    let other = TestServer::start().await;
    let their = other.admin().await;
    other.advance(5000);
    let done = their.post("/loaddata", &dumped).await.expect(200).json();
    assert_eq!(done, json!({"message": "Data restored"}));
    other.user("anna", "a password").await;
    their.get("/users").await.expect(401);
    let again = dump(&other.admin().await).await;
    assert_eq!(again["folders"], dumped["folders"]);
    for part in ["users", "groups", "api_keys"] {
        for (new, old) in again[part].as_array().unwrap().iter().zip(dumped[part].as_array().unwrap()) {
            let mut expected = old.clone();
            expected["updated_at"] = new["updated_at"].clone();
            expected["last_login"] = new["last_login"].clone();
            assert_ne!(new["updated_at"], old["updated_at"]);
            let mut new = new.clone();
            new["last_login"] = expected["last_login"].clone();
            assert_eq!(new, expected, "{part}");
        }
    }
}

#[actix_web::test]
async fn parts_outside_the_scopes_are_null() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let dumped = admin.get("/dumpdata?output-data=1&scopes=users,actions,nonsense").await.expect(200).json();
    for (member, value) in dumped.as_object().unwrap() {
        let expected = match member.as_str() {
            "users" | "event_actions" => json!([]),
            "version" => json!(16),
            _ => Value::Null,
        };
        assert_eq!(*value, expected, "{member}");
    }
}

#[actix_web::test]
async fn a_load_with_one_bad_object_changes_nothing_and_names_them_all() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin.post("/users", &user("anna")).await.expect(201);
    let before = dump(&admin).await;
    let mut changed = user("anna");
    changed["description"] = json!("changed");
    let load = json!({"users": [changed, {"username": "x"}, {"username": "y", "status": 5}], "roles": [{"name": "r"}]});
    let why = admin.post("/loaddata", &load).await.expect(400).json()["error"].as_str().unwrap().to_owned();
    assert!(why.starts_with("unable to restore user \"x\": ") && why.contains("user \"y\""), "{why}");
    assert_eq!(dump(&admin).await, before);
    let mut lost = user("lost");
    lost["role"] = json!("nobody");
    admin.post("/loaddata", &json!({"users": [lost]})).await.expect(409);
    let no_super = json!({"admins": [
        {"username": "admin", "password": "$2a$04$x", "status": 1, "permissions": ["view_users"]}]});
    admin.post("/loaddata", &no_super).await.expect(400);
    assert_eq!(dump(&admin).await, before);
    let undecodable =
        json!({"users": [{"username": "x", "uid": "seven"}, {"username": 5}, 7], "version": 17});
    let refused = admin.post("/loaddata", &undecodable).await.expect(400).json()["error"].to_string();
    for what in
        ["unable to restore user \\\"x\\\": ", "user users[1] in line 1: ", "user users[2] in line 1: "]
    {
        assert!(refused.contains(what), "{what} is not in {refused}");
    }
}

#[actix_web::test]
async fn bodies_and_parameters_that_make_no_sense_are_refused() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for (body, error) in [
        ("", "request body is required"),
        ("[]", ""),
        ("\"x\"", ""),
        ("{\"users\":[", ""),
        ("{\"users\":1}", ""),
    ] {
        let reply = admin.send(&Method::POST, "/loaddata", body.to_owned()).await.expect(400).json();
        let told = reply["error"].as_str().unwrap();
        assert!(told == error || (error.is_empty() && told.starts_with("invalid input_file \"\"")), "{told}");
    }
    for query in ["mode=x", "mode=", "scan-quota=x", "scan-quota=3"] {
        admin.send(&Method::POST, &format!("/loaddata?{query}"), "{}".to_owned()).await.expect(400);
    }
    for (query, body) in [("mode=7&scan-quota=2", "{}"), ("mode=0", "{\"unknown\":[1],\"version\":3} rest")] {
        admin.send(&Method::POST, &format!("/loaddata?{query}"), body.to_owned()).await.expect(200);
    }
    let filler = "x".repeat(21 << 20);
    admin.send(&Method::POST, "/loaddata", format!("{{\"a\":\"{filler}\"}}")).await.expect(400);
    let large = "x".repeat(3 << 20);
    admin.send(&Method::POST, "/loaddata", format!("{{\"a\":\"{large}\"}}")).await.expect(200);
}

#[actix_web::test]
async fn a_load_keeps_the_facts_of_who_is_there_and_takes_those_of_who_is_not() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut anna = user("anna");
    anna["password"] = json!("a password");
    admin.post("/users", &anna).await.expect(201);
    let token = server.user("anna", "a password").await;
    let before = admin.get("/users/anna").await.expect(200).json();
    let facts = json!({"created_at": 5, "last_login": 6, "used_quota_size": 7, "last_password_change": 8,
        "password": HASH, "description": "new"});
    let with = |name: &str| {
        let mut user = user(name);
        user.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
        user
    };
    admin
        .send(&Method::POST, "/loaddata?mode=1", json!({"users": [with("anna")]}).to_string())
        .await
        .expect(200);
    assert_eq!(admin.get("/users/anna").await.expect(200).json(), before, "mode 1 adds only");

    admin.post("/loaddata", &json!({"users": [with("anna"), with("bert")]})).await.expect(200);
    let anna = admin.get("/users/anna").await.expect(200).json();
    assert_eq!((&anna["created_at"], &anna["id"]), (&before["created_at"], &before["id"]));
    assert_eq!((&anna["last_login"], &anna["description"]), (&before["last_login"], &json!("new")));
    assert_eq!((anna.get("used_quota_size"), &anna["last_password_change"]), (None, &json!(8)));
    let bert = admin.get("/users/bert").await.expect(200).json();
    for member in ["created_at", "last_login", "used_quota_size", "last_password_change"] {
        assert_eq!(bert[member], facts[member], "{member}");
    }
    token.get("/user/profile").await.expect(401);
    server.user("anna", "password").await;
    admin.post("/loaddata", &json!({"users": [user("anna")]})).await.expect(200);
    let anna = admin.get("/users/anna").await.expect(200).json();
    assert_eq!(anna.get("has_password"), None, "an absent password is none");

    let signed_in = server.user("bert", "password").await;
    admin
        .send(&Method::POST, "/loaddata?mode=2", json!({"users": [with("bert")]}).to_string())
        .await
        .expect(200);
    signed_in.get("/user/profile").await.expect(401);
}

#[actix_web::test]
async fn secrets_come_as_sent_but_for_those_that_another_master_key_locks() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let with = |mode: i64| {
        let mut anna = user("anna");
        anna["filesystem"] = json!({"provider": 4, "cryptconfig": {"passphrase": {"status": "Secretbox",
            "payload": "cGF5", "key": "0".repeat(64), "additional_data": "anna", "mode": mode}}});
        json!({"users": [anna]}).to_string()
    };
    admin.send(&Method::POST, "/loaddata", with(0)).await.expect(200);
    admin.send(&Method::POST, "/loaddata", with(1)).await.expect(400);
    admin.send(&Method::POST, "/loaddata?keep-sealed=1", with(1)).await.expect(200);
}

#[actix_web::test]
async fn a_second_factor_of_an_admin_comes_along_at_the_first_load() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let load = json!({"admins": [{"username": "ann", "password": "$2a$04$x", "status": 1, "permissions": ["*"],
        "created_at": 5, "filters": {"totp_config": {"enabled": true, "config_name": "Default",
            "secret": {"status": "Plain", "payload": "JBSWY3DPEHPK3PXP"}}}}]});
    admin.post("/loaddata", &load).await.expect(200);
    let ann = admin.get("/admins/ann").await.expect(200).json();
    assert_eq!((&ann["filters"]["totp_config"]["enabled"], &ann["created_at"]), (&json!(true), &json!(5)));
    let mut unknown = load.clone();
    unknown["admins"][0]["filters"]["totp_config"]["config_name"] = json!("nobody knows");
    admin.post("/loaddata", &unknown).await.expect(400);
}

#[actix_web::test]
async fn who_loads_a_dump_does_nothing_to_himself_that_he_may_not_do_otherwise() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let ann = json!({"username": "ann", "password": "password", "status": 1,
        "permissions": ["manage_system", "view_users"], "filters": {"allow_api_key_auth": true}});
    root.post("/admins", &ann).await.expect(201);
    let made =
        root.post("/apikeys", &json!({"name": "k", "scope": 1, "admin": "ann"})).await.expect(201).json();
    let by_key = server.api_key(made["key"].as_str().unwrap());
    let ann = server.signed_in("ann", "password").await;
    let element = async || {
        let dumped = dump(&root).await;
        dumped["admins"].as_array().unwrap().iter().find(|admin| admin["username"] == "ann").cloned().unwrap()
    };
    let with = async |member: &str, value: Value| {
        let mut changed = element().await;
        changed[member] = value;
        json!({"users": [user("new")], "admins": [changed]})
    };
    for (member, value, why) in [
        ("permissions", json!(["*"]), "you cannot change your permissions"),
        ("permissions", json!(["manage_system"]), "you cannot change your permissions"),
        ("status", json!(0), "you cannot disable yourself"),
    ] {
        let before = element().await;
        let load = with(member, value).await;
        let refused = ann.post("/loaddata", &load).await.expect(400).json();
        let told = format!("unable to restore admin \"ann\": {why}");
        assert_eq!(refused["error"], told);
        ann.get("/users/new").await.expect(404);
        assert_eq!(element().await, before);
        ann.send(&Method::POST, "/loaddata?mode=1", json!({"admins": load["admins"]}).to_string())
            .await
            .expect(200);
        assert_eq!(element().await, before, "who only adds changes nobody");
    }

    // By a key not even what he may do himself, but he may be among the others as he is.
    let load = with("description", json!("new")).await;
    let refused = by_key.post("/loaddata", &load).await.expect(400).json();
    assert!(refused["error"].as_str().unwrap().contains("with an API key"), "{refused}");
    by_key.post("/loaddata", &json!({"admins": [element().await]})).await.expect(200);
    let mut load = load;
    load["admins"][0]["filters"]["require_password_change"] = json!(true);
    ann.post("/loaddata", &load).await.expect(200);
    let shown = element().await;
    assert_eq!(shown["description"], "new");
    assert_eq!(shown["filters"].get("require_password_change"), None, "silently as it was");
    ann.get("/users/new").await.expect(200);

    let load = with("permissions", json!(["*"])).await;
    root.post("/loaddata", &load).await.expect(200);
    assert_eq!(element().await["permissions"], json!(["*"]), "another may");
}

#[actix_web::test]
async fn nobody_loads_his_own_required_second_factor_away() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let mut ann = json!({"username": "ann", "password": "password", "status": 1, "permissions": ["manage_system"],
        "filters": {"require_two_factor": true, "totp_config": {"enabled": true, "config_name": "Default",
            "secret": {"status": "Plain", "payload": secret}}}});
    root.post("/loaddata", &json!({"admins": [ann]})).await.expect(200);
    let code = crate::totp::at(secret, "sha1", server.now() / 30_000).unwrap();
    let token =
        server.basic("ann", "password").with("X-SFTPGO-OTP", &code).get("/token").await.expect(200).json();
    let signed_in = server.bearer(token["access_token"].as_str().unwrap());
    ann["filters"] = json!({"require_two_factor": false});
    let refused = signed_in.post("/loaddata", &json!({"admins": [ann]})).await.expect(400).json();
    let told = refused["error"].as_str().unwrap();
    assert!(told.ends_with("two-factor authentication must be enabled"), "{told}");
    let shown = root.get("/admins/ann").await.expect(200).json();
    assert_eq!(shown["filters"]["totp_config"]["enabled"], true);
    assert_eq!(shown["filters"]["require_two_factor"], true);
}

#[actix_web::test]
async fn a_plain_password_is_held_to_what_the_groups_will_ask_of_it() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let group = |strength: i64| json!({"name": "team", "user_settings": {"filters": {"password_strength": strength}}});
    let with = |password: &str, kind: i64| {
        let mut anna = user("anna");
        anna["password"] = json!(password);
        anna["groups"] = json!([{"name": "team", "type": kind}]);
        anna
    };
    let load = |strength: i64, user: Value| json!({"groups": [group(strength)], "users": [user]}).to_string();
    let (weak, strong) = ("abcdefgh", "7 Zebras! dance, wildly; on my roof");
    let post = async |query: &str, body: String, status: u16| {
        let why = admin.send(&Method::POST, &format!("/loaddata{query}"), body).await.expect(status).json();
        assert_eq!(status == 400, why["error"].as_str().is_some_and(|why| why.contains("\"anna\"")), "{why}");
    };
    post("", load(80, with(weak, 1)), 400).await;
    post("", load(80, with(weak, 2)), 400).await;
    admin.get("/groups/team").await.expect(404);
    post("", load(80, with(weak, 3)), 200).await;
    post("", load(80, with(strong, 1)), 200).await;
    post("", load(80, with(HASH, 1)), 200).await;
    // The group that is there asks for much: of two that count, it is the one that stays.
    post("", json!({"users": [with(weak, 1)]}).to_string(), 400).await;
    post("?mode=1", load(0, with(weak, 1)), 400).await;
    post("", load(0, with(weak, 1)), 200).await;
    post("?mode=1", load(80, with(weak, 1)), 200).await;
}

// ------------------------------------------------------------------ imports on the store itself

fn settings(folder: &Path) -> Settings {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/conformance.toml");
    let mut settings = Settings::load(Some(file.as_ref()), []).unwrap();
    settings.store.path = folder.join("store");
    settings.store.reserve_mib = 0;
    settings
}

fn imported(folder: &Path, dump: &Value, mode: Mode, atomic: Atomic) -> Imported {
    let file = folder.join("dump.json");
    std::fs::write(&file, dump.to_string()).unwrap();
    let request = ImportRequest {
        file,
        format: ImportFormat::Dump,
        shadow: None,
        mode,
        check: false,
        atomic,
        master_key_file: None,
        keep_sealed: false,
    };
    let progress: app::ImportProgress = Arc::new(|_, _, _| ());
    app::import(&settings(folder), &request, &progress).unwrap_or_else(|why| panic!("{}", why.report()))
}

fn import(folder: &Path, dump: &Value) {
    let imported = imported(folder, dump, Mode::Replace, Atomic::Yes);
    assert!(imported.done.is_some(), "{:?}", imported.report);
}

/// The dump of a store, without what every write moves.
fn export(folder: &Path) -> Value {
    let mut out = Vec::new();
    let request = ExportRequest { file: "-".into(), scopes: None, indent: false };
    app::export(&settings(folder), &request, &mut out).unwrap_or_else(|why| panic!("{}", why.report()));
    let mut dump: Value = serde_json::from_slice(&out).unwrap();
    for part in ["users", "groups", "folders", "roles", "admins", "api_keys"] {
        for object in dump[part].as_array_mut().unwrap() {
            object.as_object_mut().unwrap().remove("updated_at");
            if part != "api_keys" {
                object.as_object_mut().unwrap().remove("id");
            }
            for folder in
                object.get_mut("virtual_folders").and_then(Value::as_array_mut).into_iter().flatten()
            {
                folder.as_object_mut().unwrap().remove("id");
            }
        }
    }
    dump
}

fn root(name: &str, permission: &str, status: i64, password: &str) -> Value {
    json!({"username": name, "status": status, "permissions": [permission], "password": password})
}

#[test]
fn the_last_admin_who_can_put_everything_right_is_left_alone_and_named() {
    let stored = json!({"admins": [root("ann", "*", 1, HASH), root("bob", "*", 1, HASH),
        root("eve", "*", 1, "$2a$04$x"), root("zoe", "*", 0, HASH)]});
    let refused = |coming: &[Value], atomic: Atomic| {
        let folder = tempfile::tempdir().unwrap();
        import(folder.path(), &stored);
        let before = export(folder.path());
        let dump = json!({"admins": coming, "users": [user("anna")]});
        let Imported { report, done } = imported(folder.path(), &dump, Mode::Replace, atomic);
        let refused: Vec<String> =
            report.problems.first().iter().map(|problem| problem.place.name.clone()).collect();
        assert_eq!(done.is_some(), atomic == Atomic::No || refused.is_empty());
        let after = export(folder.path());
        if done.is_none() {
            assert_eq!(after, before);
            return refused;
        }
        assert_eq!(after["users"][0]["username"], "anna");
        let record = |dump: &Value, name: &Value| {
            dump["admins"].as_array().unwrap().iter().find(|admin| admin["username"] == *name).cloned()
        };
        for new in coming {
            let name = &new["username"];
            let is_taken = record(&after, name) != record(&before, name);
            assert_eq!(is_taken, !refused.iter().any(|refused| refused == name), "{new}");
        }
        refused
    };
    let demoted =
        [root("ann", "view_users", 1, HASH), root("bob", "*", 0, HASH), root("amy", "view_users", 1, HASH)];
    let unusable = [root("ann", "*", 1, "$2a$04$x"), root("bob", "*", 1, "$2a$04$y")];
    let saved = [root("zoe", "*", 1, HASH), root("bob", "*", 0, HASH), root("ann", "view_users", 1, HASH)];
    let backwards = |admins: &[Value]| admins.iter().rev().cloned().collect::<Vec<_>>();
    for atomic in [Atomic::No, Atomic::Yes] {
        for (coming, kept) in
            [(&demoted[..], &["bob"][..]), (&unusable, &["bob"]), (&saved, &[]), (&demoted[..1], &[])]
        {
            assert_eq!(refused(coming, atomic), kept, "{coming:?}");
            assert_eq!(refused(&backwards(coming), atomic), kept, "{coming:?}");
        }
    }
}

#[test]
fn problems_beyond_the_first_are_counted() {
    const MANY: usize = KEPT + 1234;
    let folder = tempfile::tempdir().unwrap();
    let mut users = vec![json!({"username": 7}); MANY];
    users.push(user("good"));
    let dump = json!({"users": users, "shares": vec![json!({"name": "s"}); 3000]});
    let Imported { report, done } = imported(folder.path(), &dump, Mode::Replace, Atomic::No);
    let places: Vec<usize> = report.problems.first().iter().map(|problem| problem.place.index).collect();
    assert_eq!((places, report.problems.count()), ((0..KEPT).collect(), MANY));
    assert_eq!((report.left_out[0].count, report.left_out[0].names.len()), (3000, 1000));
    assert!(done.is_some());
    assert_eq!(export(folder.path())["users"].as_array().unwrap().len(), 1);
}

// ------------------------------------------------------------------ the round trip

fn secret() -> impl Strategy<Value = Value> {
    ".{1,12}".prop_map(|text| json!({"status": "Plain", "payload": text}))
}

fn any_user() -> impl Strategy<Value = Value> {
    let texts = (".{0,12}", ".{0,12}", prop::option::of("[a-z]{1,8}@example\\.com"));
    let numbers = prop::collection::vec(1_i64..1_000_000_000_000, 9);
    let hash = prop::sample::select(vec![
        HASH,
        "$2a$04$x",
        "$2y$04$x",
        "$argon2id$v=19$m=8,t=1,p=1$x",
        "a plain one",
    ]);
    let factor = prop::option::of((secret(), prop::collection::vec((secret(), any::<bool>()), 0..3)));
    let filesystem = prop_oneof![
        Just(json!({"provider": 0})),
        secret().prop_map(|secret| json!({"provider": 4, "cryptconfig": {"passphrase": secret}})),
        secret().prop_map(|secret| json!({"provider": 1, "s3config":
            {"bucket": "b", "region": "r", "access_key": "k", "access_secret": secret}})),
    ];
    (texts, numbers, prop::option::of(hash), factor, filesystem, any::<bool>()).prop_map(
        |((description, info, email), n, hash, factor, filesystem, has_role)| {
            let mut user = json!({
                "status": n[0] % 2, "permissions": {"/": ["*"], "/\"in\"": ["list"]}, "home_dir": "/srv/x",
                "description": description, "additional_info": info, "uid": n[1], "created_at": n[2],
                "last_login": n[3], "used_quota_size": n[4], "last_password_change": n[5], "first_upload": n[6],
                "expiration_date": n[7], "filters": {"password_expiration": n[8], "denied_ip": ["10.0.0.0/8"]},
                "filesystem": filesystem, "role": if has_role { "crew" } else { "" },
            });
            if n[0] % 3 == 0 {
                user["groups"] = json!([{"name": "team", "type": 1}]);
                user["virtual_folders"] = json!([{"name": "shared", "virtual_path": "/s", "quota_size": 3}]);
            }
            if let Some(email) = email {
                user["email"] = json!(email);
            }
            if let Some(hash) = hash {
                user["password"] = json!(hash);
            }
            if let Some((secret, codes)) = factor {
                user["filters"]["totp_config"] =
                    json!({"enabled": true, "config_name": "Default", "protocols": ["HTTP"], "secret": secret});
                let codes = codes.into_iter().map(|(secret, used)| json!({"secret": secret, "used": used}));
                user["filters"]["recovery_codes"] = codes.collect();
            }
            user
        },
    )
}

fn any_dump() -> impl Strategy<Value = Value> {
    let users = prop::collection::btree_map("[A-Za-z0-9é/ \"]{0,10}[a-z]", any_user(), 0..12);
    let users = users.prop_map(|users| {
        let mut names = std::collections::BTreeSet::new();
        let kept = users.into_iter().filter_map(|(name, mut user)| {
            user["username"] = json!(name);
            names.insert(name.trim().to_owned()).then_some(user)
        });
        kept.collect::<Vec<Value>>()
    });
    (users, prop::option::of(secret()), 1_i64..1_000_000).prop_map(|(users, secret, moment)| {
        let mut admin = json!({"username": "root", "status": 1, "permissions": ["*"], "password": "$2a$04$x",
            "created_at": moment, "last_login": moment});
        if let Some(secret) = secret {
            admin["filters"] =
                json!({"totp_config": {"enabled": true, "config_name": "Default", "secret": secret}});
        }
        let key = json!({"id": "k1", "name": "n", "scope": 1, "admin": "root", "key": "$2a$04$y",
            "created_at": moment, "last_use_at": moment});
        let folder = json!({"name": "shared", "mapped_path": "/srv", "used_quota_size": moment});
        let group = json!({"name": "team", "created_at": moment, "user_settings": {"max_sessions": 1},
            "virtual_folders": [{"name": "shared", "virtual_path": "/team"}]});
        json!({"users": users, "admins": [admin], "api_keys": [key], "folders": [folder], "groups": [group],
            "roles": [{"name": "crew", "created_at": moment, "description": "<d>"}]})
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn what_comes_out_goes_in_and_comes_out_the_same(dump in any_dump()) {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        import(one.path(), &dump);
        let first = export(one.path());
        let count = |dump: &Value| dump["users"].as_array().unwrap().len();
        prop_assert_eq!(count(&first), count(&dump));
        prop_assert_eq!(first["admins"][0]["created_at"].clone(), dump["admins"][0]["created_at"].clone());
        import(other.path(), &first);
        prop_assert_eq!(&export(other.path()), &first);
        // Again over itself: nothing moves but what every write moves.
        import(other.path(), &first);
        prop_assert_eq!(&export(other.path()), &first);
    }
}
