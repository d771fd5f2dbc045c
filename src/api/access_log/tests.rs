//! Ids and lines of requests, over real connections.

use std::sync::Mutex;

use actix_web::{HttpResponse, web};

use super::*;
use crate::api::response::Failure;
use crate::api::routing::Table;
use crate::api::testing::{ask, serve};

async fn id(request: HttpRequest) -> String {
    request.extensions().get::<RequestId>().unwrap().as_str().to_owned()
}

async fn fault() -> Result<HttpResponse, Failure> {
    let cause = std::io::Error::other("disk on\nfire");
    Err(Failure(crate::error::Error::internal(cause)))
}

fn table() -> Table {
    Table::new().route(&Method::GET, "/id/{name}", web::to(id)).route(&Method::GET, "/fault", web::to(fault))
}

/// Keeps the lines of this module's target and of faults.
struct Lines(Mutex<Vec<String>>);

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("usersd")
    }
    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push(record.args().to_string());
        }
    }
    fn flush(&self) {}
}

static LINES: Lines = Lines(Mutex::new(Vec::new()));

fn lines_of(id: &str) -> Vec<String> {
    let lines = LINES.0.lock().unwrap();
    lines.iter().filter(|line| line.starts_with(&format!("{id} "))).cloned().collect()
}

#[actix_web::test]
async fn a_sane_id_is_echoed_and_any_other_replaced() {
    let server = serve(table);
    let longest = "x".repeat(LONGEST_ID);
    for sent in ["a", "3f2b-11", "!\"#~", &longest] {
        let reply = ask(server, "GET /id/bob", &format!("X-Request-Id: {sent}\r\n"), b"").await;
        assert_eq!((reply.header("x-request-id"), reply.body.as_str()), (vec![sent], sent));
    }
    let too_long = "x".repeat(LONGEST_ID + 1);
    for sent in ["", "a b", "a\tb", "ü", &too_long] {
        let reply = ask(server, "GET /id/bob", &format!("X-Request-Id: {sent}\r\n"), b"").await;
        let [id] = reply.header("x-request-id")[..] else { panic!("one id") };
        assert_eq!((id.len(), id), (32, reply.body.as_str()), "{sent}");
    }
}

#[test]
fn made_ids_differ() {
    assert_ne!(make_id(), make_id());
}

#[actix_web::test]
async fn a_line_tells_the_pattern_and_never_the_path() {
    // The first test that gets here sets the logger; no other of this binary does.
    if log::set_logger(&LINES).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
    let server = serve(table);
    ask(server, "GET /id/bob?secret=1", "X-Request-Id: line-1\r\n", b"").await;
    ask(server, "GET /nowhere/bob", "X-Request-Id: line-2\r\n", b"").await;
    let [line] = &lines_of("line-1")[..] else { panic!("one line") };
    assert!(line.starts_with("line-1 somebody GET /id/{name} 200 ") && line.ends_with("ms"), "{line}");
    let [line] = &lines_of("line-2")[..] else { panic!("one line") };
    assert!(line.starts_with("line-2 somebody GET - 404 "), "{line}");

    let reply = ask(server, "GET /fault", "X-Request-Id: line-3\r\n", b"").await;
    assert_eq!(reply.body, "{\"error\":\"internal error\",\"message\":\"\"}\n");
    assert_eq!(reply.header("x-request-id"), ["line-3"]);
    let lines = lines_of("line-3");
    assert_eq!(lines[0], "line-3 internal error: disk on fire");
    assert!(lines.len() == 2 && lines[1].starts_with("line-3 somebody GET /fault 500 "), "{lines:?}");
}
