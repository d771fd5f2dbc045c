//! The part `defender`: addresses that failed to sign in too often (`contract/auth.md` §8).

use super::messages::{GUARDED, GUARDED_LOOKUP};
use super::table::{Access, Kind, Member, Method, Param, Part, Record, Route, Success};

const ID: Param = Param::path("id", "id of the host: its address, in hexadecimal");

/// The part.
pub(super) const PART: Part = Part {
    tag: "defender",
    about: "Hosts that failed to sign in too often",
    routes: &[
        Route {
            method: Method::Get,
            path: "/defender/hosts",
            id: "get_defender_hosts",
            summary: "Get hosts under watch",
            about: "Those that are banned and those that have failed before.",
            access: Access::Admin,
            params: &[],
            body: None,
            success: Success::many("DefenderHost"),
            failures: GUARDED,
        },
        Route {
            method: Method::Get,
            path: "/defender/hosts/{id}",
            id: "get_defender_host_by_id",
            summary: "Get host under watch by id",
            about: "",
            access: Access::Admin,
            params: &[ID],
            body: None,
            success: Success::one("DefenderHost"),
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Delete,
            path: "/defender/hosts/{id}",
            id: "delete_defender_host_by_id",
            summary: "Forgive a host",
            about: "Ends its ban and forgets its failures.",
            access: Access::Admin,
            params: &[ID],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
    ],
    records: &[Record::answered(
        "DefenderHost",
        "A host under watch.",
        &[&[
            Member::always("id", Kind::Text, "Its address, in hexadecimal."),
            Member::always("ip", Kind::Text, "Its address."),
            Member::maybe("score", Kind::Int64, "Its failures, weighed, if it is not banned."),
            Member::maybe("ban_time", Kind::Text, "Until when it is banned: RFC 3339, UTC."),
        ]],
    )],
};
