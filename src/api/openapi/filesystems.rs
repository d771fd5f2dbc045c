//! Where the files of a user or of a folder lie: one object per provider (`contract/user-model.md` §3).
//! Bounds and needs are those of `contract/validation.md` §6.

use super::table::{Kind, Member, Record};

const KEY_PREFIX: Member =
    Member::maybe("key_prefix", Kind::Text, "Only what begins with it is seen; it does not begin with `/`.");
const STORAGE_CLASS: Member = Member::maybe("storage_class", Kind::Text, "Storage class of new objects.");
const ACL: Member = Member::maybe("acl", Kind::Text, "Predefined access rule of new objects.");
const SKIP_TLS_VERIFY: Member =
    Member::maybe("skip_tls_verify", Kind::Bool, "Trusts any certificate; for tests only.");
const EQUALITY_CHECK_MODE: Member = Member::maybe(
    "equality_check_mode",
    Kind::Int64,
    "When two places count as the same server: 0 also compares the name of the user, 1 the address only.",
);
const READ_BUFFER: Member = Member::maybe("read_buffer_size", Kind::Int64, "MB to read ahead, 0 to 10.");
const WRITE_BUFFER: Member =
    Member::maybe("write_buffer_size", Kind::Int64, "MB to gather for a write, 0 to 10.");

/// The place of the files.
pub(super) const FILESYSTEM: Record = Record::both(
    "FilesystemConfig",
    "Where the files lie. Only the settings of the chosen provider count; those of the others are emptied.",
    &[&[
        Member::always(
            "provider",
            Kind::Number(&[0, 1, 2, 3, 4, 5, 6]),
            "0 local disk, 1 S3, 2 Google Cloud Storage, 3 Azure Blob Storage, 4 local disk, encrypted, \
             5 another SFTP server, 6 an HTTP service.",
        ),
        Member::always("osconfig", Kind::One("OsConfig"), ""),
        Member::always("s3config", Kind::One("S3Config"), ""),
        Member::always("gcsconfig", Kind::One("GcsConfig"), ""),
        Member::always("azblobconfig", Kind::One("AzureBlobConfig"), ""),
        Member::always("cryptconfig", Kind::One("CryptConfig"), ""),
        Member::always("sftpconfig", Kind::One("SftpConfig"), ""),
        Member::always("httpconfig", Kind::One("HttpConfig"), ""),
    ]],
);

/// The local disk.
pub(super) const LOCAL: Record =
    Record::both("OsConfig", "Files on the local disk.", &[&[READ_BUFFER, WRITE_BUFFER]]);

/// S3.
pub(super) const S3: Record = Record::both(
    "S3Config",
    "Files in a bucket of S3 or of a service like it.",
    &[&[
        Member::maybe("bucket", Kind::Text, "Name of the bucket; needed."),
        KEY_PREFIX,
        Member::maybe("region", Kind::Text, "Region; needed unless there is an endpoint."),
        Member::maybe("access_key", Kind::Text, "Access key; goes together with the secret."),
        Member::maybe("access_secret", Kind::One("Secret"), ""),
        Member::maybe("role_arn", Kind::Text, "Role to take on."),
        Member::maybe("session_token", Kind::Text, "Token of a temporary session."),
        Member::maybe("endpoint", Kind::Text, "Address of a service like S3."),
        STORAGE_CLASS,
        ACL,
        Member::maybe("upload_part_size", Kind::Int64, "MB of one uploaded part: 0, or 5 to 5000."),
        Member::maybe("upload_concurrency", Kind::Int64, "Parts uploaded at a time, 0 to 64."),
        Member::maybe(
            "upload_part_max_time",
            Kind::Int64,
            "Seconds that one uploaded part may take; 0 is no limit.",
        ),
        Member::maybe("download_part_size", Kind::Int64, "MB of one downloaded part: 0, or 5 to 5000."),
        Member::maybe("download_concurrency", Kind::Int64, "Parts downloaded at a time, 0 to 64."),
        Member::maybe(
            "download_part_max_time",
            Kind::Int64,
            "Seconds that one downloaded part may take; 0 is no limit.",
        ),
        Member::maybe(
            "force_path_style",
            Kind::Bool,
            "Puts the bucket into the path, not into the host name.",
        ),
        SKIP_TLS_VERIFY,
    ]],
);

/// Google Cloud Storage.
pub(super) const GCS: Record = Record::both(
    "GcsConfig",
    "Files in a bucket of Google Cloud Storage.",
    &[&[
        Member::maybe("bucket", Kind::Text, "Name of the bucket; needed."),
        KEY_PREFIX,
        Member::maybe("credentials", Kind::One("Secret"), ""),
        Member::maybe(
            "automatic_credentials",
            Kind::Int64,
            "1 takes the credentials of the machine, 0 those given.",
        ),
        STORAGE_CLASS,
        ACL,
        Member::maybe("upload_part_size", Kind::Int64, "MB of one uploaded part."),
        Member::maybe("upload_part_max_time", Kind::Int64, "Seconds that one uploaded part may take."),
    ]],
);

/// Azure Blob Storage.
pub(super) const AZURE_BLOB: Record = Record::both(
    "AzureBlobConfig",
    "Files in a container of Azure Blob Storage.",
    &[&[
        Member::maybe(
            "container",
            Kind::Text,
            "Name of the container; needed unless there is a signed address.",
        ),
        Member::maybe("account_name", Kind::Text, "Name of the account; goes together with its key."),
        Member::maybe("account_key", Kind::One("Secret"), ""),
        Member::maybe("sas_url", Kind::One("Secret"), ""),
        Member::maybe("endpoint", Kind::Text, "Address, if it is not the usual one."),
        KEY_PREFIX,
        Member::maybe("upload_part_size", Kind::Int64, "MB of one uploaded part, 0 to 100."),
        Member::maybe("upload_concurrency", Kind::Int64, "Parts uploaded at a time, 0 to 64."),
        Member::maybe("download_part_size", Kind::Int64, "MB of one downloaded part, 0 to 100."),
        Member::maybe("download_concurrency", Kind::Int64, "Parts downloaded at a time, 0 to 64."),
        Member::maybe("use_emulator", Kind::Bool, "Speaks to the emulator, for tests."),
        Member::maybe("access_tier", Kind::Word(&["Archive", "Hot", "Cool"]), "Tier of new blobs."),
    ]],
);

/// The local disk, encrypted.
pub(super) const CRYPT: Record = Record::both(
    "CryptConfig",
    "Files on the local disk, encrypted by a passphrase.",
    &[&[Member::maybe("passphrase", Kind::One("Secret"), ""), READ_BUFFER, WRITE_BUFFER]],
);

/// Another SFTP server.
pub(super) const SFTP: Record = Record::both(
    "SftpConfig",
    "Files on another SFTP server.",
    &[&[
        Member::maybe(
            "endpoint",
            Kind::Text,
            "Host and port of the server; needed, the port is 22 if left out.",
        ),
        Member::maybe("username", Kind::Text, "Name to sign in by; needed."),
        Member::maybe("password", Kind::One("Secret"), ""),
        Member::maybe("private_key", Kind::One("Secret"), ""),
        Member::maybe("key_passphrase", Kind::One("Secret"), ""),
        Member::maybe("fingerprints", Kind::Texts, "Host keys that are trusted (SHA256); none trusts any."),
        Member::maybe("prefix", Kind::Text, "Directory that is seen as the root; `/` when left out."),
        Member::maybe("disable_concurrent_reads", Kind::Bool, "Reads one block after the other."),
        Member::maybe("buffer_size", Kind::Int64, "MB to buffer, 0 to 16."),
        EQUALITY_CHECK_MODE,
    ]],
);

/// An HTTP service.
pub(super) const HTTP: Record = Record::both(
    "HttpConfig",
    "Files behind an HTTP service.",
    &[&[
        Member::maybe("endpoint", Kind::Text, "Address, `http://` or `https://`; needed."),
        Member::maybe("username", Kind::Text, "Name to sign in by."),
        Member::maybe("password", Kind::One("Secret"), ""),
        Member::maybe("api_key", Kind::One("Secret"), ""),
        SKIP_TLS_VERIFY,
        EQUALITY_CHECK_MODE,
    ]],
);
