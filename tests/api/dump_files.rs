//! Dumps as files on the server: where they are written and read, and nowhere else.

use std::path::Path;

use serde_json::{Value, json};

use super::moving::{dump, user};
use crate::harness::TestServer;

#[actix_web::test]
async fn a_dump_may_be_written_to_the_folder_for_dumps_and_loaded_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dumps");
    let server = TestServer::start_with(|settings| settings.store.backups_path = Some(path.clone())).await;
    let admin = server.admin().await;
    admin.post("/users", &user("anna")).await.expect(201);
    let saved = admin.get("/dumpdata?output-file=a.json&indent=1").await.expect(200).json();
    assert_eq!(saved, json!({"message": "Data saved"}));
    let text = std::fs::read_to_string(path.join("a.json")).unwrap();
    assert!(text.starts_with("{\n  \"users\": [\n    {\n      \""), "{text}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), dump(&admin).await);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&path.join("a.json").metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    for query in [
        "",
        "?output-file=",
        "?output-file=../b",
        "?output-file=%2Fb",
        "?output-file=a%2F..%2Fb",
        "?output-data=0",
    ] {
        admin.get(&format!("/dumpdata{query}")).await.expect(400);
    }
    admin.delete("/users/anna").await.expect(200);
    admin.get("/loaddata?input-file=a.json").await.expect(200);
    admin.get("/users/anna").await.expect(200);
    let absolute = path.join("a.json").display().to_string().replace('/', "%2F");
    admin.get(&format!("/loaddata?input-file={absolute}")).await.expect(200);
    for query in
        ["", "?input-file=", "?input-file=b.json", "?input-file=%2Fetc%2Fpasswd", "?input-file=a.json&mode=x"]
    {
        admin.get(&format!("/loaddata{query}")).await.expect(400);
    }
    let without = TestServer::start_with(|settings| settings.store.backups_path = None).await;
    let admin = without.admin().await;
    for path in ["/dumpdata?output-file=a.json", "/loaddata?input-file=a.json"] {
        let why = admin.get(path).await.expect(400).json();
        assert!(why["error"].as_str().unwrap().contains("store.backups_path"), "{why}");
    }
}

#[actix_web::test]
async fn a_dump_is_written_below_its_folder_and_follows_nothing_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (dumps, outside) = (folder.path().join("dumps"), folder.path().join("outside"));
    for path in [dumps.join("folder"), outside.clone()] {
        std::fs::create_dir_all(path).unwrap();
    }
    std::fs::write(outside.join("secret"), "s").unwrap();
    for (name, to) in [("link", "../outside/secret"), ("way", "../outside"), ("dangling", "../outside/new")] {
        std::os::unix::fs::symlink(to, dumps.join(name)).unwrap();
    }
    let server = TestServer::start_with(|settings| settings.store.backups_path = Some(dumps.clone())).await;
    let admin = server.admin().await;
    let names = async |query: &str| admin.get(&format!("/dumpdata?output-file={query}")).await;
    let long = "a".repeat(256);
    for odd in [
        "",
        ".",
        "..",
        "/",
        "%2F",
        "a%2F",
        "a%2F%2Fb",
        ".%2Fa",
        "a%2F.",
        "..%2Fa",
        "a%00",
        "a%0Ab",
        &long,
        &"a%2F".repeat(600),
        "folder",
        "link",
        "dangling",
        "way%2Fa",
        "link%2Fa",
        "way",
    ] {
        let why = names(odd).await.expect(400).json();
        assert!(!why["error"].as_str().unwrap().contains(folder.path().to_str().unwrap()), "{odd}: {why}");
    }
    let left = |path: &Path| {
        let names = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(left(&dumps), ["dangling", "folder", "link", "way"], "nothing is left of what is refused");
    assert_eq!(
        (left(&outside), std::fs::read(outside.join("secret")).unwrap()),
        (vec!["secret".into()], b"s".into())
    );
    for (name, path) in
        [("folder%2Fnew%2Fa", "folder/new/a"), ("b", "b"), ("b", "b"), (&long[1..], &long[1..])]
    {
        names(name).await.expect(200);
        let found = dumps.join(path).metadata().unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&found.permissions());
        assert!(found.is_file() && mode & 0o777 == 0o600, "{path}: {mode:o}");
    }
    assert_eq!(left(&dumps.join("folder/new")), ["a"]);
}

#[actix_web::test]
async fn a_load_does_not_tell_which_files_there_are_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let dumps = folder.path().join("dumps");
    std::fs::create_dir(&dumps).unwrap();
    std::fs::write(folder.path().join("secret"), "{}").unwrap();
    let server = TestServer::start_with(|settings| settings.store.backups_path = Some(dumps.clone())).await;
    let admin = server.admin().await;
    let mut answers = Vec::new();
    let outside = folder.path().display().to_string();
    for name in [
        "../secret",
        "../missing",
        "..",
        ".",
        &format!("{outside}/secret"),
        &format!("{outside}/missing"),
        "/etc/shadow",
    ] {
        let query = name.replace('/', "%2F");
        let reply = admin.get(&format!("/loaddata?input-file={query}")).await.expect(400);
        answers.push(reply.json()["error"].as_str().unwrap().replace(&format!("{name:?}"), ""));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}
