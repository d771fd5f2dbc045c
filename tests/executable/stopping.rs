//! Signals: a server that is told to end finishes what it has begun.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::program::{Answer, Installation, Server};

#[test]
fn a_request_under_way_is_finished_at_sigterm() {
    a_request_under_way_is_finished_at(Signal::TERM, "SIGTERM");
}

#[test]
fn a_request_under_way_is_finished_at_sigint() {
    a_request_under_way_is_finished_at(Signal::INT, "SIGINT");
}

fn a_request_under_way_is_finished_at(signal: Signal, name: &str) {
    let installation = Installation::new();
    let server = installation.start();
    let (head, body) = request(&server);
    let mut slow = BufReader::new(TcpStream::connect(server.address()).expect("a connection"));
    slow.get_ref().set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    slow.get_mut().write_all(head.as_bytes()).expect("the head is taken");
    // The server asks for the body: from now on the request is under way.
    assert_eq!(Answer::read(&mut slow, true).expect("an answer").status, 100);
    slow.get_mut().write_all(&body[..body.len() / 2]).expect("half a body is taken");

    server.signal(signal);
    server.wait_for(&format!("{name}: stopping"));
    wait_until_refused(server.address());
    slow.get_mut().write_all(&body[body.len() / 2..]).expect("the rest is taken");
    let answer = Answer::read(&mut slow, false).expect("an answer").expect(201);
    assert_eq!(answer.json()["username"], "slow");
    drop(slow);

    let (status, log) = server.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.ends_with("stopped"), "{log}");
    let server = installation.start();
    server.admin().get("/api/v2/users/slow").expect(200);
    server.stop();
}

fn request(server: &Server) -> (String, Vec<u8>) {
    let body = json!({"username": "slow", "status": 1, "permissions": {"/": ["*"]}}).to_string();
    let token = server.anonymous().basic("admin", "password").get("/api/v2/token").expect(200);
    let head = format!(
        "POST /api/v2/users HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n",
        server.address(),
        token.json()["access_token"].as_str().expect("a token"),
        body.len()
    );
    (head, body.into_bytes())
}

/// A server that is ending takes no new connections.
fn wait_until_refused(address: SocketAddr) {
    let since = Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(since.elapsed() < Duration::from_secs(10), "connections are still taken");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_idle_connection_does_not_hold_up_the_end() {
    let server = Installation::new().start();
    let mut admin = server.admin();
    admin.get("/api/v2/users").expect(200);
    let since = Instant::now();
    server.stop();
    // Requests under way would have ten seconds.
    assert!(since.elapsed() < Duration::from_secs(5), "it took {:?}", since.elapsed());
}
