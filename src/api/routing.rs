//! The router: paths are matched raw, segment by segment, so that one canonical form decides and a name
//! is decoded exactly once. The routes themselves stand in a [`Table`] that the program fills.
//!
//! The edges are those of `contract/endpoints.md` §2: one trailing slash does not count, nothing else is
//! cleaned; an unknown path is 404, a known one with another method 405, both before anyone asks who
//! calls; `HEAD` is answered where `GET` is. A head of more than 64 KiB (§1) ends the connection.

mod tree;

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpResponse, Route};
use futures_util::future::{Either, LocalBoxFuture};

use self::tree::Tree;
use super::page::escapes_are_whole;
use super::{access_log, path_name, problem, response};

/// The methods a route may have, in the order in which `Allow` names them.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// How long the first line and the headers of a request may be together.
const HEAD_LIMIT: usize = 64 * 1024;

/// Which requests with the method `PATCH` are taken; all others are answered as if it were not there, and `Allow`
/// does not name it then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patches {
    /// Those of any content type, which counts as little as it does everywhere.
    #[default]
    OfAnyType,
    /// Those that call themselves a JSON merge patch.
    MergePatches,
}

/// Which handler answers which method on which path; `App::default_service` takes it.
///
/// Gate and permission are wrapped around the single [`Route`]s, so that 404 and 405 come before them.
#[derive(Default)]
pub struct Table {
    tree: Tree,
    resources: Vec<Resource<Route>>,
    patches: Patches,
}

/// All routes of one path.
struct Resource<R> {
    pattern: &'static str,
    /// By method, in the order of [`METHODS`].
    routes: [Option<R>; METHODS.len()],
}

impl Table {
    /// A table without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route. A pattern is a path of literal segments, at most one of which is a name in braces,
    /// as in `/api/v2/users/{username}`; [`path_name::PathName`] hands the name to the handler.
    ///
    /// # Panics
    /// When the pattern has two names, the method is none that the API uses, or the route exists: a
    /// table that contradicts itself must not serve anybody.
    #[must_use]
    pub fn route(mut self, method: &Method, pattern: &'static str, route: Route) -> Self {
        let next = self.resources.len();
        let index = self.tree.insert(pattern, next);
        if index == next {
            self.resources.push(Resource { pattern, routes: [const { None }; METHODS.len()] });
        }
        let place = METHODS.iter().position(|known| known == method).expect("the method is one of the API's");
        let before = self.resources[index].routes[place].replace(route);
        assert!(before.is_none(), "{method} {pattern} stands twice in the table");
        self
    }

    /// Says which patches are taken.
    #[must_use]
    pub fn taking(self, patches: Patches) -> Self {
        Self { patches, ..self }
    }

    /// Every method and path of the table, for those who check or describe it.
    pub fn routes(&self) -> impl Iterator<Item = (Method, &'static str)> {
        self.resources.iter().flat_map(|resource| {
            let methods = METHODS.into_iter().zip(&resource.routes);
            methods.filter(|(_, route)| route.is_some()).map(|(method, _)| (method, resource.pattern))
        })
    }
}

/// An answer under way: a handler's, or one that is ready at once.
type Answer = Either<LocalBoxFuture<'static, Answered>, Ready<Answered>>;
type Answered = Result<ServiceResponse, Error>;

type Handler = <Route as ServiceFactory<ServiceRequest>>::Service;

impl ServiceFactory<ServiceRequest> for Table {
    type Response = ServiceResponse;
    type Error = Error;
    type Config = ();
    type Service = Router;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Router, ()>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let (tree, patches) = (self.tree.clone(), self.patches);
        let starting: Vec<_> = self
            .resources
            .iter()
            .map(|resource| {
                let routes = resource.routes.each_ref();
                (resource.pattern, routes.map(|route| route.as_ref().map(|route| route.new_service(()))))
            })
            .collect();
        Box::pin(async move {
            let mut resources = Vec::with_capacity(starting.len());
            for (pattern, starting) in starting {
                let mut routes = [const { None }; METHODS.len()];
                for (route, starting) in routes.iter_mut().zip(starting) {
                    if let Some(starting) = starting {
                        *route = Some(starting.await?);
                    }
                }
                resources.push(Resource { pattern, routes });
            }
            Ok(Router { tree, resources, patches })
        })
    }
}

/// The table of one worker, ready to answer.
pub struct Router {
    tree: Tree,
    resources: Vec<Resource<Handler>>,
    patches: Patches,
}

/// A resource, and the name in the path that led to it, decoded.
type Match<'a> = (&'a Resource<Handler>, Option<(&'static str, String)>);

impl Router {
    /// The resource a raw path means, and the name in the path, decoded.
    fn find(&self, path: &str) -> Option<Match<'_>> {
        let found = self.tree.find(path)?;
        let name = found.name.map(|(name, raw)| (name, path_name::unescape(raw).into_owned()));
        Some((&self.resources[found.index], name))
    }
}

impl Service<ServiceRequest> for Router {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Answer;

    /// Handlers are always ready: nothing in them waits for its turn before a call.
    fn poll_ready(&self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        if !problem::is_wanted(&request) {
            return self.answer(request);
        }
        let answer = self.answer(request);
        Either::Left(Box::pin(async move { answer.await.map(problem::told) }))
    }
}

impl Router {
    fn answer(&self, mut request: ServiceRequest) -> Answer {
        if head_len(&request) > HEAD_LIMIT {
            return refuse(request, no_more(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        }
        let path = request.uri().path();
        if !escapes_are_whole(path) {
            // A path with a `%` that escapes nothing is not HTTP for the reference.
            return refuse(request, no_more(StatusCode::BAD_REQUEST));
        }
        let Some((resource, name)) = self.find(path) else {
            return refuse(request, response::message(StatusCode::NOT_FOUND, "Not Found"));
        };
        let handler = resource.handler(request.method()).filter(|_| self.patches.take(&request));
        let Some(handler) = handler else {
            return refuse(request, resource.method_not_allowed(self.patches));
        };
        if let Some((name, value)) = name {
            request.match_info_mut().add_static(name, value);
        }
        access_log::note_pattern(&request, resource.pattern);
        Either::Left(handler.call(request))
    }
}

impl Patches {
    /// Whether the method of this request is there for it.
    fn take(self, request: &ServiceRequest) -> bool {
        *request.method() != Method::PATCH || self == Self::OfAnyType || is_merge_patch(request)
    }

    /// Whether `Allow` names this method.
    fn show(self, method: &Method) -> bool {
        *method != Method::PATCH || self == Self::OfAnyType
    }
}

fn is_merge_patch(request: &ServiceRequest) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/merge-patch+json")
}

impl Resource<Handler> {
    fn handler(&self, method: &Method) -> Option<&Handler> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let place = METHODS.iter().position(|known| known == method)?;
        self.routes[place].as_ref()
    }

    /// 405 with an empty body and a line of `Allow` for each method.
    fn method_not_allowed(&self, patches: Patches) -> HttpResponse {
        let mut response = HttpResponse::new(StatusCode::METHOD_NOT_ALLOWED);
        for (method, route) in METHODS.iter().zip(&self.routes) {
            if route.is_some() && patches.show(method) {
                let method = HeaderValue::from_str(method.as_str()).expect("a method's name is ASCII");
                response.headers_mut().append(ALLOW, method);
            }
        }
        response
    }
}

fn refuse(request: ServiceRequest, response: HttpResponse) -> Answer {
    Either::Right(ready(Ok(request.into_response(response))))
}

/// The bytes of the first line and the headers, as they are usually written.
fn head_len(request: &ServiceRequest) -> usize {
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    let line = request.method().as_str().len() + uri + "  HTTP/1.1\r\n".len();
    let headers = request.headers().iter();
    line + headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum::<usize>()
}

/// The answer to what the reference does not take for a request: no JSON, no further request.
fn no_more(status: StatusCode) -> HttpResponse {
    HttpResponse::build(status).force_close().content_type("text/plain").body(status.to_string())
}

#[cfg(test)]
mod tests;
