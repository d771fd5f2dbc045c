//! The user and the objects that belong to it alone (`contract/user-model.md`). Filters and file systems,
//! its two large members, are described beside it.

use super::folders;
use super::secrets::SECRET;
use super::table::{Kind, Member, Record};
use super::{filesystems, filters};

/// All objects that the part `users` speaks of.
pub(super) const RECORDS: &[Record] = &[
    USER,
    Record::words(
        "UserPermission",
        "What a user may do in a directory: the words in the lists of `permissions`. `*` is everything.",
        &[
            "*",
            "list",
            "download",
            "upload",
            "overwrite",
            "create_dirs",
            "rename",
            "rename_files",
            "rename_dirs",
            "delete",
            "delete_files",
            "delete_dirs",
            "copy",
            "create_symlinks",
            "chmod",
            "chown",
            "chtimes",
        ],
    ),
    VIRTUAL_FOLDER,
    GROUP_MAPPING,
    RESET_PASSWORD,
    SECRET,
    filters::USER_FILTERS,
    filters::HOOKS,
    filters::FILE_PATTERN,
    filters::BANDWIDTH_LIMIT,
    filters::ACCESS_TIME,
    filters::USER_TOTP_CONFIG,
    filters::STORED_RECOVERY_CODE,
    filesystems::FILESYSTEM,
    filesystems::LOCAL,
    filesystems::S3,
    filesystems::GCS,
    filesystems::AZURE_BLOB,
    filesystems::CRYPT,
    filesystems::SFTP,
    filesystems::HTTP,
];

/// The body of a password reset, of users and of admins.
pub(super) const RESET_PASSWORD: Record = Record::sent(
    "AdminResetPasswordRequest",
    "A new password and the proof that its owner asked for it.",
    &[&[
        Member::always("code", Kind::Text, "The code from the mail."),
        Member::always("password", Kind::Text, "The new password, in clear."),
    ]],
);

/// Membership in a group.
const GROUP_MAPPING: Record = Record::both(
    "GroupMapping",
    "Membership in a group. A user is in one group of type 1 at most.",
    &[&[
        Member::always("name", Kind::Text, "Name of the group."),
        Member::always(
            "type",
            Kind::Int64,
            "1: primary, its settings fill what the user leaves open; 2: secondary, its settings are added; \
             3: membership only.",
        ),
    ]],
);

/// A folder as a user sees it.
pub(super) const VIRTUAL_FOLDER: Record = Record::both(
    "VirtualFolder",
    "A folder that a user sees at a path of its own. To give one to a user, send `name`, `virtual_path` and \
     the two quotas; the rest is that of the folder.",
    &[folders::MEMBERS, VIRTUAL],
);

const VIRTUAL: &[Member] = &[
    Member::always("virtual_path", Kind::Text, "Where the user sees the folder: an absolute path."),
    Member::always(
        "quota_size",
        Kind::Int64,
        "Bytes allowed in it; 0 is no limit, -1 counts them with the user's own.",
    ),
    Member::always(
        "quota_files",
        Kind::Int64,
        "Files allowed in it; 0 is no limit, -1 counts them with the user's own.",
    ),
];

/// The user.
const USER: Record = Record::both(
    "User",
    "A user. Members marked *kept by the server* are shown, and ignored when they are sent.",
    &[IDENTITY, LIMITS, USAGE, TIMES, SETTINGS],
);

const IDENTITY: &[Member] = &[
    Member::always("id", Kind::Int64, "Number of the user; kept by the server."),
    Member::always("status", Kind::Number(&[0, 1]), "1 enabled, 0 disabled; disabled when left out."),
    Member::always("username", Kind::Text, "Name of the user; it cannot be changed."),
    Member::maybe("email", Kind::Text, "Address for codes to reset the password."),
    Member::maybe("expiration_date", Kind::Int64, "When the user ends, in milliseconds; 0 is never."),
    Member::maybe(
        "password",
        Kind::Text,
        "The password in clear, or a hash of a known scheme. On an update: left out or null keeps the old \
         one, empty removes it. Shown, as hash, in the confidential view only.",
    ),
    Member::maybe("has_password", Kind::Bool, "Whether there is a password; kept by the server."),
    Member::maybe("public_keys", Kind::Texts, "Keys for SSH, as in `authorized_keys`."),
    Member::maybe("description", Kind::Text, "Any text, for example the full name."),
    Member::maybe("additional_info", Kind::Text, "Any text, for the use of other programs."),
    Member::maybe(
        "role",
        Kind::Text,
        "Role of the user: only admins with it, or without a role, see the user.",
    ),
    Member::unseen("oidc_custom_fields", Kind::Free, "Accepted for compatibility, and ignored."),
];

const LIMITS: &[Member] = &[
    Member::always("home_dir", Kind::Text, "The absolute path that the user sees as `/`."),
    Member::always("uid", Kind::Int64, "System user that owns new files; 0 leaves them alone."),
    Member::always("gid", Kind::Int64, "System group that owns new files; 0 leaves them alone."),
    Member::always("max_sessions", Kind::Int64, "Sessions at a time; 0 is no limit."),
    Member::always("quota_size", Kind::Int64, "Bytes allowed; 0 is no limit."),
    Member::always("quota_files", Kind::Int64, "Files allowed; 0 is no limit."),
    Member::always(
        "permissions",
        Kind::TextsByName,
        "What the user may do, by absolute directory; an entry holds for what lies below it, until a deeper \
         entry. One for `/` is needed. The words are those of `UserPermission`.",
    ),
    Member::maybe("upload_bandwidth", Kind::Int64, "Most KB per second when uploading; 0 is no limit."),
    Member::maybe("download_bandwidth", Kind::Int64, "Most KB per second when downloading; 0 is no limit."),
    Member::always("upload_data_transfer", Kind::Int64, "MB that may be uploaded; 0 is no limit."),
    Member::always("download_data_transfer", Kind::Int64, "MB that may be downloaded; 0 is no limit."),
    Member::always(
        "total_data_transfer",
        Kind::Int64,
        "MB that may be transferred in all; above 0 it takes the place of the other two.",
    ),
];

const USAGE: &[Member] = &[
    Member::maybe("used_quota_size", Kind::Int64, "Bytes in use; kept by the server."),
    Member::maybe("used_quota_files", Kind::Int64, "Files in use; kept by the server."),
    Member::maybe("used_upload_data_transfer", Kind::Int64, "Uploaded so far; kept by the server."),
    Member::maybe("used_download_data_transfer", Kind::Int64, "Downloaded so far; kept by the server."),
    Member::maybe("last_quota_update", Kind::Int64, "When usage was last counted; kept by the server."),
];

const TIMES: &[Member] = &[
    Member::always("created_at", Kind::Int64, "Kept by the server."),
    Member::always("updated_at", Kind::Int64, "Kept by the server."),
    Member::maybe("last_login", Kind::Int64, "Kept by the server, to ten minutes."),
    Member::maybe("first_download", Kind::Int64, "Kept by the server."),
    Member::maybe("first_upload", Kind::Int64, "Kept by the server."),
    Member::maybe("last_password_change", Kind::Int64, "Kept by the server."),
];

const SETTINGS: &[Member] = &[
    Member::always("filters", Kind::One("UserFilters"), ""),
    Member::always("filesystem", Kind::One("FilesystemConfig"), ""),
    Member::maybe("virtual_folders", Kind::Many("VirtualFolder"), "Folders from elsewhere, sorted by name."),
    Member::maybe("groups", Kind::Many("GroupMapping"), "Groups of the user, sorted by name."),
];
