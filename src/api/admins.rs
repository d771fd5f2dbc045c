//! `/admins`: list, add, get, update and delete an admin, disable his second factor
//! (`contract/endpoints.md` §8).

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};

use super::body::RawBody;
use super::page::{Page, Query};
use super::path_name::{PathName, location};
use super::response::{Failure, message, object};
use crate::auth::caller::ByAdmin;
use crate::domain::admin::AdminDraft;
use crate::state::State;

/// Where admins live.
const COLLECTION: &str = "/api/v2/admins";

/// `GET /admins`.
///
/// # Errors
/// 400 for a bad `limit`, `offset` or `order`.
pub async fn list(
    _: ByAdmin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let page = Page::parse(Query::new(request.query_string()))?;
    Ok(object(StatusCode::OK, &state.admins.list(page.into()))?)
}

/// `GET /admins/{username}`; confidential data are never shown.
///
/// # Errors
/// 404 for no such admin.
pub async fn get(_: ByAdmin, name: PathName, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    Ok(object(StatusCode::OK, &*state.admins.get(&state.admins.name(&name.0))?)?)
}

/// `POST /admins`.
///
/// # Errors
/// 400 for a body or value that is refused, 409 for a name that is taken or a role that is not there.
pub async fn add(_: ByAdmin, body: RawBody, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let draft: AdminDraft = body.decode()?;
    let admin = state.admins.create(draft).await?;
    let mut response = object(StatusCode::CREATED, &admin)?;
    response.headers_mut().insert(LOCATION, location(COLLECTION, admin.username.as_str()));
    Ok(response)
}

/// `PUT /admins/{username}`.
///
/// # Errors
/// 404, and 400 or 409 as [`add`]; 400 for what no admin may do to himself.
pub async fn update(
    caller: ByAdmin,
    name: PathName,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let name = state.admins.name(&name.0);
    state.admins.get(&name)?;
    let draft: AdminDraft = body.decode()?;
    state.admins.replace(&caller.editor(), &name, draft).await?;
    Ok(message(StatusCode::OK, "Admin updated"))
}

/// `DELETE /admins/{username}`.
///
/// # Errors
/// 404 for no such admin, 400 for oneself.
pub async fn delete(
    caller: ByAdmin,
    name: PathName,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    state.admins.remove(&caller.editor(), &state.admins.name(&name.0)).await?;
    Ok(message(StatusCode::OK, "Admin deleted"))
}

/// `PUT /admins/{username}/2fa/disable`.
///
/// # Errors
/// 404 for no such admin, 400 when there is nothing to disable or the own one is required.
pub async fn disable_second_factor(
    caller: ByAdmin,
    name: PathName,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let name = state.admins.name(&name.0);
    state.second_factors.disable_for_admin(&state.admins, &caller.editor(), &name).await?;
    Ok(message(StatusCode::OK, "2FA disabled"))
}
