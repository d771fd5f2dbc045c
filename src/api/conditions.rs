//! Conditional requests (RFC 9110 §13): the headers in, the entity tag and 304 out. What a condition means for an
//! object is `domain::precondition`'s.

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse};

use super::response;
use crate::domain::entity_tag::EntityTag;
use crate::domain::precondition::Preconditions;
use crate::error::Error;

/// What a request expects of the object it is about.
///
/// # Errors
/// [`Error::Malformed`] for a header that is no list of entity tags.
pub fn of(request: &HttpRequest) -> Result<Preconditions, Error> {
    let (if_match, if_none_match) = (joined(request, &IF_MATCH), joined(request, &IF_NONE_MATCH));
    Preconditions::parse(if_match.as_deref(), if_none_match.as_deref())
}

/// The lines of a header as one.
fn joined(request: &HttpRequest, name: &HeaderName) -> Option<String> {
    let lines = request.headers().get_all(name).map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.map(std::borrow::Cow::into_owned).reduce(|all, line| all + "," + &line)
}

/// Tells which state of the object an answer leaves behind.
///
/// # Panics
/// When the tag was made of what a header cannot hold; ours are hexadecimal.
#[must_use]
pub fn tagged(mut answer: HttpResponse, tag: &EntityTag) -> HttpResponse {
    let tag = HeaderValue::try_from(tag.to_string()).expect("our tags are visible ASCII");
    answer.headers_mut().insert(ETAG, tag);
    answer
}

/// Answers 304: the client has what it asks for.
#[must_use]
pub fn not_modified(tag: &EntityTag) -> HttpResponse {
    let mut answer = HttpResponse::new(StatusCode::NOT_MODIFIED);
    response::forbid_to_keep(&mut answer);
    tagged(answer, tag)
}
