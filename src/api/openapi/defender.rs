//! The part `defender`: addresses and accounts that failed to sign in too often (`contract/auth.md` §8).

use super::messages::{GUARDED, GUARDED_LOOKUP};
use super::table::{Access, Kind, Member, Method, Param, Part, Record, Route, Success};

const ID: Param = Param::path("id", "id of the host: its address, in hexadecimal");
const ACCOUNT_ID: Param = Param::path("id", "id of the account: its kind and name, in hexadecimal");

/// The part.
pub(super) const PART: Part = Part {
    tag: "defender",
    about: "Hosts and accounts that failed to sign in too often",
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
        Route {
            method: Method::Get,
            path: "/defender/accounts",
            id: "get_defender_accounts",
            summary: "Get accounts under watch",
            about: "Those at which somebody failed before, and those that are banned or locked.",
            access: Access::Admin,
            params: &[],
            body: None,
            success: Success::many("DefenderAccount"),
            failures: GUARDED,
        },
        Route {
            method: Method::Delete,
            path: "/defender/accounts/{id}",
            id: "delete_defender_account_by_id",
            summary: "Forgive an account",
            about: "Ends its ban or lock and forgets its failures.",
            access: Access::Admin,
            params: &[ACCOUNT_ID],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
    ],
    records: &[HOST, ACCOUNT],
};

const HOST: Record = Record::answered(
    "DefenderHost",
    "A host under watch.",
    &[&[
        Member::always("id", Kind::Text, "Its address, in hexadecimal."),
        Member::always("ip", Kind::Text, "Its address; of IPv6 the first of its /64."),
        Member::maybe("score", Kind::Int64, "Its failures, if it is not banned."),
        Member::maybe("ban_time", Kind::Text, "Until when it is banned: RFC 3339, UTC."),
    ]],
);

const ACCOUNT: Record = Record::answered(
    "DefenderAccount",
    "An account under watch, whether or not there is one.",
    &[&[
        Member::always("id", Kind::Text, "Its kind and name, in hexadecimal."),
        Member::always("account", Kind::Text, "Its kind and name: `user/…`, `admin/…` or `api_key/…`."),
        Member::maybe("score", Kind::Int64, "Its failures, if it is not banned."),
        Member::maybe("ban_time", Kind::Text, "Until when it is banned: RFC 3339, UTC."),
        Member::maybe("locked", Kind::Bool, "Whether it failed so often in a row that only this helps."),
    ]],
);
