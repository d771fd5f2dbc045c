//! The PROXY protocol, byte by byte: whom it names, from whom it is taken, and what is no header.
//!
//! 127.0.0.2 is the proxy, 127.0.0.1 is not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use tokio::net::TcpSocket;
use usersd::settings::Settings;

use crate::harness::TestServer;

const PROXY: &str = "127.0.0.2";
const STRANGER: &str = "127.0.0.1";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A server behind a proxy, and a user who may sign in from nowhere: the refusal says where he came from.
async fn start(change: impl FnOnce(&mut Settings)) -> TestServer {
    let server = TestServer::start_with(|settings| {
        settings.http.proxy_protocol = true;
        settings.http.proxy_allowed = vec!["127.0.0.2/32".parse().unwrap()];
        change(settings);
    })
    .await;
    let filters = json!({"denied_ip": ["0.0.0.0/0", "::/0"]});
    let bob = json!({"username": "bob", "password": "secret", "status": 1, "permissions": {"/": ["*"]},
        "filters": filters});
    server.admin().await.post("/users", &bob).await.expect(201);
    server
}

fn request(path: &str, proof: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {proof}\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// A version 2 header of this command, family and payload.
fn binary(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[0x20 | command, family], &length, payload].concat()
}

/// 192.0.2.7:4000 to 198.51.100.1:443.
const FOUR: &[u8] = &[192, 0, 2, 7, 198, 51, 100, 1, 0x0f, 0xa0, 1, 0xbb];

/// Says these bytes from this address, in these pieces, and hears the answer to its end.
async fn say(server: &TestServer, from: &str, pieces: Vec<Vec<u8>>) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse::<SocketAddr>().unwrap()).unwrap();
    let stream = socket.connect(server.address()).await.unwrap().into_std().unwrap();
    let speaking = actix_web::rt::task::spawn_blocking(move || speak(stream, &pieces));
    String::from_utf8_lossy(&speaking.await.unwrap()).into_owned()
}

fn speak(mut stream: TcpStream, pieces: &[Vec<u8>]) -> Vec<u8> {
    stream.set_nonblocking(false).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = Vec::new();
    for piece in pieces {
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    // A connection that is cut while bytes of ours are on the way ends with an error, not with an end.
    let mut buffer = [0; 4096];
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    answer
}

/// Where bob comes from, as the server sees it, whose connection begins with this header.
async fn client_named_by(server: &TestServer, header: &[u8]) -> String {
    let all = [header, &request("/api/v2/user/token", &basic("bob", "secret"))].concat();
    let answer = say(server, PROXY, vec![all]).await;
    let (_, rest) =
        answer.split_once("not allowed from this address: ").unwrap_or_else(|| panic!("{answer:?}"));
    rest.split('"').next().unwrap().to_owned()
}

#[actix_web::test]
async fn the_client_is_the_one_that_the_header_names() {
    let server = start(|_| {}).await;
    let six =
        [&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7][..], &[0; 16], &[0, 80, 1, 187]].concat();
    let with_more = [FOUR, &[4, 0, 100], &[0; 100]].concat();
    let headers: [(&[u8], &str); 11] = [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 4000 443\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4000 443\r\n", "2001:db8::7"),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 4000 443\r\n", "192.0.2.7"),
        (b"PROXY UNKNOWN\r\n", PROXY),
        (b"PROXY UNKNOWN 2001:db8::7 2001:db8::1 4000 443\r\n", PROXY),
        (&binary(1, 0x11, FOUR), "192.0.2.7"),
        (&binary(1, 0x11, &with_more), "192.0.2.7"),
        (&binary(1, 0x21, &six), "2001:db8::7"),
        (&binary(0, 0x11, FOUR), PROXY),
        (&binary(0, 0, &[]), PROXY),
        (&binary(1, 0x31, &[b'x'; 216]), PROXY),
    ];
    for (header, client) in headers {
        assert_eq!(client_named_by(&server, header).await, client, "{:?}", header.escape_ascii().to_string());
    }
}

#[actix_web::test]
async fn a_header_comes_in_any_pieces_and_nothing_behind_it_is_lost() {
    let server = start(|_| {}).await;
    for header in [b"PROXY TCP4 192.0.2.7 198.51.100.1 4000 443\r\n".to_vec(), binary(1, 0x11, FOUR)] {
        let all = [header, request("/api/v2/user/token", &basic("bob", "secret"))].concat();
        let bytes = all.iter().map(|byte| vec![*byte]).collect();
        assert!(say(&server, PROXY, bytes).await.contains("from this address: 192.0.2.7"));
        for place in [1, 11, 12, 13, 16, 27, 28, 43, 44, 45] {
            let (one, other) = all.split_at(place);
            let answer = say(&server, PROXY, vec![one.to_vec(), other.to_vec()]).await;
            assert!(answer.contains("from this address: 192.0.2.7"), "{place}: {answer}");
        }
    }
}

#[actix_web::test]
async fn what_is_no_header_ends_the_connection_of_a_proxy() {
    let server = start(|_| {}).await;
    let ok = request("/healthz", "none");
    let too_long = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 92], b"\r\n".to_vec()].concat();
    let headers = [
        Vec::new(),
        b"PROXY TCP4 192.0.2.7 198.51.100.1 4000\r\n".to_vec(),
        b"PROXY TCP4 2001:db8::7 198.51.100.1 4000 443\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.7 198.51.100.1 4000 65536\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.7 198.51.100.1 4000 443 more\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.7 198.51.100.1 4000 443\n".to_vec(),
        b"PROXY UDP4 192.0.2.7 198.51.100.1 4000 443\r\n".to_vec(),
        b"proxy TCP4 192.0.2.7 198.51.100.1 4000 443\r\n".to_vec(),
        b"PROXY TCP4 \xff\xfe 198.51.100.1 4000 443\r\n".to_vec(),
        too_long,
        binary(2, 0x11, FOUR),
        binary(1, 0x41, FOUR),
        binary(1, 0x13, FOUR),
        binary(1, 0x11, &FOUR[..11]),
        binary(1, 0x21, FOUR),
        binary(1, 0x11, &[0; 5000]),
        [SIGNATURE, &[0x11, 0x11, 0, 12], FOUR].concat(),
    ];
    for header in headers {
        let all = [header.clone(), ok.clone()].concat();
        assert_eq!(say(&server, PROXY, vec![all]).await, "", "{:?}", header.escape_ascii().to_string());
    }
    // The longest there may be is taken.
    let longest = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 91], b"\r\n".to_vec(), ok].concat();
    assert!(say(&server, PROXY, vec![longest]).await.starts_with("HTTP/1.1 200 "));
}

#[actix_web::test]
async fn a_header_must_come_within_its_time() {
    let server = start(|settings| settings.http.header_timeout = Duration::from_millis(200)).await;
    for part in [&b""[..], b"PROXY", b"PROXY TCP4 192.0.2.7 ", SIGNATURE, &binary(1, 0x11, FOUR)[..20]] {
        assert_eq!(say(&server, PROXY, vec![part.to_vec()]).await, "");
    }
}

#[actix_web::test]
async fn from_others_it_is_no_header_and_none_is_needed() {
    let server = start(|_| {}).await;
    let ok = request("/healthz", "none");
    assert!(say(&server, STRANGER, vec![ok.clone()]).await.starts_with("HTTP/1.1 200 "));
    for header in [b"PROXY TCP4 192.0.2.7 198.51.100.1 4000 443\r\n".to_vec(), binary(1, 0x11, FOUR)] {
        let answer = say(&server, STRANGER, vec![[header, ok.clone()].concat()]).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
}

#[actix_web::test]
async fn without_the_setting_nobody_is_a_proxy_of_this_kind() {
    let server = start(|settings| settings.http.proxy_protocol = false).await;
    let ok = request("/healthz", "none");
    assert!(say(&server, PROXY, vec![ok.clone()]).await.starts_with("HTTP/1.1 200 "));
    let header = b"PROXY TCP4 192.0.2.7 198.51.100.1 4000 443\r\n".to_vec();
    assert!(say(&server, PROXY, vec![[header, ok].concat()]).await.starts_with("HTTP/1.1 400 "));
}

#[actix_web::test]
async fn tokens_are_bound_to_the_client_it_names_and_its_failures_are_counted() {
    let server = start(|settings| settings.defender.enabled = true).await;
    let header = |host: u8| format!("PROXY TCP4 192.0.2.{host} 198.51.100.1 4000 443\r\n").into_bytes();
    let ask = async |host: u8, path: &str, proof: &str| {
        let answer = say(&server, PROXY, vec![[header(host), request(path, proof)].concat()]).await;
        let status: u16 = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer)
    };
    let (_, answer) = ask(7, "/api/v2/token", &basic("admin", "password")).await;
    let token = answer.split("\"access_token\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let bearer = format!("Bearer {token}");
    assert_eq!(ask(7, "/api/v2/users", &bearer).await.0, 200);
    assert_eq!(ask(8, "/api/v2/users", &bearer).await.0, 401);
    for _ in 0..10 {
        assert_eq!(ask(9, "/api/v2/token", &basic("nobody", "x")).await.0, 401);
    }
    assert_eq!(ask(9, "/api/v2/token", &basic("admin", "password")).await.0, 429);
    assert_eq!(ask(8, "/api/v2/token", &basic("admin", "password")).await.0, 200);
}

#[actix_web::test]
async fn whatever_a_proxy_says_the_server_goes_on() {
    let server = start(|settings| settings.http.header_timeout = Duration::from_millis(50)).await;
    let mut runner = TestRunner::new(Config::with_cases(64));
    let start = prop_oneof![Just(b"PROXY ".to_vec()), Just(SIGNATURE.to_vec()), Just(Vec::new())];
    let said = (start, prop::collection::vec(any::<u8>(), 0..300));
    for _ in 0..64 {
        let (start, rest) = said.new_tree(&mut runner).unwrap().current();
        say(&server, PROXY, vec![[start, rest].concat()]).await;
    }
    assert_eq!(
        client_named_by(&server, b"PROXY TCP4 192.0.2.7 198.51.100.1 4000 443\r\n").await,
        "192.0.2.7"
    );
}
