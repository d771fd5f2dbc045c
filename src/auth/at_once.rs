//! How many requests of one address may be under way at once; the next one is told to come back. Counted
//! are requests until their answers begin, over all threads; an address without any is not remembered. Where the
//! settings limit the rate of requests too, it is held here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::{Future, Ready, ready};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::{Error, ResponseError as _};
use futures_util::future::{Either, LocalBoxFuture};
use parking_lot::Mutex;

use super::address::ProxyRules;
use super::rate::Rate;
use crate::api::problem;
use crate::api::response::Failure;
use crate::domain::network::origin;

/// When to come back: a request that is answered at all is mostly answered by then.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The limit; its clones count together.
#[derive(Debug, Clone)]
pub struct AtOnce {
    most: NonZeroU32,
    rate: Option<Rate>,
    proxies: ProxyRules,
    counts: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

impl AtOnce {
    /// Lets `most` requests of an address pass at once, at this `rate` if there is one; `proxies` says whose
    /// address it is.
    #[must_use]
    pub fn new(most: NonZeroU32, rate: Option<Rate>, proxies: ProxyRules) -> Self {
        Self { most, rate, proxies, counts: Arc::default() }
    }

    /// Puts the limit before a table. It is no middleware of the app, whose futures cannot be moved: this one
    /// costs no box.
    #[must_use]
    pub fn before<T>(&self, table: T) -> Behind<T> {
        Behind { limit: self.clone(), table }
    }

    /// A place among the requests of this address, or how long to wait for one.
    fn enter(&self, address: IpAddr) -> Result<Place, Duration> {
        if let Some(rate) = &self.rate {
            rate.take(address)?;
        }
        let address = origin(address);
        let mut counts = self.counts.lock();
        let count = counts.entry(address).or_insert(0);
        if *count >= self.most.get() {
            return Err(RETRY_AFTER);
        }
        *count += 1;
        drop(counts);
        Ok(Place { address, counts: Arc::clone(&self.counts) })
    }
}

/// A request that counts; gives its place back when dropped, however it ends.
struct Place {
    address: IpAddr,
    counts: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.counts.lock().entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// A table of routes behind the limit.
pub struct Behind<T> {
    limit: AtOnce,
    table: T,
}

impl<T> ServiceFactory<ServiceRequest> for Behind<T>
where
    T: ServiceFactory<ServiceRequest, Response = ServiceResponse, Error = Error, Config = ()>,
    T::Future: 'static,
    <T::Service as Service<ServiceRequest>>::Future: Unpin,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Config = ();
    type Service = Limited<T::Service>;
    type InitError = T::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Service, T::InitError>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let (limit, service) = (self.limit.clone(), self.table.new_service(()));
        Box::pin(async move { Ok(Limited { service: service.await?, limit }) })
    }
}

/// A service whose requests are counted.
pub struct Limited<S> {
    service: S,
    limit: AtOnce,
}

impl<S> Service<ServiceRequest> for Limited<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
    S::Future: Unpin,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Either<Counted<S::Future>, Ready<Result<ServiceResponse, Error>>>;

    actix_web::dev::forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        match self.limit.enter(self.limit.proxies.client_address(&request)) {
            Ok(place) => Either::Left(Counted { answer: self.service.call(request), _place: place }),
            Err(retry_after) => {
                let refusal = Failure(crate::error::Error::TooMany { retry_after });
                let is_problem = problem::is_wanted(&request);
                let answer = request.into_response(refusal.error_response());
                Either::Right(ready(Ok(if is_problem { problem::told(answer) } else { answer })))
            }
        }
    }
}

/// A request under way that has a place.
pub struct Counted<F> {
    answer: F,
    _place: Place,
}

impl<F: Future + Unpin> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut self.answer).poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::network::IpNetworks;

    #[test]
    fn each_address_has_so_many_places_and_gets_them_back() {
        let trusted = IpNetworks::parse("trusted", &[] as &[&str]).unwrap();
        let proxies = ProxyRules { trusted, header: None, depth: 0 };
        let limit = AtOnce::new(NonZeroU32::new(2).unwrap(), None, proxies);
        let enter = |last| limit.enter(IpAddr::from([10, 0, 0, last]));
        let (first, second) = (enter(1), enter(1));
        assert!(first.is_ok() && second.is_ok() && enter(1).is_err());
        assert!(enter(2).is_ok(), "another address");
        drop(first);
        assert!(enter(1).is_ok());
        drop(second);
        assert!(limit.counts.lock().is_empty(), "nobody is remembered who has no request under way");
    }
}
