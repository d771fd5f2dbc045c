//! The part `users`: the eight operations on users (`contract/endpoints.md` §6). Names, parameters, their
//! order and the statuses are those that clients of this API were generated with: none may change.

use super::messages::{GUARDED, GUARDED_LOOKUP, LIST};
use super::table::{Access, Kind, Method, Param, Part, Route, Success};
use super::user_model;

pub(super) const USERNAME: Param = Param::path("username", "name of the user");

/// The parameter that shows what is hidden otherwise.
pub(super) const CONFIDENTIAL: Param = Param::query(
    "confidential_data",
    Kind::Int32,
    "1 shows what is hidden otherwise: the hash of the password, and of each secret its key and additional \
     data. Without the permission `manage_system` it is ignored.",
);

pub(super) const DISCONNECT: Param = Param::query(
    "disconnect",
    Kind::Int32,
    "1 ends the open sessions of the user once the update is done, so that new ones begin under the new \
     settings; 0, the default, lets them go on under the old ones.",
);

/// The part.
pub(super) const PART: Part = Part {
    tag: "users",
    about: "The people who transfer files",
    routes: &[LIST_USERS, ADD_USER, GET_USER, UPDATE_USER, DELETE_USER, DISABLE_2FA, FORGOT, RESET],
    records: user_model::RECORDS,
};

const LIST_USERS: Route = Route {
    method: Method::Get,
    path: "/users",
    id: "get_users",
    summary: "Get users",
    about: "A page of users, sorted by name. Passwords and the keys of secrets are never part of it. A cursor, \
            `after`, and filters are described under `x-extras`; the headers `X-Total-Count` and \
            `Link` say how many users there are and where the next page is.",
    access: Access::Admin,
    params: LIST,
    body: None,
    success: Success::many("User"),
    failures: GUARDED,
};

const ADD_USER: Route = Route {
    method: Method::Post,
    path: "/users",
    id: "add_user",
    summary: "Add user",
    about: "Creates a user. Needed are `username` and `permissions` for the directory `/`; without \
            `status` 1 the user is disabled. The second factor and recovery codes are set up by the user \
            alone and are ignored here. A name that is taken is refused with 409.",
    access: Access::Admin,
    params: &[CONFIDENTIAL],
    body: Some("User"),
    success: Success::created("User", "Path of the new user"),
    failures: GUARDED,
};

const GET_USER: Route = Route {
    method: Method::Get,
    path: "/users/{username}",
    id: "get_user_by_username",
    summary: "Get user by name",
    about: "The user of this name. The password is not shown unless `confidential_data` asks for its hash.",
    access: Access::Admin,
    params: &[USERNAME, CONFIDENTIAL],
    body: None,
    success: Success::one("User"),
    failures: GUARDED_LOOKUP,
};

const UPDATE_USER: Route = Route {
    method: Method::Put,
    path: "/users/{username}",
    id: "update_user",
    summary: "Update user",
    about: "Replaces the user: what the request leaves out is reset, also `status` (to disabled). Kept are \
            the name, usage and times, the password if it is absent, the second factor and recovery codes, \
            and secrets that are sent back as they were read. With `If-Match` and the `ETag` of what was read, \
            a change that somebody else made meanwhile is not undone but told with 412.",
    access: Access::Admin,
    params: &[USERNAME, DISCONNECT],
    body: Some("User"),
    success: Success::MESSAGE,
    failures: GUARDED_LOOKUP,
};

const DELETE_USER: Route = Route {
    method: Method::Delete,
    path: "/users/{username}",
    id: "delete_user",
    summary: "Delete user",
    about: "Removes the user and the API keys bound to it, and ends its sessions. Files stay.",
    access: Access::Admin,
    params: &[USERNAME],
    body: None,
    success: Success::MESSAGE,
    failures: GUARDED_LOOKUP,
};

const DISABLE_2FA: Route = Route {
    method: Method::Put,
    path: "/users/{username}/2fa/disable",
    // Without an underscore before the digit: generators keep it that way in Python.
    id: "disable_user2fa",
    summary: "Disable the second factor of a user",
    about: "For a user who has lost both the device and the recovery codes.",
    access: Access::Admin,
    params: &[USERNAME],
    body: None,
    success: Success::MESSAGE,
    failures: GUARDED_LOOKUP,
};

const FORGOT: Route = Route {
    method: Method::Post,
    path: "/users/{username}/forgot-password",
    id: "user_forgot_password",
    summary: "Mail a code to reset the password",
    about: "Mails a code to the address of the user, if there is such a user, with an address, who may \
            reset the password. The answer does not tell whether there is. Needs a mail server.",
    access: Access::Public,
    params: &[USERNAME],
    body: None,
    success: Success::MESSAGE,
    failures: GUARDED_LOOKUP,
};

const RESET: Route = Route {
    method: Method::Post,
    path: "/users/{username}/reset-password",
    id: "user_reset_password",
    summary: "Reset the password with a code",
    about: "Sets a new password. The code works once, for ten minutes, and for this user only.",
    access: Access::Public,
    params: &[USERNAME],
    body: Some("AdminResetPasswordRequest"),
    success: Success::MESSAGE,
    failures: GUARDED_LOOKUP,
};
