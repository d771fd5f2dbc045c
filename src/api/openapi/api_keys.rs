//! The part `api_keys`: long-lived credentials for programs (`contract/endpoints.md` §9, `contract/auth.md` §2).

use super::messages::{GUARDED, GUARDED_LOOKUP, LIST};
use super::table::{Access, Kind, Member, Method, Param, Part, Record, Route, Success};

const ID: Param = Param::path("id", "id of the key, the part before its first dot");

/// The part.
pub(super) const PART: Part = Part {
    tag: "api_keys",
    about: "Long-lived credentials for programs",
    routes: &[
        Route {
            method: Method::Get,
            path: "/apikeys",
            id: "get_api_keys",
            summary: "Get API keys",
            about: "The keys without their secrets, sorted by id.",
            access: Access::Token,
            params: LIST,
            body: None,
            success: Success::many("ApiKey"),
            failures: GUARDED,
        },
        Route {
            method: Method::Post,
            path: "/apikeys",
            id: "add_api_key",
            summary: "Add API key",
            about: "The answer holds the key, which is not shown again.",
            access: Access::Token,
            params: &[],
            body: Some("ApiKey"),
            success: Success::created("NewApiKey", "Path of the new key"),
            failures: GUARDED,
        },
        Route {
            method: Method::Get,
            path: "/apikeys/{id}",
            id: "get_api_key_by_id",
            summary: "Get API key by id",
            about: "",
            access: Access::Token,
            params: &[ID],
            body: None,
            success: Success::one("ApiKey"),
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Put,
            path: "/apikeys/{id}",
            id: "update_api_key",
            summary: "Update API key",
            about: "Replaces name, scope, binding, description and end; the secret stays.",
            access: Access::Token,
            params: &[ID],
            body: Some("ApiKey"),
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Delete,
            path: "/apikeys/{id}",
            id: "delete_api_key",
            summary: "Delete API key",
            about: "",
            access: Access::Token,
            params: &[ID],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
    ],
    records: &[KEY, NEW_KEY],
};

const KEY: Record = Record::both(
    "ApiKey",
    "An API key. Members marked *kept by the server* are shown, and ignored when they are sent.",
    &[&[
        Member::always("id", Kind::Text, "The part of the key before its first dot; kept by the server."),
        Member::always("name", Kind::Text, "What the key is for; needed."),
        Member::always("scope", Kind::Number(&[1, 2]), "1: stands for an admin, 2: for a user."),
        Member::always("created_at", Kind::Int64, "Kept by the server."),
        Member::always("updated_at", Kind::Int64, "Kept by the server."),
        Member::maybe("last_use_at", Kind::Int64, "Kept by the server, to ten minutes."),
        Member::maybe("expires_at", Kind::Int64, "When the key ends, in milliseconds; 0 is never."),
        Member::maybe("description", Kind::Text, "Any text."),
        Member::maybe("user", Kind::Text, "The user it is bound to; without one the caller names the user."),
        Member::maybe(
            "admin",
            Kind::Text,
            "The admin it is bound to; without one the caller names the admin.",
        ),
    ]],
);

const NEW_KEY: Record = Record::answered(
    "NewApiKey",
    "A key just made.",
    &[&[
        Member::always("key", Kind::Text, "The whole key, `<id>.<secret>`."),
        Member::always("message", Kind::Text, "Says that the key is not shown again."),
    ]],
);
