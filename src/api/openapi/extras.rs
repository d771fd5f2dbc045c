//! What the eight operations on users take and answer beyond what clients were generated with. It is described under
//! an extension, in the words of OpenAPI: a parameter or a header in the usual place would change the signatures
//! and the documentation that generators make, which must stay as they are.

use serde_json::{Map, Value, json};
use utoipa::openapi::extensions::{Extensions, ExtensionsBuilder};

use super::render;
use super::table::{Kind, Param};

/// The extension: an object with `parameters`, `headers` of successful answers, and `statuses` that only those meet
/// who use the parameters or whose server asks for them. It is one, since the order of several is left to chance.
pub(super) const EXTRAS: &str = "x-extras";

/// More about one operation.
struct Extra {
    /// Its id.
    id: &'static str,
    params: &'static [Param],
    headers: &'static [(&'static str, &'static str)],
    statuses: &'static [(u16, &'static str)],
}

const IF_MATCH: Param = super::user_patches::IF_MATCH;
const IF_NONE_MATCH: Param = Param::header(
    "If-None-Match",
    "One or more entity tags, or `*`: a read of a user in one of these states is answered 304, a change 412.",
);
const ETAG: (&str, &str) =
    ("ETag", "Entity tag of the user's state after the call; another one after every change.");
const NOT_MODIFIED: (u16, &str) = (304, "The user is in a state that `If-None-Match` names.");
const FAILED: (u16, &str) =
    (412, "The user is in another state than the request expects; nothing is changed.");
const REQUIRED: (u16, &str) = (428, "The server's settings ask for `If-Match`, and it is missing.");
const BUSY: (u16, &str) = (503, "Too many searches wait; `Retry-After` says when to come back.");

const TABLE: &[Extra] = &[
    Extra {
        id: "get_users",
        params: &[
            Param::query(
                "after",
                Kind::Text,
                "Only users behind this name, in the order asked for; it need not exist.",
            ),
            Param::query(
                "search",
                Kind::Text,
                "Part of the name, the e-mail address or the description, in any case. This and the filters below, \
                 save `role`, read every user they pass over; there is no index.",
            ),
            Param::query("status", Kind::Number(&[0, 1]), "Only users with this status."),
            Param::query("role", Kind::Text, "Only users of this role."),
            Param::query("group", Kind::Text, "Only members of this group."),
            Param::query("email", Kind::Text, "Only users with this e-mail address, in any case."),
            Param::query(
                "expired",
                Kind::Bool,
                "Only users whose expiration date is over, or only the others.",
            ),
        ],
        headers: &[
            (
                "X-Total-Count",
                "How many users the whole list has. Left out when a filter was not held against all users: \
                 `limit=0` counts.",
            ),
            ("Link", "With `rel=\"next\"`, where the list goes on (RFC 8288), relative to the server."),
        ],
        statuses: &[BUSY],
    },
    Extra { id: "add_user", params: &[], headers: &[ETAG], statuses: &[] },
    Extra {
        id: "get_user_by_username",
        params: &[IF_MATCH, IF_NONE_MATCH],
        headers: &[ETAG],
        statuses: &[NOT_MODIFIED, FAILED],
    },
    Extra {
        id: "update_user",
        params: &[IF_MATCH, IF_NONE_MATCH],
        headers: &[ETAG],
        statuses: &[FAILED, REQUIRED],
    },
    Extra { id: "patch_user", params: &[IF_NONE_MATCH], headers: &[ETAG], statuses: &[REQUIRED] },
    Extra {
        id: "delete_user",
        params: &[IF_MATCH, IF_NONE_MATCH],
        headers: &[],
        statuses: &[FAILED, REQUIRED],
    },
    Extra {
        id: "disable_user2fa",
        params: &[IF_MATCH, IF_NONE_MATCH],
        headers: &[ETAG],
        statuses: &[FAILED],
    },
];

/// The extension of an operation, if it has one.
///
/// # Panics
/// Never: parameters are plain data with texts as names.
pub(super) fn of(id: &str) -> Option<Extensions> {
    let extra = TABLE.iter().find(|extra| extra.id == id)?;
    let params = extra.params.iter().map(|param| {
        serde_json::to_value(render::parameter(param)).expect("plain data with texts as names is valid JSON")
    });
    let headers = extra.headers.iter().map(|(name, about)| {
        ((*name).to_owned(), json!({"description": about, "schema": {"type": "string"}}))
    });
    let statuses =
        extra.statuses.iter().map(|(status, about)| (status.to_string(), json!({"description": about})));
    let mut content = Map::new();
    for (name, part) in [
        ("parameters", Value::Array(params.collect())),
        ("headers", Value::Object(headers.collect())),
        ("statuses", Value::Object(statuses.collect())),
    ] {
        let is_empty =
            part.as_array().is_some_and(Vec::is_empty) || part.as_object().is_some_and(Map::is_empty);
        if !is_empty {
            content.insert(name.to_owned(), part);
        }
    }
    Some(ExtensionsBuilder::new().add(EXTRAS, content).build())
}
