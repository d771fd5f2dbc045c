//! Moving in and out by command: what comes out goes in again, problems are named with their places, and an
//! import that is killed leaves everything or nothing.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::program::{ADMIN, Client, Installation};

const USERS: &str = "/api/v2/users";
/// The hash of the word `password`, with the least work.
const HASH: &str = "{MD5}5f4dcc3b5aa765d61d8327deb882cf99";
/// Rounds of killing, unless `USERSD_KILL_ROUNDS` says otherwise.
const ROUNDS: u64 = 6;
/// Users of the large import, unless `USERSD_IMPORT_USERS` says otherwise.
const MANY: usize = 4_000;
/// The most memory an import may take, in KiB.
const MEMORY: u64 = 200 * 1024;

fn user(name: &str, generation: usize) -> Value {
    json!({
        "username": name, "status": 1, "password": HASH, "home_dir": format!("/srv/{name}"),
        "permissions": {"/": ["list", "download"], "/in": ["*"]}, "email": format!("{}@example.com", name.trim()),
        "created_at": 1_700_000_000_000_i64, "last_login": 1_700_000_000_001_i64, "used_quota_size": 5,
        "description": format!("generation {generation}"), "role": "crew",
        "filters": {"allowed_ip": ["127.0.0.0/8"], "web_client": ["write-disabled"]},
    })
}

/// A dump of users `u000000`, … and the role they have.
fn dump(count: usize, generation: usize) -> String {
    let mut text = String::from("{\"users\":[");
    for number in 0..count {
        let separator = if number == 0 { "" } else { ",\n" };
        write!(text, "{separator}{}", user(&format!("u{number:06}"), generation)).expect("a String grows");
    }
    text.push_str("],\"roles\":[{\"name\":\"crew\"}],\"version\":16}");
    text
}

fn number_from_outside(name: &str, usual: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "the size of the test is set from outside")]
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

/// What an export says, without what every write moves.
fn exported(installation: &Installation) -> Value {
    let mut dump: Value =
        serde_json::from_str(&installation.run(&["export", "-"]).expect(0).out).expect("a dump");
    for part in ["users", "roles", "admins", "api_keys"] {
        for object in dump[part].as_array_mut().expect("a list") {
            let object = object.as_object_mut().expect("an object");
            if part != "api_keys" {
                object.remove("id");
            }
            object.remove("updated_at");
        }
    }
    dump
}

fn sign_in(client: &Client, name: &str) {
    client.clone().basic(name, "password").get("/api/v2/user/token").expect(200);
}

#[test]
fn what_is_exported_is_imported_and_signs_in() {
    let old = Installation::new();
    let server = old.start();
    let mut admin = server.admin();
    admin.post("/api/v2/roles", &json!({"name": "crew", "description": "d"})).expect(201);
    let mut anna = user("anna", 1);
    anna["filters"]["allow_api_key_auth"] = json!(true);
    admin.post(USERS, &anna).expect(201);
    let key = json!({"name": "k", "scope": 2, "user": "anna", "description": "d"});
    let key =
        admin.post("/api/v2/apikeys", &key).expect(201).json()["key"].as_str().expect("a key").to_owned();
    sign_in(&server.anonymous(), "anna");
    server.stop();

    let file = old.folder().join("dump.json");
    let name = file.to_str().expect("a path");
    old.run(&["export", name]).expect(0);
    assert_eq!(file.metadata().expect("it is there").permissions().mode() & 0o777, 0o600);
    let new = Installation::new();
    let said = new.run(&["import", name, "--all-or-nothing"]).expect(0).out;
    assert_eq!(
        said,
        "roles: 1 added, 0 replaced, 0 left alone\nusers: 1 added, 0 replaced, 0 left alone\n\
         admins: 1 added, 0 replaced, 0 left alone\nAPI keys: 1 added, 0 replaced, 0 left alone\n"
    );
    assert_eq!(exported(&new), exported(&old));
    let server = new.start();
    assert_eq!(
        server.anonymous().signed_in(ADMIN.0, ADMIN.1).get(&format!("{USERS}/anna")).expect(200).status,
        200
    );
    sign_in(&server.anonymous(), "anna");
    let mut by_key = server.anonymous().with("X-SFTPGO-API-KEY", &key);
    assert_ne!(by_key.get("/api/v2/user/dirs").status, 401, "the key is known");
    let refused = new.run(&["import", name]).expect(3);
    assert!(refused.err.contains("in use by another process"), "{}", refused.err);
    new.run(&["export", "-"]).expect(3);
    server.stop();
}

#[test]
fn every_problem_is_named_with_its_place_and_a_look_changes_nothing() {
    let installation = Installation::new();
    let text = json!({
        "users": [
            user("good", 1), {"username": "bad", "permissions": {}}, {"username": 7}, user(" good ", 1),
            {"username": "lost", "permissions": {"/": ["*"]}, "role": "nobody"},
        ],
        "roles": [{"name": "crew"}, {"name": ""}],
        "admins": [{"username": "root", "status": 1, "permissions": ["*"]}],
        "api_keys": [{"id": "k", "name": "n", "scope": 1, "admin": "root", "key": "$2a$04$x"}],
        "shares": [{"name": "s"}], "configs": {"smtp": {}},
    });
    let file = installation.file("dump.json", &serde_json::to_string_pretty(&text).expect("JSON"));
    let name = file.to_str().expect("a path");
    let looked = installation.run(&["import", name, "--check"]).expect(1);
    assert!(!installation.store().exists(), "a look makes no store");
    assert!(looked.err.contains("7 objects cannot be imported"), "{}", looked.err);
    for line in [
        "problem: roles[1] \"\" (line ",
        "problem: users[1] \"bad\" (line ",
        "problem: users[2] \"\" (line ",
        "problem: users[3] \"good\" (line ",
        "problem: users[4] \"lost\" (line ",
        "problem: admins[0] \"root\" (line ",
        "problem: api_keys[0] \"k\" (line ",
        "left out: 1 shares, this server has none: \"s\"",
        "left out: 1 configs, this server has none: \"smtp\"",
    ] {
        assert!(looked.out.contains(line), "{line:?} is not in:\n{}", looked.out);
    }
    let place = looked.out.lines().find(|line| line.contains("users[1]")).expect("a line");
    let line: usize = place
        .split("(line ")
        .nth(1)
        .and_then(|rest| rest.split(')').next())
        .and_then(|n| n.parse().ok())
        .expect("a number");
    let written = fs::read_to_string(&file).expect("the file is there");
    let element: String = written.lines().skip(line - 1).take(6).collect();
    assert!(element.contains("\"permissions\": {}"), "line {line} begins another element: {element}");

    let refused = installation.run(&["import", name, "--all-or-nothing"]).expect(1);
    assert!(refused.err.contains("so nothing was"), "{}", refused.err);
    installation.run(&["export", "-"]).expect(4);
    let partly = installation.run(&["import", name]).expect(1);
    assert!(partly.out.contains("users: 1 added"), "{}", partly.out);
    let names: Vec<Value> = exported(&installation)["users"].as_array().expect("a list").clone();
    assert_eq!(names.len(), 1);
    installation.run(&["import", "/nowhere/dump.json"]).expect(1);
    installation.run_with(&["import", "-"], "{\"users\":[").expect(1);
}

#[test]
fn secrets_of_another_master_key_are_opened_or_refused() {
    let key = |installation: &Installation, text: &str| {
        let file = installation.file("master.key", text);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
        file.to_str().expect("a path").to_owned()
    };
    let old = Installation::new();
    let old_key = key(&old, "the key of the old server");
    let old = old.with("USERSD__SECRETS__MASTER_KEY_FILE", &old_key);
    let server = old.start();
    let mut ada = user("ada", 1);
    ada["role"] = json!("");
    ada["filesystem"] =
        json!({"provider": 4, "cryptconfig": {"passphrase": {"status": "Plain", "payload": "open sesame"}}});
    server.admin().post(USERS, &ada).expect(201);
    server.stop();
    let text = old.run(&["export", "-", "--scopes", "users"]).expect(0).out;

    let new = Installation::new();
    let refused = new.run_with(&["import", "-"], &text).expect(1);
    assert!(
        refused.out.contains("cryptconfig.passphrase: the secret needs the master key"),
        "{}",
        refused.out
    );
    new.run_with(&["import", "-", "--master-key-file", &old_key], &text).expect(0);
    let secret = exported(&new)["users"][0]["filesystem"]["cryptconfig"]["passphrase"].clone();
    assert_eq!(secret.get("mode"), None, "it is sealed anew, without a master key");
    let sealed: usersd::domain::secret::Secret = serde_json::from_value(secret).expect("a secret");
    let opened =
        usersd::domain::sealer::Sealer::default().open(sealed.sealed().expect("sealed")).expect("it opens");
    assert_eq!(opened.expose(), "open sesame");
    let kept = Installation::new();
    kept.run_with(&["import", "-", "--keep-sealed"], &text).expect(0);
    assert_eq!(exported(&kept)["users"], exported(&old)["users"]);
}

#[test]
fn accounts_of_other_programs_sign_in_with_their_passwords() {
    let installation = Installation::new();
    let hash =
        "$6$abcdefgh$yVfUwsw5T.JApa8POvClA1pQ5peiq97DUNyXCZN5IrF.BMSkiaLQ5kvpuEm/VQ1Tvh/KV2TcaWh8qinoW5dhA1";
    let passwd =
        installation.file("passwd", "ada:x:1000:1001:Ada:/home/ada:/bin/sh\nbin:x:2:2:bin:/bin:/bin/false\n");
    let shadow = installation.file("shadow", &format!("ada:{hash}:19000:::::\nbin:*:19000::::::\n"));
    let htpasswd = installation.file("htpasswd", "eve:$apr1$abcdefgh$FBwExRW4dCc8aL.OvjpIE1\n");
    let table = installation.file("users.csv", "username,password,permissions\nzoe,password,list download\n");
    let path = |path: &Path| path.to_str().expect("a path").to_owned();
    let said = installation
        .run(&["import", &path(&passwd), "--format", "passwd", "--shadow", &path(&shadow)])
        .expect(0)
        .out;
    let warned = "warning: users[1] \"bin\" (line 2): the login shell /bin/false is not kept: here the user may sign in; \
                  the password is locked";
    assert!(said.contains(warned), "{said}");
    installation.run(&["import", &path(&htpasswd), "--format", "htpasswd"]).expect(0);
    installation.run(&["import", &path(&table), "--format", "csv"]).expect(0);
    installation.run(&["import", &path(&table), "--format", "csv", "--shadow", &path(&shadow)]).expect(2);
    let server = installation.start();
    for name in ["ada", "eve", "zoe"] {
        sign_in(&server.anonymous(), name);
    }
    server.anonymous().basic("bin", "*").get("/api/v2/user/token").expect(401);
    let ada = server.admin().get(&format!("{USERS}/ada")).expect(200).json();
    assert_eq!(
        (&ada["uid"], &ada["gid"], &ada["home_dir"]),
        (&json!(1000), &json!(1001), &json!("/home/ada"))
    );
    server.stop();
}

/// Whether a store holds the whole population of a generation, or exactly what stood there before.
fn generation(exported: &Value, count: usize, before: &Value) -> Option<usize> {
    let users = exported["users"].as_array().expect("a list");
    if *exported == *before {
        return Some(0);
    }
    let are_new = users.iter().filter(|user| user["description"] == "generation 2").count();
    (users.len() == count && are_new == count).then_some(2)
}

#[test]
fn a_killed_import_leaves_everything_or_nothing() {
    const COUNT: usize = 3_000;
    let installation = Installation::new();
    let first = installation.file("first.json", &dump(40, 1));
    installation.run(&["import", first.to_str().expect("a path")]).expect(0);
    let mut before = exported(&installation);
    let second = installation.file("second.json", &dump(COUNT, 2));
    let second = second.to_str().expect("a path");
    let rounds = number_from_outside("USERSD_KILL_ROUNDS", usize::try_from(ROUNDS).expect("a small number"));
    let (mut cut, mut longest) = (0, Duration::from_millis(1500));
    for round in 0..rounds {
        let mut import = installation.spawn(&["import", second, "--all-or-nothing"]);
        let since = Instant::now();
        let share = u32::from(usersd::random::bytes::<1>()[0]);
        // The moment of death is what this test is about.
        std::thread::sleep(longest * share / 255);
        let has_ended = import.try_wait().expect("the process can be asked").is_some();
        drop(import.kill());
        import.wait().expect("it ends");
        let after = exported(&installation);
        let state = generation(&after, COUNT, &before);
        let state = state.unwrap_or_else(|| panic!("round {round}: a part of the import is there"));
        assert!(state == 2 || !has_ended, "round {round}: a finished import is gone");
        if state == 0 {
            cut += 1;
            continue;
        }
        // It was through: back to the start, and the next ones have less time.
        longest = longest.min(since.elapsed());
        fs::remove_dir_all(installation.store()).expect("the store can be removed");
        installation.run(&["import", first.to_str().expect("a path")]).expect(0);
        // The same population, changed at another time.
        before = exported(&installation);
    }
    println_rounds(cut, rounds);
    installation.run(&["import", second, "--all-or-nothing"]).expect(0);
    assert_eq!(generation(&exported(&installation), COUNT, &before), Some(2));
}

#[expect(clippy::print_stdout, reason = "shown when the test is asked to")]
fn println_rounds(cut: usize, rounds: usize) {
    println!("{cut} of {rounds} imports were cut off");
}

#[test]
fn a_server_killed_during_a_load_has_loaded_everything_or_nothing() {
    const COUNT: usize = 1_500;
    let installation = Installation::new();
    let body = dump(COUNT, 2);
    for round in 0..4 {
        let server = installation.start();
        let mut admin = server.admin();
        let body = body.clone();
        let load = std::thread::spawn(move || {
            admin
                .send("POST", "/api/v2/loaddata", &[], Some(body.as_bytes()))
                .is_ok_and(|answer| answer.status == 200)
        });
        // The moment of death is what this test is about.
        std::thread::sleep(Duration::from_millis(500 * round + u64::from(usersd::random::bytes::<1>()[0])));
        server.kill();
        let was_answered = load.join().expect("the client ends");
        let users = exported(&installation)["users"].as_array().expect("a list").len();
        assert!(
            users == COUNT || (users == 0 && !was_answered),
            "round {round}: {users} users, {was_answered}"
        );
        if users == COUNT {
            fs::remove_dir_all(installation.store()).expect("the store can be removed");
        }
    }
}

#[test]
fn many_users_come_in_with_little_memory() {
    let count = number_from_outside("USERSD_IMPORT_USERS", MANY);
    let installation = Installation::new();
    let file = installation.file("dump.json", &dump(count, 1));
    let mut import = installation.spawn(&["import", file.to_str().expect("a path"), "--all-or-nothing"]);
    let mut peak = 0;
    let ended = loop {
        let status = fs::read_to_string(format!("/proc/{}/status", import.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|text| text.trim().strip_suffix(" kB")).and_then(|text| text.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        if let Some(ended) = import.try_wait().expect("the process can be asked") {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(ended.success());
    assert!(peak > 0 && peak <= MEMORY, "{peak} KiB for {count} users");
    let server = installation.start();
    server.wait_for(&format!(", {count} users"));
    sign_in(&server.anonymous(), &format!("u{:06}", count - 1));
    server.stop();
}
