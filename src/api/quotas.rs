//! `/quotas/users`: what users have in use, told by whoever counts it (`contract/endpoints.md` §12).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::body::RawBody;
use super::page::Query;
use super::path_name::PathName;
use super::response::{Failure, message, object};
use crate::auth::caller::ByAdmin;
use crate::service::quotas::{StorageUsage, TransferUsage, Usage, UsageMode};
use crate::state::State;

/// `PUT /quotas/users/{username}/usage`. As the reference: 400 for a body precedes 404.
///
/// # Errors
/// 400 for a body or mode that is refused, 404 for no such user.
pub async fn update_usage(
    caller: ByAdmin,
    name: PathName,
    request: HttpRequest,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let told: StorageUsage = body.decode()?;
    note(&caller, &name, &request, Usage::Storage(told), &state).await
}

/// `PUT /quotas/users/{username}/transfer-usage`.
///
/// # Errors
/// As [`update_usage`].
pub async fn update_transfer_usage(
    caller: ByAdmin,
    name: PathName,
    request: HttpRequest,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let told: TransferUsage = body.decode()?;
    note(&caller, &name, &request, Usage::Transfer(told), &state).await
}

async fn note(
    caller: &ByAdmin,
    name: &PathName,
    request: &HttpRequest,
    usage: Usage,
    state: &State,
) -> Result<HttpResponse, Failure> {
    let mode = UsageMode::parse(Query::new(request.query_string()).first("mode").as_deref())?;
    let name = state.users.name(&name.0);
    state.quotas.note(&caller.requester, &name, usage, mode).await?;
    Ok(message(StatusCode::OK, "Quota updated"))
}

/// `GET /quotas/users/scans`: the files are with the transfer server, so nothing is ever being counted here.
///
/// # Errors
/// None of its own.
pub async fn list_scans(_: ByAdmin) -> Result<HttpResponse, Failure> {
    Ok(object::<[(); 0]>(StatusCode::OK, &[])?)
}
