//! The filters of a user: from where, when and how one may come in, and what stays closed
//! (`contract/user-model.md` §2). Lists of words are closed, as in `contract/validation.md` §8.

use super::table::{Kind, Member, Record};

const SECOND_FACTOR_PROTOCOLS: Kind = Kind::Words(&["SSH", "FTP", "HTTP"]);

/// The filters of a user.
pub(super) const USER_FILTERS: Record = Record::both(
    "UserFilters",
    "From where, when and how the user may come in, and what is closed to the user. On an update they are \
     replaced as a whole.",
    &[
        COMMON,
        &[
            Member::always("totp_config", Kind::One("UserTotpConfig"), ""),
            Member::maybe(
                "recovery_codes",
                Kind::Many("StoredRecoveryCode"),
                "Spare codes of the second factor; kept by the server.",
            ),
        ],
    ],
);

/// What the filters of users and of groups have in common.
pub(super) const COMMON: &[Member] = &[
    Member::maybe(
        "allowed_ip",
        Kind::Texts,
        "Networks (CIDR) one may come from; none means from everywhere.",
    ),
    Member::maybe("denied_ip", Kind::Texts, "Networks (CIDR) one may not come from, unless also allowed."),
    Member::maybe(
        "denied_login_methods",
        Kind::Words(&[
            "publickey",
            "password",
            "password-over-SSH",
            "keyboard-interactive",
            "publickey+password",
            "publickey+keyboard-interactive",
            "TLSCertificate",
            "TLSCertificate+password",
        ]),
        "Ways of signing in that are closed; seven at most.",
    ),
    Member::maybe(
        "denied_protocols",
        Kind::Words(&["SSH", "FTP", "DAV", "HTTP"]),
        "Protocols that are closed; three at most.",
    ),
    Member::maybe(
        "file_patterns",
        Kind::Many("FilePattern"),
        "Names that are allowed or denied, by directory.",
    ),
    Member::maybe("max_upload_file_size", Kind::Int64, "Most bytes of one uploaded file; 0 is no limit."),
    Member::maybe(
        "tls_username",
        Kind::Word(&["None", "CommonName"]),
        "Which part of a client certificate names the user.",
    ),
    Member::maybe("tls_certs", Kind::Texts, "Client certificates, PEM."),
    Member::always("hooks", Kind::One("Hooks"), ""),
    Member::maybe("disable_fs_checks", Kind::Bool, "Skips the check of the home directory at login."),
    Member::maybe(
        "web_client",
        Kind::Words(&[
            "write-disabled",
            "password-change-disabled",
            "password-reset-disabled",
            "publickey-change-disabled",
            "tls-cert-change-disabled",
            "mfa-disabled",
            "api-key-auth-change-disabled",
            "info-change-disabled",
            "shares-disabled",
            "shares-without-password-disabled",
        ]),
        "What users may not do for themselves.",
    ),
    Member::maybe("allow_api_key_auth", Kind::Bool, "Whether API keys may stand for the user."),
    Member::maybe(
        "user_type",
        Kind::Text,
        "Where the user comes from: `LDAPUser`, `OSUser` or any other text.",
    ),
    Member::maybe("bandwidth_limits", Kind::Many("BandwidthLimit"), "Other speeds for some networks."),
    Member::maybe(
        "external_auth_cache_time",
        Kind::Int64,
        "Seconds for which an outside login is believed; 0 without such a login.",
    ),
    Member::maybe("start_directory", Kind::Text, "Where sessions begin; absolute, `/` when left out."),
    Member::maybe("two_factor_protocols", SECOND_FACTOR_PROTOCOLS, "Protocols that demand a second factor."),
    Member::maybe("ftp_security", Kind::Int64, "1 demands encrypted FTP."),
    Member::maybe("is_anonymous", Kind::Bool, "Lets anybody in by this name, to list and download."),
    Member::maybe("default_shares_expiration", Kind::Int64, "Days that a new share lasts; 0 is no limit."),
    Member::maybe("max_shares_expiration", Kind::Int64, "Most days that a share may last; 0 is no limit."),
    Member::maybe(
        "password_expiration",
        Kind::Int64,
        "Days after which the password must be changed; 0 is never.",
    ),
    Member::maybe(
        "password_strength",
        Kind::Int64,
        "Least strength of a password, in bits; 0 is the server's own.",
    ),
    Member::maybe(
        "require_password_change",
        Kind::Bool,
        "Whether the password must be changed at next login.",
    ),
    Member::maybe("access_time", Kind::Many("AccessTime"), "When one may come in; none means always."),
];

/// Which outside programs are not asked.
pub(super) const HOOKS: Record = Record::both(
    "Hooks",
    "Which outside programs are not asked about this user.",
    &[&[
        Member::always("external_auth_disabled", Kind::Bool, "Not asked to check the password."),
        Member::always("pre_login_disabled", Kind::Bool, "Not asked before a login."),
        Member::always("check_password_disabled", Kind::Bool, "Not asked after the password was checked."),
    ]],
);

/// Names of files that are allowed or denied.
pub(super) const FILE_PATTERN: Record = Record::both(
    "FilePattern",
    "Names of files that are allowed or denied in a directory and below: shell patterns, without regard to case.",
    &[&[
        Member::always("path", Kind::Text, "The directory, absolute."),
        Member::maybe("allowed_patterns", Kind::Texts, "Only these names."),
        Member::maybe("denied_patterns", Kind::Texts, "Not these names; they are looked at first."),
        Member::maybe(
            "deny_policy",
            Kind::Number(&[0, 1]),
            "0 shows denied files in listings, 1 hides them.",
        ),
    ]],
);

/// Speeds for some networks.
pub(super) const BANDWIDTH_LIMIT: Record = Record::both(
    "BandwidthLimit",
    "Speeds for those who come from some networks.",
    &[&[
        Member::always("sources", Kind::Texts, "The networks (CIDR), one at least."),
        Member::maybe("upload_bandwidth", Kind::Int64, "Most KB per second when uploading; 0 is no limit."),
        Member::maybe(
            "download_bandwidth",
            Kind::Int64,
            "Most KB per second when downloading; 0 is no limit.",
        ),
    ]],
);

/// A time of the week.
pub(super) const ACCESS_TIME: Record = Record::both(
    "AccessTime",
    "A time of the week in which one may come in, UTC, both ends included.",
    &[&[
        Member::maybe("day_of_week", Kind::Number(&[0, 1, 2, 3, 4, 5, 6]), "0 is Sunday."),
        Member::maybe("from", Kind::Text, "Begin, `HH:MM`."),
        Member::maybe("to", Kind::Text, "End, `HH:MM`, after the begin."),
    ]],
);

/// The second factor of a user.
pub(super) const USER_TOTP_CONFIG: Record = Record::both(
    "UserTotpConfig",
    "The second factor of a user: one-time codes by time (TOTP).",
    &[&[
        Member::maybe("enabled", Kind::Bool, "Whether it is asked for."),
        Member::maybe("config_name", Kind::Text, "By which of the server's configurations."),
        Member::always("secret", Kind::One("Secret"), ""),
        Member::maybe("protocols", SECOND_FACTOR_PROTOCOLS, "The protocols that ask for it."),
    ]],
);

/// A spare code as it is stored.
pub(super) const STORED_RECOVERY_CODE: Record = Record::both(
    "StoredRecoveryCode",
    "A spare code of the second factor.",
    &[&[
        Member::always("secret", Kind::One("Secret"), ""),
        Member::maybe("used", Kind::Bool, "Whether it was used; it cannot be used again."),
    ]],
);
