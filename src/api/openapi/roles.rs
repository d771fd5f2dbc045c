//! The part `roles`: admins with a role see only the users with the same (`contract/endpoints.md` §12).

use super::messages::{GUARDED, GUARDED_CREATE, GUARDED_LOOKUP, LIST};
use super::table::{Access, Kind, Member, Method, Param, Part, Record, Route, Success};

const NAME: Param = Param::path("name", "name of the role");

/// The part.
pub(super) const PART: Part = Part {
    tag: "roles",
    about: "Roles: admins with one see only the users with the same",
    routes: &[
        Route {
            method: Method::Get,
            path: "/roles",
            id: "get_roles",
            summary: "Get roles",
            about: "",
            access: Access::Admin,
            params: LIST,
            body: None,
            success: Success::many("Role"),
            failures: GUARDED,
        },
        Route {
            method: Method::Post,
            path: "/roles",
            id: "add_role",
            summary: "Add role",
            about: "",
            access: Access::Admin,
            params: &[],
            body: Some("Role"),
            success: Success::created("Role", "Path of the new role"),
            failures: GUARDED_CREATE,
        },
        Route {
            method: Method::Get,
            path: "/roles/{name}",
            id: "get_role_by_name",
            summary: "Get role by name",
            about: "",
            access: Access::Admin,
            params: &[NAME],
            body: None,
            success: Success::one("Role"),
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Put,
            path: "/roles/{name}",
            id: "update_role",
            summary: "Update role",
            about: "Replaces the description.",
            access: Access::Admin,
            params: &[NAME],
            body: Some("Role"),
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Delete,
            path: "/roles/{name}",
            id: "delete_role",
            summary: "Delete role",
            about: "Users lose the role. Refused while an admin has it.",
            access: Access::Admin,
            params: &[NAME],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
    ],
    records: &[Record::both(
        "Role",
        "A role. Admins with one see, and make, only users with the same.",
        &[&[
            Member::always("id", Kind::Int64, "Number of the role; kept by the server."),
            Member::always("name", Kind::Text, "Name of the role; it cannot be changed."),
            Member::maybe("description", Kind::Text, "Any text."),
            Member::always("created_at", Kind::Int64, "Kept by the server."),
            Member::always("updated_at", Kind::Int64, "Kept by the server."),
            Member::maybe("users", Kind::Texts, "Users with the role; kept by the server."),
            Member::maybe("admins", Kind::Texts, "Admins with the role; kept by the server."),
        ]],
    )],
};
