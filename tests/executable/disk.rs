//! A disk that fills up, is full at the start, or takes no writes at all (`design/security.md` T3). These need a small
//! disk of their own, 64 MiB, named by `USERSD_SMALL_DISK`: `.ci/run disk` makes one of memory.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::model;
use super::program::{Client, Installation, Server};

const USERS: &str = "/api/v2/users";

/// The small disk and what fills it.
struct Disk {
    folder: PathBuf,
    ballast: PathBuf,
}

impl Disk {
    /// The disk, emptied.
    #[expect(clippy::disallowed_methods, reason = "a test has no settings")]
    fn new() -> Self {
        let folder = PathBuf::from(std::env::var_os("USERSD_SMALL_DISK").expect("USERSD_SMALL_DISK is set"));
        for entry in folder.read_dir().expect("the small disk is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("it is ours");
        }
        Self { ballast: folder.join("ballast"), folder }
    }

    /// A server's settings with the store on this disk.
    fn installation(&self) -> Installation {
        Installation::new()
            .with("USERSD__STORE__PATH", &self.folder.join("store").display().to_string())
            .with("USERSD__STORE__RESERVE_MIB", "4")
    }

    fn free(&self) -> u64 {
        let found = rustix::fs::statvfs(&self.folder).expect("a disk");
        found.f_bavail * found.f_frsize
    }

    /// Fills the disk until so many bytes are left.
    fn fill_up_to(&self, left: u64) {
        let mut ballast = File::options().append(true).create(true).open(&self.ballast).expect("ballast");
        let block = vec![1; 64 << 10];
        while self.free() > left {
            let size = block.len().min(usize::try_from(self.free() - left).unwrap_or(block.len()));
            if ballast.write_all(&block[..size]).is_err() {
                return;
            }
        }
    }

    fn make_room(&self) {
        fs::remove_file(&self.ballast).expect("the ballast is there");
    }
}

fn make_roles(server: &Server) {
    for role in model::ROLES {
        server.admin().post("/api/v2/roles", &json!({"name": role})).expect(201);
    }
}

/// Every way of writing is refused in order, nothing is half done, and reads go on.
fn is_read_only(server: &Server, admin: &mut Client) {
    let before = admin.get(&format!("{USERS}/old")).expect(200).json();
    let refused = admin.post(USERS, &model::draft("new", 2)).expect(503);
    assert_eq!(refused.header("Retry-After"), "10");
    assert_eq!(refused.text(), "{\"error\":\"storage unavailable\",\"message\":\"Service Unavailable\"}\n");
    admin.put(&format!("{USERS}/old"), &model::draft("old", 2)).expect(503);
    admin.delete(&format!("{USERS}/old")).expect(503);
    admin.get(&format!("{USERS}/new")).expect(404);
    assert_eq!(admin.get(&format!("{USERS}/old")).expect(200).json(), before);
    assert_eq!(admin.get(USERS).expect(200).json(), json!([before]));
    server.anonymous().get("/readyz").expect(503);
    server.anonymous().get("/healthz").expect(200);
}

#[test]
#[ignore = "needs a small disk of its own: `.ci/run disk` makes one"]
fn a_disk_that_fills_up_makes_the_store_read_only_until_there_is_room() {
    let disk = Disk::new();
    let installation = disk.installation();
    let server = installation.start();
    make_roles(&server);
    let mut admin = server.admin();
    admin.post(USERS, &model::draft("old", 1)).expect(201);
    for _ in 0..2 {
        disk.fill_up_to(1 << 20);
        is_read_only(&server, &mut admin);
        disk.make_room();
        admin.put(&format!("{USERS}/old"), &model::draft("old", 1)).expect(200);
        server.anonymous().get("/readyz").expect(200);
    }
    admin.post(USERS, &model::draft("new", 2)).expect(201);
    server.stop();
    installation.run(&["store", "check"]).expect(0);
}

#[test]
#[ignore = "needs a small disk of its own: `.ci/run disk` makes one"]
fn a_disk_that_is_full_at_the_start_is_started_on_and_read_from() {
    let disk = Disk::new();
    let installation = disk.installation();
    let server = installation.start();
    make_roles(&server);
    server.admin().post(USERS, &model::draft("old", 1)).expect(201);
    server.kill();
    disk.fill_up_to(0);
    let server = installation.start();
    server.wait_for("the reserve was given up to start");
    let mut admin = server.admin();
    disk.fill_up_to(0);
    is_read_only(&server, &mut admin);
    disk.make_room();
    admin.post(USERS, &model::draft("new", 2)).expect(201);
    server.stop();
    let server = installation.start();
    assert!(disk.folder.join("store/reserve").exists(), "the reserve is kept again");
    server.stop();
}

/// The disk is filled to its last byte under the writers, so that a write fails in the middle.
#[test]
#[ignore = "needs a small disk of its own: `.ci/run disk` makes one"]
fn a_write_that_finds_no_room_is_not_answered_and_nothing_answered_is_lost() {
    let disk = Disk::new();
    let installation = disk.installation().with("USERSD__LOG__REQUESTS", "false");
    let server = installation.start();
    make_roles(&server);
    let is_full = AtomicBool::new(false);
    let answered: Vec<String> = std::thread::scope(|threads| {
        let writers: Vec<_> = (0..4_u64)
            .map(|writer| {
                let (mut client, is_full) = (server.admin(), &is_full);
                threads.spawn(move || write_until_refused(writer, &mut client, is_full))
            })
            .collect();
        disk.fill_up_to(0);
        is_full.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().expect("the writer ends")).collect()
    });
    let all_there = |server: &Server| {
        let mut admin = server.admin();
        for name in &answered {
            let found = admin.get(&format!("{USERS}/{name}")).expect(200).json();
            model::version(&found).unwrap_or_else(|why| panic!("{why}"));
        }
    };
    assert!(!answered.is_empty());
    all_there(&server);
    disk.make_room();
    // A write that failed on its way to the disk ends all writing until a start; else there is no need for one.
    let mut admin = server.admin();
    let outcome = admin.post(USERS, &model::draft("after", 2)).status;
    assert!([201, 503].contains(&outcome), "{outcome}");
    if outcome == 503 {
        server.wait_for("it is read-only until the next start");
    }
    server.kill();
    let server = installation.start();
    all_there(&server);
    server.admin().post(USERS, &model::draft("again", 2)).expect(201);
    server.stop();
    installation.run(&["store", "check"]).expect(0);
}

/// Makes users until one is refused on the full disk; gives the names of those that were answered.
fn write_until_refused(writer: u64, client: &mut Client, is_full: &AtomicBool) -> Vec<String> {
    let since = Instant::now();
    let mut answered = Vec::new();
    for version in 1.. {
        assert!(since.elapsed() < Duration::from_secs(60), "the full disk takes every write");
        let name = format!("w{writer}-{version}");
        match client.post(USERS, &model::draft(&name, version)).status {
            201 => answered.push(name),
            503 if is_full.load(Ordering::Relaxed) => return answered,
            503 => {}
            other => panic!("{other}"),
        }
    }
    answered
}

#[test]
#[ignore = "needs a small disk of its own: `.ci/run disk` makes one"]
fn a_disk_that_takes_no_writes_is_refused_and_a_backup_has_no_room_on_a_full_one() {
    let disk = Disk::new();
    let installation = disk.installation();
    let server = installation.start();
    make_roles(&server);
    server.admin().post(USERS, &model::draft("old", 1)).expect(201);
    disk.fill_up_to(0);
    let backup = disk.folder.join("users.backup");
    let ended = installation.run(&["backup", &backup.display().to_string()]).expect(1);
    assert!(ended.err.contains("No space left"), "{}", ended.err);
    assert!(!backup.exists() && !disk.folder.join(".users.backup.partial").exists());
    disk.make_room();
    server.stop();

    remount(&disk.folder, "ro");
    let ended = installation.run(&["serve"]);
    remount(&disk.folder, "rw");
    let ended = ended.expect(4);
    assert!(ended.err.contains("Read-only file system"), "{}", ended.err);
    let server = installation.start();
    server.admin().get(&format!("{USERS}/old")).expect(200);
    server.stop();
}

fn remount(folder: &Path, how: &str) {
    let done = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(folder).status();
    assert!(done.expect("mount runs").success(), "the small disk can be remounted");
}
