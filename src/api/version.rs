//! `/version`: which program this is (`contract/endpoints.md` §7).

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use bytes::Bytes;
use serde::Serialize;

use super::response::raw_json;
use crate::auth::caller::ByAdmin;
use crate::wire;

/// What the program says of itself.
#[derive(Serialize)]
struct Program {
    version: &'static str,
    build_date: &'static str,
    commit_hash: &'static str,
    features: &'static [&'static str],
}

/// The same as it goes out, written once.
static PROGRAM: LazyLock<Bytes> = LazyLock::new(|| {
    let program = Program {
        version: env!("CARGO_PKG_VERSION"),
        build_date: option_env!("USERSD_BUILD_DATE").unwrap_or(""),
        commit_hash: option_env!("USERSD_COMMIT").unwrap_or(""),
        features: &["usersd", "sled"],
    };
    wire::to_line(&program).expect("a few texts can be written").into()
});

/// `GET /version`.
pub async fn get(_: ByAdmin) -> HttpResponse {
    raw_json(StatusCode::OK, PROGRAM.clone())
}
