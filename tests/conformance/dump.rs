//! A dump in the reference's form, put together from its recorded answers with confidential data: all of it can
//! be imported, and is shown again as it was.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use usersd::domain::sealer::Sealer;
use usersd::domain::secret::Secret;

use super::cases::{self, Step};
use super::program::Installation;
use super::templates::expand;

/// The hash of the word `password`.
const HASH: &str = "$2a$10$M4cv3AWzoO3TZQQ91FtVwuPE8b.a1QlTFT9MWXHEo24y/4TvlFPUq";
const CASES: [&str; 7] = [
    include_str!("cases/2fa.json"),
    include_str!("cases/apikeys.json"),
    include_str!("cases/granular.json"),
    include_str!("cases/passwords.json"),
    include_str!("cases/self.json"),
    include_str!("cases/storage.json"),
    include_str!("cases/users.json"),
];

/// Every user that the reference answered with confidential data, by the name he gets here.
fn recorded() -> BTreeMap<String, Value> {
    let templates: Map<String, Value> =
        serde_json::from_str(include_str!("templates.json")).expect("the templates are JSON");
    let cases = CASES.iter().flat_map(|text| cases::read(text));
    let mut users = BTreeMap::new();
    for case in cases {
        for (step, asked) in case.steps.into_iter().enumerate() {
            let Step::Ask { request, expect, .. } = asked else { continue };
            let reveals = request.query.get("confidential_data").is_some_and(|value| value == "1");
            let Some(answer) = expect.json.as_ref().filter(|_| reveals && expect.status < 300) else {
                continue;
            };
            if answer.get("like").is_none_or(|like| like != "confidential") {
                continue;
            }
            let answer = expand(answer, &templates).expect("the templates fit");
            if answer.get("virtual_folders").is_none() {
                let name = format!("{}/{step}", case.name);
                users.insert(name.clone(), filled(answer, &name));
            }
        }
    }
    users
}

/// The answer with values in the place of what stands for them.
fn filled(mut value: Value, name: &str) -> Value {
    match &mut value {
        Value::Object(members) if members.get("key").is_some_and(Value::is_string) => {
            let secret: Secret = Sealer::default().seal("open sesame", name).into();
            return serde_json::to_value(secret.confidential()).expect("a sealed secret");
        }
        Value::Object(members) => {
            for (member, inside) in members.iter_mut() {
                *inside = match (member.as_str(), inside.as_str()) {
                    ("password", Some(text)) if text.starts_with('<') || text == "{hash}" => json!(HASH),
                    (_, Some("<ms>" | "{when}")) => json!(1_795_000_000_123_i64),
                    (_, Some("<int>")) => json!(7),
                    ("username", Some(_)) => json!(name),
                    _ => filled(inside.take(), name),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = filled(item.take(), name)),
        Value::String(text) => *text = text.replace("{p}", "p"),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    value
}

#[test]
fn a_dump_of_recorded_answers_is_imported_whole() {
    let users = recorded();
    assert!(users.len() > 40, "{} users", users.len());
    let dump = json!({
        "users": users.values().collect::<Vec<_>>(), "groups": [], "folders": [], "admins": [],
        "api_keys": [], "shares": [], "event_actions": [], "event_rules": [], "roles": [],
        "ip_lists": [{"ipornet": "", "type": 0}], "configs": {}, "version": 16,
    });
    let installation = Installation::new();
    let file = installation.file("dump.json", &dump.to_string());
    let said =
        installation.run(&["import", file.to_str().expect("a path"), "--all-or-nothing"]).expect(0).out;
    assert!(said.contains(&format!("users: {} added, 0 replaced", users.len())), "{said}");
    assert!(!said.contains("left out"), "{said}");

    let server = installation.start();
    let mut admin = server.admin();
    for (name, recorded) in &users {
        let path = format!("/api/v2/users/{}?confidential_data=1", name.replace('/', "%2F"));
        let mut shown = admin.get(&path).expect(200).json();
        let mut recorded = recorded.clone();
        for user in [&mut shown, &mut recorded] {
            let user = user.as_object_mut().expect("an object");
            user.remove("id");
            user.remove("updated_at");
        }
        assert_eq!(shown, recorded, "{name}");
        let hash = recorded["password"].as_str().unwrap_or_default();
        if name.starts_with("passwords/hash-") || hash == HASH {
            server.anonymous().basic(name, "password").get("/api/v2/user/token").expect(200);
        }
    }
    server.stop();
}
