//! The house is in order: imports point down only, and each library stays in its room.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from top to bottom; a room may import from those below it and from its own.
const ROOMS: [&[&str]; 10] = [
    &["main"],
    &["cli"],
    &["app"],
    &["routes"],
    &["api", "auth", "state"],
    &["service"],
    &["store", "mail"],
    &["settings", "exit", "logging", "systemd"],
    &["clock", "domain"],
    &["wire", "random", "error"],
];

/// Libraries that only these rooms may name.
const LIBRARIES: [(&str, &[&str]); 4] = [
    ("sled", &["store"]),
    ("bincode", &["store"]),
    ("actix_web", &["api", "auth", "app", "routes"]),
    ("lettre", &["mail", "settings"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The room a file stands in, and its text without tests.
fn rooms() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let is_test = |path: &Path| path.file_stem().is_some_and(|stem| stem == "tests" || stem == "testing");
    files.retain(|path| !is_test(path));
    let read = |path: PathBuf| {
        let inside = path.strip_prefix(&root).expect("a path below src").to_owned();
        let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a readable source");
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        (first.trim_end_matches(".rs").to_owned(), inside, text)
    };
    files.into_iter().map(read).filter(|(room, ..)| room != "lib").collect()
}

fn level(room: &str) -> usize {
    let found = ROOMS.iter().position(|rooms| rooms.contains(&room));
    found.unwrap_or_else(|| panic!("the room {room:?} has no place in the house"))
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (room, file, text) in rooms() {
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for rest in line.split("crate::").skip(1) {
                let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let known = ROOMS.iter().any(|rooms| rooms.contains(&name.as_str()));
                if known && level(&name) < level(&room) {
                    wrong.push(format!("{}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point up:\n{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for (room, file, text) in rooms() {
        for (library, allowed) in LIBRARIES {
            let named = text.contains(&format!("use {library}")) || text.contains(&format!(" {library}::"));
            if named && !allowed.contains(&room.as_str()) && !["lib", "main"].contains(&room.as_str()) {
                wrong.push(format!("{} names {library}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
