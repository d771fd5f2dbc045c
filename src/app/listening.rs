//! The sockets, and what is served on them: settings → connections → whose they are → HTTP.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::{AppConfig, Server};
use actix_web::http::header::HeaderValue;
use actix_web::{App as ActixApp, web};
use tokio::net::{TcpSocket, TcpStream};

use super::proxy_header;
use crate::api::access_log::AccessLog;
use crate::api::body::BodyLimit;
use crate::api::response::WRITTEN_AT_ONCE;
use crate::api::routing::Patches;
use crate::auth::at_once::AtOnce;
use crate::auth::caller;
use crate::auth::rate::Rate;
use crate::domain::network::IpNetworks;
use crate::exit::{Exit, Failure};
use crate::routes;
use crate::settings::Settings;
use crate::state::State;

/// Connections that the system holds until they are accepted.
const BACKLOG: u32 = 1024;
/// How long a client may take to see that its connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Binds every address and says what is served there; gives the server, which runs when it is awaited, and the
/// addresses with the ports that were free.
pub(super) fn bind(settings: &Settings, state: &State) -> Result<(Server, Vec<SocketAddr>), Failure> {
    let http = settings.http.clone();
    let shared = web::Data::new(state.clone());
    let body_limit = BodyLimit { time: http.body_timeout, ..BodyLimit::default() };
    let patches = if settings.users.patch_any_type { Patches::OfAnyType } else { Patches::MergePatches };
    let rate = NonZeroU32::new(http.requests_per_second_per_address)
        .map(|most| Rate::new(most, http.request_burst_per_address, state.clock.clone()));
    let at_once = AtOnce::new(http.parallel_requests_per_address, rate, state.proxies.clone());
    let server_name = HeaderValue::from_str(&http.server_header).map_err(|why| {
        Failure::new(Exit::Usage, "http.server_header cannot be the value of a header").because(why)
    })?;
    let app = move || {
        ActixApp::new()
            .app_data(shared.clone())
            .app_data(body_limit)
            .wrap(AccessLog::new(caller::label, server_name.clone()))
            .default_service(at_once.before(routes::table(patches)))
    };
    let workers = http.workers.or_else(|| std::thread::available_parallelism().ok());
    let workers = workers.unwrap_or(NonZeroUsize::MIN).get();
    let mut server = Server::build()
        .disable_signals()
        .workers(workers)
        // The library counts for each of its threads.
        .max_concurrent_connections(http.max_connections.get().div_ceil(workers))
        .shutdown_timeout(http.shutdown_timeout.as_secs());
    let stopping = server.graceful_shutdown_signal();
    let introduction = Introduction {
        proxies: http.proxy_protocol.then(|| Arc::new(state.proxies.trusted.clone())),
        time: http.header_timeout,
    };
    let (bind, mut addresses) = (http.bind.clone(), Vec::new());
    for address in bind {
        let failed =
            |why| Failure::new(Exit::AddressInUse, format!("cannot listen on {address}")).because(why);
        let socket = listen(address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let (app, introduction, stopping) = (app.clone(), introduction.clone(), stopping.clone());
        let (keep_alive, header_timeout) = (http.keep_alive, http.header_timeout);
        let serve = move || {
            let (introduction, stopping) = (introduction.clone(), stopping.clone());
            let app = map_config(app().into_factory(), |()| AppConfig::default());
            let http = HttpService::build()
                .keep_alive(keep_alive)
                .client_request_timeout(header_timeout)
                .client_disconnect_timeout(FAREWELL)
                .h1_write_buffer_size(WRITTEN_AT_ONCE)
                .local_addr(address)
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .h1(app);
            fn_service(move |stream| introduction.clone().hear(stream)).and_then(http)
        };
        server = server.listen(address.to_string(), socket, serve).map_err(failed)?;
        addresses.push(address);
    }
    Ok((server.run(), addresses))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// What a connection begins with.
#[derive(Debug, Clone)]
struct Introduction {
    /// The peers that must begin with a PROXY header, where there are any.
    proxies: Option<Arc<IpNetworks>>,
    /// How long it may take.
    time: Duration,
}

impl Introduction {
    /// Finds out whose a connection is. What proxies say in front of it is read, to the byte; what others say is
    /// HTTP, whatever it looks like: the protocol forbids to guess.
    async fn hear(self, mut stream: TcpStream) -> Result<(TcpStream, Option<SocketAddr>), DispatchError> {
        stream.set_nodelay(true).map_err(DispatchError::Io)?;
        let peer = stream.peer_addr().map_err(DispatchError::Io)?;
        let is_proxy = |proxies: &Arc<IpNetworks>| proxies.contains(peer.ip().to_canonical());
        if !self.proxies.as_ref().is_some_and(is_proxy) {
            return Ok((stream, Some(peer)));
        }
        match proxy_header::read(&mut stream, self.time).await {
            Ok(client) => Ok((stream, Some(client.unwrap_or(peer)))),
            Err(why) => {
                if why.is_silence() {
                    log::debug!("{peer} went away without a word");
                } else {
                    log::warn!("{peer}, one of http.proxy_allowed, did not begin with a PROXY header: {why}");
                }
                Err(DispatchError::Io(io::Error::new(io::ErrorKind::InvalidData, why)))
            }
        }
    }
}
