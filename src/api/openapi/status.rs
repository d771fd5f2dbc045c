//! The part `status`: how the services are (`contract/endpoints.md` §12).

use super::messages::GUARDED;
use super::table::{Access, Kind, Member, Method, Part, Record, Route, Success};

/// The part.
pub(super) const PART: Part = Part {
    tag: "status",
    about: "How the services are",
    routes: &[Route {
        method: Method::Get,
        path: "/status",
        id: "get_status",
        summary: "Get the state of the services",
        about: "",
        access: Access::Admin,
        params: &[],
        body: None,
        success: Success::one("ServicesStatus"),
        failures: GUARDED,
    }],
    records: &[
        Record::answered(
            "ServicesStatus",
            "How the services are; those this server does not have are left out.",
            &[&[
                Member::always("data_provider", Kind::One("DataProviderStatus"), ""),
                Member::maybe("defender", Kind::One("DefenderStatus"), ""),
                Member::maybe("mfa", Kind::One("MfaStatus"), ""),
            ]],
        ),
        Record::answered(
            "DataProviderStatus",
            "How the store is.",
            &[&[
                Member::always("is_active", Kind::Bool, "Whether it reads and writes."),
                Member::always("driver", Kind::Text, "What it is."),
                Member::maybe("error", Kind::Text, "What is wrong with it."),
            ]],
        ),
        Record::answered(
            "DefenderStatus",
            "How the defender is.",
            &[&[Member::always("is_active", Kind::Bool, "Whether it watches.")]],
        ),
        Record::answered(
            "MfaStatus",
            "How the second factor is.",
            &[&[
                Member::always("is_active", Kind::Bool, "Whether it can be set up."),
                Member::maybe("totp_configs", Kind::Many("TotpConfigInfo"), "The configurations on offer."),
            ]],
        ),
        super::second_factor::CONFIG_INFO,
    ],
};
