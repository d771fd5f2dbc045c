//! Self service acts on the caller's own account, whatever path or body say (`design/security.md` S39).

use serde_json::{Value, json};

use crate::harness::TestServer;

const OTHERS: [(&str, &str); 4] = [("username", "other"), ("user", "other"), ("admin", "other"), ("id", "2")];

/// A body that says in every way it may that it is about somebody else.
fn about_other(mut body: Value) -> Value {
    for (member, value) in OTHERS {
        body[member] = json!(value);
    }
    body
}

#[actix_web::test]
async fn what_an_owner_sends_changes_his_account_and_no_other() {
    let server = TestServer::start().await;
    let root = server.admin().await;
    for name in ["bob", "other"] {
        let user = json!({"username": name, "password": "secret", "status": 1, "permissions": {"/": ["*"]}});
        root.post("/users", &user).await.expect(201);
        let admin =
            json!({"username": name, "password": "password", "status": 1, "permissions": ["view_users"]});
        root.post("/admins", &admin).await.expect(201);
    }
    let other = (
        root.get("/users/other?confidential_data=1").await.expect(200).text,
        root.get("/admins/other").await.expect(200).text,
    );
    let factor = json!({"enabled": true, "config_name": "Default", "protocols": ["SSH"],
        "secret": {"status": "Plain", "payload": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}});
    let query = "?username=other&user=other&admin=other";
    for (side, path) in [("user", "/users/bob"), ("admin", "/admins/bob")] {
        let old = if side == "user" { "secret" } else { "password" };
        let token_path = if side == "user" { "/user/token" } else { "/token" };
        let token = server.basic("bob", old).get(token_path).await.expect(200);
        let bob = server.bearer(token.json()["access_token"].as_str().unwrap());
        let profile = about_other(json!({"email": "bob@example.com", "description": "changed"}));
        bob.put(&format!("/{side}/profile{query}"), &profile).await.expect(200);
        let shown = bob.get(&format!("/{side}/profile{query}")).await.expect(200).json();
        assert_eq!(shown["email"], "bob@example.com");
        bob.post(&format!("/{side}/totp/save{query}"), &about_other(factor.clone())).await.expect(200);
        bob.post(&format!("/{side}/2fa/recoverycodes{query}"), &about_other(json!({}))).await.expect(200);
        let change = about_other(json!({"current_password": old, "new_password": "another"}));
        bob.put(&format!("/{side}/changepwd{query}"), &change).await.expect(200);
        let changed = root.get(path).await.expect(200).json();
        assert_eq!((&changed["username"], &changed["description"]), (&json!("bob"), &json!("changed")));
        // The token ended with the password: nothing more can be sent with it.
        bob.get(&format!("/{side}/profile{query}")).await.expect(401);
    }
    let after = (
        root.get("/users/other?confidential_data=1").await.expect(200).text,
        root.get("/admins/other").await.expect(200).text,
    );
    assert_eq!(after, other);
    // Neither side opens the other.
    let bob = server.user("other", "secret").await;
    for path in ["/admin/profile", "/users/other", "/admins", "/version"] {
        bob.get(path).await.expect(401);
    }
}
