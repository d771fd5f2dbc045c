//! What `[http]` sets: how long a client may take, how much it may ask at once, what answers say of the
//! server; and that a start that fails loses nothing.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use awc::http::Method;
use usersd::app::App;
use usersd::clock::Clock;
use usersd::exit::Exit;
use usersd::settings::{SecretText, Settings};
use usersd::store::Window;

use crate::harness::{Reply, TestServer};

/// How long the server may take to come to a state it must come to.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request whose body never comes.
fn stuck_request(server: &TestServer, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST /api/v2/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 99\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

async fn token(server: &TestServer) -> String {
    let reply = server.basic("admin", "password").get("/token").await.expect(200).json();
    reply["access_token"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_body_must_come_within_its_time() {
    let server = TestServer::start_with(|settings| {
        settings.http.body_timeout = Duration::from_millis(200);
    })
    .await;
    let mut stream = stuck_request(&server, &token(&server).await);
    let reading = actix_web::rt::task::spawn_blocking(move || {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = reading.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("took too long"), "{answer}");
}

#[actix_web::test]
async fn more_requests_at_once_than_an_address_may_have_are_429() {
    let server = TestServer::start_with(|settings| {
        settings.http.parallel_requests_per_address = NonZeroU32::MIN;
    })
    .await;
    let token = token(&server).await;
    let (stuck, reply) = take_the_only_place(&server, &token).await;
    assert_eq!(reply.header("Retry-After"), "1");
    assert!(!reply.header("X-Request-Id").is_empty());
    drop(stuck);
    let since = Instant::now();
    while ask(&server).await.status != 200 {
        assert!(since.elapsed() < PATIENCE, "the place is never free again");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn ask(server: &TestServer) -> Reply {
    server.anonymous().send_to(&Method::GET, "/healthz", String::new()).await
}

/// A request that never ends, and what another one is told beside it.
///
/// The stuck one is not there the moment its bytes are sent, and may itself be refused when another is just
/// being answered: then it is sent anew.
async fn take_the_only_place(server: &TestServer, token: &str) -> (TcpStream, Reply) {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        let stuck = stuck_request(server, token);
        sleep(Duration::from_millis(20)).await;
        let reply = ask(server).await;
        if reply.status == 429 {
            return (stuck, reply);
        }
    }
    panic!("no request is refused");
}

#[actix_web::test]
async fn every_answer_says_which_server_it_is_as_the_settings_word_it() {
    let server = TestServer::start_with(|settings| settings.http.server_header = "a server".to_owned()).await;
    for path in ["/healthz", "/nowhere", "/api/v2/users"] {
        let reply = server.anonymous().send_to(&Method::GET, path, String::new()).await;
        assert_eq!(reply.header("Server"), "a server", "{path}");
    }
}

#[actix_web::test]
async fn a_start_without_an_address_makes_no_first_admin() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = |address: SocketAddr, name: &str| {
        let mut settings = Settings::default();
        settings.http.bind = vec![address];
        settings.hashing.bcrypt_cost = 4;
        settings.store.path = folder.path().join("store");
        settings.store.reserve_mib = 0;
        settings.first_admin.name = Some(name.to_owned());
        settings.first_admin.password = Some(SecretText::new("a long sentence will do".into()));
        settings
    };
    let refused = App::build(settings(taken.local_addr().unwrap(), "one"), Clock::System).await;
    assert_eq!(refused.err().map(|why| why.exit()), Some(Exit::AddressInUse));
    let app =
        App::build(settings(SocketAddr::from(([127, 0, 0, 1], 0)), "two"), Clock::System).await.unwrap();
    let admins = app.state().admins.list(Window { offset: 0, limit: 9, descending: false });
    let names: Vec<&str> = admins.iter().map(|admin| admin.username.as_str()).collect();
    assert_eq!(names, ["two"]);
}

#[actix_web::test]
async fn asking_often_whether_the_server_is_ready_does_not_write_often() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.http.bind = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    settings.hashing.bcrypt_cost = 4;
    settings.store.path = folder.path().join("store");
    settings.store.reserve_mib = 0;
    let app = App::build(settings, Clock::System).await.unwrap();
    let (store, port, handle) = (app.state().store.clone(), app.port(), app.handle());
    let running = actix_web::rt::spawn(app.run());
    let before = store.health().syncs;
    let client = awc::Client::new();
    for _ in 0..200 {
        let reply = client.get(format!("http://127.0.0.1:{port}/readyz")).send().await.unwrap();
        assert_eq!(reply.status(), 200);
    }
    let writes = store.health().syncs - before;
    assert!(writes < 100, "{writes} writes for 200 questions");
    handle.stop(true).await;
    running.await.unwrap().unwrap();
}

#[actix_web::test]
async fn more_requests_than_the_rate_allows_are_429_on_every_route() {
    let server = TestServer::start_with(|settings| {
        settings.http.requests_per_second_per_address = 2;
        settings.http.request_burst_per_address = NonZeroU32::new(3).unwrap();
    })
    .await;
    let ask = |path| {
        let nobody = server.anonymous();
        async move { nobody.send_to(&Method::GET, path, String::new()).await }
    };
    for path in ["/healthz", "/nowhere", "/api/v2/users"] {
        assert_ne!(ask(path).await.status, 429);
    }
    for path in ["/healthz", "/nowhere", "/api/v2/users"] {
        let refused = ask(path).await.expect(429);
        let told =
            "{\"error\":\"too many requests, try again in 500ms\",\"message\":\"Too Many Requests\"}\n";
        assert_eq!(refused.text, told);
        assert_eq!((refused.header("Retry-After"), refused.header("X-Retry-In")), ("1", "500ms"));
    }
    server.advance(500);
    ask("/healthz").await.expect(200);
    ask("/healthz").await.expect(429);
}

#[test]
fn the_rate_is_limited_by_default_and_no_script_comes_near() {
    let shipped = Settings::default().http;
    assert!((2_000..=20_000).contains(&shipped.requests_per_second_per_address));
    assert!((10_000..=100_000).contains(&shipped.request_burst_per_address.get()));
}

#[actix_web::test]
async fn a_rate_of_nothing_limits_nothing() {
    let server = TestServer::start_with(|settings| {
        settings.http.requests_per_second_per_address = 0;
        settings.http.request_burst_per_address = NonZeroU32::MIN;
    })
    .await;
    for _ in 0..3 {
        server.anonymous().send_to(&Method::GET, "/healthz", String::new()).await.expect(200);
    }
}
