//! `/folders`: list, add, get, update and delete a folder (`contract/endpoints.md` §12).

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};

use super::body::RawBody;
use super::page::{Page, Query};
use super::path_name::{PathName, location};
use super::response::{Failure, message, object};
use super::users::reveals;
use super::view::{Detail, Views};
use crate::auth::caller::{AdminCaller, ByAdmin};
use crate::domain::folder::FolderDraft;
use crate::error::Error;
use crate::state::State;

/// Where folders live.
const COLLECTION: &str = "/api/v2/folders";

/// The most users and groups that the answer about a folder names.
const MAX_MEMBERS: usize = 10_000;
/// The same for each folder of a list.
const MAX_LISTED_MEMBERS: usize = 100;

/// `GET /folders`.
///
/// # Errors
/// 400 for a bad `limit`, `offset` or `order`.
pub async fn list(
    caller: ByAdmin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let page = Page::parse(Query::new(request.query_string()))?;
    let views = Views::new(&state, &caller.requester, Detail::Listed);
    let folders = state.folders.list(page.into());
    let shown: Result<Vec<_>, Error> =
        folders.iter().map(|folder| views.folder(folder, MAX_LISTED_MEMBERS)).collect();
    Ok(object(StatusCode::OK, &shown?)?)
}

/// `GET /folders/{name}`.
///
/// # Errors
/// 404 for no such folder.
pub async fn get(
    caller: ByAdmin,
    name: PathName,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let folder = state.folders.get(&state.folders.name(&name.0))?;
    let views = Views::new(&state, &caller.requester, detail(&caller, &request));
    Ok(object(StatusCode::OK, &views.folder(&folder, MAX_MEMBERS)?)?)
}

/// `POST /folders`.
///
/// # Errors
/// 400 for a body or value that is refused, 409 for a name that is taken.
pub async fn add(
    caller: ByAdmin,
    request: HttpRequest,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let draft: FolderDraft = body.decode()?;
    let folder = state.folders.create(draft).await?;
    let views = Views::new(&state, &caller.requester, detail(&caller, &request));
    let mut response = object(StatusCode::CREATED, &views.folder(&folder, MAX_MEMBERS)?)?;
    response.headers_mut().insert(LOCATION, location(COLLECTION, &folder.name));
    Ok(response)
}

/// `PUT /folders/{name}`.
///
/// # Errors
/// 404 for no such folder, 400 for a body or value that is refused.
pub async fn update(
    _: ByAdmin,
    name: PathName,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let name = state.folders.name(&name.0);
    state.folders.get(&name)?;
    let draft: FolderDraft = body.decode()?;
    state.folders.replace(&name, draft).await?;
    Ok(message(StatusCode::OK, "Folder updated"))
}

/// `DELETE /folders/{name}`: removes the folder, also from the users and groups that have it.
///
/// # Errors
/// 404 for no such folder.
pub async fn delete(_: ByAdmin, name: PathName, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    state.folders.remove(&state.folders.name(&name.0)).await?;
    Ok(message(StatusCode::OK, "Folder deleted"))
}

/// How much an answer about a single object shows to this caller.
pub(super) fn detail(caller: &AdminCaller, request: &HttpRequest) -> Detail {
    if reveals(caller, request) { Detail::Confidential } else { Detail::Single }
}
