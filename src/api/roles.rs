//! `/roles`: list, add, get, update and delete a role (`contract/endpoints.md` §12).

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};

use super::body::RawBody;
use super::page::{Page, Query};
use super::path_name::{PathName, location};
use super::response::{Failure, message, object};
use crate::auth::caller::ByAdmin;
use crate::domain::role::RoleDraft;
use crate::state::State;

/// Where roles live.
const COLLECTION: &str = "/api/v2/roles";

/// `GET /roles`.
///
/// # Errors
/// 400 for a bad `limit`, `offset` or `order`.
pub async fn list(
    _: ByAdmin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let page = Page::parse(Query::new(request.query_string()))?;
    Ok(object(StatusCode::OK, &state.roles.list(page.into()))?)
}

/// `GET /roles/{name}`.
///
/// # Errors
/// 404 for no such role.
pub async fn get(_: ByAdmin, name: PathName, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    Ok(object(StatusCode::OK, &state.roles.get(&state.roles.name(&name.0))?)?)
}

/// `POST /roles`.
///
/// # Errors
/// 400 for a body or value that is refused, 409 for a name that is taken.
pub async fn add(_: ByAdmin, body: RawBody, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let draft: RoleDraft = body.decode()?;
    let role = state.roles.create(draft).await?;
    let mut response = object(StatusCode::CREATED, &role)?;
    response.headers_mut().insert(LOCATION, location(COLLECTION, &role.role.name));
    Ok(response)
}

/// `PUT /roles/{name}`.
///
/// # Errors
/// 404 for no such role, 400 for a body or value that is refused.
pub async fn update(
    _: ByAdmin,
    name: PathName,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let name = state.roles.name(&name.0);
    state.roles.get(&name)?;
    let draft: RoleDraft = body.decode()?;
    state.roles.replace(&name, draft).await?;
    Ok(message(StatusCode::OK, "Role updated"))
}

/// `DELETE /roles/{name}`.
///
/// # Errors
/// 404 for no such role, 400 while an admin has it.
pub async fn delete(_: ByAdmin, name: PathName, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    state.roles.remove(&state.roles.name(&name.0)).await?;
    Ok(message(StatusCode::OK, "Role deleted"))
}
