//! The commands that do not serve: what they print, what they refuse, and with which exit code.

use std::fs;

use super::program::{ADMIN, Installation};

const USERS: &str = "/api/v2/users";

#[test]
fn check_config_shows_the_settings_in_force_with_secrets_masked() {
    let installation = Installation::new()
        .with_settings(
            "[auth]\nsigning_key = \"planted-in-the-file-0123456789-abcdef\"\n[smtp]\nhost = \"h\"\n",
        )
        .with("USERSD__SMTP__PASSWORD", "planted-in-the-environment")
        .with("USERSD__SMTP__USER", "user@example.com");
    let ended = installation.run(&["check-config"]).expect(0);
    for shown in ["signing_key = \"********\"", "password = \"********\"", "user = \"user@example.com\""] {
        assert!(ended.out.contains(shown), "{shown:?} is not in:\n{}", ended.out);
    }
    assert!(!ended.out.contains("planted") && ended.err.is_empty(), "{}{}", ended.out, ended.err);
    assert!(!installation.store().exists(), "a look makes no store");
}

#[test]
fn a_wrong_key_is_named_with_file_and_line() {
    let installation =
        Installation::new().with_settings("# A comment.\n[http]\nbind = \"127.0.0.1:0\"\nprot = 1\n");
    for command in [&["check-config"][..], &["serve"]] {
        let ended = installation.run(command).expect(2);
        let place = format!("{}:4: http.prot", installation.config().display());
        assert!(ended.err.contains(&place), "{place:?} is not in:\n{}", ended.err);
        assert_eq!(ended.out, "");
    }
}

#[test]
fn a_wrong_variable_is_called_by_its_name() {
    let installation = Installation::new().with("USERSD__HTTP__PROT", "1");
    let ended = installation.run(&["check-config"]).expect(2);
    assert!(ended.err.contains("USERSD__HTTP__PROT"), "{}", ended.err);
}

#[test]
fn a_missing_file_and_an_unknown_command_are_wrong_usage() {
    let installation = Installation::new().with_settings("");
    installation.run(&["server"]).expect(2);
    fs::remove_file(installation.config()).expect("the file is there");
    for command in ["check-config", "serve"] {
        let ended = installation.run(&[command]).expect(2);
        let file = installation.config().display().to_string();
        assert!(ended.err.contains(&file), "{file:?} is not in:\n{}", ended.err);
    }
}

#[test]
fn the_description_scripts_and_manual_are_printed_without_a_store() {
    let installation = Installation::new();
    let description = installation.run(&["openapi"]).expect(0).out;
    let description: serde_json::Value = serde_json::from_str(&description).expect("JSON");
    assert!(description["paths"]["/users/{username}"]["get"].is_object());
    let script = installation.run(&["completions", "bash"]).expect(0).out;
    assert!(script.contains("_usersd()") && script.contains("reset-password"), "{script}");
    let manual = installation.run(&["man"]).expect(0).out;
    assert!(manual.contains(".TH usersd 1") && manual.contains("Exit codes"), "{manual}");
    assert!(!installation.store().exists());
}

#[test]
fn an_admins_password_is_reset_while_the_server_is_stopped() {
    let installation = Installation::new();
    let reset = &["admin", "reset-password", "admin", "--password-stdin"];
    let server = installation.start();
    let ended = installation.run_with(reset, "too early for this\n").expect(3);
    assert!(ended.err.contains("in use by another process"), "{}", ended.err);
    server.admin().get(USERS).expect(200);
    server.stop();

    let ended = installation.run_with(reset, "the new one, set in time\n").expect(0);
    assert_eq!(ended.out, "The password of \"admin\" is changed.\n");
    let ended =
        installation.run_with(&["admin", "reset-password", "nobody", "--password-stdin"], "x\n").expect(1);
    assert!(ended.err.contains("nobody"), "{}", ended.err);
    installation.run_with(reset, "").expect(2);

    let server = installation.start();
    server.anonymous().basic(ADMIN.0, ADMIN.1).get("/api/v2/token").expect(401);
    server.anonymous().signed_in("admin", "the new one, set in time").get(USERS).expect(200);
    server.stop();
}

#[test]
fn a_password_reset_ends_tokens_made_before() {
    let installation = Installation::new();
    let server = installation.start();
    let answer = server.anonymous().basic(ADMIN.0, ADMIN.1).get("/api/v2/token").expect(200);
    let token = format!("Bearer {}", answer.json()["access_token"].as_str().expect("a token"));
    server.stop();
    let server = installation.start();
    server.anonymous().with("Authorization", &token).get(USERS).expect(200);
    server.stop();
    let ended = installation.run(&["admin", "reset-password", "admin"]).expect(0);
    let password = ended.out.trim_end().rsplit(' ').next().expect("a password").to_owned();
    let server = installation.start();
    server.anonymous().with("Authorization", &token).get(USERS).expect(401);
    server.anonymous().signed_in("admin", &password).get(USERS).expect(200);
    server.stop();
}

#[test]
fn who_failed_too_often_is_shown_and_let_off_while_the_server_is_stopped() {
    let installation = Installation::new().with("USERSD__DEFENDER__ENABLED", "true");
    let server = installation.start();
    for _ in 0..10 {
        server.anonymous().basic("eve", "guess").get("/api/v2/token").expect(401);
    }
    server.anonymous().basic(ADMIN.0, ADMIN.1).get("/api/v2/token").expect(429);
    let in_use = installation.run(&["defender", "list"]).expect(3);
    assert!(in_use.err.contains("/api/v2/defender/hosts"), "{}", in_use.err);
    // Without a chance to tidy up: a ban was on disk before it was answered.
    server.kill();

    let listed = installation.run(&["defender", "list"]).expect(0).out;
    let banned =
        |line: &str, who: &str| line.starts_with(&format!("{who}  banned until 2")) && line.ends_with('Z');
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines.len() == 2 && banned(lines[0], "address/127.0.0.1"), "{listed}");
    assert!(banned(lines[1], "admin/eve"), "{listed}");
    let ended = installation.run(&["defender", "lift", "127.0.0.1"]).expect(0);
    assert_eq!(ended.out, "\"address/127.0.0.1\" is let off.\n");
    let ended = installation.run(&["defender", "lift", "127.0.0.1"]).expect(1);
    assert!(ended.err.contains("has no failures"), "{}", ended.err);

    let server = installation.start();
    server.admin().get(USERS).expect(200);
    server.anonymous().basic("eve", "guess").get("/api/v2/token").expect(429);
    server.stop();
    installation.run(&["defender", "lift", "eve"]).expect(0);
    assert_eq!(installation.run(&["defender", "list"]).expect(0).out, "");
}

#[test]
fn a_key_made_for_the_settings_file_works_and_leaves_only_its_hash_there() {
    let installation = Installation::new();
    let new =
        ["api-key", "new", "--name", "backup", "--permissions", "view_users", "--expires", "2999-01-01"];
    let printed = installation.run(&new).expect(0).out;
    let key = printed.lines().find_map(|line| line.strip_prefix("# ").filter(|rest| is_key(rest)));
    let key = key.unwrap_or_else(|| panic!("no key in:\n{printed}")).to_owned();
    let lines = &printed[printed.find("[[").unwrap_or_else(|| panic!("no lines in:\n{printed}"))..];
    assert!(!installation.store().exists(), "a key for the file needs no store");

    let installation = installation.with_lines(lines);
    let file = fs::read_to_string(installation.config()).expect("the settings can be read");
    let (_, secret) = key.split_once('.').expect("id and secret");
    assert!(!file.contains(secret) && file.contains("secret_hash = \"$2"), "{lines}");
    let shown = installation.run(&["check-config"]).expect(0).out;
    assert!(!shown.contains("$2a$"), "{shown}");

    let server = installation.start();
    let mut bearer = server.anonymous().with("X-SFTPGO-API-KEY", &key);
    bearer.get(USERS).expect(200);
    bearer.delete("/api/v2/users/nobody").expect(403);
    let wrong = format!("{}x", &key[..key.len() - 1]);
    server.anonymous().with("X-SFTPGO-API-KEY", &wrong).get(USERS).expect(401);
    drop(bearer);
    assert!(!server.stop().contains(secret));
}

/// `<id>.<secret>`, 22 characters each (`contract/auth.md` §2).
fn is_key(text: &str) -> bool {
    text.split_once('.').is_some_and(|(id, secret)| id.len() == 22 && secret.len() == 22)
}

#[test]
fn commands_for_what_a_store_holds_make_none_and_keep_what_was_exported() {
    for is_there in [false, true] {
        let installation = Installation::new();
        let dump = installation.store().with_file_name("kept.json").display().to_string();
        if is_there {
            // As an unmounted volume leaves it.
            fs::create_dir(installation.store()).expect("a folder can be made");
            let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            fs::set_permissions(installation.store(), closed).expect("it is ours");
        }
        fs::write(&dump, "{\"users\":[{\"username\":\"last-copy\"}]}").expect("a file can be written");
        for command in [
            &["export", &dump][..],
            &["admin", "reset-password", "admin"],
            &["defender", "list"],
            &["defender", "lift", "anna"],
            &["store", "check"],
            &["backup", &dump],
        ] {
            let ended = installation.run(command).expect(4);
            assert!(ended.err.contains("is empty, and data is required"), "{command:?}: {}", ended.err);
        }
        installation.run(&["import", "--check", &dump]);
        let left = installation.store().read_dir().map_or(0, Iterator::count);
        assert_eq!((installation.store().exists(), left), (is_there, 0), "nothing was made");
        assert!(fs::read_to_string(&dump).expect("it is there").contains("last-copy"));
    }
}
