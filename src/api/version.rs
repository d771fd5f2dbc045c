//! `/version`: which program this is (`contract/endpoints.md` §7).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

use super::response::{Failure, object};
use crate::auth::caller::ByAdmin;

/// What the program says of itself.
#[derive(Serialize)]
struct Program {
    version: &'static str,
    build_date: &'static str,
    commit_hash: &'static str,
    features: &'static [&'static str],
}

/// `GET /version`.
///
/// # Errors
/// None of its own.
pub async fn get(_: ByAdmin) -> Result<HttpResponse, Failure> {
    let program = Program {
        version: env!("CARGO_PKG_VERSION"),
        build_date: option_env!("USERSD_BUILD_DATE").unwrap_or(""),
        commit_hash: option_env!("USERSD_COMMIT").unwrap_or(""),
        features: &["usersd", "sled"],
    };
    Ok(object(StatusCode::OK, &program)?)
}
