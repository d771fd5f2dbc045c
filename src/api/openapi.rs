//! The one description of the API (OpenAPI): what `/openapi.json` serves, `usersd openapi` prints and the
//! tests hold every reply against. Each part of the API describes itself in a table of its own; a part is
//! marked in `PARTS` exactly when its routes are served.

mod admins;
mod api_keys;
mod backup;
mod connections;
mod defender;
mod extras;
mod filesystems;
mod filters;
mod folders;
mod groups;
mod health;
mod messages;
pub mod page;
mod quotas;
mod render;
mod roles;
mod second_factor;
mod secrets;
mod self_service;
mod status;
mod table;
mod tokens;
mod user_model;
mod user_patches;
mod users;
mod version;

use serde::Serialize;
use utoipa::openapi::path::{PathItem, PathsBuilder};
use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::server::{Server, ServerBuilder};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{Components, Info, InfoBuilder, License, OpenApi, OpenApiBuilder, Paths};

use self::table::Part;

/// What every path of the API begins with.
pub const PREFIX: &str = "/api/v2";

const API_KEY: &str = "APIKeyAuth";
const BEARER: &str = "BearerAuth";
const BASIC: &str = "BasicAuth";

/// All parts in the order of the document, and whether they are served: only then they are described.
const PARTS: &[(Part, bool)] = &[
    (users::PART, true),
    (user_patches::PART, true),
    (tokens::OF_ADMINS, true),
    (version::PART, true),
    (health::PART, true),
    (tokens::OF_USERS, true),
    (admins::PART, true),
    (self_service::OF_ADMINS, true),
    (self_service::OF_USERS, true),
    (api_keys::PART, true),
    (connections::PART, true),
    (groups::PART, true),
    (folders::PART, true),
    (roles::PART, true),
    (defender::PART, true),
    (quotas::PART, true),
    (backup::PART, true),
    (status::PART, true),
];

/// The description of all parts that are served.
pub fn document() -> OpenApi {
    describe(PARTS.iter().filter(|(_, served)| *served).map(|(part, _)| part))
}

/// The description as it is served and printed: OpenAPI 3.0.3, indented, with a line feed at the end.
///
/// # Panics
/// Never: the description is plain data with texts as names, and such data can be written as JSON.
pub fn to_json() -> String {
    written(&document())
}

/// What is written of a description, under another version number than utoipa's own.
///
/// The objects of utoipa are those of OpenAPI 3.1, but client generators in use read only 3.0 well: one of
/// 2023 turns every list of a 3.1 document into an untyped object. Nothing in the document needs 3.1.
#[derive(Serialize)]
struct Written<'a> {
    openapi: &'static str,
    info: &'a Info,
    servers: &'a Option<Vec<Server>>,
    tags: &'a Option<Vec<Tag>>,
    paths: &'a Paths,
    components: &'a Option<Components>,
}

fn written(document: &OpenApi) -> String {
    let OpenApi { info, servers, tags, paths, components, .. } = document;
    let written = Written { openapi: "3.0.3", info, servers, tags, paths, components };
    let json = serde_json::to_string_pretty(&written).expect("plain data with texts as names is valid JSON");
    json + "\n"
}

fn describe<'a>(parts: impl Iterator<Item = &'a Part> + Clone) -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut components = ComponentsBuilder::new();
    for (name, scheme) in security_schemes() {
        components = components.security_scheme(name, scheme);
    }
    for part in parts.clone() {
        for route in part.routes {
            let operation = render::operation(part.tag, route, servers_of(route.path));
            paths = paths.path(route.path, PathItem::new(render::method(route.method), operation));
        }
        for record in messages::RECORDS.iter().chain(part.records) {
            components = components.schema(record.name, render::record(record));
        }
    }
    let tags = parts.map(|part| TagBuilder::new().name(part.tag).description(Some(part.about)).build());
    OpenApiBuilder::new()
        .info(info())
        .servers(Some([server(PREFIX)]))
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(tags))
        .build()
}

fn info() -> Info {
    InfoBuilder::new()
        .title("usersd")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Users of file transfer services, managed over REST. Admins sign in with a name and a password \
             to get a bearer token, or send an API key. Times are milliseconds since 1970, UTC, unless a \
             member says otherwise. Members of objects that are zero, empty or false are left out of \
             answers, but for those named in `x-always-present`. Whoever accepts `application/problem+json` by \
             name is told failures as problem details (RFC 9457).",
        ))
        .license(Some(License::new("MIT OR Apache-2.0")))
        .build()
}

fn server(url: &str) -> Server {
    ServerBuilder::new().url(url).build()
}

/// The probes stand beside the prefix, not below it.
fn servers_of(path: &str) -> Option<Vec<Server>> {
    health::is_outside_the_prefix(path).then(|| vec![server("/")])
}

fn security_schemes() -> [(&'static str, SecurityScheme); 3] {
    let key = ApiKeyValue::with_description(
        "X-SFTPGO-API-KEY",
        "An API key, `<id>.<secret>`, with `.<username>` appended if the key belongs to nobody yet. If it is \
         sent, a bearer token is not looked at.",
    );
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The token that `GET /token` answers."));
    [
        (API_KEY, SecurityScheme::ApiKey(ApiKey::Header(key))),
        (BEARER, SecurityScheme::Http(bearer.build())),
        (BASIC, SecurityScheme::Http(Http::new(HttpAuthScheme::Basic))),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// Everything that is described, served or not.
    fn whole() -> Value {
        serde_json::from_str(&written(&describe(PARTS.iter().map(|(part, _)| part)))).unwrap()
    }

    fn served() -> Value {
        serde_json::from_str(&to_json()).unwrap()
    }

    /// Calls `visit` with every object of a document and the place where it stands.
    fn walk(value: &Value, place: &str, visit: &mut impl FnMut(&str, &serde_json::Map<String, Value>)) {
        match value {
            Value::Object(members) => {
                visit(place, members);
                for (name, member) in members {
                    walk(member, &format!("{place}/{name}"), visit);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{place}/{index}"), visit);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// All operations: path, method, operation.
    fn operations(document: &Value) -> Vec<(String, String, Value)> {
        let paths = document["paths"].as_object().unwrap().iter();
        paths
            .flat_map(|(path, item)| {
                let item = item.as_object().unwrap().iter();
                item.map(move |(method, operation)| (path.clone(), method.clone(), operation.clone()))
            })
            .collect()
    }

    #[test]
    fn it_is_written_as_openapi_3_0() {
        let document = whole();
        assert_eq!(document["openapi"], "3.0.3");
        walk(&document, "", &mut |place, members| {
            assert!(!members.get("type").is_some_and(Value::is_array), "{place} has several types");
            for word in ["examples", "const", "prefixItems", "propertyNames", "contentEncoding", "$defs"] {
                assert!(place.ends_with("/properties") || !members.contains_key(word), "{place} has {word}");
            }
        });
    }

    #[test]
    fn it_has_nothing_that_generated_clients_cannot_send_or_read() {
        walk(&whole(), "", &mut |place, members| {
            if members.contains_key("$ref") {
                assert_eq!(members.len(), 1, "{place}: what stands beside a reference is ignored");
            }
            assert_ne!(members.get("format").and_then(Value::as_str), Some("password"), "{place}");
            assert_ne!(members.get("format").and_then(Value::as_str), Some("date-time"), "{place}");
            assert!(members.get("readOnly") != Some(&Value::Bool(true)), "{place}: would not be sent back");
            if let Some(values) = members.get("additionalProperties") {
                walk(values, place, &mut |_, inner| {
                    assert!(
                        !inner.contains_key("enum") && !inner.contains_key("$ref"),
                        "{place}: map of words"
                    );
                });
            }
        });
    }

    #[test]
    fn every_reference_leads_to_an_object_and_every_object_is_needed() {
        for document in [served(), whole()] {
            let mut used = BTreeSet::from(["#/components/schemas/UserPermission".to_owned()]);
            walk(&document, "", &mut |_, members| {
                used.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            });
            let known: BTreeSet<String> = document["components"]["schemas"]
                .as_object()
                .unwrap()
                .keys()
                .map(|name| format!("#/components/schemas/{name}"))
                .collect();
            assert_eq!(used, known);
        }
    }

    #[test]
    fn what_clients_of_the_reference_do_not_know_stands_beside_what_they_know() {
        let (mut extended, mut etags) = (0, 0);
        for (path, method, operation) in operations(&whole()) {
            let extras = &operation[extras::EXTRAS];
            let named = |list: &Value, name: &Value| {
                list.as_array().into_iter().flatten().filter(|one| one["name"] == *name).count()
            };
            for name in extras["parameters"].as_array().into_iter().flatten().map(|param| &param["name"]) {
                assert_eq!(named(&operation["parameters"], name), 0, "{method} {path} {name}");
                assert_eq!(named(&extras["parameters"], name), 1, "{method} {path} {name}");
                extended += 1;
            }
            for (status, _) in extras["statuses"].as_object().into_iter().flatten() {
                assert!(operation["responses"].get(status).is_none(), "{method} {path} {status}");
            }
            etags += usize::from(extras["headers"].get("ETag").is_some());
        }
        assert_eq!((extended, etags), (7 + 4 * 2 + 1, 5), "every extra has found its operation");
    }

    #[test]
    fn operations_have_one_tag_and_names_of_their_own() {
        let document = whole();
        let tags: BTreeSet<&str> =
            document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
        assert_eq!(tags.len(), PARTS.len());
        let mut ids = BTreeSet::new();
        for (path, method, operation) in operations(&document) {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
            assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{method} {path}");
        }
        let routes: usize = PARTS.iter().map(|(part, _)| part.routes.len()).sum();
        assert_eq!(ids.len(), routes, "no route hides another");
    }

    #[test]
    fn the_parameters_of_a_path_are_those_in_its_braces() {
        for (path, method, operation) in operations(&whole()) {
            let named: Vec<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let described: Vec<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path" && parameter["required"] == true)
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            assert_eq!(named, described, "{method} {path}");
        }
    }

    #[test]
    fn only_the_probes_and_what_a_forgotten_password_needs_are_public() {
        let public: Vec<String> = operations(&whole())
            .into_iter()
            .filter(|(_, _, operation)| operation["security"].as_array().unwrap().is_empty())
            .map(|(path, method, _)| format!("{method} {path}"))
            .collect();
        let expected = [
            "post /admins/{username}/forgot-password",
            "post /admins/{username}/reset-password",
            "get /healthz",
            "get /readyz",
            "post /users/{username}/forgot-password",
            "post /users/{username}/reset-password",
        ];
        assert_eq!(public, expected);
    }

    #[test]
    fn admins_come_by_api_key_or_token_in_this_order() {
        let document = served();
        let expected = serde_json::json!([{ "APIKeyAuth": [] }, { "BearerAuth": [] }]);
        assert_eq!(document["paths"]["/users"]["get"]["security"], expected);
        assert_eq!(document["components"]["securitySchemes"]["APIKeyAuth"]["name"], "X-SFTPGO-API-KEY");
    }

    #[test]
    fn clients_need_not_send_what_the_server_fills_in() {
        let schemas = &served()["components"]["schemas"];
        for name in ["User", "UserFilters", "FilesystemConfig", "Secret", "VirtualFolder", "ApiResponse"] {
            assert!(schemas[name].is_object() && schemas[name].get("required").is_none(), "{name}");
        }
        assert_eq!(schemas["Secret"].get(render::ALWAYS_PRESENT), None);
        assert_eq!(schemas["User"][render::ALWAYS_PRESENT].as_array().unwrap().len(), 17);
    }
}
