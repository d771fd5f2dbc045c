//! The part `user patches`: the one operation on users that the reference does not have. It has a tag of its own, so
//! that the class generated for `users` stays as clients know it.

use super::table::{Access, Method, Param, Part, Route, Success};
use super::users::{DISCONNECT, USERNAME};

/// The state that is to be changed.
pub(super) const IF_MATCH: Param = Param::header(
    "If-Match",
    "One or more entity tags, as `ETag` of an earlier answer gave them, or `*`: the user is changed only in one of \
     these states, otherwise the answer is 412.",
);

/// The part.
pub(super) const PART: Part = Part {
    tag: "user patches",
    about: "Changes of single members of users",
    routes: &[PATCH_USER],
    records: &[],
};

const PATCH_USER: Route = Route {
    method: Method::Patch,
    path: "/users/{username}",
    id: "patch_user",
    summary: "Change members of a user",
    about: "Applies a JSON merge patch (RFC 7396) to the user as he is shown. What the patch leaves out stays, also \
            the password and secrets; null resets a member, and removes a password or a secret. Objects are \
            merged, lists replaced; a secret that is sent with a `status` replaces the stored one. The result must be a \
            user that `update_user` would accept. The order of changes is no part of a patch, so a member that \
            stands twice is refused.",
    access: Access::Admin,
    params: &[USERNAME, DISCONNECT, IF_MATCH],
    body: Some("User"),
    success: Success::MESSAGE,
    failures: &[400, 401, 403, 404, 409, 412, 500],
};
