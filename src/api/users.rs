//! `/users`: list, add, get, update and delete a user, disable his second factor
//! (`contract/endpoints.md` §6).

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};

use super::body::RawBody;
use super::page::{Page, Query};
use super::path_name::{PathName, location};
use super::response::{Failure, list as list_of, message, object, raw_json};
use super::view::{Detail, Views};
use crate::auth::caller::{AdminCaller, ByAdmin};
use crate::domain::permission::Permission;
use crate::domain::user_draft::UserDraft;
use crate::error::Error;
use crate::state::State;

/// Where users live.
const COLLECTION: &str = "/api/v2/users";

/// `GET /users`: a page of users, never with confidential data.
///
/// # Errors
/// 400 for a bad `limit`, `offset` or `order`.
pub async fn list(
    caller: ByAdmin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let page = Page::parse(Query::new(request.query_string()))?;
    let documents = state.users.list(&caller.requester, page.into())?;
    let mut views = Views::new(&state, &caller.requester, Detail::Listed);
    let shown: Result<Vec<_>, Error> = documents.iter().map(|document| views.user(document)).collect();
    Ok(list_of(shown?))
}

/// `GET /users/{username}`.
///
/// # Errors
/// 404 for no such user.
pub async fn get(
    caller: ByAdmin,
    name: PathName,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let name = state.users.name(&name.0);
    if reveals(&caller, &request) {
        let user = state.users.get(&caller.requester, &name)?;
        let mut views = Views::new(&state, &caller.requester, Detail::Confidential);
        return Ok(object(StatusCode::OK, &views.confidential_user(&user)?)?);
    }
    let document = state.users.document(&caller.requester, &name)?;
    let mut views = Views::new(&state, &caller.requester, Detail::Single);
    Ok(raw_json(StatusCode::OK, views.user(&document)?))
}

/// `POST /users`: 201, the user, and where he lives now.
///
/// # Errors
/// 400 for a body or value that is refused, 409 for a name that is taken or a role that is not there.
pub async fn add(
    caller: ByAdmin,
    request: HttpRequest,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let draft: UserDraft = body.decode()?;
    let (user, document) = Box::pin(state.users.create(&caller.requester, draft)).await?;
    let place = location(COLLECTION, user.username.as_str());
    let mut response = if reveals(&caller, &request) {
        let mut views = Views::new(&state, &caller.requester, Detail::Confidential);
        object(StatusCode::CREATED, &views.confidential_user(&user)?)?
    } else {
        let mut views = Views::new(&state, &caller.requester, Detail::Single);
        raw_json(StatusCode::CREATED, views.user(&document)?)
    };
    response.headers_mut().insert(LOCATION, place);
    Ok(response)
}

/// `PUT /users/{username}`: replaces the user. The parameter `disconnect` is looked at first, then
/// the user, then the body, as clients of the reference know it.
///
/// # Errors
/// 400, 404, 409 as [`add`].
pub async fn update(
    caller: ByAdmin,
    name: PathName,
    request: HttpRequest,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let disconnects = disconnect(&request)?;
    let name = state.users.name(&name.0);
    state.users.get(&caller.requester, &name)?;
    let draft: UserDraft = body.decode()?;
    Box::pin(state.users.replace(&caller.requester, &name, draft, disconnects)).await?;
    Ok(message(StatusCode::OK, "User updated"))
}

/// `DELETE /users/{username}`: removes the user; his tokens end with him.
///
/// # Errors
/// 404 for no such user.
pub async fn delete(
    caller: ByAdmin,
    name: PathName,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let name = state.users.name(&name.0);
    state.users.remove(&caller.requester, &name).await?;
    Ok(message(StatusCode::OK, "User deleted"))
}

/// `PUT /users/{username}/2fa/disable`: takes away the second factor and its recovery codes.
///
/// # Errors
/// 404 for no such user, 400 when there is nothing to disable.
pub async fn disable_second_factor(
    caller: ByAdmin,
    name: PathName,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let name = state.users.name(&name.0);
    state.second_factors.disable_for_user(&state.users, &caller.requester, &name).await?;
    Ok(message(StatusCode::OK, "2FA disabled"))
}

/// Whether the request asks for confidential data, in the very form the contract names, and its
/// caller may have them.
pub(super) fn reveals(caller: &AdminCaller, request: &HttpRequest) -> bool {
    caller.may(Permission::ManageSystem)
        && Query::new(request.query_string()).first("confidential_data").as_deref() == Some("1")
}

/// The parameter `disconnect`: absent or an integer; only 1 has an effect.
fn disconnect(request: &HttpRequest) -> Result<bool, Error> {
    let Some(text) = Query::new(request.query_string()).first("disconnect") else { return Ok(false) };
    let number: i64 = text
        .parse()
        .map_err(|_| Error::malformed("invalid disconnect parameter: it must be an integer, 0 or 1"))?;
    Ok(number == 1)
}
