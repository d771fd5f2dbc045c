//! The part `folders`: folders that several users see (`contract/endpoints.md` §12).

use super::filesystems;
use super::messages::{GUARDED, GUARDED_CREATE, GUARDED_LOOKUP, LIST};
use super::secrets::SECRET;
use super::table::{Access, Kind, Member, Method, Param, Part, Record, Route, Success};
use super::users::CONFIDENTIAL;

const NAME: Param = Param::path("name", "name of the folder");

/// The members of a folder, which a user's virtual folder has too.
pub(super) const MEMBERS: &[Member] = &[
    Member::always("id", Kind::Int64, "Number of the folder; kept by the server."),
    Member::always("name", Kind::Text, "Name of the folder; it cannot be changed."),
    Member::maybe("mapped_path", Kind::Text, "Absolute path on the local disk."),
    Member::maybe("description", Kind::Text, "Any text."),
    Member::always("used_quota_size", Kind::Int64, "Bytes in use; kept by the server."),
    Member::always("used_quota_files", Kind::Int64, "Files in use; kept by the server."),
    Member::always("last_quota_update", Kind::Int64, "When usage was last counted; kept by the server."),
    Member::maybe("users", Kind::Texts, "Users who see the folder; kept by the server."),
    Member::maybe("groups", Kind::Texts, "Groups whose members see the folder; kept by the server."),
    Member::always("filesystem", Kind::One("FilesystemConfig"), ""),
];

/// A folder.
pub(super) const FOLDER: Record =
    Record::both("Folder", "A folder that several users may see, each at a path of its own.", &[MEMBERS]);

/// The part.
pub(super) const PART: Part = Part {
    tag: "folders",
    about: "Folders that several users see",
    routes: &[
        Route {
            method: Method::Get,
            path: "/folders",
            id: "get_folders",
            summary: "Get folders",
            about: "",
            access: Access::Admin,
            params: LIST,
            body: None,
            success: Success::many("Folder"),
            failures: GUARDED,
        },
        Route {
            method: Method::Post,
            path: "/folders",
            id: "add_folder",
            summary: "Add folder",
            about: "",
            access: Access::Admin,
            params: &[CONFIDENTIAL],
            body: Some("Folder"),
            success: Success::created("Folder", "Path of the new folder"),
            failures: GUARDED_CREATE,
        },
        Route {
            method: Method::Get,
            path: "/folders/{name}",
            id: "get_folder_by_name",
            summary: "Get folder by name",
            about: "",
            access: Access::Admin,
            params: &[NAME, CONFIDENTIAL],
            body: None,
            success: Success::one("Folder"),
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Put,
            path: "/folders/{name}",
            id: "update_folder",
            summary: "Update folder",
            about: "Replaces the folder.",
            access: Access::Admin,
            params: &[NAME],
            body: Some("Folder"),
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Delete,
            path: "/folders/{name}",
            id: "delete_folder",
            summary: "Delete folder",
            about: "Removes the folder, also from the users and groups that have it. Files stay.",
            access: Access::Admin,
            params: &[NAME],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
    ],
    records: &[
        FOLDER,
        SECRET,
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
