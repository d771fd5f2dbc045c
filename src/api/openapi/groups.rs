//! The part `groups`: settings that several users share (`contract/endpoints.md` §12).

use super::messages::{GUARDED, GUARDED_CREATE, GUARDED_LOOKUP, LIST};
use super::secrets::SECRET;
use super::table::{Access, Kind, Member, Method, Param, Part, Record, Route, Success};
use super::users::CONFIDENTIAL;
use super::{filesystems, filters, user_model};

const NAME: Param = Param::path("name", "name of the group");

const GROUP: Record = Record::both(
    "Group",
    "Settings that the members of the group share.",
    &[&[
        Member::always("id", Kind::Int64, "Number of the group; kept by the server."),
        Member::always("name", Kind::Text, "Name of the group; it cannot be changed."),
        Member::maybe("description", Kind::Text, "Any text."),
        Member::always("created_at", Kind::Int64, "Kept by the server."),
        Member::always("updated_at", Kind::Int64, "Kept by the server."),
        Member::always("user_settings", Kind::One("GroupUserSettings"), ""),
        Member::maybe("virtual_folders", Kind::Many("VirtualFolder"), "Folders that members see."),
        Member::maybe("users", Kind::Texts, "Users in the group; kept by the server."),
        Member::maybe("admins", Kind::Texts, "Admins in the group; kept by the server."),
    ]],
);

const USER_SETTINGS: Record = Record::both(
    "GroupUserSettings",
    "What the group gives to its members. Zero and empty give nothing.",
    &[&[
        Member::always("home_dir", Kind::Text, "Home directory; `%username%` stands for the name."),
        Member::always("max_sessions", Kind::Int64, "Sessions at a time."),
        Member::always("quota_size", Kind::Int64, "Bytes allowed."),
        Member::always("quota_files", Kind::Int64, "Files allowed."),
        Member::always("permissions", Kind::TextsByNameOrNull, "What members may do, by absolute directory."),
        Member::maybe("upload_bandwidth", Kind::Int64, "Most KB per second when uploading."),
        Member::maybe("download_bandwidth", Kind::Int64, "Most KB per second when downloading."),
        Member::always("upload_data_transfer", Kind::Int64, "MB that may be uploaded."),
        Member::always("download_data_transfer", Kind::Int64, "MB that may be downloaded."),
        Member::always("total_data_transfer", Kind::Int64, "MB that may be transferred in all."),
        Member::always("filters", Kind::One("GroupFilters"), ""),
        Member::always("filesystem", Kind::One("FilesystemConfig"), ""),
    ]],
);

const GROUP_FILTERS: Record = Record::both(
    "GroupFilters",
    "The filters that the group gives to its members: those of a user without the second factor.",
    &[filters::COMMON],
);

/// The part.
pub(super) const PART: Part = Part {
    tag: "groups",
    about: "Groups: settings that their members share",
    routes: &[
        Route {
            method: Method::Get,
            path: "/groups",
            id: "get_groups",
            summary: "Get groups",
            about: "",
            access: Access::Admin,
            params: LIST,
            body: None,
            success: Success::many("Group"),
            failures: GUARDED,
        },
        Route {
            method: Method::Post,
            path: "/groups",
            id: "add_group",
            summary: "Add group",
            about: "",
            access: Access::Admin,
            params: &[CONFIDENTIAL],
            body: Some("Group"),
            success: Success::created("Group", "Path of the new group"),
            failures: GUARDED_CREATE,
        },
        Route {
            method: Method::Get,
            path: "/groups/{name}",
            id: "get_group_by_name",
            summary: "Get group by name",
            about: "",
            access: Access::Admin,
            params: &[NAME, CONFIDENTIAL],
            body: None,
            success: Success::one("Group"),
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Put,
            path: "/groups/{name}",
            id: "update_group",
            summary: "Update group",
            about: "Replaces the group.",
            access: Access::Admin,
            params: &[NAME],
            body: Some("Group"),
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Delete,
            path: "/groups/{name}",
            id: "delete_group",
            summary: "Delete group",
            about: "Refused while a user is a member.",
            access: Access::Admin,
            params: &[NAME],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
    ],
    records: &[
        GROUP,
        USER_SETTINGS,
        GROUP_FILTERS,
        user_model::VIRTUAL_FOLDER,
        SECRET,
        filters::HOOKS,
        filters::FILE_PATTERN,
        filters::BANDWIDTH_LIMIT,
        filters::ACCESS_TIME,
        filesystems::FILESYSTEM,
        filesystems::LOCAL,
        filesystems::S3,
        filesystems::GCS,
        filesystems::AZURE_BLOB,
        filesystems::CRYPT,
        filesystems::SFTP,
        filesystems::HTTP,
    ],
};
