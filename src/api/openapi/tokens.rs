//! The part `token`: how admins and users get a bearer token and give it back (`contract/endpoints.md` §7).

use super::messages::GUARDED;
use super::table::{Access, Kind, Member, Method, Param, Part, Record, Route, Success};

const PASSCODE: Param =
    Param::header("X-SFTPGO-OTP", "The code of the second factor, or a recovery code, if one is set up.");

const TOKEN: Record = Record::answered(
    "Token",
    "A bearer token.",
    &[&[
        Member::always("access_token", Kind::Text, "What to send as `Authorization: Bearer …`."),
        Member::always("expires_at", Kind::Text, "When it ends: RFC 3339, UTC, whole seconds."),
    ]],
);

/// The part of admins.
pub(super) const OF_ADMINS: Part = Part {
    tag: "token",
    about: "Bearer tokens of admins",
    routes: &[
        Route {
            method: Method::Get,
            path: "/token",
            id: "get_token",
            summary: "Get a token",
            about: "Signs an admin in by name and password. API keys are of no use here.",
            access: Access::Basic,
            params: &[PASSCODE],
            body: None,
            success: Success::one("Token"),
            failures: GUARDED,
        },
        Route {
            method: Method::Get,
            path: "/logout",
            id: "logout",
            summary: "Give the token back",
            about: "The token is refused from now on.",
            access: Access::Token,
            params: &[],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED,
        },
    ],
    records: &[TOKEN],
};

/// The part of users.
pub(super) const OF_USERS: Part = Part {
    tag: "user_token",
    about: "Bearer tokens of users",
    routes: &[
        Route {
            method: Method::Get,
            path: "/user/token",
            id: "get_user_token",
            summary: "Get a token as a user",
            about: "Signs a user in by name and password. 403 means that the password is right, but that \
                    this user may not come in here, from there or now.",
            access: Access::Basic,
            params: &[PASSCODE],
            body: None,
            success: Success::one("Token"),
            failures: GUARDED,
        },
        Route {
            method: Method::Get,
            path: "/user/logout",
            id: "user_logout",
            summary: "Give the token back as a user",
            about: "The token is refused from now on.",
            access: Access::Token,
            params: &[],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED,
        },
    ],
    records: &[TOKEN],
};
