//! Conditional requests: tags, 304, 412 and 428, and that what was refused changed nothing.

use serde_json::{Value, json};

use crate::harness::{Principal, Reply, TestServer};

fn draft(uid: i64) -> Value {
    json!({"username": "a", "status": 1, "uid": uid, "password": "secret", "permissions": {"/": ["*"]}})
}

async fn with_user() -> (TestServer, Principal) {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin.post("/users", &draft(1)).await.expect(201);
    (server, admin)
}

/// The tag of an answer, which must be a strong one.
fn tag(reply: &Reply) -> String {
    let tag = reply.header("ETag").to_owned();
    assert!(tag.len() > 10 && tag.starts_with('"') && tag.ends_with('"'), "{tag:?}");
    tag
}

fn if_match(admin: &Principal, tags: &str) -> Principal {
    admin.clone().with("If-Match", tags)
}

fn if_none_match(admin: &Principal, tags: &str) -> Principal {
    admin.clone().with("If-None-Match", tags)
}

#[actix_web::test]
async fn every_answer_about_one_user_has_the_tag_of_his_state() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let added = tag(&admin.post("/users", &draft(1)).await.expect(201));
    let read = admin.get("/users/a").await.expect(200);
    assert_eq!(tag(&read), added);
    assert_eq!(read.header("Cache-Control"), "no-store");
    let replaced = tag(&admin.put("/users/a", &draft(2)).await.expect(200));
    assert_ne!(replaced, added);
    assert_eq!(tag(&admin.get("/users/a").await.expect(200)), replaced);
    // The same content again is another write.
    assert_ne!(tag(&admin.put("/users/a", &draft(2)).await.expect(200)), replaced);
    assert_eq!(admin.get("/users").await.expect(200).header("ETag"), "");
}

#[actix_web::test]
async fn tags_outlive_a_restart_and_a_user_made_anew_has_others() {
    let (mut server, admin) = with_user().await;
    let before = tag(&admin.get("/users/a").await.expect(200));
    server.restart().await;
    let admin = server.admin().await;
    assert_eq!(tag(&admin.get("/users/a").await.expect(200)), before);
    admin.delete("/users/a").await.expect(200);
    assert_ne!(tag(&admin.post("/users", &draft(1)).await.expect(201)), before);
    if_match(&admin, &before).delete("/users/a").await.expect(412);
}

#[actix_web::test]
async fn the_confidential_view_has_a_tag_of_its_own_and_either_is_good_for_a_change() {
    let (_server, admin) = with_user().await;
    let normal = tag(&admin.get("/users/a").await.expect(200));
    let confidential = tag(&admin.get("/users/a?confidential_data=1").await.expect(200));
    assert_ne!(normal, confidential);
    let mut other = draft(2);
    other["username"] = json!("b");
    let added = tag(&admin.post("/users?confidential_data=1", &other).await.expect(201));
    assert_eq!(tag(&admin.get("/users/b?confidential_data=1").await.expect(200)), added);
    if_none_match(&admin, &normal).get("/users/a?confidential_data=1").await.expect(200);
    if_none_match(&admin, &confidential).get("/users/a?confidential_data=1").await.expect(304);
    if_match(&admin, &confidential).put("/users/a", &draft(2)).await.expect(200);
    if_match(&admin, &normal).put("/users/a", &draft(3)).await.expect(412);
}

/// A user with a role, a group and a folder is shown with these as they are now.
#[actix_web::test]
async fn what_others_put_into_a_user_has_its_part_in_the_tag_of_what_is_shown() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    admin.post("/roles", &json!({"name": "r"})).await.expect(201);
    admin.post("/groups", &json!({"name": "g"})).await.expect(201);
    let folder = |path: &str| json!({"name": "f", "mapped_path": path, "description": path});
    admin.post("/folders", &folder("/srv/one")).await.expect(201);
    let mut user = draft(1);
    user["role"] = json!("r");
    user["groups"] = json!([{"name": "g", "type": 2}]);
    user["virtual_folders"] =
        json!([{"name": "f", "virtual_path": "/v", "quota_size": -1, "quota_files": -1}]);
    admin.post("/users", &user).await.expect(201);
    let mut before: Vec<(String, String)> = Vec::new();
    for _ in 0..2 {
        for (change, body) in [
            ("/folders/f", folder("/srv/two")),
            ("/folders/f", folder("/srv/three")),
            ("/groups/g", json!({"name": "g", "description": "another"})),
            ("/roles/r", json!({"name": "r", "description": "another"})),
        ] {
            for view in ["/users/a", "/users/a?confidential_data=1"] {
                let read = admin.get(view).await.expect(200);
                let current = tag(&read);
                let again = if_none_match(&admin, &current).get(view).await.expect(304);
                assert_eq!(tag(&again), current);
                if_match(&admin, &current).get(view).await.expect(200);
                for (old, text) in &before {
                    assert_eq!(*old == current, *text == read.text, "{view}: one tag for one text");
                    let status = if_none_match(&admin, old).get(view).await.status;
                    assert_eq!(status == 304, *text == read.text, "{view}");
                }
                before.push((current, read.text));
            }
            server.advance(1);
            admin.put(change, &body).await.expect(200);
        }
    }
    // Nobody changed the user himself meanwhile: what was read first is still the state to change.
    let first = before[0].0.clone();
    if_match(&admin, &first).put("/users/a", &user).await.expect(200);
    if_match(&admin, &first).put("/users/a", &user).await.expect(412);
}

#[actix_web::test]
async fn whoever_has_the_user_is_told_so() {
    let (_server, admin) = with_user().await;
    let current = tag(&admin.get("/users/a").await.expect(200));
    for tags in [current.clone(), format!("W/{current}"), format!("\"x\", {current}"), "*".to_owned()] {
        let reply = if_none_match(&admin, &tags).get("/users/a").await.expect(304);
        assert_eq!((reply.text.as_str(), tag(&reply)), ("", current.clone()), "{tags}");
    }
    if_none_match(&admin, "\"x\"").get("/users/a").await.expect(200);
    if_none_match(&admin, "*").get("/users/nobody").await.expect(404);
    if_match(&admin, "\"x\"").get("/users/a").await.expect(412);
    if_match(&admin, &current).get("/users/a").await.expect(200);
    admin.put("/users/a", &draft(2)).await.expect(200);
    if_none_match(&admin, &current).get("/users/a").await.expect(200);
}

#[actix_web::test]
async fn a_change_of_another_state_than_expected_is_refused_and_changes_nothing() {
    let (_server, admin) = with_user().await;
    let stale = tag(&admin.get("/users/a").await.expect(200));
    let current = tag(&admin.put("/users/a", &draft(2)).await.expect(200));
    let before = admin.get("/users/a?confidential_data=1").await.expect(200).text;
    for tags in [stale.clone(), format!("W/{current}"), format!("\"x\" , {stale}"), "\"\"".to_owned()] {
        let caller = if_match(&admin, &tags);
        let refused = caller.put("/users/a", &draft(3)).await.expect(412);
        assert_eq!(refused.json()["message"], "Precondition Failed", "{tags}");
        caller.delete("/users/a").await.expect(412);
        caller.put("/users/a/2fa/disable", &json!({})).await.expect(412);
    }
    for tags in ["*".to_owned(), current.clone()] {
        if_none_match(&admin, &tags).put("/users/a", &draft(3)).await.expect(412);
        if_none_match(&admin, &tags).delete("/users/a").await.expect(412);
    }
    assert_eq!(admin.get("/users/a?confidential_data=1").await.expect(200).text, before);

    let next = if_match(&admin, &format!("\"x\", {current}")).put("/users/a", &draft(3)).await.expect(200);
    let next =
        if_match(&admin, "*").put("/users/a", &draft(4)).await.expect(200).header("ETag") != tag(&next);
    assert!(next);
    if_none_match(&admin, "\"x\"").put("/users/a", &draft(5)).await.expect(200);
    let current = tag(&admin.get("/users/a").await.expect(200));
    if_match(&admin, &current).delete("/users/a").await.expect(200);
}

#[actix_web::test]
async fn a_second_factor_is_taken_from_the_expected_state_only() {
    let (_server, admin) = with_user().await;
    let current = tag(&admin.get("/users/a").await.expect(200));
    // The state is as expected, there is just nothing to take away.
    if_match(&admin, &current).put("/users/a/2fa/disable", &json!({})).await.expect(400);
    if_match(&admin, "\"x\"").put("/users/a/2fa/disable", &json!({})).await.expect(412);
    if_match(&admin, "*").put("/users/nobody/2fa/disable", &json!({})).await.expect(412);
}

#[actix_web::test]
async fn complaints_come_in_order_permission_parameter_user_condition_body() {
    let (server, admin) = with_user().await;
    let viewer = json!({"username": "v", "password": "secret", "status": 1, "permissions": ["view_users"]});
    admin.post("/admins", &viewer).await.expect(201);
    let viewer = server.signed_in("v", "secret").await;
    if_match(&viewer, "\"x\"").put("/users/a", &json!("no object")).await.expect(403);
    if_match(&viewer, "*").delete("/users/nobody").await.expect(403);
    let stale = if_match(&admin, "\"x\"");
    stale.put("/users/a?disconnect=x", &json!("no object")).await.expect(400);
    stale.put("/users/nobody", &json!("no object")).await.expect(404);
    stale.delete("/users/nobody").await.expect(404);
    stale.put("/users/a", &json!("no object")).await.expect(412);
    let any = if_match(&admin, "*");
    any.put("/users/nobody", &draft(1)).await.expect(412);
    any.delete("/users/nobody").await.expect(412);
    any.put("/users/a", &json!("no object")).await.expect(400);
    if_none_match(&admin, "*").put("/users/nobody", &draft(1)).await.expect(404);
    for header in ["If-Match", "If-None-Match"] {
        let odd = admin.clone().with(header, "no tag");
        odd.put("/users/a", &draft(2)).await.expect(400);
        odd.delete("/users/a").await.expect(400);
        odd.get("/users/a").await.expect(400);
    }
    assert_eq!(admin.get("/users/a").await.expect(200).json()["uid"], 1);
}

#[actix_web::test]
async fn users_of_other_roles_are_not_there_whatever_the_condition_says() {
    let (server, admin) = with_user().await;
    admin.post("/roles", &json!({"name": "r"})).await.expect(201);
    let bound = json!({
        "username": "bound", "password": "secret", "status": 1, "role": "r",
        "permissions": ["view_users", "edit_users", "del_users"]
    });
    admin.post("/admins", &bound).await.expect(201);
    let bound = server.signed_in("bound", "secret").await;
    let current = tag(&admin.get("/users/a").await.expect(200));
    if_match(&bound, &current).put("/users/a", &draft(2)).await.expect(404);
    if_match(&bound, "*").put("/users/a", &draft(2)).await.expect(412);
    if_match(&bound, &current).delete("/users/a").await.expect(404);
    if_none_match(&bound, &current).get("/users/a").await.expect(404);
    assert_eq!(admin.get("/users/a").await.expect(200).json()["uid"], 1);
}

#[actix_web::test]
async fn where_it_is_asked_for_no_change_goes_without_a_state() {
    let server = TestServer::start_with(|settings| settings.users.require_if_match = true).await;
    let admin = server.admin().await;
    let current = tag(&admin.post("/users", &draft(1)).await.expect(201));
    let refused = admin.put("/users/a", &draft(2)).await.expect(428);
    assert_eq!(refused.json()["message"], "Precondition Required");
    admin.delete("/users/a").await.expect(428);
    if_none_match(&admin, "\"x\"").put("/users/a", &draft(2)).await.expect(428);
    admin.put("/users/nobody", &draft(2)).await.expect(404);
    admin.put("/users/a/2fa/disable", &json!({})).await.expect(400);
    assert_eq!(tag(&admin.get("/users/a").await.expect(200)), current);
    let next = tag(&if_match(&admin, &current).put("/users/a", &draft(2)).await.expect(200));
    if_match(&admin, &next).delete("/users/a").await.expect(200);
}

#[actix_web::test]
async fn of_many_changes_from_one_state_one_is_done() {
    let (_server, admin) = with_user().await;
    let current = tag(&admin.get("/users/a").await.expect(200));
    let caller = if_match(&admin, &current);
    let drafts: Vec<Value> = (2..34).map(draft).collect();
    let replies =
        futures_util::future::join_all(drafts.iter().map(|draft| caller.put("/users/a", draft))).await;
    let done: Vec<usize> = (0..replies.len()).filter(|index| replies[*index].status == 200).collect();
    assert_eq!(done.len(), 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    assert!(replies.iter().all(|reply| [200, 412].contains(&reply.status)));
    let user = admin.get("/users/a").await.expect(200);
    assert_eq!(user.json()["uid"], drafts[done[0]]["uid"]);
    assert_eq!(tag(&user), tag(&replies[done[0]]));
}
