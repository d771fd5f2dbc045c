//! A server that may open no more files: it refuses nobody it has, loses nothing, and goes on when there is room.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::model;
use super::program::Installation;

const USERS: &str = "/api/v2/users";
/// Enough for the server itself and some connections.
const DESCRIPTORS: u32 = 64;

#[test]
fn without_descriptors_left_writes_go_on_and_connections_come_back() {
    let installation = Installation::new();
    let server = installation.start();
    for role in model::ROLES {
        server.admin().post("/api/v2/roles", &serde_json::json!({"name": role})).expect(201);
    }
    server.stop();
    let server = installation.start_with_descriptors(DESCRIPTORS);
    let mut admin = server.admin();
    admin.post(USERS, &model::draft("before", 1)).expect(201);
    // The kernel takes connections that the server cannot accept.
    let crowd: Vec<TcpStream> =
        (0..DESCRIPTORS * 2).filter_map(|_| TcpStream::connect(server.address()).ok()).collect();
    assert!(crowd.len() >= DESCRIPTORS as usize, "{} connections", crowd.len());
    for version in 2..40 {
        admin.post(USERS, &model::draft(&format!("user{version}"), version)).expect(201);
        admin.get(&format!("{USERS}/user{version}")).expect(200);
    }
    drop(crowd);
    let since = Instant::now();
    while server.anonymous().get("/readyz").status != 200 {
        assert!(since.elapsed() < Duration::from_secs(20), "nobody gets in any more");
    }
    server.admin().get(&format!("{USERS}/user39")).expect(200);
    server.stop();
    let server = installation.start();
    server.wait_for(", 39 users");
    server.stop();
    installation.run(&["store", "check"]).expect(0);
}
