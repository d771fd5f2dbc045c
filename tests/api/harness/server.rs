//! The server under test, and those who call it.

use std::net::SocketAddr;

use awc::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;
use usersd::app::App;
use usersd::clock::Clock;
use usersd::domain::time::UnixMillis;
use usersd::exit::Exit;
use usersd::settings::{SecretText, Settings};

use super::{Reply, described};

/// Name and password of the first admin.
const ADMIN: (&str, &str) = ("admin", "password");

/// The moment at which the clock of a test stands.
const START: UnixMillis = UnixMillis::new(1_795_000_000_000);

/// A server with a store of its own, on a free port of the loopback address; it ends with the test.
pub(crate) struct TestServer {
    address: SocketAddr,
    clock: Clock,
    handle: actix_web::dev::ServerHandle,
    running: Option<actix_web::rt::task::JoinHandle<()>>,
    settings: Settings,
    _folder: TempDir,
}

impl TestServer {
    /// Starts a server with the settings of the recorded conversations.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a server whose settings `change` has seen to.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config/conformance.toml");
        let mut settings = Settings::load(Some(file.as_ref()), []).expect("the settings load");
        settings.http.bind = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        settings.http.workers = std::num::NonZeroUsize::new(2);
        settings.store.path = folder.path().join("store");
        settings.store.reserve_mib = 0;
        settings.first_admin.name = Some(ADMIN.0.to_owned());
        settings.first_admin.password = Some(SecretText::new(ADMIN.1.to_owned()));
        change(&mut settings);
        let clock = Clock::fixed(START);
        let (address, handle, running) = run(settings.clone(), clock.clone()).await;
        Self { address, clock, handle, running: Some(running), settings, _folder: folder }
    }

    /// Stops the server in order and starts it again on the same store.
    pub(crate) async fn restart(&mut self) {
        self.handle.stop(true).await;
        if let Some(running) = self.running.take() {
            running.await.expect("the server ends in order");
        }
        let (address, handle, running) = run(self.settings.clone(), self.clock.clone()).await;
        (self.address, self.handle, self.running) = (address, handle, Some(running));
    }

    /// Where the server listens, for those who speak to it byte by byte.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The moment at which the clock stands, in milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().get()
    }

    /// Moves the clock.
    pub(crate) fn advance(&self, millis: i64) {
        self.clock.advance(millis);
    }

    /// Somebody without any proof.
    pub(crate) fn anonymous(&self) -> Principal {
        Principal { address: self.address, headers: Vec::new() }
    }

    /// Somebody with name and password in the header.
    pub(crate) fn basic(&self, name: &str, password: &str) -> Principal {
        let encoded = STANDARD.encode(format!("{name}:{password}"));
        self.anonymous().with("Authorization", &format!("Basic {encoded}"))
    }

    /// Somebody with this bearer token.
    pub(crate) fn bearer(&self, token: &str) -> Principal {
        self.anonymous().with("Authorization", &format!("Bearer {token}"))
    }

    /// Somebody with this API key.
    pub(crate) fn api_key(&self, key: &str) -> Principal {
        self.anonymous().with("X-SFTPGO-API-KEY", key)
    }

    /// The first admin, signed in.
    pub(crate) async fn admin(&self) -> Principal {
        self.signed_in(ADMIN.0, ADMIN.1).await
    }

    /// An admin, signed in.
    pub(crate) async fn signed_in(&self, name: &str, password: &str) -> Principal {
        let reply = self.basic(name, password).get("/token").await.expect(200);
        self.bearer(reply.json()["access_token"].as_str().expect("a token"))
    }

    /// A user, signed in on his own side.
    pub(crate) async fn user(&self, name: &str, password: &str) -> Principal {
        let reply = self.basic(name, password).get("/user/token").await.expect(200);
        self.bearer(reply.json()["access_token"].as_str().expect("a token"))
    }
}

async fn run(
    settings: Settings,
    clock: Clock,
) -> (SocketAddr, actix_web::dev::ServerHandle, actix_web::rt::task::JoinHandle<()>) {
    let app = build(settings, clock).await;
    let address = SocketAddr::from(([127, 0, 0, 1], app.port()));
    let handle = app.handle();
    let running = actix_web::rt::spawn(async move {
        app.run().await.unwrap_or_else(|why| panic!("{}", why.report()));
    });
    (address, handle, running)
}

/// Builds a server. Where one ran on this store before, its last threads may still be letting go of it.
async fn build(settings: Settings, clock: Clock) -> App {
    for _ in 0..500 {
        match App::build(settings.clone(), clock.clone()).await {
            Ok(app) => return app,
            Err(why) if why.exit() == Exit::StoreInUse => {
                actix_web::rt::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            Err(why) => panic!("{}", why.report()),
        }
    }
    panic!("the store is still in use")
}

/// Somebody who calls the server, with the headers that say who.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

impl Principal {
    /// The same with one header more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `GET` below `/api/v2`.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(&Method::GET, path, String::new()).await
    }

    /// `POST` below `/api/v2`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(&Method::POST, path, body.to_string()).await
    }

    /// `PUT` below `/api/v2`.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send(&Method::PUT, path, body.to_string()).await
    }

    /// `DELETE` below `/api/v2`.
    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(&Method::DELETE, path, String::new()).await
    }

    /// Any request below `/api/v2`, its body as it stands; a JSON answer is held against the
    /// description of the API.
    pub(crate) async fn send(&self, method: &Method, path: &str, body: String) -> Reply {
        let reply = self.send_to(method, &format!("/api/v2{path}"), body).await;
        let route = path.split('?').next().unwrap_or_default();
        if reply.header("Content-Type") == "application/json" && method != Method::HEAD {
            described::check_reply(method.as_str(), route, reply.status, &reply.json())
                .unwrap_or_else(|why| panic!("{method} {path} {}: {why}: {}", reply.status, reply.text));
        }
        reply
    }

    /// Any request to any path of the server.
    pub(crate) async fn send_to(&self, method: &Method, path: &str, body: String) -> Reply {
        let client = awc::Client::builder().timeout(std::time::Duration::from_secs(30)).finish();
        let url = format!("http://{}{path}", self.address);
        let mut request = client.request(method.clone(), url);
        for (name, value) in &self.headers {
            request = request.insert_header((name.as_str(), value.as_str()));
        }
        let sent = if body.is_empty() { request.send().await } else { request.send_body(body).await };
        let mut response = sent.unwrap_or_else(|why| panic!("{method} {path}: {why}"));
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let bytes = response.body().limit(64 * 1024 * 1024).await.expect("the answer can be read");
        let text = String::from_utf8(bytes.to_vec()).expect("answers are UTF-8");
        Reply { status: response.status().as_u16(), headers, text }
    }
}
