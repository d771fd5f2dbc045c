//! The edges of routing, over real connections and with raw paths.

use actix_web::{HttpResponse, Responder, web};

use super::*;
use crate::api::path_name::PathName;
use crate::api::testing::{Reply, ask, serve};

async fn users() -> impl Responder {
    "users"
}

async fn name(name: PathName) -> impl Responder {
    HttpResponse::Ok().body(format!("{:?}", name.0))
}

async fn disable(name: PathName) -> impl Responder {
    HttpResponse::Ok().body(format!("disable {:?}", name.0))
}

fn table() -> Table {
    Table::new()
        .route(&Method::POST, "/api/v2/users", web::to(users))
        .route(&Method::GET, "/api/v2/users", web::to(users))
        .route(&Method::DELETE, "/api/v2/users/{username}", web::to(name))
        .route(&Method::GET, "/api/v2/users/{username}", web::to(name))
        .route(&Method::PUT, "/api/v2/users/{username}", web::to(name))
        .route(&Method::PUT, "/api/v2/users/{username}/2fa/disable", web::to(disable))
        .route(&Method::POST, "/api/v2/users/{username}/forgot-password", web::to(disable))
        .route(&Method::GET, "/api/v2/connections", web::to(users))
        .route(&Method::DELETE, "/api/v2/connections/{id}", web::to(name))
}

async fn get(line: &str) -> Reply {
    ask(serve(table), line, "", b"").await
}

#[actix_web::test]
async fn a_name_is_one_raw_segment_decoded_once() {
    let server = serve(table);
    for (segment, wanted) in [
        ("bob", "bob"),
        ("bob/", "bob"),
        ("a%2Fb", "a/b"),
        ("a%2fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("a%2520b", "a%20b"),
        ("%61%2520b", "a%20b"),
        ("a%25zz", "a%zz"),
        ("%20bob%20", " bob "),
        ("a%5Cb", "a\\b"),
        ("a%00b", "a\0b"),
        ("a%09b%0a", "a\tb\n"),
        ("a+b", "a+b"),
        ("a%2Bb", "a+b"),
        ("a;b,c", "a;b,c"),
        ("a%3Bb%3Fc%23d", "a;b?c#d"),
        (".", "."),
        ("..", ".."),
        ("%2E%2E", ".."),
        ("a%2F..%2Fb", "a/../b"),
        ("%F0%9F%98%80", "😀"),
        ("%FF", "\u{fffd}"),
        ("{p}a", "{p}a"),
        ("users", "users"),
        ("bob?limit=1/2", "bob"),
    ] {
        let reply = ask(server, &format!("GET /api/v2/users/{segment}"), "", b"").await;
        assert_eq!((reply.status, reply.body), (200, format!("{wanted:?}")), "{segment}");
    }
    let reply = ask(server, "PUT /api/v2/users/a%2Fb/2fa/disable/", "", b"").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "disable \"a/b\""));
}

#[actix_web::test]
async fn an_unknown_path_is_not_found_without_an_error_key() {
    let server = serve(table);
    for path in [
        "/",
        "//",
        "/api/v2",
        "/api/v2/",
        "/api/v2/user",
        "/api/v2/Users",
        "/api/v2/us%65rs",
        "//api/v2/users",
        "/api/v2//users",
        "/api/v2/users//",
        "/api/v2/users/bob//",
        "/api/v2/users//bob",
        "/api/v2/users/./bob",
        "/api/v2/users/x/../bob",
        "/api/v2/users/bob/x",
        "/api/v2/users/bob/2fa",
        "/api/v2/users/bob/2fa/disable/x",
    ] {
        for method in ["GET", "DELETE", "HEAD"] {
            let reply = ask(server, &format!("{method} {path}"), "", b"").await;
            assert_eq!(reply.status, 404, "{path}");
            assert_eq!(reply.header("content-type"), ["application/json"]);
            let body = if method == "HEAD" { "" } else { "{\"message\":\"Not Found\"}\n" };
            assert_eq!(reply.body, body);
        }
    }
}

#[actix_web::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let server = serve(table);
    for (line, allowed) in [
        ("TRACE /api/v2/users", vec!["GET", "POST"]),
        ("OPTIONS /api/v2/users/", vec!["GET", "POST"]),
        ("PATCH /api/v2/users/bob", vec!["GET", "PUT", "DELETE"]),
        ("POST /api/v2/users/bob", vec!["GET", "PUT", "DELETE"]),
        ("GET /api/v2/users/bob/2fa/disable", vec!["PUT"]),
        ("HEAD /api/v2/users/bob/forgot-password", vec!["POST"]),
        ("DELETE /api/v2/connections/", vec!["GET"]),
        ("BREW /api/v2/connections/x", vec!["DELETE"]),
        ("get /api/v2/users", vec!["GET", "POST"]),
    ] {
        let reply = ask(server, line, "", b"").await;
        assert_eq!((reply.status, reply.body.as_str()), (405, ""), "{line}");
        assert_eq!(reply.header("allow"), allowed, "{line}");
        assert!(reply.header("content-type").is_empty());
    }
}

#[actix_web::test]
async fn head_is_get_without_the_body() {
    let reply = get("HEAD /api/v2/users/bob").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert_eq!(reply.header("content-length"), ["5"]);
}

#[actix_web::test]
async fn a_bad_escape_ends_the_connection() {
    let server = serve(table);
    for path in ["/api/v2/users/%zz", "/api/v2/users/a%2", "/%", "/api/v2/users/%2%35"] {
        let reply = ask(server, &format!("GET {path}"), "", b"").await;
        assert_eq!((reply.status, reply.body.as_str()), (400, "400 Bad Request"), "{path}");
        assert_eq!(reply.header("content-type"), ["text/plain"]);
        assert_eq!(reply.header("connection"), ["close"]);
    }
}

#[actix_web::test]
async fn a_head_of_more_than_64_kib_ends_the_connection() {
    let server = serve(table);
    for (length, status) in [(60_000, 200), (66_000, 431), (100_000, 431)] {
        let header = format!("X-Long: {}\r\n", "x".repeat(length));
        let reply = ask(server, "GET /api/v2/users/bob", &header, b"").await;
        assert_eq!(reply.status, status, "{length}");
        if status == 431 {
            assert_eq!(reply.body, "431 Request Header Fields Too Large");
            assert_eq!(reply.header("content-type"), ["text/plain"]);
            assert_eq!(reply.header("connection"), ["close"]);
        }
    }
}

#[test]
fn the_table_lists_its_routes_in_order() {
    let table = Table::new().route(&Method::DELETE, "/users/{username}", web::to(name)).route(
        &Method::GET,
        "/users/{username}",
        web::to(name),
    );
    let routes: Vec<_> = table.routes().collect();
    assert_eq!(routes, [(Method::GET, "/users/{username}"), (Method::DELETE, "/users/{username}")]);
}

#[test]
#[should_panic(expected = "stands twice")]
fn a_route_cannot_stand_twice() {
    let _table = table().route(&Method::GET, "/api/v2/users", web::to(users));
}
