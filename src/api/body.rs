//! Request bodies, read with a bound on their size and their time and then decoded. `Content-Type` is
//! ignored, as clients of this API rely on (`contract/endpoints.md` §1).

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::{FromRequest, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::json::{self, Extent};
use super::response::Failure;
use crate::domain::late_rules::LateRules;
use crate::error::Error;

/// How large a body may be and how long it may take; an `app_data` of its own raises it for a route.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit {
    /// The bytes within which the first JSON value must end.
    pub bytes: usize,
    /// The time within which the body must have arrived.
    pub time: Duration,
}

impl Default for BodyLimit {
    fn default() -> Self {
        Self { bytes: 1_048_576, time: Duration::from_secs(30) }
    }
}

impl BodyLimit {
    /// What holds for a request.
    pub fn of(request: &HttpRequest) -> Self {
        request.app_data::<Self>().copied().unwrap_or_default()
    }
}

/// How much of an over-long body is read and thrown away, so that a client which sends all before it
/// listens hears the answer.
const DRAIN: BodyLimit = BodyLimit { bytes: 4 * 1_048_576, time: Duration::from_secs(5) };

/// A body as it came, for handlers that must look something up before they decode it.
///
/// Extractors run side by side and before the handler: what must come first (who calls, may they) is
/// middleware, and what must come between (the 404 of an update) is done with this type.
#[derive(Debug)]
pub struct RawBody(Content);

#[derive(Debug)]
enum Content {
    /// All bytes that decoding can need.
    Whole(Bytes),
    /// The first value did not end within the limit.
    TooLarge,
}

impl RawBody {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is cut off or does not arrive in time. That it is too large is
    /// said by [`RawBody::decode`] only.
    pub async fn read(mut payload: Payload, limit: BodyLimit) -> Result<Self, Error> {
        match timeout(limit.time, read(&mut payload, limit.bytes)).await {
            Ok(content) => Ok(Self(content?)),
            Err(_) => Err(Error::malformed("the request body took too long to arrive")),
        }
    }

    /// Decodes the first JSON value; what follows it is ignored.
    ///
    /// # Errors
    /// As [`json::decode`], and [`Error::Malformed`] when the value does not end within the limit.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        json::decode(self.bytes()?)
    }

    /// Decodes the first JSON value, for a draft of which some rules come late.
    ///
    /// # Errors
    /// As [`RawBody::decode`].
    pub fn decode_draft<T: DeserializeOwned + LateRules>(&self) -> Result<T, Error> {
        json::decode_draft(self.bytes()?)
    }

    /// The bytes, of which the first JSON value counts.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the value does not end within the limit.
    pub fn bytes(&self) -> Result<&[u8], Error> {
        match &self.0 {
            Content::Whole(bytes) => Ok(bytes),
            Content::TooLarge => Err(too_large()),
        }
    }

    /// The bytes themselves, for a body that is not decoded as one value.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the first value does not end within the limit.
    pub fn into_bytes(self) -> Result<Bytes, Error> {
        match self.0 {
            Content::Whole(bytes) => Ok(bytes),
            Content::TooLarge => Err(too_large()),
        }
    }
}

async fn read(payload: &mut Payload, limit: usize) -> Result<Content, Error> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        let room = limit - bytes.len();
        if chunk.len() > room {
            bytes.extend_from_slice(&chunk[..room]);
            let content = cut(bytes);
            drain(payload).await;
            return Ok(content);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Content::Whole(bytes.freeze()))
}

/// Keeps what decoding needs of a body that goes on, and gives the rest of its memory back before
/// the wait for a slow client.
#[expect(clippy::needless_pass_by_value, reason = "the bytes are dropped here on purpose")]
fn cut(bytes: BytesMut) -> Content {
    match json::extent(&bytes) {
        Extent::Within(end) => Content::Whole(Bytes::copy_from_slice(&bytes[..end])),
        Extent::Beyond => Content::TooLarge,
    }
}

/// Reads on and forgets. Where this gives up the server closes the connection after the answer.
async fn drain(payload: &mut Payload) {
    let forget = async {
        let mut drained = 0;
        while let Some(Ok(chunk)) = payload.next().await {
            drained += chunk.len();
            if drained > DRAIN.bytes {
                break;
            }
        }
    };
    if timeout(DRAIN.time, forget).await.is_err() {
        log::debug!("an over-long request body did not end in time");
    }
}

fn too_large() -> Error {
    Error::malformed("http: request body too large")
}

fn broken(error: &PayloadError) -> Error {
    log::debug!("a request body cannot be read: {error}");
    let is_cut = matches!(error, PayloadError::Incomplete(_));
    Error::malformed(if is_cut { "unexpected EOF" } else { "the request body cannot be read" })
}

impl FromRequest for RawBody {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limit = BodyLimit::of(request);
        let payload = payload.take();
        Box::pin(async move { Ok(Self::read(payload, limit).await?) })
    }
}

/// A body that is already decoded, for handlers that need nothing else first.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = RawBody::from_request(request, payload);
        Box::pin(async move { Ok(Self(body.await?.decode()?)) })
    }
}

#[cfg(test)]
mod tests;
