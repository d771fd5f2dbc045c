//! Backup, restore and check as commands: with the server running and stopped, under load, and against files that
//! are none (`design/security.md` T10).

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::model::{self, Life, Version};
use super::program::{Client, Installation, Server};
use super::random::Random;

const USERS: &str = "/api/v2/users";
/// Clients that write during a backup, and names each of them writes to.
const WRITERS: usize = 4;
const NAMES: u64 = 200;
/// Rounds of that, unless `USERSD_BACKUP_ROUNDS` says otherwise.
const ROUNDS: u64 = 2;

fn everybody(server: &Server) -> Value {
    server.admin().get(&format!("{USERS}?limit=500")).expect(200).json()
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

/// The entries of a backup, without the lines that hold its moment.
fn entries(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a backup is text");
    let lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    lines[1..lines.len() - 1].to_vec()
}

fn in_folder(installation: &Installation, name: &str) -> String {
    installation.folder().join(name).display().to_string()
}

#[test]
fn a_running_server_is_backed_up_and_comes_back_elsewhere() {
    let installation = Installation::new();
    let server = installation.start();
    let mut admin = server.admin();
    admin.post("/api/v2/roles", &json!({"name": "even"})).expect(201);
    for version in 1..=30 {
        admin.post(USERS, &model::draft(&format!("user{version}"), version * 2)).expect(201);
    }
    admin.delete(&format!("{USERS}/user7")).expect(200);
    admin.put("/api/v2/admin/profile", &json!({"allow_api_key_auth": true})).expect(200);
    let key = admin.post("/api/v2/apikeys", &json!({"name": "k", "scope": 1, "admin": "admin"})).expect(201);
    let key = key.json()["key"].as_str().expect("a key").to_owned();

    let file = installation.folder().join("users.backup");
    fs::write(&file, "an older one").expect("it can be written");
    let ended = installation.run(&["backup", &file.display().to_string()]).expect(0);
    assert!(ended.out.contains("29 users") && ended.out.contains("password hashes"), "{}", ended.out);
    assert!(ended.err.is_empty(), "nobody watches: {}", ended.err);
    assert_eq!(mode(&file), 0o600);
    let checked = installation.run(&["store", "check"]).expect(0);
    assert!(
        checked.out.starts_with("29 users, ") && checked.out.ends_with("all in order.\n"),
        "{}",
        checked.out
    );
    let before = everybody(&server);
    server.stop();

    // What is backed up from the disk is the same.
    let cold = installation.folder().join("cold.backup");
    installation.run(&["backup", &cold.display().to_string()]).expect(0);
    assert_eq!(entries(&cold), entries(&file));
    let checked = installation.run(&["store", "check"]).expect(0);
    assert!(checked.out.starts_with("29 users, "), "{}", checked.out);

    let elsewhere = Installation::new();
    let ended = elsewhere.run(&["restore", &file.display().to_string()]).expect(0);
    assert!(
        ended.out.starts_with("Restored 29 users, ") && ended.err.is_empty(),
        "{}{}",
        ended.out,
        ended.err
    );
    let ended = elsewhere.run(&["restore", &file.display().to_string()]).expect(4);
    assert!(ended.err.contains("is not empty"), "{}", ended.err);
    let server = elsewhere.start();
    assert_eq!(everybody(&server), before);
    server.anonymous().with("X-SFTPGO-API-KEY", &key).get(USERS).expect(200);
    let next = server.admin().post(USERS, &model::draft("next", 2)).expect(201).json();
    assert_eq!(next["id"], 31, "ids go on");
    server.stop();
    elsewhere.run(&["store", "check"]).expect(0);
}

#[test]
fn what_is_no_backup_is_refused_and_makes_no_store() {
    let installation = Installation::new();
    installation.start().stop();
    let good = in_folder(&installation, "good");
    installation.run(&["backup", &good]).expect(0);
    let text = fs::read_to_string(&good).expect("a backup is text");
    let elsewhere = Installation::new();
    for (name, text, why) in [
        ("empty", String::new(), "not a backup"),
        ("cut", text[..text.len() - 2].to_owned(), "cut off"),
        ("changed", text.replace("\"username\":\"admin\"", "\"username\":\"Admin\""), "checksum"),
        ("newer", text.replacen(":1,", ":9,", 1), "version 9"),
    ] {
        let file = elsewhere.file(name, &text).display().to_string();
        let ended = elsewhere.run(&["restore", &file]).expect(1);
        assert!(
            ended.err.contains(why) && ended.err.contains("nothing was written"),
            "{name}: {}",
            ended.err
        );
    }
    let ended = elsewhere.run(&["restore", &in_folder(&elsewhere, "absent")]).expect(1);
    assert!(ended.err.contains("absent cannot be read"), "{}", ended.err);
    assert!(!elsewhere.store().exists());
}

#[test]
fn a_look_makes_no_store_and_a_failed_backup_no_file() {
    let installation = Installation::new();
    let file = in_folder(&installation, "f");
    for command in [&["backup", &file][..], &["store", "check"]] {
        let ended = installation.run(command).expect(4);
        assert!(ended.err.contains("is empty"), "{}", ended.err);
    }
    assert!(!installation.store().exists() && !Path::new(&file).exists());

    installation.start().stop();
    let nowhere = in_folder(&installation, "no/such/folder");
    for to in [nowhere.as_str(), "/dev/null", "/"] {
        let ended = installation.run(&["backup", to]).expect(1);
        assert!(!ended.err.is_empty() && ended.out.is_empty(), "{}", ended.out);
    }
    let left = installation.folder().read_dir().expect("a folder").count();
    assert_eq!(left, 1, "only the store is there");
}

#[test]
fn the_socket_is_closed_to_others_and_a_killed_servers_is_replaced() {
    let installation = Installation::new();
    let socket = installation.store().join("control.sock");
    installation.start().kill();
    assert!(socket.exists(), "nobody could tidy up");
    installation.run(&["store", "check"]).expect(0);
    let server = installation.start();
    assert_eq!(mode(&socket), 0o600);
    let file = in_folder(&installation, "f");
    installation.run(&["backup", &file]).expect(0);
    server.stop();
    assert!(!socket.exists());

    let elsewhere = in_folder(&installation, "other.sock");
    let installation = installation.with("USERSD__STORE__CONTROL_SOCKET", &elsewhere);
    let server = installation.start();
    assert!(!socket.exists() && Path::new(&elsewhere).exists());
    installation.run(&["backup", &file]).expect(0);
    // A command that looks for the socket elsewhere finds the store in use.
    let lost = installation.with("USERSD__STORE__CONTROL_SOCKET", &file);
    let ended = lost.run(&["backup", &file]).expect(3);
    assert!(ended.err.contains("in use by another process"), "{}", ended.err);
    server.stop();
}

#[test]
fn a_place_where_no_socket_can_be_does_not_stop_the_server() {
    let installation = Installation::new();
    let taken = installation.file("taken", "somebody's").display().to_string();
    let too_long = in_folder(&installation, &"x".repeat(120));
    for place in [&taken, &too_long] {
        let elsewhere = Installation::new().with("USERSD__STORE__CONTROL_SOCKET", place);
        let server = elsewhere.start();
        server.wait_for("no backup can be made while the server runs");
        server.admin().get(USERS).expect(200);
        server.stop();
        let backup = in_folder(&elsewhere, "backup");
        if *place == too_long {
            elsewhere.run(&["backup", &backup]).expect(0);
        }
    }
    assert_eq!(fs::read_to_string(&taken).expect("it is there"), "somebody's");
}

/// One write and when it was under way.
struct Write {
    name: String,
    life: Life,
    sent: Instant,
    answered: Instant,
}

/// Writes to names of its own until it is told to stop.
fn write(number: usize, mut client: Client, stop: &AtomicBool) -> Vec<Write> {
    let mut random = Random::new();
    let (mut there, mut writes) = (BTreeMap::<String, Version>::new(), Vec::new());
    for version in 1.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("w{number}-{}", random.within(0..NAMES));
        let path = format!("{USERS}/{name}");
        let (body, sent) = (model::draft(&name, version), Instant::now());
        let life = match there.contains_key(&name) {
            true if random.within(0..3) == 0 => {
                client.delete(&path).expect(200);
                there.remove(&name);
                Life::Absent
            }
            true => {
                client.put(&path, &body).expect(200);
                Life::There(version)
            }
            false => {
                client.post(USERS, &body).expect(201);
                Life::There(version)
            }
        };
        if let Life::There(version) = life {
            there.insert(name.clone(), version);
        }
        writes.push(Write { name, life, sent, answered: Instant::now() });
    }
    writes
}

/// The moments at which the writer's users were exactly these: after each write that leads there, before the next.
fn moments(writes: &[Write], found: &BTreeMap<String, Version>, all: &Range<Instant>) -> Vec<Range<Instant>> {
    let mut state = BTreeMap::new();
    let mut moments = Vec::new();
    for count in 0..=writes.len() {
        if let Some(write) = count.checked_sub(1).map(|last| &writes[last]) {
            match write.life {
                Life::There(version) => state.insert(write.name.clone(), version),
                Life::Absent => state.remove(&write.name),
            };
        }
        if state == *found {
            let from = count.checked_sub(1).map_or(all.start, |last| writes[last].sent);
            let to = writes.get(count).map_or(all.end, |next| next.answered);
            moments.push(from..to);
        }
    }
    moments
}

/// The backup shows all writers at one moment between its begin and its end.
#[test]
fn a_backup_under_load_is_equal_to_one_moment() {
    let installation = Installation::new().with("USERSD__LOG__REQUESTS", "false");
    for round in 1..=rounds() {
        let server = installation.start();
        if round == 1 {
            for role in model::ROLES {
                server.admin().post("/api/v2/roles", &json!({"name": role})).expect(201);
            }
        }
        let file = installation.folder().join(format!("{round}.backup"));
        let stop = AtomicBool::new(false);
        let (histories, taken) = std::thread::scope(|threads| {
            let begin = Instant::now();
            let writers: Vec<_> = (0..WRITERS)
                .map(|number| {
                    let (client, stop) = (server.admin(), &stop);
                    // Names of each round are its own: what earlier rounds left does not change.
                    threads
                        .spawn(move || write(usize::try_from(round).unwrap_or(0) * 10 + number, client, stop))
                })
                .collect();
            while server.admin().get(USERS).expect(200).json().as_array().is_none_or(Vec::is_empty) {
                assert!(begin.elapsed() < Duration::from_secs(30), "no user is ever added");
            }
            let before = Instant::now();
            installation.run(&["backup", &file.display().to_string()]).expect(0);
            let taken = before..Instant::now();
            stop.store(true, Ordering::Relaxed);
            let histories: Vec<_> =
                writers.into_iter().map(|writer| writer.join().expect("every write is answered")).collect();
            assert!(begin < taken.start);
            (histories, taken)
        });
        server.stop();
        let elsewhere = Installation::new();
        elsewhere.run(&["restore", &file.display().to_string()]).expect(0);
        elsewhere.run(&["store", "check"]).expect(0);
        let server = elsewhere.start();
        let mut possible = vec![taken.clone()];
        for (number, writes) in histories.iter().enumerate() {
            let prefix = format!("w{}-", usize::try_from(round).unwrap_or(0) * 10 + number);
            let found = versions(&server, &prefix);
            let theirs = moments(writes, &found, &taken);
            assert!(!theirs.is_empty(), "round {round}: {} users of {prefix} are of no moment", found.len());
            possible = possible.iter().flat_map(|one| overlaps(one, &theirs)).collect();
        }
        assert!(!possible.is_empty(), "round {round}: the writers are of different moments");
        server.stop();
    }
}

fn overlaps(one: &Range<Instant>, others: &[Range<Instant>]) -> Vec<Range<Instant>> {
    let overlap = |other: &Range<Instant>| one.start.max(other.start)..one.end.min(other.end);
    others.iter().map(overlap).filter(|overlap| overlap.start < overlap.end).collect()
}

/// The users whose names begin like this, by name.
fn versions(server: &Server, prefix: &str) -> BTreeMap<String, Version> {
    let mut admin = server.admin();
    let mut found = BTreeMap::new();
    let mut offset = 0;
    loop {
        let page = admin.get(&format!("{USERS}?limit=500&offset={offset}")).expect(200).json();
        let page = page.as_array().expect("a list").clone();
        for document in &page {
            let name = document["username"].as_str().expect("a name");
            let version = model::version(document).unwrap_or_else(|why| panic!("{why}"));
            if name.starts_with(prefix) {
                found.insert(name.to_owned(), version);
            }
        }
        offset += page.len();
        if page.is_empty() {
            return found;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the length of the test is set from outside")]
fn rounds() -> u64 {
    std::env::var("USERSD_BACKUP_ROUNDS").map_or(ROUNDS, |text| text.parse().expect("a number of rounds"))
}
