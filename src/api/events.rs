//! `/events`: what happened is told by the log alone, so searching is not on offer (`contract/endpoints.md` §12).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::response::{Failure, told};
use crate::auth::caller::ByAdmin;

/// `GET /events/fs`, `/events/provider`, `/events/logs`: 501, as the reference without a plugin.
///
/// # Errors
/// None of its own.
pub async fn search(_: ByAdmin) -> Result<HttpResponse, Failure> {
    Ok(told(StatusCode::NOT_IMPLEMENTED, "no events searcher plugin defined", ""))
}
