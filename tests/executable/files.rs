//! What lies on the disk: closed to others, and refused when it is not.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use super::program::Installation;

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// Everything in a folder and below, with itself.
fn everything(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_store_is_closed_to_others() {
    let installation = Installation::new().with("USERSD__STORE__RESERVE_MIB", "1");
    let server = installation.start();
    let user = json!({"username": "ada", "status": 1, "permissions": {"/": ["*"]}});
    server.admin().post("/api/v2/users", &user).expect(201);
    let check = || {
        let all = everything(&installation.store());
        assert!(all.len() > 3, "{all:?}");
        for path in all {
            let wanted = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), wanted, "{}: {:o}", path.display(), mode(&path));
        }
    };
    check();
    server.stop();
    check();
}

#[test]
fn a_store_open_to_others_is_refused_until_it_is_closed() {
    let installation = Installation::new();
    installation.start().stop();
    let (store, db) = (installation.store(), installation.store().join("db"));
    for (path, open, closed) in [(&store, 0o750, 0o700), (&store, 0o701, 0o700), (&db, 0o640, 0o600)] {
        set_mode(path, open);
        let ended = installation.run(&["serve"]).expect(4);
        let said = format!("{} is open to others (mode {open:o})", path.display());
        assert!(ended.err.contains(&said), "{said:?} is not in:\n{}", ended.err);
        assert_eq!(mode(path), open, "it is the operator's to mend");
        set_mode(path, closed);
    }
    installation.start().stop();
}

#[test]
fn a_key_file_open_to_others_is_refused() {
    let installation = Installation::new();
    let key = installation.file("signing.key", "0123456789abcdef0123456789abcdef\n");
    let installation = installation.with("USERSD__AUTH__SIGNING_KEY_FILE", &key.display().to_string());
    set_mode(&key, 0o644);
    for command in ["serve", "check-config"] {
        let ended = installation.run(&[command]).expect(2);
        assert!(ended.err.contains("others may read or change it (mode 0644)"), "{}", ended.err);
    }
    set_mode(&key, 0o600);
    installation.start().stop();
}

#[test]
fn what_an_interrupted_start_left_behind_is_removed() {
    let installation = Installation::new();
    let server = installation.start();
    let user = json!({"username": "ada", "status": 1, "permissions": {"/": ["*"]}});
    server.admin().post("/api/v2/users", &user).expect(201);
    server.kill();
    let half = installation.store().join("snap.0000000000000000.generating");
    fs::write(&half, b"half a snapshot").expect("it can be written");
    set_mode(&half, 0o600);
    let server = installation.start();
    server.wait_for("the last start was interrupted");
    assert!(!half.exists());
    server.admin().get("/api/v2/users/ada").expect(200);
    server.stop();
}
