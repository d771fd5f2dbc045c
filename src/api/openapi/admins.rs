//! The part `admins`: those who manage users (`contract/endpoints.md` §8, `contract/permissions.md`).

use super::filters::STORED_RECOVERY_CODE;
use super::messages::{GUARDED, GUARDED_CREATE, GUARDED_LOOKUP, LIST};
use super::secrets::SECRET;
use super::table::{Access, Kind, Member, Method, Param, Part, Record, Route, Success};
use super::user_model::RESET_PASSWORD;

const USERNAME: Param = Param::path("username", "name of the admin");

const ADMIN: Record = Record::both(
    "Admin",
    "An admin. Members marked *kept by the server* are shown, and ignored when they are sent.",
    &[&[
        Member::always("id", Kind::Int64, "Number of the admin; kept by the server."),
        Member::always("status", Kind::Number(&[0, 1]), "1 enabled, 0 disabled; disabled when left out."),
        Member::always("username", Kind::Text, "Name of the admin; it cannot be changed."),
        Member::unseen(
            "password",
            Kind::Text,
            "The password, in clear or as a hash of a known scheme. Empty keeps the old one on an update.",
        ),
        Member::maybe("email", Kind::Text, "Address for codes to reset the password."),
        Member::always(
            "permissions",
            Kind::Words(&[
                "*",
                "add_users",
                "edit_users",
                "del_users",
                "view_users",
                "view_conns",
                "close_conns",
                "view_status",
                "manage_admins",
                "manage_groups",
                "manage_apikeys",
                "manage_folders",
                "quota_scans",
                "manage_system",
                "manage_defender",
                "view_defender",
                "retention_checks",
                "view_events",
                "manage_event_rules",
                "manage_roles",
                "manage_ip_lists",
                "disable_mfa",
            ]),
            "What the admin may do; `*` is everything.",
        ),
        Member::always("filters", Kind::One("AdminFilters"), ""),
        Member::maybe("description", Kind::Text, "Any text, for example the full name."),
        Member::maybe("additional_info", Kind::Text, "Any text, for the use of other programs."),
        Member::maybe(
            "groups",
            Kind::Many("AdminGroupMapping"),
            "Groups proposed for users the admin makes.",
        ),
        Member::always("created_at", Kind::Int64, "Kept by the server."),
        Member::always("updated_at", Kind::Int64, "Kept by the server."),
        Member::always("last_login", Kind::Int64, "Kept by the server, to ten minutes; 0 is never."),
        Member::maybe("role", Kind::Text, "Role: the admin sees only the users with the same."),
    ]],
);

const FILTERS: Record = Record::both(
    "AdminFilters",
    "From where the admin may come in, and what is asked of the admin.",
    &[&[
        Member::maybe("allow_list", Kind::Texts, "Networks (CIDR) to come from; none means from everywhere."),
        Member::maybe("allow_api_key_auth", Kind::Bool, "Whether API keys may stand for the admin."),
        Member::maybe("require_password_change", Kind::Bool, "Whether the password must be changed first."),
        Member::always("require_two_factor", Kind::Bool, "Whether a second factor must be set up first."),
        Member::always("totp_config", Kind::One("AdminTotpConfig"), ""),
        Member::maybe(
            "recovery_codes",
            Kind::Many("StoredRecoveryCode"),
            "Spare codes of the second factor; kept by the server.",
        ),
        Member::always("preferences", Kind::One("AdminPreferences"), ""),
    ]],
);

/// The second factor of an admin; empty when there is none.
pub(super) const TOTP_CONFIG: Record = Record::both(
    "AdminTotpConfig",
    "The second factor of an admin: one-time codes by time (TOTP).",
    &[&[
        Member::maybe("enabled", Kind::Bool, "Whether it is asked for."),
        Member::maybe("config_name", Kind::Text, "By which of the server's configurations."),
        Member::maybe("secret", Kind::One("Secret"), ""),
    ]],
);

const PREFERENCES: Record = Record::both(
    "AdminPreferences",
    "What the admin prefers when making users.",
    &[&[
        Member::maybe("hide_user_page_sections", Kind::Int64, "Kept for web pages."),
        Member::maybe(
            "default_users_expiration",
            Kind::Int64,
            "Days that new users last unless said otherwise.",
        ),
    ]],
);

const GROUP_MAPPING: Record = Record::both(
    "AdminGroupMapping",
    "A group proposed for users the admin makes.",
    &[&[
        Member::always("name", Kind::Text, "Name of the group."),
        Member::always("options", Kind::One("AdminGroupOptions"), ""),
    ]],
);

const GROUP_OPTIONS: Record = Record::both(
    "AdminGroupOptions",
    "How a group is proposed.",
    &[&[Member::maybe(
        "add_to_users_as",
        Kind::Number(&[0, 1, 2]),
        "0 as membership only, 1 as primary group, 2 as secondary group.",
    )]],
);

/// The part.
pub(super) const PART: Part = Part {
    tag: "admins",
    about: "The people who manage users",
    routes: &[
        Route {
            method: Method::Get,
            path: "/admins",
            id: "get_admins",
            summary: "Get admins",
            about: "",
            access: Access::Admin,
            params: LIST,
            body: None,
            success: Success::many("Admin"),
            failures: GUARDED,
        },
        Route {
            method: Method::Post,
            path: "/admins",
            id: "add_admin",
            summary: "Add admin",
            about: "",
            access: Access::Admin,
            params: &[],
            body: Some("Admin"),
            success: Success::created("Admin", "Path of the new admin"),
            failures: GUARDED_CREATE,
        },
        Route {
            method: Method::Get,
            path: "/admins/{username}",
            id: "get_admin_by_username",
            summary: "Get admin by name",
            about: "",
            access: Access::Admin,
            params: &[USERNAME],
            body: None,
            success: Success::one("Admin"),
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Put,
            path: "/admins/{username}",
            id: "update_admin",
            summary: "Update admin",
            about: "Replaces the admin; the password is kept when it is left out. Nobody may take the own permissions, \
                    role or status away.",
            access: Access::Admin,
            params: &[USERNAME],
            body: Some("Admin"),
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Delete,
            path: "/admins/{username}",
            id: "delete_admin",
            summary: "Delete admin",
            about: "Nobody may delete the own account.",
            access: Access::Admin,
            params: &[USERNAME],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Put,
            path: "/admins/{username}/2fa/disable",
            id: "disable_admin2fa",
            summary: "Disable the second factor of an admin",
            about: "For an admin who has lost both the device and the recovery codes.",
            access: Access::Admin,
            params: &[USERNAME],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Post,
            path: "/admins/{username}/forgot-password",
            id: "admin_forgot_password",
            summary: "Mail a code to reset the password of an admin",
            about: "Mails a code to the address of the admin, if there is such an admin with an address. The \
                    answer does not tell whether there is. Needs a mail server.",
            access: Access::Public,
            params: &[USERNAME],
            body: None,
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
        Route {
            method: Method::Post,
            path: "/admins/{username}/reset-password",
            id: "admin_reset_password",
            summary: "Reset the password of an admin with a code",
            about: "Sets a new password. The code works once, for ten minutes, and for this admin only.",
            access: Access::Public,
            params: &[USERNAME],
            body: Some("AdminResetPasswordRequest"),
            success: Success::MESSAGE,
            failures: GUARDED_LOOKUP,
        },
    ],
    records: &[
        ADMIN,
        FILTERS,
        TOTP_CONFIG,
        PREFERENCES,
        GROUP_MAPPING,
        GROUP_OPTIONS,
        STORED_RECOVERY_CODE,
        SECRET,
        RESET_PASSWORD,
    ],
};
