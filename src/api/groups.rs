//! `/groups`: list, add, get, update and delete a group (`contract/endpoints.md` §12).

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};

use super::body::RawBody;
use super::folders::detail;
use super::page::{Page, Query};
use super::path_name::{PathName, location};
use super::response::{Failure, message, object};
use super::view::{Detail, Views};
use crate::auth::caller::ByAdmin;
use crate::domain::group::GroupDraft;
use crate::error::Error;
use crate::state::State;

/// Where groups live.
const COLLECTION: &str = "/api/v2/groups";

/// The most users and admins that the answer about a group names.
const MAX_MEMBERS: usize = 10_000;
/// The same for each group of a list.
const MAX_LISTED_MEMBERS: usize = 100;

/// `GET /groups`.
///
/// # Errors
/// 400 for a bad `limit`, `offset` or `order`.
pub async fn list(
    caller: ByAdmin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let page = Page::parse(Query::new(request.query_string()))?;
    let mut views = Views::new(&state, &caller.requester, Detail::Listed);
    let groups = state.groups.list(page.into());
    let shown: Result<Vec<_>, Error> =
        groups.iter().map(|group| views.group(group, MAX_LISTED_MEMBERS)).collect();
    Ok(object(StatusCode::OK, &shown?)?)
}

/// `GET /groups/{name}`.
///
/// # Errors
/// 404 for no such group.
pub async fn get(
    caller: ByAdmin,
    name: PathName,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let group = state.groups.get(&state.groups.name(&name.0))?;
    let mut views = Views::new(&state, &caller.requester, detail(&caller, &request));
    Ok(object(StatusCode::OK, &views.group(&group, MAX_MEMBERS)?)?)
}

/// `POST /groups`.
///
/// # Errors
/// 400 for a body or value that is refused, also for a folder that does not exist; 409 for a name that is taken.
pub async fn add(
    caller: ByAdmin,
    request: HttpRequest,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let draft: GroupDraft = body.decode_draft()?;
    let group = state.groups.create(draft).await?;
    let mut views = Views::new(&state, &caller.requester, detail(&caller, &request));
    let mut response = object(StatusCode::CREATED, &views.group(&group, MAX_MEMBERS)?)?;
    response.headers_mut().insert(LOCATION, location(COLLECTION, &group.name));
    Ok(response)
}

/// `PUT /groups/{name}`.
///
/// # Errors
/// 404 for no such group, 400 for a body or value that is refused.
pub async fn update(
    _: ByAdmin,
    name: PathName,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let name = state.groups.name(&name.0);
    state.groups.get(&name)?;
    let draft: GroupDraft = body.decode_draft()?;
    state.groups.replace(&name, draft).await?;
    Ok(message(StatusCode::OK, "Group updated"))
}

/// `DELETE /groups/{name}`.
///
/// # Errors
/// 404 for no such group, 400 while a user is in it.
pub async fn delete(_: ByAdmin, name: PathName, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    state.groups.remove(&state.groups.name(&name.0)).await?;
    Ok(message(StatusCode::OK, "Group deleted"))
}
