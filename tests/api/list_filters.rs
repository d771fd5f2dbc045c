//! Lists of users beyond offset and limit: the cursor, filters, and what the headers say.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Principal, Reply, TestServer};

async fn add(admin: &Principal, more: Value) {
    let mut draft = json!({"permissions": {"/": ["*"]}, "status": 1});
    draft.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    admin.post("/users", &draft).await.expect(201);
}

async fn with_users(names: &[&str]) -> (TestServer, Principal) {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for name in names {
        add(&admin, json!({"username": name})).await;
    }
    (server, admin)
}

/// The path below the API that the answer names as the next page.
fn next(reply: &Reply) -> Option<String> {
    let link = reply.header("Link");
    let target = link.strip_prefix("</api/v2").and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
    assert!(link.is_empty() || target.is_some(), "{link}");
    target.map(str::to_owned)
}

fn total(reply: &Reply) -> Option<usize> {
    let total = reply.header("X-Total-Count");
    (!total.is_empty()).then(|| total.parse().unwrap())
}

/// All pages from a path on, as the answers link them.
async fn walk(admin: &Principal, path: &str) -> Vec<Vec<String>> {
    let (mut pages, mut path) = (Vec::new(), Some(path.to_owned()));
    while let Some(this) = path {
        let reply = admin.get(&this).await.expect(200);
        pages.push(reply.usernames());
        path = next(&reply);
        assert!(pages.len() < 100, "the links lead in circles");
    }
    pages
}

#[actix_web::test]
async fn the_cursor_stands_between_names_that_need_not_be_there() {
    let (_server, admin) = with_users(&["b", "d", "f", "é"]).await;
    for (query, names) in [
        ("after=b", &["d", "f", "é"][..]),
        ("after=c", &["d", "f", "é"]),
        ("after=a", &["b", "d", "f", "é"]),
        ("after=%C3%A9", &[]),
        ("after=z%F0", &["é"]),
        ("after=", &["b", "d", "f", "é"]),
        ("after=f&order=DESC", &["d", "b"]),
        ("after=e&order=DESC", &["d", "b"]),
        ("after=b&order=DESC", &[]),
        ("after=&order=DESC", &["é", "f", "d", "b"]),
        ("after=b&limit=1", &["d"]),
        ("after=b&limit=1&offset=1", &["f"]),
        ("after=b&offset=9223372036854775807", &[]),
        ("after=f&limit=1&offset=1&order=DESC", &["b"]),
        ("after=b&limit=0", &[]),
    ] {
        assert_eq!(admin.get(&format!("/users?{query}")).await.expect(200).usernames(), names, "{query}");
    }
}

#[actix_web::test]
async fn links_lead_through_the_list_whatever_the_names_hold() {
    let names = ["%", "&a", "+b", "a b", "a;b", "a\"<>", "ü", "x=y#", "plain"];
    let (_server, admin) = with_users(&names).await;
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    for order in ["ASC", "DESC"] {
        let pages = walk(&admin, &format!("/users?limit=2&order={order}&other=%26")).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 2, 1]);
        assert_eq!(pages.concat(), sorted, "{order}");
        sorted.reverse();
    }
    let reply = admin.get("/users?limit=2&order=DESC&offset=3&search=").await.expect(200);
    assert!(next(&reply).unwrap().starts_with("/users?limit=2&order=DESC&search=&after="));
    assert_eq!(total(&reply), Some(names.len()));
    assert_eq!(next(&admin.get("/users?limit=9").await.expect(200)), None);
    assert_eq!(next(&admin.get("/users?limit=0").await.expect(200)), None);
}

#[actix_web::test]
async fn a_cursor_does_not_drift_when_users_come_and_go() {
    let (_server, admin) = with_users(&["b", "d", "f", "h"]).await;
    let first = admin.get("/users?limit=2").await.expect(200);
    assert_eq!(first.usernames(), ["b", "d"]);
    admin.delete("/users/d").await.expect(200);
    add(&admin, json!({"username": "a"})).await;
    assert_eq!(walk(&admin, &next(&first).unwrap()).await.concat(), ["f", "h"]);
}

/// Twelve users of whom every filter takes some.
async fn varied() -> (TestServer, Principal) {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for role in ["red", "blue"] {
        admin.post("/roles", &json!({"name": role})).await.expect(201);
    }
    for number in 0..12_i64 {
        let role = ["red", "blue", ""][usize::try_from(number % 3).unwrap()];
        let expiration_date = [0, 1, 4_000_000_000_000_i64][usize::try_from(number / 4).unwrap()];
        add(
            &admin,
            json!({
                "username": format!("user-{number:02}"), "status": i64::from(number % 3 != 0),
                "role": role,
                "email": if number == 5 { "" } else if number == 6 { "Six@Example.com" } else { "x@example.org" },
                "description": if number % 4 == 0 { "Vierte Größe" } else { "" },
                "expiration_date": expiration_date,
            }),
        )
        .await;
    }
    (server, admin)
}

fn numbers(names: &[String]) -> Vec<usize> {
    names.iter().map(|name| name["user-".len()..].parse().unwrap()).collect()
}

#[actix_web::test]
async fn filters_narrow_the_list_together_in_both_orders_and_any_page() {
    let (_server, admin) = varied().await;
    for (query, wanted) in [
        ("status=1", vec![1, 2, 4, 5, 7, 8, 10, 11]),
        ("status=0", vec![0, 3, 6, 9]),
        ("role=red", vec![0, 3, 6, 9]),
        ("role=blue", vec![1, 4, 7, 10]),
        ("role=none", vec![]),
        ("role=blue&status=0", vec![]),
        ("email=six%40example.COM", vec![6]),
        ("email=six", vec![]),
        ("search=EXAMPLE.com", vec![6]),
        ("search=USER-1", vec![10, 11]),
        ("search=GR%C3%96SSE", vec![]),
        ("search=gr%C3%B6%C3%9Fe", vec![0, 4, 8]),
        ("search=vierte&status=1", vec![4, 8]),
        ("expired=true", vec![4, 5, 6, 7]),
        ("expired=false", vec![0, 1, 2, 3, 8, 9, 10, 11]),
        ("expired=true&role=red", vec![6]),
        ("group=g", vec![]),
    ] {
        let all = admin.get(&format!("/users?{query}")).await.expect(200);
        assert_eq!(numbers(&all.usernames()), wanted, "{query}");
        assert_eq!((total(&all), next(&all)), (Some(wanted.len()), None), "{query}");
        let counted = admin.get(&format!("/users?{query}&limit=0")).await.expect(200);
        assert_eq!((counted.text.as_str(), total(&counted)), ("[]\n", Some(wanted.len())), "{query}");
        let mut wanted = wanted;
        for order in ["ASC", "DESC"] {
            for limit in [1, 2, 3, 100] {
                let pages = walk(&admin, &format!("/users?limit={limit}&{query}&order={order}")).await;
                assert!(pages.iter().all(|page| page.len() <= limit));
                assert!(wanted.is_empty() || pages.iter().all(|page| !page.is_empty()), "{query} {limit}");
                assert_eq!(numbers(&pages.concat()), wanted, "{query} {order} {limit}");
                for offset in [1, 3] {
                    let path = format!("/users?{query}&offset={offset}&limit={limit}&order={order}");
                    let listed = numbers(&admin.get(&path).await.expect(200).usernames());
                    let rest = wanted.iter().copied().skip(offset).take(limit).collect::<Vec<_>>();
                    assert_eq!(listed, rest, "{path}");
                }
            }
            wanted.reverse();
        }
    }
}

#[actix_web::test]
async fn users_are_shown_as_without_a_filter() {
    let (_server, admin) = varied().await;
    let whole = admin.get("/users").await.expect(200).json();
    let filtered = admin.get("/users?search=user").await.expect(200);
    assert_eq!(filtered.json(), whole);
    assert_eq!(admin.get("/users?searching=x&Status=0&filter=a").await.expect(200).json(), whole);
}

#[actix_web::test]
async fn a_filter_that_makes_no_sense_is_refused() {
    let (_server, admin) = with_users(&["a"]).await;
    for (query, error) in [
        ("status=2", "invalid status"),
        ("status=active", "invalid status"),
        ("expired=yes", "invalid expired"),
        ("expired=x&order=x", "invalid order"),
    ] {
        let refused = admin.get(&format!("/users?{query}")).await.expect(400).json();
        assert_eq!(refused, json!({"error": error, "message": ""}));
    }
}

#[actix_web::test]
async fn an_admin_with_a_role_sees_and_counts_his_own_users_alone() {
    let (server, admin) = varied().await;
    let bound = json!({
        "username": "bound", "password": "secret", "status": 1, "role": "red", "permissions": ["view_users"]
    });
    admin.post("/admins", &bound).await.expect(201);
    let bound = server.signed_in("bound", "secret").await;
    for (query, wanted) in [
        ("", vec![0, 3, 6, 9]),
        ("role=red", vec![0, 3, 6, 9]),
        ("role=blue", vec![]),
        ("search=user", vec![0, 3, 6, 9]),
        ("role=blue&search=user", vec![]),
        ("status=1", vec![]),
        ("email=x%40example.org", vec![0, 3, 9]),
        ("after=user-01", vec![3, 6, 9]),
        ("after=user-05&order=DESC", vec![3, 0]),
    ] {
        let listed = bound.get(&format!("/users?{query}")).await.expect(200);
        assert_eq!(numbers(&listed.usernames()), wanted, "{query}");
        let count = if query.contains("after=") { 4 } else { wanted.len() };
        assert_eq!(total(&listed), Some(count), "{query}");
    }
    let paged = walk(&bound, "/users?limit=1&search=.org").await;
    assert_eq!(numbers(&paged.concat()), [0, 3, 9]);
}

#[actix_web::test]
async fn searches_go_over_more_users_than_are_looked_at_in_one_piece() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let drafts: Vec<Value> = (0..1100)
        .map(|n| {
            json!({"username": format!("{n:04}"), "permissions": {"/": ["*"]}, "status": i64::from(n % 100 == 7)})
        })
        .collect();
    for some in drafts.chunks(100) {
        let added =
            futures_util::future::join_all(some.iter().map(|draft| admin.post("/users", draft))).await;
        assert!(added.iter().all(|reply| reply.status == 201));
    }
    let wanted: BTreeSet<String> = (0..11).map(|n| format!("{:04}", n * 100 + 7)).collect();
    for order in ["ASC", "DESC"] {
        let pages = walk(&admin, &format!("/users?status=1&limit=4&order={order}")).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 3]);
        assert_eq!(pages.concat().into_iter().collect::<BTreeSet<_>>(), wanted);
    }
    let first = admin.get("/users?status=1&limit=4").await.expect(200);
    assert_eq!(total(&first), None, "it was not looked further");
    assert_eq!(total(&admin.get("/users?status=1&limit=0").await.expect(200)), Some(11));
}
