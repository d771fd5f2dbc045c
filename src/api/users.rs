//! `/users`: list, add, get, update and delete a user, disable his second factor
//! (`contract/endpoints.md` §6).

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use super::audit;
use super::body::{BodyLimit, RawBody};
use super::conditions::{self, not_modified, tagged};
use super::page::Query;
use super::path_name::{PathName, location};
use super::response::{Failure, list as list_of, message, raw_json};
use super::user_patch::UserPatch;
use super::user_query;
use super::view::{Detail, Views};
use crate::auth::caller::{AdminCaller, ByAdmin};
use crate::domain::entity_tag::{EntityTag, Representation};
use crate::domain::permission::Permission;
use crate::domain::precondition::Reading;
use crate::domain::user::User;
use crate::domain::user_draft::UserDraft;
use crate::error::Error;
use crate::service::users::{DraftOf, Replacement};
use crate::state::State;
use crate::store::{Document, PagePart};
use crate::wire;

/// Where users live.
const COLLECTION: &str = "/api/v2/users";
/// Where one of them does.
const ONE: &str = "/api/v2/users/{username}";

/// `GET /users`: a page of users, never with confidential data; how many there are and where the next page is
/// stand in headers.
///
/// # Errors
/// 400 for a bad parameter, 503 when too many searches wait.
pub async fn list(
    caller: ByAdmin,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let query = user_query::parse(Query::new(request.query_string()))?;
    let listing = state.users.list(&caller.requester, query).await?;
    let mut views = Views::new(&state, &caller.requester, Detail::Listed);
    let shown: Result<Vec<_>, Error> = listing
        .parts
        .iter()
        .map(|part| match part {
            PagePart::Joined(documents) => Ok(documents.clone()),
            PagePart::One(document) => views.user(document),
        })
        .collect();
    Ok(user_query::surrounded(list_of(shown?), &request, &listing))
}

/// `GET /users/{username}`, with the entity tag of what is shown.
///
/// # Errors
/// 404 for no such user, 412 for one in another state than `If-Match` says.
pub async fn get(
    caller: ByAdmin,
    name: PathName,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let conditions = conditions::of(&request)?;
    let name = state.users.name(&name.0);
    if reveals(&caller, &request) {
        let user = state.users.stored(&caller.requester, &name)?;
        let (tag, shown) = confidential(&state, &caller, &user.value, user.revision)?;
        if conditions.check_read(&tag)? == Reading::NotModified {
            return Ok(not_modified(&tag));
        }
        audit::note_disclosure(&request, ONE, name.as_str());
        return Ok(tagged(raw_json(StatusCode::OK, shown), &tag));
    }
    let document = state.users.document(&caller.requester, &name)?;
    let (tag, shown) = normal(&state, &caller, name.as_str(), &document)?;
    if conditions.check_read(&tag)? == Reading::NotModified {
        return Ok(not_modified(&tag));
    }
    Ok(tagged(raw_json(StatusCode::OK, shown), &tag))
}

/// `POST /users`: 201, the user, his entity tag, and where he lives now.
///
/// # Errors
/// 400 for a body or value that is refused, 409 for a name that is taken or a role that is not there.
pub async fn add(
    caller: ByAdmin,
    request: HttpRequest,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let draft: UserDraft = body.decode_draft()?;
    let (user, document) = Box::pin(state.users.create(&caller.requester, draft)).await?;
    let (name, revision) = (user.username.as_str(), document.stored().revision());
    let (tag, shown) = if reveals(&caller, &request) {
        audit::note_disclosure(&request, COLLECTION, name);
        confidential(&state, &caller, &user, revision)?
    } else {
        normal(&state, &caller, name, &document)?
    };
    let mut response = tagged(raw_json(StatusCode::CREATED, shown), &tag);
    response.headers_mut().insert(LOCATION, location(COLLECTION, name));
    Ok(response)
}

/// `PUT /users/{username}`: replaces the user. The parameter `disconnect` is looked at first, then
/// the user and what the request expects of him, then the body, as clients of the reference know it.
///
/// # Errors
/// 400, 404, 409 as [`add`]; 412 when the user is in another state than expected, 428 when one must be named.
pub async fn update(
    caller: ByAdmin,
    name: PathName,
    request: HttpRequest,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let disconnects = disconnect(&request)?;
    let conditions = conditions::of(&request)?;
    let name = state.users.name(&name.0);
    state.users.expect(&caller.requester, &name, &conditions)?;
    let draft: UserDraft = body.decode_draft()?;
    let replacement = Replacement { draft: Arc::new(move |_| Ok(draft.clone())), conditions, disconnects };
    let revision = Box::pin(state.users.replace(&caller.requester, &name, replacement)).await?;
    Ok(tagged(message(StatusCode::OK, "User updated"), &normal_tag(&state, name.as_str(), revision)))
}

/// `PATCH /users/{username}`: changes the user by a JSON merge patch (RFC 7396) of what [`get`] shows, under the
/// rules of [`update`] and decided on what is stored when it is written.
///
/// # Errors
/// As [`update`].
pub async fn patch(
    caller: ByAdmin,
    name: PathName,
    request: HttpRequest,
    body: RawBody,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let disconnects = disconnect(&request)?;
    let conditions = conditions::of(&request)?;
    let name = state.users.name(&name.0);
    state.users.expect(&caller.requester, &name, &conditions)?;
    let (patch, limit) = (UserPatch::parse(body.bytes()?)?, BodyLimit::of(&request).bytes);
    let draft: DraftOf = Arc::new(move |stored| patch.draft(stored, limit));
    let replacement = Replacement { draft, conditions, disconnects };
    let revision = Box::pin(state.users.replace(&caller.requester, &name, replacement)).await?;
    Ok(tagged(message(StatusCode::OK, "User updated"), &normal_tag(&state, name.as_str(), revision)))
}

/// `DELETE /users/{username}`: removes the user; his tokens end with him.
///
/// # Errors
/// 404 for no such user, 412 and 428 as [`update`].
pub async fn delete(
    caller: ByAdmin,
    name: PathName,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let conditions = conditions::of(&request)?;
    let name = state.users.name(&name.0);
    state.users.remove(&caller.requester, &name, conditions).await?;
    Ok(message(StatusCode::OK, "User deleted"))
}

/// `PUT /users/{username}/2fa/disable`: takes away the second factor and its recovery codes.
///
/// # Errors
/// 404 for no such user, 412 for one in another state than expected, 400 when there is nothing to disable.
pub async fn disable_second_factor(
    caller: ByAdmin,
    name: PathName,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let conditions = conditions::of(&request)?;
    let name = state.users.name(&name.0);
    let (users, requester) = (&state.users, &caller.requester);
    let revision = state.second_factors.disable_for_user(users, requester, &name, &conditions).await?;
    Ok(tagged(message(StatusCode::OK, "2FA disabled"), &normal_tag(&state, name.as_str(), revision)))
}

/// What everybody sees of a user, and its tag. A record that is the answer needs no second part in its tag.
fn normal(
    state: &State,
    caller: &AdminCaller,
    name: &str,
    document: &Document,
) -> Result<(EntityTag, Bytes), Error> {
    let shown = Views::new(state, &caller.requester, Detail::Single).user(document)?;
    let tag = normal_tag(state, name, document.stored().revision());
    match document {
        Document::Complete(_) => Ok((tag, shown)),
        Document::ToRender(_) => Ok((state.users.tag_shown(&tag, &shown), shown)),
    }
}

/// A user with confidential data, and the tag of that.
fn confidential(
    state: &State,
    caller: &AdminCaller,
    user: &User,
    revision: u64,
) -> Result<(EntityTag, Bytes), Error> {
    let value = Views::new(state, &caller.requester, Detail::Confidential).confidential_user(user)?;
    let shown = Bytes::from(wire::to_line(&value).map_err(Error::internal)?);
    let tag = state.users.tag(user.username.as_str(), revision, Representation::Confidential);
    Ok((state.users.tag_shown(&tag, &shown), shown))
}

/// The tag of the state that a change leaves behind.
fn normal_tag(state: &State, name: &str, revision: u64) -> EntityTag {
    state.users.tag(name, revision, Representation::Normal)
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
