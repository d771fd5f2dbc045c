//! A server with a given table and a client that sends bytes as they are, for the tests of this folder:
//! paths, escapes and bodies reach the router as written, which no well-behaved client would allow.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use actix_web::http::header::HeaderValue;
use actix_web::rt;
use actix_web::{App, HttpRequest, HttpServer};

use super::access_log::AccessLog;
use super::body::BodyLimit;
use super::routing::Table;

/// Serves a table on a port of its own until the test's runtime ends.
pub(super) fn serve(table: fn() -> Table) -> SocketAddr {
    let nobody: fn(&HttpRequest) -> Option<String> = |_| Some("somebody".to_owned());
    let server = HttpServer::new(move || {
        let limit = BodyLimit { time: Duration::from_millis(500), ..BodyLimit::default() };
        App::new()
            .app_data(limit)
            .wrap(AccessLog::new(nobody, HeaderValue::from_static("usersd")))
            .default_service(table())
    });
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    rt::spawn(server.run());
    address
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Reply {
    /// All values of a header, in order.
    pub(super) fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_str()).collect()
    }
}

/// Sends `METHOD path`, headers and a body, then listens.
pub(super) async fn ask(address: SocketAddr, line: &str, headers: &str, body: &[u8]) -> Reply {
    let mut request =
        format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").into_bytes();
    request.extend_from_slice(body);
    send(address, request, false).await
}

/// Sends bytes, hangs up half-way where told to, and reads until the server closes.
pub(super) async fn send(address: SocketAddr, request: Vec<u8>, hang_up: bool) -> Reply {
    let reply = rt::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(&request).unwrap();
        if hang_up {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        reply
    });
    parse(&String::from_utf8(reply.await.unwrap()).unwrap())
}

fn parse(reply: &str) -> Reply {
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Reply { status, headers, body: body.to_owned() }
}
