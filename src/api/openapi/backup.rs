//! The part `backup`: everything out, everything in (`contract/import.md` §1–3). The dump is described as a
//! free object: it has another version and other owners than this description.

use super::table::{Access, Kind, Method, Param, Part, Record, Route, Shape, Success, Way};

/// Statuses of these operations: 409 for a role that is not there, 503 while another of them is under way.
const MOVING: &[u16] = &[400, 401, 403, 409, 500, 503];

const SCOPES: Param = Param::query(
    "scopes",
    Kind::Text,
    "Parts to dump, separated by commas: `users`, `folders`, `groups`, `admins`, `api_keys`, `roles` and \
     others that are dumped empty; all when left out.",
);
const MODE: Param = Param::query(
    "mode",
    Kind::Int32,
    "0 adds and replaces, 1 only adds, 2 as 0 and ends sessions of replaced users.",
);
const SCAN_QUOTA: Param = Param::query(
    "scan-quota",
    Kind::Int32,
    "Accepted for compatibility: 0, 1 or 2; there is nothing to scan.",
);

const KEEP_SEALED: Param = Param::query(
    "keep-sealed",
    Kind::Int32,
    "1 takes secrets that need another server's master key as they are; otherwise they are refused.",
);

/// The part.
pub(super) const PART: Part = Part {
    tag: "backup",
    about: "Everything out, everything in",
    routes: &[
        Route {
            method: Method::Get,
            path: "/dumpdata",
            id: "dumpdata",
            summary: "Dump everything",
            about: "Answers the dump with `output-data` 1, otherwise writes it to a file on the server and says so.",
            access: Access::Admin,
            params: &[OUTPUT_DATA, OUTPUT_FILE, INDENT, SCOPES],
            body: None,
            success: Success::json(200, Kind::Free),
            failures: MOVING,
        },
        Route {
            method: Method::Post,
            path: "/loaddata",
            id: "loaddata",
            summary: "Load a dump",
            about: "Loads all of it or, when something is wrong, nothing.",
            access: Access::Admin,
            params: &[SCAN_QUOTA, MODE, KEEP_SEALED],
            body: Some("BackupData"),
            success: Success::MESSAGE,
            failures: MOVING,
        },
        Route {
            method: Method::Get,
            path: "/loaddata",
            id: "loaddata_from_file",
            summary: "Load a dump from a file on the server",
            about: "As above; files larger than 64 MiB are for `usersd import`.",
            access: Access::Admin,
            params: &[INPUT_FILE, SCAN_QUOTA, MODE, KEEP_SEALED],
            body: None,
            success: Success::MESSAGE,
            failures: MOVING,
        },
    ],
    records: &[DUMP],
};

const OUTPUT_DATA: Param = Param::query("output-data", Kind::Int32, "1 answers the dump itself.");
const OUTPUT_FILE: Param =
    Param::query("output-file", Kind::Text, "Name of the file, below the directory for backups.");
const INDENT: Param = Param::query("indent", Kind::Int32, "1 indents the file.");
const INPUT_FILE: Param =
    Param::query("input-file", Kind::Text, "Path of the file, in the directory for backups; needed.");

const DUMP: Record = Record {
    name: "BackupData",
    about: "A dump: for each part a list of its objects, in the confidential view. Parts that were not asked \
            for are null; parts this server does not have are skipped when a dump is loaded.",
    way: Way::Both,
    shape: Shape::Free,
};
