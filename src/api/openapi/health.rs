//! The part `health`: two probes for whoever keeps the server running. They stand outside the prefix of the
//! API and ask for no credentials.

use super::table::{Access, Kind, Member, Method, Part, Record, Route, Success};

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
            about: "Looks whether the store can be written and read. Mails that wait make nobody unready. \
                    An admin with `view_status` and no role is told of them.",
            access: Access::Public,
            params: &[],
            body: None,
            success: Success::one("Readiness").or_failed(503),
            failures: &[403, 429],
        },
    ],
    records: &[
        Record::answered(
            "Readiness",
            "Whether the server can do its work.",
            &[&[
                Member::always("status", Kind::Word(&["ready", "unready"]), "Whether it can."),
                Member::always("store", Kind::Text, "How the store fares, in a few words."),
                Member::maybe("mail", Kind::One("WaitingMails"), ""),
            ]],
        ),
        Record::answered(
            "WaitingMails",
            "How the mails fare; left out where there is no mail server and for whoever may not see it.",
            &[&[
                Member::always("waiting", Kind::Int64, "How many wait to be sent."),
                Member::always(
                    "failures_in_a_row",
                    Kind::Int64,
                    "How often the mail server failed in a row.",
                ),
            ]],
        ),
    ],
};

/// Whether a path is not below the prefix of the API.
pub(super) fn is_outside_the_prefix(path: &str) -> bool {
    [ALIVE, READY].contains(&path)
}
