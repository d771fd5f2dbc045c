//! JSON out: the helpers every handler answers with, and the one `match` that turns a kind of error into
//! a status and a body (`contract/endpoints.md` §4). Only here does an error meet HTTP.

mod list;

use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, ResponseError};
use bytes::Bytes;
use serde::Serialize;

pub use self::list::{WRITTEN_AT_ONCE, list};
use super::problem::Detail;
use crate::error::Error;
use crate::wire;

/// What a 401 of the token routes asks for; clients compare it, so it is no setting.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"SFTPGo\"");

/// The header that tells a wait to a fraction of a second, as `4.499s` (`contract/endpoints.md` §4).
const RETRY_IN: HeaderName = HeaderName::from_static("x-retry-in");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// When to try again while the store takes no writes: a full disk is made room on, a server started again.
const STORE_WAIT_SECS: u64 = 10;

/// The body of every answer that is no object: what happened, and what went wrong.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct ApiResponse<'a> {
    /// What went wrong; left out when empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub error: &'a str,
    /// What happened; always there.
    pub message: &'a str,
}

impl ApiResponse<'_> {
    fn with_status(&self, status: StatusCode) -> HttpResponse {
        let mut response = json(status, wire::to_line(self).expect("two texts can be written").into());
        if status.is_client_error() || status.is_server_error() {
            let text = if self.error.is_empty() { self.message } else { self.error };
            response.extensions_mut().insert(Detail(text.to_owned()));
        }
        response
    }
}

/// Answers with a sentence: `{"message":"User updated"}`.
#[must_use]
pub fn message(status: StatusCode, text: &str) -> HttpResponse {
    ApiResponse { error: "", message: text }.with_status(status)
}

/// Answers with what went wrong and what happened, both as given.
#[must_use]
pub fn told(status: StatusCode, error: &str, message: &str) -> HttpResponse {
    ApiResponse { error, message }.with_status(status)
}

/// Answers with an object.
///
/// # Errors
/// [`Error::Internal`] when the object refuses to be written.
pub fn object<T: Serialize + ?Sized>(status: StatusCode, object: &T) -> Result<HttpResponse, Error> {
    Ok(json(status, wire::to_line(object).map_err(Error::internal)?.into()))
}

/// Answers with JSON that is already written, as the store keeps it.
#[must_use]
pub fn raw_json(status: StatusCode, json_line: Bytes) -> HttpResponse {
    json(status, json_line)
}

fn json(status: StatusCode, body: Bytes) -> HttpResponse {
    labelled(HttpResponse::with_body(status, BoxBody::new(body)))
}

/// Says that the body is JSON and that nobody may keep it (`design/security.md` S50).
fn labelled(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    forbid_to_keep(&mut response);
    response
}

/// Says that nobody on the way may keep the answer.
pub fn forbid_to_keep(response: &mut HttpResponse) {
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
}

/// An [`Error`] on its way out: what handlers, extractors and middleware return.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Failure(#[from] pub Error);

impl Failure {
    /// The status and the body of each kind, and which of the two texts tells it.
    fn told<'a>(&self, text: &'a str) -> (StatusCode, ApiResponse<'a>) {
        let (status, error, message) = match &self.0 {
            Error::Invalid(_) | Error::Malformed(_) => (StatusCode::BAD_REQUEST, text, ""),
            Error::Refused(_) => (StatusCode::BAD_REQUEST, "", text),
            Error::NotFound => (StatusCode::NOT_FOUND, text, ""),
            Error::Conflict(_) => (StatusCode::CONFLICT, text, ""),
            Error::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, text, "Precondition Failed"),
            Error::PreconditionRequired => (StatusCode::PRECONDITION_REQUIRED, text, "Precondition Required"),
            Error::Unauthorized(_) | Error::BadCredentials(_) => {
                (StatusCode::UNAUTHORIZED, text, "Unauthorized")
            }
            Error::BadKey(_) => (StatusCode::UNAUTHORIZED, text, ""),
            Error::InvalidToken(_) => (StatusCode::UNAUTHORIZED, "", text),
            Error::Forbidden(_) => (StatusCode::FORBIDDEN, "", text),
            Error::Barred(_) => (StatusCode::FORBIDDEN, text, ""),
            Error::Denied(_) => (StatusCode::FORBIDDEN, text, "Forbidden"),
            Error::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, text, "Too Many Requests"),
            Error::Busy { .. } | Error::Unavailable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, text, "Service Unavailable")
            }
            Error::NoRootFilesystem(_) => (StatusCode::INTERNAL_SERVER_ERROR, text, "Internal Server Error"),
            Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, text, ""),
        };
        (status, ApiResponse { error, message })
    }

    /// Tells whether the server is to blame, so that the log must know why.
    pub fn is_ours(&self) -> bool {
        self.status_code().is_server_error()
    }

    /// Writes a failure of ours to the log with all its causes; the client learns none of them.
    ///
    /// Whoever sees the request end calls it once, with the id the client knows the request by.
    pub fn log(&self, request_id: &str) {
        let mut causes = String::new();
        let mut source = std::error::Error::source(&self.0);
        while let Some(cause) = source {
            causes.push_str(": ");
            causes.extend(cause.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }));
            source = cause.source();
        }
        log::error!("{request_id} {}{causes}", self.0);
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.told("").0
    }

    fn error_response(&self) -> HttpResponse {
        let text = if let Error::Invalid(why) = &self.0 {
            format!("Validation error: {why}")
        } else {
            self.0.to_string()
        };
        let (status, body) = self.told(&text);
        let mut response = body.with_status(status);
        let headers = response.headers_mut();
        if let Error::BadCredentials(_) = self.0 {
            headers.insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        if let Error::TooMany { retry_after } | Error::Busy { retry_after } = self.0 {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(retry_after)));
        }
        if let Error::TooMany { retry_after } = self.0
            && let Ok(exact) = HeaderValue::try_from(format!("{retry_after:?}"))
        {
            headers.insert(RETRY_IN, exact);
        }
        if let Error::Unavailable(_) = self.0 {
            headers.insert(RETRY_AFTER, HeaderValue::from(STORE_WAIT_SECS));
        }
        response
    }
}

/// Seconds after which a wait is over for sure.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
