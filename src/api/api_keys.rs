//! `/apikeys`: list, add, get, update and delete an API key (`contract/endpoints.md` §9).

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::body::RawBody;
use super::page::{Page, Query};
use super::path_name::{PathName, location};
use super::response::{Failure, message, object};
use crate::auth::caller::ByAdmin;
use crate::domain::api_key::ApiKeyDraft;
use crate::error::Error;
use crate::state::State;

/// Where API keys live.
const COLLECTION: &str = "/api/v2/apikeys";
/// The header that names a new key's id.
const OBJECT_ID: HeaderName = HeaderName::from_static("x-object-id");

/// The answer to a new key: the one time its secret is shown.
#[derive(Serialize)]
struct NewKey<'a> {
    message: &'a str,
    key: &'a str,
}

/// `GET /apikeys`.
///
/// # Errors
/// 400 for a bad `limit`, `offset` or `order`.
pub async fn list(
    caller: ByAdmin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let page = Page::parse(Query::new(request.query_string()))?;
    Ok(object(StatusCode::OK, &state.api_keys.list(page.into(), &caller.requester))?)
}

/// `GET /apikeys/{id}`.
///
/// # Errors
/// 404 for no such key.
pub async fn get(caller: ByAdmin, id: PathName, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    Ok(object(StatusCode::OK, &*state.api_keys.get(&id.0, &caller.requester)?)?)
}

/// `POST /apikeys`: the key, shown this once.
///
/// # Errors
/// 400 for a body or value that is refused.
pub async fn add(caller: ByAdmin, body: RawBody, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let draft: ApiKeyDraft = body.decode()?;
    let new = state.api_keys.create(draft, &caller.requester).await?;
    let answer = NewKey {
        message: "API key created. This is the only time the API key is visible, please save it.",
        key: new.value.expose(),
    };
    let mut response = object(StatusCode::CREATED, &answer)?;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location(COLLECTION, &new.id));
    headers.insert(OBJECT_ID, HeaderValue::from_str(&new.id).map_err(Error::internal)?);
    Ok(response)
}

/// `PUT /apikeys/{id}`.
///
/// # Errors
/// 404 for no such key, 400 for a body or value that is refused.
pub async fn update(
    caller: ByAdmin,
    id: PathName,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    state.api_keys.get(&id.0, &caller.requester)?;
    let draft: ApiKeyDraft = body.decode()?;
    state.api_keys.replace(&id.0, draft, &caller.requester).await?;
    Ok(message(StatusCode::OK, "API key updated"))
}

/// `DELETE /apikeys/{id}`.
///
/// # Errors
/// 404 for no such key.
pub async fn delete(caller: ByAdmin, id: PathName, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    state.api_keys.remove(&id.0, &caller.requester).await?;
    Ok(message(StatusCode::OK, "API key deleted"))
}
