//! One line of the log per request, and the request id that ties it to the client's: echoed or made here.
//! The line names the route's pattern, never a path, a query or a body.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready as ready_or_return};
use std::time::Instant;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue, SERVER};
use actix_web::{Error, HttpMessage, HttpRequest};

use super::response::Failure;
use crate::random;

/// The log target of the lines, to filter them by.
use crate::logging::REQUESTS as TARGET;

/// The header that carries a request's id both ways.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long an id of a client's may be.
const LONGEST_ID: usize = 128;

/// The id of a request: the client's own if it sent a sane one. It is found among the request's extensions.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Takes the id the client sent, or makes one.
    fn of(request: &ServiceRequest) -> Self {
        let sent = request.headers().get(X_REQUEST_ID).filter(|id| is_sane(id.as_bytes()));
        Self(sent.cloned().unwrap_or_else(make_id))
    }

    /// The id as text.
    ///
    /// # Panics
    /// Never: only visible ASCII is taken or made.
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("ids are visible ASCII")
    }
}

/// Visible ASCII of a modest length: it can forge no line of the log.
fn is_sane(id: &[u8]) -> bool {
    (1..=LONGEST_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

/// Makes an id that no other request of this or another process has: a random start, then a count.
/// It is no secret, so that a counter does where randomness would cost a system call.
fn make_id() -> HeaderValue {
    static START: LazyLock<u64> = LazyLock::new(|| u64::from_le_bytes(random::bytes()));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&START.to_be_bytes());
    id[8..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let mut text = [0; 32];
    hex::encode_to_slice(id, &mut text).expect("16 bytes fill 32 digits");
    HeaderValue::from_bytes(&text).expect("hexadecimal digits are visible ASCII")
}

/// The pattern a request's path was found under.
struct Pattern(&'static str);

/// Remembers for the log which route answers; costs nothing while the log is off.
pub(super) fn note_pattern(request: &ServiceRequest, pattern: &'static str) {
    if is_on() {
        request.extensions_mut().insert(Pattern(pattern));
    }
}

fn is_on() -> bool {
    log::log_enabled!(target: TARGET, log::Level::Info)
}

/// Tells who called, for the log: the name of the admin, user or key, once a gate has found it out.
pub type NameOfCaller = fn(&HttpRequest) -> Option<String>;

/// The middleware. It is the innermost of the app's own (the last `wrap` is the outermost), which
/// spares it a box: it holds its future as it is, and those of the app can be moved.
#[derive(Clone)]
pub struct AccessLog {
    name_of_caller: NameOfCaller,
    server: HeaderValue,
}

impl AccessLog {
    /// A log that asks `name_of_caller` who called; every answer says that `server` gave it.
    #[must_use]
    pub fn new(name_of_caller: NameOfCaller, server: HeaderValue) -> Self {
        Self { name_of_caller, server }
    }
}

impl<S, B> Transform<S, ServiceRequest> for AccessLog
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: Unpin,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = Logged<S>;
    type InitError = ();
    type Future = Ready<Result<Logged<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Logged { service, log: self.clone() }))
    }
}

/// A service whose requests are logged.
pub struct Logged<S> {
    service: S,
    log: AccessLog,
}

impl<S, B> Service<ServiceRequest> for Logged<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: Unpin,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Logging<S::Future>;

    actix_web::dev::forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let id = RequestId::of(&request);
        request.extensions_mut().insert(id.clone());
        let line = is_on().then(|| Line {
            method: request.method().clone(),
            start: Instant::now(),
            name_of_caller: self.log.name_of_caller,
        });
        Logging { answer: self.service.call(request), id, server: self.log.server.clone(), line }
    }
}

/// A request under way.
pub struct Logging<F> {
    answer: F,
    id: RequestId,
    server: HeaderValue,
    line: Option<Line>,
}

impl<F, B> Future for Logging<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut answer = ready_or_return!(Pin::new(&mut self.answer).poll(context));
        if let Ok(response) = &mut answer {
            let headers = response.headers_mut();
            headers.insert(X_REQUEST_ID, self.id.0.clone());
            headers.insert(SERVER, self.server.clone());
        }
        let fault = match &answer {
            Ok(response) => response.response().error(),
            Err(error) => Some(error),
        };
        if let Some(failure) = fault.and_then(Error::as_error::<Failure>).filter(|failure| failure.is_ours())
        {
            failure.log(self.id.as_str());
        }
        if let Some(line) = &self.line {
            line.write(self.id.as_str(), answer.as_ref());
        }
        Poll::Ready(answer)
    }
}

/// What a line needs from before the answer.
struct Line {
    method: Method,
    start: Instant,
    name_of_caller: NameOfCaller,
}

impl Line {
    fn write<B>(&self, id: &str, answer: Result<&ServiceResponse<B>, &Error>) {
        let millis = self.start.elapsed().as_secs_f64() * 1000.0;
        let (status, caller, pattern) = match answer {
            Ok(response) => {
                let request = response.request();
                let pattern = request.extensions().get::<Pattern>().map(|pattern| pattern.0);
                (response.status(), (self.name_of_caller)(request), pattern)
            }
            Err(error) => (error.as_response_error().status_code(), None, None),
        };
        let caller = caller.as_deref().unwrap_or("-").escape_debug();
        let (method, pattern, status) = (&self.method, pattern.unwrap_or("-"), status.as_u16());
        log::info!(target: TARGET, "{id} {caller} {method} {pattern} {status} {millis:.3}ms");
    }
}

#[cfg(test)]
mod tests;
