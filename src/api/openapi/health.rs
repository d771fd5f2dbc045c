//! The part `health`: two probes for whoever keeps the server running. They stand outside the prefix of the
//! API and ask for no credentials.

use super::table::{Access, Method, Part, Route, Success};

const ALIVE: &str = "/healthz";
const READY: &str = "/readyz";

/// The part.
pub(super) const PART: Part = Part {
    tag: "health",
    about: "Probes for supervisors and load balancers",
    routes: &[
        Route {
            method: Method::Get,
            path: ALIVE,
            id: "healthz",
            summary: "Is the server alive?",
            about: "Answers `ok` as long as the server answers at all.",
            access: Access::Public,
            params: &[],
            body: None,
            success: Success::plain(),
            failures: &[403, 429],
        },
        Route {
            method: Method::Get,
            path: READY,
            id: "readyz",
            summary: "Can the server do its work?",
            about: "Answers `ok` after the store was written and read.",
            access: Access::Public,
            params: &[],
            body: None,
            success: Success::plain(),
            failures: &[403, 429, 503],
        },
    ],
    records: &[],
};

/// Whether a path is not below the prefix of the API.
pub(super) fn is_outside_the_prefix(path: &str) -> bool {
    [ALIVE, READY].contains(&path)
}
