//! The part `version`: which server this is (`contract/endpoints.md` §7).

use super::messages::GUARDED;
use super::table::{Access, Kind, Member, Method, Part, Record, Route, Success};

/// The part.
pub(super) const PART: Part = Part {
    tag: "version",
    about: "Which server this is",
    routes: &[Route {
        method: Method::Get,
        path: "/version",
        id: "get_version",
        summary: "Get the version",
        about: "Open to every admin, even before a due change of password or second factor.",
        access: Access::Admin,
        params: &[],
        body: None,
        success: Success::one("VersionInfo"),
        failures: GUARDED,
    }],
    records: &[Record::answered(
        "VersionInfo",
        "The build of the server.",
        &[&[
            Member::always("version", Kind::Text, "Version of the server."),
            Member::always("build_date", Kind::Text, "When it was built; may be empty."),
            Member::always("commit_hash", Kind::Text, "What it was built from; may be empty."),
            Member::always("features", Kind::Texts, "What was built in (`+name`) or left out (`-name`)."),
        ]],
    )],
};
