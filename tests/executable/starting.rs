//! What a start says, to people and to the service manager, and what it refuses.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::program::Installation;

const USERS: &str = "/api/v2/users";

#[test]
fn a_start_says_version_store_users_address_and_how_to_sign_in() {
    let installation = Installation::new();
    let server = installation.start();
    let log = server.log() + &server.wait_for("sign in with");
    let store = format!("store at {}, 0 users", installation.store().display());
    let listening = format!("listening on http://{}, API below /api/v2", server.address());
    let sign_in = format!("curl -u admin http://{}/api/v2/token", server.address());
    for said in [concat!("usersd ", env!("CARGO_PKG_VERSION")), &store, &listening, &sign_in] {
        assert!(log.contains(said), "{said:?} is not in:\n{log}");
    }
    assert_eq!(server.anonymous().get("/healthz").expect(200).text(), "ok");
    assert_eq!(server.anonymous().get("/readyz").expect(200).json()["status"], "ready");
    server.admin().get(USERS).expect(200);
}

#[test]
fn users_are_counted_at_the_next_start() {
    let installation = Installation::new();
    let server = installation.start();
    let mut admin = server.admin();
    for name in ["ada", "grace"] {
        let user = serde_json::json!({"username": name, "status": 1, "permissions": {"/": ["*"]}});
        admin.post(USERS, &user).expect(201);
    }
    drop(admin);
    server.stop();
    let server = installation.start();
    server.wait_for(", 2 users");
    assert!(!server.stop().contains("sign in with"), "the first admin is made once");
}

#[test]
fn a_random_first_password_is_shown_once_and_signs_in() {
    let installation =
        Installation::new().without("USERSD_FIRST_ADMIN").without("USERSD_FIRST_ADMIN_PASSWORD");
    let server = installation.start();
    let line = server.wait_for("shown this once: ");
    let password = line.rsplit(' ').next().expect("a last word").to_owned();
    assert!(line.contains("\"admin\"") && password.len() >= 22, "{line}");
    server.anonymous().signed_in("admin", &password).get(USERS).expect(200);
    let log = server.stop();
    assert_eq!(log.matches(&password).count(), 1, "{log}");

    let server = installation.start();
    server.anonymous().signed_in("admin", &password).get(USERS).expect(200);
    let log = server.stop();
    assert!(!log.contains(&password) && !log.contains("shown this once"), "{log}");
}

#[test]
fn a_store_in_use_is_refused_and_left_alone() {
    let installation = Installation::new();
    let server = installation.start();
    let second = installation.run(&["serve"]).expect(3);
    let store = installation.store().display().to_string();
    assert!(
        second.err.contains("in use by another process") && second.err.contains(&store),
        "{}",
        second.err
    );
    server.admin().get(USERS).expect(200);
    assert_eq!(server.anonymous().get("/readyz").expect(200).json()["status"], "ready");
    server.stop();
}

#[test]
fn an_address_in_use_is_refused_by_its_name() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let installation = Installation::new().with("USERSD__HTTP__BIND", &address);
    let ended = installation.run(&["serve"]).expect(5);
    assert!(ended.err.contains(&format!("cannot listen on {address}")), "{}", ended.err);
    // The store was closed in order: it can be had at once.
    installation.with("USERSD__HTTP__BIND", "127.0.0.1:0").start().stop();
}

#[test]
fn an_empty_store_is_refused_where_data_is_required() {
    let installation = Installation::new().with("USERSD__STORE__REQUIRE_DATA", "true");
    let ended = installation.run(&["serve"]).expect(4);
    assert!(ended.err.contains("is empty, and data is required"), "{}", ended.err);
    assert!(!installation.store().exists(), "nothing is made where data should be");
}

#[test]
fn the_service_manager_hears_of_the_start_and_of_the_end() {
    let installation = Installation::new();
    let place = installation.folder().join("notify");
    let manager = UnixDatagram::bind(&place).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    let heard = |word: &str| {
        let mut words = [0; 1024];
        loop {
            let length =
                manager.recv(&mut words).unwrap_or_else(|why| panic!("{word} was never said: {why}"));
            let message = String::from_utf8_lossy(&words[..length]).into_owned();
            if message.lines().any(|line| line == word) {
                return message;
            }
        }
    };
    let installation = installation.with("NOTIFY_SOCKET", &place.display().to_string());
    let server = installation.start();
    let ready = heard("READY=1");
    assert!(ready.contains(&format!("STATUS=serving 0 users on {}", server.address())), "{ready}");
    server.anonymous().get("/healthz").expect(200);
    server.stop();
    heard("STOPPING=1");
}

#[test]
fn the_watchdog_is_fed_as_often_as_it_asks() {
    let installation = Installation::new();
    let place = installation.folder().join("notify");
    let manager = UnixDatagram::bind(&place).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    let installation =
        installation.with("NOTIFY_SOCKET", &place.display().to_string()).with("WATCHDOG_USEC", "200000");
    let server = installation.start();
    let mut words = [0; 1024];
    let mut fed = 0;
    while fed < 3 {
        let length = manager.recv(&mut words).expect("the watchdog is fed");
        fed += usize::from(&words[..length] == b"WATCHDOG=1" || words[..length].starts_with(b"WATCHDOG=1\n"));
    }
    server.stop();
}

#[test]
fn a_mail_password_in_clear_text_needs_leave_and_is_told_at_the_start() {
    let installation = Installation::new()
        .with("USERSD__SMTP__HOST", "127.0.0.1")
        .with("USERSD__SMTP__USER", "usersd@example.com")
        .with("USERSD__SMTP__PASSWORD", "planted-mail-password")
        .with("USERSD__SMTP__ENCRYPTION", "none");
    for command in ["serve", "check-config"] {
        let ended = installation.run(&[command]).expect(2);
        assert!(ended.err.contains("smtp.allow_plaintext_credentials"), "{}", ended.err);
    }
    let installation = installation.with("USERSD__SMTP__ALLOW_PLAINTEXT_CREDENTIALS", "true");
    let server = installation.start();
    server.wait_for("smtp: the password goes to 127.0.0.1:587 in clear text");
    assert!(!server.stop().contains("planted"));
}
