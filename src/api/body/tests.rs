//! What a body may be, over real connections.

use actix_web::http::Method;
use actix_web::web;

use super::*;
use crate::api::response::ApiResponse;
use crate::api::routing::Table;
use crate::api::testing::{ask, send, serve};

const LIMIT: usize = 1_048_576;

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Draft {
    text: String,
}

async fn length(body: Body<Draft>) -> String {
    body.0.text.len().to_string()
}

/// Looks something up before it decodes, as an update does.
async fn after_lookup(body: RawBody) -> Result<String, Failure> {
    let draft: Draft = body.decode()?;
    Ok(draft.text.len().to_string())
}

fn table() -> Table {
    Table::new().route(&Method::POST, "/length", web::to(length)).route(
        &Method::PUT,
        "/length",
        web::to(after_lookup),
    )
}

/// A body of exactly so many bytes.
fn body(length: usize) -> Vec<u8> {
    let mut body = b"{\"text\":\"".to_vec();
    body.resize(length - 2, b'x');
    body.extend_from_slice(b"\"}");
    body
}

fn refusal(error: &str) -> (u16, String) {
    (400, String::from_utf8(crate::wire::to_line(&ApiResponse { error, message: "" }).unwrap()).unwrap())
}

#[actix_web::test]
async fn the_first_value_must_end_within_the_limit() {
    let server = serve(table);
    let too_large = refusal("http: request body too large");
    let mut followed = body(LIMIT);
    followed.resize(3 * LIMIT, b' ');
    let mut no_json = vec![b'?'];
    no_json.resize(2 * LIMIT, b'?');
    for (body, wanted) in [
        (body(20), (200, "9".to_owned())),
        (body(LIMIT), (200, (LIMIT - 11).to_string())),
        (body(LIMIT + 1), too_large.clone()),
        (body(LIMIT + 70_000), too_large.clone()),
        (body(3 * LIMIT), too_large.clone()),
        (vec![b' '; LIMIT + 1], too_large),
        (followed, (200, (LIMIT - 11).to_string())),
        (no_json, refusal("invalid character '?' at line 1, column 1")),
    ] {
        for method in ["POST", "PUT"] {
            let headers = format!("Content-Type: text/plain\r\nContent-Length: {}\r\n", body.len());
            let reply = ask(server, &format!("{method} /length"), &headers, &body).await;
            assert_eq!((reply.status, reply.body), wanted, "{} bytes", body.len());
        }
    }
}

#[actix_web::test]
async fn a_client_that_sends_all_before_it_listens_hears_the_refusal() {
    let body = body(24 * LIMIT);
    let headers = format!("Content-Length: {}\r\n", body.len());
    let reply = ask(serve(table), "POST /length", &headers, &body).await;
    assert_eq!((reply.status, reply.body), refusal("http: request body too large"));
}

#[actix_web::test]
async fn chunks_and_no_body_are_bodies() {
    let server = serve(table);
    let chunked = b"5\r\n{\"tex\r\n9\r\nt\":\"abc\"}\r\n0\r\n\r\n";
    let reply = ask(server, "POST /length", "Transfer-Encoding: chunked\r\n", chunked).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "3"));
    let reply = ask(server, "POST /length", "", b"").await;
    assert_eq!((reply.status, reply.body), refusal("EOF"));
}

#[actix_web::test]
async fn a_connection_goes_on_after_a_drained_body() {
    let large = body(2 * LIMIT);
    let mut requests =
        format!("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", large.len()).into_bytes();
    requests.extend_from_slice(&large);
    requests.extend_from_slice(b"POST /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let reply = send(serve(table), requests, false).await;
    assert_eq!(reply.status, 400);
    assert!(
        reply.body.contains("too large") && reply.body.ends_with("{\"error\":\"EOF\",\"message\":\"\"}\n")
    );
}

#[actix_web::test]
async fn a_body_that_stops_half_way_is_refused_in_time() {
    let request = b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{\"text\":".to_vec();
    let reply = send(serve(table), request, false).await;
    assert_eq!((reply.status, reply.body), refusal("the request body took too long to arrive"));
}
