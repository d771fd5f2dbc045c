//! The part `quotas`: corrections of what users have in use (`contract/endpoints.md` §12).

use super::messages::{GUARDED, GUARDED_LOOKUP};
use super::table::{Access, Kind, Member, Method, Param, Part, Record, Route, Success};

const USERNAME: Param = Param::path("username", "name of the user");
const MODE: Param = Param::query(
    "mode",
    Kind::Word(&["add", "reset"]),
    "`add` adds to what is recorded, `reset`, the default, replaces it.",
)
.such_as("reset");

/// The part.
pub(super) const PART: Part = Part {
    tag: "quotas",
    about: "What users have in use",
    routes: &[
        Route {
            method: Method::Get,
            path: "/quotas/users/scans",
            id: "get_users_quota_scans",
            summary: "Get users whose files are being counted",
            about: "Always none: the files are not with this server.",
            access: Access::Admin,
            params: &[],
            body: None,
            success: Success::many("QuotaScan"),
            failures: GUARDED,
        },
        Route {
            method: Method::Put,
            path: "/quotas/users/{username}/usage",
            id: "update_user_quota_usage",
            summary: "Correct the disk usage of a user",
            about: "",
            access: Access::Admin,
            params: &[USERNAME, MODE],
            body: Some("QuotaUsage"),
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Put,
            path: "/quotas/users/{username}/transfer-usage",
            id: "update_user_transfer_quota_usage",
            summary: "Correct the transfer usage of a user",
            about: "",
            access: Access::Admin,
            params: &[USERNAME, MODE],
            body: Some("TransferQuotaUsage"),
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
    ],
    records: &[
        Record::answered(
            "QuotaScan",
            "A count under way.",
            &[&[
                Member::always("username", Kind::Text, "Whose files are counted."),
                Member::always("start_time", Kind::Int64, "Since when."),
            ]],
        ),
        Record::both(
            "QuotaUsage",
            "What lies on the disk.",
            &[&[
                Member::maybe("used_quota_size", Kind::Int64, "Bytes."),
                Member::maybe("used_quota_files", Kind::Int64, "Files."),
            ]],
        ),
        Record::both(
            "TransferQuotaUsage",
            "What was transferred.",
            &[&[
                Member::maybe("used_upload_data_transfer", Kind::Int64, "Bytes uploaded."),
                Member::maybe("used_download_data_transfer", Kind::Int64, "Bytes downloaded."),
            ]],
        ),
    ],
};
