//! The part `connections`: sessions of users (`contract/endpoints.md` §11).

use super::messages::{GUARDED, GUARDED_LOOKUP};
use super::table::{Access, Kind, Member, Method, Param, Part, Record, Route, Success};

/// The part.
pub(super) const PART: Part = Part {
    tag: "connections",
    about: "Open sessions of users",
    routes: &[
        Route {
            method: Method::Get,
            path: "/connections",
            id: "get_connections",
            summary: "Get open sessions",
            about: "",
            access: Access::Admin,
            params: &[],
            body: None,
            success: Success::many("Connection"),
            failures: GUARDED,
        },
        Route {
            method: Method::Delete,
            path: "/connections/{id}",
            id: "close_connection",
            summary: "End a session",
            about: "",
            access: Access::Admin,
            params: &[Param::path("id", "id of the session")],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
    ],
    records: &[CONNECTION, TRANSFER],
};

const CONNECTION: Record = Record::answered(
    "Connection",
    "An open session of a user.",
    &[&[
        Member::always("username", Kind::Text, "Whose session it is."),
        Member::always("connection_id", Kind::Text, "Id of the session."),
        Member::maybe("client_version", Kind::Text, "What the client calls itself."),
        Member::always("remote_address", Kind::Text, "Where it comes from."),
        Member::always("connection_time", Kind::Int64, "When it began."),
        Member::maybe("command", Kind::Text, "The command, if there is one."),
        Member::always("last_activity", Kind::Int64, "When it was last active."),
        Member::always("current_time", Kind::Int64, "The server's time."),
        Member::always("protocol", Kind::Text, "The protocol spoken."),
        Member::maybe("active_transfers", Kind::Many("Transfer"), "Transfers going on."),
        Member::maybe("node", Kind::Text, "Which server of several holds it."),
    ]],
);

const TRANSFER: Record = Record::answered(
    "Transfer",
    "A transfer going on.",
    &[&[
        Member::maybe("operation_type", Kind::Text, "`upload` or `download`."),
        Member::maybe("path", Kind::Text, "The file, as the user sees it."),
        Member::maybe("start_time", Kind::Int64, "When it began."),
        Member::maybe("size", Kind::Int64, "Bytes so far."),
    ]],
);
